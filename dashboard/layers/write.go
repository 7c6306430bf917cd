package layers

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkt"
	"github.com/paulmach/orb/geojson"

	"gridwall/dashboard/access"
	"gridwall/geo/crs"
	"gridwall/geo/gpkg"
)

// Formats of Write.
var Formats = []string{"geojson", "gpkg", "csv"}

// FormatError says why a layer cannot be written so.
type FormatError struct{ Reason Text }

func (e *FormatError) Error() string { return e.Reason.En }

// Check says with a *FormatError whether a format and datum can be written.
func Check(format string, datum crs.Datum) error {
	switch format {
	case "geojson", "csv":
		return nil
	case "gpkg":
		if datum == crs.GCJ02 || datum == crs.BD09 {
			return &FormatError{Text{"GeoPackage 中的坐标只能是 WGS-84: GCJ-02 与 BD-09 没有 EPSG 代码, 请用 geojson 或 csv", "a GeoPackage is written in WGS-84 only: GCJ-02 and BD-09 have no EPSG number; take geojson or csv"}}
		}
		return nil
	}
	list := strings.Join(Formats, ", ")
	return &FormatError{Text{fmt.Sprintf("没有格式 %q: 可选 %s", format, list), fmt.Sprintf("there is no format %q: choose %s", format, list)}}
}

// ContentType of a format.
func ContentType(format string) string {
	switch format {
	case "geojson":
		return "application/geo+json"
	case "gpkg":
		return "application/geopackage+sqlite3"
	}
	return "text/csv; charset=utf-8"
}

// Write writes the features of l that q chooses, and returns how many.
func (l *Layer) Write(ctx context.Context, out io.Writer, who access.Identity, q Query, format string, datum crs.Datum) (n int, err error) {
	if err := Check(format, datum); err != nil {
		return 0, err
	}
	var sink sink
	switch format {
	case "geojson":
		sink = &geoJSON{out: out, columns: l.Columns, name: l.Name}
	case "csv":
		sink = newCSV(out, l.Columns)
	case "gpkg":
		file, err := os.CreateTemp("", "gridwall-*.gpkg")
		if err != nil {
			return 0, err
		}
		defer os.Remove(file.Name())
		defer file.Close()
		sink = &geoPackage{gpkg.Create(file, l.Name, l.Columns, time.Now()), file, out}
	}
	var failed error
	_, err = l.Read(ctx, who, q, func(f *Feature) bool {
		n++
		f.Geometry = Datum(f.Geometry, datum)
		failed = sink.add(n, f)
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		err = sink.close()
	}
	if err != nil {
		return n, fmt.Errorf("export %s: %w", l.Name, err)
	}
	return n, nil
}

// Datum is g, moved from WGS-84; g itself stays as it is.
func Datum(g orb.Geometry, datum crs.Datum) orb.Geometry {
	if datum != crs.GCJ02 && datum != crs.BD09 {
		return g
	}
	g = orb.Clone(g)
	move := func(ps []orb.Point) {
		for i := range ps {
			ps[i] = datum.FromWGS84(ps[i])
		}
	}
	switch g := g.(type) {
	case orb.Point:
		return datum.FromWGS84(g)
	case orb.Polygon:
		for _, r := range g {
			move(r)
		}
	case orb.MultiPolygon:
		for _, p := range g {
			for _, r := range p {
				move(r)
			}
		}
	}
	return g
}

type sink interface {
	add(n int, f *Feature) error
	close() error
}

type geoJSON struct {
	out     io.Writer
	columns []gpkg.Column
	name    string
	begun   bool
}

func (s *geoJSON) begin(sep string) error {
	if !s.begun {
		sep = fmt.Sprintf(`{"type":"FeatureCollection","name":%q,"features":[`+"\n", s.name)
	}
	s.begun = true
	_, err := io.WriteString(s.out, sep)
	return err
}

func (s *geoJSON) add(_ int, f *Feature) error {
	if err := s.begin(",\n"); err != nil {
		return err
	}
	text, err := f.GeoJSON(s.columns)
	if err == nil {
		_, err = s.out.Write(text)
	}
	return err
}

func (s *geoJSON) close() error {
	if !s.begun {
		if err := s.begin(""); err != nil {
			return err
		}
	}
	_, err := io.WriteString(s.out, "\n]}\n")
	return err
}

// GeoJSON is the feature as RFC 7946 has it, its properties in the order of the columns.
func (f *Feature) GeoJSON(columns []gpkg.Column) ([]byte, error) {
	var b strings.Builder
	id, err := json.Marshal(f.ID)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, `{"type":"Feature","id":%s,"properties":{`, id)
	for i, c := range columns {
		v := f.Row[i]
		if at, ok := v.(time.Time); ok {
			v = at.UTC().Format(time.RFC3339)
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", c.Name, text)
	}
	geometry, err := json.Marshal(geojson.NewGeometry(f.Geometry))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, `},"geometry":%s}`, geometry)
	return []byte(b.String()), nil
}

type csvFile struct {
	csv *csv.Writer
}

// newCSV begins with a byte order mark: without it Excel takes the text for the system's old encoding.
func newCSV(out io.Writer, columns []gpkg.Column) *csvFile {
	io.WriteString(out, "\xEF\xBB\xBF") // an error comes again with the first row
	s := &csvFile{csv.NewWriter(out)}
	head := make([]string, 0, len(columns)+1)
	for _, c := range columns {
		head = append(head, c.Name)
	}
	s.csv.Write(append(head, "wkt"))
	return s
}

func (s *csvFile) add(_ int, f *Feature) error {
	row := make([]string, 0, len(f.Row)+1)
	for _, v := range f.Row {
		switch v := v.(type) {
		case nil:
			row = append(row, "")
		case time.Time:
			row = append(row, v.UTC().Format(time.RFC3339))
		case float64:
			row = append(row, strconv.FormatFloat(v, 'f', -1, 64))
		case string:
			row = append(row, harmless(v))
		default:
			row = append(row, fmt.Sprint(v))
		}
	}
	return s.csv.Write(append(row, wkt.MarshalString(f.Geometry)))
}

// harmless keeps a spreadsheet from running a text as a formula: cases are reported by anyone.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+@\t\r", rune(s[0])) || strings.HasPrefix(s, "-") && strings.ContainsAny(s, "(|!") {
		return "'" + s
	}
	return s
}

func (s *csvFile) close() error {
	s.csv.Flush()
	return s.csv.Error()
}

type geoPackage struct {
	w    *gpkg.Writer
	file *os.File
	out  io.Writer
}

func (s *geoPackage) add(n int, f *Feature) error { return s.w.Add(int64(n), f.Geometry, f.Row) }

func (s *geoPackage) close() error {
	if err := s.w.Close(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(s.out, s.file)
	return err
}
