package geo_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/mvt"
	"github.com/paulmach/orb/maptile"

	"gridwall/geo"
	"gridwall/geo/backdrop"
	"gridwall/geo/building"
	"gridwall/geo/geotest"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
	"gridwall/geo/tile"
	"gridwall/migrations/dbtest"
)

type importFunc func(tx pgx.Tx, r *importer.Reader) (*importer.Report, error)

// load imports one file's bytes and commits; it fails the test on any refusal.
func load(t testing.TB, pool *pgxpool.Pool, name string, file []byte, do importFunc) *importer.Report {
	t.Helper()
	r, err := importer.NewReader(name, strings.NewReader(string(file)), int64(len(file)), importer.Options{Datum: "wgs84"})
	if err != nil {
		t.Fatal(err)
	}
	var report *importer.Report
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		report, err = do(tx, r)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, report.In("en"))
	}
	return report
}

// town imports the demo town the way a person would.
func town(t testing.TB, pool *pgxpool.Pool) *geotest.Town {
	t.Helper()
	w := geotest.New(1)
	for _, f := range []struct {
		level grid.Level
		file  []byte
	}{{grid.Street, w.Streets}, {grid.Community, w.Communities}, {grid.Lattice, w.Grids}} {
		report := load(t, pool, string(f.level)+".geojson", f.file, func(tx pgx.Tx, r *importer.Reader) (*importer.Report, error) {
			return grid.Import(t.Context(), tx, r, grid.Options{Level: f.level})
		})
		if len(report.Warnings) > 0 {
			t.Errorf("%s", report.In("en"))
		}
	}
	report := load(t, pool, "buildings.geojson", w.Buildings, func(tx pgx.Tx, r *importer.Reader) (*importer.Report, error) {
		return building.Import(t.Context(), tx, r, building.Options{})
	})
	if len(report.Warnings) > 0 {
		t.Errorf("%s", report.In("en"))
	}
	load(t, pool, "backdrop.geojson", w.Backdrop, func(tx pgx.Tx, r *importer.Reader) (*importer.Report, error) {
		return backdrop.Import(t.Context(), tx, r, backdrop.Options{})
	})
	return w
}

func TestMapOfTheTown(t *testing.T) {
	pool := dbtest.Open(t)
	w := town(t, pool)
	m, err := geo.Open(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(m.Grids().Cells()); got != 33 {
		t.Errorf("%d cells, want 1 street, 4 communities and 28 grids", got)
	}
	for _, p := range w.Places {
		path, err := m.Locate(p.Point)
		if err != nil || len(path) != 3 || path.Cell().Code != p.Grid {
			t.Fatalf("place %s lies in %v (%v), want %s", p.Name, path, err, p.Grid)
		}
	}
	bound, ok := m.Bounds()
	if !ok || !bound.Contains(orb.Point{110.0, 40.4}) {
		t.Errorf("bounds %v", bound)
	}
	for _, set := range m.Tiles().Sets() {
		tj, err := m.Tiles().TileJSON(set, tile.Wall, "/tiles/"+set+"/{z}/{x}/{y}.mvt")
		if err != nil {
			t.Fatal(err)
		}
		for z := tj.MinZoom; z <= tj.MaxZoom; z++ {
			at := maptile.At(bound.Center(), maptile.Zoom(z))
			got, err := m.Tiles().Tile(t.Context(), set, at, tile.Wall)
			if err != nil {
				t.Fatal(err)
			}
			layers, err := mvt.Unmarshal(got.Plain())
			if err != nil {
				t.Fatalf("%s %v: %v", set, at, err)
			}
			line := fmt.Sprintf("%s z%d: %d bytes gz", set, z, len(got.Gzip))
			for _, l := range layers {
				line += fmt.Sprintf(", %s %d", l.Name, len(l.Features))
			}
			t.Log(line)
		}
	}
	for _, q := range []string{"永来城", "第七网格", "永来"} {
		found := m.Search(q, 5)
		t.Logf("%s: %+v", q, found)
		if len(found) == 0 {
			t.Errorf("search %q finds nothing", q)
		}
	}
}

func TestReloadShowsWhatWasImportedWhileReadersGoOn(t *testing.T) {
	pool := dbtest.Open(t)
	m, err := geo.Open(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Bounds(); ok || len(m.Search("永来", 5)) > 0 || m.Buildings("1") != 0 || m.Building(1) != nil {
		t.Error("an empty map should be empty")
	}
	town(t, pool)
	var reading sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					m.Locate(orb.Point{110.005, 40.41})
					m.Search("永来", 5)
					m.Buildings("150621901003")
					if _, err := m.Tiles().Tile(t.Context(), "buildings", maptile.At(orb.Point{110.005, 40.41}, 15), tile.Wall); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for _, layer := range []geo.Layer{geo.Grids, geo.Buildings, geo.Backdrop} {
		if err := m.Reload(t.Context(), layer); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	reading.Wait()
	if n := m.Buildings("150621901003"); n != 88 {
		t.Errorf("%d buildings in 滨河社区, want 88", n)
	}
	found := m.Search("永来城", 5)
	if len(found) == 0 || found[0].Name != "永来城" || found[0].Type != "building" {
		t.Errorf("the whole name should come first: %+v", found)
	}
	if err := m.Reload(t.Context(), "roads"); err == nil {
		t.Error("an unknown layer was reloaded")
	}
}

func BenchmarkSearch(b *testing.B) {
	pool := dbtest.Open(b)
	town(b, pool)
	m, err := geo.Open(b.Context(), pool)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.Search("3号楼", 10)
	}
}
