package migrations_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"gridwall/migrations"
	"gridwall/migrations/dbtest"
)

func TestMigratingTwiceChangesNothing(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), dbtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := migrations.Up(t.Context(), conn, func(name string) { t.Errorf("ran %s again", name) }); err != nil {
		t.Fatal(err)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), dbtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `INSERT INTO migration (version, name) VALUES (9999, 'of tomorrow')`); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Up(t.Context(), conn, nil); !errors.Is(err, migrations.ErrNewer) {
		t.Fatalf("got %v, want ErrNewer", err)
	}
}
