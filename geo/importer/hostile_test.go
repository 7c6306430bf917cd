package importer_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"gridwall/geo/crs"
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
