package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"

	"gridwall/dashboard"
	"gridwall/migrations"
)

// relay serves the pictures of a share of the cameras on another machine, nearer to them or stronger.
func relay(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("relay", "relay --name=NAME --url=URL [flags]; DATABASE_URL is the centre's database, --camera-key-file the centre's camera.keys")
	name := flags.String("name", "", "what the registry of cameras calls this relay: lower-case letters, digits, hyphens")
	public := flags.String("url", "", "where the centre's pages reach it, like https://10.2.0.5:8443 (default the address of --addr)")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	if s.database == "" {
		return errors.New("a relay has no database of its own: set DATABASE_URL to that of the centre")
	}
	if *name == "" {
		return errors.New("give it a name: --name=east")
	}
	log := newLog()
	proxies, err := prefixes(s.proxies)
	if err != nil {
		return fmt.Errorf("trusted proxies: %w", err)
	}
	cameraNet, err := s.cameraNet()
	if err != nil {
		return err
	}
	secured, err := openTLS(s.tlsCert, s.tlsKey, log)
	if err != nil {
		return err
	}
	pool, err := openMigrated(ctx, s.database)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Same(ctx, pool); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	host, _, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return err
	}
	rtspOut, err := s.rtspOut(host, log)
	if err != nil {
		return err
	}
	if rtspOut != nil {
		defer rtspOut.Close()
	}
	if cameraNet.Refused, err = noCamera(ctx, s.database, listener, rtspOut); err != nil {
		return err
	}
	keys, err := s.centreKeys()
	if err != nil {
		return err
	}
	scheme := "http"
	if secured != nil {
		scheme = "https"
	}
	life, end := context.WithCancel(ctx)
	defer end()
	r, err := dashboard.OpenRelay(life, dashboard.RelayConfig{Pool: pool, Name: *name, URL: cmp.Or(*public, scheme+"://"+listener.Addr().String()),
		WebRTCAddr: cmp.Or(s.webRTCAddr, net.JoinHostPort(host, "0")), RTSP: rtspOut, CameraKeys: keys, CameraNet: cameraNet, Proxies: proxies, Log: log})
	if err != nil {
		return err
	}
	web := newWeb(r.Handler(), log)
	ended := make(chan error, 1)
	if web.TLSConfig = secured; secured == nil {
		go func() { ended <- web.Serve(listener) }()
	} else {
		go func() { ended <- web.ServeTLS(listener, "", "") }()
	}
	fmt.Printf("Relay %s serves at %s://%s\n", *name, scheme, listener.Addr())
	rooms := make(chan error, 1)
	go func() { rooms <- r.Run(life) }()
	var failed error
	select {
	case <-life.Done():
	case failed = <-ended:
	}
	end()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	return errors.Join(failed, web.Shutdown(closing), <-rooms)
}
