package geotest

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheTownHasItsNumbers(t *testing.T) {
	w := New(1)
	b := build(newLayout(1))
	perGrid := map[int]int{}
	binheCount, binheSum := 0, 0
	for i := range b.houses {
		g := b.blocks[b.houses[i].block].grid
		perGrid[g]++
		if g/gridsEach == binhe {
			binheCount++
			binheSum += max(b.houses[i].households, 0)
		}
	}
	t.Log(len(b.houses), "buildings", perGrid, b.cells().households, len(w.Places), "places")
	if binheCount != 88 || binheSum != 3188 {
		t.Errorf("滨河社区 has %d buildings and %d households, want 88 and 3188", binheCount, binheSum)
	}
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"communities", bytes.Count(w.Communities, []byte(`"Feature"`)), 4},
		{"grids", bytes.Count(w.Grids, []byte(`"Feature"`)), 28},
		{"cameras", strings.Count(string(w.Cameras), "\n") - 1, 309},
		{"departments", len(w.Departments), 39},
		{"officers", len(w.Officers), 104},
	} {
		if c.got != c.want {
			t.Errorf("%d %s, want %d", c.got, c.what, c.want)
		}
	}
	if n := len(b.houses); n < 2500 || n > 8000 {
		t.Errorf("%d buildings, want some thousands", n)
	}
	if w.Places[0].Name != "永来城西侧旱厕" || w.Places[0].Grid != gridCode(6) {
		t.Errorf("the first place is %+v, want the dry toilet in grid 7", w.Places[0])
	}
}

func TestASeedGivesTheSameBytes(t *testing.T) {
	one, two := New(7), New(7)
	for _, f := range [][2][]byte{{one.Streets, two.Streets}, {one.Communities, two.Communities}, {one.Grids, two.Grids}, {one.Buildings, two.Buildings}, {one.Backdrop, two.Backdrop}, {one.Cameras, two.Cameras}} {
		if !bytes.Equal(f[0], f[1]) {
			t.Errorf("two runs differ: %.80s", f[0])
		}
	}
	if bytes.Equal(one.Grids, New(8).Grids) {
		t.Error("another seed gives the same town")
	}
}
