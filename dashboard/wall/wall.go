// Package wall keeps what each video wall shows.
package wall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/live"
)

var (
	// ErrNotFound says that there is no such wall.
	ErrNotFound = errors.New("wall: not found")
	// ErrConflict says that somebody else saved the wall in between; the one that stands comes with it.
	ErrConflict = errors.New("wall: it was changed in between")
	// ErrInvalid says that what is to be saved cannot be shown.
	ErrInvalid = errors.New("wall: title in zh and en, at most 96 cameras, and dwell_s of 5 to 86400 seconds are needed")
)

// Text is said in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Wall is one video wall.
type Wall struct {
	ID       string   `json:"id"`
	Revision int      `json:"revision"`
	Title    Text     `json:"title"`
	Subtitle Text     `json:"subtitle"`
	Strip    []string `json:"strip"`   // camera ids, six a page
	DwellS   int      `json:"dwell_s"` // seconds a page stays
}

// Room keeps the walls of a database.
type Room struct{ pool *pgxpool.Pool }

// New is the room on a migrated database.
func New(pool *pgxpool.Pool) *Room { return &Room{pool} }

// Get is one wall.
func (r *Room) Get(ctx context.Context, id string) (*Wall, error) {
	var w Wall
	var revision int
	err := r.pool.QueryRow(ctx, `SELECT body, revision FROM wall WHERE id = $1`, id).Scan(&w, &revision)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("wall %q: %w", id, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	w.ID, w.Revision = id, revision
	return &w, nil
}

const save = `
UPDATE wall SET body = $2, revision = revision + 1
WHERE id = $1 AND revision = $3
RETURNING revision`

// Save writes the wall over the revision that it was made from and tells every screen. ErrConflict if that is not the newest.
func (r *Room) Save(ctx context.Context, w Wall, at time.Time) (*Wall, error) {
	if w.Title.ZH == "" || w.Title.EN == "" || len(w.Strip) > 96 || w.DwellS < 5 || w.DwellS > 24*3600 {
		return nil, ErrInvalid
	}
	if w.Strip == nil {
		w.Strip = []string{}
	}
	body, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, save, w.ID, body, w.Revision).Scan(&w.Revision); err != nil {
			return err
		}
		_, err := live.Append(ctx, tx, live.Draft{Type: "wall.changed", At: at, Data: map[string]any{"wall": w.ID, "revision": w.Revision}})
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		now, err := r.Get(ctx, w.ID)
		if err != nil {
			return nil, err
		}
		return now, fmt.Errorf("wall %q: %w", w.ID, ErrConflict)
	}
	if err != nil {
		return nil, fmt.Errorf("save wall %q: %w", w.ID, err)
	}
	return &w, nil
}
