package grid

import (
	"math"
	"time"

	"github.com/paulmach/orb"
)

// Fencing is when one counts as away from a cell, and as back.
type Fencing struct {
	SlackM float64       // metres beyond the border that are not yet away
	Leave  time.Duration // how long one is beyond the slack before one is away
	Return time.Duration // how long one is inside again before one is back
}

// Watch is what is remembered of one who belongs to a cell; the zero value is one who is there.
type Watch struct {
	Away bool // as decided last; a caller to whom others tell what they have decided sets it

	out   bool      // as seen last
	since time.Time // when out became what it is
}

// Fences decides who is away from the cell that he belongs to.
//
// It has two guards against a position that wanders about a border: hysteresis (away begins beyond the slack and ends
// inside) and dwell (either must last). It keeps nothing of anybody: Step is a function of its arguments. Safe for
// concurrent use.
type Fences struct {
	rule  Fencing
	index *Index
	cells map[Code]fence
}

// fence is the border of a cell.
type fence struct {
	cell  *Cell
	edges []edge
}

// NewFences makes the fences of all cells of an index.
func NewFences(x *Index, rule Fencing) *Fences {
	f := &Fences{rule, x, make(map[Code]fence, len(x.paths))}
	for _, path := range x.paths {
		c := path.Cell()
		f.cells[c.Code] = fence{c, edgesOf(c)}
	}
	return f
}

// Cell is the cell of that code, nil if there is none.
func (f *Fences) Cell(code Code) *Cell { return f.cells[code].cell }

// Step is what w becomes when one who belongs to home is seen at p (lon, lat in degrees, WGS-84) at a time. Whoever was seen
// last before a time may be taken to be where he was. Nobody is away from a cell that does not exist, or while p is no
// place. A time before that of w begins a dwell anew. It does not allocate.
func (f *Fences) Step(w Watch, home Code, p orb.Point, at time.Time) Watch {
	fence, ok := f.cells[home]
	if !ok || math.IsNaN(p[0]) || math.IsNaN(p[1]) {
		return Watch{}
	}
	out := !f.inside(fence, p) && (w.Away || !fence.within(p, f.rule.SlackM))
	if w.since.IsZero() || out != w.out || at.Before(w.since) {
		w.out, w.since = out, at
	}
	dwell := f.rule.Return
	if out {
		dwell = f.rule.Leave
	}
	if out != w.Away && at.Sub(w.since) >= dwell {
		w.Away = out
	}
	return w
}

// inside says whether p lies in the cell or on its border. The index knows for most places; where it names another cell
// the border itself is looked at, which a border shared with a lower code and an overlap need.
func (f *Fences) inside(fence fence, p orb.Point) bool {
	if !fence.cell.Bound.Contains(p) {
		return false
	}
	if f.index.bound.Contains(p) {
		if s := f.index.square[f.index.at(p[1], 1)*f.index.n+f.index.at(p[0], 0)]; s >= 0 {
			for _, c := range f.index.paths[s] {
				if c == fence.cell {
					return true
				}
			}
		}
	}
	return covers(fence.edges, p)
}

// within says whether the border lies within so many metres of p.
func (fence *fence) within(p orb.Point, metres float64) bool {
	k := orb.Point{metresPerDegree * math.Cos(p[1]*math.Pi/180), metresPerDegree}
	if b := fence.cell.Bound; (b.Min[0]-p[0])*k[0] > metres || (p[0]-b.Max[0])*k[0] > metres || (b.Min[1]-p[1])*k[1] > metres || (p[1]-b.Max[1])*k[1] > metres {
		return false
	}
	for _, e := range fence.edges {
		// Most edges are ruled out by their box: no root, no division.
		if dx, dy := metres/k[0], metres/k[1]; e.a[1]-p[1] > dy && e.b[1]-p[1] > dy || p[1]-e.a[1] > dy && p[1]-e.b[1] > dy || e.a[0]-p[0] > dx && e.b[0]-p[0] > dx || p[0]-e.a[0] > dx && p[0]-e.b[0] > dx {
			continue
		}
		if distance(e, p, k) <= metres {
			return true
		}
	}
	return false
}
