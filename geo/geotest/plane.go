package geotest

import (
	"math"
	"slices"
)

// vec is a position in metres, east and north of the town's middle.
type vec struct{ x, y float64 }

func (a vec) add(b vec) vec             { return vec{a.x + b.x, a.y + b.y} }
func (a vec) sub(b vec) vec             { return vec{a.x - b.x, a.y - b.y} }
func (a vec) mul(k float64) vec         { return vec{a.x * k, a.y * k} }
func (a vec) dot(b vec) float64         { return a.x*b.x + a.y*b.y }
func (a vec) cross(b vec) float64       { return a.x*b.y - a.y*b.x }
func (a vec) len() float64              { return math.Hypot(a.x, a.y) }
func (a vec) dist(b vec) float64        { return a.sub(b).len() }
func (a vec) lerp(b vec, t float64) vec { return a.add(b.sub(a).mul(t)) }
func (a vec) left() vec                 { return vec{-a.y, a.x} }

func (a vec) unit() vec {
	if l := a.len(); l > 0 {
		return a.mul(1 / l)
	}
	return a
}

func direction(rad float64) vec { return vec{math.Cos(rad), math.Sin(rad)} }

// loop is a simple polygon, counter-clockwise, its first point not repeated.
type loop []vec

func (p loop) area() float64 {
	sum := 0.0
	for i, a := range p {
		sum += a.cross(p[(i+1)%len(p)])
	}
	return sum / 2
}

func (p loop) center() vec {
	var c vec
	sum := 0.0
	for i, a := range p {
		b := p[(i+1)%len(p)]
		w := a.cross(b)
		c = c.add(a.add(b).mul(w))
		sum += w
	}
	if math.Abs(sum) < 1e-9 {
		return p[0]
	}
	return c.mul(1 / (3 * sum))
}

func (p loop) contains(q vec) bool {
	in := false
	for i, a := range p {
		b := p[(i+1)%len(p)]
		if (a.y > q.y) != (b.y > q.y) && q.x < a.x+(q.y-a.y)/(b.y-a.y)*(b.x-a.x) {
			in = !in
		}
	}
	return in
}

// toEdge is the distance from q to the nearest edge.
func (p loop) toEdge(q vec) float64 {
	best := math.Inf(1)
	for i, a := range p {
		best = min(best, segmentDistance(q, a, p[(i+1)%len(p)]))
	}
	return best
}

func segmentDistance(q, a, b vec) float64 {
	d := b.sub(a)
	t := 0.0
	if l := d.dot(d); l > 0 {
		t = min(max(q.sub(a).dot(d)/l, 0), 1)
	}
	return q.dist(a.add(d.mul(t)))
}

// meet is where a–b and c–d cross: the fractions along both.
func meet(a, b, c, d vec) (t, u float64, ok bool) {
	r, s := b.sub(a), d.sub(c)
	k := r.cross(s)
	if math.Abs(k) < 1e-9 {
		return 0, 0, false
	}
	t, u = c.sub(a).cross(s)/k, c.sub(a).cross(r)/k
	return t, u, t >= 0 && t <= 1 && u >= 0 && u <= 1
}

func (p loop) simple() bool {
	n := len(p)
	for i := range n {
		for j := i + 2; j < n; j++ {
			if i == 0 && j == n-1 {
				continue
			}
			if _, _, ok := meet(p[i], p[i+1], p[j], p[(j+1)%n]); ok {
				return false
			}
		}
	}
	return true
}

// axis is the direction of the smallest box around p, its length along it and across.
func (p loop) axis() (along vec, length, width float64) {
	best := math.Inf(1)
	for i, a := range p {
		u := p[(i+1)%len(p)].sub(a)
		if u.len() < 3 {
			continue
		}
		u = u.unit()
		l0, l1, w0, w1 := p.extent(u)
		l, w := l1-l0, w1-w0
		if l*w < best {
			best, along, length, width = l*w, u, l, w
			if w > l {
				along, length, width = u.left(), w, l
			}
		}
	}
	return along, length, width
}

// extent is the range of p along u and across it.
func (p loop) extent(u vec) (l0, l1, w0, w1 float64) {
	l0, w0 = math.Inf(1), math.Inf(1)
	l1, w1 = -l0, -w0
	v := u.left()
	for _, a := range p {
		l0, l1 = min(l0, a.dot(u)), max(l1, a.dot(u))
		w0, w1 = min(w0, a.dot(v)), max(w1, a.dot(v))
	}
	return
}

// inset moves each edge i inwards by by[i]; ok is false where nothing sound is left.
func (p loop) inset(by []float64) (loop, bool) {
	// Points on a nearly straight line would put their corners far away.
	var q loop
	var d []float64
	for i, a := range p {
		h := (i + len(p) - 1) % len(p)
		if by[i] == by[h] && math.Abs(a.sub(p[h]).unit().cross(p[(i+1)%len(p)].sub(a).unit())) < 0.02 {
			continue
		}
		q, d = append(q, a), append(d, by[i])
	}
	for len(q) >= 3 {
		out := q.shrink(d)
		if out.area() > 30 && out.simple() && !slices.ContainsFunc(out, func(a vec) bool { return !p.contains(a) }) {
			return out, true
		}
		// A short edge that turned over is the usual fault: leave it out, the wider street of the two stays.
		short := 0
		for i := range q {
			if q[i].dist(q[(i+1)%len(q)]) < q[short].dist(q[(short+1)%len(q)]) {
				short = i
			}
		}
		h := (short + len(q) - 1) % len(q)
		d[h] = max(d[h], d[short])
		q, d = slices.Delete(q, short, short+1), slices.Delete(d, short, short+1)
	}
	return nil, false
}

// shrink moves edges without looking whether the result is sound.
func (q loop) shrink(d []float64) loop {
	n := len(q)
	out := make(loop, n)
	for i, a := range q {
		h := (i + n - 1) % n
		u, v := a.sub(q[h]).unit(), q[(i+1)%n].sub(a).unit()
		if k := u.cross(v); math.Abs(k) > 0.2 {
			// where a + u.left·d[h] + s·u meets a + v.left·d[i] + t·v
			c := v.left().mul(d[i]).sub(u.left().mul(d[h]))
			out[i] = a.add(u.left().mul(d[h])).add(u.mul(c.cross(v) / k))
			if far := 3.5 * max(d[h], d[i]); out[i].dist(a) > far {
				out[i] = a.add(out[i].sub(a).unit().mul(far))
			}
		} else {
			out[i] = a.add(u.left().add(v.left()).unit().mul(max(d[h], d[i])))
		}
	}
	return out
}

// clip keeps what lies left of the line through a along u (p convex or nearly so).
func (p loop) clip(a, u vec) loop {
	var out loop
	side := func(q vec) float64 { return u.cross(q.sub(a)) }
	for i, q := range p {
		r := p[(i+1)%len(p)]
		s, t := side(q), side(r)
		if s >= 0 {
			out = append(out, q)
		}
		if (s > 0 && t < 0) || (s < 0 && t > 0) {
			out = append(out, q.lerp(r, s/(s-t)))
		}
	}
	return out
}

// rect is a box of length l along u and depth d around c.
func rect(c, u vec, l, d float64) loop {
	a, b := u.mul(l/2), u.left().mul(d/2)
	return loop{c.sub(a).sub(b), c.add(a).sub(b), c.add(a).add(b), c.sub(a).add(b)}
}

// holds says whether the box r lies in p with room to spare.
func (p loop) holds(r loop, room float64) bool {
	for i, a := range r {
		b := r[(i+1)%len(r)]
		n := max(1, int(a.dist(b)/12))
		for k := range n {
			if q := a.lerp(b, float64(k)/float64(n)); !p.contains(q) || p.toEdge(q) < room {
				return false
			}
		}
	}
	for _, q := range p { // a corner that reaches into the box
		if r.contains(q) {
			return false
		}
	}
	return true
}

// overlaps says whether two boxes meet.
func overlaps(a, b loop) bool {
	for i := range a {
		for j := range b {
			if _, _, ok := meet(a[i], a[(i+1)%len(a)], b[j], b[(j+1)%len(b)]); ok {
				return true
			}
		}
	}
	return a.contains(b[0]) || b.contains(a[0])
}

// smooth draws a curve through points (Catmull–Rom), a point about every step metres.
func smooth(through []vec, step float64) []vec {
	at := func(i int) vec { return through[min(max(i, 0), len(through)-1)] }
	var out []vec
	for i := 0; i+1 < len(through); i++ {
		a, b, c, d := at(i-1), at(i), at(i+1), at(i+2)
		n := max(1, int(b.dist(c)/step))
		for k := range n {
			t := float64(k) / float64(n)
			out = append(out, b.mul(2).add(c.sub(a).mul(t)).
				add(a.mul(2).sub(b.mul(5)).add(c.mul(4)).sub(d).mul(t*t)).
				add(b.mul(3).sub(a).sub(c.mul(3)).add(d).mul(t*t*t)).mul(0.5))
		}
	}
	return append(out, through[len(through)-1])
}

// offset moves a line to its left by d.
func offset(l []vec, d func(i int) float64) []vec {
	out := make([]vec, len(l))
	for i, a := range l {
		u := l[min(i+1, len(l)-1)].sub(l[max(i-1, 0)]).unit()
		out[i] = a.add(u.left().mul(d(i)))
	}
	return out
}

func length(l []vec) float64 {
	sum := 0.0
	for i := 1; i < len(l); i++ {
		sum += l[i].dist(l[i-1])
	}
	return sum
}

// along is the point at s metres of a line and the direction there.
func along(l []vec, s float64) (vec, vec) {
	for i := 1; i < len(l); i++ {
		d := l[i].dist(l[i-1])
		if s <= d || i == len(l)-1 {
			return l[i-1].lerp(l[i], min(s/d, 1)), l[i].sub(l[i-1]).unit()
		}
		s -= d
	}
	return l[0], vec{1, 0}
}

// nearestOn is the distance from q to a line and how far along it that is.
func nearestOn(l []vec, q vec) (dist, at float64) {
	dist = math.Inf(1)
	sum := 0.0
	for i := 1; i < len(l); i++ {
		a, b := l[i-1], l[i]
		d := b.sub(a)
		t := min(max(q.sub(a).dot(d)/max(d.dot(d), 1e-9), 0), 1)
		if k := q.dist(a.add(d.mul(t))); k < dist {
			dist, at = k, sum+t*d.len()
		}
		sum += d.len()
	}
	return dist, at
}

func reversed(l []vec) []vec {
	out := slices.Clone(l)
	slices.Reverse(out)
	return out
}

// plan is the town cut into faces that share their corners: a face is a loop of corner numbers, counter-clockwise.
// Whatever is joined from faces tiles without gap or overlap.
type plan struct {
	at    []vec
	faces []face
	roads map[[2]int]int // edge, lower corner first → road; the boundary has none
}

type face struct {
	loop []int
	// what the layout knows of it
	community, grid int
	use             string
	strip           bool // between river and embankment
}

func edgeOf(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

func (p *plan) loop(f int) loop {
	l := make(loop, len(p.faces[f].loop))
	for i, v := range p.faces[f].loop {
		l[i] = p.at[v]
	}
	return l
}

// insert puts a new corner on edge a–b, in both faces that share it.
func (p *plan) insert(a, b int, where vec) int {
	v := len(p.at)
	p.at = append(p.at, where)
	for f := range p.faces {
		l := p.faces[f].loop
		for i := range l {
			j := (i + 1) % len(l)
			if (l[i] == a && l[j] == b) || (l[i] == b && l[j] == a) {
				p.faces[f].loop = slices.Insert(l, i+1, v)
				break
			}
		}
	}
	if road, ok := p.roads[edgeOf(a, b)]; ok {
		delete(p.roads, edgeOf(a, b))
		p.roads[edgeOf(a, v)], p.roads[edgeOf(v, b)] = road, road
	}
	return v
}

// split cuts face f from corner a to corner b along a road through the points between; the new face is the last.
func (p *plan) split(f, a, b int, between []vec, road int) {
	path := []int{a}
	for _, q := range between {
		path = append(path, len(p.at))
		p.at = append(p.at, q)
	}
	path = append(path, b)
	for i := 1; i < len(path); i++ {
		p.roads[edgeOf(path[i-1], path[i])] = road
	}
	l := p.faces[f].loop
	i := slices.Index(l, a)
	l = slices.Concat(l[i:], l[:i])
	j := slices.Index(l, b)
	back := slices.Clone(path)
	slices.Reverse(back)
	one := slices.Concat(l[:j+1], back[1:len(back)-1]) // a … b, back along the path
	two := slices.Concat(l[j:], path[:len(path)-1])    // b … end, then a … before b
	other := p.faces[f]
	p.faces[f].loop, other.loop = one, two
	p.faces = append(p.faces, other)
}

// draw cuts all faces that a line passes and returns the line with the corners that it got. Ends that hang inside a face
// cut nothing.
func (p *plan) draw(l []vec, road int) []vec {
	type stop struct {
		at     float64 // segment + fraction
		corner int
	}
	var stops []stop
	for changed := true; changed; { // corners put on one edge change the list of edges
		changed = false
		for f := range p.faces {
			ring := p.faces[f].loop
			for i := range ring {
				a, b := ring[i], ring[(i+1)%len(ring)]
				for s := 0; s+1 < len(l); s++ {
					t, _, ok := meet(l[s], l[s+1], p.at[a], p.at[b])
					if !ok {
						continue
					}
					where := l[s].lerp(l[s+1], t)
					known := slices.ContainsFunc(stops, func(k stop) bool { return p.at[k.corner].dist(where) < 2 })
					if known {
						continue
					}
					v := -1
					switch {
					case where.dist(p.at[a]) < 8:
						v = a
					case where.dist(p.at[b]) < 8:
						v = b
					}
					if v >= 0 {
						if !slices.ContainsFunc(stops, func(k stop) bool { return k.corner == v }) {
							stops = append(stops, stop{float64(s) + t, v})
						}
						continue
					}
					v = p.insert(a, b, where)
					stops = append(stops, stop{float64(s) + t, v})
					changed = true
				}
				if changed {
					break
				}
			}
			if changed {
				break
			}
		}
	}
	slices.SortFunc(stops, func(a, b stop) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	if len(stops) == 0 {
		return l
	}
	// A tail goes on into open country; a stump is left out.
	const stump = 160
	var drawn []vec
	if head := l[:int(stops[0].at)+1]; length(head) > stump {
		drawn = slices.Clone(head)
	}
	drawn = append(drawn, p.at[stops[0].corner])
	for i := 1; i < len(stops); i++ {
		a, b := stops[i-1], stops[i]
		var between []vec
		for s := int(a.at) + 1; s <= int(b.at); s++ {
			if q := l[s]; q.dist(p.at[a.corner]) > 6 && q.dist(p.at[b.corner]) > 6 {
				between = append(between, q)
			}
		}
		middle := p.at[a.corner].lerp(p.at[b.corner], 0.5)
		if len(between) > 0 {
			middle = between[len(between)/2]
		}
		for f := range p.faces {
			ring := p.faces[f].loop
			if slices.Contains(ring, a.corner) && slices.Contains(ring, b.corner) && p.loop(f).contains(middle) {
				p.split(f, a.corner, b.corner, between, road)
				break
			}
		}
		drawn = append(append(drawn, between...), p.at[b.corner])
	}
	if tail := l[int(stops[len(stops)-1].at)+1:]; length(tail) > stump {
		drawn = append(drawn, tail...)
	}
	return drawn
}

// outline joins faces and walks around them; the longest way around is the outline (holes do not occur here).
func (p *plan) outline(faces []int) []int {
	next := map[int]int{}
	inner := map[[2]int]bool{}
	for _, f := range faces {
		l := p.faces[f].loop
		for i := range l {
			inner[[2]int{l[i], l[(i+1)%len(l)]}] = true
		}
	}
	start := -1
	for _, f := range faces {
		l := p.faces[f].loop
		for i := range l {
			a, b := l[i], l[(i+1)%len(l)]
			if !inner[[2]int{b, a}] {
				next[a] = b
				if start < 0 || a < start {
					start = a
				}
			}
		}
	}
	ring := []int{start}
	for v := next[start]; v != start && len(ring) <= len(next); v = next[v] {
		ring = append(ring, v)
	}
	if len(ring) != len(next) {
		return nil // a pinch or a hole
	}
	return ring
}
