package mse

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/deepch/vdk/av"

	"gridwall/streams"
)

// boxes checks that b is a row of boxes and returns their types.
func boxes(t *testing.T, b []byte) (names []string) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 8 {
			t.Fatalf("%d bytes after the last box", len(b))
		}
		n := int(binary.BigEndian.Uint32(b))
		name := string(b[4:8])
		if n < 8 || n > len(b) {
			t.Fatalf("box %s of %d in %d bytes", name, n, len(b))
		}
		names = append(names, name)
		switch name {
		case "moof", "traf":
			names = append(names, boxes(t, b[8:n])...)
		}
		b = b[n:]
	}
	return names
}

func FuzzFragment(f *testing.F) {
	f.Add(true, int64(0), int64(0), int64(40*time.Millisecond), []byte{0, 0, 0, 1, 0x65}, uint64(0))
	f.Add(false, int64(1<<62), int64(-time.Second), int64(1), []byte(nil), uint64(1<<63))
	f.Fuzz(func(t *testing.T, key bool, at, later, lasts int64, data []byte, n uint64) {
		p := &streams.Packet{Sequence: n, Packet: av.Packet{
			IsKeyFrame: key, Time: time.Duration(at), CompositionTime: time.Duration(later),
			Duration: time.Duration(lasts), Data: data,
		}}
		b := Fragment(p)
		if len(b) != fragmentHead+len(data) {
			t.Fatalf("%d bytes for %d", len(b), len(data))
		}
		want := []string{"moof", "mfhd", "traf", "tfhd", "tfdt", "trun", "mdat"}
		for i, name := range boxes(t, b) {
			if name != want[i] {
				t.Fatalf("box %d is %s", i, name)
			}
		}
	})
}

func TestTicksRoundAndDoNotOverflow(t *testing.T) {
	for _, tc := range []struct {
		d    time.Duration
		want int64
	}{
		{0, 0},
		{40 * time.Millisecond, 3600},
		{11111, 1}, // 0.99999 ticks
		{33333333, 3000},
		{100 * 365 * 24 * time.Hour, 100 * 365 * 24 * 3600 * 90000},
	} {
		if got := Ticks(tc.d); got != tc.want {
			t.Errorf("%v is %d ticks, want %d", tc.d, got, tc.want)
		}
	}
}

func BenchmarkFragment(b *testing.B) {
	p := &streams.Packet{Packet: av.Packet{Data: make([]byte, 10_000)}}
	b.ReportAllocs()
	for b.Loop() {
		Fragment(p)
	}
}
