package importer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/geo/crs"
)

// kept is how many imports can be undone, one after the other; what older ones changed is forgotten.
const kept = 10

// Past is one import as the table import remembers it.
type Past struct {
	ID      int64     `json:"id"`
	Kind    string    `json:"kind"` // grids, buildings, cameras or backdrop
	File    string    `json:"file"`
	At      time.Time `json:"at"`
	Written int       `json:"written"`
}

// ErrNothing says that there is no import that could be undone.
var ErrNothing = errors.New("import: there is no import to undo")

// Begin makes the rest of tx an import of kind: triggers keep what it changes, until Finish says how much was written.
func Begin(ctx context.Context, tx pgx.Tx, kind, file string, datum crs.Datum) (id int64, err error) {
	const begin = `INSERT INTO import (kind, file, datum) VALUES ($1, $2, $3) RETURNING id`
	if err := tx.QueryRow(ctx, begin, kind, file, string(datum)).Scan(&id); err != nil {
		return 0, fmt.Errorf("begin import: %w", err)
	}
	if _, err := tx.Exec(ctx, `SELECT set_config('gridwall.import', $1::text, true)`, fmt.Sprint(id)); err != nil {
		return 0, fmt.Errorf("begin import: %w", err)
	}
	return id, nil
}

// Finish ends what Begin began. The transaction goes on, unwatched.
func Finish(ctx context.Context, tx pgx.Tx, id int64, written int) error {
	for _, s := range []struct {
		sql  string
		args []any
	}{
		{`UPDATE import SET written = $2 WHERE id = $1`, []any{id, written}},
		{`DELETE FROM import_change WHERE import IN (SELECT id FROM import ORDER BY id DESC OFFSET $1)`, []any{kept}},
		{`SELECT set_config('gridwall.import', '', true)`, nil},
	} {
		if _, err := tx.Exec(ctx, s.sql, s.args...); err != nil {
			return fmt.Errorf("finish import: %w", err)
		}
	}
	return nil
}

// Seal makes every import so far one that cannot be undone any more.
func Seal(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `UPDATE import SET sealed = true WHERE NOT sealed`); err != nil {
		return fmt.Errorf("seal imports: %w", err)
	}
	return nil
}

// Last is the newest import that was not undone and whose changes are kept, or ErrNothing. It locks it until tx ends.
func Last(ctx context.Context, tx pgx.Tx) (p Past, err error) {
	const last = `
SELECT id, kind, file, at, written
FROM import
WHERE undone_at IS NULL AND NOT sealed AND id IN (SELECT id FROM import ORDER BY id DESC LIMIT $1)
ORDER BY id DESC
LIMIT 1
FOR UPDATE`
	err = tx.QueryRow(ctx, last, kept).Scan(&p.ID, &p.Kind, &p.File, &p.At, &p.Written)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, ErrNothing
	}
	if err != nil {
		return p, fmt.Errorf("last import: %w", err)
	}
	return p, nil
}
