package gpkg_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"gridwall/geo/gpkg"
)

var columns = []gpkg.Column{{Name: "code", Type: "TEXT"}, {Name: "floors", Type: "INTEGER"}, {Name: "area_m2", Type: "REAL"}, {Name: "open", Type: "BOOLEAN"}}

type feature struct {
	geometry orb.Geometry
	row      []any
}

// many features: enough for three levels of pages, some over many pages.
func many(n int) []feature {
	all := make([]feature, n)
	for i := range all {
		var g orb.Geometry = orb.Point{110 + float64(i)*1e-5, 40}
		switch {
		case i%1000 == 7:
			ring := orb.Ring{}
			for k := range 2000 {
				ring = append(ring, orb.Point{float64(k) / 100, float64(i) / 1000})
			}
			g = orb.MultiPolygon{{append(ring, ring[0])}}
		case i%11 == 3:
			g = nil
		}
		all[i] = feature{g, []any{fmt.Sprintf("永来%d号", i), int64(i - 5), float64(i) / 3, int64(i % 2)}}
	}
	return all
}

func write(t testing.TB, path string, all []feature) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := gpkg.Create(f, "grids", columns, time.Unix(0, 0))
	for i, x := range all {
		if err := w.Add(int64(i+1), x.geometry, x.row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, in io.ReaderAt, size int64) []feature {
	t.Helper()
	f, err := gpkg.Open(in, size)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Layers) != 1 {
		t.Fatalf("layers %+v", f.Layers)
	}
	rows, err := f.Rows(f.Layers[0])
	if err != nil {
		t.Fatal(err)
	}
	var all []feature
	for {
		g, row, err := rows.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(row) > 4 {
			row = row[1:] // fid
		}
		all = append(all, feature{g, row})
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	for _, n := range []int{0, 1, 100, 70_000} {
		path := filepath.Join(t.TempDir(), "out.gpkg")
		want := many(n)
		write(t, path, want)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, bytes.NewReader(b), int64(len(b)))
		if len(got) != n {
			t.Fatalf("%d features, want %d", len(got), n)
		}
		for i := range want {
			if diff := cmp.Diff(want[i].row, got[i].row); diff != "" || !same(want[i].geometry, got[i].geometry) {
				t.Fatalf("feature %d: %s", i, diff)
			}
		}
	}
}

func same(a, b orb.Geometry) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return orb.Equal(a, b)
}

// tool runs a program of GDAL or SQLite; without it the test is skipped, and fails in CI.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		why := name + " is not installed (apt-get install gdal-bin)"
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestGDALReadsWhatIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.gpkg")
	write(t, path, many(5000))
	out := tool(t, "ogrinfo", "-ro", "-so", path, "grids")
	for _, want := range []string{"Feature Count: 5000", "code: String", "floors: Integer", "area_m2: Real", "open: Integer(Boolean)", `ID["EPSG",4326]`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "Warning") || strings.Contains(out, "ERROR") {
		t.Error(out)
	}
	var answer struct {
		Features []struct {
			Properties struct{ Code string }
			Geometry   *struct{ Type string }
		}
	}
	if err := json.Unmarshal([]byte(tool(t, "ogr2ogr", "-f", "GeoJSON", "/vsistdout/", path)), &answer); err != nil {
		t.Fatal(err)
	}
	if n := len(answer.Features); n != 5000 || answer.Features[7].Geometry.Type != "MultiPolygon" || answer.Features[4999].Properties.Code != "永来4999号" {
		t.Errorf("%d features, %+v", n, answer.Features[7])
	}
}

func TestAFileThatGDALWroteIsRead(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.geojson")
	text := `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"code":"A1","name":"永来城","floors":5},"geometry":{"type":"Point","coordinates":[110.01,40.4,1050]}},
{"type":"Feature","properties":{"code":"A2"},"geometry":null}]}`
	if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.gpkg")
	tool(t, "ogr2ogr", "-f", "GPKG", out, in, "-nln", "网格")
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gpkg.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(f.Layers) != 1 || f.Layers[0].Name != "网格" || f.Layers[0].SRS != "EPSG:4979" {
		t.Fatal(f, err)
	}
	got := read(t, bytes.NewReader(b), int64(len(b)))
	want := []feature{{orb.Point{110.01, 40.4}, []any{"A1", "永来城", int64(5)}}, {nil, []any{"A2", nil, nil}}}
	for i := range want {
		row := got[i].row
		if len(row) == 4 {
			row = row[1:]
		}
		if diff := cmp.Diff(want[i].row, row); diff != "" || !same(want[i].geometry, got[i].geometry) {
			t.Errorf("feature %d: %v %s", i, got[i].geometry, diff)
		}
	}
}

func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "out.gpkg")
	write(f, path, many(40))
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := gpkg.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, l := range file.Layers {
			rows, err := file.Rows(l)
			for n := 0; err == nil; n++ {
				if n > len(b) {
					t.Fatal("more rows than bytes")
				}
				if _, _, err = rows.Next(); err != nil && err != io.EOF && strings.Contains(err.Error(), "geometry") {
					err = nil
				}
			}
		}
	})
}
