// Package dashboard assembles the rooms: who sees, decides and acts.
package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"golang.org/x/sync/errgroup"

	"gridwall/dashboard/access"
	"gridwall/dashboard/access/oidc"
	"gridwall/dashboard/alarms"
	"gridwall/dashboard/api"
	"gridwall/dashboard/audit"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cameras/seal"
	"gridwall/dashboard/cases"
	"gridwall/dashboard/catalogue"
	"gridwall/dashboard/clock"
	"gridwall/dashboard/evaluation"
	"gridwall/dashboard/grids"
	"gridwall/dashboard/live"
	"gridwall/dashboard/persons"
	"gridwall/dashboard/ptz"
	"gridwall/dashboard/retention"
	"gridwall/dashboard/roster"
	"gridwall/dashboard/wall"
	"gridwall/geo"
	"gridwall/geo/basemap"
	"gridwall/geo/grid"
	"gridwall/streams"
	"gridwall/streams/hls"
	"gridwall/streams/rtpout"
	"gridwall/streams/rtsp"
	"gridwall/streams/still"
	"gridwall/streams/whep"
)

// Config is what the rooms need from outside.
type Config struct {
	Pool *pgxpool.Pool
	// Catalogue holds the list of parts and matters.
	Catalogue fs.FS
	// Pages holds the built front end.
	Pages fs.FS
	// WebRTCAddr is the UDP address that video goes out by, host:port; port 0 takes a free one.
	WebRTCAddr string
	// RTSP is where video goes out for other players; nil: it does not.
	RTSP net.Listener
	// CameraKeys seal the credentials of cameras; nil (tests): they lie open.
	CameraKeys *seal.Keyring
	// CameraNet is where cameras may be, and whom rtsps ones are signed by.
	CameraNet rtsp.Net
	// SettableClock lets administrators stop the clock: for scenarios, drills and the demo.
	SettableClock bool
	// Persons switches the records of persons on; they need CameraKeys.
	Persons bool
	// PurgeMonths is after how many months from its closing a case loses reporter and photos; 0: never by itself. Certificates
	// are signed with the key of Checkpoints and written into PurgeDir.
	PurgeMonths int
	PurgeDir    string
	// KeepMonths is how many whole months of the log are kept beside the present one; 0: all.
	KeepMonths int
	// ClientsPerAddress is how many pages of one address may follow the log; 0: 256.
	ClientsPerAddress int
	// Checkpoints signs the log's head; nil: nobody does.
	Checkpoints *audit.Signer
	// Proxies are the networks of trusted reverse proxies.
	Proxies []netip.Prefix
	// OIDC is the site's OpenID provider; nil: accounts have passwords.
	OIDC *oidc.Provider
	// FactorRoles may do nothing without a second factor.
	FactorRoles []access.Role
	// Basemap lies under the map; nil: none.
	Basemap *basemap.Map
	// GridCodes is how codes of new grids are made; the zero value is grid.National.
	GridCodes grid.Scheme
	// TileBytes is how much memory the map's tiles may take; see geo.Budget. 0: as much as they need.
	TileBytes int64
	// AlarmRules are the site's; nil: those that are shipped.
	AlarmRules *alarms.Rules
	// Flows is the folder of the site's flow files; nil: none.
	Flows fs.FS
	Log   *slog.Logger
}

// Dashboard is the assembled house.
type Dashboard struct {
	Access *access.Room

	places     *geo.Map
	cameras    *cameras.Room
	ptz        *ptz.Room
	plays      *audit.Plays
	signer     *audit.Signer // nil: the log's head is not signed
	alarms     *alarms.Room
	cases      *cases.Room
	catalogue  *catalogue.Room
	grids      *grids.Room
	evaluation *evaluation.Room
	hub        *streams.Hub
	whep       *whep.Server
	hls        *hls.Server
	rtsp       *rtpout.Server // nil: no RTSP
	log        *live.Log
	writer     *live.Writer
	keeper     *live.Keeper
	retention  *retention.Keeper
	live       *live.Hub
	api        *api.Server
	logger     *slog.Logger
}

// Open reads what the rooms keep in memory. ctx is the life of the house: websockets end with it.
func Open(ctx context.Context, c Config) (*Dashboard, error) {
	// The log's head first: what changes while the rooms load is heard again afterwards.
	head, err := live.Head(ctx, c.Pool)
	if err != nil {
		return nil, fmt.Errorf("read the log's head: %w", err)
	}
	classes, err := catalogue.Open(ctx, c.Pool, c.Catalogue, cases.CheckLimit)
	if err != nil {
		return nil, err
	}
	now := new(clock.Clock)
	d := &Dashboard{catalogue: classes, Access: access.New(c.Pool), signer: c.Checkpoints, logger: c.Log}
	d.Access.FactorRoles = c.FactorRoles
	if c.CameraKeys != nil { // a nil ring is no nil Sealer
		d.Access.Sealer = c.CameraKeys
	}
	if d.places, err = geo.OpenWithin(ctx, c.Pool, geo.Budget{TileBytes: c.TileBytes, Log: c.Log}); err != nil {
		return nil, err
	}
	if c.CameraKeys != nil {
		if err := cameras.Seal(ctx, c.Pool, c.CameraKeys); err != nil {
			return nil, err
		}
	}
	d.cameras = cameras.New(c.Pool, c.CameraKeys, d.places.Tiles(), now, c.Log)
	d.hub = streams.New(streams.Config{Log: c.Log, OnStatus: d.cameras.OnStatus, Net: c.CameraNet})
	d.cameras.Use(d.hub)
	if err := d.cameras.Load(ctx); err != nil {
		return nil, err
	}
	d.ptz = ptz.New(ptz.Config{Pool: c.Pool, Cameras: d.cameras, Net: c.CameraNet, Log: c.Log})
	d.plays = audit.NewPlays(c.Pool, c.Log)
	d.writer = live.NewWriter(c.Pool.Config().ConnConfig, c.Log)
	d.retention = &retention.Keeper{Pool: c.Pool, Dir: c.PurgeDir, Log: c.Log}
	if c.Checkpoints != nil {
		d.retention.Months, d.retention.Key = c.PurgeMonths, c.Checkpoints.Key
	}
	d.keeper = &live.Keeper{Pool: c.Pool, Months: c.KeepMonths, Log: c.Log}
	files, err := cases.New(c.Pool, d.places, now, classes, d.writer)
	if err != nil {
		return nil, err
	}
	d.cases = files
	if err := files.LoadFlows(ctx); err != nil {
		return nil, err
	}
	if err := files.LoadCalendar(ctx); err != nil {
		return nil, err
	}
	if err := files.LoadAround(ctx, head); err != nil {
		return nil, err
	}
	if c.Flows != nil {
		if _, err := files.ReloadFlows(ctx, c.Flows); err != nil {
			return nil, err
		}
	}
	if d.alarms, err = alarms.New(alarms.Config{Pool: c.Pool, Clock: now, Rules: c.AlarmRules, Places: d.places, Log: c.Log}); err != nil {
		return nil, err
	}
	if d.whep, err = whep.New(whep.Config{Hub: d.hub, Addr: c.WebRTCAddr, Log: c.Log}); err != nil {
		return nil, err
	}
	d.hls = hls.New(hls.Config{Hub: d.hub, Log: c.Log})
	if c.RTSP != nil {
		if d.rtsp, err = rtpout.New(rtpout.Config{Hub: d.hub, Listener: c.RTSP, Allowed: d.mayPlay, Log: c.Log}); err != nil {
			return nil, err
		}
	}
	var rtspAt net.Addr
	if d.rtsp != nil {
		rtspAt = d.rtsp.Addr()
	}
	d.live, err = live.Open(ctx, live.Config{
		Pool: c.Pool, Tables: []live.Table{files.Table(), d.alarms.Table(), cameras.Table()}, Under: d.under, Locate: d.cellOf, Again: api.Again(d.Access), Mask: access.MaskNumbers, Plain: string(access.NumbersRead), Clock: now, Log: c.Log,
	})
	if err != nil {
		return nil, err
	}
	d.log = &live.Log{Pool: c.Pool, Hub: d.live, From: head, Heard: d.heard, Log: c.Log}
	d.writer.Told = d.log.Told
	d.grids = &grids.Room{Pool: c.Pool, Places: d.places, Scheme: c.GridCodes, Clock: now, Zone: files.Calendar().Zone, Log: c.Log}
	if d.grids.Scheme == (grid.Scheme{}) {
		d.grids.Scheme = grid.National
	}
	d.evaluation = &evaluation.Room{Pool: c.Pool, Zone: files.Calendar().Zone, Steps: files.Steps, Log: c.Log}
	records := &persons.Room{Pool: c.Pool, Under: d.under, Now: now.Now, Zone: files.Calendar().Zone}
	if c.Persons {
		records.Sealer = d.Access.Sealer
	}
	d.retention.Persons = records.Expire
	d.api = api.New(ctx, api.Config{
		Evaluation: d.evaluation, Persons: records,
		Grids: d.grids, Basemap: c.Basemap,
		Pool: c.Pool, Access: d.Access, Cases: files, Flows: c.Flows, Catalogue: classes, Roster: roster.New(c.Pool), Cameras: d.cameras, Walls: wall.New(c.Pool), Alarms: d.alarms,
		Places: d.places, Hub: d.hub, WHEP: d.whep, HLS: d.hls, Stills: still.New(d.hub), PTZ: d.ptz, CameraNet: c.CameraNet, Plays: d.plays, RTSP: rtspAt, Writer: d.writer, Live: &live.Socket{Hub: d.live, Limits: live.Limits{PerAddress: c.ClientsPerAddress}},
		Clock: now, SettableClock: c.SettableClock, Proxies: c.Proxies, OIDC: c.OIDC, Pages: c.Pages, Log: c.Log,
	})
	return d, nil
}

// Handler is the whole site.
func (d *Dashboard) Handler() http.Handler { return d.api.Handler() }

// Run keeps the rooms going until ctx ends, then waits for all of them.
func (d *Dashboard) Run(ctx context.Context) error {
	var group errgroup.Group
	rooms := []func(context.Context) error{d.writer.Run, d.keeper.Run, d.retention.Run, d.log.Run, d.live.Run, d.hub.Run, d.whep.Run, d.hls.Run, d.plays.Run, d.cameras.Run, d.alarms.Run, d.places.Run, d.grids.Run, d.evaluation.Run}
	if d.signer != nil {
		rooms = append(rooms, d.signer.Run)
	}
	rooms = append(rooms, func(ctx context.Context) error { return d.cases.Run(ctx, d.logger) })
	if d.rtsp != nil {
		rooms = append(rooms, d.rtsp.Run)
	}
	for _, room := range rooms {
		group.Go(func() error { return room(ctx) })
	}
	return group.Wait()
}

// heard brings this node's memory up to date before its clients learn of a change.
func (d *Dashboard) heard(ctx context.Context, e live.Event) {
	d.writer.Heard(e.Seq)
	d.cases.Heard(e)
	var err error
	switch e.Type {
	case "grid.changed", "building.changed", "backdrop.changed":
		if err = d.places.Apply(ctx, geo.ChangeOf(geo.Layer(strings.TrimSuffix(e.Type, ".changed")), e.Data)); e.Type == "grid.changed" {
			d.live.Redraw()
		}
	case "flow.changed":
		err = d.cases.LoadFlows(ctx)
	case "calendar.changed":
		err = d.cases.LoadCalendar(ctx)
	default:
		err = errors.Join(d.cameras.Heard(ctx, e), d.ptz.Heard(ctx, e), d.catalogue.Heard(ctx, e))
	}
	if err != nil {
		d.logger.Error("event not followed", "seq", e.Seq, "type", e.Type, "error", err)
	}
}

// under lists the grids below one, those too that are no more.
func (d *Dashboard) under(code string) []string { return d.places.Grids().Under(code)[1:] }

// cellOf is the cell of a place, empty outside of all.
func (d *Dashboard) cellOf(lon, lat float64) string {
	path, err := d.places.Locate(orb.Point{lon, lat})
	if err != nil {
		return ""
	}
	return path.Cell().Code
}
