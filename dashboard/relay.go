package dashboard

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"gridwall/dashboard/access"
	"gridwall/dashboard/api"
	"gridwall/dashboard/audit"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cameras/seal"
	"gridwall/dashboard/clock"
	"gridwall/streams"
	"gridwall/streams/hls"
	"gridwall/streams/rtpout"
	"gridwall/streams/rtsp"
	"gridwall/streams/still"
	"gridwall/streams/whep"
)

// RelayConfig is what a relay needs from outside: the centre's database, and the keys of its cameras' credentials.
type RelayConfig struct {
	Pool *pgxpool.Pool
	// Name is what the registry calls it, URL where the centre's pages reach it.
	Name, URL string
	// WebRTCAddr, RTSP, CameraKeys, CameraNet, Proxies: as in Config.
	WebRTCAddr string
	RTSP       net.Listener
	CameraKeys *seal.Keyring
	CameraNet  rtsp.Net
	Proxies    []netip.Prefix
	Log        *slog.Logger
}

// Relay pulls a share of the cameras and serves their pictures to whom the centre sends. It decides nothing: who may see
// what, the centre has decided when it gave the link; what it finds out about its cameras goes into the centre's log.
type Relay struct {
	cameras *cameras.Room
	plays   *audit.Plays
	hub     *streams.Hub
	whep    *whep.Server
	hls     *hls.Server
	rtsp    *rtpout.Server // nil: no RTSP
	api     *api.Server
}

// OpenRelay enters the relay in the registry and reads its share. ctx is its life: websockets end with it.
func OpenRelay(ctx context.Context, c RelayConfig) (*Relay, error) {
	entrance := access.New(c.Pool)
	now := new(clock.Clock)
	r := &Relay{cameras: cameras.New(c.Pool, c.CameraKeys, nil, now, c.Log), plays: audit.NewPlays(c.Pool, c.Log)}
	r.hub = streams.New(streams.Config{Log: c.Log, OnStatus: r.cameras.OnStatus, Net: c.CameraNet})
	r.cameras.Use(r.hub)
	var err error
	if r.whep, err = whep.New(whep.Config{Hub: r.hub, Addr: c.WebRTCAddr, Log: c.Log}); err != nil {
		return nil, err
	}
	r.hls = hls.New(hls.Config{Hub: r.hub, Log: c.Log})
	at := ""
	if c.RTSP != nil {
		door := &Dashboard{Access: entrance, cameras: r.cameras, plays: r.plays, logger: c.Log}
		if r.rtsp, err = rtpout.New(rtpout.Config{Hub: r.hub, Listener: c.RTSP, Allowed: door.mayFollow, Log: c.Log}); err != nil {
			return nil, err
		}
		at = r.rtsp.Addr().String()
	}
	if err := r.cameras.Serve(ctx, cameras.Relay{ID: c.Name, URL: c.URL, RTSP: at}); err != nil {
		return nil, err
	}
	if err := r.cameras.Load(ctx); err != nil {
		return nil, err
	}
	r.api = api.NewRelay(ctx, api.Config{Pool: c.Pool, Access: entrance, Cameras: r.cameras, Hub: r.hub, WHEP: r.whep, HLS: r.hls, Stills: still.New(r.hub), Plays: r.plays, Clock: now, Proxies: c.Proxies, Log: c.Log})
	return r, nil
}

// Handler is what the relay serves.
func (r *Relay) Handler() http.Handler { return r.api.Handler() }

// Run keeps the relay going until ctx ends, then waits for all of it.
func (r *Relay) Run(ctx context.Context) error {
	var group errgroup.Group
	rooms := []func(context.Context) error{r.hub.Run, r.whep.Run, r.hls.Run, r.plays.Run, r.cameras.Run}
	if r.rtsp != nil {
		rooms = append(rooms, r.rtsp.Run)
	}
	for _, room := range rooms {
		group.Go(func() error { return room(ctx) })
	}
	return group.Wait()
}
