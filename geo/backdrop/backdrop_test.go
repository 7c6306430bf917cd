package backdrop_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"

	"gridwall/geo/backdrop"
	"gridwall/geo/importer"
	"gridwall/migrations/dbtest"
)

func load(t *testing.T, pool *pgxpool.Pool, text string, o importer.Options) (report *importer.Report, err error) {
	t.Helper()
	o.Datum = "wgs84"
	r, err := importer.NewReader("file", strings.NewReader(text), 0, o)
	if err != nil {
		t.Fatal(err)
	}
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		report, err = backdrop.Import(t.Context(), tx, r, backdrop.Options{})
		return err
	})
	return report, err
}

const drawing = "kind,class,name,wkt\nroad,arterial,人民路,\"LINESTRING (110 40, 110.1 40)\"\nwater,,永来河,\"POLYGON ((110 40, 110.1 40.1, 110.1 40, 110 40.1, 110 40))\"\nplace,mall,永来城,POINT (110 40)\n"

func TestADrawingGoesInOnce(t *testing.T) {
	pool := dbtest.Open(t)
	for i, written := range []int{3, 0} {
		report, err := load(t, pool, drawing, importer.Options{})
		if err != nil || report.Read != 3 || report.Written != written {
			t.Fatalf("import %d: %v %+v", i+1, err, report)
		}
	}
	all, err := backdrop.Load(t.Context(), pool)
	if err != nil || len(all) != 3 {
		t.Fatal(err, all)
	}
	want := backdrop.Feature{ID: all[0].ID, Kind: "road", Class: "arterial", Name: "人民路", Geometry: orb.LineString{{110, 40}, {110.1, 40}}}
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Error(diff)
	}
	var valid bool
	if err := pool.QueryRow(t.Context(), `SELECT ST_IsValid(geom) AND ST_Dimension(geom) = 2 FROM backdrop WHERE kind = 'water'`).Scan(&valid); err != nil || !valid {
		t.Error("a polygon that crosses itself should be mended", err)
	}
}

func TestOneKindForAFileWithout(t *testing.T) {
	pool := dbtest.Open(t)
	text := "wkt\n\"LINESTRING (110 40, 110.1 40)\"\n"
	if report, err := load(t, pool, text, importer.Options{Values: map[string]string{"kind": "road", "class": "local"}}); err != nil || report.Written != 1 {
		t.Fatal(err, report)
	}
	report, err := load(t, pool, text, importer.Options{})
	if !errors.Is(err, importer.ErrRefused) || report.Refusals[0].Error() != `line 2: unknown kind "": choose one of land, water, green, block, road, place` {
		t.Error(err, report)
	}
	report, err = load(t, pool, text, importer.Options{Values: map[string]string{"kind": "green"}})
	if !errors.Is(err, importer.ErrRefused) || report.Refusals[0].Error() != `line 2: a green must be a polygon, it is a LineString` {
		t.Error(err, report)
	}
}
