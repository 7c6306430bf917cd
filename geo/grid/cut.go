package grid

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
)

// crossing is where a line meets a side of a ring.
type crossing struct {
	at      orb.Point
	along   float64 // on the line: segment + share
	side    int     // of the ring: from its point side to side+1
	onSide  float64
	segment int
}

// cut divides a polygon along a line that crosses it; false where it does not, or touches a hole. The corners where the
// line meets the border are new: corners says between which two each lies.
func cut(p orb.Polygon, line orb.LineString) (pieces [2]orb.Polygon, corners []between, ok bool) {
	ring := p[0]
	var met []crossing
	for s := 1; s < len(line); s++ {
		for i := 1; i < len(ring); i++ {
			at, along, on, meet := intersection(line[s-1], line[s], ring[i-1], ring[i])
			if meet {
				met = append(met, crossing{at, float64(s-1) + along, i - 1, on, s - 1})
			}
		}
	}
	slices.SortFunc(met, func(a, b crossing) int { return cmp.Compare(a.along, b.along) })
	met = slices.CompactFunc(met, func(a, b crossing) bool { return a.at == b.at })
	for i := 1; i < len(met); i++ {
		a, b := met[i-1], met[i]
		way := orb.LineString{a.at}
		for s := a.segment + 1; s <= b.segment; s++ {
			way = append(way, line[s])
		}
		way = append(way, b.at)
		half := orb.Point{(way[0][0] + way[1][0]) / 2, (way[0][1] + way[1][1]) / 2}
		if !planar.PolygonContains(p, half) {
			continue
		}
		for _, hole := range p[1:] {
			for j := 1; j < len(way); j++ {
				for k := 1; k < len(hole); k++ {
					if _, _, _, meet := intersection(way[j-1], way[j], hole[k-1], hole[k]); meet {
						return pieces, nil, false
					}
				}
			}
		}
		for n, ends := range [2][2]crossing{{a, b}, {b, a}} {
			w := slices.Clone(way)
			if n == 1 {
				slices.Reverse(w)
			}
			// From the end of the way along the ring to its start, then the way.
			pieces[n] = orb.Polygon{append(around(ring, ends[1], ends[0]), w...)}
			if len(pieces[n][0]) < 4 {
				return pieces, nil, false
			}
		}
		for n := range pieces {
			r := pieces[n][0]
			if r[0] != r[len(r)-1] {
				pieces[n][0] = append(r, r[0])
			}
		}
		for _, hole := range p[1:] {
			n := 0
			if planar.RingContains(pieces[1][0], hole[0]) {
				n = 1
			}
			pieces[n] = append(pieces[n], hole)
		}
		for _, c := range []crossing{a, b} {
			corners = append(corners, between{c.at, ring[c.side], ring[c.side+1]})
		}
		return pieces, corners, true
	}
	return pieces, nil, false
}

// between is a new corner on the side from a to b.
type between struct{ at, a, b orb.Point }

// around walks a closed ring from one crossing forward to another, both ends included but for the last.
func around(ring orb.Ring, from, to crossing) orb.Ring {
	sides := len(ring) - 1
	walk := orb.Ring{from.at}
	if from.side == to.side && from.onSide < to.onSide {
		return walk
	}
	for i := (from.side + 1) % sides; ; i = (i + 1) % sides {
		if ring[i] != walk[len(walk)-1] {
			walk = append(walk, ring[i])
		}
		if i == to.side {
			break
		}
	}
	if walk[len(walk)-1] == to.at {
		walk = walk[:len(walk)-1]
	}
	return walk
}

// intersection of a–b with c–d: the point, and how far along each it lies.
func intersection(a, b, c, d orb.Point) (at orb.Point, ab, cd float64, ok bool) {
	rx, ry, sx, sy := b[0]-a[0], b[1]-a[1], d[0]-c[0], d[1]-c[1]
	cross := rx*sy - ry*sx
	if cross == 0 {
		return at, 0, 0, false
	}
	ab = ((c[0]-a[0])*sy - (c[1]-a[1])*sx) / cross
	cd = ((c[0]-a[0])*ry - (c[1]-a[1])*rx) / cross
	if ab < 0 || ab > 1 || cd < 0 || cd > 1 {
		return at, 0, 0, false
	}
	at = orb.Point{a[0] + ab*rx, a[1] + ab*ry}
	for _, end := range []orb.Point{c, d} { // a corner that is there stays the corner
		if math.Abs(at[0]-end[0]) < near/10 && math.Abs(at[1]-end[1]) < near/10 {
			at = end
		}
	}
	return at, ab, cd, true
}

// insert puts a corner between two of a geometry's that follow one another, in either direction; false: they do not.
func insert(g orb.MultiPolygon, c between) (orb.MultiPolygon, bool) {
	if c.at == c.a || c.at == c.b {
		return g, false
	}
	for i, p := range g {
		for j, r := range p {
			for k := 1; k < len(r); k++ {
				if r[k-1] == c.a && r[k] == c.b || r[k-1] == c.b && r[k] == c.a {
					g = g.Clone()
					g[i][j] = slices.Insert(g[i][j], k, c.at)
					return g, true
				}
			}
		}
	}
	return g, false
}

// selfCrossing is where a polygon's border meets itself other than in a row.
func selfCrossing(p orb.Polygon) (orb.Point, bool) {
	var sides []edge
	var ring []int
	for n, r := range p {
		for i := 1; i < len(r); i++ {
			if r[i-1] != r[i] {
				sides, ring = append(sides, edge{r[i-1], r[i]}), append(ring, n)
			}
		}
	}
	order := make([]int, len(sides))
	for i := range order {
		order[i] = i
	}
	west := func(e edge) float64 { return min(e.a[0], e.b[0]) }
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(west(sides[i]), west(sides[j])) })
	var active []int
	for _, i := range order {
		e := sides[i]
		still := active[:0]
		for _, j := range active {
			f := sides[j]
			if max(f.a[0], f.b[0]) < west(e) {
				continue
			}
			still = append(still, j)
			if ring[i] == ring[j] && (e.a == f.b || e.b == f.a) {
				if e.a == f.b && e.b == f.a { // there and back
					return e.a, true
				}
				continue
			}
			if at, _, _, meet := intersection(e.a, e.b, f.a, f.b); meet {
				return at, true
			}
		}
		active = append(still, i)
	}
	return orb.Point{}, false
}
