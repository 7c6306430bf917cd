package osd

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBitsThatAreWrittenAreRead(t *testing.T) {
	values := []uint32{0, 1, 2, 3, 19, 20, 39, 255, 1000, 1<<31 - 2}
	var w writer
	for _, v := range values {
		w.ue(v)
		w.u(3, v)
	}
	w.trailing()
	r := reader{b: w.b}
	for _, v := range values {
		if got := r.ue(); got != v {
			t.Errorf("ue %d for %d", got, v)
		}
		if got := r.u(3); got != v&7 {
			t.Errorf("u(3) %d for %d", got, v&7)
		}
	}
	if r.err() != nil {
		t.Error(r.err())
	}
}

func FuzzEscape(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 3, 0, 0})
	f.Fuzz(func(t *testing.T, rbsp []byte) {
		nalu := escape(0x65, rbsp)
		for _, code := range [][]byte{{0, 0, 0}, {0, 0, 1}, {0, 0, 2}} {
			if bytes.Contains(nalu, code) {
				t.Fatalf("start code in %x", nalu)
			}
		}
		if got := unescape(nalu[1:]); !bytes.Equal(got, rbsp) {
			t.Fatalf("%x became %x", rbsp, got)
		}
	})
}

func FuzzShiftScene(f *testing.F) {
	f.Add([]byte{0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44, 0, 0, 3, 0, 4, 0, 0, 3, 0, 0xc8, 0x3c, 0x58, 0xba, 0x80},
		[]byte{0x68, 0xce, 0x0f, 0xc8}, []byte{0x65, 0x88, 0x84, 0x0a, 0x12, 0x80}, []byte{0x41, 0x9a, 0x38, 0x0a, 0x80})
	f.Fuzz(func(t *testing.T, sps, pps, a, b []byte) {
		_, _ = ExtendSPS(sps)
		p, err := ReadParameters(sps, pps)
		if err != nil {
			return
		}
		for _, nalu := range [][]byte{a, b} {
			h, err := p.ReadHeader(nalu)
			if err != nil {
				continue
			}
			strip, err := p.ReadHeader(p.Blank(h))
			if err != nil {
				t.Fatalf("strip of a good slice: %v", err)
			}
			if strip.First != 0 || strip.Type != h.Type || strip.frameNum != h.frameNum || strip.IDR != h.IDR {
				t.Fatalf("strip %+v beside %+v", strip, h)
			}
			moved, err := p.ShiftScene(nalu)
			if err != nil {
				continue
			}
			below, err := p.ReadHeader(moved)
			if err != nil || below.First != macroblocks || below.Type != h.Type || below.frameNum != h.frameNum {
				t.Fatalf("moved %+v, %v, from %+v", below, err, h)
			}
		}
	})
}

func TestOnlyMacroblocksThatChangeAreSent(t *testing.T) {
	p := Parameters{frameNumBits: 4, deblocking: true}
	var m Image
	h := Header{nalu: 0x41, Type: 5}
	other := m
	other.y[17*Width+33] = 200 // macroblock 42
	for _, tc := range []struct {
		name  string
		shown *Image
		size  int // about
	}{
		{"nothing known, nothing sent", nil, 0},
		{"the same", &m, 0},
		{"one macroblock", &other, 384},
	} {
		if got := len(p.Slice(h, &m, tc.shown)); got < tc.size || got > tc.size+200 {
			t.Errorf("%s: %d bytes", tc.name, got)
		}
	}
}

func TestTheFontHoldsWhatCamerasAreCalled(t *testing.T) {
	b, err := os.ReadFile("../../../assets/demo/osd.font")
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 250_000 {
		t.Errorf("%d bytes", len(b))
	}
	f, err := ReadFont(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range "永来城西侧旱厕滨河路与解放路路口·高点网格第0123456789号(东门)-:" {
		if f.glyph(r).bits == nil {
			t.Errorf("no %q", r)
		}
	}
	if f.glyph('龘').bits != nil {
		t.Error("a character outside GB 2312 level 1 is no box")
	}
}

func FuzzReadFont(f *testing.F) {
	var good bytes.Buffer
	if err := WriteFont(&good, 4, []Glyph{{Rune: 'a', Width: 3, Pix: make([]byte, 16)}, {Rune: '永', Width: 4, Pix: bytes.Repeat([]byte{3}, 16)}}); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add([]byte(fontMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		font, err := ReadFont(b)
		if err != nil {
			return
		}
		var m Image
		if end := m.Draw(font, 10, "a永\u0001"); end != 10+font.Width("a永\u0001") {
			t.Fatalf("text ends at %d", end)
		}
	})
}

func TestTheSkyIsStoredWithoutLoss(t *testing.T) {
	var m Image
	for i := range m.y {
		m.y[i] = byte(i * 7)
	}
	for i := range m.cb {
		m.cb[i], m.cr[i] = byte(i*3), byte(i*5)
	}
	back, err := FromGrey(m.Grey())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, *back, cmp.AllowUnexported(Image{})); diff != "" {
		t.Error(diff)
	}
}
