package wall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
)

// Raster units of a screen below its header: both sides divide by 2, 3, 4, 5, 6 and 8.
const (
	RasterW = 240
	RasterH = 120
)

// Limits of a scene.
const (
	mostTiles = 40
	mostTour  = 96
)

// Layouts that editors offer; free ones are drawn by hand.
var Layouts = []string{"free", "1", "4", "1+5", "6", "8", "9", "12", "16", "25"}

// Kinds of what a tile can show.
var Kinds = []string{"map", "situation", "trend", "ranking", "ticker", "tour", "camera", "near", "case", "alarm", "duty", "empty"}

// InvalidError says what is wrong with a scene, a wall or an order. Code is stable.
type InvalidError struct {
	Code   string
	Reason Text
}

func (e *InvalidError) Error() string { return e.Reason.EN }

func invalid(code, zh, en string) error { return &InvalidError{code, Text{zh, en}} }

// Content is what one tile shows.
type Content struct {
	Kind       string   `json:"kind"`
	Camera     string   `json:"camera,omitempty"`
	Cameras    []string `json:"cameras,omitempty"` // of a tour; none: the wall's strip
	Pinned     []string `json:"pinned,omitempty"`  // cameras of a tour that stay while the others go round
	Show       int      `json:"show,omitempty"`    // pictures at once, 1 to 25
	DwellS     int      `json:"dwell_s,omitempty"` // seconds that a group stays; 0: as the wall's strip
	Case       int64    `json:"case,omitempty"`
	Classes    []string `json:"classes,omitempty"`    // only cases of these classes
	Priorities []string `json:"priorities,omitempty"` // only cases of these priorities
}

// Tile is a part of a scene.
type Tile struct {
	ID      string  `json:"id"`
	At      [4]int  `json:"at"`             // x, y, width, height on the raster
	Wide    *[4]int `json:"wide,omitempty"` // the same on screens over 2.4 : 1
	Content Content `json:"content"`
}

// Scene is a picture that walls can show.
type Scene struct {
	ID       string `json:"id"`
	Revision int    `json:"revision"` // 0: not saved yet
	Title    Text   `json:"title"`
	Layout   string `json:"layout"`
	Tiles    []Tile `json:"tiles"`
}

var name = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// check says in words what keeps a scene from being shown.
func (s Scene) check() error {
	switch {
	case !name.MatchString(s.ID):
		return invalid("scene_id_invalid", "场景编号为 1 至 64 个小写字母、数字或横线", "a scene's id has 1 to 64 small letters, digits or hyphens")
	case s.Title.ZH == "" || s.Title.EN == "":
		return invalid("scene_title_missing", "场景标题须有中文和英文", "a scene has a title in Chinese and in English")
	case !slices.Contains(Layouts, s.Layout):
		return invalid("scene_layout_unknown", "没有版式 "+s.Layout, "there is no layout "+s.Layout)
	case len(s.Tiles) == 0 || len(s.Tiles) > mostTiles:
		return invalid("scene_tiles_invalid", fmt.Sprintf("一个场景有 1 至 %d 个窗格", mostTiles), fmt.Sprintf("a scene has 1 to %d tiles", mostTiles))
	}
	seen := map[string]bool{}
	for _, t := range s.Tiles {
		if !name.MatchString(t.ID) || seen[t.ID] {
			return invalid("tile_id_invalid", "窗格编号重复或无效："+t.ID, "a tile's id is used twice or cannot be: "+t.ID)
		}
		seen[t.ID] = true
		if !inside(t.At) || t.Wide != nil && !inside(*t.Wide) {
			return invalid("tile_outside", "窗格 "+t.ID+" 超出屏幕", "tile "+t.ID+" lies outside the screen")
		}
		if err := t.Content.check(); err != nil {
			return err
		}
	}
	return nil
}

func inside(at [4]int) bool {
	return at[0] >= 0 && at[1] >= 0 && at[2] > 0 && at[3] > 0 && at[0]+at[2] <= RasterW && at[1]+at[3] <= RasterH
}

func (c Content) check() error {
	switch {
	case !slices.Contains(Kinds, c.Kind):
		return invalid("content_unknown", "窗格内容 "+c.Kind+" 未知", "a tile cannot show "+c.Kind)
	case c.Kind == "camera" && c.Camera == "":
		return invalid("content_incomplete", "请选择摄像机", "choose a camera")
	case len(c.Cameras) > mostTour || c.Show < 0 || c.Show > 25 || len(c.Pinned) > 25:
		return invalid("tour_invalid", "轮巡最多 96 路，同屏最多 25 路", "a tour has at most 96 cameras, 25 at once")
	case c.DwellS != 0 && (c.DwellS < 5 || c.DwellS > 24*3600):
		return invalid("dwell_invalid", "停留 5 至 86400 秒", "a group stays 5 to 86400 seconds")
	}
	return nil
}

const listScenes = `SELECT id, revision, body FROM scene ORDER BY place, id`

// Scenes are all there are, those that are shipped first.
func (r *Room) Scenes(ctx context.Context) ([]Scene, error) {
	return scenes(ctx, r.pool)
}

// query is what a pool and a transaction have in common.
type query interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func scenes(ctx context.Context, q query) ([]Scene, error) {
	rows, err := q.Query(ctx, listScenes)
	if err != nil {
		return nil, fmt.Errorf("list scenes: %w", err)
	}
	return pgx.CollectRows(rows, scanScene)
}

func scanScene(row pgx.CollectableRow) (s Scene, err error) {
	var id string
	var revision int
	err = row.Scan(&id, &revision, &s)
	s.ID, s.Revision = id, revision
	return s, err
}

// Scene is one of them. ErrNotFound if there is none of that id.
func (r *Room) Scene(ctx context.Context, id string) (*Scene, error) { return sceneOf(ctx, r.pool, id) }

func sceneOf(ctx context.Context, q query, id string) (*Scene, error) {
	rows, err := q.Query(ctx, `SELECT id, revision, body FROM scene WHERE id = $1`, id)
	if err != nil {
		return nil, err
	}
	s, err := pgx.CollectExactlyOneRow(rows, scanScene)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("scene %q: %w", id, ErrNotFound)
	}
	return &s, err
}

const (
	addScene  = `INSERT INTO scene (id, body) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING revision`
	saveScene = `UPDATE scene SET body = $2, revision = revision + 1 WHERE id = $1 AND revision = $3 RETURNING revision`
)

// SaveScene writes a scene over the revision that it was made from, 0 for a new one, and tells every screen. ErrConflict,
// with the one that stands, if that is not the newest; *InvalidError for one that cannot be shown.
func (r *Room) SaveScene(ctx context.Context, s Scene, at time.Time) (*Scene, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		query, args := saveScene, []any{s.ID, body, s.Revision}
		if s.Revision == 0 {
			query, args = addScene, args[:2]
		}
		if err := tx.QueryRow(ctx, query, args...).Scan(&s.Revision); err != nil {
			return err
		}
		return sceneChanged(ctx, tx, s.ID, s.Revision, at)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		stands, err := r.Scene(ctx, s.ID)
		if err != nil {
			return nil, err
		}
		return stands, fmt.Errorf("scene %q: %w", s.ID, ErrConflict)
	}
	if err != nil {
		return nil, fmt.Errorf("save scene %q: %w", s.ID, err)
	}
	return &s, nil
}

// RemoveScene takes a scene away. A screen that shows it falls back to the first one. ErrNotFound if there is none.
func (r *Room) RemoveScene(ctx context.Context, id string, at time.Time) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		gone, err := tx.Exec(ctx, `DELETE FROM scene WHERE id = $1`, id)
		if err != nil {
			return fmt.Errorf("remove scene %q: %w", id, err)
		}
		if gone.RowsAffected() == 0 {
			return fmt.Errorf("scene %q: %w", id, ErrNotFound)
		}
		return sceneChanged(ctx, tx, id, 0, at)
	})
}

func sceneChanged(ctx context.Context, tx pgx.Tx, id string, revision int, at time.Time) error {
	_, err := live.Append(ctx, tx, live.Draft{Type: "wall.scene", At: at, Data: map[string]any{"scene": id, "revision": revision}})
	return err
}
