package importer_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"gridwall/geo/crs"
	"gridwall/geo/importer"
)

// read opens text and reads it to the end.
func read(text string, o importer.Options) (rows []*importer.Record, refusals []string, err error) {
	if o.Datum == "" {
		o.Datum = crs.WGS84
	}
	r, err := importer.NewReader("file", strings.NewReader(text), int64(len(text)), o)
	if err != nil {
		return nil, nil, err
	}
	for {
		rec, err := r.Next()
		var refusal *importer.Refusal
		switch {
		case err == io.EOF:
			return rows, refusals, nil
		case errors.As(err, &refusal):
			refusals = append(refusals, refusal.Error())
		case err != nil:
			return rows, refusals, err
		default:
			rows = append(rows, rec)
		}
	}
}

const twoPoints = `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"code":"A1","name":"永来城","floors":5},"geometry":{"type":"Point","coordinates":[110.01,40.4]}},
{"type":"Feature","properties":{"code":"A2","name":null},"geometry":{"type":"Point","coordinates":[110.02,40.4,1050.5]}}
]}`

func TestReadsGeoJSON(t *testing.T) {
	rows, refusals, err := read(twoPoints, importer.Options{})
	if err != nil || len(refusals) > 0 || len(rows) != 2 {
		t.Fatal(rows, refusals, err)
	}
	if r := rows[0]; r.Line != 2 || r.Text("code") != "A1" || r.Text("name") != "永来城" || r.Geometry != (orb.Point{110.01, 40.4}) {
		t.Errorf("%+v", r)
	}
	if n, ok, err := rows[0].Int("floors"); n != 5 || !ok || err != nil {
		t.Error(n, ok, err)
	}
	if r := rows[1]; r.Line != 3 || r.Text("name") != "" || r.Geometry != (orb.Point{110.02, 40.4}) {
		t.Errorf("%+v", r)
	}
}

func TestReadsCSV(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"plain", "code,name,lon,lat\nA1,永来城,110.01,40.4\n"},
		{"with a byte order mark", "\xEF\xBB\xBFcode,name,lon,lat\r\nA1,永来城,110.01,40.4\r\n"},
		{"Chinese headers", "编码,名称,经度,纬度\nA1,永来城,110.01,40.4\n"},
		{"semicolons", "code;name;lon;lat\nA1;永来城;110.01;40.4\n"},
		{"tabs", "code\tname\tlon\tlat\nA1\t永来城\t110.01\t40.4\n"},
		{"WKT", "code,name,wkt\nA1,永来城,POINT (110.01 40.4)\n"},
		{"no line end at the end", "code,name,lng,latitude\nA1,永来城,110.01,40.4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rows, refusals, err := read(tc.text, importer.Options{})
			if err != nil || len(refusals) > 0 || len(rows) != 1 {
				t.Fatal(rows, refusals, err)
			}
			if r := rows[0]; r.Line != 2 || r.Text("code") != "A1" || r.Text("name") != "永来城" || r.Geometry != (orb.Point{110.01, 40.4}) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestAFieldIsFoundByMappingValueOrHeader(t *testing.T) {
	text := "smd,anc,code,lon,lat\nx,y,z,110,40\n"
	rows, _, err := read(text, importer.Options{Columns: map[string]string{"code": "SMD", "parent": "anc"}, Values: map[string]string{"kind": "road"}, Aliases: map[string][]string{"bearing": {"anc"}}})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{rows[0].Text("code"), rows[0].Text("parent"), rows[0].Text("kind"), rows[0].Text("bearing"), rows[0].Text("name")}
	if diff := cmp.Diff([]string{"x", "y", "road", "y", ""}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheDatumIsConvertedAtTheEdge(t *testing.T) {
	for _, d := range []crs.Datum{crs.WGS84, crs.CGCS2000, crs.GCJ02, crs.BD09} {
		truth := orb.Point{110.01, 40.4}
		p := d.FromWGS84(truth)
		line := fmt.Sprintf("name,wkt\na,\"LINESTRING (%.12f %.12f, %.12f %.12f)\"\n", p[0], p[1], p[0], p[1])
		rows, refusals, err := read(line, importer.Options{Datum: d})
		if err != nil || len(rows) != 1 {
			t.Fatal(refusals, err)
		}
		for _, got := range rows[0].Geometry.(orb.LineString) {
			if math.Hypot(got[0]-truth[0], got[1]-truth[1]) > 1e-9 {
				t.Errorf("%s: %v, want %v", d, got, truth)
			}
		}
	}
	if _, err := importer.NewReader("file", strings.NewReader(twoPoints), 0, importer.Options{}); !errors.Is(err, crs.ErrNoDatum) || !strings.Contains(err.Error(), "--datum=wgs84|cgcs2000|gcj02|bd09") {
		t.Errorf("without a datum: %v", err)
	}
}

func TestAFileThatCannotBeReadSaysWhereAndWhy(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "file: the file is empty"},
		{"NUL", "code,lon,lat\na,1,2\nb\x00,1,2\n", "file:3: a NUL byte"},
		{"GB18030", "code,lon,lat\n\xd3\xc0\xc0\xb4,1,2\n", "file:2: not UTF-8"},
		{"cut off in a sign", "code,lon,lat\na,1,2\n\xe6\xb0", "file:3: not UTF-8"},
		{"UTF-16", "\xff\xfec\x00o\x00", "file:1: not UTF-8"},
		{"no position", "code,name\na,b\n", "file:1: the header has no position: it needs lon and lat, or wkt; it has code, name"},
		{"a column twice", "code,lon,lat,CODE\na,1,2,b\n", "file:1: column CODE stands twice"},
		{"a stray quote", "code,lon,lat\na,1,2\n\"b\"c,1,2\n", "file:3: broken CSV at column"},
		{"a bare geometry", `{"type":"Point","coordinates":[1,2]}`, `file:1: GeoJSON of type "Point": a FeatureCollection is needed`},
		{"an array", "[\n1]", "file:1: not a GeoJSON object"},
		{"broken JSON", "{\"type\":\"FeatureCollection\",\"features\":[\n{\"type\":\"Feature\"},\n{oops}\n]}", "file:3: broken JSON"},
		{"cut off", "{\"type\":\"FeatureCollection\",\"features\":[\n{\"type\":\"Feature\"},\n", "file:3: the file is cut off"},
		{"no features", `{"type":"FeatureCollection"}`, "file:1: no features"},
		{"metres", `{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3857"}},"features":[]}`, "the file says its coordinates are urn:ogc:def:crs:EPSG::3857"},
		{"something after it", `{"type":"FeatureCollection","features":[]} x`, "something follows"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := read(tc.text, importer.Options{})
			var file *importer.FileError
			if !errors.As(err, &file) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v\nwant %s", err, tc.want)
			}
		})
	}
	t.Run("a mapped column that is not there", func(t *testing.T) {
		_, _, err := read(twoPoints, importer.Options{Columns: map[string]string{"code": "smd"}})
		if err == nil || err.Error() != "file:2: no column smd (for code); the file has code, name, floors" {
			t.Error(err)
		}
	})
	t.Run("a field that is not there", func(t *testing.T) {
		if _, _, err := read(twoPoints, importer.Options{Columns: map[string]string{"colour": "code"}}); err == nil || !strings.Contains(err.Error(), "there is no field colour; there are address, class, code") {
			t.Error(err)
		}
	})
	t.Run("a quote left open does not take the whole disk", func(t *testing.T) {
		endless := io.MultiReader(strings.NewReader("code,lon,lat\n\"a"), repeat("b\n"))
		r, err := importer.NewReader("file", endless, 0, importer.Options{Datum: crs.WGS84})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = r.Next(); err == nil || !strings.Contains(err.Error(), "more than 32 MiB") {
			t.Error(err)
		}
	})
}

// repeat is a reader without end.
type repeat string

func (s repeat) Read(p []byte) (int, error) {
	n := 0
	for n+len(s) <= len(p) {
		n += copy(p[n:], s)
	}
	return n, nil
}

func TestABadRowIsRefusedWithItsLineAndTheRestIsRead(t *testing.T) {
	feature := func(geometry string) string {
		return "{\"type\":\"FeatureCollection\",\"features\":[\n\n{\"type\":\"Feature\",\"properties\":{\"code\":\"A1\"},\n\"geometry\":" + geometry +
			"},\n{\"type\":\"Feature\",\"properties\":{\"code\":\"A2\"},\"geometry\":{\"type\":\"Point\",\"coordinates\":[110,40]}}]}"
	}
	for _, tc := range []struct{ name, text, want string }{
		{"latitude first", feature(`{"type":"Point","coordinates":[40.4,110.01]}`), "line 3 A1: coordinates out of range: lon 40.4, lat 110.01 (is it lat, lon? longitude comes first)"},
		{"metres", feature(`{"type":"Point","coordinates":[12345678,4900000]}`), "line 3 A1: coordinates out of range: 1.2345678e+07, 4.9e+06 (are they projected metres? lon, lat in degrees is needed)"},
		{"no geometry", feature(`null`), "line 3 A1: no geometry"},
		{"half a position", feature(`{"type":"Point","coordinates":[110]}`), "line 3 A1: coordinates do not fit a Point"},
		{"wrong depth", feature(`{"type":"Polygon","coordinates":[[110,40],[111,41]]}`), "line 3 A1: coordinates do not fit a Polygon"},
		{"an unknown type", feature(`{"type":"Circle","coordinates":[110,40]}`), `line 3 A1: geometry of type "Circle"; there are LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon`},
		{"an open ring", feature(`{"type":"Polygon","coordinates":[[[110,40],[111,40],[111,41],[110,41]]]}`), "line 3 A1: a polygon's ring is not closed: it begins at [110 40] and ends at [110 41]"},
		{"a ring of three", feature(`{"type":"Polygon","coordinates":[[[110,40],[111,40],[110,40]]]}`), "line 3 A1: a polygon's ring needs 4 points, it has 3"},
		{"an empty polygon", feature(`{"type":"Polygon","coordinates":[]}`), "line 3 A1: the geometry is empty"},
		{"a line of one point", feature(`{"type":"LineString","coordinates":[[110,40]]}`), "line 3 A1: a line needs 2 points, it has 1"},
		{"no feature", "{\"type\":\"FeatureCollection\",\"features\":[\n7,{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[110,40]}}]}", "line 2: not a GeoJSON Feature"},
		{"too few columns", "code,lon,lat\nA1,110\nA2,110,40\n", "line 2 A1: 2 columns, the header has 3"},
		{"an empty position", "code,lon,lat\nA1,110,\nA2,110,40\n", "line 2 A1: lat is empty"},
		{"no number", "code,lon,lat\n\"A\n1\",x,40\nA2,110,40\n", "line 2 A\n1: lon should be a number, it is \"x\""},
		{"not finite", "code,lon,lat\nA1,NaN,40\nA2,110,40\n", "line 2 A1: lon should be a number, it is \"NaN\""},
		{"unreadable WKT", "code,wkt\nA1,POINT 1\nA2,POINT (110 40)\n", "line 2 A1: unreadable WKT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rows, refusals, err := read(tc.text, importer.Options{})
			if err != nil || len(rows) != 1 {
				t.Fatal(rows, err)
			}
			if diff := cmp.Diff([]string{tc.want}, refusals); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheReportInWords(t *testing.T) {
	r, err := importer.NewReader("grids.geojson", strings.NewReader(twoPoints), 0, importer.Options{Datum: crs.GCJ02})
	if err != nil {
		t.Fatal(err)
	}
	report := importer.NewReport(r)
	for i := range importer.MaxRefusals + 2 {
		report.Refuse(importer.MaxRefusals+2-i, "A1", importer.Text{Zh: "没有名称", En: "no name"})
	}
	report.Read = 200
	if err := report.Verdict(); !errors.Is(err, importer.ErrRefused) || report.Refusals[0].Line != 3 {
		t.Errorf("%v, first line %d", err, report.Refusals[0].Line)
	}
	en, zh := report.In("en"), report.In("zh-CN")
	for _, want := range []string{"grids.geojson (datum gcj02): read 200, written 0, refused 102\n  ✗ line 3 A1: no name\n", "… and 2 more rows refused", "Nothing was written"} {
		if !strings.Contains(en, want) {
			t.Errorf("no %q in\n%s", want, en)
		}
	}
	for _, want := range []string{"读取 200 行, 写入 0 行, 拒绝 102 行\n  ✗ 第 3 行 A1: 没有名称\n", "另有 2 行被拒绝", "未写入任何数据"} {
		if !strings.Contains(zh, want) {
			t.Errorf("no %q in\n%s", want, zh)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(twoPoints)
	f.Add("code,name,lon,lat\nA1,永来城,110.01,40.4\n")
	f.Add("code;wkt\nA1;POLYGON ((110 40, 111 40, 111 41, 110 40))\n")
	f.Add("wkt\nPOLYGON EMPTY\nMULTIPOLYGON (((1 1,2 2,3 1,1 1)))\nGEOMETRYCOLLECTION (POINT (1 1))\n")
	f.Add("{\"type\":\"FeatureCollection\",\"features\":[\n{\"type\":\"Feature\",\"properties\":{\"a\":[1,{\"b\":null}]},\"geometry\":{\"type\":\"MultiPolygon\",\"coordinates\":[[[[1,1],[2,1],[2,2],[1,1]]]]}}]}")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		rows, _, err := read(text, importer.Options{Datum: crs.BD09})
		var file *importer.FileError
		if errors.As(err, &file) && file.Line > lines {
			t.Errorf("an error in line %d of %d", file.Line, lines)
		}
		last := 0
		for _, r := range rows {
			if r.Line < last || r.Line < 1 || r.Line > lines {
				t.Errorf("row in line %d after line %d, of %d", r.Line, last, lines)
			}
			last = r.Line
			if b := r.Geometry.Bound(); !(b.Min[0] > -181 && b.Max[0] < 181 && b.Min[1] > -91 && b.Max[1] < 91) {
				t.Errorf("row in line %d lies at %v", r.Line, b)
			}
			if strings.ContainsRune(r.Text("name"), 0) {
				t.Error("a NUL came through")
			}
		}
	})
}
