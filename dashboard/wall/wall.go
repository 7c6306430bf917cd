// Package wall keeps the video walls: their screens, the scenes they can show, and what each screen shows now.
//
// The life of an order: a desk drives (show.go), the order is written under the wall's row and told with the moment at which
// it is to be seen; every screen hears it, waits for that moment, and reports what it shows with its heartbeat, which the
// room alarms writes.
package wall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	Screens  []Screen `json:"screens"` // at least one
}

// Screen is one of a wall's, as it hangs there. Unmeasured lengths are 0.
type Screen struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	WidthPX  int     `json:"width_px"`
	HeightPX int     `json:"height_px"`
	PitchMM  float64 `json:"pitch_mm"` // from pixel to pixel
	BezelMM  float64 `json:"bezel_mm"`
	SeatM    float64 `json:"seat_m"` // from the farthest seat to the screen
}

// oneScreen is what a wall has that nobody has measured.
var oneScreen = Screen{ID: "1", Name: "1", WidthPX: 1920, HeightPX: 1080}

func (w *Wall) has(screen string) bool {
	return slices.ContainsFunc(w.Screens, func(s Screen) bool { return s.ID == screen })
}

// checkScreens says what keeps screens from hanging.
func checkScreens(screens []Screen) error {
	if len(screens) > 16 {
		return invalid("screens_invalid", "一面墙最多 16 块屏", "a wall has at most 16 screens")
	}
	seen := map[string]bool{}
	for _, s := range screens {
		if !name.MatchString(s.ID) || seen[s.ID] {
			return invalid("screens_invalid", "屏号重复或无效："+s.ID, "a screen's id is used twice or cannot be: "+s.ID)
		}
		seen[s.ID] = true
		if s.WidthPX < 320 || s.WidthPX > 32768 || s.HeightPX < 240 || s.HeightPX > 32768 || s.PitchMM < 0 || s.PitchMM > 50 || s.BezelMM < 0 || s.BezelMM > 500 || s.SeatM < 0 || s.SeatM > 200 {
			return invalid("screens_invalid", "屏 "+s.ID+" 的尺寸不可能：像素 320 至 32768，点距 0 至 50 毫米，最远座位 0 至 200 米", "screen "+s.ID+" cannot be: 320 to 32768 px, pitch 0 to 50 mm, seat 0 to 200 m")
		}
	}
	return nil
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
	if len(w.Screens) == 0 {
		w.Screens = []Screen{oneScreen}
	}
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
	if err := checkScreens(w.Screens); err != nil {
		return nil, err
	}
	if len(w.Screens) == 0 {
		w.Screens = []Screen{oneScreen}
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
