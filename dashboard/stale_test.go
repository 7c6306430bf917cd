package dashboard_test

import (
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/maptile"

	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
	"gridwall/geo"
	"gridwall/geo/geotest"
	"gridwall/geo/tile"
)

var staleEdits = flag.Int("edits", 100, "random edits of TestNoTileIsStale; from 10,000 on it also demands that every one is seen within a second")

// A town of 8 × 8 cells of 0.005°, 1,500 buildings, 200 streets, 80 cameras.
const (
	side   = 8
	cellW  = 0.005
	west   = 110.0
	south  = 40.4
	meadow = `
INSERT INTO grid (code, level, name, geom, label)
SELECT 'g' || x || '-' || y, 'grid', 'e0', ST_Multi(e), ST_Centroid(e)
FROM generate_series(0, 7) AS x, generate_series(0, 7) AS y, ST_MakeEnvelope(110 + x * 0.005, 40.4 + y * 0.005, 110 + (x + 1) * 0.005, 40.4 + (y + 1) * 0.005, 4326) AS e;
INSERT INTO building (name, address, kind, floors, geom, footprint)
SELECT 'e0', '路' || n % 40, '住宅', 1 + n % 9, p, ST_Multi(ST_Expand(p, 0.0001))
FROM generate_series(1, 1500) AS n, ST_SetSRID(ST_MakePoint(110 + random() * 0.04 + 0 * n, 40.4 + random() * 0.04), 4326) AS p;
INSERT INTO backdrop (kind, class, name, geom)
SELECT 'road', 'arterial', 'e0', ST_MakeLine(p, ST_Translate(p, random() * 0.004, random() * 0.004))
FROM generate_series(1, 200) AS n, ST_SetSRID(ST_MakePoint(110 + random() * 0.04 + 0 * n, 40.4 + random() * 0.04), 4326) AS p;
INSERT INTO camera (id, name, geom, secret)
SELECT 'C' || n, 'e0', ST_SetSRID(ST_MakePoint(110 + random() * 0.04 + 0 * n, 40.4 + random() * 0.04), 4326), n % 5 = 0
FROM generate_series(1, 80) AS n`
)

// ST_AsMVT of the cameras; the other sets' is geo's own way to ask the database.
const camerasAsMVT = `
SELECT COALESCE(ST_AsMVT(q, 'cameras', 4096, 'geom', 'n'), '') FROM (
    SELECT n, name, ptz, state, secret, ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
    FROM camera WHERE geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 1.0/64), 4326)) AS q`

// change is one committed edit: what of which layer, where it was and is, and the stamp in its name.
type change struct {
	set, layer string
	id         uint64
	stamp      int
	places     []orb.Point
	gone       bool
	at         time.Time
}

// editor makes random edits as the house does: the change and its event in one transaction.
type editor struct {
	pool  *pgxpool.Pool
	rand  *rand.Rand
	stamp int
	bends [side + 1][side]float64 // how far the middle of each upright border is pushed east
}

func (e *editor) anywhere() orb.Point {
	return orb.Point{west + e.rand.Float64()*side*cellW, south + e.rand.Float64()*side*cellW}
}

func (e *editor) edit(ctx context.Context) (made []change, err error) {
	e.stamp++
	name := fmt.Sprintf("e%d", e.stamp)
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		draft := live.Draft{Type: "building.changed", At: time.Now()}
		to := e.anywhere()
		// one runs a statement that returns the feature's id and where it was.
		one := func(set, layer, sql string, args ...any) (*change, error) {
			c := change{set: set, layer: layer, stamp: e.stamp}
			var lon, lat *float64
			if err := tx.QueryRow(ctx, sql, args...).Scan(&c.id, &lon, &lat); err != nil {
				return nil, err
			}
			if lon != nil {
				c.places = append(c.places, orb.Point{*lon, *lat})
			}
			made = append(made, c)
			return &made[len(made)-1], nil
		}
		const anyBuilding = `(SELECT id, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM building OFFSET floor($1 * (SELECT count(*) FROM building)) LIMIT 1)`
		pick := e.rand.Float64()
		switch n := e.rand.IntN(10); {
		case n < 3:
			c, err := one("buildings", "buildings", `
UPDATE building AS b SET name = $2, geom = p, footprint = ST_Multi(ST_Expand(p, 0.0001 + 0.0003 * $1))
FROM `+anyBuilding+` AS was, ST_SetSRID(ST_MakePoint($3, $4), 4326) AS p WHERE b.id = was.id RETURNING b.id, was.lon, was.lat`, pick, name, to[0], to[1])
			if err != nil {
				return err
			}
			c.places = append(c.places, to)
		case n < 4:
			if _, err := one("buildings", "buildings", `UPDATE building AS b SET name = $2 FROM `+anyBuilding+` AS was WHERE b.id = was.id RETURNING b.id, was.lon, was.lat`, pick, name); err != nil {
				return err
			}
		case n < 5:
			c, err := one("buildings", "buildings", `INSERT INTO building (name, geom, footprint) SELECT $1, p, ST_Multi(ST_Expand(p, 0.0002)) FROM ST_SetSRID(ST_MakePoint($2, $3), 4326) AS p RETURNING id, $2::float8, $3::float8`, name, to[0], to[1])
			if err != nil {
				return err
			}
			c.gone = false
		case n < 6:
			c, err := one("buildings", "buildings", `DELETE FROM building AS b USING `+anyBuilding+` AS was WHERE b.id = was.id RETURNING b.id, was.lon, was.lat`, pick)
			if err != nil {
				return err
			}
			c.gone = true
		case n < 8: // the border between two cells
			draft.Type = "grid.changed"
			x, y := 1+e.rand.IntN(side-1), e.rand.IntN(side)
			e.bends[x][y] = (e.rand.Float64() - .5) * cellW * .6
			for _, column := range []int{x - 1, x} {
				if _, err := one("grids", "grids", `UPDATE grid SET name = $2, geom = ST_Multi(ST_GeomFromText($3, 4326)) WHERE code = $1 RETURNING id, ST_X(label), ST_Y(label)`,
					fmt.Sprintf("g%d-%d", column, y), name, e.cell(column, y)); err != nil {
					return err
				}
			}
		case n < 9:
			draft.Type = "backdrop.changed"
			c, err := one("backdrop", "road", `
UPDATE backdrop AS b SET name = $2, geom = ST_MakeLine(p, ST_Translate(p, 0.003 * $1, 0.002))
FROM (SELECT id, ST_X(ST_StartPoint(geom)) AS lon, ST_Y(ST_StartPoint(geom)) AS lat FROM backdrop OFFSET floor($1 * 200) LIMIT 1) AS was, ST_SetSRID(ST_MakePoint($3, $4), 4326) AS p
WHERE b.id = was.id RETURNING b.id, was.lon, was.lat`, pick, name, to[0], to[1])
			if err != nil {
				return err
			}
			c.places = append(c.places, to)
		default:
			draft.Type = "camera.changed"
			c, err := one("cameras", "cameras", `
UPDATE camera AS c SET name = $2, geom = ST_SetSRID(ST_MakePoint($3, $4), 4326), secret = $1 < 0.3
FROM (SELECT n, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM camera OFFSET floor($1 * 80) LIMIT 1) AS was
WHERE c.n = was.n RETURNING c.n, was.lon, was.lat`, pick, name, to[0], to[1])
			if err != nil {
				return err
			}
			c.places = append(c.places, to)
		}
		features, err := geo.Changed(ctx, tx)
		if err != nil {
			return err
		}
		draft.Data = features.Event()
		_, err = live.Append(ctx, tx, draft)
		return err
	})
	for i := range made {
		made[i].at = time.Now()
	}
	return made, err
}

// cell is the outline of a cell with its bent borders.
func (e *editor) cell(x, y int) string {
	w, s := west+float64(x)*cellW, south+float64(y)*cellW
	east, north, middle := w+cellW, s+cellW, s+cellW/2
	return fmt.Sprintf("POLYGON((%.9f %.9f, %.9f %.9f, %.9f %.9f, %.9f %.9f, %.9f %.9f, %.9f %.9f, %.9f %.9f))",
		w, s, east, s, east+e.bends[x+1][y], middle, east, north, w, north, w+e.bends[x][y], middle, w, s)
}

// fetchTile reads a tile from a node over HTTP: gzip, and the tag it was given last.
func fetchTile(ctx context.Context, url, token, set string, at maptile.Tile, etag string) (body []byte, tag string, err error) {
	req, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s/tiles/%s/%d/%d/%d.mvt", url, set, at.Z, at.X, at.Y), nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept-Encoding", "gzip")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	tag = answer.Header.Get("ETag")
	if answer.StatusCode == http.StatusNotModified {
		return nil, tag, nil
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Encoding") != "gzip" {
		return nil, "", fmt.Errorf("%s: %s, %q", req.URL, answer.Status, answer.Header.Get("Content-Encoding"))
	}
	plain, err := gzip.NewReader(answer.Body)
	if err != nil {
		return nil, "", err
	}
	body, err = io.ReadAll(plain)
	return body, tag, err
}

// Random edits on one database, two nodes that serve it, readers that fill their caches all the while. One second after
// each commit no node may show what was before, and when the edits rest every touched tile has the features of ST_AsMVT.
func TestNoTileIsStale(t *testing.T) {
	h := openWith(t, meadow)
	nodes := []string{h.url}
	_, second := serve(t, h.pool)
	nodes = append(nodes, second)
	token := h.tokens[access.Admin]
	strict := *staleEdits >= 10_000
	const pause = 5 * time.Millisecond

	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var reads, unchanged atomic.Int64
	for r := range 3 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(r), 1))
			tags := map[string]string{}
			for ctx.Err() == nil {
				set := []string{"grids", "buildings", "backdrop", "cameras"}[random.IntN(4)]
				p := orb.Point{west + random.Float64()*side*cellW, south + random.Float64()*side*cellW}
				at, node := maptile.At(p, maptile.Zoom(10+random.IntN(8))), nodes[random.IntN(2)]
				key := fmt.Sprint(node, set, at)
				body, tag, err := fetchTile(ctx, node, token, set, at, tags[key])
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				if tags[key] = tag; body == nil {
					unchanged.Add(1)
				}
				reads.Add(1)
				time.Sleep(pause) // readers and edits leave a small machine room for the nodes
			}
		})
	}
	defer group.Wait()
	defer cancel()

	var mu sync.Mutex
	newest := map[string]change{} // of each feature
	key := func(c change) string { return fmt.Sprint(c.layer, c.id) }
	var late, seen atomic.Int64
	var slowest atomic.Int64

	// shows says what is wrong with how a node shows a change, by the stamps; later edits of the same feature count too.
	shows := func(node string, c change) (string, error) {
		for i, p := range c.places {
			body, _, err := fetchTile(ctx, node, token, c.set, maptile.At(p, 16), "")
			if err != nil {
				return "", err
			}
			found, err := geotest.ByID(body)
			if err != nil {
				return "", err
			}
			f := found[fmt.Sprintf("%s %d", c.layer, c.id)]
			if f == nil {
				mu.Lock()
				last := newest[key(c)]
				mu.Unlock()
				if last.stamp == c.stamp && !c.gone && i == len(c.places)-1 {
					return "is missing", nil
				}
				continue
			}
			var stamp int
			name, _ := f.Properties["name"].(string)
			if fmt.Sscanf(name, "e%d", &stamp); stamp < c.stamp || c.gone {
				return fmt.Sprintf("is still %q", name), nil
			}
		}
		return "", nil
	}
	check := func(c change) {
		for _, node := range nodes {
			wait := c.at.Add(time.Second)
			timer := time.NewTimer(time.Until(wait))
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
			for first := true; ; first = false {
				wrong, err := shows(node, c)
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				if wrong == "" {
					seen.Add(1)
					break
				}
				passed := time.Since(c.at)
				if first {
					late.Add(1)
					if strict {
						t.Errorf("%s %d, edit %d: %s %v after its commit", c.layer, c.id, c.stamp, wrong, passed)
					}
				}
				slowest.Store(max(slowest.Load(), int64(passed)))
				if passed > time.Minute {
					t.Errorf("%s %d, edit %d: %s for a minute", c.layer, c.id, c.stamp, wrong)
					return
				}
				time.Sleep(50 * time.Millisecond) // a poll, not a wait: the minute above is the limit
			}
		}
	}

	database, err := geo.OpenWithin(ctx, h.pool, geo.Budget{TileBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{pool: h.pool, rand: rand.New(rand.NewPCG(5, 5))}
	compared := 0
	began := time.Now()
	const round = 50
	for e.stamp < *staleEdits {
		var checks sync.WaitGroup
		touched := map[string][]orb.Point{}
		for range round {
			time.Sleep(pause)
			made, err := e.edit(ctx)
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			for _, c := range made {
				newest[key(c)] = c
				touched[c.set] = append(touched[c.set], c.places...)
			}
			mu.Unlock()
			for _, c := range made {
				checks.Go(func() { check(c) })
			}
		}
		checks.Wait() // the edits rest
		for set, places := range touched {
			tiles := map[maptile.Tile]bool{}
			for _, p := range places {
				tiles[maptile.At(p, maptile.Zoom(14+e.rand.IntN(4)))] = true
				if set != "buildings" { // from afar those are thinned, each in its own way
					tiles[maptile.At(p, maptile.Zoom(10+e.rand.IntN(4)))] = true
				}
			}
			for at := range tiles {
				want := asMVT(t, h.pool, database, set, at)
				unit := 1.0
				if at.Z < 14 {
					unit = 4
				}
				for n, node := range nodes {
					body, _, err := fetchTile(ctx, node, token, set, at, "")
					if err != nil {
						t.Fatal(err)
					}
					got, err := geotest.ByID(body)
					if err != nil {
						t.Fatal(err)
					}
					compared += len(want)
					for _, what := range geotest.Differences(got, want, unit) {
						t.Errorf("node %d, %s %v, after edit %d: %s", n, set, at, e.stamp, what)
					}
				}
			}
		}
		if t.Failed() && late.Load() > 100 {
			break
		}
	}
	t.Logf("%d edits in %v, %d tile reads beside them (%d answered 304), %d changes seen on 2 nodes, %d of them only after more than a second (the slowest after %v), %d features compared with ST_AsMVT",
		e.stamp, time.Since(began).Round(time.Second), reads.Load(), unchanged.Load(), seen.Load(), late.Load(), time.Duration(slowest.Load()).Round(time.Millisecond), compared)
	if reads.Load() == 0 || compared < 10*e.stamp {
		t.Errorf("too little was read (%d) or compared (%d)", reads.Load(), compared)
	}
}

// asMVT is what ST_AsMVT makes of a tile now.
func asMVT(t *testing.T, pool *pgxpool.Pool, database *geo.Map, set string, at maptile.Tile) map[string]*geojson.Feature {
	t.Helper()
	var body []byte
	var err error
	if set == "cameras" {
		err = pool.QueryRow(t.Context(), camerasAsMVT, int(at.Z), int(at.X), int(at.Y)).Scan(&body)
	} else {
		var made *tile.Tile
		if made, err = database.Tiles().Encode(t.Context(), set, at, tile.Desk); err == nil {
			body = made.Plain()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	found, err := geotest.ByID(body)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAWallNeverGetsWhatIsNotForIt(t *testing.T) {
	h := open(t)
	if _, err := h.pool.Exec(t.Context(), `INSERT INTO building (name, address, households, geom) VALUES ('一号楼', '试验路1号', 40, ST_SetSRID(ST_MakePoint(110.005, 40.405), 4326))`); err != nil {
		t.Fatal(err)
	}
	_, h.url = serve(t, h.pool) // a node that has read it
	allowed := map[string][]string{
		"grids": {"code", "kind", "level", "name", "parent"}, "buildings": {"address", "floors", "id", "kind", "name"},
		"cameras": {"angle", "bearing", "grid", "id", "name", "ptz", "range", "state"}, "backdrop": {"class", "kind", "name"},
	}
	for _, tc := range []struct {
		role    access.Role
		cameras int
		more    map[string][]string
	}{
		{access.Wall, 1, nil},
		{access.Officer, 1, nil},
		{access.Operator, 2, map[string][]string{"cameras": {"purpose", "secret"}, "buildings": {"households"}}},
	} {
		for set, fields := range allowed {
			fields = slices.Sorted(slices.Values(append(slices.Clone(fields), tc.more[set]...)))
			var doc struct {
				VectorLayers []struct{ Fields map[string]string } `json:"vector_layers"`
			}
			h.must(tc.role, "GET", "/tiles/"+set+".json", nil, &doc)
			for _, l := range doc.VectorLayers {
				for name := range l.Fields {
					if !slices.Contains(fields, name) {
						t.Errorf("%s: the TileJSON of %s tells of %q", tc.role, set, name)
					}
				}
			}
			body, _, err := fetchTile(t.Context(), h.url, h.tokens[tc.role], set, maptile.At(orb.Point{110.005, 40.405}, 15), "")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"purpose", "secret", "households", "url", "phone", "reporter"} {
				if !slices.Contains(fields, name) && slices.Contains(tagsOf(t, body), name) {
					t.Errorf("%s: a tile of %s has the key %q", tc.role, set, name)
				}
			}
			found, err := geotest.ByID(body)
			if err != nil {
				t.Fatal(err)
			}
			for id, f := range found {
				for name := range f.Properties {
					if !slices.Contains(fields, name) {
						t.Errorf("%s: %s tells its %s", tc.role, id, name)
					}
				}
			}
			if set == "cameras" && len(found) != tc.cameras {
				t.Errorf("%s: %d cameras, want %d", tc.role, len(found), tc.cameras)
			}
		}
	}
}

// tagsOf are the keys that the layers of a tile name, used or not.
func tagsOf(t *testing.T, body []byte) (keys []string) {
	t.Helper()
	read := func(b []byte) (field uint64, content, rest []byte) {
		uvarint := func() (n uint64) {
			for shift := uint(0); ; shift += 7 {
				c := b[0]
				b = b[1:]
				if n |= uint64(c&0x7f) << shift; c < 0x80 {
					return n
				}
			}
		}
		head := uvarint()
		switch head & 7 {
		case 0:
			uvarint()
		case 2:
			n := uvarint()
			content, b = b[:n], b[n:]
		}
		return head >> 3, content, b
	}
	for len(body) > 0 {
		var layer []byte
		_, layer, body = read(body)
		for len(layer) > 0 {
			var field uint64
			var content []byte
			if field, content, layer = read(layer); field == 3 {
				keys = append(keys, string(content))
			}
		}
	}
	return keys
}
