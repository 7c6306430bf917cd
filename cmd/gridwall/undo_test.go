package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/geo/crs"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
	"gridwall/migrations/dbtest"
)

func importText(t *testing.T, pool *pgxpool.Pool, kind, text string, dryRun bool) error {
	t.Helper()
	options := importOptions{reader: importer.Options{Datum: crs.WGS84}, grid: grid.Options{Level: grid.Street}, dryRun: dryRun}
	report, err := importInto(t.Context(), pool, source{kind: kind, name: kind, Reader: strings.NewReader(text)}, options)
	if err != nil && report != nil {
		t.Log(report.In("en"))
	}
	return err
}

// everything is the rows of the layers as text.
func everything(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
SELECT g::text FROM grid AS g UNION ALL SELECT b::text FROM building AS b UNION ALL SELECT c::text FROM camera AS c UNION ALL SELECT d::text FROM backdrop AS d
ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestUndoGivesBackWhatAnImportChanged(t *testing.T) {
	pool := dbtest.Open(t)
	square := func(code, name, ring string) string {
		return `{"type":"Feature","properties":{"code":"` + code + `","name":"` + name + `"},"geometry":{"type":"Polygon","coordinates":[` + ring + `]}}`
	}
	collection := func(features ...string) string {
		return `{"type":"FeatureCollection","features":[` + strings.Join(features, ",\n") + `]}`
	}
	west, east := `[[110,40],[111,40],[111,41],[110,41],[110,40]]`, `[[111,40],[112,40],[112,41],[111,41],[111,40]]`
	steps := []struct{ kind, text string }{
		{"grids", collection(square("A", "西", west))},
		{"buildings", "code,name,floors,lon,lat\nB1,一号楼,5,110.5,40.5\nB2,二号楼,,111.5,40.5\n"},
		{"cameras", "id,name,lon,lat\nC1,甲,110.5,40.5\nC2,乙,111.5,40.5\n"},
		{"backdrop", "kind,wkt\nroad,\"LINESTRING (110 40, 111 41)\"\n"},
		{"grids", collection(square("A", "西街", west), square("B", "东街", east))}, // B2 and C2 get a grid by it
		{"buildings", "code,name,floors,lon,lat\nB2,贰号楼,7,111.6,40.5\nB3,三号楼,,111.7,40.5\n"},
	}
	var states [][]string
	for _, s := range steps {
		states = append(states, everything(t, pool))
		if err := importText(t, pool, s.kind, s.text, true); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(states[len(states)-1], everything(t, pool)); diff != "" {
			t.Fatalf("a dry run of %s left something: %s", s.kind, diff)
		}
		if err := importText(t, pool, s.kind, s.text, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Exec(t.Context(), `UPDATE camera SET state = 'offline' WHERE id = 'C2'`); err != nil {
		t.Fatal(err)
	}
	for i := len(steps) - 1; i >= 0; i-- {
		now := everything(t, pool)
		if _, rows, err := undo(t.Context(), pool, true); err != nil || rows == 0 {
			t.Fatal(rows, err)
		}
		if diff := cmp.Diff(now, everything(t, pool)); diff != "" {
			t.Fatalf("a dry run undid something: %s", diff)
		}
		past, rows, err := undo(t.Context(), pool, false)
		if err != nil || past.Kind != steps[i].kind {
			t.Fatal(past, rows, err)
		}
		want := states[i]
		got := everything(t, pool)
		for k := range got { // the camera's state is not the import's
			got[k] = strings.Replace(got[k], ",offline,", ",unknown,", 1)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("after undoing step %d: %s", i, diff)
		}
	}
	if _, _, err := undo(t.Context(), pool, false); !errors.Is(err, importer.ErrNothing) {
		t.Errorf("nothing is left to undo: %v", err)
	}
}

func TestUndoRefusesWhereCasesLie(t *testing.T) {
	pool := dbtest.Open(t)
	if err := importText(t, pool, "grids", `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"A","name":"西"},"geometry":{"type":"Polygon","coordinates":[[[110,40],[111,40],[111,41],[110,41],[110,40]]]}}]}`, false); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `
INSERT INTO case_file (number, flow, flow_edition, state, priority, title, geom, grid, reported_at, updated_at)
VALUES ('1506210101202600001', 'f', 1, 'reported', 'normal', 't', ST_SetSRID(ST_MakePoint(110.5, 40.5), 4326), 'A', now(), now())`); err != nil {
		t.Fatal(err)
	}
	before := everything(t, pool)
	var inTheWay *casesInTheWay
	if _, _, err := undo(t.Context(), pool, false); !errors.As(err, &inTheWay) || inTheWay.cases != 1 {
		t.Errorf("undone in spite of a case: %v", err)
	}
	if diff := cmp.Diff(before, everything(t, pool)); diff != "" {
		t.Error(diff)
	}
}
