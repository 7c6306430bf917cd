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
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"gridwall/dashboard/cameras/seal"
	"gridwall/dashboard/clock"
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
	Relay    *string       `json:"relay"` // who pulls it and serves its pictures; null: the centre

	number  uint64
	stream  addresses
	details Details
	secret  bool
	pinned  bool
	enabled bool
	locked  bool // the key of its credentials is not here
}

// Room keeps the registry in memory beside its table.
type Room struct {
	pool  *pgxpool.Pool
	keys  *seal.Keyring
	hub   *streams.Hub
	tiles *tile.Store
	clock *clock.Clock
	log   *slog.Logger

	loading sync.Mutex // one at a time, or an older list could come last

	share string // the relay that this process is; empty: the centre

	mu      sync.RWMutex
	cameras []*Camera // by id; never changed in place
	byID    map[string]int
	relays  []Relay

	pendingMu sync.Mutex
	pending   map[string]streams.Status
}

// New is the room on a migrated database. Load fills it. keys seal what opens cameras; nil (for commands that only read,
// and tests): nothing is sealed, and what is cannot be played.
func New(pool *pgxpool.Pool, keys *seal.Keyring, tiles *tile.Store, clock *clock.Clock, log *slog.Logger) *Room {
	return &Room{pool: pool, keys: keys, tiles: tiles, clock: clock, log: log, pending: map[string]streams.Status{}}
}

// Secret says whether it is 保密: never on a wall, and on no list of those without the right.
func (c *Camera) Secret() bool { return c.secret }

// Test is what a look at a camera's pictures found, in words.
type Test struct {
	State streams.State `json:"state"`
	Good  bool          `json:"good"`
	// Lines say what was found, Advice what had better be changed.
	Lines  []Text `json:"lines"`
	Advice []Text `json:"advice"`
	*Facts
}

// Facts are the numbers behind the lines.
type Facts struct {
	Codec         string   `json:"codec"`
	Width         int      `json:"width"`
	Height        int      `json:"height"`
	FPS           float64  `json:"fps"`
	BitsPerSecond float64  `json:"bits_per_second"`
	GOP           int      `json:"gop"`
	GOPSeconds    float64  `json:"gop_s"`
	Audio         string   `json:"audio"`
	ClockAheadS   *float64 `json:"clock_ahead_s"`
	AnsweredS     float64  `json:"answered_s"`
	FirstPictureS float64  `json:"first_picture_s"`
}

// Use gives the room its hub, which is made with OnStatus of this room.
func (r *Room) Use(hub *streams.Hub) { r.hub = hub }

const all = `
SELECT n, id, name, url, sub_url, sealed, key_id, grid, ST_X(geom), ST_Y(geom), bearing_deg, angle_deg, range_m, height_m, ptz, indoor, secret, purpose, pinned, enabled, switch,
       group_name, upstream, owner, maker, model, address, civil_code, ptz_type, position_type, use_type, light_type, sign, relay, state, reason_zh, reason_en, since
FROM camera
ORDER BY id`

// disabled and sealedAway are the reasons of cameras that are not given to the hub.
var (
	disabled   = Text{"已停用", "disabled"}
	sealedAway = Text{"口令由本机没有的密钥封存：请把 camera.keys 放回数据目录，或重新填写口令", "the credentials are sealed with a key that is not here: put camera.keys back into the data folder, or enter them again"}
)

// Load reads the registry and tells hub and map.
func (r *Room) Load(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	if err := sealOpen(ctx, r.pool, r.keys); err != nil {
		return fmt.Errorf("load cameras: %w", err)
	}
	if err := r.loadRelays(ctx); err != nil {
		return err
	}
	rows, err := r.pool.Query(ctx, all)
	if err != nil {
		return fmt.Errorf("load cameras: %w", err)
	}
	cameras, err := pgx.CollectRows(rows, r.read)
	if err != nil {
		return fmt.Errorf("load cameras: %w", err)
	}
	byID := make(map[string]int, len(cameras))
	known := make([]streams.Camera, 0, len(cameras))
	var features []tile.Feature
	for i, c := range cameras {
		byID[c.ID] = i
		if c.enabled && !c.locked && c.share() == r.share {
			known = append(known, streams.Camera{ID: c.ID, URL: string(c.stream.url), Sub: string(c.stream.sub), Pinned: c.pinned})
		}
		features = append(features, c.feature())
	}
	r.mu.Lock()
	r.cameras, r.byID = cameras, byID
	r.mu.Unlock()
	if r.hub != nil { // a command that only reads has none
		r.hub.Set(known)
	}
	if r.tiles == nil { // a relay draws no map
		return nil
	}
	return r.tiles.Replace("cameras", "cameras", features)
}

// read scans one row of all.
func (r *Room) read(row pgx.CollectableRow) (*Camera, error) {
	var c Camera
	var d = &c.details
	var url, sub string
	var sealed []byte
	var keyID, zh, en *string
	err := row.Scan(&c.number, &c.ID, &c.Name, &url, &sub, &sealed, &keyID, &c.Grid, &c.Location.Lon, &c.Location.Lat, &c.Bearing, &c.Angle, &c.RangeM, &c.HeightM,
		&c.PTZ, &c.Indoor, &c.secret, &c.Purpose, &c.pinned, &c.enabled, &d.Switch,
		&d.Group, &d.Upstream, &d.Owner, &d.Maker, &d.Model, &d.Address, &d.CivilCode, &d.PTZType, &d.PositionType, &d.UseType, &d.LightType, &d.Sign, &c.Relay, &c.State, &zh, &en, &c.Since)
	if err != nil {
		return nil, err
	}
	c.Since = c.Since.UTC()
	if zh != nil && en != nil {
		c.Reason = &Text{*zh, *en}
	}
	if c.stream, err = unshut(r.keys, c.ID, url, sub, sealed, keyID); err != nil {
		c.locked = true
		c.stream = addresses{address(url), address(sub)}
		if r.keys != nil {
			r.log.Error("credentials of a camera cannot be opened", "camera", c.ID, "error", err)
			c.State, c.Reason = streams.AuthFailed, &sealedAway
		}
	}
	if !c.enabled {
		c.State, c.Reason = streams.Unknown, &disabled
	}
	return &c, nil
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
	InView    *bool   `json:"in_view"`  // null: the camera's direction is not known
	Answered  bool    `json:"answered"` // somebody looked and said so
	Reason    Text    `json:"reason"`
}

// Near ranks the cameras around p within reach metres: those that look there first, then those of unknown direction, then
// by distance. What stands in between is scene's to say; without one nothing does. Above both stands what operators answered.
func (r *Room) Near(ctx context.Context, p orb.Point, reachM float64, limit int, secret bool, scene *sight.Scene) []Near {
	said, err := r.answers(ctx, p)
	if err != nil {
		r.log.Warn("cameras are ranked without the answers", "error", err)
	}
	var near []Near
	for _, c := range r.List(secret) {
		at := orb.Point{c.Location.Lon, c.Location.Lat}
		d := geo.Distance(at, p)
		if d <= reachM {
			n := c.towards(p, d, scene)
			if a, ok := said[c.ID]; ok {
				n.heed(a)
			}
			near = append(near, n)
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

// Lamp says whether the camera has a lamp of its own 补光, infrared or white; known is false where the registry does not say.
func (c *Camera) Lamp() (lamp, known bool) {
	const none = 1 // of LightTypes
	return c.details.LightType != nil && *c.details.LightType != none, c.details.LightType != nil
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
