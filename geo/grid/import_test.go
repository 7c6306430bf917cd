package grid_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/geo/grid"
	"gridwall/geo/importer"
	"gridwall/migrations/dbtest"
)

// data is the folder of real files that tests may read; see NOTICE.md there.
func data(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("GRIDWALL_TEST_DATA")
	if dir == "" {
		t.Skip("GRIDWALL_TEST_DATA names no folder with real geodata")
	}
	return dir
}

// file imports path and commits if nothing was refused.
func file(t testing.TB, pool *pgxpool.Pool, path string, columns map[string]string, o grid.Options) (*importer.Report, error) {
	t.Helper()
	r, err := importer.Open(path, importer.Options{Datum: "wgs84", Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return run(t, pool, r, o)
}

func run(t testing.TB, pool *pgxpool.Pool, r *importer.Reader, o grid.Options) (report *importer.Report, err error) {
	t.Helper()
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		report, err = grid.Import(t.Context(), tx, r, o)
		return err
	})
	return report, err
}

func count(t testing.TB, pool *pgxpool.Pool, sql string) (n int) {
	t.Helper()
	if err := pool.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWashington(t *testing.T) {
	dir := filepath.Join(data(t), "dc")
	t.Run("commissions are refused as children of wards, and named with their share", func(t *testing.T) {
		pool := dbtest.Open(t)
		report, err := file(t, pool, filepath.Join(dir, "ward_2012.geojson"), map[string]string{"code": "ward"}, grid.Options{Level: grid.Street})
		if err != nil || report.Written != 8 {
			t.Fatalf("wards: %v\n%v", err, report)
		}
		report, err = file(t, pool, filepath.Join(dir, "anc_2013.geojson"), map[string]string{"code": "anc"}, grid.Options{Level: grid.Community, ParentBy: grid.ByPlace})
		if !errors.Is(err, importer.ErrRefused) || report.Written != 0 || report.Refused == 0 {
			t.Fatalf("commissions: %v\n%v", err, report)
		}
		t.Log(report.In("en"))
		t.Log(report.In("zh"))
		least := report.Refusals[0].Reason.En
		for _, r := range report.Refusals {
			least = min(least, r.Reason.En)
		}
		if !strings.Contains(least, "only 57.8") || !strings.Contains(least, "(Ward ") {
			t.Errorf("the worst refusal should name the ward and 57.8 %%: %s", least)
		}
		if n := count(t, pool, `SELECT count(*) FROM grid`); n != 8 {
			t.Errorf("%d cells after the refusal, want the 8 wards", n)
		}
	})
	t.Run("districts go in under commissions", func(t *testing.T) {
		pool := dbtest.Open(t)
		report, err := file(t, pool, filepath.Join(dir, "anc_2013.geojson"), map[string]string{"code": "anc"}, grid.Options{Level: grid.Street})
		if err != nil || report.Written != 40 || len(report.Warnings) != 0 {
			t.Fatalf("commissions: %v\n%v", err, report)
		}
		report, err = file(t, pool, filepath.Join(dir, "smd_2013.geojson"), map[string]string{"code": "smd", "parent": "anc"}, grid.Options{Level: grid.Lattice})
		if err != nil || report.Written != 296 || len(report.Warnings) != 0 {
			t.Fatalf("districts: %v\n%v", err, report)
		}
	})
	t.Run("a polygon that crosses itself is refused with the place", func(t *testing.T) {
		pool := dbtest.Open(t)
		report, err := file(t, pool, filepath.Join(dir, "police_service_area.geojson"), map[string]string{"code": "psa"}, grid.Options{Level: grid.Street})
		if !errors.Is(err, importer.ErrRefused) || report.Refused != 1 {
			t.Fatalf("%v\n%v", err, report)
		}
		if r := report.Refusals[0]; r.Line == 0 || !strings.Contains(r.Reason.En, "Self-intersection at -76.9617021, 38.8519986") {
			t.Errorf("%s", r.In("en"))
		}
		t.Log(report.In("en"))
	})
}

// square writes a feature of size degrees with its corner at lon, lat.
func square(props string, lon, lat, size float64) string {
	return fmt.Sprintf(`{"type":"Feature","properties":%s,"geometry":{"type":"Polygon","coordinates":[[[%g,%g],[%g,%g],[%g,%g],[%g,%g],[%g,%g]]]}}`,
		props, lon, lat, lon+size, lat, lon+size, lat+size, lon, lat+size, lon, lat)
}

func collection(features ...string) string {
	return "{\"type\":\"FeatureCollection\",\"features\":[\n" + strings.Join(features, ",\n") + "\n]}\n"
}

// text imports GeoJSON and commits if nothing was refused.
func text(t *testing.T, pool *pgxpool.Pool, geojson string, o grid.Options) (*importer.Report, error) {
	t.Helper()
	r, err := importer.NewReader("file", strings.NewReader(geojson), 0, importer.Options{Datum: "wgs84"})
	if err != nil {
		t.Fatal(err)
	}
	return run(t, pool, r, o)
}

// street puts one street, 1, over 110–110.04 E, 40–40.04 N.
func street(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	if report, err := text(t, pool, collection(square(`{"code":"1","name":"街道"}`, 110, 40, 0.04)), grid.Options{Level: grid.Street}); err != nil {
		t.Fatal(err, report)
	}
}

func TestARowIsRefused(t *testing.T) {
	pool := dbtest.Open(t)
	street(t, pool)
	good := square(`{"code":"11","parent":"1","name":"good"}`, 110, 40, 0.01)
	for _, tc := range []struct {
		name, feature string
		want          string
	}{
		{"without a code", square(`{"parent":"1","name":"x"}`, 110.02, 40, 0.01), "line 3 x: no code (name its column: --columns=code=COLUMN)"},
		{"without a name", square(`{"code":"12","parent":"1"}`, 110.02, 40, 0.01), "line 3 12: no name (name its column: --columns=name=COLUMN)"},
		{"with a code twice", square(`{"code":"11","parent":"1","name":"x"}`, 110.02, 40, 0.01), "line 3 11: the code already stands in line 2"},
		{"with a code of another level", square(`{"code":"1","parent":"1","name":"x"}`, 110.02, 40, 0.01), "line 3 1: the code belongs to another level (street 街道)"},
		{"without a parent", square(`{"code":"12","parent":"","name":"x"}`, 110.02, 40, 0.01), "line 3 12: no parent"},
		{"with an unknown parent", square(`{"code":"12","parent":"9","name":"x"}`, 110.02, 40, 0.01), "line 3 12: unknown parent 9: import the level above first"},
		{"half outside its parent", square(`{"code":"12","parent":"1","name":"x"}`, 110.035, 40, 0.01), "line 3 12: only 50.00 % of it lies inside its parent 1 (街道)"},
		{"that is a point", `{"type":"Feature","properties":{"code":"12","parent":"1","name":"x"},"geometry":{"type":"Point","coordinates":[110,40]}}`, "line 3 12: the geometry is a Point, it must be a Polygon or MultiPolygon"},
		{"that crosses itself", `{"type":"Feature","properties":{"code":"12","parent":"1","name":"x"},"geometry":{"type":"Polygon","coordinates":[[[110,40],[110.02,40.02],[110.02,40],[110,40.02],[110,40]]]}}`, "line 3 12: invalid polygon: Self-intersection at 110.0100000, 40.0100000"},
		{"of an unknown kind", square(`{"code":"12","parent":"1","name":"x","kind":"big"}`, 110.02, 40, 0.01), `line 3 12: unknown kind "big": service or unit`},
		{"with half a household", square(`{"code":"12","parent":"1","name":"x","households":1.5}`, 110.02, 40, 0.01), `line 3 12: households should be a whole number, not negative, it is "1.5"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			report, err := text(t, pool, collection(good, tc.feature), grid.Options{Level: grid.Lattice})
			if !errors.Is(err, importer.ErrRefused) || report.Read != 2 || report.Refused != 1 || report.Written != 0 {
				t.Fatal(err, report)
			}
			got := report.Refusals[0].Error()
			if tc.name == "without a code" {
				got = strings.Replace(got, "line 3:", "line 3 x:", 1) // it has no key to show
			}
			if got != tc.want {
				t.Errorf("%s\nwant %s", got, tc.want)
			}
		})
	}
	if n := count(t, pool, `SELECT count(*) FROM grid`); n != 1 {
		t.Errorf("%d cells, want the street only", n)
	}
}

func TestParentsAreFound(t *testing.T) {
	for _, tc := range []struct {
		name string
		by   grid.ParentBy
		code string
		want string
	}{
		{"by place, where nothing else fits", "", "x1", "150621002"},
		{"by the longest prefix", "", "150621002001", "150621002"},
		{"by place, though a prefix fits", grid.ByPlace, "150621002001", "150621002"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pool := dbtest.Open(t)
			if _, err := text(t, pool, collection(square(`{"code":"150621001","name":"一"}`, 110, 40, 0.02), square(`{"code":"150621002","name":"二"}`, 110.02, 40, 0.02)), grid.Options{Level: grid.Street}); err != nil {
				t.Fatal(err)
			}
			report, err := text(t, pool, collection(square(fmt.Sprintf(`{"code":%q,"name":"x"}`, tc.code), 110.025, 40.005, 0.01)), grid.Options{Level: grid.Community, ParentBy: tc.by})
			if err != nil {
				t.Fatal(err, report)
			}
			var parent string
			if err := pool.QueryRow(t.Context(), `SELECT parent FROM grid WHERE code = $1`, tc.code).Scan(&parent); err != nil || parent != tc.want {
				t.Errorf("%s, %v", parent, err)
			}
		})
	}
}

func TestASecondImportRenewsCellsAndTheirBuildings(t *testing.T) {
	pool := dbtest.Open(t)
	street(t, pool)
	one := collection(square(`{"code":"11","parent":"1","name":"一","households":300}`, 110, 40, 0.02))
	if _, err := text(t, pool, one, grid.Options{Level: grid.Lattice}); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `
INSERT INTO building (code, grid, geom)
SELECT code, grid_at(geom), geom FROM (VALUES
    ('near', ST_SetSRID(ST_MakePoint(110.005, 40.005), 4326)), ('far', ST_SetSRID(ST_MakePoint(110.018, 40.018), 4326))) AS v(code, geom)`); err != nil {
		t.Fatal(err)
	}
	id := count(t, pool, `SELECT id FROM grid WHERE code = '11'`)
	report, err := text(t, pool, collection(square(`{"code":"11","parent":"1","name":"一网格"}`, 110, 40, 0.01)), grid.Options{Level: grid.Lattice})
	if err != nil || report.Written != 1 {
		t.Fatal(err, report)
	}
	if again := count(t, pool, `SELECT id FROM grid WHERE code = '11' AND name = '一网格' AND households = 300`); again != id {
		t.Errorf("id %d became %d", id, again)
	}
	if n := count(t, pool, `SELECT count(*) FROM building WHERE (code, grid) IN (('near', '11'), ('far', '1'))`); n != 2 {
		t.Error("the building left outside should belong to the street now")
	}
	report, err = text(t, pool, collection(square(`{"code":"1","name":"街道"}`, 110.005, 40, 0.04)), grid.Options{Level: grid.Street})
	if err != nil || len(report.Warnings) != 1 || !strings.HasPrefix(report.Warnings[0].Reason.En, "cells below do not lie inside") {
		t.Errorf("%v %+v: a street drawn in should warn of the cell it leaves out", err, report)
	}
}

func TestCellsThatOverlapAreToldOf(t *testing.T) {
	pool := dbtest.Open(t)
	street(t, pool)
	report, err := text(t, pool, collection(square(`{"code":"11","parent":"1","name":"一"}`, 110, 40, 0.01), square(`{"code":"12","parent":"1","name":"二"}`, 110.009, 40, 0.01)), grid.Options{Level: grid.Lattice})
	if err != nil || len(report.Warnings) != 1 || !strings.HasPrefix(report.Warnings[0].Reason.En, "overlaps with a cell") {
		t.Errorf("%v %+v", err, report)
	}
}
