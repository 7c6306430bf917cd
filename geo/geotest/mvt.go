package geotest

import (
	"fmt"
	"math"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/mvt"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/planar"
)

// ByID reads the features of a tile, keyed by "layer id". PostGIS leaves the id out of the properties, both tell it as the
// feature's; so it is left out.
func ByID(tile []byte) (map[string]*geojson.Feature, error) {
	layers, err := mvt.Unmarshal(tile)
	if err != nil {
		return nil, err
	}
	found := map[string]*geojson.Feature{}
	for _, l := range layers {
		for _, f := range l.Features {
			delete(f.Properties, "fid")
			delete(f.Properties, "id")
			found[fmt.Sprintf("%s %v", l.Name, f.ID)] = f
		}
	}
	return found, nil
}

// Differences says in what a tile differs from one that ST_AsMVT made, beyond what unit (tile units) of rounding explains.
func Differences(got, want map[string]*geojson.Feature, unit float64) (differences []string) {
	say := func(id, text string) { differences = append(differences, id+": "+text) }
	for id, w := range want {
		g := got[id]
		if g == nil {
			if !sliver(w.Geometry, unit) {
				say(id, "is missing")
			}
			continue
		}
		if diff := cmp.Diff(w.Properties, g.Properties); diff != "" {
			say(id, diff)
		}
		if what := apart(g.Geometry, w.Geometry, unit); what != "" {
			say(id, what)
		}
	}
	for id, g := range got {
		if want[id] == nil && !sliver(g.Geometry, unit) {
			say(id, "is too much")
		}
	}
	slices.Sort(differences)
	return differences
}

// sliver is what one rounding keeps and another does not: a strip at the window's edge, a point on it.
func sliver(g orb.Geometry, unit float64) bool {
	b := g.Bound()
	if g.Dimensions() == 0 {
		edge := func(v float64) bool { return math.Abs(v+64) <= 2*unit || math.Abs(v-4160) <= 2*unit }
		return edge(b.Min[0]) || edge(b.Min[1])
	}
	return b.Max[0]-b.Min[0] <= 2*unit || b.Max[1]-b.Min[1] <= 2*unit
}

// apart says by what two geometries differ more than rounding may make them.
func apart(g, w orb.Geometry, unit float64) string {
	if g.Dimensions() != w.Dimensions() {
		return fmt.Sprintf("a %s, want a %s", g.GeoJSONType(), w.GeoJSONType())
	}
	gb, wb := g.Bound(), w.Bound()
	slack := unit + .5
	if wb.Min[0] == -64 || wb.Min[1] == -64 || wb.Max[0] == 4160 || wb.Max[1] == 4160 {
		// PostGIS cuts before it rounds: an edge that leaves the window at a flat angle does so elsewhere, all in the buffer.
		slack = 16
		if wb.Max[0] < 0 && gb.Max[0] < 0 || wb.Max[1] < 0 && gb.Max[1] < 0 || wb.Min[0] > 4096 && gb.Min[0] > 4096 || wb.Min[1] > 4096 && gb.Min[1] > 4096 {
			slack = 64 // and nobody sees it
		}
	}
	for i := range 2 {
		if math.Abs(gb.Min[i]-wb.Min[i]) > slack || math.Abs(gb.Max[i]-wb.Max[i]) > slack {
			return fmt.Sprintf("bound %v, want %v", gb, wb)
		}
	}
	if g.Dimensions() == 2 {
		if d, by := math.Abs(math.Abs(planar.Area(g))-math.Abs(planar.Area(w))), perimeter(w)*unit; d > by {
			return fmt.Sprintf("area %v, want %v within %v", planar.Area(g), planar.Area(w), by)
		}
	}
	return ""
}

func perimeter(g orb.Geometry) float64 {
	switch g := g.(type) {
	case orb.Polygon:
		return planar.Length(g)
	case orb.MultiPolygon:
		return planar.Length(g)
	}
	return 0
}
