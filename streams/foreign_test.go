package streams_test

import (
	"strings"
	"testing"
	"time"

	"gridwall/streams"
	"gridwall/streams/streamtest/foreign"
)

func TestACameraThatWeDidNotWritePlaysWithBFramesAndSlices(t *testing.T) {
	url := foreign.Start(t, "6")
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "F1", URL: url}})
	r := open(t, h, "F1")
	var last *streams.Packet
	reordered := 0
	for range 120 {
		p := packet(t, r).Packet
		if last == nil {
			if width, height := p.Size(); !p.IsKeyFrame || width != 1280 || height != 720 {
				t.Fatalf("first packet: keyframe %v, %d x %d", p.IsKeyFrame, width, height)
			}
		} else if p.Time <= last.Time || p.Time-last.Time > 150*time.Millisecond {
			t.Fatalf("decode time %v after %v", p.Time, last.Time)
		}
		if n := len(p.NALUs()); n < 4 {
			t.Fatalf("picture of %d NAL units, the film has four slices", n)
		}
		if p.CompositionTime < 0 || p.CompositionTime > 300*time.Millisecond {
			t.Fatalf("shown %v after it is decoded", p.CompositionTime)
		}
		if p.CompositionTime > 60*time.Millisecond {
			reordered++
		}
		last = p
	}
	if reordered < 20 {
		t.Errorf("%d of 120 pictures are shown later than decoded, a third should be", reordered)
	}
	// The film ends, as a camera does that restarts, and comes again by itself.
	trouble(t, r)
	if p := packet(t, r).Packet; !p.IsKeyFrame || p.Time <= last.Time {
		t.Errorf("comes back with keyframe %v at %v after %v", p.IsKeyFrame, p.Time, last.Time)
	}
}

func TestACameraThatWeDidNotWriteRefusesAWrongPassword(t *testing.T) {
	url := foreign.Start(t, "1")
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "F1", URL: strings.Replace(url, "p%40ss%20word", "wrong", 1)}})
	if got := trouble(t, open(t, h, "F1")); got.State != streams.AuthFailed {
		t.Errorf("got %+v", got)
	}
}
