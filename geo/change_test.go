package geo_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/maptile"

	"gridwall/geo"
	"gridwall/geo/geotest"
	"gridwall/geo/tile"
	"gridwall/migrations/dbtest"
)

// edit runs a statement and returns what the database says it changed.
func edit(t *testing.T, tx pgx.Tx, sql string, args ...any) geo.Change {
	t.Helper()
	if _, err := tx.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
	c, err := geo.Changed(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestATransactionKnowsWhatItChanged(t *testing.T) {
	pool := dbtest.Open(t)
	town(t, pool)
	begin := func() pgx.Tx {
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tx.Rollback(t.Context()) })
		return tx
	}
	tx := begin()
	if c := edit(t, tx, `SELECT 1`); len(c) != 0 {
		t.Errorf("nothing was changed, but %v", c)
	}
	edit(t, tx, `UPDATE building SET name = 'x' WHERE id IN (3, 5)`)
	edit(t, tx, `DELETE FROM building WHERE id = 5`)
	c := edit(t, tx, `UPDATE grid SET name = name || '!' WHERE id = 2`)
	if diff := cmp.Diff(geo.Change{geo.Grids: {2}, geo.Buildings: {3, 5}}, c); diff != "" {
		t.Error(diff)
	}
	tx.Rollback(t.Context())
	if c := edit(t, begin(), `SELECT 1`); len(c) != 0 {
		t.Errorf("the next transaction inherits %v", c)
	}
	c = edit(t, begin(), `INSERT INTO building (name, geom) SELECT 'n' || n, ST_SetSRID(ST_MakePoint(110, 40), 4326) FROM generate_series(1, 3000) AS n`)
	if ids, changed := c[geo.Buildings]; !changed || len(ids) != 0 {
		t.Errorf("3,000 new buildings should be told as all of them: %d", len(ids))
	}
	for _, data := range []string{`{}`, `{"features":{}}`, `nonsense`, ``} {
		if diff := cmp.Diff(geo.Change{geo.Buildings: nil}, geo.ChangeOf(geo.Buildings, []byte(data))); diff != "" {
			t.Errorf("%q: %s", data, diff)
		}
	}
}

func TestAChangeDropsExactlyTheTilesItTouches(t *testing.T) {
	pool := dbtest.Open(t)
	town(t, pool)
	m, err := geo.Open(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	var from orb.Point
	if err := pool.QueryRow(t.Context(), `SELECT ST_X(geom), ST_Y(geom) FROM building WHERE id = 7`).Scan(&from[0], &from[1]); err != nil {
		t.Fatal(err)
	}
	to := orb.Point{from[0] + 0.02, from[1]}
	far := orb.Point{from[0] + 0.01, from[1] + 0.006}
	read := func(p orb.Point) *tile.Tile {
		got, err := m.Tiles().Tile(t.Context(), "buildings", maptile.At(p, 17), tile.Wall)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	before := map[orb.Point]*tile.Tile{from: read(from), to: read(to), far: read(far)}
	var c geo.Change
	if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		c = edit(t, tx, `UPDATE building SET name = 'moved', geom = ST_SetSRID(ST_MakePoint($1, $2), 4326), footprint = NULL WHERE id = 7`, to[0], to[1])
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, there := byID(t, read(from).Plain())["buildings 7"]; there {
		t.Error("the tile it left still shows it")
	}
	if f := byID(t, read(to).Plain())["buildings 7"]; f == nil || f.Properties["name"] != "moved" {
		t.Errorf("the tile it came to shows %v", f)
	}
	if read(far) != before[far] {
		t.Error("a tile that it never touched was made anew")
	}
	if b := m.Building(7); b == nil || b.Name != "moved" || b.Point != to {
		t.Errorf("the building is %+v", b)
	}
	if found := m.Search("moved", 5); len(found) != 1 || found[0].ID != "7" {
		t.Errorf("search finds %v", found)
	}
	kept := read(to)
	if err := m.Reload(t.Context(), geo.Buildings); err != nil { // the whole layer, and nothing is different
		t.Fatal(err)
	}
	if read(to) != kept || read(far) != before[far] {
		t.Error("reading the layer again threw tiles away that are as they were")
	}
}

func TestBeyondTheBudgetTheDatabaseMakesTheTiles(t *testing.T) {
	pool := dbtest.Open(t)
	town(t, pool)
	held, err := geo.Open(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := geo.OpenWithin(t.Context(), pool, geo.Budget{TileBytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	bound, _ := held.Bounds()
	compare := func() {
		t.Helper()
		features := 0
		for _, set := range []string{"grids", "buildings", "backdrop"} {
			if !asked.Tiles().Delegated(set) || held.Tiles().Delegated(set) {
				t.Fatalf("%s: the budget is not kept", set)
			}
			for _, view := range []tile.View{tile.Wall, tile.Desk} {
				for z := maptile.Zoom(14); z <= 17; z++ {
					at := maptile.At(bound.Center(), z)
					want, err := asked.Tiles().Tile(t.Context(), set, at, view)
					if err != nil {
						t.Fatal(err)
					}
					got, err := held.Tiles().Tile(t.Context(), set, at, view)
					if err != nil {
						t.Fatal(err)
					}
					w := byID(t, want.Plain())
					features += len(w)
					for _, what := range geotest.Differences(byID(t, got.Plain()), w, 1) {
						t.Errorf("%s %v: %s", set, at, what)
					}
				}
			}
		}
		if features < 500 {
			t.Errorf("only %d features compared", features)
		}
	}
	compare()
	far, err := asked.Tiles().Tile(t.Context(), "buildings", maptile.At(bound.Center(), 12), tile.Wall)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(byID(t, far.Plain())); n < 20 || n > 64*64 {
		t.Errorf("from afar the database draws %d buildings", n)
	}
	var c geo.Change
	if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		edit(t, tx, `UPDATE building SET name = 'now ' || id WHERE id % 3 = 0`)
		edit(t, tx, `DELETE FROM backdrop WHERE kind = 'road' AND id % 4 = 0`)
		c = edit(t, tx, `UPDATE grid SET name = name || ' now'`)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*geo.Map{held, asked} {
		if err := m.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	compare()
}
