package cameras

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"gridwall/streams/onvif"
	"gridwall/streams/rtsp"
)

// Device is an ONVIF device of the network.
type Device struct {
	Address  string   `json:"address"` // of its device service
	Name     string   `json:"name"`    // as it calls itself; may be empty
	Hardware string   `json:"hardware"`
	Cameras  []string `json:"cameras"` // ids of the registry that come from its host already
}

// Pictures are what a device says of itself and how it can be played.
type Pictures struct {
	Maker    string    `json:"maker"`
	Model    string    `json:"model"`
	Profiles []Profile `json:"profiles"` // in the device's order: the main picture comes first
}

// Profile is a way in which a device shows a picture.
type Profile struct {
	Name   string `json:"name"`
	Codec  string `json:"codec"`
	Width  int    `json:"width"` // pixels
	Height int    `json:"height"`
	PTZ    bool   `json:"ptz"`
	URL    string `json:"url"` // RTSP, without credentials
}

const (
	// probeFor is how long devices have to answer a probe (WS-Discovery asks for half a second of them, networks for more).
	probeFor  = 3 * time.Second
	probePort = "3702"
)

// Discover asks for ONVIF devices: all of this server's own network, or the one at a host (a name or an address; a port if
// it is not 3702), which may be behind routers. It takes three seconds.
//
// Errors: *InvalidError, where at is no host or in no allowed network.
func (r *Room) Discover(ctx context.Context, at string, network rtsp.Net) ([]Device, error) {
	to := onvif.Multicast
	if at = strings.TrimSpace(at); at != "" {
		if to = at; !strings.Contains(at, ":") {
			to = net.JoinHostPort(at, probePort)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	found, err := onvif.Discover(ctx, to, network)
	if err != nil {
		return nil, &InvalidError{deviceTrouble(err)}
	}
	devices := make([]Device, len(found))
	of := r.hosts()
	for i, f := range found {
		devices[i] = Device{Address: f.Address, Name: f.Name, Hardware: f.Hardware, Cameras: []string{}}
		if u, err := url.Parse(f.Address); err == nil {
			devices[i].Cameras = append(devices[i].Cameras, of[u.Hostname()]...)
		}
	}
	return devices, nil
}

// hosts are the ids of the registry by the host that their pictures come from.
func (r *Room) hosts() map[string][]string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	of := map[string][]string{}
	for _, c := range r.cameras {
		if u, err := url.Parse(string(c.stream.url)); err == nil && u.Hostname() != "" && !c.secret {
			of[u.Hostname()] = append(of[u.Hostname()], c.ID)
		}
	}
	return of
}

// AskDevice asks the device service at an address what it is and how its pictures are played.
//
// Errors: *InvalidError, with the reason in words.
func AskDevice(ctx context.Context, address, user, password string, network rtsp.Net) (*Pictures, error) {
	client, err := onvif.New(address, user, password, network)
	if err != nil {
		return nil, &InvalidError{deviceTrouble(err)}
	}
	defer client.Close()
	about, err := client.Information(ctx)
	if err != nil {
		return nil, &InvalidError{deviceTrouble(err)}
	}
	profiles, err := client.Profiles(ctx)
	if err != nil {
		return nil, &InvalidError{deviceTrouble(err)}
	}
	p := &Pictures{Maker: about.Manufacturer, Model: about.Model, Profiles: []Profile{}}
	for _, profile := range profiles {
		if !slices.Contains([]string{"H264", "H265"}, profile.Encoding) {
			continue
		}
		at, err := client.StreamURI(ctx, profile.Token)
		if err != nil {
			return nil, &InvalidError{deviceTrouble(err)}
		}
		p.Profiles = append(p.Profiles, Profile{Name: profile.Name, Codec: profile.Encoding[:1] + "." + profile.Encoding[1:], Width: profile.Width, Height: profile.Height, PTZ: profile.PTZ, URL: at})
	}
	return p, nil
}

// deviceTrouble says why a device does not answer as it should, and what to do.
func deviceTrouble(err error) Text {
	var fault *onvif.FaultError
	var slow net.Error
	switch {
	case errors.Is(err, onvif.ErrUnauthorized):
		return Text{"用户名或密码不正确（ONVIF 账户常与网页账户不同，需在设备上启用）", "the device refuses user or password (accounts of ONVIF are often apart from those of its pages, and must be switched on)"}
	case errors.Is(err, rtsp.ErrForbidden):
		return Text{"该地址不在允许的网段内（--camera-networks）", "the address is in no allowed network (--camera-networks)"}
	case errors.Is(err, onvif.ErrBadURL):
		return Text{"设备地址应为 http://主机[:端口]/onvif/device_service", "a device's address is http://host[:port]/onvif/device_service"}
	case errors.Is(err, onvif.ErrNoService):
		return Text{"设备没有 ONVIF 媒体服务：请直接填写取流地址", "the device has no media service over ONVIF: enter its stream address yourself"}
	case errors.Is(err, onvif.ErrAnswer), errors.Is(err, onvif.ErrTooLarge), errors.Is(err, onvif.ErrRedirect):
		return Text{"应答无法识别：这个地址可能不是 ONVIF 设备", "its answer cannot be read: this may be no ONVIF device"}
	case errors.As(err, &fault):
		return Text{"设备拒绝：" + fault.Code, "the device declines: " + fault.Code}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return Text{"设备没有应答：请检查地址、网络和电源", "the device does not answer: check address, network and power"}
	}
	return Text{"连接不上：请检查主机和端口", "it cannot be reached: check host and port"}
}
