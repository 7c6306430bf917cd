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
