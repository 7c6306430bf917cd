package grid

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
)

func rect(w, s, e, n float64) orb.Polygon {
	return orb.Polygon{{{w, s}, {e, s}, {e, n}, {w, n}, {w, s}}}
}

// quarters is a community of four cells, two by two, numbered in reading order.
func quarters() *Tree {
	const community = "150621001001"
	cells := []*Cell{{ID: 1, Code: community, Level: Community, Kind: Service, Name: "社区", Geometry: orb.MultiPolygon{{{{110, 40}, {110.01, 40}, {110.02, 40}, {110.02, 40.01}, {110.02, 40.02}, {110.01, 40.02}, {110, 40.02}, {110, 40.01}, {110, 40}}}}}}
	for i, at := range []orb.Point{{110, 40.01}, {110.01, 40.01}, {110, 40}, {110.01, 40}} {
		g := rect(at[0], at[1], at[0]+.01, at[1]+.01)
		cells = append(cells, &Cell{ID: uint64(i + 2), Code: fmt.Sprintf("%s%03d", community, i+1), Parent: community, Level: Lattice, Kind: Service,
			Name: fmt.Sprintf("第%d网格", i+1), Households: 100, Geometry: orb.MultiPolygon{g}, Label: orb.Point{at[0] + .005, at[1] + .005}})
	}
	return NewTree(cells)
}

func redrawn(code Code, g orb.Geometry) Redrawn { return Redrawn{code, *geojson.NewGeometry(g)} }

func none(Code) bool { return false }

const c1, c2, c3, c4 = "150621001001001", "150621001001002", "150621001001003", "150621001001004"

func kinds(faults []Fault) (all []string) {
	for _, f := range faults {
		all = append(all, fmt.Sprint(f.Kind, " ", f.Cells))
	}
	slices.Sort(all)
	return all
}

func TestADraftTellsWhatIsWrongWithIt(t *testing.T) {
	for _, tc := range []struct {
		name  string
		cells []Redrawn
		want  []string
	}{
		{"a border moved in both cells is clean", []Redrawn{redrawn(c1, rect(110, 40.01, 110.01, 40.02)),
			redrawn(c3, orb.Polygon{{{110, 40}, {110.01, 40}, {110.012, 40.005}, {110.01, 40.01}, {110, 40.01}, {110, 40}}}),
			redrawn(c4, orb.Polygon{{{110.01, 40}, {110.02, 40}, {110.02, 40.01}, {110.01, 40.01}, {110.012, 40.005}, {110.01, 40}}})}, nil},
		{"moved in one it overlaps the other", []Redrawn{redrawn(c3, orb.Polygon{{{110, 40}, {110.01, 40}, {110.012, 40.005}, {110.01, 40.01}, {110, 40.01}, {110, 40}}})},
			[]string{"overlap [150621001001003 150621001001004]"}},
		{"drawn back it leaves ground open", []Redrawn{redrawn(c3, orb.Polygon{{{110, 40}, {110.01, 40}, {110.008, 40.005}, {110.01, 40.01}, {110, 40.01}, {110, 40}}})},
			[]string{"gap [150621001001003 150621001001004]"}},
		{"over the border of its parent it lies outside", []Redrawn{redrawn(c3, orb.Polygon{{{110, 40}, {110.005, 39.999}, {110.01, 40}, {110.01, 40.01}, {110, 40.01}, {110, 40}}})},
			[]string{"outside [150621001001003]"}},
		{"a bow tie crosses itself", []Redrawn{redrawn(c3, orb.Polygon{{{110, 40}, {110.01, 40.01}, {110.01, 40}, {110, 40.01}, {110, 40}}})},
			[]string{"crossed [150621001001003]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tree := quarters()
			o, err := (&Draft{Cells: tc.cells}).Apply(tree, National, none)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, kinds(o.Faults)); diff != "" {
				t.Error(diff)
			}
			if !cmp.Equal(tree.Cell(c3).Geometry, quarters().Cell(c3).Geometry) {
				t.Error("the tree itself was changed")
			}
		})
	}
}

func TestACutGivesNewCodesAndKeepsBordersShared(t *testing.T) {
	gone := func(c Code) bool { return c == "150621001001005" } // given once before
	line := orb.LineString{{110.004, 39.999}, {110.005, 40.005}, {110.004, 40.011}}
	o, err := (&Draft{Splits: []Split{{Code: c3, Line: *geojson.NewGeometry(line), Names: [2]string{"西", ""}}}}).Apply(quarters(), National, gone)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Faults) > 0 {
		t.Errorf("faults: %v", kinds(o.Faults))
	}
	if diff := cmp.Diff(map[Code][]Code{c3: {"150621001001006", "150621001001007"}}, o.Retired); diff != "" {
		t.Error(diff)
	}
	if o.Tree.Cell(c3) != nil || len(o.Added) != 2 {
		t.Fatalf("added %v", o.Added)
	}
	west, east := o.Added[0], o.Added[1]
	if west.Label[0] >= east.Label[0] || west.Name != "西" || east.Name != "第3网格2" || west.Households != -1 {
		t.Errorf("%+v, %+v", west, east)
	}
	all, err := Check(o.Tree, 0.01) // T-vertices too: the neighbour and the parent have the new corners
	if err != nil || len(all) > 0 {
		t.Errorf("%v, %v", kinds(all), err)
	}
	for _, tc := range []struct {
		name string
		line orb.Geometry
		code Code
	}{
		{"a line that ends inside", orb.LineString{{110.004, 39.999}, {110.004, 40.005}}, c3},
		{"a line that passes by", orb.LineString{{110.004, 39.999}, {110.02, 39.999}}, c3},
		{"no line", orb.Point{110.004, 39.999}, c3},
		{"a cell that is not", line, "x"},
		{"a cell with others below", line, "150621001001"},
	} {
		var wrong *DraftError
		if _, err := (&Draft{Splits: []Split{{Code: tc.code, Line: *geojson.NewGeometry(tc.line)}}}).Apply(quarters(), National, none); !errors.As(err, &wrong) || wrong.Zh == "" || wrong.En == "" {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestCellsAreJoined(t *testing.T) {
	o, err := (&Draft{Merges: []Merge{{Codes: []Code{c1, c2}, Name: "北网格"}}}).Apply(quarters(), National, none)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Added) != 1 || o.Added[0].Code != "150621001001005" || o.Added[0].Name != "北网格" || o.Added[0].Households != 200 || len(o.Faults) > 0 {
		t.Errorf("%+v %v", o.Added, kinds(o.Faults))
	}
	for name, m := range map[string]Merge{"apart": {Codes: []Code{c1, c4}}, "one alone": {Codes: []Code{c1}}, "twice the same": {Codes: []Code{c1, c1}}} {
		var wrong *DraftError
		if _, err := (&Draft{Merges: []Merge{m}}).Apply(quarters(), National, none); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCodesRunFromWestToEastAndFromNorthToSouth(t *testing.T) {
	var cells []*Cell
	for _, at := range []orb.Point{{0, 1}, {1, 1.1}, {2, .9}, {0, 0}, {1, .1}, {2, 0}} {
		cells = append(cells, &Cell{Name: fmt.Sprint(at), Label: at, Bound: orb.Bound{Min: orb.Point{at[0] - .5, at[1] - .5}, Max: orb.Point{at[0] + .5, at[1] + .5}}})
	}
	want := slices.Clone(cells)
	for _, order := range [][]int{{5, 3, 0, 2, 4, 1}, {1, 4, 5, 0, 3, 2}} {
		var some []*Cell
		for _, i := range order {
			some = append(some, cells[i])
		}
		reading(some)
		for i := range want {
			if some[i] != want[i] {
				t.Errorf("place %d: %s, want %s", i, some[i].Name, want[i].Name)
			}
		}
	}
	for _, text := range []string{"", "6+3+3", "6+3+3+x", "6+3+3+0"} {
		if _, err := ParseScheme(text); err == nil {
			t.Errorf("the scheme %q was taken", text)
		}
	}
	s, err := ParseScheme("6+3+3+2")
	if code, ok := s.next(quarters(), "150621001001", Lattice, none); err != nil || !ok || code != "15062100100101" {
		t.Errorf("%v: %s %v", err, code, ok)
	}
	if code, ok := National.next(quarters(), "G7", Lattice, none); ok {
		t.Errorf("a parent of another scheme got the child %s", code)
	}
}

func TestACellThatIsNoMoreStandsUnderWhatItBecame(t *testing.T) {
	cells := lattice(2)
	tree := NewTreeAfter(cells, map[Code][]Code{"A": {"B", "S0001"}, "B": {"S0000", "S0001"}, "C": {"gone"}, "D": {"E"}, "E": {"D"}})
	for code, want := range map[Code]string{"A": "[S0001 S0000]", "B": "[S0000 S0001]", "S0101": "[S0101]", "C": "[]", "D": "[]", "never": "[]"} {
		if got := fmt.Sprint(tree.Heirs(code)); got != want {
			t.Errorf("heirs of %s: %s, want %s", code, got, want)
		}
	}
	for code, want := range map[Code]string{"S": "[S A B S0000 S0001 S0100 S0101]", "S0000": "[S0000 A B]", "S0101": "[S0101]", "A": "[A]", "never": "[never]"} {
		if got := fmt.Sprint(tree.Under(code)); got != want {
			t.Errorf("under %s: %s, want %s", code, got, want)
		}
	}
}

func TestAPlanTakesThePlaceOfACommunitysCells(t *testing.T) {
	tree := quarters()
	community := tree.Cell("150621001001")
	streets := []orb.LineString{{{110.004, 39.9}, {110.004, 40.1}}, {{110.009, 40}, {110.009, 40.02}}, {{110, 40.006}, {110.02, 40.006}}}
	houses := []House{{orb.Point{110.001, 40.001}, 60}, {orb.Point{110.001, 40.011}, 80}, {orb.Point{110.006, 40.011}, 70}, {orb.Point{110.015, 40.015}, 90}}
	proposed, err := Propose(community.Geometry, streets, houses, 60, 100)
	if err != nil {
		t.Fatal(err)
	}
	plan := Plan{Parent: community.Code}
	for _, p := range proposed {
		plan.Cells = append(plan.Cells, Planned{Households: &p.Households, Geometry: *geojson.NewGeometry(p.Geometry)})
	}
	o, err := (&Draft{Plan: &plan}).Apply(tree, National, none)
	if err != nil || len(o.Faults) > 0 {
		t.Fatal(kinds(o.Faults), err)
	}
	households := 0
	var names []string
	for _, c := range o.Added {
		households += c.Households
		names = append(names, c.Code+" "+c.Name)
	}
	want := []string{"150621001001005 社区第1网格", "150621001001006 社区第2网格", "150621001001007 社区第3网格", "150621001001008 社区第4网格"}
	if diff := cmp.Diff(want, names); diff != "" || households != 300 {
		t.Error(households, diff)
	}
	for code, first := range map[Code]Code{c2: "150621001001007", c3: "150621001001008"} {
		if heirs := o.Retired[code]; len(heirs) == 0 || heirs[0] != first {
			t.Errorf("%s becomes %v, want %s first", code, heirs, first)
		}
	}
	if len(o.Retired) != 4 || len(o.Changed) != 1 || len(o.Changed[0].Geometry[0][0]) <= len(community.Geometry[0][0]) {
		t.Errorf("%d retired; the community was given no corners: %v", len(o.Retired), o.Changed[0].Geometry)
	}
	left := plan
	left.Cells = plan.Cells[1:]
	if o, err := (&Draft{Plan: &left}).Apply(tree, National, none); err != nil || len(o.Faults) != 1 || o.Faults[0].Kind != Uncovered {
		t.Errorf("a cell left out: %v %v", kinds(o.Faults), err)
	}
	for _, bad := range []Plan{{Parent: c1, Cells: plan.Cells}, {Parent: "x", Cells: plan.Cells}, {Parent: community.Code}, {Parent: community.Code, Kind: "no", Cells: plan.Cells},
		{Parent: community.Code, Cells: []Planned{{Geometry: *geojson.NewGeometry(orb.Point{110, 40})}}}} {
		var refused *DraftError
		if _, err := (&Draft{Plan: &bad}).Apply(tree, National, none); !errors.As(err, &refused) {
			t.Errorf("%+v: %v", bad.Parent, err)
		}
	}
}
