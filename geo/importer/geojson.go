package importer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/paulmach/orb"
)

// features reads a GeoJSON FeatureCollection (RFC 7946) one feature at a time.
type features struct {
	name    string
	json    *json.Decoder
	text    *text
	options *Options
	inside  bool // the array of features
	over    bool
	kind    string // the collection's "type"
	any     bool   // "features" was seen
}

func newFeatures(name string, r *bufio.Reader, t *text, o *Options) *features {
	return &features{name: name, json: json.NewDecoder(r), text: t, options: o}
}

func (f *features) next() (*Record, error) {
	if f.over {
		return nil, io.EOF
	}
	if !f.inside {
		if err := f.open(); err != nil {
			return nil, err
		}
		if f.over {
			return nil, io.EOF
		}
	}
	if !f.json.More() {
		if _, err := f.json.Token(); err != nil { // the closing bracket
			return nil, f.broken(err)
		}
		f.inside = false
		return f.next()
	}
	var raw json.RawMessage
	if err := f.json.Decode(&raw); err != nil {
		return nil, f.broken(err)
	}
	line := f.text.lineAt(f.json.InputOffset() - int64(len(raw)))
	f.text.rowEnds()
	return f.record(line, raw), nil
}

// open reads members up to the array of features, or to the end of the collection.
func (f *features) open() error {
	if f.kind == "" && !f.any {
		token, err := f.json.Token()
		if err != nil {
			return f.broken(err)
		}
		if token != json.Delim('{') {
			return f.fail(Text{"不是 GeoJSON 对象: 需要 FeatureCollection", "not a GeoJSON object: a FeatureCollection is needed"})
		}
	}
	for f.json.More() {
		token, err := f.json.Token()
		if err != nil {
			return f.broken(err)
		}
		switch token {
		case "features":
			bracket, err := f.json.Token()
			if err != nil {
				return f.broken(err)
			}
			if bracket != json.Delim('[') || f.any {
				return f.fail(Text{"features 应为一个数组", "features should be one array"})
			}
			f.inside, f.any = true, true
			return nil
		case "type":
			if err := f.json.Decode(&f.kind); err != nil {
				return f.broken(err)
			}
			if f.kind != "FeatureCollection" {
				return f.fail(Text{fmt.Sprintf("GeoJSON 类型是 %q, 需要 FeatureCollection", f.kind), fmt.Sprintf("GeoJSON of type %q: a FeatureCollection is needed", f.kind)})
			}
		case "crs":
			var member struct{ Properties struct{ Name string } }
			if err := f.json.Decode(&member); err != nil {
				return f.broken(err)
			}
			if name := member.Properties.Name; !degrees(name) {
				return f.fail(Text{fmt.Sprintf("文件自称坐标系为 %s: 请转换为经纬度 (EPSG:4326)", name), fmt.Sprintf("the file says its coordinates are %s: convert it to lon, lat (EPSG:4326)", name)})
			}
		default:
			var skip json.RawMessage
			if err := f.json.Decode(&skip); err != nil {
				return f.broken(err)
			}
		}
	}
	if _, err := f.json.Token(); err != nil { // the closing brace
		return f.broken(err)
	}
	if !f.any {
		return f.fail(Text{"没有 features: 需要 FeatureCollection", "no features: a FeatureCollection is needed"})
	}
	if _, err := f.json.Token(); err != io.EOF {
		return f.fail(Text{"FeatureCollection 之后还有内容", "something follows after the FeatureCollection"})
	}
	f.over = true
	return nil
}

// degrees says whether a GeoJSON 2008 crs name is longitude and latitude; which datum is for the label to say.
func degrees(name string) bool {
	for _, end := range []string{"CRS84", "4326", "4490", ""} {
		if (end == "" && name == "") || (end != "" && strings.HasSuffix(name, end)) {
			return true
		}
	}
	return false
}

func (f *features) fail(reason Text) error {
	return &FileError{f.name, f.text.lineAt(f.json.InputOffset()), reason}
}

func (f *features) broken(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return &FileError{f.name, f.text.lineAt(max(f.json.InputOffset(), syntax.Offset)), Text{"JSON 格式错误: " + syntax.Error(), "broken JSON: " + syntax.Error()}}
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return &FileError{f.name, f.text.line, Text{"文件不完整: JSON 中途结束", "the file is cut off: the JSON ends in the middle"}}
	}
	var file *FileError
	if errors.As(err, &file) {
		return err
	}
	return f.fail(Text{"JSON 格式错误: " + err.Error(), "broken JSON: " + err.Error()})
}

// record reads one feature; what is wrong with it becomes the record's fault.
func (f *features) record(line int, raw json.RawMessage) *Record {
	rec := &Record{Line: line, header: map[string]int{}, options: f.options}
	var feature struct {
		Type       string
		Properties json.RawMessage
		Geometry   *struct {
			Type        string
			Coordinates json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &feature); err != nil || feature.Type != "Feature" {
		rec.fault = &Text{"不是 GeoJSON Feature", "not a GeoJSON Feature"}
		return rec
	}
	if err := rec.properties(feature.Properties); err != nil {
		rec.fault = &Text{"properties 应为对象", "properties should be an object"}
		return rec
	}
	if feature.Geometry == nil {
		return rec // Next says so
	}
	rec.Geometry, rec.fault = geometry(feature.Geometry.Type, feature.Geometry.Coordinates)
	return rec
}

// properties keeps each member as text, in the file's order; null is as good as absent.
func (r *Record) properties(raw json.RawMessage) error {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return errors.New("not an object")
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return err
		}
		s := string(v)
		switch {
		case s == "null":
			s = ""
		case v[0] == '"':
			if err := json.Unmarshal(v, &s); err != nil {
				return err
			}
			// JSON can write a NUL as \u0000, which no PostgreSQL text holds.
			s = strings.ReplaceAll(s, "\x00", "")
		}
		key := fold(name.(string))
		if _, twice := r.header[key]; !twice {
			r.header[key] = len(r.row)
			r.row = append(r.row, s)
		}
	}
	return nil
}

// geometry reads GeoJSON coordinates strictly: a position of one number is a fault, not a zero.
func geometry(kind string, raw json.RawMessage) (orb.Geometry, *Text) {
	unreadable := &Text{"coordinates 与几何类型 " + kind + " 不符", "coordinates do not fit a " + kind}
	var err error
	read := func(v any) bool {
		err = json.Unmarshal(raw, v)
		return err == nil
	}
	ok := true
	point := func(c []float64) orb.Point {
		if len(c) < 2 || len(c) > 4 {
			ok = false
			return orb.Point{}
		}
		return orb.Point{c[0], c[1]}
	}
	points := func(c [][]float64) []orb.Point {
		ps := make([]orb.Point, len(c))
		for i := range c {
			ps[i] = point(c[i])
		}
		return ps
	}
	polygon := func(c [][][]float64) orb.Polygon {
		p := make(orb.Polygon, len(c))
		for i := range c {
			p[i] = points(c[i])
		}
		return p
	}
	var g orb.Geometry
	switch kind {
	case "Point":
		var c []float64
		if read(&c) {
			g = point(c)
		}
	case "MultiPoint":
		var c [][]float64
		if read(&c) {
			g = orb.MultiPoint(points(c))
		}
	case "LineString":
		var c [][]float64
		if read(&c) {
			g = orb.LineString(points(c))
		}
	case "MultiLineString":
		var c [][][]float64
		if read(&c) {
			lines := make(orb.MultiLineString, len(c))
			for i := range c {
				lines[i] = points(c[i])
			}
			g = lines
		}
	case "Polygon":
		var c [][][]float64
		if read(&c) {
			g = polygon(c)
		}
	case "MultiPolygon":
		var c [][][][]float64
		if read(&c) {
			polygons := make(orb.MultiPolygon, len(c))
			for i := range c {
				polygons[i] = polygon(c[i])
			}
			g = polygons
		}
	default:
		kinds := []string{"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"}
		slices.Sort(kinds)
		return nil, &Text{fmt.Sprintf("几何类型 %q 不支持; 可用: %s", kind, strings.Join(kinds, ", ")), fmt.Sprintf("geometry of type %q; there are %s", kind, strings.Join(kinds, ", "))}
	}
	if err != nil || !ok {
		return nil, unreadable
	}
	return g, nil
}
