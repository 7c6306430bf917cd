package dashboard_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/maptile"

	"gridwall/dashboard/access"
	"gridwall/geo"
	"gridwall/geo/crs"
	"gridwall/geo/grid"
	"gridwall/geo/tile"
)

// A street of 2,427 cells with 40 corners each, and 100,000 buildings with footprints.
const suburb = `
INSERT INTO grid (code, level, kind, name, geom, label)
SELECT lpad((x * 60 + y)::text, 6, '0'), 'grid', 'unit', '第' || x * 60 + y || '网格', ST_Multi(ST_Segmentize(e, 0.0002)), ST_Centroid(e)
FROM generate_series(0, 40) AS x, generate_series(0, 59) AS y, ST_MakeEnvelope(110 + x * 0.002, 40.4 + y * 0.002, 110 + (x + 1) * 0.002, 40.4 + (y + 1) * 0.002, 4326) AS e
WHERE x * 60 + y < 2427;
INSERT INTO building (code, name, address, kind, floors, units, households, geom, footprint)
SELECT 'b' || n, '小区' || n % 500 || '号楼', '永新路' || n % 997 || '号', '住宅', 1 + n % 18, 1 + n % 4, 12 + n % 60, p, ST_Multi(ST_Expand(p, 0.00006))
FROM generate_series(0, 99999) AS n, ST_SetSRID(ST_MakePoint(110 + (n % 400) * 0.0002, 40.4 + (n / 400) * 0.00048), 4326) AS p;
ANALYZE`

// target is one line of what is to be reached: ours beside theirs, measured in turn, the median of the rounds.
type target struct {
	name, theirsName string
	ours, theirs     float64 // in unit, the less the better; theirs 0: there is none
	unit             string
	atLeast          float64 // times less than theirs; 0: no such target
	atMost           float64 // in unit; 0: no such target
}

func (t target) line() (line string, holds bool) {
	holds = (t.atLeast == 0 || t.theirs/t.ours >= t.atLeast) && (t.atMost == 0 || t.ours <= t.atMost)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }
	theirs, want, verdict := "", "", "reached"
	if t.theirs > 0 {
		theirs = fmt.Sprintf("%s %s, %.3g times as much", t.theirsName, number(t.theirs), t.theirs/t.ours)
	}
	if t.atLeast > 0 {
		want = fmt.Sprintf("%.3g times", t.atLeast)
	}
	if t.atMost > 0 {
		want = strings.TrimPrefix(want+" and at most "+number(t.atMost)+" "+t.unit, " and ")
	}
	if !holds {
		verdict = "MISSED"
	}
	return fmt.Sprintf("%-34s %9s %-12s %-44s %-30s %s\n", t.name, number(t.ours), t.unit, theirs, want, verdict), holds
}

// meter measures what this process and its backends of the database work.
type meter struct {
	b        testing.TB
	backends []string // their stat files
}

func newMeter(b testing.TB, pool *pgxpool.Pool) *meter {
	b.Helper()
	rows, err := pool.Query(b.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database()`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	m := &meter{b: b}
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			b.Fatal(err)
		}
		m.backends = append(m.backends, fmt.Sprintf("/proc/%d/stat", pid))
	}
	if m.worked() == 0 {
		b.Skip("the database runs elsewhere: its work cannot be measured from here")
	}
	return m
}

// worked is the time that was worked until now, in seconds.
func (m *meter) worked() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		m.b.Fatal(err)
	}
	sum := time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	for _, file := range m.backends {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, f := range fields[11:13] { // utime and stime, in hundredths
			ticks, err := strconv.Atoi(f)
			if err != nil {
				m.b.Fatal(err)
			}
			sum += float64(ticks) / 100
		}
	}
	return sum
}

// of is what f works, in seconds.
func (m *meter) of(f func()) float64 {
	before := m.worked()
	f()
	return m.worked() - before
}

// tileAt is a tile of a set.
type tileAt struct {
	set string
	at  maptile.Tile
}

// trace is where a 4K wall's map goes: views of 15 × 9 tiles from zoom 10 to 17, 2,881 tiles of which something is to be seen.
func trace(area orb.Bound) []tileAt {
	random := rand.New(rand.NewPCG(7, 7))
	seen := map[tileAt]bool{}
	var all []tileAt
	for z := maptile.Zoom(10); z <= 17; z++ {
		center := area.Center()
		for range 40 {
			c := maptile.At(center, z)
			for dx := -7; dx <= 7; dx++ {
				for dy := -4; dy <= 4; dy++ {
					at := maptile.New(uint32(int(c.X)+dx), uint32(int(c.Y)+dy), z)
					for _, set := range []string{"grids", "buildings"} {
						if a := (tileAt{set, at}); at.Bound().Intersects(area) && !seen[a] {
							seen[a] = true
							all = append(all, a)
						}
					}
				}
			}
			center = orb.Point{area.Min[0] + random.Float64()*(area.Max[0]-area.Min[0]), area.Min[1] + random.Float64()*(area.Max[1]-area.Min[1])}
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), 2881)]
}

// eachTile asks for every tile by eight at once.
func eachTile(all []tileAt, ask func(a tileAt)) {
	var next atomic.Int64
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return
				}
				ask(all[i])
			}
		})
	}
	asking.Wait()
}

func middleOf(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// BenchmarkTargets prints what the ground floor is to reach, ours beside what PostGIS does with the same database in the same
// run, in processor time: three rounds in turn, the median of each. Tiles are asked of the whole site with rights checked,
// but without sockets; PostGIS answers a pool of connections.
func BenchmarkTargets(b *testing.B) {
	h := openWith(b, suburb)
	config := h.pool.Config().Copy()
	config.MinConns, config.MaxConns = 8, 8
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	database, err := geo.OpenWithin(b.Context(), pool, geo.Budget{TileBytes: 1})
	if err != nil {
		b.Fatal(err)
	}
	memory, err := geo.Open(b.Context(), pool)
	if err != nil {
		b.Fatal(err)
	}
	var warm sync.WaitGroup
	for range 8 { // all connections, before they are counted
		warm.Go(func() { pool.Exec(b.Context(), `SELECT pg_sleep(0.2)`) })
	}
	warm.Wait()
	m := newMeter(b, pool)
	for b.Loop() {
	}
	targets := slices.Concat(tileTargets(b, h, m, database, memory), placeTargets(b, m, pool, memory), []target{coverageTarget(b, m, pool, memory.Grids())}, datumTargets(b, m))
	for _, t := range targets {
		line, holds := t.line()
		if fmt.Print(line); !holds {
			b.Errorf("missed: %s", t.name)
		}
	}
}

const rounds = 3

func tileTargets(b *testing.B, h *house, m *meter, database, memory *geo.Map) []target {
	area, _ := memory.Bounds()
	all := trace(area)
	works := map[string][]float64{}
	measure := func(name string, ask func(a tileAt)) {
		works[name] = append(works[name], m.of(func() { eachTile(all, ask) })/float64(len(all))*1e3)
	}
	var handler http.Handler
	var tags sync.Map
	bodies := atomic.Int64{}
	get := func(want int, tagged bool) func(a tileAt) {
		return func(a tileAt) {
			r := httptest.NewRequestWithContext(context.Background(), "GET", fmt.Sprintf("/tiles/%s/%d/%d/%d.mvt", a.set, a.at.Z, a.at.X, a.at.Y), nil)
			r.Header.Set("Authorization", "Bearer "+h.tokens[access.Operator])
			r.Header.Set("Accept-Encoding", "gzip")
			if tag, ok := tags.Load(a); ok && tagged {
				r.Header.Set("If-None-Match", tag.(string))
			}
			w := httptest.NewRecorder()
			if handler.ServeHTTP(w, r); w.Code != want {
				b.Errorf("%v: %d %s", a, w.Code, w.Body)
			}
			tags.Store(a, w.Header().Get("ETag"))
			bodies.Add(int64(w.Body.Len()))
		}
	}
	for range rounds {
		measure("ST_AsMVT", func(a tileAt) {
			if _, err := database.Tiles().Encode(context.Background(), a.set, a.at, tile.Desk); err != nil {
				b.Error(err)
			}
		})
		d, _ := serve(b, h.pool) // nothing kept
		handler = d.Handler()
		get(http.StatusOK, false)(all[0]) // the token is known
		measure("cold", get(http.StatusOK, false))
		measure("warm", get(http.StatusOK, false))
		measure("304", get(http.StatusNotModified, true))
	}
	fmt.Printf("\n%d tiles of %d cells and %d buildings, zoom 10 to 17, %.1f KiB each\n", len(all), len(memory.Grids().Cells()), len(memory.AllBuildings()), float64(bodies.Load())/float64(2*rounds*len(all))/1024)
	theirs := middleOf(works["ST_AsMVT"])
	return []target{
		{"tile, cold", "ST_AsMVT", middleOf(works["cold"]), theirs, "ms", 2.5, 0},
		{"tile, warm", "ST_AsMVT", middleOf(works["warm"]), theirs, "ms", 50, 0},
		{"tile, 304", "a 200, cold", middleOf(works["304"]), middleOf(works["cold"]), "ms", 3, 0},
		// Both are little more than the check of the rights: the 304 saves the bytes.
		{name: "tile, 304", theirsName: "a 200, warm", ours: middleOf(works["304"]), theirs: middleOf(works["warm"]), unit: "ms"},
	}
}

func placeTargets(b *testing.B, m *meter, pool *pgxpool.Pool, memory *geo.Map) []target {
	random := rand.New(rand.NewPCG(1, 1))
	area, _ := memory.Bounds()
	points := make([]orb.Point, 100_000)
	xs, ys, homes := make([]float64, len(points)), make([]float64, len(points)), make([]string, len(points))
	cells := memory.Grids().Cells()[:400]
	for i := range points {
		points[i] = orb.Point{area.Min[0] + random.Float64()*(area.Max[0]-area.Min[0]), area.Min[1] + random.Float64()*(area.Max[1]-area.Min[1])}
	}
	patrol := make([]orb.Point, len(points)) // about their cells: a third outside, half of those near the border
	for i := range patrol {
		c := cells[random.IntN(len(cells))]
		homes[i] = c.Code
		patrol[i] = orb.Point{c.Label[0] + (random.Float64()-.5)*0.0025, c.Label[1] + (random.Float64()-.5)*0.0025}
		xs[i], ys[i] = patrol[i][0], patrol[i][1]
	}
	const asked = 2000
	index := memory.Index()
	fences := grid.NewFences(index, grid.Fencing{SlackM: 30, Leave: 2 * time.Minute, Return: time.Minute})
	watches := make([]grid.Watch, 10_000)
	at := time.Now()
	works := map[string][]float64{}
	differ := 0
	for range rounds {
		works["locate"] = append(works["locate"], m.of(func() {
			for range 20 {
				for _, p := range points {
					index.Locate(p)
				}
			}
		})/float64(20*len(points))*1e6)
		works["grid_at"] = append(works["grid_at"], m.of(func() {
			for _, p := range points[:asked] {
				var code *string
				if err := pool.QueryRow(context.Background(), `SELECT grid_at(ST_SetSRID(ST_MakePoint($1, $2), 4326))`, p[0], p[1]).Scan(&code); err != nil {
					b.Fatal(err)
				}
				path, err := index.Locate(p)
				if (err == nil) != (code != nil) || err == nil && path.Cell().Code != *code {
					differ++
				}
			}
		})/asked*1e6)
		works["fences"] = append(works["fences"], m.of(func() {
			for range 20 {
				at = at.Add(time.Second)
				for i, p := range patrol {
					w := &watches[i%len(watches)]
					*w = fences.Step(*w, homes[i], p, at)
				}
			}
		})/float64(20*len(patrol))*1e6)
		works["ST_Covers"] = append(works["ST_Covers"], m.of(func() {
			var away int
			if err := pool.QueryRow(context.Background(), `
SELECT count(*) FROM unnest($1::text[], $2::float8[], $3::float8[]) AS u(home, x, y) JOIN grid AS g ON g.code = u.home, ST_SetSRID(ST_MakePoint(x, y), 4326) AS p
WHERE NOT ST_Covers(g.geom, p) AND ST_Distance(g.geom::geography, p::geography) > 30`, homes, xs, ys).Scan(&away); err != nil || away == 0 {
				b.Fatal(away, err)
			}
		})/float64(len(patrol))*1e6)
	}
	if differ > 0 {
		b.Errorf("%d of %d points lie elsewhere for PostGIS", differ, rounds*asked)
	}
	return []target{
		{"locate", "PostGIS, a query", middleOf(works["locate"]), middleOf(works["grid_at"]), "µs", 100, 0.5},
		{"fence, a position of 400 cells'", "PostGIS, all at once", middleOf(works["fences"]), middleOf(works["ST_Covers"]), "µs", 0, 1},
	}
}

func coverageTarget(b *testing.B, m *meter, pool *pgxpool.Pool, tree *grid.Tree) target {
	var ours, theirs []float64
	for range rounds {
		ours = append(ours, m.of(func() {
			if faults, err := grid.Check(tree, 0.01); err != nil || len(faults) > 0 {
				b.Error(len(faults), err)
			}
		}))
		theirs = append(theirs, m.of(func() {
			var overlaps, gaps int
			if err := pool.QueryRow(context.Background(), `
SELECT (SELECT count(*) FROM grid AS a JOIN grid AS b ON a.id < b.id AND a.geom && b.geom WHERE ST_Relate(a.geom, b.geom, '2********')),
       (SELECT COALESCE(sum(ST_NumInteriorRings(part.geom)), 0) FROM (SELECT ST_Union(geom) AS whole FROM grid) AS u, ST_Dump(whole) AS part)`).Scan(&overlaps, &gaps); err != nil || overlaps+gaps > 0 {
				b.Error(overlaps, gaps, err)
			}
		}))
	}
	return target{fmt.Sprintf("coverage of %d cells", len(tree.Cells())), "PostGIS, overlaps and gaps", middleOf(ours), middleOf(theirs), "s", 0, 2}
}

// datumTargets hold that what is moved comes back, and beside it the single step that most libraries take.
func datumTargets(b *testing.B, m *meter) []target {
	random := rand.New(rand.NewPCG(2, 2))
	points := make([]orb.Point, 100_000)
	for i := range points {
		points[i] = orb.Point{73.5 + random.Float64()*61, 18 + random.Float64()*35}
	}
	var all []target
	for _, d := range []crs.Datum{crs.GCJ02, crs.BD09} {
		worst, oneStep := 0.0, 0.0
		took := m.of(func() {
			for _, p := range points {
				moved := d.FromWGS84(p)
				back := d.ToWGS84(moved)
				worst = max(worst, math.Abs(back[0]-p[0]), math.Abs(back[1]-p[1]))
			}
		}) / float64(len(points)) * 1e6
		for _, p := range points {
			moved := d.FromWGS84(p)
			again := d.FromWGS84(moved)
			oneStep = max(oneStep, math.Abs(2*moved[0]-again[0]-p[0]), math.Abs(2*moved[1]-again[1]-p[1]))
		}
		all = append(all, target{string(d) + " there and back, error", "one step", worst, oneStep, "°", 0, 1e-9},
			target{name: string(d) + " there and back", ours: took, unit: "µs"})
	}
	return all
}
