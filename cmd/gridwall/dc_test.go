package main

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridwall/dashboard/access"
	"gridwall/geo/crs"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
	"gridwall/migrations/dbtest"
)

// realData is the folder of real geodata; it is not part of the project, so a clone without it skips.
func realData(t *testing.T) string {
	t.Helper()
	dir := env("GRIDWALL_TEST_DATA", "../../../shared/data")
	if _, err := os.Stat(filepath.Join(dir, "dc")); err != nil {
		t.Skip("GRIDWALL_TEST_DATA names no folder with the real geodata (dc/…)")
	}
	return filepath.Join(dir, "dc")
}

// startTest runs the whole server on a database of its own.
func startTest(t *testing.T) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := start(ctx, settings{addr: "127.0.0.1:0", dataDir: t.TempDir(), database: dbtest.URL(t)}, true, slog.New(slog.DiscardHandler))
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := s.wait(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func importTest(t *testing.T, s *server, kind, path string, level grid.Level, columns map[string]string, by grid.ParentBy) (*importer.Report, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	options := importOptions{reader: importer.Options{Datum: crs.WGS84, Columns: columns}, grid: grid.Options{Level: level, ParentBy: by}}
	return importInto(t.Context(), s.pool, source{kind: kind, name: filepath.Base(path), Reader: f}, options)
}

func TestNeighbourhoodsThatCrossWardsAreRefusedByName(t *testing.T) {
	dir := realData(t)
	s := startTest(t)
	if report, err := importTest(t, s, "grids", dir+"/ward_2012.geojson", grid.Street, map[string]string{"code": "ward"}, ""); err != nil || report.Written != 8 {
		t.Fatalf("wards: %+v, %v", report, err)
	}
	report, err := importTest(t, s, "grids", dir+"/anc_2013.geojson", grid.Community, map[string]string{"code": "anc"}, grid.ByPlace)
	if !errors.Is(err, importer.ErrRefused) || report.Written != 0 {
		t.Fatalf("got %+v, %v; want a refusal", report, err)
	}
	var named []string
	for _, r := range report.Refusals {
		named = append(named, r.Key)
	}
	if got := strings.Join(named, " "); got != "2D 3G 6D" {
		t.Errorf("refused by name: %s, want 2D 3G 6D", got)
	}
	report, err = importTest(t, s, "grids", dir+"/police_service_area.geojson", grid.Community, map[string]string{"code": "psa"}, grid.ByPlace)
	if !errors.Is(err, importer.ErrRefused) || !strings.Contains(report.In("en"), "702: invalid polygon: Self-intersection at") {
		t.Errorf("the invalid police area is not named: %s", report.In("en"))
	}
	var rows int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM grid`).Scan(&rows); err != nil || rows != 8 {
		t.Errorf("%d grids stand, want the 8 wards (%v)", rows, err)
	}
}

func TestTheCellsOfTainanGoInAndAreCheckedInTwoSeconds(t *testing.T) {
	dir := realData(t)
	pool := dbtest.Open(t)
	f, err := os.Open(filepath.Join(dir, "../cn/tainan_basic_statistical_units_1.geojson"))
	if err != nil {
		t.Skip("the folder of the real geodata has no cells of Tainan (cn/…)")
	}
	defer f.Close()
	began := time.Now()
	options := importOptions{reader: importer.Options{Datum: crs.WGS84, Columns: map[string]string{"code": "base", "name": "base"}}, grid: grid.Options{Level: grid.Street}}
	report, err := importInto(t.Context(), pool, source{kind: "grids", name: "tainan.geojson", Reader: f}, options)
	if err != nil || report.Written != 2427 {
		t.Fatalf("%v\n%s", err, report.In("en"))
	}
	imported := time.Since(began)
	tree, err := grid.Load(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	faults, err := grid.Check(tree, 1)
	took := time.Since(began)
	t.Logf("2,427 cells imported in %v, checked after %v: %d faults", imported.Round(time.Millisecond), took.Round(time.Millisecond), len(faults))
	if err != nil || took > time.Minute { // 2 s on a machine of its own
		t.Errorf("%v, %v", took, err)
	}
}

func TestARealCityGoesInAndEveryRequestLandsInItsCell(t *testing.T) {
	dir := realData(t)
	s := startTest(t)
	for _, f := range []struct {
		kind, file string
		level      grid.Level
		columns    map[string]string
		want       int
	}{
		{"grids", "anc_2013.geojson", grid.Street, map[string]string{"code": "anc"}, 40},
		{"grids", "smd_2013.geojson", grid.Lattice, map[string]string{"code": "smd", "parent": "anc"}, 296},
		{"buildings", "address_points.csv", "", nil, 27_612},
		{"cameras", "cameras.csv", "", nil, 1_078},
	} {
		report, err := importTest(t, s, f.kind, filepath.Join(dir, f.file), f.level, f.columns, "")
		if err != nil || report.Read != f.want || report.Written != f.want {
			t.Fatalf("%s: %v\n%s", f.file, err, report.In("en"))
		}
	}
	requests := readRequests(t, filepath.Join(dir, "service_requests_311.csv.gz"))
	if len(requests) != 22_576 {
		t.Fatalf("%d requests, want 22,576", len(requests))
	}
	if err := s.dash.Access.SaveAccount(t.Context(), access.Account{Username: "hotline", Name: "热线", Role: access.Operator}); err != nil {
		t.Fatal(err)
	}
	token, err := s.dash.Access.NewToken(t.Context(), "hotline", "test")
	if err != nil {
		t.Fatal(err)
	}
	c := withToken(s.url, token)
	awaitCells(t, c, 336)

	const writers = 8
	var next, failed atomic.Int64
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(requests) || failed.Load() > 3 {
					return
				}
				q := requests[i]
				var made struct {
					Grid string
					Seq  int64
				}
				err := c.do(t.Context(), "POST", "/api/v1/cases", map[string]any{"title": q.title, "address": q.address, "location": map[string]float64{"lon": q.lon, "lat": q.lat}}, &made)
				if err != nil || made.Grid == "" {
					failed.Add(1)
					t.Errorf("%s: grid %q, %v", q.title, made.Grid, err)
				}
			}
		})
	}
	group.Wait()

	// The same answer from SQL: of the cells that cover the point, the lowest code.
	const judge = `
SELECT count(*), count(*) FILTER (WHERE cells.n > 1), count(*) FILTER (WHERE c.grid IS DISTINCT FROM cells.lowest)
FROM case_file AS c, LATERAL (
    SELECT count(*) AS n, min(g.code COLLATE "C") AS lowest FROM grid AS g WHERE g.level = 'grid' AND ST_Covers(g.geom, c.geom)) AS cells`
	var total, shared, different int
	if err := s.pool.QueryRow(t.Context(), judge).Scan(&total, &shared, &different); err != nil {
		t.Fatal(err)
	}
	if total != len(requests) || shared != 859 || different != 0 {
		t.Errorf("%d cases, %d on a shared edge, %d disagree with SQL; want 22576, 859, 0", total, shared, different)
	}
	var events, head int64
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*), max(seq) FROM event`).Scan(&events, &head); err != nil || events != head {
		t.Errorf("%d events up to number %d: the log has gaps (%v)", events, head, err)
	}
}

// awaitCells waits until the server has followed the imports.
func awaitCells(t *testing.T, c *client, want int) {
	t.Helper()
	for range 500 {
		var answer struct{ Grids []struct{ Code string } }
		if err := c.do(t.Context(), "GET", "/api/v1/grids", nil, &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Grids) == want {
			return
		}
	}
	t.Fatalf("the server does not show %d grids", want)
}

type request struct {
	title, address string
	lon, lat       float64
}

func readRequests(t *testing.T, path string) []request {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(unzipped).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var out []request
	for _, row := range rows[1:] {
		lon, err1 := strconv.ParseFloat(row[column["lon"]], 64)
		lat, err2 := strconv.ParseFloat(row[column["lat"]], 64)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		out = append(out, request{fmt.Sprintf("%s %s", row[column["request_id"]], row[column["category"]]), row[column["address"]], lon, lat})
	}
	return out
}
