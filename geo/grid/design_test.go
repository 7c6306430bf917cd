package grid_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/planar"
	"pgregory.net/rapid"

	"gridwall/geo/geotest"
	"gridwall/geo/grid"
)

// proposedTree is a proposal as cells of the area that it divides.
func proposedTree(area orb.MultiPolygon, all []grid.Proposed) *grid.Tree {
	whole := &grid.Cell{Code: "1", Level: grid.Community, Geometry: area}
	cells := []*grid.Cell{whole}
	for i, p := range all {
		cells = append(cells, &grid.Cell{Code: fmt.Sprintf("1%03d", i), Parent: "1", Level: grid.Lattice, Geometry: orb.MultiPolygon{p.Geometry}})
	}
	return grid.NewTree(cells)
}

type fataler interface {
	Fatalf(string, ...any)
}

// holds says that a proposal covers its area once and has its inner borders on streets.
func holds(t fataler, area orb.MultiPolygon, streets []orb.LineString, all []grid.Proposed) {
	const leastM2 = 1 // a street's end within 1 cm of the border becomes a corner of it
	faults, err := grid.Check(proposedTree(area, all), leastM2)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, f := range faults {
		if f.Kind != grid.TVertex { // the area gets the corners when a draft is applied
			t.Fatalf("%s of %.2f m² at %v", f.Kind, f.AreaM2, f.Shape.Bound().Center())
		}
	}
	sum := 0.0
	for _, p := range all {
		if sum += geo.Area(p.Geometry); p.Geometry[0].Orientation() != orb.CCW {
			t.Fatalf("a cell is drawn clockwise")
		}
	}
	if whole := geo.Area(area); math.Abs(sum-whole) > leastM2 {
		t.Fatalf("the cells have %.2f m² of %.2f", sum, whole)
	}
	on := func(lines []orb.LineString, p orb.Point) bool {
		for _, l := range lines {
			if planar.DistanceFrom(l, p) < 2e-7 {
				return true
			}
		}
		return false
	}
	var border []orb.LineString
	for _, p := range area {
		border = append(border, orb.LineString(p[0]))
	}
	for _, p := range all {
		for i := 1; i < len(p.Geometry[0]); i++ {
			a, b := p.Geometry[0][i-1], p.Geometry[0][i]
			if m := (orb.Point{(a[0] + b[0]) / 2, (a[1] + b[1]) / 2}); !on(border, m) && !on(streets, m) {
				t.Fatalf("a border at %v lies on no street", m)
			}
		}
	}
}

func TestAProposalKeepsToStreetsAndHouseholds(t *testing.T) {
	square := orb.MultiPolygon{{{{110, 40}, {110.006, 40}, {110.006, 40.006}, {110, 40.006}, {110, 40}}}}
	var streets []orb.LineString
	for i := 1; i < 6; i++ { // six by six blocks, drawn a little too far
		v := float64(i) * 0.001
		streets = append(streets, orb.LineString{{110 + v, 39.999}, {110 + v, 40.007}}, orb.LineString{{109.999, 40 + v}, {110.007, 40 + v}})
	}
	streets = append(streets, orb.LineString{{110.0005, 40.0005}, {110.0005, 40.0008}}, // leads nowhere
		orb.LineString{{110.0002, 40.0002}, {110.0003, 40.0002}, {110.0003, 40.0003}, {110.0002, 40.0002}},                     // hangs on nothing
		orb.LineString{{110.001, 40.0015}, {110.0012, 40.0015}, {110.0014, 40.0013}, {110.0014, 40.0017}, {110.0012, 40.0015}}, // a loop at the end of a lane
		orb.LineString{{110.002, 40.002}, {110.0021, 40.0025}, {110.0025, 40.0021}, {110.002, 40.002}})                         // a loop at a crossing
	var houses []grid.House
	for x := range 60 {
		for y := range 60 { // 100 households a block, in the west twice as many
			n := 1
			if x < 30 {
				n = 2
			}
			houses = append(houses, grid.House{At: orb.Point{110.00005 + float64(x)*0.0001, 40.00005 + float64(y)*0.0001}, Households: n})
		}
	}
	houses = append(houses, grid.House{At: orb.Point{110.0005, 40.0005}, Households: -1}, grid.House{At: orb.Point{0, 0}, Households: 7})
	all, err := grid.Propose(square, streets, houses, 200, 500)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, square, streets, all)
	households, buildings := 0, 0
	for i, p := range all {
		households, buildings = households+p.Households, buildings+p.Buildings
		if !p.Within(200, 500) {
			t.Errorf("cell %d has %d households", i, p.Households)
		}
	}
	if households != 5400 || buildings != 3601 || len(all) < 11 || len(all) > 27 {
		t.Errorf("%d cells with %d households in %d buildings", len(all), households, buildings)
	}
	for _, bad := range []struct {
		area        orb.MultiPolygon
		least, most int
	}{{square, 500, 200}, {square, 0, 0}, {orb.MultiPolygon{{square[0][0], square[0][0]}}, 200, 500}} {
		if _, err := grid.Propose(bad.area, streets, houses, bad.least, bad.most); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	if one, err := grid.Propose(square, nil, houses, 200, 500); err != nil || len(one) != 1 || one[0].Households != 5400 || len(one[0].Geometry[0]) != 5 {
		t.Errorf("without streets: %v %v", one, err)
	}
}

func TestAnyStreetsGiveAProposalWithoutGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ring := orb.Ring{}
		for i := range 9 {
			angle, r := float64(i)/9*2*math.Pi, rapid.Float64Range(0.002, 0.004).Draw(t, "r")
			ring = append(ring, orb.Point{110 + r*math.Cos(angle), 40 + r*math.Sin(angle)})
		}
		area := orb.MultiPolygon{{append(ring, ring[0])}}
		// Corners on a raster, so that lines meet in corners, run upon one another and along the border.
		at := rapid.Custom(func(t *rapid.T) orb.Point {
			if rapid.IntRange(0, 5).Draw(t, "on border") == 0 {
				return ring[rapid.IntRange(0, 8).Draw(t, "corner")]
			}
			return orb.Point{110 + float64(rapid.IntRange(-10, 10).Draw(t, "x"))*0.0004, 40 + float64(rapid.IntRange(-10, 10).Draw(t, "y"))*0.0004}
		})
		var streets []orb.LineString
		for range rapid.IntRange(0, 12).Draw(t, "streets") {
			streets = append(streets, rapid.SliceOfN(at, 2, 5).Draw(t, "street"))
		}
		var houses []grid.House
		for range rapid.IntRange(0, 50).Draw(t, "houses") {
			houses = append(houses, grid.House{At: orb.Point{110 + rapid.Float64Range(-.003, .003).Draw(t, "lon"), 40 + rapid.Float64Range(-.003, .003).Draw(t, "lat")}, Households: rapid.IntRange(-1, 60).Draw(t, "households")})
		}
		all, err := grid.Propose(area, streets, houses, 200, 500)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, area, streets, all)
	})
}

// The communities of the demo town, by its streets and houses.
func TestTheDemoTownIsProposedAnew(t *testing.T) {
	town := geotest.New(1)
	read := func(text []byte) []*geojson.Feature {
		var all geojson.FeatureCollection
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		return all.Features
	}
	var streets []orb.LineString
	for _, f := range read(town.Backdrop) {
		if line, ok := f.Geometry.(orb.LineString); ok && f.Properties["kind"] == "road" {
			streets = append(streets, line)
		}
	}
	var houses []grid.House
	for _, f := range read(town.Buildings) {
		n, ok := f.Properties["households"].(float64)
		if !ok {
			n = -1
		}
		houses = append(houses, grid.House{At: f.Geometry.Bound().Center(), Households: int(n)})
	}
	cells, within := 0, 0
	for _, f := range read(town.Communities) {
		area, ok := f.Geometry.(orb.MultiPolygon)
		if p, one := f.Geometry.(orb.Polygon); one {
			area, ok = orb.MultiPolygon{p}, true
		}
		if !ok {
			t.Fatal(f.Geometry.GeoJSONType())
		}
		all, err := grid.Propose(area, streets, houses, 200, 500)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, area, streets, all)
		sum := 0
		var counts []int
		for _, p := range all {
			sum += p.Households
			counts = append(counts, p.Households)
			if cells++; p.Within(200, 500) {
				within++
			}
		}
		t.Logf("%v: %d households in %v", f.Properties["name"], sum, counts)
	}
	if t.Logf("%d of %d cells have 200 to 500 households", within, cells); within*10 < cells*8 {
		t.Errorf("only %d of %d cells have 200 to 500 households", within, cells)
	}
}
