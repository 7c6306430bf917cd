package sight_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/planar"

	"gridwall/geo/building"
	"gridwall/geo/geotest"
	"gridwall/geo/sight"
)

// houses are the footprints of the demo town.
func houses(t *testing.T) []building.Building {
	t.Helper()
	var all geojson.FeatureCollection
	if err := json.Unmarshal(geotest.New(1).Buildings, &all); err != nil {
		t.Fatal(err)
	}
	var out []building.Building
	for i, f := range all.Features {
		b := building.Building{ID: uint64(i + 1)}
		if n, ok := f.Properties["floors"].(float64); ok {
			b.Floors = int(n)
		}
		switch g := f.Geometry.(type) {
		case orb.Polygon:
			b.Footprint = orb.MultiPolygon{g}
		case orb.MultiPolygon:
			b.Footprint = g
		}
		out = append(out, b)
	}
	return out
}

// cast walks the line in steps of 2 cm and asks every building at every step: slow, and of another kind.
func cast(all []building.Building, from, to orb.Point, heightM float64) bool {
	var near []building.Building
	bound := orb.MultiPoint{from, to}.Bound()
	for _, b := range all {
		if b.Footprint == nil || !b.Footprint.Bound().Intersects(bound) || planar.MultiPolygonContains(b.Footprint, to) || planar.MultiPolygonContains(b.Footprint, from) {
			continue
		}
		near = append(near, b)
	}
	steps := int(geo.Distance(from, to) / 0.02)
	for i := range steps {
		t := (float64(i) + 0.5) / float64(steps)
		p := orb.Point{from[0] + t*(to[0]-from[0]), from[1] + t*(to[1]-from[1])}
		for _, b := range near {
			if heightM+(1.5-heightM)*t < sight.Height(&b) && planar.MultiPolygonContains(b.Footprint, p) {
				return true
			}
		}
	}
	return false
}

func TestSightEqualsBruteForceInTheDemoTown(t *testing.T) {
	all := houses(t)
	scene := sight.New(all)
	random := rand.New(rand.NewPCG(7, 8))
	agree, blocked := 0, 0
	const incidents = 200
	for agree+1 <= incidents {
		near := all[random.IntN(len(all))].Footprint.Bound().Center()
		at := func() orb.Point {
			return geo.PointAtBearingAndDistance(near, random.Float64()*360, 5+random.Float64()*120)
		}
		from, to := at(), at()
		if indoors(all, from) || closeToWall(all, from) {
			continue
		}
		heightM := 3 + random.Float64()*25
		got, want := scene.Blocker(from, to, heightM) != nil, cast(all, from, to, heightM)
		if got != want {
			t.Fatalf("incident %d: %v to %v from %.1f m: blocked %v, by brute force %v", agree, from, to, heightM, got, want)
		}
		agree++
		if want {
			blocked++
		}
	}
	t.Logf("%d of %d agree, %d blocked", agree, incidents, blocked)
	if blocked < 40 || blocked > 160 {
		t.Errorf("%d of %d blocked: the incidents try one side only", blocked, incidents)
	}
}

// eyes are the demo town's cameras.
func eyes(t *testing.T) (cameras []sight.Camera) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(geotest.New(1).Cameras)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	for _, row := range rows[1:] {
		number := func(name string) float64 {
			v, err := strconv.ParseFloat(row[column(name)], 64)
			if err != nil {
				t.Fatal(row, err)
			}
			return v
		}
		bearing := number("bearing")
		cameras = append(cameras, sight.Camera{At: orb.Point{number("lon"), number("lat")}, BearingDeg: &bearing, AngleDeg: number("angle"), RangeM: number("range_m"), HeightM: number("height_m"), PTZ: row[column("ptz")] == "1"})
	}
	return cameras
}

// What share of a grid the demo town's cameras see, by Blind over every second metre, is that of rays cast to places at random.
func TestTheCoverageOfAGridIsThatOfBruteForce(t *testing.T) {
	all, cameras := houses(t), eyes(t)
	scene := sight.New(all)
	var cells geojson.FeatureCollection
	if err := json.Unmarshal(geotest.New(1).Grids, &cells); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(9, 10))
	const grids, places = 3, 8_000 // of which the share is known to 0.6 % at most
	for n := range grids {
		f := cells.Features[n*len(cells.Features)/grids]
		area, ok := f.Geometry.(orb.MultiPolygon)
		if p, one := f.Geometry.(orb.Polygon); one {
			area, ok = orb.MultiPolygon{p}, true
		}
		if !ok {
			t.Fatal(f.Geometry.GeoJSONType())
		}
		bound := area.Bound()
		var near []building.Building
		for _, b := range all {
			if b.Footprint.Bound().Intersects(bound.Pad(0.002)) {
				near = append(near, b)
			}
		}
		var eyes []sight.Camera
		for _, c := range cameras {
			if bound.Pad(0.002).Contains(c.At) {
				eyes = append(eyes, c)
			}
		}
		ground := scene.Ground(area, 2)
		share := 1 - float64(len(scene.Blind(ground, eyes)))/float64(len(ground))
		seen, differ := 0, 0
		for i := 0; i < places; {
			p := orb.Point{bound.Min[0] + random.Float64()*(bound.Max[0]-bound.Min[0]), bound.Min[1] + random.Float64()*(bound.Max[1]-bound.Min[1])}
			if !planar.MultiPolygonContains(area, p) || indoors(near, p) {
				continue
			}
			i++
			brute := slices.ContainsFunc(eyes, func(c sight.Camera) bool { return looksAt(c, p) && !march(near, c, p) })
			if brute {
				seen++
			}
			if brute == (len(scene.Blind([]orb.Point{p}, eyes)) == 1) {
				differ++
			}
		}
		by := float64(seen) / places
		t.Logf("%v: %.2f %% of %d points seen, by brute force %.2f %% of %d places; %d cameras near, %d places differ", f.Properties["code"], share*100, len(ground), by*100, places, len(eyes), differ)
		if math.Abs(share-by) > 0.01 || differ > places/500 {
			t.Errorf("%v: %.4f seen, by brute force %.4f, %d places differ", f.Properties["code"], share, by, differ)
		}
	}
}

// looksAt says that p lies in the sector, by distances and bearings on the sphere.
func looksAt(c sight.Camera, p orb.Point) bool {
	if geo.Distance(c.At, p) > c.RangeM {
		return false
	}
	off := math.Abs(geo.Bearing(c.At, p) - *c.BearingDeg)
	return c.PTZ || min(math.Mod(off, 360), 360-math.Mod(off, 360)) <= c.AngleDeg/2
}

// march is cast in steps of 10 cm, without the house that the camera hangs on.
func march(all []building.Building, c sight.Camera, to orb.Point) bool {
	var near []building.Building
	bound := orb.MultiPoint{c.At, to}.Bound()
	for _, b := range all {
		if !b.Footprint.Bound().Intersects(bound) {
			continue
		}
		hangs := planar.MultiPolygonContains(b.Footprint, c.At)
		for bearing := 0.0; bearing < 360 && !hangs; bearing += 5 {
			hangs = planar.MultiPolygonContains(b.Footprint, geo.PointAtBearingAndDistance(c.At, bearing, 0.75))
		}
		if !hangs {
			near = append(near, b)
		}
	}
	steps := int(geo.Distance(c.At, to) / 0.1)
	for i := range steps {
		t := (float64(i) + 0.5) / float64(steps)
		p := orb.Point{c.At[0] + t*(to[0]-c.At[0]), c.At[1] + t*(to[1]-c.At[1])}
		for _, b := range near {
			if c.HeightM+(1.5-c.HeightM)*t < sight.Height(&b) && b.Footprint.Bound().Contains(p) && planar.MultiPolygonContains(b.Footprint, p) {
				return true
			}
		}
	}
	return false
}

func indoors(all []building.Building, p orb.Point) bool {
	for _, b := range all {
		if b.Footprint.Bound().Contains(p) && planar.MultiPolygonContains(b.Footprint, p) {
			return true
		}
	}
	return false
}

// closeToWall: such a camera counts as mounted, which brute force does not know.
func closeToWall(all []building.Building, p orb.Point) bool {
	for range 1 {
		for bearing := 0.0; bearing < 360; bearing += 10 {
			if indoors(all, geo.PointAtBearingAndDistance(p, bearing, 1)) {
				return true
			}
		}
	}
	return false
}

// wall is a house of three floors, 20 m long, 20 m north of the camera.
func wall(floors int) []building.Building {
	origin := orb.Point{110, 40}
	at := func(x, y float64) orb.Point {
		return geo.PointAtBearingAndDistance(geo.PointAtBearingAndDistance(origin, 90, x), 0, y)
	}
	return []building.Building{{ID: 1, Name: "永来城", Floors: floors, Footprint: orb.MultiPolygon{{{at(-10, 20), at(10, 20), at(10, 30), at(-10, 30), at(-10, 20)}}}}}
}

func TestASectorIsCutByWhatStandsInIt(t *testing.T) {
	origin := orb.Point{110, 40}
	place := func(bearing, m float64) orb.Point { return geo.PointAtBearingAndDistance(origin, bearing, m) }
	north := 0.0
	for _, tc := range []struct {
		name   string
		floors int
		camera sight.Camera
		p      orb.Point
		sees   bool
	}{
		{"in front of the house", 3, sight.Camera{At: origin, BearingDeg: &north}, place(0, 15), true},
		{"behind the house", 3, sight.Camera{At: origin, BearingDeg: &north}, place(0, 50), false},
		{"past its side", 3, sight.Camera{At: origin, BearingDeg: &north}, place(44, 50), true},
		{"over a low roof from a mast", 1, sight.Camera{At: origin, BearingDeg: &north, HeightM: 25}, place(0, 60), true},
		{"out of the sector", 3, sight.Camera{At: origin, BearingDeg: &north, AngleDeg: 60}, place(44, 50), false},
		{"beyond its range", 3, sight.Camera{At: origin, BearingDeg: &north, RangeM: 40}, place(44, 50), false},
		{"a PTZ turns round", 3, sight.Camera{At: origin, PTZ: true}, place(180, 50), true},
		{"direction unknown", 3, sight.Camera{At: origin}, place(44, 50), false},
	} {
		if got := sight.New(wall(tc.floors)).Sees(tc.camera, tc.p); got != tc.sees {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

func TestTheBlindShareOfAnAreaIsThatOfItsGeometry(t *testing.T) {
	origin := orb.Point{110, 40}
	around := geo.NewBoundAroundPoint(origin, 50).ToPolygon()
	east := 90.0
	scene := sight.New(nil)
	ground := scene.Ground(orb.MultiPolygon{around}, 1)
	if len(ground) < 9_500 || len(ground) > 10_500 {
		t.Errorf("%d points", len(ground))
	}
	camera := sight.Camera{At: origin, BearingDeg: &east, AngleDeg: 90, RangeM: 50}
	night, _ := camera.AtNight(true)
	for _, tc := range []struct {
		when   string
		camera sight.Camera
		reach  float64
	}{{"day", camera, 50}, {"night", night, 30}} {
		seen, want := 1-float64(len(scene.Blind(ground, []sight.Camera{tc.camera})))/float64(len(ground)), math.Pi/4*tc.reach*tc.reach/(100*100)
		if math.Abs(seen-want) > 0.01 {
			t.Errorf("%s: %.4f seen, want %.4f within 1 %%", tc.when, seen, want)
		}
	}
	if _, sees := camera.AtNight(false); sees {
		t.Error("a camera without a lamp sees at night")
	}
}

func TestFrontsStandBeforeTheirWallsAndOnlyTheFacingOneIsSeen(t *testing.T) {
	origin := orb.Point{110, 40}
	houses := wall(3) // 20 m wide, 10 m deep
	scene := sight.New(houses)
	area := orb.MultiPolygon{geo.NewBoundAroundPoint(origin, 100).ToPolygon()}
	fronts := scene.Fronts(area, 1)
	if len(fronts) != 60 {
		t.Fatalf("%d points before 60 m of wall", len(fronts))
	}
	reversed := slices.Clone(houses)
	ring := slices.Clone(houses[0].Footprint[0][0])
	slices.Reverse(ring)
	reversed[0].Footprint = orb.MultiPolygon{{ring}}
	if n := len(sight.New(reversed).Fronts(area, 1)); n != 60 {
		t.Errorf("%d points where the ring turns the other way", n)
	}
	north := 0.0
	blind := scene.Blind(fronts, []sight.Camera{{At: origin, BearingDeg: &north, AngleDeg: 90, RangeM: 80}})
	if len(blind) != 38 { // its back and both sides, but for the first half metre round each corner
		t.Errorf("%d of 60 are not seen, want 38", len(blind))
	}
}

func TestALineIsWalkedInEqualSteps(t *testing.T) {
	origin := orb.Point{110, 40}
	at := func(bearing, m float64) orb.Point { return geo.PointAtBearingAndDistance(origin, bearing, m) }
	points := sight.Along([]orb.LineString{{origin, at(90, 33), at(90, 100)}, {origin, at(0, 4)}, {origin}}, 10)
	if len(points) != 11 {
		t.Fatalf("%d points, want 10 on the long line and 1 on the short", len(points))
	}
	for i, p := range points[:10] {
		if d := geo.Distance(origin, p); math.Abs(d-float64(5+10*i)) > 0.1 {
			t.Errorf("point %d lies at %.2f m", i, d)
		}
	}
}
