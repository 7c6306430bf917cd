// Package cameras is the registry of cameras, and the room where geo and streams meet.
//
// The life of a camera: it is imported or saved with its address and place, camera.changed makes every node load the
// registry again and tell its hub; the hub pulls or probes it and says what it finds; changes of state are gathered for
// half a second, written, and told to everyone as camera.state. Its address, with the credentials in it, stays here.
package cameras

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"gridwall/dashboard/clock"
	"gridwall/dashboard/live"
	"gridwall/geo/grid"
	"gridwall/geo/sight"
	"gridwall/geo/tile"
	"gridwall/streams"
)

// ErrNotFound says that there is no such camera for whoever asks.
var ErrNotFound = errors.New("cameras: not found")

// InvalidError says what is wrong with a camera that somebody wants to save.
type InvalidError struct{ Reason Text }

func (e *InvalidError) Error() string { return e.Reason.EN }

// Text is said in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Location is a point in degrees, WGS-84.
type Location struct {
	Lon float64 `json:"lon"`
	Lat float64 `json:"lat"`
}

// Camera is what people may know of a camera.
type Camera struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Grid     *string       `json:"grid"`
	Location Location      `json:"location"`
	Bearing  *float64      `json:"bearing"` // degrees clockwise from north; null: direction unknown
	Angle    *float64      `json:"angle"`   // opening angle, degrees
	RangeM   *float64      `json:"range_m"`
	HeightM  *float64      `json:"height_m"`
	PTZ      bool          `json:"ptz"`
	Indoor   bool          `json:"indoor"`
	Purpose  string        `json:"purpose"`
	State    streams.State `json:"state"`
	Reason   *Text         `json:"reason"`
	Since    time.Time     `json:"since"`

	number uint64
	url    string
	subURL string
	secret bool
	pinned bool
}

// Room keeps the registry in memory beside its table.
type Room struct {
	pool  *pgxpool.Pool
	hub   *streams.Hub
	tiles *tile.Store
	clock *clock.Clock
	log   *slog.Logger

	loading sync.Mutex // one at a time, or an older list could come last

	mu      sync.RWMutex
	cameras []*Camera // by id; never changed in place
	byID    map[string]int

	pendingMu sync.Mutex
	pending   map[string]streams.Status
}

// New is the room on a migrated database. Load fills it.
func New(pool *pgxpool.Pool, tiles *tile.Store, clock *clock.Clock, log *slog.Logger) *Room {
	return &Room{pool: pool, tiles: tiles, clock: clock, log: log, pending: map[string]streams.Status{}}
}

// Secret says whether it is 保密: never on a wall, and on no list of those without the right.
func (c *Camera) Secret() bool { return c.secret }

// Use gives the room its hub, which is made with OnStatus of this room.
func (r *Room) Use(hub *streams.Hub) { r.hub = hub }

const all = `
SELECT n, id, name, url, sub_url, grid, ST_X(geom), ST_Y(geom), bearing_deg, angle_deg, range_m, height_m, ptz, indoor, secret, purpose, pinned, state, reason_zh, reason_en, since
FROM camera
ORDER BY id`

// Load reads the registry and tells hub and map.
func (r *Room) Load(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	rows, err := r.pool.Query(ctx, all)
	if err != nil {
		return fmt.Errorf("load cameras: %w", err)
	}
	cameras, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Camera, error) {
		var c Camera
		var zh, en *string
		err := row.Scan(&c.number, &c.ID, &c.Name, &c.url, &c.subURL, &c.Grid, &c.Location.Lon, &c.Location.Lat, &c.Bearing, &c.Angle, &c.RangeM, &c.HeightM,
			&c.PTZ, &c.Indoor, &c.secret, &c.Purpose, &c.pinned, &c.State, &zh, &en, &c.Since)
		c.Since = c.Since.UTC()
		if zh != nil && en != nil {
			c.Reason = &Text{*zh, *en}
		}
		return &c, err
	})
	if err != nil {
		return fmt.Errorf("load cameras: %w", err)
	}
	byID := make(map[string]int, len(cameras))
	known := make([]streams.Camera, len(cameras))
	var features []tile.Feature
	for i, c := range cameras {
		byID[c.ID] = i
		known[i] = streams.Camera{ID: c.ID, URL: c.url, Sub: c.subURL, Pinned: c.pinned}
		features = append(features, c.feature())
	}
	r.mu.Lock()
	r.cameras, r.byID = cameras, byID
	r.mu.Unlock()
	if r.hub != nil { // a command that only reads has none
		r.hub.Set(known)
	}
	return r.tiles.Replace("cameras", "cameras", features)
}

// feature is the camera on the map.
func (c *Camera) feature() tile.Feature {
	attributes := map[string]any{"id": c.ID, "name": c.Name, "ptz": c.PTZ, "state": string(c.State), "secret": c.secret}
	if c.Purpose != "" {
		attributes["purpose"] = c.Purpose
	}
	for name, value := range map[string]*float64{"bearing": c.Bearing, "angle": c.Angle, "range": c.RangeM} {
		if value != nil {
			attributes[name] = *value
		}
	}
	if c.Grid != nil {
		attributes["grid"] = *c.Grid
	}
	return tile.Feature{ID: c.number, Geometry: orb.Point{c.Location.Lon, c.Location.Lat}, Attributes: attributes, Desk: c.secret}
}

// List is every camera; without the secret ones for a wall.
func (r *Room) List(secret bool) []*Camera {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := make([]*Camera, 0, len(r.cameras))
	for _, c := range r.cameras {
		if secret || !c.secret {
			list = append(list, c)
		}
	}
	return list
}

// Get is one camera; ErrNotFound also for a secret one that may not be seen.
func (r *Room) Get(id string, secret bool) (*Camera, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	i, ok := r.byID[id]
	if !ok || r.cameras[i].secret && !secret {
		return nil, fmt.Errorf("camera %q: %w", id, ErrNotFound)
	}
	return r.cameras[i], nil
}

// Count is how many cameras there are, in all and online, in some grids (nil: everywhere).
func (r *Room) Count(grids []string) (total, online int) {
	for _, c := range r.List(true) {
		if grids != nil && (c.Grid == nil || !slices.Contains(grids, *c.Grid)) {
			continue
		}
		total++
		if c.State.Up() {
			online++
		}
	}
	return total, online
}

// Near is a camera near a place, with what speaks for it.
type Near struct {
	*Camera
	DistanceM float64 `json:"distance_m"`
	InView    *bool   `json:"in_view"` // null: the camera's direction is not known
	Reason    Text    `json:"reason"`
}

// Near ranks the cameras around p within reach metres: those that look there first, then those of unknown direction, then
// by distance. What stands in between is scene's to say; without one nothing does.
func (r *Room) Near(p orb.Point, reachM float64, limit int, secret bool, scene *sight.Scene) []Near {
	var near []Near
	for _, c := range r.List(secret) {
		at := orb.Point{c.Location.Lon, c.Location.Lat}
		d := geo.Distance(at, p)
		if d <= reachM {
			near = append(near, c.towards(p, d, scene))
		}
	}
	rank := func(n Near) int {
		switch {
		case n.InView == nil:
			return 1
		case *n.InView:
			return 0
		}
		return 2
	}
	slices.SortFunc(near, func(a, b Near) int {
		up := func(n Near) int {
			if n.State.Up() {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(up(a), up(b)), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.DistanceM, b.DistanceM))
	})
	return near[:min(limit, len(near))]
}

// Eye is the camera as sight needs it.
func (c *Camera) Eye() sight.Camera {
	or0 := func(v *float64) float64 {
		if v == nil {
			return 0
		}
		return *v
	}
	return sight.Camera{At: orb.Point{c.Location.Lon, c.Location.Lat}, BearingDeg: c.Bearing, AngleDeg: or0(c.Angle), RangeM: or0(c.RangeM), HeightM: or0(c.HeightM), PTZ: c.PTZ}
}

// behind says which building hides p from a camera that would see it else.
func (c *Camera) behind(n *Near, p orb.Point, scene *sight.Scene) {
	if scene == nil || c.Indoor || n.InView != nil && !*n.InView {
		return
	}
	eye := c.Eye()
	b := scene.Blocker(eye.At, p, eye.HeightM)
	if b == nil {
		return
	}
	no := false
	n.InView = &no
	zh, en := "", ""
	if name := cmp.Or(b.Name, b.Address); name != "" {
		zh, en = "（"+name+"）", " ("+name+")"
	}
	n.Reason = Text{fmt.Sprintf("被建筑遮挡%s，%d 米", zh, int(n.DistanceM)), fmt.Sprintf("hidden by a building%s, %d m", en, int(n.DistanceM))}
}

// towards judges whether the camera looks at p, d metres away, and whether it sees it.
func (c *Camera) towards(p orb.Point, d float64, scene *sight.Scene) Near {
	n := c.aimed(p, d)
	c.behind(&n, p, scene)
	return n
}

// aimed judges by direction and range alone.
func (c *Camera) aimed(p orb.Point, d float64) Near {
	n := Near{Camera: c, DistanceM: math.Round(d)}
	yes, no := true, false
	metres := int(n.DistanceM)
	switch {
	case c.PTZ:
		n.InView = &yes
		n.Reason = Text{fmt.Sprintf("球机可转向，%d 米", metres), fmt.Sprintf("PTZ, can turn there, %d m", metres)}
	case c.Bearing == nil:
		n.Reason = Text{fmt.Sprintf("方向未知，%d 米", metres), fmt.Sprintf("direction unknown, %d m", metres)}
	case c.RangeM != nil && d > *c.RangeM:
		n.InView = &no
		n.Reason = Text{fmt.Sprintf("超出可视距离，%d 米", metres), fmt.Sprintf("beyond its range, %d m", metres)}
	default:
		half := 45.0
		if c.Angle != nil {
			half = *c.Angle / 2
		}
		off := math.Abs(math.Remainder(geo.Bearing(orb.Point{c.Location.Lon, c.Location.Lat}, p)-*c.Bearing, 360))
		if off <= half {
			n.InView = &yes
			n.Reason = Text{fmt.Sprintf("可见，%d 米", metres), fmt.Sprintf("in view, %d m", metres)}
		} else {
			n.InView = &no
			n.Reason = Text{fmt.Sprintf("未朝向该处，%d 米", metres), fmt.Sprintf("looks elsewhere, %d m", metres)}
		}
	}
	return n
}

// New camera as the API takes it.
type Draft struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	URL      string    `json:"url"`
	SubURL   string    `json:"sub_url"` // 子码流; empty: there is none
	Lon      float64   `json:"lon"`
	Lat      float64   `json:"lat"`
	Location *Location `json:"location"` // instead of lon, lat
	Bearing  *float64  `json:"bearing"`
	Angle    *float64  `json:"angle"`
	RangeM   *float64  `json:"range_m"`
	HeightM  *float64  `json:"height_m"`
	PTZ      bool      `json:"ptz"`
	Indoor   bool      `json:"indoor"`
	Secret   bool      `json:"secret"`
	Purpose  string    `json:"purpose"`
	Switch   string    `json:"switch"` // the switch that it hangs on; empty: not known
	Pinned   bool      `json:"pinned"`
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// check says what is wrong with a draft.
func (d *Draft) check() *Text {
	switch {
	case !idForm.MatchString(d.ID):
		return &Text{"编号 id 应为 1 至 64 个字母、数字、点、横线或下划线", "id has 1 to 64 letters, digits, dots, hyphens or underscores"}
	case strings.TrimSpace(d.Name) == "":
		return &Text{"名称不能为空", "give the camera a name"}
	case !rtspOrNone(d.URL), !rtspOrNone(d.SubURL):
		return &Text{"地址应以 rtsp:// 或 rtsps:// 开头", "the address begins with rtsp:// or rtsps://"}
	case d.Lon < -180 || d.Lon > 180 || d.Lat < -90 || d.Lat > 90:
		return &Text{"位置应为经度、纬度（度）", "the location is longitude and latitude in degrees"}
	case d.Bearing != nil && (*d.Bearing < 0 || *d.Bearing >= 360):
		return &Text{"方位角应为 0 至 360 度（不含 360）", "bearing is at least 0 and under 360 degrees"}
	case d.Angle != nil && (*d.Angle <= 0 || *d.Angle > 360):
		return &Text{"张角应大于 0，不超过 360 度", "angle is over 0 and at most 360 degrees"}
	case len([]rune(d.Switch)) > 100:
		return &Text{"交换机名称不超过 100 字", "at most 100 characters of switch"}
	case d.RangeM != nil && *d.RangeM <= 0:
		return &Text{"可视距离应大于 0 米", "range_m is over 0"}
	}
	return nil
}

func rtspOrNone(address string) bool {
	return address == "" || strings.HasPrefix(address, "rtsp://") || strings.HasPrefix(address, "rtsps://")
}

const upsert = `
INSERT INTO camera (id, name, url, grid, geom, bearing_deg, angle_deg, range_m, height_m, ptz, indoor, secret, purpose, pinned, switch, sub_url)
VALUES ($1, $2, $3, $4, ST_SetSRID(ST_MakePoint($5, $6), 4326), $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (id) DO UPDATE
SET name = EXCLUDED.name, url = EXCLUDED.url, grid = EXCLUDED.grid, geom = EXCLUDED.geom, bearing_deg = EXCLUDED.bearing_deg, angle_deg = EXCLUDED.angle_deg,
    range_m = EXCLUDED.range_m, height_m = EXCLUDED.height_m, ptz = EXCLUDED.ptz, indoor = EXCLUDED.indoor, secret = EXCLUDED.secret,
    purpose = EXCLUDED.purpose, pinned = EXCLUDED.pinned, switch = EXCLUDED.switch, sub_url = EXCLUDED.sub_url`

// Locator finds the grids of a point, street first: geo's Map, or an index alone.
type Locator interface {
	Locate(p orb.Point) (grid.Path, error)
}

// keeping is upsert for rows that say nothing of some columns: those of a camera that is there stay as they are.
func keeping(columns []string) string {
	sql := upsert
	for _, c := range columns {
		sql = strings.Replace(sql, fmt.Sprintf("%[1]s = EXCLUDED.%[1]s", c), fmt.Sprintf("%[1]s = camera.%[1]s", c), 1)
	}
	return sql
}

func queueUpsert(batch *pgx.Batch, sql string, d *Draft, places Locator) {
	var code *string
	if path, err := places.Locate(orb.Point{d.Lon, d.Lat}); err == nil {
		code = &path.Cell().Code
	}
	batch.Queue(sql, d.ID, strings.TrimSpace(d.Name), d.URL, code, d.Lon, d.Lat, d.Bearing, d.Angle, d.RangeM, d.HeightM, d.PTZ, d.Indoor, d.Secret, d.Purpose, d.Pinned, strings.TrimSpace(d.Switch), d.SubURL)
}

// Save writes a camera, new or changed, and tells everyone. It returns an *InvalidError for a draft that cannot be.
func (r *Room) Save(ctx context.Context, d Draft, places Locator) error {
	if d.Location != nil {
		d.Lon, d.Lat = d.Location.Lon, d.Location.Lat
	}
	if fault := d.check(); fault != nil {
		return &InvalidError{*fault}
	}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		var batch pgx.Batch
		queueUpsert(&batch, upsert, &d, places)
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		_, err := live.Append(ctx, tx, live.Draft{Type: "camera.changed", At: r.clock.Now(), Data: struct{}{}})
		return err
	})
	if err != nil {
		return fmt.Errorf("save camera %s: %w", d.ID, err)
	}
	return r.Load(ctx) // whoever saved it may play it at once
}
