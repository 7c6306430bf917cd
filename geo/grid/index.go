package grid

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// ErrOutside says that no cell covers the point.
var ErrOutside = errors.New("grid: point outside every grid")

// nearby is how far from a point outside the nearest cell is looked for, in metres.
const nearby = 50

// metresPerDegree is of a great circle, mean radius 6,371,009 m.
const metresPerDegree = 111_195

// OutsideError is ErrOutside with the nearest cell, at most 50 m away.
type OutsideError struct {
	Nearest   *Cell
	DistanceM float64
}

func (e *OutsideError) Error() string {
	return fmt.Sprintf("%v, %.0f m from %s", ErrOutside, e.DistanceM, e.Nearest.Code)
}

// Is makes errors.Is(err, ErrOutside) true.
func (e *OutsideError) Is(target error) bool { return target == ErrOutside }

// Index answers Locate from memory: a raster over the bound of all cells.
//
// A raster square that no border touches holds its one answer. The others hold the cells that reach into them, in the
// order of the answer, each with the edges that cross its row of the raster: enough to count crossings to the side.
type Index struct {
	min    orb.Point
	scale  [2]float64 // squares per degree
	n      int        // squares a side
	square []int32    // ≥ 0: paths[i]; outside; or -3-i: the candidates from candidates[i]
	paths  []Path     // in the order of the answer: lowest level first, then lowest code

	candidates []candidate
	edges      []edge
	bound      orb.Bound
}

// candidate is one cell that reaches into a square; the last of a square has path < 0 (^path).
type candidate struct {
	path int32
	span // its edges in this row of the raster
}

type span struct{ from, to int32 }

type edge struct{ a, b orb.Point }

const outside = -1

// NewIndex builds the index of a tree.
func NewIndex(t *Tree) *Index {
	x := &Index{bound: t.bound}
	cells := slices.Clone(t.cells)
	slices.SortStableFunc(cells, func(a, b *Cell) int { return b.Level.depth() - a.Level.depth() })
	total := 0
	for _, c := range cells {
		x.paths = append(x.paths, t.paths[c])
		total += vertices(c)
	}
	if len(cells) == 0 {
		return x
	}
	// About as many squares along a side as make most of them border-free; 1024 for a city's edges.
	x.n = min(max(64, int(math.Sqrt(float64(total)))*8), 1024)
	x.min = t.bound.Min
	for i := range x.scale {
		x.scale[i] = float64(x.n) / max(t.bound.Max[i]-t.bound.Min[i], 1e-9)
	}
	x.fill()
	return x
}

func vertices(c *Cell) int {
	n := 0
	for _, p := range c.Geometry {
		for _, r := range p {
			n += len(r)
		}
	}
	return n
}

// at gives the raster coordinate of v on axis i, clamped.
func (x *Index) at(v float64, i int) int {
	return min(max(int((v-x.min[i])*x.scale[i]), 0), x.n-1)
}

// fill sorts every cell's edges by raster row and finds what each square holds.
func (x *Index) fill() {
	n := x.n
	rows := make([][]span, len(x.paths)) // the edges of a cell in each row of its bound
	touched := make([][]int32, n*n)      // cells whose border passes a square
	for i, path := range x.paths {
		b := path.Cell().Bound
		low := x.at(b.Min[1], 1)
		byRow := make([][]edge, x.at(b.Max[1], 1)-low+1)
		for _, e := range edgesOf(path.Cell()) {
			y0, y1 := x.at(min(e.a[1], e.b[1]), 1), x.at(max(e.a[1], e.b[1]), 1)
			for y := y0; y <= y1; y++ {
				byRow[y-low] = append(byRow[y-low], e)
				x0, x1 := x.reach(e, y)
				for s := y*n + x0; s <= y*n+x1; s++ {
					if k := len(touched[s]); k == 0 || touched[s][k-1] != int32(i) {
						touched[s] = append(touched[s], int32(i))
					}
				}
			}
		}
		for _, es := range byRow {
			rows[i] = append(rows[i], span{int32(len(x.edges)), int32(len(x.edges) + len(es))})
			x.edges = append(x.edges, es...)
		}
	}
	// A cell covers a square without a border of its own whole or not at all: its centre tells.
	inside := make([][]int32, n*n)
	for i, path := range x.paths {
		b := path.Cell().Bound
		low := x.at(b.Min[1], 1)
		for y := low; y <= x.at(b.Max[1], 1); y++ {
			row := rows[i][y-low]
			for c := x.at(b.Min[0], 0); c <= x.at(b.Max[0], 0); c++ {
				s := y*n + c
				if slices.Contains(touched[s], int32(i)) {
					continue
				}
				centre := orb.Point{x.min[0] + (float64(c)+.5)/x.scale[0], x.min[1] + (float64(y)+.5)/x.scale[1]}
				if covers(x.edges[row.from:row.to], centre) {
					inside[s] = append(inside[s], int32(i))
				}
			}
		}
	}
	x.square = make([]int32, n*n)
	for s := range x.square {
		all := append(inside[s], touched[s]...)
		slices.Sort(all)
		switch {
		case len(all) == 0:
			x.square[s] = outside
		case slices.Contains(inside[s], all[0]):
			x.square[s] = all[0] // the best answer covers the whole square
		default:
			x.square[s] = -3 - int32(len(x.candidates))
			for k, i := range all {
				c := candidate{i, rows[i][s/n-x.at(x.paths[i].Cell().Bound.Min[1], 1)]}
				if k == len(all)-1 {
					c.path = ^i
				}
				x.candidates = append(x.candidates, c)
			}
		}
	}
}

// reach gives the squares of row y that e passes, one more to each side against rounding.
func (x *Index) reach(e edge, y int) (int, int) {
	lo, hi := min(e.a[0], e.b[0]), max(e.a[0], e.b[0])
	if dy := e.b[1] - e.a[1]; dy != 0 {
		y0 := x.min[1] + float64(y)/x.scale[1]
		xa := e.a[0] + (e.b[0]-e.a[0])*(y0-e.a[1])/dy
		xb := e.a[0] + (e.b[0]-e.a[0])*(y0+1/x.scale[1]-e.a[1])/dy
		lo, hi = max(lo, min(xa, xb)), min(hi, max(xa, xb))
	}
	return max(x.at(lo, 0)-1, 0), min(x.at(hi, 0)+1, x.n-1)
}

// edgesOf lists the edges of all rings: with even-odd crossings outer rings, holes and parts need no telling apart.
func edgesOf(c *Cell) []edge {
	var es []edge
	for _, p := range c.Geometry {
		for _, r := range p {
			for i := 0; i+1 < len(r); i++ {
				if r[i] != r[i+1] {
					es = append(es, edge{r[i], r[i+1]})
				}
			}
		}
	}
	return es
}

// covers says whether p lies inside the rings of es, or on one of them.
//
// The side of an edge is the determinant as PostGIS computes it, in the same order of operations and without fused
// multiply-add (the conversions forbid it), so that a point within a rounding error of a border gets the same answer here and there.
func covers(es []edge, p orb.Point) bool {
	in := false
	for i := range es {
		a, b := &es[i].a, &es[i].b
		if (a[1] > p[1] && b[1] > p[1]) || (a[1] < p[1] && b[1] < p[1]) {
			continue
		}
		side := float64((b[0]-a[0])*(p[1]-a[1])) - float64((p[0]-a[0])*(b[1]-a[1]))
		if side == 0 && p[0] >= min(a[0], b[0]) && p[0] <= max(a[0], b[0]) {
			return true
		}
		if (a[1] <= p[1] && p[1] < b[1] && side > 0) || (b[1] <= p[1] && p[1] < a[1] && side < 0) {
			in = !in
		}
	}
	return in
}

// Locate returns the path of grids that cover p, street first, cell last.
//
// p is lon, lat in degrees, WGS-84 (EPSG:4326). A point on a shared edge belongs to the lowest code on the lowest level
// present there; grid_at in SQL is the same rule. Outside every grid it returns ErrOutside, as an *OutsideError with the
// nearest cell if there is one within 50 m. It allocates only for that. Safe for concurrent use.
func (x *Index) Locate(p orb.Point) (Path, error) {
	if !x.bound.Contains(p) || x.n == 0 {
		return nil, x.outside(p)
	}
	s := x.square[x.at(p[1], 1)*x.n+x.at(p[0], 0)]
	if s >= 0 {
		return x.paths[s], nil
	}
	if s == outside {
		return nil, x.outside(p)
	}
	for i := -3 - s; ; i++ {
		c := &x.candidates[i]
		path := c.path
		if path < 0 {
			path = ^path
		}
		if x.paths[path].Cell().Bound.Contains(p) && covers(x.edges[c.from:c.to], p) {
			return x.paths[path], nil
		}
		if c.path < 0 {
			return nil, x.outside(p)
		}
	}
}

// outside looks for the nearest cell of the lowest level within 50 m.
func (x *Index) outside(p orb.Point) error {
	k := orb.Point{metresPerDegree * math.Cos(p[1]*math.Pi/180), metresPerDegree}
	if math.IsNaN(p[0]) || math.IsNaN(p[1]) {
		return ErrOutside
	}
	best := &OutsideError{DistanceM: math.Inf(1)}
	for _, path := range x.paths {
		c := path.Cell()
		if best.Nearest != nil && best.Nearest.Level != c.Level {
			break
		}
		if b := c.Bound; (b.Min[0]-p[0])*k[0] > nearby || (p[0]-b.Max[0])*k[0] > nearby || (b.Min[1]-p[1])*k[1] > nearby || (p[1]-b.Max[1])*k[1] > nearby {
			continue
		}
		for _, e := range edgesOf(c) {
			if d := distance(e, p, k); d <= nearby && d < best.DistanceM {
				best.Nearest, best.DistanceM = c, d
			}
		}
	}
	if best.Nearest == nil {
		return ErrOutside
	}
	return best
}

// distance from p to e in metres; k is metres per degree of lon and lat.
func distance(e edge, p, k orb.Point) float64 {
	ax, ay := (e.a[0]-p[0])*k[0], (e.a[1]-p[1])*k[1]
	dx, dy := (e.b[0]-e.a[0])*k[0], (e.b[1]-e.a[1])*k[1]
	t := -(ax*dx + ay*dy) / (dx*dx + dy*dy)
	t = min(max(t, 0), 1)
	return math.Hypot(ax+t*dx, ay+t*dy)
}
