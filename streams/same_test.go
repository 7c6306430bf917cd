package streams

import (
	"bytes"
	"testing"
	"time"

	"gridwall/streams/rtsp"
)

func TestAQuietStreetIsNotAFrozenCamera(t *testing.T) {
	at := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	key := func(fill byte) []byte { return bytes.Repeat([]byte{fill}, 40_000) }
	for _, tc := range []struct {
		name    string
		keys    func(n int) []byte
		between int // bytes of each picture between
		want    bool
	}{
		{"the same keyframe and nothing between", func(int) []byte { return key(1) }, 200, true},
		{"a loop: the same keyframe, and things move between", func(int) []byte { return key(1) }, 8_000, false},
		{"the noise of a night", func(n int) []byte { return key(byte(n)) }, 200, false},
		{"a clock in the picture", func(n int) []byte { return append(key(1), byte(n)) }, 200, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := sameness{least: 30 * time.Second}
			frozen := false
			for n := range 30 { // a minute of 2 s each
				now := at.Add(time.Duration(n) * 2 * time.Second)
				frozen = s.see(tc.keys(n), true, now)
				if frozen && now.Sub(at) < 30*time.Second {
					t.Fatal("frozen after", now.Sub(at))
				}
				for range 49 {
					frozen = s.see(make([]byte, tc.between), false, now)
				}
			}
			if frozen != tc.want {
				t.Errorf("frozen %v", frozen)
			}
			if tc.want && s.see(key(9), true, at.Add(time.Hour)) {
				t.Error("another picture is still frozen")
			}
		})
	}
}

func TestWhatALookFoundIsJudged(t *testing.T) {
	ahead := func(d time.Duration) *time.Duration { return &d }
	for _, tc := range []struct {
		found rtsp.Found
		want  State
	}{
		{rtsp.Found{FirstPicture: time.Second, Delivered: 1}, Online},
		{rtsp.Found{FirstPicture: 8 * time.Second}, Late},
		{rtsp.Found{Delivered: 0.3}, Late},
		{rtsp.Found{Clock: ahead(20 * time.Second)}, Online},
		{rtsp.Found{Clock: ahead(-3 * time.Minute)}, Late},
	} {
		if got, reason := judge(&tc.found); got != tc.want || (got == Late) != (reason.Zh != "" && reason.En != "") {
			t.Errorf("%+v: %s %v", tc.found, got, reason)
		}
	}
}
