package geotest

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"slices"
	"testing"

	"golang.org/x/image/vector"
)

// canvas draws metres.
type canvas struct {
	img    *image.RGBA
	middle vec
	scale  float64 // px per metre
}

func newCanvas(w, h int, middle vec, scale float64) *canvas {
	c := &canvas{image.NewRGBA(image.Rect(0, 0, w, h)), middle, scale}
	for i := range c.img.Pix {
		c.img.Pix[i] = []byte{0x07, 0x0d, 0x14, 0xff}[i%4]
	}
	return c
}

func (c *canvas) px(v vec) (float32, float32) {
	b := c.img.Bounds()
	return float32(float64(b.Dx())/2 + (v.x-c.middle.x)*c.scale), float32(float64(b.Dy())/2 - (v.y-c.middle.y)*c.scale)
}

func hex(s uint32) color.NRGBA { return color.NRGBA{uint8(s >> 16), uint8(s >> 8), uint8(s), 0xff} }

func (c *canvas) fill(p loop, col color.NRGBA) {
	if len(p) < 3 {
		return
	}
	// The rasterizer works on the polygon's own box only: a town is thousands of small ones.
	box := image.Rectangle{}
	for i, v := range p {
		x, y := c.px(v)
		r := image.Rect(int(x)-1, int(y)-1, int(x)+2, int(y)+2)
		if i == 0 {
			box = r
		}
		box = box.Union(r)
	}
	if box = box.Intersect(c.img.Bounds()); box.Empty() {
		return
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	for i, v := range p {
		x, y := c.px(v)
		x, y = x-float32(box.Min.X), y-float32(box.Min.Y)
		if i == 0 {
			r.MoveTo(x, y)
		} else {
			r.LineTo(x, y)
		}
	}
	r.ClosePath()
	r.Draw(c.img, box, image.NewUniform(col), image.Point{})
}

func (c *canvas) stroke(l []vec, metres float64, pixels float64, col color.NRGBA) {
	w := max(metres, pixels/c.scale) / 2
	for i := 1; i < len(l); i++ {
		u := l[i].sub(l[i-1]).unit()
		if u.len() == 0 {
			continue
		}
		n := u.left().mul(w)
		e := u.mul(w * .6)
		c.fill(loop{l[i-1].sub(e).sub(n), l[i].add(e).sub(n), l[i].add(e).add(n), l[i-1].sub(e).add(n)}, col)
	}
}

func (c *canvas) save(t *testing.T, path string) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, c.img); err != nil {
		t.Fatal(err)
	}
}

// town draws what the map shows, in the dark palette.
func (c *canvas) town(b *builder) {
	block := map[string]color.NRGBA{"residential": hex(0x0f1a24), "commercial": hex(0x16222c), "public": hex(0x131f2e), "industrial": hex(0x14191f), "market": hex(0x1c2228)}
	house := map[string]color.NRGBA{"residential": hex(0x243546), "commercial": hex(0x33475a), "public": hex(0x2c4a63), "industrial": hex(0x2b333c), "market": hex(0x4a4638)}
	c.fill(loop{{-6000, -5000}, {6000, -5000}, {6000, 5000}, {-6000, 5000}}, hex(0x0a121b))
	c.stroke(b.river, 150, 1, hex(0x0c1f1c))
	c.stroke(b.river, 76, 1, hex(0x0a1e30))
	for i := range b.blocks {
		if k := &b.blocks[i]; k.use != "park" && k.use != "grove" {
			c.fill(k.poly, block[kindOf[k.use]])
		}
	}
	for i := range b.blocks {
		for _, g := range b.blocks[i].green {
			c.fill(g, hex(0x10281f))
		}
	}
	for _, class := range []string{"lane", "local", "collector", "arterial"} {
		for i := range b.roads {
			if r := &b.roads[i]; r.class == class {
				w := map[string]float64{"arterial": 20, "collector": 13, "local": 7, "lane": 3}[class]
				c.stroke(r.line, w, .7, map[string]color.NRGBA{"arterial": hex(0x2f475c), "collector": hex(0x223546), "local": hex(0x1a2938), "lane": hex(0x162330)}[class])
			}
		}
	}
	for i := range b.houses {
		c.fill(b.houses[i].poly, house[b.houses[i].kind])
	}
	for _, p := range b.cells().grids {
		c.stroke(append(slices.Clone(p), p[0]), 0, 1.2, hex(0x1c6b7c))
	}
	for _, p := range b.cells().communities {
		c.stroke(append(slices.Clone(p), p[0]), 0, 2.2, hex(0x3fa3a6))
	}
	for _, m := range b.cameras() {
		c.fill(rect(m.at, vec{1, 0}, 3/c.scale, 3/c.scale), hex(0xeaf1f7))
	}
	c.fill(rect(b.toilet, vec{1, 0}, 8/c.scale, 8/c.scale), hex(0xff4d5a))
}

// TestPictures draws the town for a person to look at.
func TestPictures(t *testing.T) {
	dir := os.Getenv("GRIDWALL_TEST_PICTURES")
	if dir == "" {
		t.Skip("GRIDWALL_TEST_PICTURES names no folder for pictures of the town")
	}
	b := build(newLayout(1))
	for _, v := range []struct {
		name   string
		middle vec
		scale  float64
	}{{"town", vec{0, 0}, .38}, {"old-town", vec{-550, 250}, 1.5}, {"estates", vec{1100, 250}, 1.3}, {"south", vec{-100, -800}, 1}} {
		c := newCanvas(1600, 1300, v.middle, v.scale)
		c.town(b)
		c.save(t, dir+"/"+v.name+".png")
	}
}
