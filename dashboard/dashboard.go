// Package dashboard assembles the rooms: who sees, decides and acts.
package dashboard

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"golang.org/x/sync/errgroup"

	"gridwall/dashboard/access"
	"gridwall/dashboard/alarms"
	"gridwall/dashboard/api"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cameras/seal"
	"gridwall/dashboard/cases"
	"gridwall/dashboard/catalogue"
	"gridwall/dashboard/clock"
	"gridwall/dashboard/live"
	"gridwall/dashboard/roster"
	"gridwall/dashboard/wall"
	"gridwall/geo"
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
	// KeepMonths is how many whole months of the log are kept beside the present one; 0: all.
	KeepMonths int
	// ClientsPerAddress is how many pages of one address may follow the log; 0: 256.
	ClientsPerAddress int
	// AlarmRules are the site's; nil: those that are shipped.
	AlarmRules *alarms.Rules
	Log        *slog.Logger
}

// Dashboard is the assembled house.
type Dashboard struct {
	Access *access.Room

	places  *geo.Map
	cameras *cameras.Room
	alarms  *alarms.Room
	hub     *streams.Hub
	whep    *whep.Server
	hls     *hls.Server
	rtsp    *rtpout.Server // nil: no RTSP
	log     *live.Log
	writer  *live.Writer
	keeper  *live.Keeper
	live    *live.Hub
	api     *api.Server
	logger  *slog.Logger
}

// Open reads what the rooms keep in memory. ctx is the life of the house: websockets end with it.
func Open(ctx context.Context, c Config) (*Dashboard, error) {
	list, err := fs.ReadFile(c.Catalogue, catalogue.Edition+".csv")
	if err != nil {
		return nil, err
	}
	classes, err := catalogue.Parse(list)
	if err != nil {
		return nil, err
	}
	// The log's head first: what changes while the rooms load is heard again afterwards.
	head, err := live.Head(ctx, c.Pool)
	if err != nil {
		return nil, fmt.Errorf("read the log's head: %w", err)
	}
	now := new(clock.Clock)
	d := &Dashboard{Access: access.New(c.Pool), logger: c.Log}
	if d.places, err = geo.Open(ctx, c.Pool); err != nil {
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
	d.writer = live.NewWriter(c.Pool.Config().ConnConfig, c.Log)
	d.keeper = &live.Keeper{Pool: c.Pool, Months: c.KeepMonths, Log: c.Log}
	files, err := cases.New(c.Pool, d.places, now, classes, d.writer)
	if err != nil {
		return nil, err
	}
	if d.alarms, err = alarms.New(alarms.Config{Pool: c.Pool, Clock: now, Rules: c.AlarmRules, Log: c.Log}); err != nil {
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
	d.live, err = live.Open(ctx, live.Config{
		Pool: c.Pool, Tables: []live.Table{files.Table(), d.alarms.Table(), cameras.Table()}, Under: d.under, Locate: d.cellOf, Again: api.Again(d.Access), Clock: now, Log: c.Log,
	})
	if err != nil {
		return nil, err
	}
	d.log = &live.Log{Pool: c.Pool, Hub: d.live, From: head, Heard: d.heard, Log: c.Log}
	d.api = api.New(ctx, api.Config{
		Pool: c.Pool, Access: d.Access, Cases: files, Catalogue: classes, Roster: roster.New(c.Pool), Cameras: d.cameras, Walls: wall.New(c.Pool), Alarms: d.alarms,
		Places: d.places, Hub: d.hub, WHEP: d.whep, HLS: d.hls, Stills: still.New(d.hub), Writer: d.writer, Live: &live.Socket{Hub: d.live, Limits: live.Limits{PerAddress: c.ClientsPerAddress}},
		Clock: now, SettableClock: c.SettableClock, Pages: c.Pages, Log: c.Log,
	})
	return d, nil
}

// Handler is the whole site.
func (d *Dashboard) Handler() http.Handler { return d.api.Handler() }

// Run keeps the rooms going until ctx ends, then waits for all of them.
func (d *Dashboard) Run(ctx context.Context) error {
	var group errgroup.Group
	rooms := []func(context.Context) error{d.writer.Run, d.keeper.Run, d.log.Run, d.live.Run, d.hub.Run, d.whep.Run, d.hls.Run, d.cameras.Run, d.alarms.Run}
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
	var err error
	switch e.Type {
	case "grid.changed", "building.changed", "backdrop.changed":
		if err = d.places.Reload(ctx, geo.Layer(strings.TrimSuffix(e.Type, ".changed"))); e.Type == "grid.changed" {
			d.live.Redraw()
		}
	default:
		err = d.cameras.Heard(ctx, e)
	}
	if err != nil {
		d.logger.Error("event not followed", "seq", e.Seq, "type", e.Type, "error", err)
	}
}

// under lists the grids below one.
func (d *Dashboard) under(code string) (codes []string) {
	tree := d.places.Grids()
	for _, child := range tree.Children(code) {
		codes = append(append(codes, child.Code), d.under(child.Code)...)
	}
	return codes
}

// cellOf is the cell of a place, empty outside of all.
func (d *Dashboard) cellOf(lon, lat float64) string {
	path, err := d.places.Locate(orb.Point{lon, lat})
	if err != nil {
		return ""
	}
	return path.Cell().Code
}
