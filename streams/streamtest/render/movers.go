package main

import (
	"math"
	"slices"
)

// mover is a thing that moves: car, bus, rider, walker. heading 0 is away from the camera, 1 towards it,
// 2 to the right, 3 to the left.
type mover struct {
	kind    int
	at      v3
	heading int
	col     rgb
	phase   float64 // of a walk, in steps
}

const (
	car = iota
	van
	bus
	rider
	walker
)

const (
	away = iota
	towards
	right
	left
)

// draw draws far things first.
func (w *world) draw(list []mover) {
	slices.SortStableFunc(list, func(a, b mover) int {
		return int(math.Copysign(1, w.view(b.at).z-w.view(a.at).z))
	})
	for _, m := range list {
		v := w.view(m.at)
		if v.z < 3 || v.z > 230 {
			continue
		}
		switch m.kind {
		case rider:
			w.rider(m)
		case walker:
			w.walker(m)
		default:
			w.vehicle(m)
		}
	}
}

// shape of a vehicle: half width, length, height of body and cabin, cabin from..to along its length.
type shape struct{ half, length, body, cabin, from, to float64 }

var shapes = map[int]shape{
	car: {.92, 4.5, .95, 1.5, .18, .72},
	van: {1, 5, 1.1, 2.1, .02, .78},
	bus: {1.25, 10.5, 1.2, 3, .01, .985},
}

// vehicle draws in a frame of its own: l along its length from the tail, s across.
func (w *world) vehicle(m mover) {
	f := shapes[m.kind]
	p := func(l, y, s float64) v3 {
		switch m.heading {
		case away:
			return m.at.add(v3{s, y, l})
		case towards:
			return m.at.add(v3{-s, y, -l})
		case right:
			return m.at.add(v3{l, y, -s})
		}
		return m.at.add(v3{-l, y, s})
	}
	quad := func(col rgb, lit float64, a, b, c, d v3) { w.face(col, lit, a, b, c, d) }
	if !w.night {
		w.faceA(hex(0x10151c), 1, .45, p(-.2, 0, -f.half-.5), p(f.length+.2, 0, -f.half-.5), p(f.length+.2, 0, f.half+.1), p(-.2, 0, f.half+.1))
	} else {
		w.raw(hex(0x05070b), .5, p(-.1, 0, -f.half), p(f.length+.1, 0, -f.half), p(f.length+.1, 0, f.half), p(-.1, 0, f.half))
	}
	glass := hex(0x26313b)
	if w.night && m.kind == bus {
		glass = hex(0xffe9c4).mul(3.2)
	}
	slope := .55
	if m.kind == bus || m.kind == van {
		slope = .12
	}
	// solid draws a box of the vehicle, its unseen sides left out.
	solid := func(col rgb, l0, l1, y0, y1, in0, in1, half float64) {
		side := func(s, lit float64) { quad(col, lit, p(l0, y0, s), p(l1, y0, s), p(l1-in1, y1, s), p(l0+in0, y1, s)) }
		order := []float64{-half, half}
		if w.view(p((l0+l1)/2, 0, -half)).z < w.view(p((l0+l1)/2, 0, half)).z {
			order = []float64{half, -half}
		}
		// the far end, the far side, the near side, the near end, the top
		ends := []float64{l1, l0}
		if w.view(p(l0, 0, 0)).z > w.view(p(l1, 0, 0)).z {
			ends = []float64{l0, l1}
		}
		side(order[0], .2)
		for i, l := range ends {
			top := l - in1
			if l == l0 {
				top = l + in0
			}
			quad(col, .5, p(l, y0, -half), p(l, y0, half), p(top, y1, half*.94), p(top, y1, -half*.94))
			if i == 0 {
				lit := .3
				if order[1] > 0 {
					lit = .85
				}
				side(order[1], lit)
			}
		}
		quad(col, 1, p(l0+in0, y1, -half*.96), p(l1-in1, y1, -half*.96), p(l1-in1, y1, half*.96), p(l0+in0, y1, half*.96))
	}
	for _, l := range []float64{f.length * .2, f.length * .8} {
		for _, s := range []float64{-f.half - .01, f.half + .01} {
			quad(hex(0x14161a), .5, p(l-.33, .0, s), p(l+.33, .0, s), p(l+.33, .62, s), p(l-.33, .62, s))
		}
	}
	solid(m.col, 0, f.length, .28, f.body, .05, .08, f.half)
	for _, l := range []float64{f.length * .2, f.length * .8} {
		for _, s := range []float64{-f.half - .02, f.half + .02} {
			quad(hex(0x101216), .5, p(l-.3, .02, s), p(l+.3, .02, s), p(l+.22, .6, s), p(l-.22, .6, s))
		}
	}
	solid(glass, f.length*f.from, f.length*f.to, f.body, f.cabin-.12, slope*.8, slope, f.half*.92)
	quad(m.col, 1, p(f.length*f.from+slope*.8, f.cabin, -f.half*.84), p(f.length*f.to-slope, f.cabin, -f.half*.84),
		p(f.length*f.to-slope, f.cabin, f.half*.84), p(f.length*f.from+slope*.8, f.cabin, f.half*.84))

	for _, s := range []float64{-f.half * .72, f.half * .72} {
		tail, front := p(-.02, f.body*.72, s), p(f.length+.02, f.body*.62, s)
		if w.view(tail).z < w.view(front).z {
			w.spot(tail, hex(0xff3322), .2)
		} else {
			w.spot(front, hex(0xfff3da), .24)
		}
	}
	if w.night { // headlights on the road
		for l := 1.5; l < 9; l += 2.5 {
			if c, k, ok := w.at(p(f.length+l, 0, 0)); ok {
				w.glow(hex(0xfff0d0), .2*math.Exp(-l/8), c.x, c.y, k*2, k*2*max(.16, math.Sin(w.down)*1.2))
			}
		}
	}
}

// spot is a lamp of a vehicle.
func (w *world) spot(p v3, col rgb, r float64) {
	c, k, ok := w.at(p)
	if !ok {
		return
	}
	if !w.night {
		w.disc(col.mul(.85), .9, c.x, c.y, max(.5, k*r*.6), max(.4, k*r*.45))
		return
	}
	w.glow(col, 1, c.x, c.y, k*r*1.6+1.4, k*r*1.6+1.4)
	w.glow(col, .3, c.x, c.y, k*r*6+3, k*r*6+3)
}

// walker draws a person about 1.7 m tall.
func (w *world) walker(m mover) {
	c, k, ok := w.at(m.at)
	if !ok {
		return
	}
	z := w.view(m.at).z
	shade := func(col rgb, lit float64) rgb { return w.hazed(col.tint(w.shade.mix(w.sun, lit)), z) }
	if !w.night {
		w.disc(hex(0x10151c), .35, c.x-k*.2, c.y, k*.45, k*.12)
	}
	swing := math.Sin(m.phase*math.Pi) * .3
	leg := hex(0x2a3140)
	for _, d := range []float64{swing, -swing} {
		w.fill(shade(leg, .6), 1, pt{c.x - k*.11, c.y - k*.85}, pt{c.x + k*.11, c.y - k*.85},
			pt{c.x + k*(.07+d), c.y}, pt{c.x + k*(d-.1), c.y})
	}
	w.fill(shade(m.col, .8), 1, pt{c.x - k*.22, c.y - k*1.42}, pt{c.x + k*.22, c.y - k*1.42},
		pt{c.x + k*.19, c.y - k*.78}, pt{c.x - k*.19, c.y - k*.78})
	w.fill(shade(m.col.mul(.8), .5), 1, pt{c.x - k*.06, c.y - k*1.35}, pt{c.x + k*.06, c.y - k*1.35},
		pt{c.x + k*(.05-swing*.6), c.y - k*.8}, pt{c.x - k*(.05+swing*.6), c.y - k*.8})
	w.disc(shade(hex(0xc99c7c), .8), 1, c.x, c.y-k*1.57, k*.12, k*.14)
	w.disc(shade(hex(0x1c1a1a), .6), 1, c.x, c.y-k*1.63, k*.12, k*.09)
}

// rider draws a person on an electric bicycle.
func (w *world) rider(m mover) {
	c, k, ok := w.at(m.at)
	if !ok {
		return
	}
	z := w.view(m.at).z
	shade := func(col rgb, lit float64) rgb { return w.hazed(col.tint(w.shade.mix(w.sun, lit)), z) }
	if !w.night {
		w.disc(hex(0x10151c), .35, c.x, c.y, k*.6, k*.14)
	}
	d := 0.0
	switch m.heading {
	case right:
		d = .55
	case left:
		d = -.55
	}
	tyre := shade(hex(0x1b1e22), .5)
	w.disc(tyre, 1, c.x-k*d, c.y-k*.28, k*max(.07, math.Abs(d)*.5), k*.28)
	w.disc(tyre, 1, c.x+k*d, c.y-k*.28, k*max(.07, math.Abs(d)*.5), k*.28)
	w.fill(shade(m.col.mix(hex(0x20252b), .6), .7), 1, pt{c.x - k*(.12+math.Abs(d)), c.y - k*.72}, pt{c.x + k*(.12+math.Abs(d)), c.y - k*.72},
		pt{c.x + k*(.1+math.Abs(d)*.6), c.y - k*.35}, pt{c.x - k*(.1+math.Abs(d)*.6), c.y - k*.35})
	w.fill(shade(m.col, .85), 1, pt{c.x - k*.22, c.y - k*1.35}, pt{c.x + k*.22, c.y - k*1.35},
		pt{c.x + k*.2, c.y - k*.65}, pt{c.x - k*.2, c.y - k*.65})
	w.disc(shade(hex(0xd8dde2), .9), 1, c.x, c.y-k*1.52, k*.14, k*.16)
	if w.night {
		col, y := hex(0xff3322), .6
		if m.heading == towards {
			col, y = hex(0xfff3da), .85
		}
		w.glow(col, .9, c.x+k*d, c.y-k*y, k*.3+1, k*.3+1)
	}
}

// lane is a row of things that move along a line and, after one loop, stand where they stood.
type lane struct {
	kind    []int // repeated along the lane
	colors  []rgb
	from    v3
	along   v3 // unit vector of the movement
	length  float64
	spacing float64
	heading int
	wobble  float64 // sideways spread of people
}

// at is the lane at t of a loop (0..1). In a loop everything moves on by len(kind) places, so speed is
// len(kind) × spacing per loop.
func (l lane) at(t float64) []mover {
	var list []mover
	n := len(l.kind)
	count := int(l.length/l.spacing) + 1
	for i := -n; i <= count; i++ {
		d := (float64(i) + t*float64(n)) * l.spacing
		which := ((i % n) + n) % n
		r := newRandom(uint64(which)*7 + uint64(len(l.colors))*31 + 5)
		d += (r.float() - .5) * l.spacing * .5
		if d < 0 || d > l.length {
			continue
		}
		side := (r.float() - .5) * l.wobble
		list = append(list, mover{
			kind: l.kind[which], col: l.colors[which%len(l.colors)], heading: l.heading,
			at:    l.from.add(l.along.mul(d)).add(v3{l.along.z * side, 0, l.along.x * side}),
			phase: d / .7,
		})
	}
	return list
}
