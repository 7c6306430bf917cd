package grid_test

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"

	"gridwall/geo/geotest"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
	"gridwall/migrations/dbtest"
)

// box is a square cell of size degrees.
func box(code, parent string, level grid.Level, lon, lat, size float64) *grid.Cell {
	return &grid.Cell{Code: code, Parent: parent, Level: level, Name: code, Geometry: orb.MultiPolygon{{{
		{lon, lat}, {lon + size, lat}, {lon + size, lat + size}, {lon, lat + size}, {lon, lat}}}}}
}

func TestLocate(t *testing.T) {
	index := grid.NewIndex(grid.NewTree([]*grid.Cell{
		box("1", "", grid.Street, 110, 40, 0.02),
		box("10", "1", grid.Community, 110, 40, 0.02),
		box("109", "10", grid.Lattice, 110, 40, 0.01),
		box("102", "10", grid.Lattice, 110.01, 40, 0.01),
		box("11", "10", grid.Lattice, 110, 40.01, 0.01),
	}))
	for _, tc := range []struct {
		name string
		p    orb.Point // lon, lat
		want []string
		err  error
	}{
		{"inside", orb.Point{110.003, 40.004}, []string{"1", "10", "109"}, nil},
		{"on a shared edge the lowest code wins", orb.Point{110.01, 40.004}, []string{"1", "10", "102"}, nil},
		{"lowest as text, not as a number", orb.Point{110.002, 40.01}, []string{"1", "10", "109"}, nil},
		{"on a shared corner", orb.Point{110.01, 40.01}, []string{"1", "10", "102"}, nil},
		{"on the outer edge", orb.Point{110, 40.005}, []string{"1", "10", "109"}, nil},
		{"where the lowest level has a gap the level above answers", orb.Point{110.015, 40.015}, []string{"1", "10"}, nil},
		{"outside", orb.Point{0, 0}, nil, grid.ErrOutside},
		{"not a number", orb.Point{math.NaN(), 40}, nil, grid.ErrOutside},
		{"infinite", orb.Point{110, math.Inf(1)}, nil, grid.ErrOutside},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path, err := index.Locate(tc.p)
			var codes []string
			for _, c := range path {
				codes = append(codes, c.Code)
			}
			if diff := cmp.Diff(tc.want, codes); diff != "" || !errors.Is(err, tc.err) {
				t.Errorf("%v, %s", err, diff)
			}
		})
	}
	t.Run("a point outside is told the nearest cell within 50 m", func(t *testing.T) {
		_, err := index.Locate(orb.Point{109.9996, 40.005})
		var out *grid.OutsideError
		if !errors.As(err, &out) || out.Nearest.Code != "109" || math.Abs(out.DistanceM-34.1) > 0.3 {
			t.Errorf("%v, want 34 m from 109", err)
		}
		if _, err := index.Locate(orb.Point{109.999, 40.005}); errors.As(err, &out) && out.DistanceM > 50 {
			t.Errorf("%v is too far", err)
		}
	})
	t.Run("an index without cells", func(t *testing.T) {
		if _, err := grid.NewIndex(grid.NewTree(nil)).Locate(orb.Point{}); !errors.Is(err, grid.ErrOutside) {
			t.Error(err)
		}
	})
	t.Run("does not allocate", func(t *testing.T) {
		if n := testing.AllocsPerRun(100, func() { index.Locate(orb.Point{110.01, 40.004}) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// agree asks PostGIS and the index for every point and counts how often they differ.
func agree(t *testing.T, pool *pgxpool.Pool, points []orb.Point) (inside int) {
	t.Helper()
	tree, err := grid.Load(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	index := grid.NewIndex(tree)
	xs, ys := make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		xs[i], ys[i] = p[0], p[1]
	}
	rows, err := pool.Query(t.Context(), `
SELECT i, COALESCE(grid_at(ST_SetSRID(ST_MakePoint(x, y), 4326)), '')
FROM unnest($1::float8[], $2::float8[]) WITH ORDINALITY AS u(x, y, i)`, xs, ys)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	differ := 0
	for rows.Next() {
		var i int
		var want string
		if err := rows.Scan(&i, &want); err != nil {
			t.Fatal(err)
		}
		got := ""
		if path, err := index.Locate(points[i-1]); err == nil {
			got = path.Cell().Code
			inside++
		}
		if got != want {
			if differ++; differ <= 5 {
				t.Errorf("%v: index %q, PostGIS %q", points[i-1], got, want)
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if differ > 0 {
		t.Errorf("%d of %d points differ", differ, len(points))
	}
	return inside
}

// hard makes points where answers may differ: on corners, on edges and a rounding error beside them, and anywhere.
func hard(t *testing.T, pool *pgxpool.Pool, n int) []orb.Point {
	t.Helper()
	tree, err := grid.Load(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var points []orb.Point
	cells := tree.Cells()
	for range n {
		c := cells[r.IntN(len(cells))]
		ring := c.Geometry[0][0]
		i := r.IntN(len(ring) - 1)
		a, b := ring[i], ring[i+1]
		f := r.Float64()
		on := orb.Point{a[0] + (b[0]-a[0])*f, a[1] + (b[1]-a[1])*f}
		bound := tree.Bound().Pad(0.001)
		points = append(points, a, on,
			orb.Point{math.Round(on[0]*1e7) / 1e7, math.Round(on[1]*1e7) / 1e7},
			orb.Point{math.Nextafter(on[0], 200), on[1]}, orb.Point{on[0], math.Nextafter(on[1], -200)},
			orb.Point{bound.Min[0] + r.Float64()*(bound.Max[0]-bound.Min[0]), bound.Min[1] + r.Float64()*(bound.Max[1]-bound.Min[1])})
	}
	return points
}

// importTown puts the demo town's cells into pool.
func importTown(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	w := geotest.New(1)
	for _, f := range []struct {
		level grid.Level
		file  []byte
	}{{grid.Street, w.Streets}, {grid.Community, w.Communities}, {grid.Lattice, w.Grids}} {
		r, err := importer.NewReader(string(f.level), strings.NewReader(string(f.file)), 0, importer.Options{Datum: "wgs84"})
		if err != nil {
			t.Fatal(err)
		}
		if report, err := run(t, pool, r, grid.Options{Level: f.level}); err != nil || len(report.Warnings) > 0 {
			t.Fatalf("%v\n%s", err, report.In("en"))
		}
	}
}

func TestIndexAgreesWithPostGIS(t *testing.T) {
	t.Run("in the demo town", func(t *testing.T) {
		pool := dbtest.Open(t)
		importTown(t, pool)
		agree(t, pool, hard(t, pool, 4000))
		t.Logf("of 100,000 points anywhere %d lie in a cell: all agree: %v", agree(t, pool, anywhere(t, pool, 100_000)), !t.Failed())
	})
	t.Run("in Washington, for every service request", func(t *testing.T) {
		dir := filepath.Join(data(t), "dc")
		pool := dbtest.Open(t)
		washington(t, pool, dir)
		requests := serviceRequests(t, filepath.Join(dir, "service_requests_311.csv.gz"))
		if inside := agree(t, pool, requests); inside != 22_576 {
			t.Errorf("%d requests lie in a cell, want all 22,576", inside)
		}
		agree(t, pool, hard(t, pool, 4000))
		tree, err := grid.Load(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		shared := onEdges(tree, requests)
		if len(shared) != 859 {
			t.Errorf("%d requests lie on a shared edge, want 859", len(shared))
		}
		edges, inside := agree(t, pool, shared), agree(t, pool, anywhere(t, pool, 100_000))
		t.Logf("of %d points on a shared edge %d lie in a cell, of 100,000 anywhere %d: all agree: %v", len(shared), edges, inside, !t.Failed())
	})
}

// anywhere are points at random over the bound of all cells and some of what lies around it.
func anywhere(t *testing.T, pool *pgxpool.Pool, n int) []orb.Point {
	t.Helper()
	tree, err := grid.Load(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	bound := tree.Bound().Pad(0.001)
	points := make([]orb.Point, n)
	for i := range points {
		points[i] = orb.Point{bound.Min[0] + random.Float64()*(bound.Max[0]-bound.Min[0]), bound.Min[1] + random.Float64()*(bound.Max[1]-bound.Min[1])}
	}
	return points
}

// onEdges are the points on the border of two cells of the lowest level, by locating each in every cell alone.
func onEdges(tree *grid.Tree, points []orb.Point) (shared []orb.Point) {
	type alone struct {
		bound orb.Bound
		index *grid.Index
	}
	var cells []alone
	for _, c := range tree.Cells() {
		if c.Level == grid.Lattice {
			one := *c
			cells = append(cells, alone{c.Bound, grid.NewIndex(grid.NewTree([]*grid.Cell{&one}))})
		}
	}
	for _, p := range points {
		n := 0
		for _, c := range cells {
			if c.bound.Contains(p) {
				if _, err := c.index.Locate(p); err == nil {
					n++
				}
			}
		}
		if n > 1 {
			shared = append(shared, p)
		}
	}
	return shared
}

func washington(t testing.TB, pool *pgxpool.Pool, dir string) {
	t.Helper()
	if report, err := file(t, pool, filepath.Join(dir, "anc_2013.geojson"), map[string]string{"code": "anc"}, grid.Options{Level: grid.Street}); err != nil {
		t.Fatalf("%v\n%v", err, report)
	}
	if report, err := file(t, pool, filepath.Join(dir, "smd_2013.geojson"), map[string]string{"code": "smd", "parent": "anc"}, grid.Options{Level: grid.Lattice}); err != nil {
		t.Fatalf("%v\n%v", err, report)
	}
}

func serviceRequests(t testing.TB, path string) []orb.Point {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var points []orb.Point
	for _, row := range rows[1:] {
		lon, err1 := strconv.ParseFloat(row[13], 64)
		lat, err2 := strconv.ParseFloat(row[14], 64)
		if err1 != nil || err2 != nil {
			t.Fatal(row)
		}
		points = append(points, orb.Point{lon, lat})
	}
	return points
}

func BenchmarkLocate(b *testing.B) {
	dir := filepath.Join(data(b), "dc")
	pool := dbtest.Open(b)
	washington(b, pool, dir)
	requests := serviceRequests(b, filepath.Join(dir, "service_requests_311.csv.gz"))
	tree, err := grid.Load(context.Background(), pool)
	if err != nil {
		b.Fatal(err)
	}
	index := grid.NewIndex(tree)
	b.Run("index", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			index.Locate(requests[i%len(requests)])
		}
	})
	b.Run("PostGIS", func(b *testing.B) {
		for i := range b.N {
			var code *string
			p := requests[i%len(requests)]
			if err := pool.QueryRow(context.Background(), `SELECT grid_at(ST_SetSRID(ST_MakePoint($1, $2), 4326))`, p[0], p[1]).Scan(&code); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("build", func(b *testing.B) {
		for range b.N {
			grid.NewIndex(tree)
		}
	})
}
