// Package ptz lets people turn cameras: one driver at a time, by name.
//
// The life of a hold: a page opens a websocket for a camera (Serve) and is told who drives; it takes the head if it is free,
// or takes it over, and whoever lost it is told by whom. While the driver holds a key, the page repeats its wish; when the
// wishes stop, for whatever reason, the head is stopped (wheel.go). No-look sectors bound every move (sector.go). Who drives
// stands in ptz_driver and in the log, so that nodes agree; takes and releases are on the audit.
package ptz

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/live"
	"gridwall/streams/onvif"
	"gridwall/streams/rtsp"
)

// Text is said in both languages.
type Text = cameras.Text

// RefusedError says why a head may not do what somebody wants.
type RefusedError struct{ Reason Text }

func (e *RefusedError) Error() string { return e.Reason.EN }

// BusyError: somebody else drives.
type BusyError struct{ Driver Driver }

func (e *BusyError) Error() string { return "ptz: " + e.Driver.Name + " drives" }

// InvalidError says what is wrong with a mount that somebody wants to save.
type InvalidError struct{ Reason Text }

func (e *InvalidError) Error() string { return e.Reason.EN }

// ErrNoHead: the camera is none that turns.
var ErrNoHead = errors.New("ptz: camera has no head")

// Driver is who turns a head.
type Driver struct {
	Username string    `json:"username"`
	Name     string    `json:"name"`
	Since    time.Time `json:"since"`

	session string
}

// Config of a Room; all but Net are required.
type Config struct {
	Pool    *pgxpool.Pool
	Cameras *cameras.Room
	// Net is where cameras may be, as for their video.
	Net rtsp.Net
	Log *slog.Logger
}

// Room keeps the heads. New is the only way to one.
type Room struct {
	Config

	mu       sync.Mutex
	domes    map[string]*dome
	sessions map[string]map[*session]bool // by camera
}

// New is a room on a migrated database.
func New(c Config) *Room {
	return &Room{Config: c, domes: map[string]*dome{}, sessions: map[string]map[*session]bool{}}
}

// camera is one with a head that who may know of.
func (r *Room) camera(id string, who access.Identity) (*cameras.Camera, error) {
	c, err := r.Cameras.Get(id, who.May(access.CameraSecret))
	if err != nil {
		return nil, err
	}
	if !c.PTZ {
		return nil, fmt.Errorf("camera %q: %w", id, ErrNoHead)
	}
	return c, nil
}

const mountOf = `
SELECT address, zero_deg, pan_deg, tilt_low_deg, tilt_high_deg, speed_deg, no_look
FROM ptz_head
WHERE camera = $1`

// Mount is how a camera's head is mounted; of a camera of which nobody has said anything, the usual.
func (r *Room) Mount(ctx context.Context, c *cameras.Camera) (Mount, error) {
	m := usual()
	err := r.Pool.QueryRow(ctx, mountOf, c.ID).Scan(&m.Address, &m.ZeroDeg, &m.PanDeg, &m.TiltLowDeg, &m.TiltHighDeg, &m.SpeedDeg, &m.NoLook)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return m, fmt.Errorf("mount of %s: %w", c.ID, err)
	}
	if m.NoLook == nil {
		m.NoLook = []Sector{}
	}
	if m.ZeroDeg == nil {
		m.ZeroDeg = c.Bearing
	}
	return m, nil
}

// check says what is wrong with a mount.
func (m *Mount) check() *Text {
	u, err := url.Parse(m.Address)
	switch {
	case m.Address != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https"):
		return &Text{ZH: "ONVIF 地址应以 http:// 或 https:// 开头，不含用户名和密码", EN: "the ONVIF address begins with http:// or https:// and holds no user or password"}
	case m.ZeroDeg != nil && !(*m.ZeroDeg >= 0 && *m.ZeroDeg < 360):
		return &Text{ZH: "零位方位角应为 0 至 360 度（不含 360）", EN: "zero_deg is at least 0 and under 360"}
	case !(m.PanDeg > 0 && m.PanDeg <= 360), !(m.SpeedDeg > 0 && m.SpeedDeg <= 1000):
		return &Text{ZH: "水平范围应为 0 至 360 度，速度应大于 0", EN: "pan_deg is over 0 and at most 360, speed_deg over 0"}
	case !(m.TiltLowDeg >= -180 && m.TiltLowDeg < m.TiltHighDeg && m.TiltHighDeg <= 180):
		return &Text{ZH: "俯仰范围应由低到高，在 -180 至 180 度之间", EN: "tilt_low_deg is under tilt_high_deg, both from -180 to 180"}
	case len(m.NoLook) > 32:
		return &Text{ZH: "禁视区不超过 32 个", EN: "at most 32 no-look sectors"}
	}
	for _, s := range m.NoLook {
		if strings.TrimSpace(s.Name) == "" || len([]rune(s.Name)) > 60 || !(s.FromDeg >= 0 && s.FromDeg < 360 && s.ToDeg >= 0 && s.ToDeg <= 360) || !(s.LowDeg >= -180 && s.LowDeg < s.HighDeg && s.HighDeg <= 180) {
			return &Text{ZH: "禁视区应有名称，方位 0 至 360 度，俯仰由低到高", EN: "a no-look sector has a name, bearings from 0 to 360, and elevations from low to high"}
		}
	}
	return nil
}

const saveMount = `
INSERT INTO ptz_head (camera, address, zero_deg, pan_deg, tilt_low_deg, tilt_high_deg, speed_deg, no_look)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (camera) DO UPDATE
SET address = EXCLUDED.address, zero_deg = EXCLUDED.zero_deg, pan_deg = EXCLUDED.pan_deg, tilt_low_deg = EXCLUDED.tilt_low_deg,
    tilt_high_deg = EXCLUDED.tilt_high_deg, speed_deg = EXCLUDED.speed_deg, no_look = EXCLUDED.no_look`

// SaveMount says how a head is mounted; the camera's history keeps who changed what. It returns an *InvalidError for what
// cannot be. Who drives goes by the old one until they take the head again.
func (r *Room) SaveMount(ctx context.Context, id string, who access.Identity, m Mount) error {
	if _, err := r.camera(id, who); err != nil {
		return err
	}
	if fault := m.check(); fault != nil {
		return &InvalidError{*fault}
	}
	if m.NoLook == nil {
		m.NoLook = []Sector{}
	}
	err := pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		if err := (cameras.Act{Who: who.Username, How: "form"}).Sign(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, saveMount, id, m.Address, m.ZeroDeg, m.PanDeg, m.TiltLowDeg, m.TiltHighDeg, m.SpeedDeg, m.NoLook)
		return err
	})
	if err != nil {
		return fmt.Errorf("save mount of %s: %w", id, err)
	}
	return nil
}

// dome is the head of a camera, the same client while its address and credentials stay.
func (r *Room) dome(c *cameras.Camera, m Mount) (*dome, error) {
	made, err := newDome(c.Way(), m, r.Net)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.domes[c.ID]; known != nil && known.key == made.key {
		return known, nil
	}
	r.domes[c.ID] = made
	return made, nil
}

// explain says in words what a head's error means.
func explain(err error) Text {
	var refused *RefusedError
	var busy *BusyError
	var fault *onvif.FaultError
	var timeout net.Error
	switch {
	case errors.As(err, &refused):
		return refused.Reason
	case errors.As(err, &busy):
		return Text{ZH: busy.Driver.Name + " 正在控制，可以接管", EN: busy.Driver.Name + " drives; you can take over"}
	case errors.Is(err, onvif.ErrNoPosition):
		return Text{ZH: "球机不报告自身朝向，设有禁视区时不能转动", EN: "the head does not say where it looks; with no-look sectors it may not be turned"}
	case errors.Is(err, onvif.ErrUnauthorized):
		return Text{ZH: "ONVIF 用户名或密码不正确", EN: "the camera refuses user or password over ONVIF"}
	case errors.Is(err, onvif.ErrNoService):
		return Text{ZH: "摄像机没有 ONVIF 云台服务", EN: "the camera has no PTZ service over ONVIF"}
	case errors.Is(err, rtsp.ErrForbidden):
		return Text{ZH: "ONVIF 地址不在允许的网段内", EN: "the ONVIF address is in no allowed network"}
	case errors.Is(err, onvif.ErrBadURL):
		return Text{ZH: "摄像机没有可用的 ONVIF 地址", EN: "the camera has no ONVIF address that can be used"}
	case errors.Is(err, onvif.ErrAnswer), errors.Is(err, onvif.ErrTooLarge), errors.Is(err, onvif.ErrRedirect):
		return Text{ZH: "摄像机的 ONVIF 应答无法识别", EN: "the camera's ONVIF answer cannot be read"}
	case errors.As(err, &fault):
		return Text{ZH: "摄像机拒绝：" + fault.Code, EN: "the camera declines: " + fault.Code}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Text{ZH: "球机没有应答", EN: "the head does not answer"}
	}
	return Text{ZH: "连接不上球机", EN: "the head cannot be reached"}
}

// goTo turns to a preset whose place is known, or is allowed to be unknown.
func (d *dome) goTo(ctx context.Context, m Mount, token string) error {
	p, err := d.of(ctx)
	if err != nil {
		return err
	}
	if len(m.NoLook) > 0 {
		presets, err := d.client.Presets(ctx, p)
		if err != nil {
			return err
		}
		for _, preset := range presets {
			if preset.Token != token {
				continue
			}
			if preset.At == nil {
				return &RefusedError{Text{ZH: "球机不报告该预置位的朝向，设有禁视区时不能转到", EN: "the head does not say where this preset looks; with no-look sectors it may not go there"}}
			}
			now, err := d.client.Position(ctx, p)
			if err != nil {
				return err
			}
			if s := m.crosses(m.aim(now), m.aim(*preset.At)); s != nil {
				return held(s)
			}
		}
	}
	return d.client.GoTo(ctx, p, token)
}

// lookAt turns the head so that p is in the middle of the picture; lon, lat in degrees, WGS-84 (EPSG:4326).
func (d *dome) lookAt(ctx context.Context, c *cameras.Camera, m Mount, p orb.Point) error {
	if m.ZeroDeg == nil || c.HeightM == nil {
		return &RefusedError{Text{ZH: "该球机的零位方位或安装高度未登记，不能按地图转向", EN: "the head's zero bearing or its height is not known: it cannot be turned from the map"}}
	}
	bearing, tilt, distance := LookAt(orb.Point{c.Location.Lon, c.Location.Lat}, p, *c.HeightM)
	const farM = 20_000
	if distance > farM {
		return &RefusedError{Text{ZH: "该点距离超过 20 公里", EN: "that place is over 20 km away"}}
	}
	now, err := d.Position(ctx)
	if err != nil {
		return err
	}
	return d.moveTo(ctx, m, Aim{bearing, tilt, now.Zoom})
}

// driven is what camera.driver tells.
type driven struct {
	ID      string  `json:"id"`
	Driver  *Driver `json:"driver"`
	Session string  `json:"session"` // of the driver; says nothing to others but whether it is they
	By      string  `json:"by"`      // name of who took it or let it go
}

// needs is the right that one must have to hear who drives.
func needs(c *cameras.Camera) string {
	if c.Secret() {
		return string(access.CameraSecret)
	}
	return string(access.CameraPTZ)
}

// Heard follows the log: who drives, on whatever node.
func (r *Room) Heard(_ context.Context, e live.Event) error {
	if e.Type != "camera.driver" {
		return nil
	}
	var d driven
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return fmt.Errorf("event %d: %w", e.Seq, err)
	}
	if d.Driver != nil {
		d.Driver.session = d.Session
	}
	r.tell(d)
	return nil
}

func (r *Room) tell(d driven) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions[d.ID] {
		s.hear(d)
	}
}

func newSession() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
