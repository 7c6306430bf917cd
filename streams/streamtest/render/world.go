package main

import (
	"cmp"
	"math"
	"slices"
)

// v3 is a point in the world in metres: x right, y up, z away from the camera.
type v3 struct{ x, y, z float64 }

func (a v3) add(b v3) v3      { return v3{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a v3) mul(k float64) v3 { return v3{a.x * k, a.y * k, a.z * k} }

// lens is where a camera stands and looks.
type lens struct {
	eye        v3
	down, left float64 // radians
	focal      float64 // pixels
}

const near = 0.6

func (l lens) view(p v3) v3 {
	x, y, z := p.x-l.eye.x, p.y-l.eye.y, p.z-l.eye.z
	s, c := math.Sincos(l.left)
	x, z = x*c+z*s, -x*s+z*c
	s, c = math.Sincos(l.down)
	y, z = y*c+z*s, -y*s+z*c
	return v3{x, y, z}
}

func (l lens) plane(v v3) pt { return pt{width/2 + v.x/v.z*l.focal, height/2 - v.y/v.z*l.focal} }

// at projects a point; ok is false behind the camera.
func (l lens) at(p v3) (pt, float64, bool) {
	v := l.view(p)
	if v.z < near {
		return pt{}, 0, false
	}
	return l.plane(v), l.focal / v.z, true
}

// light is day or night.
type light struct {
	night    bool
	sun      rgb // colour of surfaces that face it
	shade    rgb // of surfaces that do not
	haze     rgb // colour of the distance
	distance float64
}

var (
	daylight = light{sun: hex(0xfff6e6), shade: hex(0xa3b0c2), haze: hex(0xb9c7d3), distance: 420}
	dark     = light{night: true, sun: hex(0x545c72), shade: hex(0x3a4157), haze: hex(0x1a2133), distance: 260}
)

// world draws in perspective.
type world struct {
	*canvas
	lens
	light
}

func (w *world) hazed(col rgb, z float64) rgb {
	return col.mix(w.haze, 1-math.Exp(-max(z, 0)/w.distance))
}

// face draws a flat polygon. lit is 0 (in the shade) to 1 (towards the sun).
func (w *world) face(col rgb, lit float64, points ...v3) { w.faceA(col, lit, 1, points...) }

func (w *world) faceA(col rgb, lit, alpha float64, points ...v3) {
	col = col.tint(w.shade.mix(w.sun, lit))
	w.raw(col, alpha, points...)
}

// raw draws a polygon in a colour that light does not change, haze does.
func (w *world) raw(col rgb, alpha float64, points ...v3) {
	var z float64
	seen := make([]v3, len(points))
	for i, p := range points {
		seen[i] = w.view(p)
		z += seen[i].z / float64(len(points))
	}
	var cut []v3
	for i, a := range seen {
		b := seen[(i+1)%len(seen)]
		if a.z >= near {
			cut = append(cut, a)
		}
		if (a.z >= near) != (b.z >= near) {
			t := (near - a.z) / (b.z - a.z)
			cut = append(cut, v3{a.x + (b.x-a.x)*t, a.y + (b.y-a.y)*t, near})
		}
	}
	flat := make([]pt, len(cut))
	for i, p := range cut {
		flat[i] = w.plane(p)
	}
	w.fill(w.hazed(col, z), alpha, flat...)
}

// ground draws a rectangle on the ground.
func (w *world) ground(col rgb, x0, x1, z0, z1 float64) {
	// Long strips are cut so that haze follows the distance.
	for z := z0; z < z1; {
		step := max(2, (z-w.eye.z)*0.25)
		end := min(z+step, z1)
		w.face(col, .8, v3{x0, 0, z}, v3{x1, 0, z}, v3{x1, 0, end}, v3{x0, 0, end})
		z = end
	}
}

// box draws the sides of a cuboid that the camera sees, and its top.
func (w *world) box(col rgb, x0, x1, y0, y1, z0, z1 float64) {
	if w.eye.z < z0 {
		w.face(col, .55, v3{x0, y0, z0}, v3{x1, y0, z0}, v3{x1, y1, z0}, v3{x0, y1, z0})
	}
	if w.eye.x < x0 {
		w.face(col, .15, v3{x0, y0, z0}, v3{x0, y0, z1}, v3{x0, y1, z1}, v3{x0, y1, z0})
	}
	if w.eye.x > x1 {
		w.face(col, .9, v3{x1, y0, z0}, v3{x1, y0, z1}, v3{x1, y1, z1}, v3{x1, y1, z0})
	}
	if w.eye.y > y1 {
		w.face(col, 1, v3{x0, y1, z0}, v3{x1, y1, z0}, v3{x1, y1, z1}, v3{x0, y1, z1})
	}
}

// wall is a facade from a along u (unit length per metre), up to height h.
type wall struct {
	a, u     v3
	length   float64
	height   float64
	lit      float64
	floor    float64 // height of a storey
	bay      float64 // distance of windows
	shop     bool    // ground floor of shops
	occupied float64 // share of lit windows at night
}

// windows draws the windows of a wall, and its shops.
func (w *world) windows(f wall, r *random) {
	quad := func(x0, x1, y0, y1 float64) []v3 {
		p := func(x, y float64) v3 { return f.a.add(f.u.mul(x)).add(v3{0, y, 0}) }
		return []v3{p(x0, y0), p(x1, y0), p(x1, y1), p(x0, y1)}
	}
	first := 1.2
	if f.shop {
		first = f.floor + .6
		for x := .4; x+3.6 < f.length; x += 4.2 {
			sign := r.of(0xb23a32, 0x2d6a9f, 0x2e7d5b, 0xc98a2b, 0x7a4b8c, 0x3a4a5c)
			if w.night {
				open := r.chance(.75)
				glass := hex(0x1a1d26)
				if open {
					glass = r.of(0xffd9a0, 0xffe6c0, 0xe8f0ff).mul(r.in(.6, .95))
				}
				w.raw(glass, 1, quad(x, x+3.6, .3, f.floor-.9)...)
				k := .35
				if open {
					k = 1.25
				}
				w.raw(sign.mul(k), 1, quad(x, x+3.6, f.floor-.75, f.floor)...)
			} else {
				w.face(hex(0x2f3a44).mix(hex(0x8899a6), r.float()*.5), f.lit, quad(x, x+3.6, .3, f.floor-.9)...)
				w.face(sign, f.lit*.6+.3, quad(x, x+3.6, f.floor-.75, f.floor)...)
			}
		}
	}
	for y := first; y+1.5 < f.height; y += f.floor {
		for x := f.bay * .25; x+f.bay*.5 < f.length; x += f.bay {
			q := quad(x, x+f.bay*.55, y, y+1.45)
			switch {
			case w.night && r.chance(f.occupied):
				w.raw(r.of(0xffcf87, 0xffe2b0, 0xf7c56b, 0xdfe9ff).mul(r.in(.5, .95)), 1, q...)
			case w.night:
				w.raw(hex(0x10141e).mix(w.haze, .2), 1, q...)
			default:
				w.face(hex(0x3c4d5c).mix(hex(0x9db4c6), r.float()*r.float()), f.lit*.7+.2, q...)
			}
		}
	}
}

// block is a building with windows on the sides that the camera sees.
type block struct {
	x0, x1, z0, z1, h float64
	col               rgb
	shop              bool
	bay               float64
}

func (w *world) building(b block, r *random) {
	w.box(b.col, b.x0, b.x1, 0, b.h, b.z0, b.z1)
	base := wall{height: b.h, floor: 3.2, bay: cmp.Or(b.bay, 3), shop: b.shop, occupied: .42}
	if w.eye.z < b.z0 {
		f := base
		f.a, f.u, f.length, f.lit = v3{b.x0, 0, b.z0}, v3{1, 0, 0}, b.x1-b.x0, .55
		w.windows(f, r)
	}
	if w.eye.x < b.x0 {
		f := base
		f.a, f.u, f.length, f.lit = v3{b.x0, 0, b.z0}, v3{0, 0, 1}, b.z1-b.z0, .15
		w.windows(f, r)
	}
	if w.eye.x > b.x1 {
		f := base
		f.a, f.u, f.length, f.lit = v3{b.x1, 0, b.z0}, v3{0, 0, 1}, b.z1-b.z0, .9
		w.windows(f, r)
	}
	if w.eye.y > b.h { // a parapet and what stands on roofs
		w.box(b.col.mul(.8), b.x0+2, b.x0+5, b.h, b.h+2.4, b.z0+2, b.z0+5)
		w.box(b.col.mul(1.1), (b.x0+b.x1)/2, (b.x0+b.x1)/2+2, b.h, b.h+1.2, (b.z0+b.z1)/2, (b.z0+b.z1)/2+3)
	}
}

// sides draws buildings far ones first.
func (w *world) sides(blocks []block, r *random) {
	slices.SortStableFunc(blocks, func(a, b block) int {
		da := math.Hypot((a.x0+a.x1)/2-w.eye.x, (a.z0+a.z1)/2-w.eye.z)
		db := math.Hypot((b.x0+b.x1)/2-w.eye.x, (b.z0+b.z1)/2-w.eye.z)
		return int(math.Copysign(1, db-da))
	})
	for _, b := range blocks {
		w.building(b, r)
	}
}

// tree draws a street tree of a trunk and a crown of leaves.
func (w *world) tree(p v3, h float64, r *random) {
	w.face(hex(0x5b4636), .5, p.add(v3{-.14, 0, 0}), p.add(v3{.14, 0, 0}), p.add(v3{.1, h * .5, 0}), p.add(v3{-.1, h * .5, 0}))
	leaf := r.of(0x4d6b3c, 0x5a7a45, 0x47683f)
	for range 16 {
		q := p.add(v3{r.in(-1, 1) * h * .26, h*.62 + r.in(-1, 1)*h*.24, 0})
		c, k, ok := w.at(q)
		if !ok {
			continue
		}
		lit := .25 + .75*(q.y-p.y-h*.38)/(h*.48)
		col := leaf.tint(w.shade.mix(w.sun, lit)).mul(r.in(.85, 1.1))
		w.disc(w.hazed(col, w.view(q).z), 1, c.x, c.y, k*h*r.in(.1, .17), k*h*r.in(.09, .14))
	}
}

// lamp draws a street lamp; towards is the side of its arm.
func (w *world) lamp(p v3, towards float64) {
	top := p.add(v3{0, 8, 0})
	w.face(hex(0x6f7a84), .6, p.add(v3{-.08, 0, 0}), p.add(v3{.08, 0, 0}), top.add(v3{.05, 0, 0}), top.add(v3{-.05, 0, 0}))
	end := top.add(v3{1.8 * towards, .3, 0})
	w.face(hex(0x6f7a84), .6, top.add(v3{0, .1, 0}), end.add(v3{0, .1, 0}), end, top)
	w.face(hex(0xcfd6dc), 1, end.add(v3{-.4, 0, 0}), end.add(v3{.4, 0, 0}), end.add(v3{.4, -.15, 0}), end.add(v3{-.4, -.15, 0}))
	if c, k, ok := w.at(end); ok && w.night {
		w.glow(hex(0xffc27a), .95, c.x, c.y, k*1.6+2, k*1.6+2)
		w.glow(hex(0xffb060), .16, c.x, c.y+k*3.5, k*7+4, k*7+4)
	}
	if c, k, ok := w.at(v3{end.x, 0, end.z}); ok && w.night {
		w.glow(hex(0xffb869), .34, c.x, c.y, k*7, k*7*math.Max(.14, math.Sin(w.down)*1.1))
	}
}
