package tile_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/mvt"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/maptile"
	"github.com/paulmach/orb/planar"
	"pgregory.net/rapid"

	"gridwall/geo/tile"
)

func newStore() *tile.Store {
	return tile.NewStore(tile.Set{Name: "things", MinZoom: 8, MaxZoom: 17, Layers: []tile.Layer{
		{Name: "areas", Fields: []tile.Field{{Name: "code", Type: tile.String}, {Name: "level", Type: tile.String}}},
		{Name: "points", FarBelow: 15, ThinBelow: 14, Fields: []tile.Field{{Name: "name", Type: tile.String}, {Name: "floors", Type: tile.Number}, {Name: "ptz", Type: tile.Boolean}}},
	}})
}

// decode reads a tile's layers by name with another implementation.
func decode(t testing.TB, s *tile.Store, set string, at maptile.Tile) map[string][]*geojson.Feature {
	t.Helper()
	got, err := s.Tile(t.Context(), set, at, tile.Wall)
	if err != nil {
		t.Fatalf("%s %v: %v", set, at, err)
	}
	layers, err := mvt.Unmarshal(got.Plain())
	if err != nil {
		t.Fatalf("%s %v: %v", set, at, err)
	}
	found := map[string][]*geojson.Feature{}
	for _, l := range layers {
		if l.Version != 2 || l.Extent != 4096 {
			t.Errorf("layer %s: version %d, extent %d", l.Name, l.Version, l.Extent)
		}
		found[l.Name] = l.Features
	}
	return found
}

func square(lon, lat, size float64) orb.Polygon {
	return orb.Polygon{{{lon, lat}, {lon, lat + size}, {lon + size, lat + size}, {lon + size, lat}, {lon, lat}}}
}

func TestParseAddress(t *testing.T) {
	for _, tc := range []struct {
		name, z, x, y string
		want          maptile.Tile
		err           error
	}{
		{"a tile", "14", "13207", "6215.mvt", maptile.New(13207, 6215, 14), nil},
		{"without an ending", "0", "0", "0", maptile.New(0, 0, 0), nil},
		{"pbf", "1", "1", "1.pbf", maptile.New(1, 1, 1), nil},
		{"x beyond the row", "3", "8", "0.mvt", maptile.Tile{}, tile.ErrNoTile},
		{"y beyond the column", "3", "0", "8.mvt", maptile.Tile{}, tile.ErrNoTile},
		{"too deep", "21", "0", "0.mvt", maptile.Tile{}, tile.ErrNoTile},
		{"a depth that overflows", "4294967296", "0", "0.mvt", maptile.Tile{}, tile.ErrNoTile},
		{"negative", "3", "-1", "0.mvt", maptile.Tile{}, tile.ErrNoTile},
		{"a second spelling", "03", "1", "1.mvt", maptile.Tile{}, tile.ErrNoTile},
		{"two endings", "3", "1", "1.mvt.pbf", maptile.Tile{}, tile.ErrNoTile},
		{"two endings, the other way", "3", "1", "1.pbf.mvt", maptile.Tile{}, tile.ErrNoTile},
		{"no number", "a", "b", "c.mvt", maptile.Tile{}, tile.ErrNoTile},
		{"another ending", "3", "1", "1.png", maptile.Tile{}, tile.ErrNoTile},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tile.ParseAddress(tc.z, tc.x, tc.y)
			if got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("14", "13207", "6215.mvt")
	f.Add("20", "1048575", "1048576.mvt")
	f.Add("-1", "+1", "01")
	f.Fuzz(func(t *testing.T, z, x, y string) {
		at, err := tile.ParseAddress(z, x, y)
		if err != nil {
			return
		}
		if at.X>>at.Z != 0 || at.Y>>at.Z != 0 || at.Z > 20 {
			t.Fatalf("%q/%q/%q gave %v", z, x, y, at)
		}
		for _, end := range []string{".mvt", ".pbf"} {
			if s, ok := strings.CutSuffix(y, end); ok {
				y = s
				break
			}
		}
		if z != strconv.Itoa(int(at.Z)) || x != strconv.Itoa(int(at.X)) || y != strconv.Itoa(int(at.Y)) {
			t.Fatalf("%v has a second spelling: %q/%q/%q", at, z, x, y)
		}
	})
}

func TestATileAddressOutsideTheSet(t *testing.T) {
	s := newStore()
	for _, tc := range []struct {
		name string
		set  string
		at   maptile.Tile
		err  error
	}{
		{"unknown set", "nothing", maptile.New(0, 0, 8), tile.ErrNoLayer},
		{"above the first zoom", "things", maptile.New(0, 0, 7), tile.ErrNoTile},
		{"below the last zoom", "things", maptile.New(0, 0, 18), tile.ErrNoTile},
		{"out of range", "things", maptile.New(256, 0, 8), tile.ErrNoTile},
		{"a good one", "things", maptile.New(255, 255, 8), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := s.Tile(t.Context(), tc.set, tc.at, tile.Wall); !errors.Is(err, tc.err) {
				t.Error(err)
			}
		})
	}
}

func TestAttributesComeBackAsTheyWere(t *testing.T) {
	s := newStore()
	p := orb.Point{110, 40.4}
	err := s.Replace("things", "points", []tile.Feature{
		{ID: 1, Geometry: p, Attributes: map[string]any{"name": "永来城", "floors": 5, "ptz": true}},
		{ID: 2, Geometry: orb.Point{110.0001, 40.4}, Attributes: map[string]any{"name": "永来城", "floors": -2.5, "ptz": false}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put("things", "points", tile.Feature{ID: 3, Geometry: orb.Point{110.0002, 40.4}, Attributes: map[string]any{"name": nil, "floors": -7}}); err != nil {
		t.Fatal(err)
	}
	got := map[float64]geojson.Properties{}
	for _, f := range decode(t, s, "things", maptile.At(p, 16))["points"] {
		got[f.ID.(float64)] = f.Properties
	}
	want := map[float64]geojson.Properties{
		1: {"name": "永来城", "floors": 5.0, "ptz": true},
		2: {"name": "永来城", "floors": -2.5, "ptz": false},
		3: {"floors": -7.0},
	}
	if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []map[string]any{{"colour": "red"}, {"name": 5}, {"floors": "five"}, {"ptz": "true"}} {
		if err := s.Put("things", "points", tile.Feature{ID: 9, Geometry: p, Attributes: bad}); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	if err := s.Put("things", "points", tile.Feature{ID: 9, Geometry: orb.LineString{}}); err == nil {
		t.Error("an empty geometry was taken")
	}
	if n := len(decode(t, s, "things", maptile.At(p, 16))["points"]); n != 3 {
		t.Errorf("%d points after refused ones, want 3", n)
	}
}

func reverse(r orb.Ring) orb.Ring {
	r = r.Clone()
	r.Reverse()
	return r
}

func TestRingsTurnAsTheSpecificationWants(t *testing.T) {
	outer, hole := square(110.001, 40.401, 0.004)[0], square(110.002, 40.402, 0.001)[0]
	for i, p := range []orb.Polygon{{outer, hole}, {reverse(outer), hole}, {outer, reverse(hole)}, {reverse(outer), reverse(hole)}} {
		s := newStore()
		if err := s.Put("things", "areas", tile.Feature{ID: 1, Geometry: p, Attributes: map[string]any{"code": "1"}}); err != nil {
			t.Fatal(err)
		}
		got := decode(t, s, "things", maptile.At(orb.Point{110.003, 40.403}, 14))["areas"][0].Geometry.(orb.Polygon)
		if len(got) != 2 {
			t.Fatalf("case %d: %d rings, want 2", i, len(got))
		}
		// Positive by the surveyor's formula as it stands (4.3.4.4 of the specification) is what orb calls CCW.
		if got[0].Orientation() != orb.CCW || got[1].Orientation() != orb.CW {
			t.Errorf("case %d: outer %v, hole %v", i, got[0].Orientation(), got[1].Orientation())
		}
	}
}

func TestFootprintsNearAndPointsFar(t *testing.T) {
	s := newStore()
	p := orb.Point{110.00005, 40.40005}
	if err := s.Put("things", "points", tile.Feature{ID: 1, Geometry: square(110, 40.4, 0.0001), Far: p}); err != nil {
		t.Fatal(err)
	}
	for z, want := range map[maptile.Zoom]string{8: "Point", 14: "Point", 15: "Polygon", 17: "Polygon"} {
		if got := decode(t, s, "things", maptile.At(p, z))["points"][0].Geometry.GeoJSONType(); got != want {
			t.Errorf("zoom %d: %s, want %s", z, got, want)
		}
	}
}

func TestFarPointsAreThinnedAlikeInNeighbours(t *testing.T) {
	s := newStore()
	r := rand.New(rand.NewPCG(3, 4))
	features := make([]tile.Feature, 20_000)
	for i := range features {
		features[i] = tile.Feature{ID: uint64(i), Geometry: orb.Point{110 + r.Float64()*.1, 40.4 + r.Float64()*.1}}
	}
	if err := s.Replace("things", "points", features); err != nil {
		t.Fatal(err)
	}
	at := maptile.At(orb.Point{110.05, 40.45}, 13)
	left, right := decode(t, s, "things", at)["points"], decode(t, s, "things", maptile.New(at.X+1, at.Y, 13))["points"]
	if len(left) > 66*66 || len(left) < 1000 {
		t.Errorf("%d points in a thinned tile", len(left))
	}
	ids := map[any]bool{}
	for _, f := range left {
		ids[f.ID] = true
	}
	shared, missing := 0, 0
	for _, f := range right {
		if x := f.Geometry.(orb.Point)[0]; x < -1 { // the strip that both show
			shared++
			if !ids[f.ID] {
				missing++
			}
		}
	}
	if shared == 0 || missing > 0 {
		t.Errorf("%d of %d points in the shared strip are not in the neighbour", missing, shared)
	}
}

// What one tile draws of two cells side by side leaves no gap and no overlap, at every zoom.
func TestSharedBordersStayShared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const lon, lat, size = 110.0, 40.4, 0.05
		var border []orb.Point // ragged, through a square
		for i := range 41 {
			border = append(border, orb.Point{lon + size*rapid.Float64Range(.3, .7).Draw(t, "x"), lat + size*float64(i)/40})
		}
		left := append(orb.Ring{{lon, lat}}, border...)
		left = append(left, orb.Point{lon, lat + size}, orb.Point{lon, lat})
		right := orb.Ring{{lon + size, lat}, {lon + size, lat + size}}
		for i := len(border) - 1; i >= 0; i-- {
			right = append(right, border[i])
		}
		right = append(right, right[0])

		s := newStore()
		if err := s.Replace("things", "areas", []tile.Feature{{ID: 1, Geometry: orb.Polygon{left}}, {ID: 2, Geometry: orb.Polygon{right}}, {ID: 3, Geometry: square(lon, lat, size)}}); err != nil {
			t.Fatal(err)
		}
		for z := maptile.Zoom(8); z <= 17; z++ {
			got, err := s.Tile(t.Context(), "things", maptile.At(orb.Point{lon + size*.5, lat + size*.5}, z), tile.Wall)
			if err != nil {
				t.Fatal(err)
			}
			layers, err := mvt.Unmarshal(got.Plain())
			if err != nil {
				t.Fatal(err)
			}
			area := map[float64]float64{}
			for _, f := range layers[0].Features {
				area[f.ID.(float64)] = math.Abs(planar.Area(f.Geometry))
			}
			// Where the border leaves the window each part rounds for itself: half a unit along one segment.
			if d := math.Abs(area[1] + area[2] - area[3]); d > 4096 {
				t.Fatalf("zoom %d: parts %v + %v, whole %v", z, area[1], area[2], area[3])
			}
		}
	})
}

func TestAChangeDropsExactlyTheTilesUnderIt(t *testing.T) {
	s := newStore()
	here, there, far := orb.Point{110, 40.4}, orb.Point{110.2, 40.5}, orb.Point{112, 41}
	if err := s.Put("things", "points", tile.Feature{ID: 1, Geometry: here}, tile.Feature{ID: 2, Geometry: far}); err != nil {
		t.Fatal(err)
	}
	get := func(p orb.Point, z maptile.Zoom) *tile.Tile {
		got, err := s.Tile(t.Context(), "things", maptile.At(p, z), tile.Wall)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	count := func(p orb.Point) int { return len(decode(t, s, "things", maptile.At(p, 16))["points"]) }
	before, kept := get(here, 16), get(far, 16)
	if get(here, 16) != before {
		t.Error("a tile was made twice without a change")
	}
	if err := s.Put("things", "points", tile.Feature{ID: 1, Geometry: there}); err != nil {
		t.Fatal(err)
	}
	if count(here) != 0 || count(there) != 1 {
		t.Errorf("after a move %d at the old place, %d at the new", count(here), count(there))
	}
	if get(far, 16) != kept {
		t.Error("a tile far from the change was dropped")
	}
	if err := s.Delete("things", "points", 1, 99); err != nil {
		t.Fatal(err)
	}
	if count(there) != 0 || count(far) != 1 {
		t.Error("after a delete")
	}
	if err := s.Replace("things", "points", nil); err != nil {
		t.Fatal(err)
	}
	if count(far) != 0 {
		t.Error("after everything was replaced by nothing")
	}
}

func TestManyChangesArePackedAnew(t *testing.T) {
	s := newStore()
	at := maptile.At(orb.Point{110, 40.4}, 16)
	want := map[float64]float64{}
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 3000 {
		id := uint64(r.IntN(500))
		if r.IntN(4) == 0 {
			if err := s.Delete("things", "points", id); err != nil {
				t.Fatal(err)
			}
			delete(want, float64(id))
			continue
		}
		if err := s.Put("things", "points", tile.Feature{ID: id, Geometry: orb.Point{110, 40.4}, Attributes: map[string]any{"floors": n}}); err != nil {
			t.Fatal(err)
		}
		want[float64(id)] = float64(n)
	}
	got := map[float64]float64{}
	for _, f := range decode(t, s, "things", at)["points"] {
		got[f.ID.(float64)] = f.Properties["floors"].(float64)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheSameFeaturesHaveTheSameETag(t *testing.T) {
	f := []tile.Feature{{ID: 1, Geometry: orb.Point{110, 40.4}, Attributes: map[string]any{"name": "a"}}, {ID: 2, Geometry: orb.Point{110.0001, 40.4}, Attributes: map[string]any{"name": "a"}}}
	var tags []string
	for range 2 {
		s := newStore()
		if err := s.Replace("things", "points", f); err != nil {
			t.Fatal(err)
		}
		got, err := s.Tile(t.Context(), "things", maptile.At(orb.Point{110, 40.4}, 15), tile.Wall)
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, got.ETag)
	}
	if tags[0] != tags[1] || len(tags[0]) != 18 || tags[0][0] != '"' {
		t.Error(tags)
	}
}

// Writers count features up while readers ask for the tile: a reader that starts after a Put returned must see it.
func TestNoTileIsStaleUnderConcurrency(t *testing.T) {
	s := newStore()
	p := orb.Point{110, 40.4}
	const writers, each = 3, 60
	var version [writers * each]atomic.Int64
	put := func(id int, v int64) {
		if err := s.Put("things", "points", tile.Feature{ID: uint64(id), Geometry: p, Attributes: map[string]any{"floors": v}}); err != nil {
			t.Error(err)
		}
		version[id].Store(v)
	}
	for id := range version {
		put(id, 1)
	}
	check := func() {
		var least [writers * each]int64
		for id := range least {
			least[id] = version[id].Load()
		}
		for _, f := range decode(t, s, "things", maptile.At(p, 16))["points"] {
			id, v := int(f.ID.(float64)), int64(f.Properties["floors"].(float64))
			if v < least[id] {
				t.Errorf("feature %d shows version %d, %d was put before", id, v, least[id])
			}
		}
	}
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range 500 {
				id := w*each + r.IntN(each)
				put(id, version[id].Load()+1)
			}
		})
	}
	for range 3 {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					check()
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	check()
}

func TestTileJSON(t *testing.T) {
	s := newStore()
	if err := s.Put("things", "areas", tile.Feature{ID: 1, Geometry: square(110, 40.4, 0.02)}); err != nil {
		t.Fatal(err)
	}
	got, err := s.TileJSON("things", tile.Wall, "/tiles/things/{z}/{x}/{y}.mvt")
	if err != nil {
		t.Fatal(err)
	}
	want := &tile.TileJSON{TileJSON: "3.0.0", Name: "things", Scheme: "xyz", Tiles: []string{"/tiles/things/{z}/{x}/{y}.mvt"}, MinZoom: 8, MaxZoom: 17,
		Bounds: [4]float64{110, 40.4, 110.02, 40.42}, Center: [3]float64{110.01, 40.41, 13},
		VectorLayers: []tile.VectorLayer{
			{ID: "areas", Fields: map[string]string{"code": "String", "level": "String"}, MinZoom: 8, MaxZoom: 17},
			{ID: "points", Fields: map[string]string{"name": "String", "floors": "Number", "ptz": "Boolean"}, MinZoom: 8, MaxZoom: 17},
		}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := s.TileJSON("nothing", tile.Wall, ""); !errors.Is(err, tile.ErrNoLayer) {
		t.Error(err)
	}
}
