package main

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/vector"

	"gridwall/streams/streamtest/osd"
)

const (
	width  = osd.Width
	height = osd.Height
)

// rgb is a colour, 0..1 a channel.
type rgb struct{ r, g, b float64 }

func hex(v uint32) rgb {
	return rgb{float64(v>>16&255) / 255, float64(v>>8&255) / 255, float64(v&255) / 255}
}

func (c rgb) mul(k float64) rgb { return rgb{c.r * k, c.g * k, c.b * k} }

func (c rgb) mix(d rgb, t float64) rgb {
	return rgb{c.r + (d.r-c.r)*t, c.g + (d.g-c.g)*t, c.b + (d.b-c.b)*t}
}

func (c rgb) tint(d rgb) rgb { return rgb{c.r * d.r, c.g * d.g, c.b * d.b} }

func (c rgb) color(alpha float64) color.RGBA {
	q := func(v float64) uint8 { return uint8(math.Round(255 * alpha * min(max(v, 0), 1))) }
	return color.RGBA{q(c.r), q(c.g), q(c.b), uint8(math.Round(255 * alpha))}
}

// pt is a point in the picture.
type pt struct{ x, y float64 }

// canvas is a picture under work.
type canvas struct {
	*image.RGBA
	raster vector.Rasterizer
}

func newCanvas() *canvas {
	return &canvas{RGBA: image.NewRGBA(image.Rect(0, 0, width, height))}
}

func (c *canvas) clone() *canvas {
	n := newCanvas()
	copy(n.Pix, c.Pix)
	return n
}

// fill draws a polygon.
func (c *canvas) fill(col rgb, alpha float64, points ...pt) {
	points = clipped(points)
	if len(points) < 3 {
		return
	}
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range points {
		x0, x1 = min(x0, p.x), max(x1, p.x)
		y0, y1 = min(y0, p.y), max(y1, p.y)
	}
	box := image.Rect(int(math.Floor(max(x0, -1))), int(math.Floor(max(y0, -1))),
		int(math.Ceil(min(x1, width+1))), int(math.Ceil(min(y1, height+1)))).Intersect(c.Rect)
	if box.Empty() {
		return
	}
	c.raster.Reset(box.Dx(), box.Dy())
	at := func(p pt) (float32, float32) {
		return float32(p.x - float64(box.Min.X)), float32(p.y - float64(box.Min.Y))
	}
	c.raster.MoveTo(at(points[0]))
	for _, p := range points[1:] {
		c.raster.LineTo(at(p))
	}
	c.raster.ClosePath()
	c.raster.Draw(c.RGBA, box, image.NewUniform(col.color(alpha)), image.Point{})
}

func (c *canvas) disc(col rgb, alpha, x, y, rx, ry float64) {
	const n = 20
	points := make([]pt, n)
	for i := range points {
		s, k := math.Sincos(2 * math.Pi * float64(i) / n)
		points[i] = pt{x + k*rx, y + s*ry}
	}
	c.fill(col, alpha, points...)
}

// glow adds light that falls off from x, y to nothing at the ellipse rx, ry.
func (c *canvas) glow(col rgb, strength, x, y, rx, ry float64) {
	box := image.Rect(int(x-rx), int(y-ry), int(x+rx)+1, int(y+ry)+1).Intersect(c.Rect)
	for py := box.Min.Y; py < box.Max.Y; py++ {
		for px := box.Min.X; px < box.Max.X; px++ {
			dx, dy := (float64(px)+.5-x)/rx, (float64(py)+.5-y)/ry
			d := 1 - math.Sqrt(dx*dx+dy*dy)
			if d <= 0 {
				continue
			}
			k := 255 * strength * d * d
			p := c.Pix[c.PixOffset(px, py):]
			p[0] = uint8(min(255, float64(p[0])+k*col.r))
			p[1] = uint8(min(255, float64(p[1])+k*col.g))
			p[2] = uint8(min(255, float64(p[2])+k*col.b))
		}
	}
}

// gradient fills rows y0..y1 from top to bottom.
func (c *canvas) gradient(y0, y1 float64, top, bottom rgb) {
	for y := int(y0); y < int(y1) && y < height; y++ {
		if y < 0 {
			continue
		}
		col := top.mix(bottom, (float64(y)-y0)/(y1-y0)).color(1)
		draw.Draw(c.RGBA, image.Rect(0, y, width, y+1), image.NewUniform(col), image.Point{}, draw.Src)
	}
}

// grain roughens the picture as a sensor does; it is the same in each picture of a clip, because noise that
// moves would cost more bits than all the cars.
func (c *canvas) grain(amount float64, seed uint64) {
	r := newRandom(seed)
	for i := 0; i < len(c.Pix); i += 4 {
		n := (r.float() + r.float() - 1) * amount * 255
		for k := range 3 {
			c.Pix[i+k] = uint8(min(255, max(0, float64(c.Pix[i+k])+n)))
		}
	}
}

// random is a small generator whose numbers never change with the Go release.
type random uint64

func newRandom(seed uint64) *random {
	r := random(seed*0x9e3779b97f4a7c15 + 1)
	return &r
}

func (r *random) next() uint64 {
	*r ^= *r << 13
	*r ^= *r >> 7
	*r ^= *r << 17
	return uint64(*r)
}

func (r *random) float() float64          { return float64(r.next()>>11) / (1 << 53) }
func (r *random) in(a, b float64) float64 { return a + (b-a)*r.float() }
func (r *random) n(n int) int             { return int(r.next() % uint64(n)) }
func (r *random) of(colors ...uint32) rgb { return hex(colors[r.n(len(colors))]) }
func (r *random) chance(p float64) bool   { return r.float() < p }

// clipped cuts a polygon to a little more than the picture (Sutherland-Hodgman): the rasterizer's numbers
// are small.
func clipped(points []pt) []pt {
	const margin = 16
	for _, inside := range []func(p pt) float64{
		func(p pt) float64 { return p.x + margin },
		func(p pt) float64 { return width + margin - p.x },
		func(p pt) float64 { return p.y + margin },
		func(p pt) float64 { return height + margin - p.y },
	} {
		var cut []pt
		for i, a := range points {
			b := points[(i+1)%len(points)]
			da, db := inside(a), inside(b)
			if da >= 0 {
				cut = append(cut, a)
			}
			if (da >= 0) != (db >= 0) {
				t := da / (da - db)
				cut = append(cut, pt{a.x + (b.x-a.x)*t, a.y + (b.y-a.y)*t})
			}
		}
		points = cut
	}
	return points
}
