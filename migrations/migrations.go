// Package migrations holds the database schema: numbered SQL files, forward only, embedded.
//
// A file is run once, in the order of its number, each in its own transaction, while an advisory lock keeps other
// nodes out. There is no way down: down files would destroy evidence, the way back is a backup.
package migrations

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed *.sql
var files embed.FS

// ErrNewer says that the database was written by a newer gridwall than this one.
var ErrNewer = errors.New("the database has a newer schema than this gridwall knows: start the newer version, or restore a backup of the older one")

// ErrOlder says that the database waits for a newer gridwall to bring it up to date.
var ErrOlder = errors.New("the database has an older schema than this gridwall knows: start the centre of this version first")

// Same says whether the database has the very schema that this gridwall knows: nil, ErrOlder or ErrNewer. It changes nothing.
func Same(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) error {
	all, err := list()
	if err != nil {
		return err
	}
	var at int
	if err := db.QueryRow(ctx, `SELECT COALESCE(max(version), 0) FROM migration`).Scan(&at); err != nil {
		return fmt.Errorf("read table migration: %w", err)
	}
	switch last := all[len(all)-1].version; {
	case at > last:
		return ErrNewer
	case at < last:
		return ErrOlder
	}
	return nil
}

// lockKey is the advisory lock that one migrating node holds.
const lockKey = 0x6772_6964 // "grid"

// migration is one file of the schema.
type migration struct {
	version int
	name    string
	sql     string
}

// Up brings the schema of conn's database up to date and calls told with each file's name before it runs (nil: nobody is told).
//
// It returns ErrNewer, and changes nothing, where the database is ahead of the files.
func Up(ctx context.Context, conn *pgx.Conn, told func(name string)) error {
	all, err := list()
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", lockKey); err != nil {
		return fmt.Errorf("lock migrations: %w", err)
	}
	defer conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lockKey)

	if _, err := conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS migration (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`); err != nil {
		return fmt.Errorf("create table migration: %w", err)
	}
	var at int
	if err := conn.QueryRow(ctx, `SELECT COALESCE(max(version), 0) FROM migration`).Scan(&at); err != nil {
		return fmt.Errorf("read table migration: %w", err)
	}
	if last := all[len(all)-1].version; at > last {
		return fmt.Errorf("%w (database %d, files %d)", ErrNewer, at, last)
	}
	for _, m := range all {
		if m.version <= at {
			continue
		}
		if told != nil {
			told(m.name)
		}
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, m.sql); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO migration (version, name) VALUES ($1, $2)`, m.version, m.name)
			return err
		})
		if err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
	}
	return nil
}

// Newest is the number of the newest file.
func Newest() (int, error) {
	all, err := list()
	if err != nil {
		return 0, err
	}
	return all[len(all)-1].version, nil
}

// Sum is a checksum (hex) of the whole schema: two databases migrated under the same sum are alike.
func Sum() (string, error) {
	all, err := list()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, m := range all {
		fmt.Fprintf(h, "%s\n%s\n", m.name, m.sql)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// list returns the files in the order of their numbers; two files with one number are an error.
func list() ([]migration, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	all := make([]migration, 0, len(entries))
	for _, e := range entries { // ReadDir sorts by name, and names begin with four digits
		number, _, _ := strings.Cut(e.Name(), "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("migration %s: its name must begin with a number and an underscore", e.Name())
		}
		if len(all) > 0 && all[len(all)-1].version == version {
			return nil, fmt.Errorf("migrations %s and %s have the same number", all[len(all)-1].name, e.Name())
		}
		text, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version, e.Name(), string(text)})
	}
	return all, nil
}
