package rtsp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/deepch/vdk/av"
)

func TestRedactLeavesNothingThatOpensACamera(t *testing.T) {
	for _, tc := range []struct{ url, want string }{
		{"rtsp://10.0.0.1/ch1", "rtsp://10.0.0.1/ch1"},
		{"rtsp://admin:secret@10.0.0.1:554/ch1", "rtsp://***@10.0.0.1:554/ch1"},
		{"rtsp://admin@10.0.0.1/ch1", "rtsp://***@10.0.0.1/ch1"},
		{"rtsp://10.0.0.1/live?user=admin&password=secret", "rtsp://10.0.0.1/live?***"},
		{"rtsp://admin:se/cret@10.0.0.1/ch1", "rtsp://***"},
		{"", "rtsp://***"},
	} {
		if got := Redact(tc.url); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.url, got, tc.want)
		}
	}
}

func TestErrorsKeepTheirKindAndLoseTheCredentials(t *testing.T) {
	cause := errors.New("cause")
	url := "rtsp://admin:s%40cret@h/x?token=abc"
	err := scrub(fmt.Errorf("cannot use %s (s@cret, s%%40cret, token=abc): %w", url, cause), url)
	for _, secret := range []string{"s@cret", "s%40cret", "abc", "admin"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q is in %q", secret, err)
		}
	}
	if !errors.Is(err, cause) {
		t.Error("the error lost its kind")
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("rtsp://admin:hunter2@10.0.0.1/ch1?x=hunter2")
	f.Fuzz(func(t *testing.T, host string) {
		if strings.Contains(host, "hunter2") {
			t.Skip()
		}
		if got := Redact("rtsp://admin:hunter2@" + host); strings.Contains(got, "hunter2") {
			t.Fatal(got)
		}
	})
}

// Parameter sets and slice beginnings of x264 for 640 x 360 baseline.
var (
	sps = []byte{0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44, 0, 0, 3, 0, 4, 0, 0, 3, 0, 0xc8, 0x3c, 0x58, 0xba, 0x80}
	pps = []byte{0x68, 0xce, 0x0f, 0xc8}
	idr = []byte{0x65, 0x88, 0x84, 0x0a}
	sub = []byte{0x41, 0x9a, 0x38, 0x0a}
)

type heard struct {
	codecs  int
	packets []av.Packet
	damage  int
}

func listen() (*heard, *units) {
	h := &heard{}
	return h, newUnits(&Source{
		OnCodec:  func(av.CodecData) { h.codecs++ },
		OnPacket: func(p av.Packet) { h.packets = append(h.packets, p) },
		OnDamage: func() { h.damage++ },
	}, &avc)
}

func TestAccessUnitsBecomePacketsFromTheFirstKeyframeOn(t *testing.T) {
	h, u := listen()
	u.write([][]byte{sub}, 0, whole) // before any parameter set
	u.write([][]byte{{0x09, 0xf0}, sps, pps, idr}, 3600, whole)
	u.write([][]byte{sub}, 7200, whole)
	if h.codecs != 1 || len(h.packets) != 2 {
		t.Fatalf("%d codecs, %d packets", h.codecs, len(h.packets))
	}
	first := h.packets[0]
	if !first.IsKeyFrame || first.Time != 40*time.Millisecond || string(first.Data) != "\x00\x00\x00\x04"+string(idr) {
		t.Errorf("first packet %+v", first)
	}
	if h.packets[1].IsKeyFrame || h.packets[1].Time != 80*time.Millisecond {
		t.Errorf("second packet %+v", h.packets[1])
	}
}

func TestAfterALossNothingComesUntilTheNextKeyframe(t *testing.T) {
	h, u := listen()
	u.write([][]byte{sps, pps, idr}, 3600, whole)
	u.write([][]byte{sub}, 7200, before)
	u.write([][]byte{sub}, 10800, whole)
	u.write([][]byte{idr}, 14400, whole)
	if len(h.packets) != 2 || h.damage != 2 { // the one that was lost before, and the one that needs it
		t.Errorf("%d packets, %d damaged", len(h.packets), h.damage)
	}
}

func TestAClockThatGoesBackIsTakenAtTheNextKeyframe(t *testing.T) {
	h, u := listen()
	u.write([][]byte{sps, pps, idr}, 900000, whole)
	u.write([][]byte{idr}, 10, whole)
	if len(h.packets) != 2 || h.packets[1].Time > time.Millisecond {
		t.Errorf("%+v", h.packets)
	}
}

func TestNewParameterSetsInBandAreToldOnce(t *testing.T) {
	h, u := listen()
	u.write([][]byte{sps, pps, idr}, 3600, whole)
	u.write([][]byte{sps, pps, idr}, 7200, whole)
	other := append([]byte(nil), sps...)
	other[3] = 0x1f // another level
	u.write([][]byte{other, pps, idr}, 10800, whole)
	if h.codecs != 2 {
		t.Errorf("%d codecs told, 2 are different", h.codecs)
	}
}

func FuzzUnits(f *testing.F) {
	f.Add(sps, pps, idr, int64(3600))
	f.Add([]byte{0x67}, []byte{}, []byte{0x65}, int64(-1))
	f.Fuzz(func(t *testing.T, a, b, c []byte, pts int64) {
		h, u := listen()
		for _, shift := range []int64{0, 3600, -3600, 1 << 40} {
			u.write([][]byte{a, b, c}, pts/4+shift, whole)
			u.write([][]byte{c, b}, pts/4+shift+1, torn)
		}
		for _, p := range h.packets {
			if len(p.Data) > 4*3+len(a)+len(b)+len(c) {
				t.Fatalf("packet of %d bytes", len(p.Data))
			}
		}
	})
}
