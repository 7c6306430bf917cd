package tile

import "encoding/binary"

// ipt is a position in tile units, the tile's corner at 0, 0, y down.
type ipt struct{ x, y int64 }

// The clipping window.
const (
	low  = -buffer
	high = extent + buffer
)

// shape writes s as the commands of an MVT geometry into e.geometry; false where nothing of it is in the tile.
func (e *encoder) shape(s *shape, v *window, q *box) bool {
	e.geometry = e.geometry[:0]
	e.cursor = ipt{}
	switch s.kind {
	case point:
		e.points(s, v)
	case line:
		e.lines(s, v, !q.holds(&s.box))
	case polygon:
		e.rings(s, v, !q.holds(&s.box))
	}
	return len(e.geometry) > 0
}

const (
	moveTo    = 1
	lineTo    = 2
	closePath = 7
)

func (e *encoder) command(id, count int) {
	e.geometry = binary.AppendUvarint(e.geometry, uint64(count)<<3|uint64(id))
}

func (e *encoder) step(p ipt) {
	for _, d := range [2]int64{p.x - e.cursor.x, p.y - e.cursor.y} {
		e.geometry = binary.AppendUvarint(e.geometry, uint64(d<<1)^uint64(d>>63))
	}
	e.cursor = p
}

func within(p ipt) bool { return p.x >= low && p.x < high && p.y >= low && p.y < high }

func (e *encoder) points(s *shape, v *window) {
	e.a = e.a[:0]
	for _, p := range s.pts {
		if u := v.unit(p, 0); within(u) { // points are not rounded coarsely: nothing has to meet
			e.a = append(e.a, u)
		}
	}
	if len(e.a) == 0 {
		return
	}
	e.command(moveTo, len(e.a))
	for _, p := range e.a {
		e.step(p)
	}
}

func (e *encoder) lines(s *shape, v *window, cut bool) {
	from := int32(0)
	for _, part := range s.parts {
		e.a = e.a[:0]
		for _, p := range s.pts[from:part.end] {
			u := v.unit(p, v.coarse)
			if n := len(e.a); n > 0 && e.a[n-1] == u {
				continue
			}
			e.a = append(e.a, u)
		}
		from = part.end
		if !cut {
			e.line(e.a)
			continue
		}
		// Pieces: a segment that enters begins one, a segment that leaves ends it.
		e.b = e.b[:0]
		for i := 0; i+1 < len(e.a); i++ {
			p, q, ok := clipSegment(e.a[i], e.a[i+1])
			if !ok {
				continue
			}
			if n := len(e.b); n == 0 || e.b[n-1] != p {
				e.line(e.b)
				e.b = append(e.b[:0], p)
			}
			if p != q {
				e.b = append(e.b, q)
			}
		}
		e.line(e.b)
	}
}

// line writes one line, leaving out points on the straight between their neighbours.
func (e *encoder) line(l []ipt) {
	n := 0
	for i := range l {
		for n >= 2 && i > 0 && straight(l[n-2], l[n-1], l[i]) {
			n--
		}
		l[n] = l[i]
		n++
	}
	if n < 2 {
		return
	}
	e.command(moveTo, 1)
	e.step(l[0])
	e.command(lineTo, n-1)
	for _, p := range l[1:n] {
		e.step(p)
	}
}

// straight says that b lies on the way from a to c.
func straight(a, b, c ipt) bool {
	ux, uy, vx, vy := b.x-a.x, b.y-a.y, c.x-b.x, c.y-b.y
	return ux*vy == uy*vx && ux*vx+uy*vy >= 0
}

// clipSegment cuts a–b to the window (Liang–Barsky); ok is false where it misses it.
func clipSegment(a, b ipt) (ipt, ipt, bool) {
	if a.x >= low && a.x <= high && a.y >= low && a.y <= high && b.x >= low && b.x <= high && b.y >= low && b.y <= high {
		return a, b, true
	}
	t0, t1 := 0.0, 1.0
	dx, dy := float64(b.x-a.x), float64(b.y-a.y)
	for _, side := range [4][2]float64{
		{-dx, float64(a.x - low)}, {dx, float64(high - a.x)}, {-dy, float64(a.y - low)}, {dy, float64(high - a.y)},
	} {
		p, q := side[0], side[1]
		switch {
		case p == 0 && q < 0:
			return a, b, false
		case p < 0:
			t0 = max(t0, q/p)
		case p > 0:
			t1 = min(t1, q/p)
		}
	}
	if t0 > t1 {
		return a, b, false
	}
	at := func(t float64) ipt { return ipt{a.x + round(t*dx), a.y + round(t*dy)} }
	p, q := a, b
	if t0 > 0 {
		p = at(t0)
	}
	if t1 < 1 {
		q = at(t1)
	}
	return p, q, true
}

func round(v float64) int64 {
	if v < 0 {
		return -int64(-v + .5)
	}
	return int64(v + .5)
}

func (e *encoder) rings(s *shape, v *window, cut bool) {
	from := int32(0)
	drawn := false // the outer ring that the holes belong to
	for _, part := range s.parts {
		pts := s.pts[from:part.end]
		from = part.end
		if part.hole && !drawn {
			continue
		}
		e.a = e.a[:0]
		for _, p := range pts {
			u := v.unit(p, v.coarse)
			if n := len(e.a); n > 0 && e.a[n-1] == u {
				continue
			}
			e.a = append(e.a, u)
		}
		r := e.a
		if cut {
			r = e.clipRing()
		}
		r = tidy(r)
		ok := len(r) >= 3
		if ok {
			a := area(r)
			ok = a != 0 && (a < 0) == part.hole
		}
		if !part.hole {
			drawn = ok
		}
		if !ok {
			continue
		}
		e.command(moveTo, 1)
		e.step(r[0])
		e.command(lineTo, len(r)-1)
		for _, p := range r[1:] {
			e.step(p)
		}
		e.command(closePath, 1)
	}
}

// clipRing cuts the ring in e.a to the window, side by side (Sutherland–Hodgman).
func (e *encoder) clipRing() []ipt {
	in, out := e.a, e.b
	for side := range 4 {
		out = out[:0]
		for i, b := range in {
			a := in[(i+len(in)-1)%len(in)]
			aIn, bIn := inside(a, side), inside(b, side)
			if aIn != bIn {
				out = append(out, crossing(a, b, side))
			}
			if bIn {
				out = append(out, b)
			}
		}
		in, out = out, in
	}
	e.a, e.b = in, out
	return in
}

func inside(p ipt, side int) bool {
	switch side {
	case 0:
		return p.x >= low
	case 1:
		return p.x <= high
	case 2:
		return p.y >= low
	}
	return p.y <= high
}

// crossing is where a–b meets one side of the window.
func crossing(a, b ipt, side int) ipt {
	edge := int64(low)
	if side%2 == 1 {
		edge = high
	}
	if side < 2 {
		return ipt{edge, a.y + round(float64(b.y-a.y)*float64(edge-a.x)/float64(b.x-a.x))}
	}
	return ipt{a.x + round(float64(b.x-a.x)*float64(edge-a.y)/float64(b.y-a.y)), edge}
}

// tidy takes out of a ring, in place, repeated points, points on a straight, and spikes.
func tidy(r []ipt) []ipt {
	n := 0
	for _, p := range r {
		for n > 0 && (r[n-1] == p || n > 1 && collinear(r[n-2], r[n-1], p)) {
			n--
		}
		r[n] = p
		n++
	}
	r = r[:n]
	for len(r) >= 3 { // the seam
		last := len(r) - 1
		switch {
		case r[last] == r[0] || collinear(r[last-1], r[last], r[0]):
			r = r[:last]
		case collinear(r[last], r[0], r[1]):
			r = r[1:]
		default:
			return r
		}
	}
	return r
}

func collinear(a, b, c ipt) bool {
	return (b.x-a.x)*(c.y-b.y) == (b.y-a.y)*(c.x-b.x)
}

// area is twice the area by the surveyor's formula.
func area(r []ipt) int64 {
	var sum int64
	for i, p := range r {
		q := r[(i+1)%len(r)]
		sum += p.x*q.y - q.x*p.y
	}
	return sum
}
