package grid

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/planar"
)

// lattice is n × n squares of 100 m under one street.
func lattice(n int) []*Cell {
	const lon, lat, side = 110.0, 40.0, 0.001
	square := func(x, y, w float64) orb.MultiPolygon {
		at := func(i, j float64) orb.Point { return orb.Point{lon + i*side, lat + j*side} }
		return orb.MultiPolygon{{{at(x, y), at(x+w, y), at(x+w, y+w), at(x, y+w), at(x, y)}}}
	}
	top := &Cell{Code: "S", Level: Street, Kind: Service, Geometry: orb.MultiPolygon{{{}}}}
	var ring orb.Ring
	for side := range 4 { // the street has every corner of its cells
		for i := range n {
			p := [4][2]int{{i, 0}, {n, i}, {n - i, n}, {0, n - i}}[side]
			ring = append(ring, square(float64(p[0]), float64(p[1]), 1)[0][0][0])
		}
	}
	top.Geometry[0][0] = append(ring, ring[0])
	cells := []*Cell{top}
	for x := range n {
		for y := range n {
			cells = append(cells, &Cell{Code: fmt.Sprintf("S%02d%02d", x, y), Parent: "S", Level: Lattice, Kind: Service, Geometry: square(float64(x), float64(y), 1)})
		}
	}
	return cells
}

func check(t testing.TB, cells []*Cell, minM2 float64) []Fault {
	t.Helper()
	faults, err := Check(NewTree(cells), minM2)
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

func TestACleanCoverageHasNoFaults(t *testing.T) {
	if faults := check(t, lattice(10), 0.01); len(faults) > 0 {
		t.Errorf("%+v", faults[:min(3, len(faults))])
	}
}

func TestPlantedFaultsAreFoundWhereTheyAre(t *testing.T) {
	const n = 9
	random := rand.New(rand.NewPCG(1, 2))
	found := map[FaultKind]int{}
	for round := range 500 {
		cells := lattice(n)
		x, y := 1+random.IntN(n-2), 1+random.IntN(n-2)
		c := cells[1+x*n+y]
		ring := c.Geometry[0][0] // 0 SW, 1 SE, 2 NE, 3 NW
		by := (1 + 20*random.Float64()) * 1e-6
		var kind FaultKind
		var want orb.Geometry
		switch round % 3 {
		case 0: // the east side is drawn in
			kind = Gap
			se, ne := ring[1], ring[2]
			ring[1], ring[2] = orb.Point{se[0] - by, se[1]}, orb.Point{ne[0] - by, ne[1]}
			want = orb.Polygon{{ring[1], se, ne, ring[2], ring[1]}}
		case 1: // the north side reaches over the neighbour
			kind = Overlap
			ne, nw := ring[2], ring[3]
			ring[2], ring[3] = orb.Point{ne[0], ne[1] + by}, orb.Point{nw[0], nw[1] + by}
			want = orb.Polygon{{nw, ne, ring[2], ring[3], nw}}
		case 2: // a corner on the east side that the neighbour does not have
			kind = TVertex
			p := orb.Point{ring[1][0], ring[1][1] + (ring[2][1]-ring[1][1])*(0.1+0.8*random.Float64())}
			c.Geometry[0][0] = orb.Ring{ring[0], ring[1], p, ring[2], ring[3], ring[0]}
			want = p
		}
		area := geo.Area(want)
		var hit, others int
		for _, f := range check(t, cells, 0.01) {
			switch {
			case f.Kind == kind && at(f.Shape, want) && math.Abs(f.AreaM2-area) <= 0.001*area+1e-6:
				hit++
			case f.Kind == TVertex: // where a side was moved its ends lie on the sides of the next cells
			default:
				others++
				t.Logf("round %d %s: also %s %v %.3f m²", round, kind, f.Kind, f.Cells, f.AreaM2)
			}
		}
		if hit != 1 || others != 0 {
			t.Fatalf("round %d: a %s of %.2f m² at %v was found %d times, %d others", round, kind, area, want.Bound().Center(), hit, others)
		}
		found[kind]++
	}
	t.Log(found)
}

// at says that two shapes lie in the same place, to a millimetre.
func at(a, b orb.Geometry) bool {
	x, y := a.Bound(), b.Bound()
	return geo.Distance(x.Min, y.Min) < 1e-3 && geo.Distance(x.Max, y.Max) < 1e-3
}

func TestChildrenOutsideAndParentsNotCovered(t *testing.T) {
	cells := lattice(4)
	out := cells[1+3*4+1].Geometry[0][0] // on the east border
	out[1][0] += 1e-5
	out[2][0] += 1e-5
	gone := cells[1+0*4+2] // on the west border
	cells = append(cells[:1+0*4+2], cells[1+0*4+3:]...)
	got := map[FaultKind][]Fault{}
	for _, f := range check(t, cells, 0.1) {
		got[f.Kind] = append(got[f.Kind], f)
	}
	if o := got[Outside]; len(o) != 1 || o[0].Parent != "S" || o[0].Cells[0] != "S0301" || math.Abs(o[0].AreaM2-94.9) > 1 {
		t.Errorf("outside: %+v", o)
	}
	if u := got[Uncovered]; len(u) != 1 || u[0].Parent != "S" || math.Abs(u[0].AreaM2-geo.Area(gone.Geometry)) > 0.1 || !at(u[0].Shape, gone.Geometry) {
		t.Errorf("uncovered: %+v", u)
	}
	if len(got[Gap])+len(got[Overlap]) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestACellTwiceAndACellWithinAnother(t *testing.T) {
	cells := lattice(3)
	twice := *cells[5]
	twice.Code = "X"
	within := &Cell{Code: "Y", Parent: "S", Level: Lattice, Kind: Service, Geometry: orb.MultiPolygon{{{{110.0002, 40.0002}, {110.0008, 40.0002}, {110.0008, 40.0008}, {110.0002, 40.0008}, {110.0002, 40.0002}}}}}
	var got []string
	for _, f := range check(t, append(cells, &twice, within), 0.1) {
		got = append(got, fmt.Sprintf("%s %v %.0f", f.Kind, f.Cells, f.AreaM2))
	}
	want := fmt.Sprintf("[overlap [S0101 X] %.0f overlap [S0000 Y] %.0f]", geo.Area(twice.Geometry), geo.Area(within.Geometry))
	if fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// real reads cells of the real geodata; without it the test is skipped.
func real(t testing.TB, file, code, parent string, level Level) []*Cell {
	t.Helper()
	dir := os.Getenv("GRIDWALL_TEST_DATA")
	if dir == "" {
		dir = "../../../../shared/data"
	}
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Skip("GRIDWALL_TEST_DATA names no folder with the real geodata (dc/…, cn/…)")
	}
	var all geojson.FeatureCollection
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	var cells []*Cell
	for i, f := range all.Features {
		c := &Cell{Code: fmt.Sprint(f.Properties[code]), Level: level, Kind: Service}
		if code == "" {
			c.Code = fmt.Sprint(i)
		}
		if parent != "" {
			c.Parent = fmt.Sprint(f.Properties[parent])
		}
		switch g := f.Geometry.(type) {
		case orb.Polygon:
			c.Geometry = orb.MultiPolygon{g}
		case orb.MultiPolygon:
			c.Geometry = g
		}
		cells = append(cells, c)
	}
	return cells
}

func TestTheRealCellsOfACityAreCheckedInTwoSeconds(t *testing.T) {
	cells := real(t, "cn/tainan_basic_statistical_units_1.geojson", "", "", Lattice)
	started := time.Now()
	faults := check(t, cells, 1)
	took := time.Since(started)
	kinds := map[FaultKind]int{}
	for _, f := range faults {
		kinds[f.Kind]++
	}
	t.Logf("%d cells in %v: %v", len(cells), took.Round(time.Millisecond), kinds)
	// Two seconds on a machine of its own; a busy one may take longer, but not so that it is another algorithm.
	if len(cells) != 2427 || took > 30*time.Second {
		t.Errorf("%d cells in %v, want 2,427 in under 2 s", len(cells), took)
	}
}

func TestTheCellsOfWashingtonHaveNoFalseFindings(t *testing.T) {
	cells := append(real(t, "dc/smd_2013.geojson", "smd", "anc", Lattice), real(t, "dc/anc_2013.geojson", "anc", "", Community)...)
	for _, f := range check(t, cells, 1) {
		switch f.Kind {
		case Gap, Overlap:
			t.Errorf("%s %v %.2f m², %.3f m wide", f.Kind, f.Cells, f.AreaM2, f.WidthM)
		case Outside, Uncovered:
			t.Logf("%s %v of %s: %.2f m², %.4f m wide", f.Kind, f.Cells, f.Parent, f.AreaM2, f.WidthM)
			if f.AreaM2 > 1 && planar.Area(f.Shape) == 0 {
				t.Error("an area of nothing")
			}
		}
	}
}

// planted is a fault that a test put into cells.
type planted struct {
	kind  FaultKind
	shape orb.Geometry
	found int
}

// plant gives one cell a corner more, on a side that it shares with another: drawn in (a gap of 1 m² or more), drawn out (an
// overlap) or on the side (a T-vertex). ok is false where the side that was drawn by lot does not serve.
func plant(random *rand.Rand, cells []*Cell, owners map[[2]orb.Point]int, kind FaultKind, taken []orb.Bound) (p planted, ok bool) {
	c := cells[random.IntN(len(cells))]
	n := random.IntN(len(c.Geometry))
	ring := c.Geometry[n][0]
	i := random.IntN(len(ring) - 1)
	a, b := ring[i], ring[i+1]
	if owners[[2]orb.Point{b, a}] == 0 || geo.Distance(a, b) < 8 {
		return p, false
	}
	along := 0.2 + 0.6*random.Float64()
	at := orb.Point{a[0] + along*(b[0]-a[0]), a[1] + along*(b[1]-a[1])}
	if p = (planted{kind: kind, shape: at}); kind != TVertex {
		areaM2 := 1 + 20*random.Float64()
		off := 2 * areaM2 / geo.Distance(a, b) // metres, square to the side
		if kind == Overlap {
			off = -off
		}
		if planar.Area(ring) < 0 {
			off = -off
		}
		shrink := math.Cos(a[1] * math.Pi / 180)
		x, y := (b[0]-a[0])*shrink, b[1]-a[1]
		l := math.Hypot(x, y)
		const metres = 111_195
		at = orb.Point{at[0] - off*y/l/metres/shrink, at[1] + off*x/l/metres}
		p.shape = orb.Polygon{{a, at, b, a}}
	}
	near := p.shape.Bound().Pad(1e-6)
	for _, t := range taken {
		if t.Intersects(near) {
			return p, false
		}
	}
	for _, other := range cells { // no border but the one of the side comes near
		if !other.Geometry.Bound().Intersects(near) {
			continue
		}
		for _, polygon := range other.Geometry {
			for _, r := range polygon {
				for j := 0; j+1 < len(r); j++ {
					same := r[j] == a && r[j+1] == b || r[j] == b && r[j+1] == a
					touch := r[j] == a || r[j] == b || r[j+1] == a || r[j+1] == b
					switch {
					case same:
					case touch && kind != TVertex: // the side next to it must not run through the triangle
						mid := orb.Point{(at[0] + (a[0]+b[0])/2) / 2, (at[1] + (a[1]+b[1])/2) / 2}
						if planar.DistanceFromSegment(r[j], r[j+1], at) < 2e-6 || planar.DistanceFromSegment(r[j], r[j+1], mid) < 2e-6 || crosses(r[j], r[j+1], p.shape.(orb.Polygon)) {
							return p, false
						}
					case !touch && orb.LineString{r[j], r[j+1]}.Bound().Intersects(near):
						return p, false
					}
				}
			}
		}
	}
	grown := append(orb.Ring{}, ring[:i+1]...)
	grown = append(append(grown, at), ring[i+1:]...)
	c.Geometry[n][0] = grown
	return p, true
}

// crosses says that a side runs into a triangle, of which it may have a corner.
func crosses(a, b orb.Point, triangle orb.Polygon) bool {
	for _, along := range []float64{0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999} {
		if planar.PolygonContains(triangle, orb.Point{a[0] + along*(b[0]-a[0]), a[1] + along*(b[1]-a[1])}) {
			return true
		}
	}
	return false
}

func TestFaultsPlantedIntoTheCellsOfWashingtonAreAllFound(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 500))
	kinds := map[FaultKind]int{}
	const rounds, each = 5, 100
	for round := range rounds {
		cells := real(t, "dc/smd_2013.geojson", "smd", "", Lattice)
		owners := map[[2]orb.Point]int{}
		for _, c := range cells {
			for _, polygon := range c.Geometry {
				for _, r := range polygon {
					for i := 0; i+1 < len(r); i++ {
						owners[[2]orb.Point{r[i], r[i+1]}]++
					}
				}
			}
		}
		before := map[FaultKind]int{}
		for _, f := range check(t, cells, 0.9) {
			before[f.Kind]++
		}
		var all []planted
		var taken []orb.Bound
		for tries := 0; len(all) < each; tries++ {
			if tries > 1_000_000 {
				t.Fatalf("only %d faults could be planted", len(all))
			}
			if p, ok := plant(random, cells, owners, []FaultKind{Gap, Overlap, TVertex}[len(all)%3], taken); ok {
				all, taken = append(all, p), append(taken, p.shape.Bound().Pad(2e-6))
			}
		}
		more := map[FaultKind]int{}
		for _, f := range check(t, cells, 0.9) {
			more[f.Kind]++
			for i := range all {
				if p := &all[i]; f.Kind == p.kind && at(f.Shape, p.shape) {
					if area := geo.Area(p.shape); math.Abs(f.AreaM2-area) <= 0.01*area+1e-6 {
						p.found++
					}
				}
			}
		}
		for _, p := range all {
			kinds[p.kind]++
			before[p.kind]++
			if p.found != 1 {
				t.Errorf("round %d: a %s of %.2f m² at %v was found %d times", round, p.kind, geo.Area(p.shape), p.shape.Bound().Center(), p.found)
			}
		}
		for _, kind := range []FaultKind{Gap, Overlap, TVertex} {
			if more[kind] != before[kind] {
				t.Errorf("round %d: %d faults %s, want %d", round, more[kind], kind, before[kind])
			}
		}
	}
	t.Logf("planted and found: %v", kinds)
}
