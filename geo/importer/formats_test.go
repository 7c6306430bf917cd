package importer_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"gridwall/geo/crs"
	"gridwall/geo/importer"
)

// ogr2ogr makes files as other programs write them.
func ogr2ogr(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("ogr2ogr"); err != nil {
		const why = "ogr2ogr is not installed (apt-get install gdal-bin)"
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	if out, err := exec.CommandContext(t.Context(), "ogr2ogr", args...).CombinedOutput(); err != nil {
		t.Fatalf("ogr2ogr %v: %v\n%s", args, err, out)
	}
}

// zipped packs files of a folder whose names match.
func zipped(t testing.TB, glob string, without ...string) string {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	names, err := filepath.Glob(glob)
	if err != nil || len(names) == 0 {
		t.Fatal("nothing to zip", err)
	}
next:
	for _, name := range names {
		for _, end := range without {
			if strings.HasSuffix(name, end) {
				continue next
			}
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create("数据/" + filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// cells: one with a hole, one of two parts.
const cells = `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"code":"150621","name":"永利網格"},"geometry":{"type":"Polygon","coordinates":[[[110,40],[111,40],[111,41],[110,41],[110,40]],[[110.2,40.2],[110.2,40.4],[110.4,40.4],[110.4,40.2],[110.2,40.2]]]}},
{"type":"Feature","properties":{"code":"150622","name":"濱河"},"geometry":{"type":"MultiPolygon","coordinates":[[[[112,40],[113,40],[113,41],[112,40]]],[[[114,40],[115,40],[115,41],[114,40]]]]}}]}`

func source(t *testing.T) (dir, in string) {
	t.Helper()
	dir = t.TempDir()
	in = filepath.Join(dir, "in.geojson")
	if err := os.WriteFile(in, []byte(cells), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, in
}

// checkCells compares with the rows of cells, whatever the order of the rings' points.
func checkCells(t *testing.T, text string, o importer.Options) {
	t.Helper()
	rows, refusals, err := read(text, o)
	if err != nil || len(refusals) > 0 || len(rows) != 2 {
		t.Fatal(len(rows), refusals, err)
	}
	for i, want := range []struct {
		code, name string
		polygons   int
		rings      int
	}{{"150621", "永利網格", 1, 2}, {"150622", "濱河", 2, 2}} {
		r := rows[i]
		polygons, rings := 0, 0
		switch g := r.Geometry.(type) {
		case orb.Polygon:
			polygons, rings = 1, len(g)
		case orb.MultiPolygon:
			for _, p := range g {
				polygons, rings = polygons+1, rings+len(p)
			}
		}
		if r.Text("code") != want.code || r.Text("name") != want.name || polygons != want.polygons || rings != want.rings {
			t.Errorf("row %d: %s %s, %d polygons of %d rings; want %+v", i+1, r.Text("code"), r.Text("name"), polygons, rings, want)
		}
	}
}

func TestReadsShapefilesInTheEncodingsOfChina(t *testing.T) {
	for _, encoding := range []string{"UTF-8", "GBK", "GB18030", "BIG5"} {
		t.Run(encoding, func(t *testing.T) {
			dir, in := source(t)
			ogr2ogr(t, "-f", "ESRI Shapefile", filepath.Join(dir, "网格.shp"), in, "-lco", "ENCODING="+encoding)
			checkCells(t, zipped(t, dir+"/网格.*"), importer.Options{})
		})
	}
	t.Run("named by a person where the file says nothing", func(t *testing.T) {
		dir, in := source(t)
		ogr2ogr(t, "-f", "ESRI Shapefile", filepath.Join(dir, "a.shp"), in, "-lco", "ENCODING=CP936")
		dbf, err := os.ReadFile(dir + "/a.dbf")
		if err != nil {
			t.Fatal(err)
		}
		dbf[29] = 0
		if err := os.WriteFile(dir+"/a.dbf", dbf, 0o600); err != nil {
			t.Fatal(err)
		}
		text := zipped(t, dir+"/a.*", ".cpg")
		_, refusals, err := read(text, importer.Options{})
		if err != nil || len(refusals) != 2 || !strings.Contains(refusals[0], "add --encoding=gbk or --encoding=big5") {
			t.Error(refusals, err)
		}
		checkCells(t, text, importer.Options{Encoding: "gbk"})
	})
	t.Run("by the byte in the dbf", func(t *testing.T) {
		for _, c := range []struct {
			encoding string
			id       byte
		}{{"CP936", 0x4D}, {"BIG5", 0x78}} {
			dir, in := source(t)
			ogr2ogr(t, "-f", "ESRI Shapefile", filepath.Join(dir, "a.shp"), in, "-lco", "ENCODING="+c.encoding)
			dbf, err := os.ReadFile(dir + "/a.dbf")
			if err != nil {
				t.Fatal(err)
			}
			dbf[29] = c.id
			if err := os.WriteFile(dir+"/a.dbf", dbf, 0o600); err != nil {
				t.Fatal(err)
			}
			checkCells(t, zipped(t, dir+"/a.*", ".cpg"), importer.Options{})
		}
	})
	t.Run("projected coordinates are refused by name", func(t *testing.T) {
		dir, in := source(t)
		ogr2ogr(t, "-f", "ESRI Shapefile", filepath.Join(dir, "a.shp"), in, "-t_srs", "EPSG:4546")
		_, _, err := read(zipped(t, dir+"/a.*"), importer.Options{})
		if err == nil || !strings.Contains(err.Error(), "projected, CGCS2000") || !strings.Contains(err.Error(), "ogr2ogr -t_srs EPSG:4326") {
			t.Error(err)
		}
	})
	t.Run("an old datum is refused by name", func(t *testing.T) {
		dir, in := source(t)
		ogr2ogr(t, "-f", "ESRI Shapefile", filepath.Join(dir, "a.shp"), in, "-a_srs", "EPSG:4214")
		_, _, err := read(zipped(t, dir+"/a.*"), importer.Options{})
		if err == nil || !strings.Contains(err.Error(), "Beijing_1954") {
			t.Error(err)
		}
	})
	t.Run("CGCS2000 is taken", func(t *testing.T) {
		dir, in := source(t)
		ogr2ogr(t, "-f", "ESRI Shapefile", filepath.Join(dir, "a.shp"), in, "-a_srs", "EPSG:4490", "-lco", "ENCODING=UTF-8")
		checkCells(t, zipped(t, dir+"/a.*"), importer.Options{Datum: crs.CGCS2000})
	})
	t.Run("cut off", func(t *testing.T) {
		dir, in := source(t)
		ogr2ogr(t, "-f", "ESRI Shapefile", filepath.Join(dir, "a.shp"), in)
		shp, err := os.ReadFile(dir + "/a.shp")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/a.shp", shp[:len(shp)-20], 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err = read(zipped(t, dir+"/a.*"), importer.Options{})
		var file *importer.FileError
		if !errors.As(err, &file) || !strings.Contains(err.Error(), "file:2: the .shp is cut off") {
			t.Error(err)
		}
	})
}

func TestReadsGeoPackageAndKML(t *testing.T) {
	dir, in := source(t)
	ogr2ogr(t, "-f", "GPKG", dir+"/a.gpkg", in)
	ogr2ogr(t, "-f", "LIBKML", dir+"/a.kml", in)
	ogr2ogr(t, "-f", "LIBKML", dir+"/a.kmz", in)
	ogr2ogr(t, "-f", "GeoJSONSeq", dir+"/a.geojsons", in)
	ogr2ogr(t, "-f", "GeoJSONSeq", "-lco", "RS=YES", dir+"/rs.geojsons", in)
	for _, name := range []string{"a.gpkg", "a.kml", "a.kmz", "a.geojsons", "rs.geojsons"} {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			checkCells(t, string(b), importer.Options{})
		})
	}
	t.Run("of several layers one is chosen", func(t *testing.T) {
		ogr2ogr(t, "-update", dir+"/a.gpkg", in, "-nln", "第二层")
		b, err := os.ReadFile(dir + "/a.gpkg")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(string(b), importer.Options{}); err == nil || !strings.HasSuffix(err.Error(), "choose one with --layer: in, 第二层") {
			t.Error(err)
		}
		if _, _, err := read(string(b), importer.Options{Layer: "x"}); err == nil || !strings.Contains(err.Error(), "there is no layer x; the file has in, 第二层") {
			t.Error(err)
		}
		checkCells(t, string(b), importer.Options{Layer: "第二层"})
	})
	t.Run("a projected layer is refused by name", func(t *testing.T) {
		ogr2ogr(t, "-f", "GPKG", dir+"/p.gpkg", in, "-t_srs", "EPSG:3857")
		b, err := os.ReadFile(dir + "/p.gpkg")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(string(b), importer.Options{}); err == nil || !strings.Contains(err.Error(), "coordinates in EPSG:3857") {
			t.Error(err)
		}
	})
}

func TestKMLFaultsNameTheLine(t *testing.T) {
	text := "<?xml version=\"1.0\"?>\n<kml xmlns=\"http://www.opengis.net/kml/2.2\"><Document>\n<Placemark><name>a</name>\n<Point><coordinates>110,x</coordinates></Point></Placemark>\n<Placemark><name>b</name><Point><coordinates>110.5,40,12</coordinates></Point></Placemark>\n</Document></kml>"
	rows, refusals, err := read(text, importer.Options{})
	if err != nil || len(rows) != 1 || rows[0].Geometry != (orb.Point{110.5, 40}) || rows[0].Text("name") != "b" {
		t.Fatal(rows, err)
	}
	if diff := cmp.Diff([]string{"line 3 a: a position is two numbers: 110,x"}, refusals); diff != "" {
		t.Error(diff)
	}
	if _, _, err := read(text[:len(text)-30], importer.Options{}); err == nil || !strings.Contains(err.Error(), "file:6: broken XML") && !strings.Contains(err.Error(), "file:5: broken XML") {
		t.Error(err)
	}
}

// workbook makes an Excel file of rows.
func workbook(t testing.TB, sheets map[string][][]any) string {
	t.Helper()
	f := excelize.NewFile()
	for name, rows := range sheets {
		if _, err := f.NewSheet(name); err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			if err := f.SetSheetRow(name, fmt.Sprintf("A%d", i+1), &row); err != nil {
				t.Fatal(err)
			}
			for k, v := range row {
				if raw, ok := v.(json.Number); ok { // as Excel writes a long number
					cell, err := excelize.CoordinatesToCellName(k+1, i+1)
					if err == nil {
						err = f.SetCellDefault(name, cell, string(raw))
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	if err := f.DeleteSheet("Sheet1"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestReadsExcel(t *testing.T) {
	text := workbook(t, map[string][][]any{"楼栋": {
		{"楼栋编码", "名称", "层数", "经度", "纬度"},
		{150621001001003, "永来城", 5, 110.0123456789, 40.4},
		{},
		{"B2", "濱河", "", 110.02, ""},
		{json.Number("1.5062100100100312E+18"), "x", "", 110.02, 40},
	}})
	rows, refusals, err := read(text, importer.Options{})
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	if r := rows[0]; r.Line != 2 || r.Text("code") != "150621001001003" || r.Text("floors") != "5" || r.Geometry != (orb.Point{110.0123456789, 40.4}) {
		t.Errorf("%+v", r)
	}
	want := []string{"line 4 B2: lat is empty", "line 5 1.5062100100100312E+18: 1.5062100100100312E+18 has more than 15 digits, Excel has rounded it: make the column text and enter the value again"}
	if diff := cmp.Diff(want, refusals); diff != "" {
		t.Error(diff)
	}
	if _, _, err := read(workbook(t, map[string][][]any{"a": {{"编码", "名称"}, {"1", "b"}}}), importer.Options{}); err == nil || !strings.Contains(err.Error(), "file:1: the header has no position") {
		t.Error(err)
	}
	if _, _, err := read(text, importer.Options{Layer: "人口"}); err == nil || !strings.Contains(err.Error(), "there is no layer 人口; the file has 楼栋") {
		t.Error(err)
	}
}

func TestReadsCSVInTheEncodingNamed(t *testing.T) {
	utf8 := "编码,名称,经度,纬度\nA1,永來城,110.01,40.4\n"
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(utf8)
	if err != nil {
		t.Fatal(err)
	}
	big5, err := traditionalchinese.Big5.NewEncoder().String("代碼,名稱,lon,lat\nA1,永來城,110.01,40.4\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		o    importer.Options
	}{{gbk, importer.Options{Encoding: "GBK"}}, {big5, importer.Options{Encoding: "big5", Columns: map[string]string{"code": "代碼", "name": "名稱"}}}} {
		rows, refusals, err := read(c.text, c.o)
		if err != nil || len(refusals) > 0 || len(rows) != 1 || rows[0].Text("name") != "永來城" {
			t.Error(rows, refusals, err)
		}
	}
	if _, _, err := read(utf8, importer.Options{Encoding: "ebcdic"}); err == nil || !strings.Contains(err.Error(), importer.Encodings) {
		t.Error(err)
	}
}

func TestReadsTheRealBig5File(t *testing.T) {
	dir := os.Getenv("GRIDWALL_TEST_DATA")
	if dir == "" {
		dir = "../../../../shared/data"
	}
	f, err := os.Open(filepath.Join(dir, "cn", "tainan_dengue_2015_big5.csv"))
	if err != nil {
		t.Skip("GRIDWALL_TEST_DATA names no folder with the real geodata (cn/…)")
	}
	defer f.Close()
	head := make([]byte, 200)
	if _, err := f.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(head), "\n")
	header, err := traditionalchinese.Big5.NewDecoder().String(line)
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string]string{}
	for _, name := range strings.Split(strings.TrimSpace(header), ",") {
		name = strings.Trim(name, `"`)
		switch {
		case strings.Contains(name, "經度"):
			columns["lon"] = name
		case strings.Contains(name, "緯度"):
			columns["lat"] = name
		case strings.Contains(name, "路"):
			columns["address"] = name
		}
	}
	r, err := importer.NewReader("tainan.csv", f, 0, importer.Options{Datum: crs.WGS84, Encoding: "big5", Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	n, refused := 0, 0
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		}
		var refusal *importer.Refusal
		if errors.As(err, &refusal) {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if !(orb.Bound{Min: orb.Point{120, 22.8}, Max: orb.Point{120.7, 23.5}}).Contains(rec.Geometry.(orb.Point)) {
			t.Errorf("line %d lies at %v", rec.Line, rec.Geometry)
		}
		n++
	}
	if n != 1941 || refused != 36 {
		t.Errorf("%d rows and %d refused, want 1,941 and 36 without a place", n, refused)
	}
}

func TestHostileContainersAreRefusedInBoundedMemory(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"an old workbook", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "save it as .xlsx"},
		{"a lone shp", "\x00\x00\x27\x0a" + strings.Repeat("\x00", 96), "zip it together"},
		{"a broken zip", "PK\x03\x04 and nothing", "unreadable zip"},
		{"a broken database", "SQLite format 3\x00 and nothing", "unreadable GeoPackage"},
		{"a zip of nothing", zipOf(t, "readme.txt", "x"), "nothing in the zip can be imported"},
		{"a zip of a thousand million entries", hugeDirectory(zipOf(t, "readme.txt", "x")), "its directory has 2147483647 bytes"},
	} {
		if _, _, err := read(tc.text, importer.Options{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// hugeDirectory has a zip say that its directory takes 2 GiB.
func hugeDirectory(zipped string) string {
	b := []byte(zipped)
	end := bytes.LastIndex(b, []byte("PK\x05\x06"))
	binary.LittleEndian.PutUint32(b[end+12:], 1<<31-1)
	return string(b)
}

func zipOf(t testing.TB, name, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheReportShowsTheShiftAndWhereFaultsLie(t *testing.T) {
	text := "code,lon,lat\nA1,116.404,39.915\nA2,116.5,x\n"
	r, err := importer.NewReader("a.csv", strings.NewReader(text), 0, importer.Options{Datum: crs.GCJ02})
	if err != nil {
		t.Fatal(err)
	}
	report := importer.NewReport(r)
	rows := r.Rows(report, nil, func(rec *importer.Record) ([]any, error) {
		return nil, &importer.Refusal{Line: rec.Line, Key: "A1", Reason: importer.Text{Zh: "不要", En: "not wanted"}}
	})
	if rows.Next() {
		t.Fatal("a refused row came through")
	}
	if !errors.Is(report.Verdict(), importer.ErrRefused) || report.Shift.MaxM < 500 || report.Shift.MaxM > 600 {
		t.Errorf("shift %+v", report.Shift)
	}
	if en := report.In("en"); !strings.Contains(en, "moved to WGS-84 by 55") || !strings.Contains(en, "116.404000, 39.915000 → 116.39") {
		t.Error(en)
	}
	var faults struct {
		Features []struct {
			Properties struct{ En string }
			Geometry   struct{ Coordinates [2]float64 }
		}
	}
	if err := json.Unmarshal(report.Faults(), &faults); err != nil || len(faults.Features) != 1 || faults.Features[0].Geometry.Coordinates[0] > 116.4 {
		t.Errorf("%s %v", report.Faults(), err)
	}
}

func FuzzContainers(f *testing.F) {
	f.Add([]byte(zipOf(f, "doc.kml", "<kml><Placemark><name>a</name><Polygon><outerBoundaryIs><LinearRing><coordinates>1,1 2,1 2,2 1,1</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></kml>")))
	f.Add([]byte("<kml><Placemark><MultiGeometry><Point><coordinates>1,1</coordinates></Point></MultiGeometry></Placemark></kml>"))
	f.Add([]byte("\x1e{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,1]}}\n"))
	f.Add([]byte(workbook(f, map[string][][]any{"a": {{"code", "lon", "lat"}, {"x", 1, 2}}})))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, _, _ := read(string(b), importer.Options{Datum: crs.GCJ02})
		for _, r := range rows {
			if bound := r.Geometry.Bound(); !(bound.Min[0] > -181 && bound.Max[0] < 181 && bound.Min[1] > -91 && bound.Max[1] < 91) {
				t.Errorf("row %d lies at %v", r.Line, bound)
			}
		}
	})
}

// stored packs files as they are: a zip that a fuzzer need not compress.
func stored(t testing.TB, files ...[2]string) string {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f[0], Method: zip.Store})
		if err == nil {
			_, err = io.WriteString(w, f[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// checkRows holds what every file must give: rows in order whose places are on the earth, no more of them than bytes.
func checkRows(t *testing.T, text string) {
	rows, _, _ := read(text, importer.Options{Datum: crs.BD09})
	last := 0
	for _, r := range rows {
		if r.Line < last || r.Line < 1 {
			t.Errorf("row %d after row %d", r.Line, last)
		}
		last = r.Line
		if bound := r.Geometry.Bound(); !(bound.Min[0] > -181 && bound.Max[0] < 181 && bound.Min[1] > -91 && bound.Max[1] < 91) {
			t.Errorf("row %d lies at %v", r.Line, bound)
		}
	}
	if len(rows) > len(text) {
		t.Errorf("%d rows of %d bytes", len(rows), len(text))
	}
}

// The parts of a zipped shapefile, each changed by itself: in a zip changed as a whole the checksum hides them.
func FuzzShapefile(f *testing.F) {
	polygon := func(kind uint32, points ...orb.Point) []byte {
		content := binary.LittleEndian.AppendUint32(nil, kind)
		content = append(content, make([]byte, 32)...) // the box
		content = binary.LittleEndian.AppendUint32(content, 1)
		content = binary.LittleEndian.AppendUint32(content, uint32(len(points)))
		content = binary.LittleEndian.AppendUint32(content, 0)
		for _, p := range points {
			content = binary.LittleEndian.AppendUint64(content, math.Float64bits(p[0]))
			content = binary.LittleEndian.AppendUint64(content, math.Float64bits(p[1]))
		}
		record := binary.BigEndian.AppendUint32(nil, 1)
		record = binary.BigEndian.AppendUint32(record, uint32(len(content)/2))
		return append(record, content...)
	}
	head := binary.BigEndian.AppendUint32(nil, 9994)
	head = append(head, make([]byte, 96)...)
	dbf := []byte{3, 126, 1, 1, 1, 0, 0, 0, 65, 0, 5, 0}
	dbf = append(dbf, make([]byte, 20)...)
	dbf[29] = 0x4D
	dbf = append(dbf, "code\x00\x00\x00\x00\x00\x00\x00C\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\r A1  \x1a"...)
	square := []orb.Point{{110, 40}, {110, 41}, {111, 41}, {110, 40}}
	f.Add(append(head[:100:100], polygon(5, square...)...), dbf, "GBK", `GEOGCS["GCS_WGS_1984"]`)
	f.Add(append(head[:100:100], polygon(15, square...)...), []byte{}, "", "")
	f.Add(append(head[:100:100], polygon(3, square...)...), []byte{}, "1252", "")
	f.Fuzz(func(t *testing.T, shp, dbf []byte, cpg, prj string) {
		files := [][2]string{{"a.shp", string(shp)}}
		for _, more := range [][2]string{{"a.dbf", string(dbf)}, {"a.cpg", cpg}, {"a.prj", prj}} {
			if more[1] != "" {
				files = append(files, more)
			}
		}
		checkRows(t, stored(t, files...))
	})
}

// A workbook's sheet and shared texts, each changed by itself.
func FuzzWorkbook(f *testing.F) {
	const sheet = `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:C2"/><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>code</t></is></c><c r="B1" t="inlineStr"><is><t>lon</t></is></c><c r="C1" t="inlineStr"><is><t>lat</t></is></c></row><row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2"><v>1.1E2</v></c><c r="C2"><v>40</v></c></row></sheetData></worksheet>`
	const texts = `<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="1" uniqueCount="1"><si><t>A1</t></si></sst>`
	whole := workbook(f, map[string][][]any{"a": {{"code", "lon", "lat"}, {"x", 1, 2}}})
	z, err := zip.NewReader(strings.NewReader(whole), int64(len(whole)))
	if err != nil {
		f.Fatal(err)
	}
	var rest [][2]string
	at := ""
	for _, part := range z.File {
		in, err := part.Open()
		if err != nil {
			f.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			f.Fatal(err)
		}
		switch {
		case strings.HasPrefix(part.Name, "xl/worksheets/"):
			at = part.Name
		case part.Name != "xl/sharedStrings.xml":
			rest = append(rest, [2]string{part.Name, string(b)})
		}
	}
	with := func(t testing.TB, sheet, texts string) string {
		return stored(t, append(rest[:len(rest):len(rest)], [2]string{at, sheet}, [2]string{"xl/sharedStrings.xml", texts})...)
	}
	if rows, refused, err := read(with(f, sheet, texts), importer.Options{}); len(rows) != 1 || rows[0].Text("code") != "A1" {
		f.Fatal(rows, refused, err)
	}
	f.Add(sheet, texts)
	f.Add(strings.ReplaceAll(sheet, `t="s"`, `t="b"`), "")
	f.Fuzz(func(t *testing.T, sheet, texts string) { checkRows(t, with(t, sheet, texts)) })
}
