package dashboard_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"gridwall/dashboard/access"
	"gridwall/streams/streamtest"
)

// TestAnIntegratorFindsACameraAndHowItIsPlayed asks a real device over UDP and SOAP: it answers to a probe, is known once it
// stands in the registry, tells its pictures to the right password, and says in words why not.
func TestAnIntegratorFindsACameraAndHowItIsPlayed(t *testing.T) {
	room, err := streamtest.New(streamtest.Config{Clips: os.DirFS("../assets/demo"), Cameras: []streamtest.Camera{{ID: "P1", Name: "球机", Scene: "street", PTZ: true}}, User: "admin", Password: "geheim"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- room.Run(ctx) }()
	device := room.ONVIF()
	web := httptest.NewServer(device)
	probes, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go device.Announce(probes, strings.TrimPrefix(web.URL, "http://"))
	t.Cleanup(func() {
		probes.Close()
		web.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	h := open(t)

	type found struct {
		Devices []struct {
			Address, Hardware string
			Cameras           []string
		}
	}
	var first, second found
	h.must(access.Integrator, "POST", "/api/v1/cameras/discover", map[string]any{"at": probes.LocalAddr().String()}, &first)
	if len(first.Devices) != 1 || first.Devices[0].Hardware != "streamtest" || slices.Contains(first.Devices[0].Cameras, "P1") {
		t.Fatalf("found %+v", first)
	}
	address := first.Devices[0].Address

	var played struct {
		Maker, Model string
		Profiles     []struct {
			Codec, URL    string
			Width, Height int
			PTZ           bool
		}
	}
	h.must(access.Integrator, "POST", "/api/v1/cameras/device", map[string]any{"address": address, "username": "admin", "password": "geheim"}, &played)
	if len(played.Profiles) == 0 {
		t.Fatal("no way to play it")
	}
	main := played.Profiles[0]
	if !strings.HasPrefix(main.URL, "rtsp://") || main.Codec != "H.264" || main.Width == 0 || main.Height == 0 || !main.PTZ || played.Model == "" {
		t.Fatalf("plays %+v", played)
	}

	h.must(access.Integrator, "POST", "/api/v1/cameras", map[string]any{"id": "P1", "name": "球机", "url": main.URL, "username": "admin", "password": "geheim", "lon": 110.005, "lat": 40.405}, nil)
	h.must(access.Integrator, "POST", "/api/v1/cameras/discover", map[string]any{"at": probes.LocalAddr().String()}, &second)
	if len(second.Devices) != 1 || !slices.Contains(second.Devices[0].Cameras, "P1") {
		t.Errorf("found again %+v", second)
	}

	for name, c := range map[string]struct {
		path string
		in   map[string]any
		want string
	}{
		"wrong password": {"device", map[string]any{"address": address, "username": "admin", "password": "falsch"}, "用户名或密码"},
		"no address":     {"device", map[string]any{"address": "rtsp://10.0.0.1/"}, "onvif/device_service"},
		"nobody there":   {"device", map[string]any{"address": "http://127.0.0.1:1/"}, "连接不上"},
		"no host":        {"discover", map[string]any{"at": "no such host"}, "连接不上"},
	} {
		a := h.ask(access.Integrator, "POST", "/api/v1/cameras/"+c.path, c.in)
		if code, detail := a.problem(); a.code != http.StatusUnprocessableEntity || code != "camera_invalid" || !strings.Contains(detail, c.want) {
			t.Errorf("%s: %d %s %s", name, a.code, code, detail)
		}
	}
}
