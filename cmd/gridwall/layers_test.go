package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/maptile"

	"gridwall/dashboard/access"
	"gridwall/dashboard/layers"
	"gridwall/geo/crs"
	"gridwall/geo/geotest"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
	"gridwall/migrations/dbtest"
)

// townTest is a server with the demo town, two cameras of which one is secret, and a case; and a client for each role.
func townTest(t *testing.T) (*server, func(access.Role) *client) {
	t.Helper()
	s := startTest(t)
	if err := importTown(t.Context(), s, geotest.New(1), func(string) {}); err != nil {
		t.Fatal(err)
	}
	if err := importText(t, s.pool, "cameras", "id,name,url,bearing,angle,range_m,secret,lon,lat\nC1,=甲,rtsp://10.0.0.1/1,90,60,80,0,110.005,40.41\nC2,乙,rtsp://10.0.0.2/1,,,,1,110.006,40.41\n", false); err != nil {
		t.Fatal(err)
	}
	for _, role := range []access.Role{access.Admin, access.Officer, access.Integrator} {
		if err := s.dash.Access.SaveAccount(t.Context(), access.Account{Username: string(role), Name: string(role), Role: role}); err != nil {
			t.Fatal(err)
		}
	}
	as := func(role access.Role) *client {
		token, err := s.dash.Access.NewToken(t.Context(), string(role), "test")
		if err != nil {
			t.Fatal(err)
		}
		return withToken(s.url, token)
	}
	c := as(access.Admin)
	awaitCells(t, c, 33)
	if err := c.do(t.Context(), "POST", "/api/v1/cases", map[string]any{"title": "井盖破损", "location": map[string]float64{"lon": 110.005, "lat": 40.41}}, nil); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // until the server has followed the imports
		var answer struct{ Cameras []struct{ ID string } }
		if err := c.do(t.Context(), "GET", "/api/v1/cameras", nil, &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Cameras) == 2 && len(features(t, c, "/ogc/collections/buildings/items?limit=1")) == 1 {
			return s, as
		}
	}
	t.Fatal("the server does not show the cameras")
	return nil, nil
}

type item struct {
	ID         string
	Properties map[string]any
	Geometry   struct {
		Type        string
		Coordinates json.RawMessage
	}
}

func features(t *testing.T, c *client, path string) []item {
	t.Helper()
	var answer struct{ Features []item }
	if err := c.do(t.Context(), "GET", path, nil, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Features
}

// rowsOf are a layer's rows without what the database numbers by itself.
func rowsOf(t *testing.T, pool *pgxpool.Pool, kind string) []string {
	t.Helper()
	sql := map[string]string{
		"grids":     `SELECT (code, parent, level, kind, name, households, ST_AsBinary(geom))::text FROM grid ORDER BY code`,
		"buildings": `SELECT (code, name, address, kind, floors, units, households, grid, ST_AsBinary(COALESCE(footprint, geom)))::text FROM building ORDER BY 1`,
		"cameras":   `SELECT (id, name, grid, bearing_deg, angle_deg, range_m, secret, ST_AsBinary(geom))::text FROM camera ORDER BY id`,
	}[kind]
	rows, err := pool.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(all) == 0 {
		t.Fatal(kind, len(all), err)
	}
	return all
}

func TestWhatIsExportedIsImportedAgainAsItWas(t *testing.T) {
	s, _ := townTest(t)
	for _, format := range layers.Formats {
		t.Run(format, func(t *testing.T) {
			again := dbtest.Open(t)
			dir := t.TempDir()
			for _, step := range []struct {
				kind  string
				level grid.Level
			}{{"grids", grid.Street}, {"grids", grid.Community}, {"grids", grid.Lattice}, {"buildings", ""}, {"cameras", ""}} {
				file := filepath.Join(dir, step.kind+"."+format)
				if _, err := exportTo(t.Context(), s.pool, step.kind, file, layers.Query{Level: step.level}, format, crs.WGS84); err != nil {
					t.Fatal(err)
				}
				f, err := os.Open(file)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				info, err := f.Stat()
				if err != nil {
					t.Fatal(err)
				}
				options := importOptions{reader: importer.Options{Datum: crs.WGS84}, grid: grid.Options{Level: step.level}}
				if step.kind == "buildings" {
					options.reader.Columns = map[string]string{"code": "code"} // and not the id
				}
				report, err := importInto(t.Context(), again, source{kind: step.kind, name: info.Name(), size: info.Size(), Reader: f}, options)
				if err != nil {
					t.Fatalf("%s: %v %s", step.kind, err, report.In("en"))
				}
			}
			for _, kind := range []string{"grids", "buildings", "cameras"} {
				want := rowsOf(t, s.pool, kind)
				if kind == "cameras" && format == "csv" { // a spreadsheet would run it
					want[0] = strings.Replace(want[0], "=甲", "'=甲", 1)
				}
				if diff := cmp.Diff(want, rowsOf(t, again, kind)); diff != "" {
					t.Errorf("%s: %s", kind, diff[:min(len(diff), 2000)])
				}
			}
		})
	}
	t.Run("a list without addresses leaves those that are there, and secret cameras secret", func(t *testing.T) {
		if err := importText(t, s.pool, "cameras", "id,name,lon,lat\nC2,丙,110.006,40.41\n", false); err != nil {
			t.Fatal(err)
		}
		var url, name string
		var secret bool
		if err := s.pool.QueryRow(t.Context(), `SELECT name, url, secret FROM camera WHERE id = 'C2'`).Scan(&name, &url, &secret); err != nil {
			t.Fatal(err)
		}
		if name != "丙" || url != "rtsp://10.0.0.2/1" || !secret {
			t.Errorf("%s %s secret %v", name, url, secret)
		}
	})
}

func TestExportsFollowTheRights(t *testing.T) {
	s, as := townTest(t)
	get := func(c *client, path string) (int, string, http.Header) {
		answer, err := c.send(t.Context(), "GET", path, nil)
		if err != nil {
			return 0, err.Error(), nil
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(b), answer.Header
	}
	admin, officer, integrator := as(access.Admin), as(access.Officer), as(access.Integrator)
	code, text, header := get(admin, "/api/v1/export/cameras.csv")
	if code != 200 || !strings.Contains(text, "C2,乙") || !strings.Contains(text, "C1,'=甲") || strings.Contains(text, "rtsp") || !strings.Contains(header.Get("Content-Disposition"), "cameras-") {
		t.Errorf("%d %s", code, text)
	}
	if _, text, _ := get(officer, "/api/v1/export/cameras.csv"); strings.Contains(text, "C2") || !strings.Contains(text, "C1") {
		t.Errorf("an officer sees a secret camera: %s", text)
	}
	if code, text, _ := get(integrator, "/api/v1/export/cases.csv"); code != 0 || !strings.Contains(text, "404 not_found") {
		t.Errorf("an integrator reads cases: %d %s", code, text)
	}
	if _, text, _ := get(admin, "/api/v1/export/cases.geojson"); !strings.Contains(text, `"title":"井盖破损"`) {
		t.Error(text)
	}
	if _, text, _ := get(admin, "/api/v1/export/grids.gpkg?datum=gcj02"); !strings.Contains(text, "400 format_refused") {
		t.Error(text)
	}
	if _, text, _ := get(admin, "/api/v1/export/grids.dwg"); !strings.Contains(text, "400 format_refused") {
		t.Error(text)
	}
	_, plain, _ := get(admin, "/api/v1/export/cameras.geojson")
	_, shifted, _ := get(admin, "/api/v1/export/cameras.geojson?datum=gcj02")
	p := crs.GCJ02.FromWGS84([2]float64{110.005, 40.41})
	if !strings.Contains(plain, "[110.005,40.41]") || !strings.Contains(shifted, fmt.Sprintf("[%v,%v]", p[0], p[1])) {
		t.Errorf("not in GCJ-02: %s", shifted)
	}
	_ = s
}

func TestGDALReadsEveryCollection(t *testing.T) {
	if _, err := exec.LookPath("ogrinfo"); err != nil {
		const why = "ogrinfo is not installed (apt-get install gdal-bin)"
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	s, as := townTest(t)
	c := as(access.Admin)
	gdal := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "GDAL_HTTP_HEADERS=Authorization: "+c.header.Get("Authorization"), "no_proxy=127.0.0.1")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "ERROR") {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	list := gdal("ogrinfo", "-ro", "OAPIF:"+s.url+"/ogc")
	for _, name := range []string{"grids", "buildings", "cameras", "cases"} {
		if !strings.Contains(list, name) {
			t.Errorf("no %s in %s", name, list)
		}
	}
	for name, table := range map[string]string{"grids": "grid", "buildings": "building", "cameras": "camera", "cases": "case_file"} {
		var want int
		if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&want); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), name+".geojson")
		gdal("ogr2ogr", "-f", "GeoJSON", out, "OAPIF:"+s.url+"/ogc", name, "-oo", "PAGE_SIZE=100")
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Features []item }
		if err := json.Unmarshal(b, &got); err != nil || len(got.Features) != want {
			t.Errorf("%s: GDAL read %d features over pages of 100, the table has %d (%v)", name, len(got.Features), want, err)
		}
	}
	var want int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM building WHERE COALESCE(footprint, geom) && ST_MakeEnvelope(110.004, 40.408, 110.008, 40.412, 4326)`).Scan(&want); err != nil {
		t.Fatal(err)
	}
	out := gdal("ogrinfo", "-ro", "-so", "-spat", "110.004", "40.408", "110.008", "40.412", "OAPIF:"+s.url+"/ogc", "buildings")
	if want == 0 || !strings.Contains(out, fmt.Sprintf("Feature Count: %d\n", want)) {
		t.Errorf("want %d buildings in the box\n%s", want, out)
	}
	t.Run("in other systems, by time, one item", func(t *testing.T) {
		const epsg = "http://www.opengis.net/def/crs/EPSG/0/"
		for system, want := range map[string]string{"": "[110.005,40.41]", "&crs=" + epsg + "4326": "[40.41,110.005]", "&crs=" + epsg + "3857": "[12245700"} {
			if got := features(t, c, "/ogc/collections/cameras/items?limit=1"+system); !strings.HasPrefix(string(got[0].Geometry.Coordinates), want) {
				t.Errorf("%s: %s, want %s", system, got[0].Geometry.Coordinates, want)
			}
		}
		if n := len(features(t, c, "/ogc/collections/cameras/items?bbox=40.4,110.0055,40.42,110.007&bbox-crs="+epsg+"4326")); n != 1 {
			t.Errorf("%d cameras in the box in lat, lon", n)
		}
		if n := len(features(t, c, "/ogc/collections/cases/items?datetime=2000-01-01T00:00:00Z/2001-01-01T00:00:00Z")); n != 0 {
			t.Errorf("%d cases of the year 2000", n)
		}
		if n := len(features(t, c, "/ogc/collections/cases/items?datetime=2000-01-01T00:00:00Z/..")); n != 1 {
			t.Errorf("%d cases since", n)
		}
		var one item
		if err := c.do(t.Context(), "GET", "/ogc/collections/cameras/items/C1", nil, &one); err != nil || one.ID != "C1" || one.Properties["bearing"] != 90.0 {
			t.Errorf("%+v %v", one, err)
		}
		for _, bad := range []string{"bbox=1,2,3", "crs=x", "colour=red", "limit=0", "datetime=yesterday"} {
			if err := c.do(t.Context(), "GET", "/ogc/collections/cases/items?"+bad, nil, nil); err == nil || !strings.Contains(err.Error(), "400") {
				t.Errorf("%s: %v", bad, err)
			}
		}
	})
}

// Each feature of a tile as GDAL's MVT driver reads it over HTTP's bytes, with where the database has it: the bound of what
// of it lies in the tile and its margin, in metres of EPSG:3857.
var tileRows = map[string]string{
	"grids": `
SELECT id, jsonb_strip_nulls(jsonb_build_object('code', code, 'name', name, 'level', level, 'kind', kind, 'parent', parent)), ST_XMin(part), ST_YMin(part), ST_XMax(part), ST_YMax(part)
FROM grid, LATERAL (SELECT ST_Intersection(ST_Transform(geom, 3857), ST_TileEnvelope($1, $2, $3, margin => 1.0/64)) AS part) AS p
WHERE NOT ST_IsEmpty(part)`,
	"buildings": `
SELECT id, jsonb_strip_nulls(jsonb_build_object('id', id, 'name', NULLIF(name, ''), 'address', NULLIF(address, ''), 'kind', NULLIF(kind, ''), 'floors', floors, 'households', households)), ST_XMin(part), ST_YMin(part), ST_XMax(part), ST_YMax(part)
FROM building, LATERAL (SELECT ST_Intersection(ST_Transform(COALESCE(footprint, geom), 3857), ST_TileEnvelope($1, $2, $3, margin => 1.0/64)) AS part) AS p
WHERE NOT ST_IsEmpty(part)`,
}

func TestGDALReadsTilesAsTheDatabaseHasThem(t *testing.T) {
	if _, err := exec.LookPath("ogr2ogr"); err != nil {
		const why = "ogr2ogr is not installed (apt-get install gdal-bin)"
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	s, as := townTest(t)
	c := as(access.Admin)
	compared, cut := 0, 0
	for set, sql := range tileRows {
		for z := maptile.Zoom(14); z <= 17; z++ {
			at := maptile.At([2]float64{110.005, 40.41}, z)
			answer, err := c.send(t.Context(), "GET", fmt.Sprintf("/tiles/%s/%d/%d/%d.mvt", set, at.Z, at.X, at.Y), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), fmt.Sprint(at.Z), fmt.Sprint(at.X)) // the driver reads the address from the path
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			file, out := filepath.Join(dir, fmt.Sprintf("%d.mvt", at.Y)), filepath.Join(dir, "out.geojson")
			if err := os.WriteFile(file, body, 0o600); err != nil {
				t.Fatal(err)
			}
			if said, err := exec.CommandContext(t.Context(), "ogr2ogr", "-f", "GeoJSON", out, "MVT:"+file, set, "-oo", "CLIP=NO").CombinedOutput(); err != nil || strings.Contains(string(said), "ERROR") {
				t.Fatalf("%s %v: %v\n%s", set, at, err, said)
			}
			text, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			var read struct {
				Features []struct {
					Properties map[string]any
					Geometry   geojson.Geometry
				}
			}
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			unit := 2 * math.Pi * 6378137 / math.Exp2(float64(at.Z)) / 4096 // metres
			corner := orb.Point{float64(at.X)*4096*unit - math.Pi*6378137, math.Pi*6378137 - float64(at.Y+1)*4096*unit}
			window := orb.Bound{Min: corner, Max: orb.Point{corner[0] + 4096*unit, corner[1] + 4096*unit}}.Pad(62 * unit)
			found := map[uint64]orb.Bound{}
			has := map[uint64]map[string]any{}
			for _, f := range read.Features {
				id := uint64(f.Properties["mvt_id"].(float64))
				delete(f.Properties, "mvt_id")
				found[id], has[id] = f.Geometry.Geometry().Bound(), f.Properties
			}
			rows, err := s.pool.Query(t.Context(), sql, int(at.Z), int(at.X), int(at.Y))
			if err != nil {
				t.Fatal(err)
			}
			var id uint64
			var want map[string]any
			var b orb.Bound
			there := map[uint64]bool{}
			if _, err := pgx.ForEachRow(rows, []any{&id, &want, &b.Min[0], &b.Min[1], &b.Max[0], &b.Max[1]}, func() error {
				there[id] = true
				got, ok := found[id]
				if !ok {
					if b.Max[0]-b.Min[0] > 2*unit && b.Max[1]-b.Min[1] > 2*unit { // less may be rounded away
						t.Errorf("%s %v: %d is missing: %v", set, at, id, want)
					}
					return nil
				}
				compared++
				if diff := cmp.Diff(want, has[id]); diff != "" {
					t.Errorf("%s %v: %d: %s", set, at, id, diff)
				}
				slack := 2 * unit
				if !window.Contains(b.Min) || !window.Contains(b.Max) { // an edge that leaves at a flat angle does so elsewhere in the margin
					slack, cut = 64*unit, cut+1
				}
				for i := range 2 {
					if math.Abs(got.Min[i]-b.Min[i]) > slack || math.Abs(got.Max[i]-b.Max[i]) > slack {
						t.Errorf("%s %v: %d lies in %v, want %v within %.2f m", set, at, id, got, b, slack)
						break
					}
				}
				want = nil
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			for id := range found {
				if !there[id] {
					t.Errorf("%s %v: %d is not there", set, at, id)
				}
			}
		}
	}
	if t.Logf("%d features are the database's, %d of them cut by the tile's edge", compared, cut); compared-cut < 500 {
		t.Errorf("only %d features compared", compared-cut)
	}
}
