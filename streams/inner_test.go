package streams

import (
	"testing"
	"time"

	"github.com/deepch/vdk/av"
	"github.com/google/go-cmp/cmp"
)

func ms(n ...int) []time.Duration {
	list := make([]time.Duration, len(n))
	for i, v := range n {
		list[i] = time.Duration(v) * time.Millisecond
	}
	return list
}

func TestTheClockOfAStreamOnlyGoesForwardInSmallSteps(t *testing.T) {
	for _, tc := range []struct {
		name         string
		camera, want []time.Duration
	}{
		{"a steady camera, whatever its zero", ms(900000, 900040, 900080, 900120), ms(0, 40, 80, 120)},
		{"a pause is caught up in steps of two frames", ms(0, 40, 240, 280, 320, 360), ms(0, 40, 120, 240, 320, 360)},
		{"a jump forward is one frame", ms(0, 40, 500040, 500080), ms(0, 40, 80, 120)},
		{"a jump back is one frame", ms(5000, 5040, 10, 50), ms(0, 40, 80, 120)},
		{"a clock that stands still goes on", ms(7, 7, 7), ms(0, 40, 80)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c clock
			var got []time.Duration
			for _, v := range tc.camera {
				got = append(got, c.step(v).Round(time.Millisecond))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheClockGoesOnAfterAReconnect(t *testing.T) {
	var c clock
	c.step(0)
	c.step(40 * time.Millisecond)
	c.resume()
	if got := c.step(47 * time.Hour); got != 80*time.Millisecond {
		t.Errorf("first frame after the reconnect at %v", got)
	}
}

func TestBackoffGrowsWithFullJitterToThirtySeconds(t *testing.T) {
	least := func(int64) int64 { return 0 }
	most := func(n int64) int64 { return n - 1 }
	var low, high []time.Duration
	for n := range 7 {
		low, high = append(low, backoff(n, least)), append(high, backoff(n, most))
	}
	s := time.Second
	if diff := cmp.Diff([]time.Duration{s, s, s, s, s, s, s}, low); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]time.Duration{2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s, 30 * s}, high); diff != "" {
		t.Error(diff)
	}
	if got := backoff(1<<40, most); got != maxBackoff {
		t.Errorf("after a year of failures %v", got)
	}
}

func TestTheRingIsBounded(t *testing.T) {
	for _, tc := range []struct {
		name             string
		key, size, every int // keyframe each, bytes, milliseconds
		most             int
		fresh            bool // a new reader gets a keyframe
	}{
		{"two groups of pictures", 50, 1000, 40, 100, true},
		{"ten seconds of a camera that sends one keyframe a minute", 1500, 1000, 40, 251, false},
		{"four mebibytes", 50, 1 << 20, 40, 4, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r ring
			began := time.Now()
			for i := range 1000 {
				r.add(&Packet{
					Packet:  av.Packet{IsKeyFrame: i%tc.key == 0, Data: make([]byte, tc.size)},
					Arrived: began.Add(time.Duration(i*tc.every) * time.Millisecond),
				})
				if len(r.items) > tc.most || r.bytes > ringBytes {
					t.Fatalf("%d packets, %d bytes kept after %d", len(r.items), r.bytes, i+1)
				}
			}
			c := cursor{at: r.start(), waitKey: true}
			item, ok := r.take(&c)
			if ok != tc.fresh || ok && !item.Packet.IsKeyFrame {
				t.Errorf("new reader gets %v", ok)
			}
		})
	}
}

func FuzzNALUs(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x41})
	f.Add([]byte{0, 0, 0, 9, 1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		for _, nalu := range (&Packet{Packet: av.Packet{Data: data}}).NALUs() {
			if len(nalu) == 0 {
				t.Fatal("empty NAL unit")
			}
			total += 4 + len(nalu)
		}
		if total > len(data) {
			t.Fatalf("%d bytes of %d", total, len(data))
		}
	})
}
