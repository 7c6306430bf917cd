package geo_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/maptile"

	"gridwall/geo"
	"gridwall/geo/geotest"
	"gridwall/geo/tile"
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

func byID(t testing.TB, tile []byte) map[string]*geojson.Feature {
	t.Helper()
	found, err := geotest.ByID(tile)
	if err != nil {
		t.Fatal(err)
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
				shown, err := m.Tiles().Tile(t.Context(), set, at, tile.Wall)
				if err != nil {
					t.Fatal(err)
				}
				got, want := byID(t, shown.Plain()), byID(t, fromPostGIS(t, pool, set, at))
				unit := 1.0 // what rounding may differ by
				if z < 14 {
					unit = 4
				}
				features += len(want)
				for _, what := range geotest.Differences(got, want, unit) {
					t.Errorf("%s %v: %s", set, at, what)
				}
			}
		}
	}
	if features < 3000 {
		t.Errorf("only %d features compared", features)
	}
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
				if _, err := m.Tiles().Encode(b.Context(), c.set, at, tile.Wall); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/warm", func(b *testing.B) {
			for range b.N {
				if _, err := m.Tiles().Tile(b.Context(), c.set, at, tile.Wall); err != nil {
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
