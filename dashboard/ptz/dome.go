package ptz

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"gridwall/dashboard/cameras"
	"gridwall/streams/onvif"
	"gridwall/streams/rtsp"
)

// dome is a camera's head over ONVIF. Its profile is the first one that turns, asked once.
type dome struct {
	client *onvif.Client
	key    string // what it was made of, to notice a change

	mu      sync.Mutex
	profile string
}

// newDome makes the head of a camera; nothing is sent yet. The address is the mount's, or the host of the camera's own.
func newDome(access cameras.Way, m Mount, network rtsp.Net) (*dome, error) {
	address := m.Address
	if address == "" {
		u, err := url.Parse(access.URL)
		if err != nil || u.Hostname() == "" {
			return nil, onvif.ErrBadURL
		}
		host := u.Hostname()
		if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
			host = "[" + host + "]"
		}
		address = "http://" + host + "/onvif/device_service"
	}
	client, err := onvif.New(address, access.User, access.Password, network)
	if err != nil {
		return nil, err
	}
	return &dome{client: client, key: address + "\x00" + access.User + "\x00" + access.Password}, nil
}

func (d *dome) of(ctx context.Context) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.profile != "" {
		return d.profile, nil
	}
	profiles, err := d.client.Profiles(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range profiles {
		if p.PTZ {
			d.profile = p.Token
			return d.profile, nil
		}
	}
	return "", onvif.ErrNoService
}

func (d *dome) Move(ctx context.Context, speed onvif.Vector, timeout time.Duration) error {
	p, err := d.of(ctx)
	if err != nil {
		return err
	}
	return d.client.Move(ctx, p, speed, timeout)
}

func (d *dome) Stop(ctx context.Context) error {
	p, err := d.of(ctx)
	if err != nil {
		return err
	}
	return d.client.Stop(ctx, p)
}

func (d *dome) Position(ctx context.Context) (onvif.Vector, error) {
	p, err := d.of(ctx)
	if err != nil {
		return onvif.Vector{}, err
	}
	return d.client.Position(ctx, p)
}

func (d *dome) presets(ctx context.Context) ([]onvif.Preset, error) {
	p, err := d.of(ctx)
	if err != nil {
		return nil, err
	}
	return d.client.Presets(ctx, p)
}

// moveTo turns to an aim by the shortest allowed way, as m says; it returns a *RefusedError where it may not.
func (d *dome) moveTo(ctx context.Context, m Mount, to Aim) error {
	p, err := d.of(ctx)
	if err != nil {
		return err
	}
	v, ok := m.vector(to)
	if !ok {
		return &RefusedError{Reason: Text{ZH: fmt.Sprintf("球机转不到该方向（方位 %.0f°，俯仰 %.0f°）", to.BearingDeg, to.TiltDeg),
			EN: fmt.Sprintf("the head cannot look there (bearing %.0f°, tilt %.0f°)", to.BearingDeg, to.TiltDeg)}}
	}
	if len(m.NoLook) > 0 {
		now, err := d.client.Position(ctx, p)
		if err != nil {
			return err
		}
		if s := m.crosses(m.aim(now), to); s != nil {
			return held(s)
		}
	}
	return d.client.MoveTo(ctx, p, v)
}

func held(s *Sector) error {
	return &RefusedError{Reason: Text{ZH: "禁视区「" + s.Name + "」，不能转入或经过", EN: "no-look sector “" + s.Name + "”: the head may not move into it or through it"}}
}
