package grid

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/planar"
	"github.com/peterstace/simplefeatures/geom"
)

// Draft is what somebody wants to change of the grids: borders first, then cells are planned anew, then cut, then joined.
type Draft struct {
	Cells  []Redrawn `json:"cells,omitempty"`
	Plan   *Plan     `json:"plan,omitempty"`
	Splits []Split   `json:"splits,omitempty"`
	Merges []Merge   `json:"merges,omitempty"`
}

// Redrawn is a cell with another outline: a Polygon or MultiPolygon, WGS-84.
type Redrawn struct {
	Code     Code             `json:"code"`
	Geometry geojson.Geometry `json:"geometry"`
}

// Plan puts new cells in the place of all of their kind below a community; Propose makes such.
type Plan struct {
	Parent Code      `json:"parent"`
	Kind   Kind      `json:"kind"` // empty: service
	Cells  []Planned `json:"cells"`
}

// Planned is a cell to come: a Polygon or MultiPolygon, WGS-84.
type Planned struct {
	Name       string           `json:"name"` // empty: the community's, and a number
	Households *int             `json:"households"`
	Geometry   geojson.Geometry `json:"geometry"`
}

// Split cuts a cell in two along a line that crosses it from border to border.
type Split struct {
	Code  Code             `json:"code"`
	Line  geojson.Geometry `json:"line"`  // a LineString
	Names [2]string        `json:"names"` // in the order of their codes; empty: the name and a number
}

// Merge makes one cell of several of the same parent.
type Merge struct {
	Codes []Code `json:"codes"`
	Name  string `json:"name"` // empty: that of the first
}

// DraftError says why a draft cannot be.
type DraftError struct{ Zh, En string }

func (e *DraftError) Error() string { return "draft: " + e.En }

func wrong(zh, en string, args ...any) error {
	return &DraftError{fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)}
}

// Outcome is what a draft comes to.
type Outcome struct {
	Tree    *Tree
	Changed []*Cell         // with another outline, or another parent
	Added   []*Cell         // in the order of their numbers; their ID is 0
	Retired map[Code][]Code // what is no more, and what it became
	Faults  []Fault         // that touch what was changed, of at least minFault; those that stood before are left out
}

// minFault (m²) is the smallest fault that keeps a draft from being saved.
const minFault = 0.1

// work is a tree under change.
type work struct {
	cells   map[Code]*Cell
	touched map[Code]bool
	outcome *Outcome
	tree    *Tree // as it was
	scheme  Scheme
	given   func(Code) bool
}

// Apply tries a draft on a tree; given says which codes were given before and are not to come again. The tree stays as it
// is. It returns a *DraftError for what makes no sense; faults of the geometry are told in the outcome.
func (d *Draft) Apply(t *Tree, scheme Scheme, given func(Code) bool) (*Outcome, error) {
	w := &work{cells: maps.Clone(t.byCode), touched: map[Code]bool{}, outcome: &Outcome{Retired: map[Code][]Code{}}, tree: t, scheme: scheme, given: given}
	for _, r := range d.Cells {
		if err := w.redraw(r); err != nil {
			return nil, err
		}
	}
	if d.Plan != nil {
		if err := w.plan(*d.Plan); err != nil {
			return nil, err
		}
	}
	if w.crossed(); len(w.outcome.Faults) > 0 { // nothing can be laid over it
		return w.outcome, nil
	}
	for _, s := range d.Splits {
		if err := w.split(s); err != nil {
			return nil, err
		}
	}
	for _, m := range d.Merges {
		if err := w.merge(m); err != nil {
			return nil, err
		}
	}
	w.outcome.Tree = NewTree(slices.Collect(maps.Values(w.cells)))
	for _, code := range slices.Sorted(maps.Keys(w.touched)) {
		c := w.cells[code]
		switch {
		case c == nil:
		case t.Cell(code) == nil:
			w.outcome.Added = append(w.outcome.Added, c)
		default:
			w.outcome.Changed = append(w.outcome.Changed, c)
		}
	}
	return w.outcome, w.check()
}

func (w *work) cell(code Code) (*Cell, error) {
	c := w.cells[code]
	if c == nil {
		return nil, wrong("没有网格 %s", "there is no grid %s", code)
	}
	return c, nil
}

// reshape replaces a cell by one with another outline.
func (w *work) reshape(c *Cell, g orb.MultiPolygon) *Cell {
	n := *c
	n.Geometry, n.Bound = g, g.Bound()
	if at, ok := inside(largest(g)); ok {
		n.Label = at
	}
	w.cells[n.Code], w.touched[n.Code] = &n, true
	return &n
}

func largest(g orb.MultiPolygon) orb.Polygon {
	return slices.MaxFunc(g, func(a, b orb.Polygon) int {
		if geo.Area(a) < geo.Area(b) {
			return -1
		}
		return 1
	})
}

func (w *work) redraw(r Redrawn) error {
	c, err := w.cell(r.Code)
	if err != nil {
		return err
	}
	g, err := shapeOf(r.Code, r.Geometry)
	if err != nil {
		return err
	}
	if !orb.Equal(g, c.Geometry) {
		w.reshape(c, g)
	}
	return nil
}

// shapeOf checks an outline; name is whose.
func shapeOf(name string, geometry geojson.Geometry) (orb.MultiPolygon, error) {
	var g orb.MultiPolygon
	switch shape := geometry.Geometry().(type) {
	case orb.Polygon:
		g = orb.MultiPolygon{shape}
	case orb.MultiPolygon:
		g = shape
	default:
		return nil, wrong("%s 的几何应为面", "the geometry of %s must be a polygon", name)
	}
	for _, p := range g {
		for _, ring := range p {
			if len(ring) < 4 || ring[0] != ring[len(ring)-1] {
				return nil, wrong("%s 的边界应有至少三个顶点并闭合", "a border of %s has at least three corners and is closed", name)
			}
			for _, at := range ring {
				if !(at[0] >= -180 && at[0] <= 180 && at[1] >= -90 && at[1] <= 90) {
					return nil, wrong("%s 的顶点应为经度、纬度（度）", "the corners of %s are longitude and latitude in degrees", name)
				}
			}
		}
	}
	if len(g) == 0 {
		return nil, wrong("%s 没有剩下任何面积", "nothing is left of %s", name)
	}
	return g, nil
}

// crossed tells of borders that cross themselves.
func (w *work) crossed() {
	for _, code := range slices.Sorted(maps.Keys(w.touched)) {
		c := w.cells[code]
		for _, p := range c.Geometry {
			if at, bad := selfCrossing(p); bad {
				w.outcome.Faults = append(w.outcome.Faults, Fault{Kind: Crossed, Level: c.Level, Cells: []Code{code}, Shape: at})
			}
		}
	}
}

// plain are cells that may be cut and joined: the lowest ones.
func (w *work) plain(code Code) (*Cell, error) {
	c, err := w.cell(code)
	if err == nil && len(w.tree.Children(code)) > 0 {
		err = wrong("%s 下面还有网格，不能拆分或合并", "%s has grids below it: it cannot be cut or joined", c.Name)
	}
	return c, err
}

// replace puts new cells in the place of old ones and gives them codes.
func (w *work) replace(old []*Cell, fresh []*Cell) error {
	reading(fresh)
	for _, c := range old {
		delete(w.cells, c.Code)
	}
	var codes []Code
	for _, c := range fresh {
		code, ok := w.scheme.next(w.tree, c.Parent, c.Level, func(code Code) bool { return w.given(code) || w.cells[code] != nil })
		if !ok {
			return wrong("上级 %s 下不能按编码规则（%v）再编号", "no further code of the scheme %[2]v can be given under %[1]s", c.Parent, w.scheme)
		}
		c.Code, c.ID = code, 0
		w.cells[code], w.touched[code] = c, true
		codes = append(codes, code)
	}
	for _, c := range old {
		delete(w.touched, c.Code)
		w.outcome.Retired[c.Code] = codes
	}
	return nil
}

func (w *work) plan(p Plan) error {
	parent, err := w.cell(p.Parent)
	if err != nil {
		return err
	}
	if p.Kind == "" {
		p.Kind = Service
	}
	switch {
	case parent.Level != Community:
		return wrong("%s 不是社区，不能在其下规划网格", "%s is no community: no grids can be planned below it", parent.Name)
	case p.Kind != Service && p.Kind != Unit:
		return wrong("网格类型应为 %s 或 %s", "the kind of grids is %s or %s", Service, Unit)
	case len(p.Cells) == 0:
		return wrong("规划中没有网格", "the plan has no grids")
	}
	var old, fresh []*Cell
	for _, c := range w.tree.Children(p.Parent) {
		if c.Kind != p.Kind {
			continue
		}
		if c, err = w.plain(c.Code); err != nil {
			return err
		}
		old = append(old, c)
	}
	for i, cell := range p.Cells {
		g, err := shapeOf(fmt.Sprintf("%s %d", parent.Name, i+1), cell.Geometry)
		if err != nil {
			return err
		}
		c := &Cell{Parent: p.Parent, Level: Lattice, Kind: p.Kind, Name: cell.Name, Households: -1, Geometry: g, Bound: g.Bound()}
		if cell.Households != nil {
			c.Households = max(*cell.Households, -1)
		}
		var ok bool
		if c.Label, ok = inside(largest(g)); !ok {
			return wrong("规划的第 %d 个网格没有面积", "planned grid %d has no area", i+1)
		}
		fresh = append(fresh, c)
	}
	if err := w.replace(old, fresh); err != nil {
		return err
	}
	for i, c := range fresh {
		if c.Name == "" {
			c.Name = fmt.Sprintf("%s第%d网格", parent.Name, i+1)
		}
		for _, ring := range c.Geometry {
			for _, corner := range ring[0] {
				w.share(corner, fresh)
			}
		}
	}
	for _, c := range old {
		if err := w.bequeath(c, fresh); err != nil {
			return err
		}
	}
	return nil
}

// bequeath names the cells that lie where c lay, the largest part first: to it go its officers.
func (w *work) bequeath(c *Cell, fresh []*Cell) error {
	areas := map[Code]float64{}
	var heirs []Code
	for _, f := range fresh {
		if !f.Bound.Intersects(c.Bound) {
			continue
		}
		parts, err := overlay(geom.Intersection, c.Geometry, f.Geometry)
		if err != nil {
			return err
		}
		for _, p := range parts {
			areas[f.Code] += geo.Area(p)
		}
		if areas[f.Code] > minFault {
			heirs = append(heirs, f.Code)
		}
	}
	if len(heirs) > 0 {
		slices.SortFunc(heirs, func(a, b Code) int { return cmp.Or(cmp.Compare(areas[b], areas[a]), cmp.Compare(a, b)) })
		w.outcome.Retired[c.Code] = heirs
	}
	return nil
}

// share gives a corner to the sides of other cells that it lies on, the parents' and the neighbours'.
func (w *work) share(corner orb.Point, but []*Cell) {
	for code, c := range w.cells {
		if !c.Bound.Pad(near).Contains(corner) || slices.Contains(but, c) {
			continue
		}
		stretch := math.Cos(corner[1] * math.Pi / 180)
		for i, p := range c.Geometry {
			for j, ring := range p {
				if slices.Contains(ring, corner) {
					continue
				}
				for k := 1; k < len(ring); k++ {
					if d, _ := fromSegment(corner, ring[k-1], ring[k], stretch); d <= near {
						n := *c
						n.Geometry = c.Geometry.Clone()
						n.Geometry[i][j] = slices.Insert(n.Geometry[i][j], k, corner)
						c = &n
						w.cells[code], w.touched[code] = c, true
						break
					}
				}
			}
		}
	}
}

func (w *work) split(s Split) error {
	c, err := w.plain(s.Code)
	if err != nil {
		return err
	}
	line, ok := s.Line.Geometry().(orb.LineString)
	if !ok || len(line) < 2 {
		return wrong("拆分线应为折线", "the cut must be a line")
	}
	for i, p := range c.Geometry {
		pieces, corners, ok := cut(p, line)
		if !ok {
			continue
		}
		parts := [2]orb.MultiPolygon{{pieces[0]}, {pieces[1]}}
		for j, other := range c.Geometry { // what lies apart goes with the nearer part
			if j != i {
				n := 0
				if at, ok := inside(other); ok && planar.DistanceFrom(pieces[1], at) < planar.DistanceFrom(pieces[0], at) {
					n = 1
				}
				parts[n] = append(parts[n], other)
			}
		}
		fresh := make([]*Cell, 2)
		for n := range fresh {
			f := *c
			f.Geometry, f.Bound, f.Households = parts[n], parts[n].Bound(), -1
			if f.Label, ok = inside(largest(parts[n])); !ok {
				return wrong("拆分后的网格没有面积", "a part has no area")
			}
			fresh[n] = &f
		}
		if err := w.replace([]*Cell{c}, fresh); err != nil {
			return err
		}
		for n, f := range fresh {
			if f.Name = s.Names[n]; f.Name == "" {
				f.Name = fmt.Sprintf("%s%d", c.Name, n+1)
			}
		}
		for _, corner := range corners { // the neighbours' and the parents' borders get the corner too
			for code, other := range w.cells {
				if slices.Contains(fresh, other) {
					continue
				}
				if g, new := insert(other.Geometry, corner); new {
					n := *other
					n.Geometry = g
					w.cells[code], w.touched[code] = &n, true
				}
			}
		}
		return nil
	}
	return wrong("拆分线没有从边到边穿过 %s", "the cut does not cross %s from border to border", c.Name)
}

func (w *work) merge(m Merge) error {
	if len(m.Codes) < 2 {
		return wrong("合并至少需要两个网格", "join at least two grids")
	}
	var old []*Cell
	var shapes []orb.MultiPolygon
	for _, code := range m.Codes {
		c, err := w.plain(code)
		if err != nil {
			return err
		}
		if slices.Contains(old, c) {
			return wrong("网格 %s 出现了两次", "grid %s stands there twice", code)
		}
		old, shapes = append(old, c), append(shapes, c.Geometry)
	}
	first := old[0]
	merged := *first
	if merged.Households >= 0 {
		merged.Households = 0
		for _, c := range old {
			if c.Households < 0 {
				merged.Households = -1
				break
			}
			merged.Households += c.Households
		}
	}
	for _, c := range old[1:] {
		if c.Parent != first.Parent || c.Level != first.Level || c.Kind != first.Kind {
			return wrong("%s 与 %s 不属于同一上级，不能合并", "%s and %s are not of one parent and kind", first.Name, c.Name)
		}
	}
	whole, err := union(shapes)
	if err != nil {
		return err
	}
	if len(whole) > max(1, len(first.Geometry)) {
		return wrong("所选网格不相邻，不能合并", "the grids do not touch: they cannot be joined")
	}
	merged.Geometry = whole
	merged.Bound = merged.Geometry.Bound()
	merged.Label, _ = inside(largest(merged.Geometry))
	if m.Name != "" {
		merged.Name = m.Name
	}
	return w.replace(old, []*Cell{&merged})
}

// check finds the faults that the draft brings, among the cells around it.
func (w *work) check() error {
	if len(w.touched) == 0 {
		return nil
	}
	touched := maps.Clone(w.touched)
	for code := range w.outcome.Retired {
		touched[code] = true
	}
	after, err := Check(surroundings(w.outcome.Tree, touched), minFault)
	if err != nil {
		return err
	}
	before, err := Check(surroundings(w.tree, touched), minFault/2)
	if err != nil {
		return err
	}
	for _, f := range after {
		if f.Kind == TVertex || !slices.ContainsFunc(append([]Code{f.Parent}, f.Cells...), func(c Code) bool { return touched[c] }) {
			continue
		}
		stood := slices.ContainsFunc(before, func(b Fault) bool {
			return b.Kind == f.Kind && slices.Equal(b.Cells, f.Cells) && b.Parent == f.Parent && f.AreaM2 <= b.AreaM2+minFault
		})
		if !stood {
			w.outcome.Faults = append(w.outcome.Faults, f)
		}
	}
	return nil
}

// surroundings is the part of a tree that the check of some cells needs: those near them, all parents of these, and all
// children of those parents.
func surroundings(t *Tree, codes map[Code]bool) *Tree {
	want := map[Code]bool{}
	for code := range codes {
		if c := t.Cell(code); c != nil {
			for _, other := range t.cells {
				if other.Level == c.Level && other.Bound.Pad(near).Intersects(c.Bound) {
					want[other.Code] = true
				}
			}
			for _, child := range t.Children(code) {
				want[child.Code] = true
			}
		}
	}
	for code := range maps.Clone(want) {
		if parent := t.Cell(t.Cell(code).Parent); parent != nil {
			want[parent.Code] = true
			for _, sibling := range t.Children(parent.Code) {
				want[sibling.Code] = true
			}
		}
	}
	var some []*Cell
	for code := range want {
		some = append(some, t.Cell(code))
	}
	return NewTree(some)
}
