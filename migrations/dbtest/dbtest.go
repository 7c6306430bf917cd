// Package dbtest gives a test a migrated PostGIS database of its own.
//
// The server is the one that GRIDWALL_TEST_DATABASE_URL names; `make test` starts a private one. The schema is
// migrated once into a template; each test gets a clone of it (about 0.06 s), dropped when the test ends.
package dbtest

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/migrations"
)

// Variable names the server that tests may create databases on.
const Variable = "GRIDWALL_TEST_DATABASE_URL"

var clones atomic.Int64

// Open returns a pool on a fresh, migrated database. Without a server it skips the test, and fails it where CI is set.
func Open(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// URL is Open for a test that starts a whole server: the address of a fresh, migrated database.
func URL(t testing.TB) string {
	t.Helper()
	server := os.Getenv(Variable)
	if server == "" {
		const why = Variable + " names no PostgreSQL server with PostGIS (make test starts one)"
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	config, err := pgx.ParseConfig(server)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	admin, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	defer admin.Close(ctx)

	template, err := prepare(ctx, admin, config)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("gridwall_test_%d_%d_%d", os.Getpid(), time.Now().UnixNano(), clones.Add(1))
	clone := fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY FILE_COPY", ident(name), ident(template))
	if _, err := admin.Exec(ctx, clone); err != nil {
		t.Fatalf("clone %s: %v", template, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		admin, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			t.Errorf("drop %s: %v", name, err)
			return
		}
		defer admin.Close(ctx)
		if _, err := admin.Exec(ctx, "DROP DATABASE "+ident(name)+" WITH (FORCE)"); err != nil {
			t.Errorf("drop %s: %v", name, err)
		}
	})
	return address(config, name)
}

// prepare makes the migrated template once for each state of the schema, whichever test process comes first.
func prepare(ctx context.Context, admin *pgx.Conn, config *pgx.ConnConfig) (string, error) {
	const lock = 0x7465_7374 // "test"
	if _, err := admin.Exec(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		return "", err
	}
	defer admin.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lock)

	sum, err := migrations.Sum()
	if err != nil {
		return "", err
	}
	template := "gridwall_template_" + sum[:16]
	var ready bool
	if err := admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", template).Scan(&ready); err != nil || ready {
		return template, err
	}
	raw := template + "_raw" // gets its name only when it is whole
	for _, sql := range []string{"DROP DATABASE IF EXISTS " + ident(raw) + " WITH (FORCE)", "CREATE DATABASE " + ident(raw)} {
		if _, err := admin.Exec(ctx, sql); err != nil {
			return "", err
		}
	}
	conn, err := pgx.Connect(ctx, address(config, raw))
	if err != nil {
		return "", err
	}
	err = migrations.Up(ctx, conn, nil)
	conn.Close(ctx)
	if err != nil {
		return "", err
	}
	_, err = admin.Exec(ctx, "ALTER DATABASE "+ident(raw)+" RENAME TO "+ident(template))
	return template, err
}

// address writes config as a keyword string for another database of the same server.
func address(config *pgx.ConnConfig, database string) string {
	return fmt.Sprintf("host='%s' port=%d user='%s' password='%s' dbname='%s'", config.Host, config.Port, config.User, config.Password, database)
}

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }
