package wall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
)

const (
	// holdFor is how long a wall stays somebody's without an order.
	holdFor = 10 * time.Minute
	// switchIn is when an order is shown: late enough that every screen has heard of it, so that they switch together.
	switchIn = 250 * time.Millisecond
)

// Shown is what one screen shows: a scene, and what was put into its tiles since.
type Shown struct {
	Scene string             `json:"scene"`
	Tiles map[string]Content `json:"tiles,omitempty"`
}

// Show is what a wall shows. A screen that is not named shows the first scene.
type Show struct {
	Wall     string           `json:"wall"`
	Revision int              `json:"revision"`
	SwitchAt time.Time        `json:"switch_at"` // of the server's clock: all screens change at this moment
	Screens  map[string]Shown `json:"screens"`
}

// Holder is who drives a wall.
type Holder struct {
	Account int       `json:"account"`
	Name    string    `json:"name"`
	Since   time.Time `json:"since"` // the last order
}

// HeldError says that somebody else drives the wall.
type HeldError struct{ Holder Holder }

func (e *HeldError) Error() string { return "wall: " + e.Holder.Name + " drives it" }

// ScreenReport is what a screen said last of itself.
type ScreenReport struct {
	Screen string          `json:"screen"`
	SeenS  float64         `json:"seen_s"` // seconds ago
	FPS    *float64        `json:"fps"`
	Report json.RawMessage `json:"report"`
}

// Order is one act of a desk on a wall.
type Order struct {
	Take     bool `json:"take"`      // the wall, if nobody has it
	TakeOver bool `json:"take_over"` // from who has it
	Release  bool `json:"release"`

	Screen string `json:"screen"` // empty: every screen
	// Scene replaces all that the screen shows.
	Scene string `json:"scene"`
	// Tile gets the content; without one it shows again what its scene says.
	Tile    string   `json:"tile"`
	Content *Content `json:"content"`
}

const readShow = `
SELECT s.revision, s.screens, s.holder, a.name, s.held_at
FROM wall_show AS s LEFT JOIN account AS a ON a.id = s.holder
WHERE s.wall = $1`

func show(ctx context.Context, q query, id, lock string, at time.Time) (Show, *Holder, error) {
	s := Show{Wall: id, Screens: map[string]Shown{}}
	var account *int
	var name *string
	var since *time.Time
	err := q.QueryRow(ctx, readShow+lock, id).Scan(&s.Revision, &s.Screens, &account, &name, &since)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, nil, nil
	}
	if err != nil {
		return s, nil, fmt.Errorf("what wall %q shows: %w", id, err)
	}
	if account == nil || name == nil || since == nil || at.Sub(*since) > holdFor {
		return s, nil, nil
	}
	return s, &Holder{*account, *name, *since}, nil
}

// Showing is what the wall shows and who drives it, nil if nobody does.
func (r *Room) Showing(ctx context.Context, id string, at time.Time) (Show, *Holder, error) {
	if _, err := r.Get(ctx, id); err != nil {
		return Show{}, nil, err
	}
	s, holder, err := show(ctx, r.pool, id, "", at)
	s.SwitchAt = at
	return s, holder, err
}

const screensOf = `
SELECT screen, EXTRACT(epoch FROM now() - seen_at)::float8, fps, report FROM wall_screen WHERE wall = $1 ORDER BY screen`

// Reports are the last words of a wall's screens.
func (r *Room) Reports(ctx context.Context, id string) ([]ScreenReport, error) {
	rows, err := r.pool.Query(ctx, screensOf, id)
	if err != nil {
		return nil, fmt.Errorf("screens of wall %q: %w", id, err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s ScreenReport, err error) {
		err = row.Scan(&s.Screen, &s.SeenS, &s.FPS, &s.Report)
		return s, err
	})
}

const (
	beginShow = `INSERT INTO wall_show (wall) VALUES ($1) ON CONFLICT DO NOTHING`
	writeShow = `UPDATE wall_show SET revision = $2, screens = $3, holder = $4, held_at = $5 WHERE wall = $1`
)

// Drive carries out an order of an account. Whoever gives one holds the wall; *HeldError if somebody else does and it is not
// taken over, *InvalidError for an order that cannot be shown.
func (r *Room) Drive(ctx context.Context, id string, account int, o Order, at time.Time) (Show, error) {
	w, err := r.Get(ctx, id)
	if err != nil {
		return Show{}, err
	}
	var s Show
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, beginShow, id); err != nil {
			return err
		}
		var holder *Holder
		var err error
		if s, holder, err = show(ctx, tx, id, " FOR UPDATE OF s", at); err != nil {
			return err
		}
		if holder != nil && holder.Account != account && !o.TakeOver {
			return &HeldError{*holder}
		}
		if err := follow(ctx, tx, &s, w, o); err != nil {
			return err
		}
		s.Revision++
		s.SwitchAt = at.Add(switchIn)
		by, held := &account, &at
		if o.Release {
			by, held = nil, nil
		}
		if _, err := tx.Exec(ctx, writeShow, id, s.Revision, s.Screens, by, held); err != nil {
			return err
		}
		_, err = live.Append(ctx, tx, live.Draft{Type: "wall.shown", At: at, Data: s})
		return err
	})
	if err != nil {
		return Show{}, fmt.Errorf("drive wall %q: %w", id, err)
	}
	return s, nil
}

// follow changes s as the order says.
func follow(ctx context.Context, tx pgx.Tx, s *Show, w *Wall, o Order) error {
	screens := []string{o.Screen}
	if o.Screen == "" {
		screens = screens[:0]
		for _, screen := range w.Screens {
			screens = append(screens, screen.ID)
		}
	} else if !w.has(o.Screen) {
		return invalid("screen_unknown", "该墙没有屏 "+o.Screen, "this wall has no screen "+o.Screen)
	}
	switch {
	case o.Scene != "":
		if _, err := sceneOf(ctx, tx, o.Scene); err != nil {
			return err
		}
		for _, screen := range screens {
			s.Screens[screen] = Shown{Scene: o.Scene}
		}
	case o.Tile != "":
		if o.Content != nil {
			if err := showable(ctx, tx, *o.Content); err != nil {
				return err
			}
		}
		for _, screen := range screens {
			if err := put(ctx, tx, s, screen, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func put(ctx context.Context, tx pgx.Tx, s *Show, screen string, o Order) error {
	shown := s.Screens[screen]
	if shown.Scene == "" {
		all, err := scenes(ctx, tx)
		if err != nil || len(all) == 0 {
			return err
		}
		shown.Scene = all[0].ID
	}
	scene, err := sceneOf(ctx, tx, shown.Scene)
	if err != nil {
		return err
	}
	for _, tile := range scene.Tiles {
		if tile.ID != o.Tile {
			continue
		}
		if shown.Tiles == nil {
			shown.Tiles = map[string]Content{}
		}
		if o.Content == nil {
			delete(shown.Tiles, o.Tile)
		} else {
			shown.Tiles[o.Tile] = *o.Content
		}
		s.Screens[screen] = shown
		return nil
	}
	return invalid("tile_unknown", "当前场景没有窗格 "+o.Tile, "the scene has no tile "+o.Tile)
}

// showable refuses what no wall may show: a camera that is secret or unknown.
func showable(ctx context.Context, tx pgx.Tx, c Content) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Kind != "camera" {
		return nil
	}
	var secret bool
	err := tx.QueryRow(ctx, `SELECT secret FROM camera WHERE id = $1`, c.Camera).Scan(&secret)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && secret {
		return invalid("camera_not_for_walls", "该摄像机不存在，或为保密点位不能上墙", "there is no such camera, or it is secret and never on a wall")
	}
	return err
}
