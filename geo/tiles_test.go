package geo_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/mvt"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/maptile"
	"github.com/paulmach/orb/planar"

	"gridwall/geo"
	"gridwall/migrations/dbtest"
)

// What PostGIS makes of the same tables.
var asMVT = map[string]string{
	"grids": `
SELECT ST_AsMVT(q, 'grids', 4096, 'geom', 'id') || (
    SELECT ST_AsMVT(l, 'grid_labels', 4096, 'geom', 'id') FROM (
        SELECT id, code, name, level, ST_AsMVTGeom(ST_Transform(label, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
        FROM grid WHERE label && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 1.0/64), 4326)) AS l)
FROM (
    SELECT id, code, name, level, kind, parent, ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
    FROM grid WHERE geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 1.0/64), 4326)) AS q`,
	"buildings": `
SELECT ST_AsMVT(q, 'buildings', 4096, 'geom', 'id')
FROM (
    SELECT id AS fid, id, NULLIF(name, '') AS name, NULLIF(address, '') AS address, NULLIF(kind, '') AS kind, floors,
           ST_AsMVTGeom(ST_Transform(CASE WHEN $1 >= 14 THEN footprint ELSE geom END, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
    FROM building WHERE CASE WHEN $1 >= 14 THEN footprint ELSE geom END && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 1.0/64), 4326)) AS q`,
}

func fromPostGIS(t testing.TB, pool *pgxpool.Pool, set string, at maptile.Tile) []byte {
	t.Helper()
	var b []byte
	if err := pool.QueryRow(context.Background(), asMVT[set], int(at.Z), int(at.X), int(at.Y)).Scan(&b); err != nil {
		t.Fatal(err)
	}
	return b
}

// byID reads the layers of a tile. PostGIS leaves the id out of the properties; both tell it as the feature's.
func byID(t testing.TB, tile []byte) map[string]*geojson.Feature {
	t.Helper()
	layers, err := mvt.Unmarshal(tile)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*geojson.Feature{}
	for _, l := range layers {
		for _, f := range l.Features {
			delete(f.Properties, "fid")
			delete(f.Properties, "id")
			found[fmt.Sprintf("%s %v", l.Name, f.ID)] = f
		}
	}
	return found
}

func TestTilesAreThoseOfPostGIS(t *testing.T) {
	pool := dbtest.Open(t)
	town(t, pool)
	m, err := geo.Open(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	bound, _ := m.Bounds()
	features := 0
	for _, set := range []string{"grids", "buildings"} {
		for z := maptile.Zoom(10); z <= 17; z++ {
			if set == "buildings" && z < 14 {
				continue // thinned
			}
			for _, p := range []orb.Point{bound.Center(), {109.995, 40.41}, {110.02, 40.398}, {109.985, 40.395}} {
				at := maptile.At(p, z)
				tile, err := m.Tiles().Tile(set, at)
				if err != nil {
					t.Fatal(err)
				}
				got, want := byID(t, tile.Plain()), byID(t, fromPostGIS(t, pool, set, at))
				unit := 1.0 // what rounding may differ by
				if z < 14 {
					unit = 4
				}
				for id, w := range want {
					g := got[id]
					if g == nil {
						if sliver(w.Geometry, unit) {
							continue
						}
						t.Errorf("%s %v: %s is missing", set, at, id)
						continue
					}
					features++
					if diff := cmp.Diff(w.Properties, g.Properties); diff != "" {
						t.Errorf("%s %v: %s: %s", set, at, id, diff)
					}
					if what := apart(g.Geometry, w.Geometry, unit); what != "" {
						t.Errorf("%s %v: %s: %s", set, at, id, what)
					}
				}
				for id, g := range got {
					if want[id] == nil && !sliver(g.Geometry, unit) {
						t.Errorf("%s %v: %s is too much", set, at, id)
					}
				}
			}
		}
	}
	if features < 3000 {
		t.Errorf("only %d features compared", features)
	}
}

// sliver is what one rounding keeps and another does not: a strip at the window's edge, a point on it.
func sliver(g orb.Geometry, unit float64) bool {
	b := g.Bound()
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

func BenchmarkTile(b *testing.B) {
	pool := dbtest.Open(b)
	town(b, pool)
	m, err := geo.Open(b.Context(), pool)
	if err != nil {
		b.Fatal(err)
	}
	bound, _ := m.Bounds()
	for _, c := range []struct {
		set  string
		zoom maptile.Zoom
	}{{"grids", 12}, {"grids", 14}, {"buildings", 14}, {"buildings", 15}, {"buildings", 16}, {"backdrop", 13}} {
		at := maptile.At(bound.Center(), c.zoom)
		name := fmt.Sprintf("%s-z%d", c.set, c.zoom)
		b.Run(name+"/cold", func(b *testing.B) {
			for range b.N {
				if _, err := m.Tiles().Encode(c.set, at); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/warm", func(b *testing.B) {
			for range b.N {
				if _, err := m.Tiles().Tile(c.set, at); err != nil {
					b.Fatal(err)
				}
			}
		})
		if asMVT[c.set] != "" {
			b.Run(name+"/ST_AsMVT", func(b *testing.B) {
				for range b.N {
					fromPostGIS(b, pool, c.set, at)
				}
			})
		}
	}
}
