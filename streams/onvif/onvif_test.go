package onvif_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gridwall/streams/onvif"
	"gridwall/streams/rtsp"
	"gridwall/streams/streamtest"
)

// device is a PTZ camera P and a fixed one F, with the address of P's device service.
func device(t *testing.T, c streamtest.Config) (*streamtest.Server, *streamtest.ONVIF, *httptest.Server) {
	t.Helper()
	c.Clips = os.DirFS("../../assets/demo")
	c.Cameras = []streamtest.Camera{{ID: "P", Name: "云台", Scene: "street", PTZ: true}, {ID: "F", Name: "枪机", Scene: "street"}}
	room, err := streamtest.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- room.Run(ctx) }()
	side := room.ONVIF()
	web := httptest.NewServer(side)
	t.Cleanup(func() {
		web.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return room, side, web
}

func client(t *testing.T, address, user, password string, network rtsp.Net) *onvif.Client {
	t.Helper()
	c, err := onvif.New(address, user, password, network)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestADeviceTellsWhatItIsWhateverItsClock(t *testing.T) {
	for _, tc := range []struct {
		name   string
		config streamtest.Config
	}{
		{"its clock is two years behind", streamtest.Config{ClockOffset: -2 * 365 * 24 * time.Hour}},
		{"its clock is an hour ahead", streamtest.Config{ClockOffset: time.Hour}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.config.User, tc.config.Password = "admin", "p<ss&wörd"
			room, _, web := device(t, tc.config)
			c := client(t, web.URL+"/onvif/P/device_service", tc.config.User, tc.config.Password, rtsp.Net{})
			ctx := within(t)
			what, err := c.Information(ctx)
			if want := (onvif.Information{Manufacturer: "Gridwall", Model: "streamtest", Firmware: "1", Serial: "P", Hardware: "none"}); err != nil || what != want {
				t.Fatalf("%v, %v", what, err)
			}
			if offset, err := c.ClockOffset(ctx); err != nil || (offset-tc.config.ClockOffset).Abs() > time.Minute {
				t.Errorf("offset %v, %v", offset, err)
			}
			profiles, err := c.Profiles(ctx)
			if diff := cmp.Diff([]onvif.Profile{{Token: "main", Name: "主码流", Encoding: "H264", Width: 640, Height: 360, PTZ: true}}, profiles); err != nil || diff != "" {
				t.Errorf("profiles: %v %s", err, diff)
			}
			uri, err := c.StreamURI(ctx, "main")
			if want := "rtsp://" + room.Addr().String() + "/P"; err != nil || uri != want {
				t.Errorf("stream %q, %v", uri, err)
			}
			u, _ := url.Parse(uri)
			u.User = url.UserPassword(tc.config.User, tc.config.Password)
			if err := rtsp.Probe(ctx, u.String(), rtsp.Net{}); err != nil {
				t.Errorf("what it says does not play: %v", err)
			}
			var fault *onvif.FaultError
			if _, err := c.StreamURI(ctx, "none"); !errors.As(err, &fault) || fault.Code != "NoProfile" {
				t.Errorf("a profile that is not there: %v", err)
			}
		})
	}
}

func TestADeviceThatAsksForHTTPDigestIsAnsweredAndGivesItsPicture(t *testing.T) {
	_, _, web := device(t, streamtest.Config{HTTPDigest: true, User: "admin", Password: "p:a b"})
	c := client(t, web.URL+"/onvif/P/device_service", "admin", "p:a b", rtsp.Net{})
	ctx := within(t)
	if _, err := c.Profiles(ctx); err != nil {
		t.Fatal(err)
	}
	uri, err := c.SnapshotURI(ctx, "main")
	if err != nil {
		t.Fatal(err)
	}
	if picture, err := c.Snapshot(ctx, uri); err != nil || len(picture) != 4 {
		t.Errorf("%d bytes, %v", len(picture), err)
	}
	if _, err := c.Snapshot(ctx, "http://elsewhere.example/x.jpg"); !errors.Is(err, onvif.ErrRedirect) {
		t.Errorf("a picture elsewhere: %v", err)
	}
}

func TestThreeRefusalsEndTheTries(t *testing.T) {
	_, side, web := device(t, streamtest.Config{User: "admin", Password: "p"})
	c := client(t, web.URL+"/onvif/P/device_service", "admin", "wrong", rtsp.Net{})
	for range 8 {
		if _, err := c.Information(within(t)); !errors.Is(err, onvif.ErrUnauthorized) {
			t.Fatal(err)
		}
	}
	if n := side.Asked("GetDeviceInformation"); n != 3 {
		t.Errorf("asked %d times with a wrong password", n)
	}
}

func TestTheHeadTurnsStopsAndRemembers(t *testing.T) {
	room, _, web := device(t, streamtest.Config{User: "admin", Password: "p"})
	c := client(t, web.URL+"/onvif/P/device_service", "admin", "p", rtsp.Net{})
	ctx := within(t)
	head := room.Head("P")
	arrives := func(want func(streamtest.Aim) bool) {
		t.Helper()
		for {
			at, _ := head.At()
			if want(at) {
				return
			}
			if ctx.Err() != nil {
				t.Fatalf("it looks at %+v", at)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	if err := c.Move(ctx, "main", onvif.Vector{Pan: 1, Tilt: -0.5}, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	arrives(func(a streamtest.Aim) bool { return a.Pan > 3 && a.Tilt < -0.5 })
	if err := c.Stop(ctx, "main"); err != nil {
		t.Fatal(err)
	}
	stopped, moves := head.At()
	if moves {
		t.Error("moves after stop")
	}
	at, err := c.Position(ctx, "main")
	if pan := at.Pan * streamtest.PanLimitDeg; err != nil || pan < stopped.Pan-0.01 || pan > stopped.Pan+0.01 {
		t.Errorf("says %v, looks at %v: %v", at, stopped, err)
	}
	token, err := c.SetPreset(ctx, "main", "大门 & 路口", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MoveTo(ctx, "main", onvif.Vector{Pan: -0.1, Tilt: 0.9, Zoom: 0.2}); err != nil {
		t.Fatal(err)
	}
	arrives(func(a streamtest.Aim) bool { return a.Pan == -17 && a.Zoom == 0.2 })
	if err := c.MoveBy(ctx, "main", onvif.Vector{Pan: 0.1}); err != nil {
		t.Fatal(err)
	}
	arrives(func(a streamtest.Aim) bool { return a.Pan > -0.001 })
	presets, err := c.Presets(ctx, "main")
	if err != nil || len(presets) != 1 || presets[0].Name != "大门 & 路口" || presets[0].At == nil {
		t.Fatalf("%+v, %v", presets, err)
	}
	if err := c.GoTo(ctx, "main", token); err != nil {
		t.Fatal(err)
	}
	arrives(func(a streamtest.Aim) bool { return a == stopped })

	fixed := client(t, web.URL+"/onvif/F/device_service", "admin", "p", rtsp.Net{})
	if err := fixed.Stop(ctx, "main"); !errors.Is(err, onvif.ErrNoService) {
		t.Errorf("a camera without a head: %v", err)
	}
}

func TestDevicesAnswerAProbe(t *testing.T) {
	_, side, web := device(t, streamtest.Config{})
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { side.Announce(conn, strings.TrimPrefix(web.URL, "http://")); close(done) }()
	defer func() { conn.Close(); <-done }()
	discover := func(network rtsp.Net, enough int) (found []onvif.Found) {
		for range 20 { // a datagram may be lost
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			found, err = onvif.Discover(ctx, conn.LocalAddr().String(), network)
			cancel()
			if err != nil || len(found) >= enough {
				return found
			}
		}
		return found
	}
	want := []onvif.Found{
		{Endpoint: "urn:uuid:F", Address: web.URL + "/onvif/F/device_service", Name: "F", Hardware: "streamtest"},
		{Endpoint: "urn:uuid:P", Address: web.URL + "/onvif/P/device_service", Name: "P", Hardware: "streamtest"},
	}
	if diff := cmp.Diff(want, discover(rtsp.Net{}, 2)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if found := discover(rtsp.Net{Allowed: func(a netip.Addr) bool { return !a.IsLoopback() }}, 0); len(found) != 0 {
		t.Errorf("in a forbidden network: %v", found)
	}
	if !errors.Is(err, rtsp.ErrForbidden) {
		t.Errorf("a probe to a forbidden network: %v", err)
	}
}

func TestForbiddenNetworksAreNotReachedNotEvenByARedirect(t *testing.T) {
	reached := false
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer inner.Close()
	network := rtsp.Net{Allowed: func(netip.Addr) bool { return false }}
	c := client(t, inner.URL, "admin", "geheim", network)
	if _, err := c.Information(within(t)); !errors.Is(err, rtsp.ErrForbidden) {
		t.Errorf("forbidden: %v", err)
	}
	for name, to := range map[string]string{"another host": strings.Replace(inner.URL, "127.0.0.1", "localhost", 1), "without end": ""} {
		outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, to+"/onvif/device_service", http.StatusTemporaryRedirect)
		}))
		c = client(t, outer.URL, "admin", "geheim", rtsp.Net{})
		if _, err := c.Information(within(t)); !errors.Is(err, onvif.ErrRedirect) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("redirect to %s: %v", name, err)
		}
		outer.Close()
	}
	if reached {
		t.Error("the forbidden server was asked")
	}
}

func TestHostileAnswersAreErrorsInWords(t *testing.T) {
	envelope := func(body string) string {
		return `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>` + body + `</s:Body></s:Envelope>`
	}
	for _, tc := range []struct {
		name, answer string
		code         int
		want         error
	}{
		{"nothing", "", 200, onvif.ErrAnswer},
		{"a page", "<html><body>login</body></html>", 200, onvif.ErrAnswer},
		{"not XML", "\x00\xff\xfe{}", 200, onvif.ErrAnswer},
		{"cut off", envelope(`<GetDeviceInformationResponse xmlns="http://www.onvif.org/ver10/device/wsdl"><Model>x`)[:150], 200, onvif.ErrAnswer},
		{"a wrong envelope", `<s:Envelope xmlns:s="urn:other"><s:Body/></s:Envelope>`, 200, onvif.ErrAnswer},
		{"SOAP 1.1", `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>`, 200, onvif.ErrAnswer},
		{"a wrong namespace", envelope(`<GetDeviceInformationResponse xmlns="urn:other"/>`), 200, onvif.ErrAnswer},
		{"another answer", envelope(`<GetProfilesResponse xmlns="http://www.onvif.org/ver10/media/wsdl"/>`), 200, onvif.ErrAnswer},
		{"entities", `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>` + envelope(`<GetDeviceInformationResponse xmlns="http://www.onvif.org/ver10/device/wsdl"><Model>&b;</Model></GetDeviceInformationResponse>`), 200, onvif.ErrAnswer},
		{"too large", envelope(`<GetDeviceInformationResponse xmlns="http://www.onvif.org/ver10/device/wsdl"><Model>` + strings.Repeat("x", 3<<20) + `</Model></GetDeviceInformationResponse>`), 200, onvif.ErrTooLarge},
		{"without an end", "endless", 200, onvif.ErrTooLarge},
		{"deep", strings.Repeat("<a>", 300_000), 200, onvif.ErrAnswer},
		{"401 without words", "", 401, onvif.ErrUnauthorized},
		{"a fault that says so", envelope(`<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code></s:Fault>`), 400, onvif.ErrUnauthorized},
	} {
		t.Run(tc.name, func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.code)
				if tc.answer != "endless" {
					w.Write([]byte(tc.answer))
					return
				}
				for line := []byte(strings.Repeat(" ", 64<<10)); ; {
					if _, err := w.Write(line); err != nil {
						return
					}
				}
			}))
			defer web.Close()
			c := client(t, web.URL, "admin", "geheim", rtsp.Net{})
			_, err := c.Information(within(t))
			if !errors.Is(err, tc.want) || len(err.Error()) > 500 || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%.600v", err)
			}
		})
	}
	for _, address := range []string{"", "rtsp://h/x", "http://", "http://admin:geheim@[/x", "h/x"} {
		if _, err := onvif.New(address, "", "", rtsp.Net{}); !errors.Is(err, onvif.ErrBadURL) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
