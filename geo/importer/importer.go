// Package importer reads foreign files of places, row by row, and says what it cannot use and why.
//
// A file is opened with its datum (crs), known by its first bytes (GeoJSON and its sequences, CSV, Excel, zipped
// shapefile, GeoPackage, KML, KMZ), text checked (UTF-8 or the encoding named, no NUL), read one row at a time in bounded
// memory, each row's coordinates checked and converted to WGS-84. The room that owns the table (grid, building,
// backdrop, cameras) pulls the rows, applies its own rules, and writes all of them or none; the Report says which.
package importer

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"

	"gridwall/geo/crs"
)

// Options says how to read a file.
type Options struct {
	// Datum of the coordinates; without it a file is refused with crs.ErrNoDatum.
	Datum crs.Datum
	// Columns maps a field (code, parent, name…) to the file's own column: {"code": "smd", "parent": "anc"}.
	// A field that is not named is found by its usual headers, English and Chinese.
	Columns map[string]string
	// Values gives a field one value for the whole file: {"kind": "road"}. It wins over a column.
	Values map[string]string
	// Layer chooses one of several layers of a GeoPackage, shapefiles of a zip or sheets of a workbook.
	Layer string
	// Encoding of the text where it is not UTF-8, one of Encodings; it wins over what a shapefile says of itself.
	Encoding string
	// Aliases adds usual headers of fields that this package does not know: {"bearing": {"方位角"}}.
	Aliases map[string][]string

	encoding encoding.Encoding
}

// Progress is told how many rows are done of how many; of is an estimate until the file has been read.
type Progress func(done, of int)

// usual headers of the fields that rooms ask for, the surest first.
var usual = map[string][]string{
	"code":       {"code", "编码", "代码", "编号", "标识码", "网格编码", "网格代码", "网格编号", "单元网格标识码", "社区编码", "社区代码", "街道编码", "街道代码", "建筑编码", "楼栋编码", "楼栋编号", "id"},
	"parent":     {"parent", "parent_code", "上级", "上级编码", "上级代码", "父级编码", "所属社区编码", "所属街道编码", "所属社区", "所属街道"},
	"name":       {"name", "名称", "网格名称", "社区名称", "街道名称", "建筑名称", "楼栋名称", "小区名称", "地名"},
	"address":    {"address", "addr", "地址", "标准地址", "详细地址", "门牌地址", "位置"},
	"kind":       {"kind", "type", "类型", "类别"},
	"class":      {"class", "等级", "道路等级"},
	"floors":     {"floors", "levels", "层数", "楼层", "楼层数", "总层数", "地上层数"},
	"units":      {"units", "单元", "单元数"},
	"households": {"households", "户数", "住户数", "总户数"},
	"lon":        {"lon", "lng", "long", "longitude", "x", "经度"},
	"lat":        {"lat", "latitude", "y", "纬度"},
	"wkt":        {"wkt", "geom", "geometry", "the_geom", "几何"},
}

// FileError says that the file as a whole cannot be read further.
type FileError struct {
	File   string
	Line   int // 0 where there is none
	Reason Text
}

// Error gives file, line and reason in English.
func (e *FileError) Error() string { return e.In("en") }

// In writes the error on one line.
func (e *FileError) In(lang string) string {
	if e.Line == 0 {
		return e.File + ": " + e.Reason.In(lang)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason.In(lang))
}

// Reader gives the rows of a file one at a time. It is for one goroutine.
type Reader struct {
	name    string
	options Options
	size    int64
	text    *text
	rows    rows
	first   *Record // read by NewReader, to know the columns
	pending error   // what came instead of first
	done    int
	unit    Unit
	shift   Shift
	notes   []Text
	closers closers
}

// Unit is what a format counts its rows in.
type Unit string

const (
	Lines    Unit = "line"
	Features Unit = "feature" // of a file without lines: the first is 1
)

// sharer is a format that knows by itself how far it has come.
type sharer interface {
	share() (done, of int64)
}

// rows is one file format.
type rows interface {
	next() (*Record, error)
}

// Open starts reading the file at path. The caller closes the Reader.
func Open(path string, o Options) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	r, err := NewReader(filepath.Base(path), f, info.Size(), o)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.closers = append(r.closers, f)
	return r, nil
}

// NewReader reads name's bytes from r; size (bytes) is for progress only, 0 where it is not known.
//
// It reads as far as the first row, so an absent datum (crs.ErrNoDatum), a file of no known format (*FileError) and a
// column that the file does not have (*FileError, with those that it has) are found here. A container (zip, GeoPackage)
// is read in place where r is an io.ReaderAt and size is given, else from memory, at most 256 MiB.
func NewReader(name string, r io.Reader, size int64, o Options) (*Reader, error) {
	datum, err := crs.ParseDatum(string(o.Datum))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	o.Datum = datum
	if o.Encoding != "" {
		if o.encoding, err = encodingOf(o.Encoding); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, fields := range []map[string]string{o.Columns, o.Values} {
		for field := range fields {
			if usual[field] == nil && o.Aliases[field] == nil {
				return nil, &FileError{name, 0, Text{
					fmt.Sprintf("没有名为 %s 的字段; 可用: %s", field, strings.Join(o.fields(), ", ")),
					fmt.Sprintf("there is no field %s; there are %s", field, strings.Join(o.fields(), ", ")),
				}}
			}
		}
	}
	in := &Reader{name: name, options: o, size: size, unit: Lines}
	if err := in.open(r); err != nil {
		in.Close()
		return nil, in.fileError(err)
	}
	in.first, in.pending = in.rows.next()
	if in.first == nil {
		return in, nil // an empty file, or Next says what is wrong
	}
	for field, column := range o.Columns {
		if _, ok := in.first.column(column); !ok {
			return nil, &FileError{name, in.first.Line, Text{
				fmt.Sprintf("没有 %s 列 (用作 %s); 文件中有: %s", column, field, strings.Join(in.first.names(), ", ")),
				fmt.Sprintf("no column %s (for %s); the file has %s", column, field, strings.Join(in.first.names(), ", ")),
			}}
		}
	}
	return in, nil
}

// open finds the format by the first bytes.
func (r *Reader) open(whole io.Reader) error {
	raw := bufio.NewReaderSize(whole, 4096)
	head, _ := raw.Peek(16)
	var err error
	if r.rows, err = r.container(head, raw, whole); err != nil {
		return err
	}
	if r.rows != nil {
		switch r.rows.(type) {
		case *sheet, *kmz:
		default:
			r.unit = Features
		}
		return nil
	}
	var in io.Reader = raw
	if r.options.encoding != nil && r.options.encoding != unicode.UTF8 {
		in = r.options.encoding.NewDecoder().Reader(raw)
	}
	r.text = newText(r.name, in)
	text := bufio.NewReaderSize(r.text, 64<<10)
	start, err := firstByte(text)
	if err != nil {
		return err
	}
	switch start {
	case recordSeparator:
		r.rows = &sequence{*newFeatures(r.name, text, r.text, &r.options)}
	case '{', '[':
		features := newFeatures(r.name, text, r.text, &r.options)
		r.rows = features
		if all, _ := text.Peek(text.Size()); isSequence(all) {
			r.rows = &sequence{*features}
		}
	case '<':
		r.rows = newPlacemarks(r.name, text, r.text, &r.options)
	default:
		r.rows, err = newTable(r.name, text, r.text, &r.options)
	}
	return err
}

// fields lists what may be mapped.
func (o *Options) fields() []string {
	var names []string
	for field := range usual {
		names = append(names, field)
	}
	for field := range o.Aliases {
		if usual[field] == nil {
			names = append(names, field)
		}
	}
	slices.Sort(names)
	return names
}

// firstByte peeks at the first byte that is not white space.
func firstByte(r *bufio.Reader) (byte, error) {
	for n := 1; n <= r.Size(); n++ {
		b, err := r.Peek(n)
		if err == io.EOF {
			return 0, &FileError{Reason: Text{"文件是空的", "the file is empty"}}
		}
		if err != nil {
			return 0, err
		}
		if c := b[n-1]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, nil
		}
	}
	return 0, &FileError{Reason: Text{"文件开头只有空白", "the file begins with nothing but white space"}}
}

func (r *Reader) fileError(err error) error {
	if f, ok := err.(*FileError); ok && f.File == "" {
		f.File = r.name
	}
	return err
}

// Name is the file's name as given.
func (r *Reader) Name() string { return r.name }

// Datum is what the coordinates were labelled.
func (r *Reader) Datum() crs.Datum { return r.options.Datum }

// Has says whether the first row has the field, by mapping, value or usual header.
func (r *Reader) Has(field string) bool {
	if r.first == nil {
		return false
	}
	_, ok := r.first.lookup(field)
	return ok
}

// Next returns the next row, already in WGS-84; io.EOF after the last.
//
// A *Refusal is one bad row: note it and go on. Any other error ends the file; a *FileError names the line.
func (r *Reader) Next() (*Record, error) {
	rec, err := r.first, r.pending
	if r.done > 0 || (rec == nil && err == nil) {
		rec, err = r.rows.next()
	}
	r.done++
	if err != nil {
		return nil, r.fileError(err)
	}
	if rec.fault != nil {
		return nil, r.refuse(rec, *rec.fault)
	}
	if rec.Geometry == nil {
		return nil, r.refuse(rec, Text{"没有几何 (位置)", "no geometry"})
	}
	before := first(rec.Geometry)
	if rec.Geometry, rec.fault = toWGS84(rec.Geometry, r.options.Datum); rec.fault != nil {
		refusal := r.refuse(rec, *rec.fault)
		refusal.Geometry = spot(before, r.options.Datum)
		return nil, refusal
	}
	r.shift.add(before, first(rec.Geometry))
	return rec, nil
}

func (r *Reader) refuse(rec *Record, reason Text) *Refusal {
	return &Refusal{Line: rec.Line, Key: rec.key(), Reason: reason}
}

// Done is how many rows were given, and an estimate of how many there are.
func (r *Reader) Done() (done, of int) {
	if s, ok := r.rows.(sharer); ok {
		if read, all := s.share(); read > 0 {
			return r.done, max(r.done, int(float64(r.done)*float64(all)/float64(read)))
		}
		return r.done, r.done
	}
	if r.size > 0 && r.text.read > 0 {
		return r.done, max(r.done, int(float64(r.done)*float64(r.size)/float64(r.text.read)))
	}
	return r.done, r.done
}

// Close closes what Open and the format opened.
func (r *Reader) Close() error { return r.closers.Close() }

// Record is one row: attributes and a geometry in WGS-84.
type Record struct {
	Line     int // where the row begins, from 1
	Geometry orb.Geometry

	header  map[string]int // folded column name → place in row
	row     []string
	options *Options
	fault   *Text // why the row cannot be used
}

// fold makes headers comparable.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func (r *Record) column(name string) (string, bool) {
	i, ok := r.header[fold(name)]
	if !ok {
		return "", false
	}
	return r.row[i], true
}

func (r *Record) names() []string {
	names := make([]string, 0, len(r.header))
	for name := range r.header {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return r.header[a] - r.header[b] })
	return names
}

// lookup finds the field's value: the whole file's, the mapped column's, or that of the first usual header.
func (r *Record) lookup(field string) (string, bool) {
	if v, ok := r.options.Values[field]; ok {
		return v, true
	}
	if column, ok := r.options.Columns[field]; ok {
		return r.column(column)
	}
	for _, name := range r.options.Aliases[field] {
		if v, ok := r.column(name); ok {
			return v, true
		}
	}
	for _, name := range usual[field] {
		if v, ok := r.column(name); ok {
			return v, true
		}
	}
	return "", false
}

// key is what a person finds the row by.
func (r *Record) key() string {
	for _, field := range []string{"code", "address", "name"} {
		if v := r.Text(field); v != "" {
			return v
		}
	}
	return ""
}

// Text returns a field's value, trimmed; "" where the row has none.
func (r *Record) Text(field string) string {
	v, _ := r.lookup(field)
	return strings.TrimSpace(v)
}

// Number returns a field's value; ok is false where the row has none. The error is a *Refusal that names the column.
func (r *Record) Number(field string) (value float64, ok bool, err error) {
	s := r.Text(field)
	if s == "" {
		return 0, false, nil
	}
	value, err = strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, false, &Refusal{Line: r.Line, Key: r.key(), Reason: Text{
			fmt.Sprintf("%s 应为数字, 实为 %q", field, s), fmt.Sprintf("%s should be a number, it is %q", field, s)}}
	}
	return value, true, nil
}

// Int is Number for whole values from 0 to 2,147,483,647.
func (r *Record) Int(field string) (value int, ok bool, err error) {
	n, ok, err := r.Number(field)
	if err != nil || !ok {
		return 0, false, err
	}
	if n < 0 || n > math.MaxInt32 || n != math.Trunc(n) {
		return 0, false, &Refusal{Line: r.Line, Key: r.key(), Reason: Text{
			fmt.Sprintf("%s 应为非负整数, 实为 %q", field, r.Text(field)),
			fmt.Sprintf("%s should be a whole number, not negative, it is %q", field, r.Text(field))}}
	}
	return int(n), true, nil
}
