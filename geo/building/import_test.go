package building_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"

	"gridwall/geo/building"
	"gridwall/geo/crs"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
	"gridwall/migrations/dbtest"
)

// load imports text and commits if nothing was refused.
func load(t *testing.T, pool *pgxpool.Pool, text string) (*importer.Report, error) {
	t.Helper()
	r, err := importer.NewReader("file", strings.NewReader(text), 0, importer.Options{Datum: crs.WGS84})
	if err != nil {
		t.Fatal(err)
	}
	return run(t, pool, r)
}

func run(t *testing.T, pool *pgxpool.Pool, r *importer.Reader) (report *importer.Report, err error) {
	t.Helper()
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		report, err = building.Import(t.Context(), tx, r, building.Options{})
		return err
	})
	return report, err
}

func all(t *testing.T, pool *pgxpool.Pool) []building.Building {
	t.Helper()
	bs, err := building.Load(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for i := range bs {
		bs[i].ID = 0
	}
	return bs
}

// cell makes one grid from 110, 40 to 110.01, 40.01.
func cell(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `
INSERT INTO grid (code, level, name, geom, label)
SELECT 'g1', 'street', 'g1', ST_Multi(g), ST_Centroid(g) FROM ST_MakeEnvelope(110, 40, 110.01, 40.01, 4326) AS g`)
	if err != nil {
		t.Fatal(err)
	}
}

func TestABuildingIsFoundInItsGrid(t *testing.T) {
	pool := dbtest.Open(t)
	cell(t, pool)
	report, err := load(t, pool, "编码,名称,地址,层数,单元数,户数,经度,纬度\nB1,1号楼,永来路12号1号楼,6,3,36,110.005,40.005\nB2,,村外,0,,,110.5,40.5\n")
	if err != nil {
		t.Fatal(err, report)
	}
	want := []building.Building{
		{Code: "B1", Name: "1号楼", Address: "永来路12号1号楼", Floors: 6, Units: 3, Households: 36, Grid: "g1", Point: orb.Point{110.005, 40.005}},
		{Code: "B2", Address: "村外", Households: -1, Point: orb.Point{110.5, 40.5}},
	}
	if diff := cmp.Diff(want, all(t, pool)); diff != "" {
		t.Error(diff)
	}
	if len(report.Warnings) != 1 || report.Warnings[0].Count != 1 || report.Warnings[0].Reason.En != "outside every grid" {
		t.Errorf("%+v", report.Warnings)
	}
}

func TestAFootprintGetsAPointInside(t *testing.T) {
	pool := dbtest.Open(t)
	// An L: its middle lies outside.
	report, err := load(t, pool, `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"L"},"geometry":{"type":"Polygon","coordinates":[[[110,40],[110.003,40],[110.003,40.0001],[110.0001,40.0001],[110.0001,40.003],[110,40.003],[110,40]]]}}]}`)
	if err != nil {
		t.Fatal(err, report)
	}
	var inside bool
	if err := pool.QueryRow(t.Context(), `SELECT ST_Covers(footprint, geom) FROM building`).Scan(&inside); err != nil || !inside {
		t.Error("the point lies outside its footprint", err)
	}
}

func TestImportingTwiceDoesNotDouble(t *testing.T) {
	pool := dbtest.Open(t)
	for _, text := range []string{
		"code,address,lon,lat\nB1,a,110,40\nB2,b,110.1,40\n",
		"address,lon,lat\na,110,40\nb,110.1,40\na,110,40\n",
	} {
		for range 2 {
			if report, err := load(t, pool, text); err != nil || report.Written != 2 {
				t.Fatal(err, report)
			}
		}
	}
	if n := len(all(t, pool)); n != 4 {
		t.Errorf("%d buildings, want 2 with a code and 2 without", n)
	}
	if _, err := load(t, pool, "code,address,kind,lon,lat\nB1,new,school,110.2,40\n"); err != nil {
		t.Fatal(err)
	}
	if b := all(t, pool)[0]; b.Address != "new" || b.Kind != "school" || b.Point[0] != 110.2 {
		t.Errorf("%+v was not renewed", b)
	}
}

func TestARefusalKeepsEverythingOut(t *testing.T) {
	pool := dbtest.Open(t)
	report, err := load(t, pool, "code,floors,wkt\nB1,3,POINT (110 40)\nB2,drei,POINT (110 40)\nB1,,POINT (110 41)\nB3,-1,POINT (110 40)\n"+
		"B4,2,\"LINESTRING (110 40, 111 41)\"\nB5,2,\"POLYGON ((110 40, 111 41, 111 40, 110 41, 110 40))\"\n")
	if !errors.Is(err, importer.ErrRefused) || report.Written != 0 || report.Read != 6 || report.Refused != 5 {
		t.Fatal(err, report)
	}
	want := []string{
		`line 3 B2: floors should be a number, it is "drei"`,
		`line 4 B1: the code already stands in line 2`,
		`line 5 B3: floors should be a whole number, not negative, it is "-1"`,
		`line 6 B4: the geometry is a LineString, it must be a Point, Polygon or MultiPolygon`,
		`line 7 B5: invalid polygon: Self-intersection at 110.5000000, 40.5000000`,
	}
	var got []string
	for _, r := range report.Refusals {
		got = append(got, r.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := len(all(t, pool)); n != 0 {
		t.Errorf("%d buildings were written", n)
	}
}

func TestARollBackLeavesNothing(t *testing.T) {
	pool := dbtest.Open(t)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := importer.NewReader("file", strings.NewReader("code,lon,lat\nB1,110,40\n"), 0, importer.Options{Datum: crs.WGS84})
	if err != nil {
		t.Fatal(err)
	}
	report, err := building.Import(t.Context(), tx, r, building.Options{})
	if err != nil || report.Written != 1 {
		t.Fatal(err, report)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(all(t, pool)); n != 0 {
		t.Errorf("%d buildings after a dry run", n)
	}
}

func TestRealFiles(t *testing.T) {
	dir := os.Getenv("GRIDWALL_TEST_DATA")
	if dir == "" {
		t.Skip("GRIDWALL_TEST_DATA names no folder with real geodata")
	}
	pool := dbtest.Open(t)
	for _, f := range []struct{ name, code, parent string }{{"anc_2013", "anc", ""}, {"smd_2013", "smd", "anc"}} {
		columns := map[string]string{"code": f.code}
		level := grid.Street
		if f.parent != "" {
			columns["parent"] = f.parent
			level = grid.Lattice
		}
		r, err := importer.Open(filepath.Join(dir, "dc", f.name+".geojson"), importer.Options{Datum: crs.WGS84, Columns: columns})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			_, err := grid.Import(t.Context(), tx, r, grid.Options{Level: level})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("27,612 addresses of Washington, twice", func(t *testing.T) {
		for range 2 {
			r, err := importer.Open(filepath.Join(dir, "dc", "address_points.csv"), importer.Options{Datum: crs.WGS84})
			if err != nil {
				t.Fatal(err)
			}
			begun, last := time.Now(), 0
			var report *importer.Report
			err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				report, err = building.Import(t.Context(), tx, r, building.Options{Progress: func(done, of int) {
					if done < last || done > of {
						t.Errorf("progress %d of %d after %d", done, of, last)
					}
					last = done
				}})
				return err
			})
			r.Close()
			if err != nil || report.Written != 27_612 || last != 27_612 {
				t.Fatal(err, report)
			}
			t.Logf("%s in %v", report.In("en"), time.Since(begun))
		}
		var n, placed int
		if err := pool.QueryRow(t.Context(), `SELECT count(*), count(grid) FROM building`).Scan(&n, &placed); err != nil || n != 27_612 {
			t.Errorf("%d buildings (%v)", n, err)
		}
		if placed != 27_475 {
			t.Errorf("%d lie in a cell, want 27,475", placed)
		}
		var differ int
		if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM building WHERE grid IS DISTINCT FROM grid_at(geom)`).Scan(&differ); err != nil || differ > 0 {
			t.Errorf("%d buildings stand in another cell than grid_at says (%v)", differ, err)
		}
	})
	t.Run("outlines of Shenzhen without a datum", func(t *testing.T) {
		path := filepath.Join(dir, "cn", "shenzhen_nanshan_buildings.geojson")
		if _, err := importer.Open(path, importer.Options{}); !errors.Is(err, crs.ErrNoDatum) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a Big5 table", func(t *testing.T) {
		_, err := importer.Open(filepath.Join(dir, "cn", "tainan_dengue_2015_big5.csv"), importer.Options{Datum: crs.WGS84})
		var file *importer.FileError
		if !errors.As(err, &file) || !strings.Contains(err.Error(), "not UTF-8") {
			t.Error(err)
		}
	})
}
