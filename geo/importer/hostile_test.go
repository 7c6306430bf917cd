package importer_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"gridwall/geo/crs"
	"gridwall/geo/gpkg"
	"gridwall/geo/importer"
)

// endless gives head once and then body again and again, up to most bytes; it counts what was taken.
type endless struct {
	head, body []byte
	taken      int64
	most       int64
}

func (e *endless) Read(p []byte) (n int, err error) {
	if e.taken >= e.most {
		return 0, io.EOF
	}
	for n < len(p) {
		at := e.taken
		var part []byte
		if at < int64(len(e.head)) {
			part = e.head[at:]
		} else {
			part = e.body[(at-int64(len(e.head)))%int64(len(e.body)):]
		}
		c := copy(p[n:], part)
		n += c
		e.taken += int64(c)
	}
	return n, nil
}

// Files of gigabytes, made while they are read: each gets an error in words, after a bounded part of it and in bounded
// memory.
func TestFilesOfGigabytesAreRefusedAfterABoundedPart(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		in         *endless
		want       string
	}{
		{"a polygon of ten million corners", "p.geojson", &endless{
			head: []byte(`{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"1","name":"x"},"geometry":{"type":"Polygon","coordinates":[[`),
			body: []byte("[110.0000001,40.0000001],[110.0000002,40.0000001],"), most: 10_000_000 * 24}, "more than 32 MiB"},
		{"the same as a row of CSV", "p.csv", &endless{head: []byte("code,name,wkt\n1,x,\"POLYGON(("), body: []byte("110.0000001 40.0000001,"), most: 2 << 30}, "more than 32 MiB"},
		{"a CSV of NULs", "n.csv", &endless{head: []byte("code,name,lon,lat\n"), body: make([]byte, 4096), most: 2 << 30}, "NUL byte"},
		{"NULs within a row", "n.csv", &endless{head: []byte("code,name,lon,lat\n"), body: []byte("1,a\x00b,110,40\n"), most: 2 << 30}, "NUL byte"},
		{"a quote that is never closed", "q.csv", &endless{head: []byte("code,name,lon,lat\n1,\""), body: bytes.Repeat([]byte("x\n"), 2048), most: 2 << 30}, "more than 32 MiB"},
		{"brackets without an end", "b.geojson", &endless{head: []byte(`{"type":"FeatureCollection","features":[`), body: bytes.Repeat([]byte("["), 4096), most: 2 << 30}, ""},
		{"KML without an end", "k.kml", &endless{head: []byte(`<kml><Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>`), body: []byte("110.0000001,40.0000001 "), most: 2 << 30}, "more than 32 MiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r, err := importer.NewReader(tc.file, tc.in, 0, importer.Options{Datum: crs.WGS84})
			if err == nil {
				for err == nil {
					_, err = r.Next()
					var refused *importer.Refusal
					if errors.As(err, &refused) {
						err = nil
					}
				}
				r.Close()
			}
			runtime.ReadMemStats(&after)
			var fault *importer.FileError
			if !errors.As(err, &fault) || !strings.Contains(fault.In("en"), tc.want) || fault.In("zh") == fault.In("en") {
				t.Errorf("%v", err)
			}
			if tc.in.taken > 100<<20 {
				t.Errorf("%d MiB were read of it", tc.in.taken>>20)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<30 {
				t.Errorf("%d MiB were allocated for it", used>>20)
			}
		})
	}
}

// part is a file of a zip: head, then body until there are most bytes.
type part struct {
	name       string
	head, body string
	most       int
}

// zipOfParts compresses a megabyte of each body once and repeats what came out: gigabytes take no time.
func zipOfParts(t *testing.T, parts ...part) []byte {
	t.Helper()
	compressed := func(text string) []byte { // whole blocks of deflate, none of them the last
		var out bytes.Buffer
		w, err := flate.NewWriter(&out, flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, p := range parts {
		data, size := compressed(p.head), len(p.head)
		if p.body != "" {
			chunk := strings.Repeat(p.body, 1<<20/len(p.body))
			times := (p.most - size) / len(chunk)
			data, size = append(data, bytes.Repeat(compressed(chunk), times)...), size+times*len(chunk)
		}
		data = append(data, 1, 0, 0, 0xff, 0xff) // the last block, empty
		w, err := z.CreateRaw(&zip.FileHeader{Name: p.name, Method: zip.Deflate, CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(size)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Zips of some megabytes that swell to 2 GB: an error in words and bounded memory.
func TestZipsThatSwellToGigabytesAreRefused(t *testing.T) {
	const swell = 2 << 30
	book := []part{
		{name: "[Content_Types].xml", head: `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`},
		{name: "xl/workbook.xml", head: `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{name: "xl/_rels/workbook.xml.rels", head: `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
	}
	const sheet = `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>code</t></is></c><c r="B1" t="inlineStr"><is><t>lon</t></is></c><c r="C1" t="inlineStr"><is><t>lat</t></is></c></row>`
	shp := func(record string) string {
		head := make([]byte, 100)
		binary.BigEndian.PutUint32(head, 9994)
		return string(head) + record
	}
	for _, tc := range []struct {
		name  string
		parts []part
		want  string
	}{
		{"a name in KML", []part{{"doc.kml", "<kml><Placemark><name>", " ", swell}}, "more than 32 MiB"},
		{"a polygon of 10 million corners in KML", []part{{"doc.kml", "<kml><Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>", "110.0000001,40.0000001 ", 230_000_000}}, "more than 32 MiB"},
		{"a polygon of 10 million corners in a shapefile", []part{{"a.shp", shp("\x00\x00\x00\x01\x04\xc4\xb4\x00"), "\x00", 160_000_108}}, "more than 32 MiB"},
		{"a shapefile of NULs", []part{{"a.shp", shp(""), "\x00", swell}}, "a feature without content"},
		{"a cell of Excel", append(book[:3:3], part{"xl/worksheets/sheet1.xml", sheet + `<row r="2"><c r="A2" t="inlineStr"><is><t>`, "x", 1 << 29}), "a cell of more than 1 MiB"},
		{"a cell that looks like rows", append(book[:3:3], part{"xl/worksheets/sheet1.xml", sheet + `<row r="2"><c r="A2" t="inlineStr"><is><t><![CDATA[`, "<row >", 1 << 29}), "a cell of more than 1 MiB"},
		{"a row of Excel", append(book[:3:3], part{"xl/worksheets/sheet1.xml", sheet + `<row r="2">`, "<c/>", 1 << 29}), "a row of more than 32 MiB"},
		{"a sheet of Excel", append(book[:3:3], part{"xl/worksheets/sheet1.xml", sheet, `<row></row>`, swell}), "more than 1 GiB"},
		{"a sheet that excelize would read whole", append(book[:3:3], part{"xl/worksheets/other.xml", sheet, `<row></row>`, 1 << 29}), "more than 16 MiB"},
		{"shared texts of Excel", append(book[:3:3], part{"xl/sharedStrings.xml", "<sst>", "<si><t>a</t></si>", 1 << 29}, part{"xl/worksheets/sheet1.xml", sheet, "", 0}), "more than four million texts"},
		{"styles of Excel", append(book[:3:3], part{"xl/styles.xml", "<styleSheet><fonts>", "<font/>", 1 << 29}, part{"xl/worksheets/sheet1.xml", sheet, "", 0}), "more than 16 MiB"},
		{"pictures of Excel", append(book[:3:3], part{"xl/media/a.png", "", "\x00", 1 << 29}, part{"xl/worksheets/sheet1.xml", sheet, "", 0}), "more than 256 MiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := zipOfParts(t, tc.parts...)
			peak := watchHeap(t)
			r, err := importer.NewReader("a.zip", bytes.NewReader(file), int64(len(file)), importer.Options{Datum: crs.WGS84})
			if err == nil {
				for err == nil {
					_, err = r.Next()
					var refused *importer.Refusal
					if errors.As(err, &refused) {
						err = nil
					}
				}
				r.Close()
			}
			var fault *importer.FileError
			if !errors.As(err, &fault) || !strings.Contains(fault.In("en"), tc.want) || fault.In("zh") == fault.In("en") {
				t.Errorf("%v", err)
			}
			if mib := peak(); mib > 256 {
				t.Errorf("the heap grew by %d MiB", mib)
			} else {
				t.Logf("%d MiB of heap for a zip of %d KiB: %v", mib, len(file)>>10, err)
			}
		})
	}
}

func TestAPolygonOfTenMillionCornersInAGeoPackageIsRefused(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "p.gpkg"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ring := make(orb.Ring, 10_000_000)
	for i := range ring {
		angle := 2 * math.Pi * float64(i) / float64(len(ring)-1)
		ring[i] = orb.Point{110 + math.Cos(angle), 40 + math.Sin(angle)}
	}
	w := gpkg.Create(f, "grids", []gpkg.Column{{Name: "code"}}, time.Unix(0, 0))
	if err := w.Add(1, orb.Polygon{ring}, []any{"1"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	peak := watchHeap(t)
	r, err := importer.NewReader("p.gpkg", f, info.Size(), importer.Options{Datum: crs.WGS84})
	if err == nil {
		defer r.Close()
		_, err = r.Next()
	}
	var fault *importer.FileError
	if !errors.As(err, &fault) || !strings.Contains(fault.In("en"), "a row of 160000") {
		t.Errorf("%v", err)
	}
	if mib := peak(); mib > 16 {
		t.Errorf("the heap grew by %d MiB for a file of %d MiB", mib, info.Size()>>20)
	}
}

// watchHeap measures by how many MiB the heap grows, at its highest, until the answer is asked for.
func watchHeap(t *testing.T) (peak func() int64) {
	t.Helper()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	before, most := s.HeapAlloc, s.HeapAlloc
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				var s runtime.MemStats
				runtime.ReadMemStats(&s)
				most = max(most, s.HeapAlloc)
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-done
		return int64(most-before) >> 20
	}
}
