package grid

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/planar"
	"github.com/peterstace/simplefeatures/geom"
)

// FaultKind is one way in which cells do not cover the ground as they should.
type FaultKind string

const (
	Gap       FaultKind = "gap"       // 缝隙: ground that cells surround and none covers
	Overlap   FaultKind = "overlap"   // 重叠: ground of two cells
	Outside   FaultKind = "outside"   // 越界: part of a cell outside its parent
	Uncovered FaultKind = "uncovered" // 未覆盖: part of a parent that none of its cells covers
	Crossed   FaultKind = "crossed"   // 自相交: a border that crosses itself; only of drafts, tables hold none
	TVertex   FaultKind = "t_vertex"  // T 形节点: a corner of one cell on the side of another, which has no corner there
)

// sliverM is the mean width (m) under which a gap or overlap is a sliver: two borders drawn for one.
const sliverM = 1

// near (degrees of latitude, 1.1 cm) is how far apart two corners or a corner and a side may lie to be the same.
const near = 1e-7

// Fault is one place where the coverage is wrong.
type Fault struct {
	Kind   FaultKind
	Level  Level
	Cells  []Code // those that take part, by code
	Parent Code   // of outside and uncovered
	AreaM2 float64
	WidthM float64      // mean width: twice the area over the perimeter
	Sliver bool         // a gap or overlap of less than 1 m mean width
	Shape  orb.Geometry // Polygon; of a T-vertex a Point
}

// Check finds every fault of at least minM2 (m²) and every T-vertex; the largest first.
//
// Cells of one level and kind should cover their ground once, and each parent should be covered by its cells: service and
// unit grids are two coverages. Ground outside the outermost border is nobody's and no fault. Cells that share a border
// exactly are seen to do so by their edges alone; only the others are laid over each other.
func Check(t *Tree, minM2 float64) ([]Fault, error) {
	groups := map[[2]string][]*Cell{}
	for _, c := range t.cells {
		key := [2]string{string(c.Level), string(c.Kind)}
		groups[key] = append(groups[key], c)
	}
	var all []Fault
	for _, cells := range groups {
		k := newChecker(t, cells, minM2)
		for _, step := range []func() error{k.overlaps, k.gaps, k.parents} {
			if err := step(); err != nil {
				return nil, err
			}
		}
		all = append(all, k.faults...)
	}
	slices.SortFunc(all, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(b.AreaM2, a.AreaM2), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Cells, b.Cells), comparePoints(a.Shape.Bound().Min, b.Shape.Bound().Min))
	})
	return all, nil
}

func comparePoints(a, b orb.Point) int {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
}

// checker is the check of one coverage.
type checker struct {
	tree    *Tree
	cells   []*outlined
	minM2   float64
	stretch float64
	edges   map[edge][]int32 // directed, the cell on its left; whose
	taken   map[Code]float64 // area (m²) that overlaps and overhang take from a parent's sum
	faults  []Fault
}

// outlined is a cell with its rings turned so that it lies on the left of its edges.
type outlined struct {
	*Cell
	edges []edge
	bands [][]int32 // which edges reach into each strip of latitude
}

// strips is how many a cell is cut into.
const strips = 256

// strip is the one that a latitude lies in.
func (o *outlined) strip(lat float64) int {
	return min(max(int((lat-o.Bound.Min[1])/max(o.Bound.Max[1]-o.Bound.Min[1], 1e-12)*strips), 0), strips-1)
}

// level is the edges that a line of latitude through p can meet.
func (o *outlined) level(p orb.Point) []int32 {
	if o.bands == nil {
		o.bands = make([][]int32, strips)
		for i, e := range o.edges {
			for s := o.strip(min(e.a[1], e.b[1]) - near); s <= o.strip(max(e.a[1], e.b[1])+near); s++ {
				o.bands[s] = append(o.bands[s], int32(i))
			}
		}
	}
	return o.bands[o.strip(p[1])]
}

// contains says that p lies within, by counting the edges east of it.
func (o *outlined) contains(p orb.Point) bool {
	odd := false
	if !o.Bound.Contains(p) {
		return false
	}
	for _, i := range o.level(p) {
		e := o.edges[i]
		if (e.a[1] > p[1]) != (e.b[1] > p[1]) && p[0] < (e.b[0]-e.a[0])*(p[1]-e.a[1])/(e.b[1]-e.a[1])+e.a[0] {
			odd = !odd
		}
	}
	return odd
}

func newChecker(t *Tree, cells []*Cell, minM2 float64) *checker {
	k := &checker{tree: t, minM2: minM2, edges: map[edge][]int32{}, taken: map[Code]float64{},
		stretch: math.Cos(t.bound.Center()[1] * math.Pi / 180)}
	for i, c := range cells {
		o := &outlined{Cell: c}
		for _, p := range c.Geometry {
			for r, ring := range p {
				want := orb.CCW
				if r > 0 {
					want = orb.CW
				}
				turn := ring.Orientation() != want
				for j := 1; j < len(ring); j++ {
					e := edge{ring[j-1], ring[j]}
					if turn {
						e = edge{e.b, e.a}
					}
					if e.a != e.b {
						o.edges = append(o.edges, e)
						k.edges[e] = append(k.edges[e], int32(i))
					}
				}
			}
		}
		k.cells = append(k.cells, o)
	}
	return k
}

func (k *checker) add(f Fault) {
	f.Level = k.cells[0].Level
	if f.Kind != TVertex {
		f.AreaM2 = geo.Area(f.Shape)
		f.WidthM = 2 * f.AreaM2 / max(geo.Length(f.Shape), 1e-9)
		if f.AreaM2 < k.minM2 {
			return
		}
		f.Sliver = f.WidthM < sliverM && (f.Kind == Gap || f.Kind == Overlap)
	}
	slices.Sort(f.Cells)
	k.faults = append(k.faults, f)
}

// overlaps compares cells whose bounds meet, by a sweep from west to east.
func (k *checker) overlaps() error {
	order := make([]int32, len(k.cells))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(k.cells[a].Bound.Min[0], k.cells[b].Bound.Min[0]) })
	corners := map[tCorner]bool{}
	var active []int32
	for _, i := range order {
		a := k.cells[i]
		still := active[:0]
		for _, j := range active {
			b := k.cells[j]
			if b.Bound.Max[0] < a.Bound.Min[0]-near {
				continue
			}
			still = append(still, j)
			if !b.Bound.Pad(near).Intersects(a.Bound) || k.clean(i, j, corners) {
				continue
			}
			over, err := overlay(geom.Intersection, a.Geometry, b.Geometry)
			if err != nil {
				return err
			}
			for _, p := range over {
				k.add(Fault{Kind: Overlap, Cells: []Code{a.Code, b.Code}, Shape: p})
				if a.Parent == b.Parent {
					k.taken[a.Parent] += geo.Area(p)
				}
			}
		}
		active = append(still, i)
	}
	return nil
}

// loose are the cells with a corner of an edge that is not the border of just two cells: every gap has its border there.
func (k *checker) loose() []orb.MultiPolygon {
	corners := map[orb.Point]bool{}
	for _, c := range k.cells {
		for _, e := range c.edges {
			if len(k.edges[e]) > 1 || len(k.edges[edge{e.b, e.a}]) != 1 {
				corners[e.a], corners[e.b] = true, true
			}
		}
	}
	var some []orb.MultiPolygon
	for _, c := range k.cells {
		if slices.ContainsFunc(c.edges, func(e edge) bool { return corners[e.a] }) {
			some = append(some, c.Geometry)
		}
	}
	return some
}

// tCorner is a corner on the side of a cell.
type tCorner struct {
	cell int32
	at   orb.Point
}

// clean says that two cells share no ground: their borders meet in corners and in edges that both have, and neither
// reaches into the other. On the way it notes corners that lie on a side.
func (k *checker) clean(i, j int32, corners map[tCorner]bool) bool {
	a, b := k.cells[i], k.cells[j]
	common := orb.Bound{Min: orb.Point{max(a.Bound.Min[0], b.Bound.Min[0]) - near, max(a.Bound.Min[1], b.Bound.Min[1]) - near},
		Max: orb.Point{min(a.Bound.Max[0], b.Bound.Max[0]) + near, min(a.Bound.Max[1], b.Bound.Max[1]) + near}}
	as, aSame := k.alone(i, j, common)
	bs, bSame := k.alone(j, i, common)
	clean := !aSame && !bSame
	for _, e := range as {
		for _, f := range bs {
			if min(e.a[0], e.b[0])-near > max(f.a[0], f.b[0]) || max(e.a[0], e.b[0])+near < min(f.a[0], f.b[0]) ||
				min(e.a[1], e.b[1])-near > max(f.a[1], f.b[1]) || max(e.a[1], e.b[1])+near < min(f.a[1], f.b[1]) {
				continue
			}
			if !k.apart(i, j, e, f, corners) {
				clean = false
			}
		}
	}
	if !clean {
		return false
	}
	for _, e := range as {
		if m := middle(e); common.Contains(m) && b.contains(m) {
			return false
		}
	}
	for _, f := range bs {
		if m := middle(f); common.Contains(m) && a.contains(m) {
			return false
		}
	}
	return true
}

// alone are the edges of i in the bound that j does not have the other way round; same: j has one of them the same way.
func (k *checker) alone(i, j int32, bound orb.Bound) (some []edge, same bool) {
	for _, e := range k.cells[i].edges {
		if max(e.a[0], e.b[0]) < bound.Min[0] || min(e.a[0], e.b[0]) > bound.Max[0] || max(e.a[1], e.b[1]) < bound.Min[1] || min(e.a[1], e.b[1]) > bound.Max[1] {
			continue
		}
		if slices.Contains(k.edges[edge{e.b, e.a}], j) {
			continue
		}
		same = same || slices.Contains(k.edges[e], j)
		some = append(some, e)
	}
	return some, same
}

func middle(e edge) orb.Point { return orb.Point{(e.a[0] + e.b[0]) / 2, (e.a[1] + e.b[1]) / 2} }

// apart says that two edges meet in nothing but corners.
func (k *checker) apart(i, j int32, e, f edge, corners map[tCorner]bool) bool {
	apart := true
	for _, t := range []struct {
		cell int32
		side edge
		p    orb.Point
	}{{i, e, f.a}, {i, e, f.b}, {j, f, e.a}, {j, f, e.b}} {
		if t.p == t.side.a || t.p == t.side.b {
			continue
		}
		d, at := fromSegment(t.p, t.side.a, t.side.b, k.stretch)
		if d > near {
			continue
		}
		apart = false
		fromA, _ := fromSegment(t.p, t.side.a, t.side.a, k.stretch)
		fromB, _ := fromSegment(t.p, t.side.b, t.side.b, k.stretch)
		corner := tCorner{t.cell, t.p}
		if at > 0 && at < 1 && fromA > near && fromB > near && !corners[corner] {
			corners[corner] = true
			k.add(Fault{Kind: TVertex, Cells: []Code{k.cells[i].Code, k.cells[j].Code}, Shape: t.p})
		}
	}
	side := func(a, b, p orb.Point) float64 { return (b[0]-a[0])*(p[1]-a[1]) - (b[1]-a[1])*(p[0]-a[0]) }
	return apart && !(side(e.a, e.b, f.a)*side(e.a, e.b, f.b) < 0 && side(f.a, f.b, e.a)*side(f.a, f.b, e.b) < 0)
}

// gaps are the holes in the union that no cell fills. The loose cells are enough, with those that touch them in a corner
// only: what else is a hole in their union is filled by the cells within.
func (k *checker) gaps() error {
	open := k.loose()
	if len(open) == 0 {
		return nil
	}
	whole, err := union(open)
	if err != nil {
		return err
	}
	for _, p := range whole {
		for _, hole := range p[1:] {
			gap := orb.Polygon{hole}
			if hole.Orientation() != orb.CCW {
				gap = orb.Polygon{reversed(hole)}
			}
			at, ok := inside(gap)
			if !ok || k.covered(at) {
				continue
			}
			k.add(Fault{Kind: Gap, Cells: k.around(gap), Shape: gap})
		}
	}
	return nil
}

func reversed(r orb.Ring) orb.Ring {
	r = slices.Clone(r)
	slices.Reverse(r)
	return r
}

func (k *checker) covered(p orb.Point) bool {
	for _, c := range k.cells {
		if c.contains(p) {
			return true
		}
	}
	return false
}

// around are the cells that border on a shape.
func (k *checker) around(p orb.Polygon) []Code {
	bound := p.Bound().Pad(near)
	var codes []Code
	for _, c := range k.cells {
		if c.Bound.Intersects(bound) && k.borders(c, p[0]) {
			codes = append(codes, c.Code)
		}
	}
	return codes
}

// borders says that the middle of one of the ring's sides lies on the cell's border.
func (k *checker) borders(c *outlined, ring orb.Ring) bool {
	for i := 1; i < len(ring); i++ {
		m := middle(edge{ring[i-1], ring[i]})
		if k.onBorder(c, m) {
			return true
		}
	}
	return false
}

func (k *checker) onBorder(c *outlined, p orb.Point) bool {
	for _, i := range c.level(p) {
		e := c.edges[i]
		if min(e.a[1], e.b[1])-near > p[1] || max(e.a[1], e.b[1])+near < p[1] {
			continue
		}
		if d, _ := fromSegment(p, e.a, e.b, k.stretch); d <= near {
			return true
		}
	}
	return false
}

// parents compares cells with the one above them.
func (k *checker) parents() error {
	sums := map[Code]float64{}
	children := map[Code][]*outlined{}
	above := map[Code]*outlined{}
	for _, c := range k.cells {
		parent := k.tree.byCode[c.Parent]
		if parent == nil {
			continue
		}
		if above[c.Parent] == nil {
			above[c.Parent] = newChecker(k.tree, []*Cell{parent}, k.minM2).cells[0]
		}
		sums[c.Parent] += geo.Area(c.Geometry)
		children[c.Parent] = append(children[c.Parent], c)
		if k.within(c, above[c.Parent]) {
			continue
		}
		over, err := overlay(geom.Difference, c.Geometry, parent.Geometry)
		if err != nil {
			return err
		}
		for _, p := range over {
			k.taken[c.Parent] += geo.Area(p)
			k.add(Fault{Kind: Outside, Cells: []Code{c.Code}, Parent: c.Parent, Shape: p})
		}
	}
	for code, p := range above {
		if geo.Area(p.Geometry)-(sums[code]-k.taken[code]) < k.minM2/2 {
			continue
		}
		if err := k.uncovered(p, children[code]); err != nil {
			return err
		}
	}
	return nil
}

// within says that no corner of c lies outside its parent and none of the parent's inside c.
func (k *checker) within(c, parent *outlined) bool {
	shared := map[edge]bool{}
	for _, e := range parent.edges {
		shared[e] = true
	}
	for _, e := range c.edges {
		if shared[e] {
			continue
		}
		for _, p := range []orb.Point{e.a, middle(e)} {
			if !parent.contains(p) && !k.onBorder(parent, p) {
				return false
			}
		}
	}
	for _, e := range parent.edges {
		if c.contains(e.a) && !k.onBorder(c, e.a) {
			return false
		}
	}
	return true
}

// uncovered is what is left of a parent without its cells, but for gaps that were told already.
func (k *checker) uncovered(parent *outlined, children []*outlined) error {
	shapes := make([]orb.MultiPolygon, len(children))
	for i, c := range children {
		shapes[i] = c.Geometry
	}
	covered, err := union(shapes)
	if err != nil {
		return err
	}
	left, err := overlay(geom.Difference, parent.Geometry, orb.MultiPolygon(covered))
	if err != nil {
		return err
	}
	for _, p := range left {
		at, ok := inside(p)
		told := ok && slices.ContainsFunc(k.faults, func(f Fault) bool {
			g, ok := f.Shape.(orb.Polygon)
			return ok && f.Kind == Gap && planar.PolygonContains(g, at)
		})
		if !told {
			k.add(Fault{Kind: Uncovered, Cells: k.around(p), Parent: parent.Code, Shape: p})
		}
	}
	return nil
}
