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
//
// The text is cut at brackets into values, and encoding/json reads each: its Decoder would do the cutting, but cannot say
// in which line of the file a value is broken.
type features struct {
	name    string
	in      *bufio.Reader
	text    *text
	options *Options
	line    int  // of the next byte
	begun   bool // the collection's brace was read
	inside  bool // the array of features
	any     bool // "features" was seen
	comma   bool // the next member or feature must follow a comma
	over    bool
}

func newFeatures(name string, r *bufio.Reader, t *text, o *Options) *features {
	return &features{name: name, in: r, text: t, options: o, line: 1}
}

func (f *features) next() (*Record, error) {
	for !f.over {
		if !f.inside {
			if err := f.members(); err != nil {
				return nil, err
			}
			continue
		}
		c, err := f.peek()
		if err != nil {
			return nil, err
		}
		if c == ']' {
			f.in.Discard(1) // it was peeked
			f.inside, f.comma = false, true
			continue
		}
		if err := f.between(); err != nil {
			return nil, err
		}
		raw, line, err := f.value()
		if err != nil {
			return nil, err
		}
		f.text.rowEnds()
		return f.record(line, raw), nil
	}
	return nil, io.EOF
}

// members reads the collection's members up to its array of features, or to its end.
func (f *features) members() error {
	if !f.begun {
		if c, err := f.peek(); err != nil {
			return err
		} else if c != '{' {
			return f.fail(Text{"不是 GeoJSON 对象: 需要 FeatureCollection", "not a GeoJSON object: a FeatureCollection is needed"})
		}
		f.in.Discard(1)
		f.begun = true
	}
	for {
		c, err := f.peek()
		if err != nil {
			return err
		}
		if c == '}' {
			f.in.Discard(1)
			return f.end()
		}
		if err := f.between(); err != nil {
			return err
		}
		raw, _, err := f.value()
		if err != nil {
			return err
		}
		var member string
		if json.Unmarshal(raw, &member) != nil {
			return f.broken("a member's name is needed")
		}
		if c, err := f.peek(); err != nil {
			return err
		} else if c != ':' {
			return f.broken("a colon is needed after " + string(raw))
		}
		f.in.Discard(1)
		if member == "features" {
			if c, err := f.peek(); err != nil {
				return err
			} else if c != '[' || f.any {
				return f.fail(Text{"features 应为一个数组", "features should be one array"})
			}
			f.in.Discard(1)
			f.inside, f.any, f.comma = true, true, false
			return nil
		}
		if raw, _, err = f.value(); err != nil {
			return err
		}
		if err := f.member(member, raw); err != nil {
			return err
		}
	}
}

// member looks at what the collection says of itself.
func (f *features) member(name string, raw []byte) error {
	switch name {
	case "type":
		if string(raw) != `"FeatureCollection"` {
			return f.fail(Text{fmt.Sprintf("GeoJSON 类型是 %s, 需要 FeatureCollection", raw), fmt.Sprintf("GeoJSON of type %s: a FeatureCollection is needed", raw)})
		}
	case "crs": // of GeoJSON 2008
		var member struct{ Properties struct{ Name string } }
		if err := json.Unmarshal(raw, &member); err != nil {
			return f.fail(Text{"crs 无法读取", "unreadable crs"})
		}
		if name := member.Properties.Name; !degrees(name) {
			return f.fail(Text{fmt.Sprintf("文件自称坐标系为 %s: 请转换为经纬度 (EPSG:4326)", name), fmt.Sprintf("the file says its coordinates are %s: convert it to lon, lat (EPSG:4326)", name)})
		}
	}
	return nil
}

// degrees says whether a crs name means longitude and latitude; which datum is for the label to say.
func degrees(name string) bool {
	return name == "" || strings.HasSuffix(name, "CRS84") || strings.HasSuffix(name, ":4326") || strings.HasSuffix(name, ":4490")
}

func (f *features) end() error {
	if !f.any {
		return f.fail(Text{"没有 features: 需要 FeatureCollection", "no features: a FeatureCollection is needed"})
	}
	if _, err := f.skip(); err == nil {
		return f.fail(Text{"FeatureCollection 之后还有内容", "something follows after the FeatureCollection"})
	} else if err != io.EOF {
		return err
	}
	f.over = true
	return nil
}

// between takes the comma that stands before every member and feature but the first.
func (f *features) between() error {
	if !f.comma {
		f.comma = true
		return nil
	}
	c, err := f.peek()
	if err != nil {
		return err
	}
	if c != ',' {
		return f.broken("a comma is needed before " + string(rune(c)))
	}
	f.in.Discard(1)
	return nil
}

// skip passes white space and peeks at the byte after it; io.EOF at the end of the file.
func (f *features) skip() (byte, error) {
	for {
		c, err := f.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			f.line++
		case ' ', '\t', '\r':
		default:
			return c, f.in.UnreadByte()
		}
	}
}

// peek is skip where the file must go on.
func (f *features) peek() (byte, error) {
	c, err := f.skip()
	if err == io.EOF {
		return 0, f.cutOff()
	}
	return c, err
}

// value takes one JSON value and says in which line it begins.
func (f *features) value() (raw []byte, line int, err error) {
	if _, err := f.peek(); err != nil {
		return nil, 0, err
	}
	line = f.line
	depth, quoted, escaped := 0, false, false
	for {
		c, err := f.in.ReadByte()
		if err == io.EOF {
			return nil, 0, f.cutOff()
		}
		if err != nil {
			return nil, 0, err
		}
		if depth == 0 && !quoted && len(raw) > 0 && (c == ',' || c == ':' || c == '}' || c == ']' || c <= ' ') { // the end of a number or word
			f.in.UnreadByte() // it was read
			break
		}
		raw = append(raw, c)
		switch {
		case c == '\n':
			f.line++
		case escaped:
			escaped = false
			continue
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth <= 0 && !quoted && (c == '"' || c == '}' || c == ']') {
			break
		}
	}
	if !json.Valid(raw) {
		var any any
		err := json.Unmarshal(raw, &any)
		at := f.line
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = line + bytes.Count(raw[:min(int(syntax.Offset), len(raw))], []byte{'\n'})
		}
		return nil, 0, &FileError{f.name, at, Text{"JSON 格式错误: " + err.Error(), "broken JSON: " + err.Error()}}
	}
	return raw, line, nil
}

func (f *features) fail(reason Text) error { return &FileError{f.name, f.line, reason} }

func (f *features) broken(what string) error {
	return f.fail(Text{"JSON 格式错误: " + what, "broken JSON: " + what})
}

func (f *features) cutOff() error {
	return f.fail(Text{"文件不完整: JSON 中途结束", "the file is cut off: the JSON ends in the middle"})
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
