package geotest_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"gridwall/geo/backdrop"
	"gridwall/geo/building"
	"gridwall/geo/geotest"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
	"gridwall/migrations/dbtest"
)

func TestTheTownGoesInAndTilesWithoutGapOrOverlap(t *testing.T) {
	for seed := range uint64(2) {
		pool := dbtest.Open(t)
		w := geotest.New(seed)
		cells := func(level grid.Level) func(tx pgx.Tx, r *importer.Reader) (*importer.Report, error) {
			return func(tx pgx.Tx, r *importer.Reader) (*importer.Report, error) {
				return grid.Import(t.Context(), tx, r, grid.Options{Level: level})
			}
		}
		for _, f := range []struct {
			name string
			text []byte
			do   func(tx pgx.Tx, r *importer.Reader) (*importer.Report, error)
		}{
			{"streets", w.Streets, cells(grid.Street)},
			{"communities", w.Communities, cells(grid.Community)},
			{"grids", w.Grids, cells(grid.Lattice)},
			{"buildings", w.Buildings, func(tx pgx.Tx, r *importer.Reader) (*importer.Report, error) {
				return building.Import(t.Context(), tx, r, building.Options{})
			}},
			{"backdrop", w.Backdrop, func(tx pgx.Tx, r *importer.Reader) (*importer.Report, error) {
				return backdrop.Import(t.Context(), tx, r, backdrop.Options{})
			}},
		} {
			r, err := importer.NewReader(f.name, strings.NewReader(string(f.text)), 0, importer.Options{Datum: "wgs84"})
			if err != nil {
				t.Fatal(err)
			}
			var report *importer.Report
			err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				report, err = f.do(tx, r)
				return err
			})
			if err != nil || report.Written != report.Read || len(report.Warnings) > 0 {
				t.Fatalf("seed %d: %v\n%s", seed, err, report.In("en"))
			}
		}
		for _, q := range []struct {
			name, sql string
			want      float64
		}{
			{"m² that the grids and their communities differ by", `SELECT COALESCE(round(sum(ST_Area(ST_SymDifference(p.geom, u.geom)::geography))), 0) FROM grid AS p JOIN (SELECT parent, ST_Union(geom) AS geom FROM grid WHERE parent IS NOT NULL GROUP BY parent) AS u ON u.parent = p.code`, 0},
			{"pairs of siblings that overlap", `SELECT count(*) FROM grid AS a JOIN grid AS b ON a.level = b.level AND a.code < b.code AND ST_Relate(a.geom, b.geom, '2********')`, 0},
			{"cells inside their parent to the last point", `SELECT count(*) FROM grid AS c JOIN grid AS p ON p.code = c.parent AND ST_CoveredBy(c.geom, p.geom)`, 32},
			{"buildings in no grid of the lowest level", `SELECT count(*) FROM building AS b LEFT JOIN grid AS g ON g.code = b.grid AND g.level = 'grid' WHERE g.code IS NULL`, 0},
			{"buildings over a grid's border", `SELECT count(*) FROM building AS b JOIN grid AS g ON g.code = b.grid AND NOT ST_CoveredBy(b.footprint, g.geom)`, 0},
			{"buildings on a street", `SELECT count(DISTINCT b.id) FROM building AS b JOIN backdrop AS r ON r.kind = 'road' AND ST_Intersects(r.geom, b.footprint)`, 0},
			{"buildings in the river", `SELECT count(*) FROM building AS b JOIN backdrop AS r ON r.kind = 'water' AND ST_Intersects(r.geom, b.footprint)`, 0},
			{"m² of buildings over one another", `SELECT COALESCE(round(sum(ST_Area(ST_Intersection(a.footprint, b.footprint)::geography))::numeric, 1), 0) FROM building AS a JOIN building AS b ON a.id < b.id AND a.footprint && b.footprint AND ST_Relate(a.footprint, b.footprint, '2********')`, 0},
			{"buildings of 滨河社区", `SELECT count(*) FROM building WHERE grid LIKE '150621901003%'`, 88},
			{"households of 滨河社区", `SELECT sum(households) FROM building WHERE grid LIKE '150621901003%'`, 3188},
			{"m² of drawing that is broken", `SELECT count(*) FROM backdrop WHERE NOT ST_IsValid(geom)`, 0},
		} {
			var got float64
			if err := pool.QueryRow(t.Context(), q.sql).Scan(&got); err != nil || got != q.want {
				t.Errorf("seed %d: %v %s, want %v (%v)", seed, got, q.name, q.want, err)
			}
		}
		pool.Close()
	}
}
