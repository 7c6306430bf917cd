package importer

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"golang.org/x/text/encoding"
)

// shapefile reads .shp and .dbf side by side, a record at a time (ESRI Shapefile Technical Description, 1998).
type shapefile struct {
	name    string
	shp     *bufio.Reader
	dbf     *dbase // nil where there is none
	options *Options
	n       int // records read
	passed  int64
	of      int64
}

func newShapefile(name string, z *zip.Reader, shps []*zip.File, r *Reader) (*shapefile, error) {
	var names []string
	for _, f := range shps {
		names = append(names, stem(f.Name))
	}
	which, err := choose(name, r.options.Layer, names)
	if err != nil {
		return nil, err
	}
	beside := map[string]*zip.File{}
	for _, f := range z.File {
		if stem(f.Name) == names[which] && path.Dir(f.Name) == path.Dir(shps[which].Name) {
			beside[strings.ToLower(path.Ext(f.Name))] = f
		}
	}
	fail := func(zh, en string) error { return &FileError{name, 0, Text{zh, en}} }
	if f := beside[".prj"]; f != nil {
		text, err := small(f)
		if err != nil {
			return nil, fail(".prj 无法读取", "unreadable .prj")
		}
		if fault := projection(text, r); fault != nil {
			return nil, fail(fault.Zh, fault.En)
		}
	}
	var enc encoding.Encoding
	if f := beside[".cpg"]; f != nil && r.options.encoding == nil {
		text, err := small(f)
		if err == nil {
			enc, err = encodingOf(text)
		}
		if err != nil {
			return nil, fail(fmt.Sprintf(".cpg 中的编码 %q 未知: 请用 --encoding 指明 (%s)", text, Encodings), fmt.Sprintf("the .cpg names the unknown encoding %q: name it with --encoding (%s)", text, Encodings))
		}
	}
	s := &shapefile{name: name, options: &r.options, of: int64(shps[which].UncompressedSize64)}
	shp, err := shps[which].Open()
	if err != nil {
		return nil, fail("zip 无法读取: "+err.Error(), "unreadable zip: "+err.Error())
	}
	s.shp = bufio.NewReaderSize(shp, 64<<10)
	head := make([]byte, 100)
	if _, err := io.ReadFull(s.shp, head); err != nil || binary.BigEndian.Uint32(head) != 9994 {
		return nil, fail(".shp 不是 Shapefile", "the .shp is no shapefile")
	}
	s.passed = 100
	if f := beside[".dbf"]; f != nil {
		if s.dbf, err = newDBase(f, r.options.encoding, enc); err != nil {
			return nil, fail(".dbf 无法读取: "+err.Error(), "unreadable .dbf: "+err.Error())
		}
	}
	return s, nil
}

func stem(name string) string {
	base := path.Base(name)
	return strings.ToLower(strings.TrimSuffix(base, path.Ext(base)))
}

// projection refuses what is no longitude and latitude of a datum that we know.
func projection(wkt string, r *Reader) *Text {
	kind, rest, _ := strings.Cut(strings.TrimSpace(wkt), "[")
	name := strings.Trim(strings.SplitN(rest, ",", 2)[0], `"] `)
	switch kind = strings.ToUpper(strings.TrimSpace(kind)); {
	case kind == "":
		return nil
	case !strings.HasPrefix(kind, "GEOG"):
		return &Text{fmt.Sprintf("坐标系为投影坐标 %s (.prj): 请先转换为经纬度, 如 ogr2ogr -t_srs EPSG:4326", name),
			fmt.Sprintf("the coordinates are projected, %s (.prj): convert them to lon, lat first, as with ogr2ogr -t_srs EPSG:4326", name)}
	}
	folded := strings.NewReplacer("_", "", " ", "", "-", "").Replace(strings.ToLower(wkt))
	for _, known := range []string{"wgs1984", "wgs84", "cgcs2000", "china2000", "chinageodetic"} {
		if strings.Contains(folded, known) {
			if shifted := r.options.Datum == "gcj02" || r.options.Datum == "bd09"; shifted {
				r.notes = append(r.notes, Text{fmt.Sprintf(".prj 称坐标系为 %s, 已按 --datum=%s 换算", name, r.options.Datum),
					fmt.Sprintf("the .prj says %s; converted as --datum=%s all the same", name, r.options.Datum)})
			}
			return nil
		}
	}
	return &Text{fmt.Sprintf("坐标系 %s (.prj) 与 WGS-84 相差可达百米: 请先转换, 如 ogr2ogr -t_srs EPSG:4326", name),
		fmt.Sprintf("the datum %s (.prj) lies up to a hundred metres off: convert it first, as with ogr2ogr -t_srs EPSG:4326", name)}
}

func (s *shapefile) share() (done, of int64) { return s.passed, s.of }

func (s *shapefile) next() (*Record, error) {
	for {
		var head [8]byte
		if _, err := io.ReadFull(s.shp, head[:]); err == io.EOF {
			return nil, s.end()
		} else if err != nil {
			return nil, s.cutOff(err)
		}
		s.n++
		words := int64(binary.BigEndian.Uint32(head[4:]))
		if 2*words > maxRow {
			return nil, &FileError{s.name, s.n, Text{"一个要素超过 32 MiB", "one feature of more than 32 MiB"}}
		}
		if words < 2 { // a shape has its kind, even the null shape: a file of zeros would be no end of rows
			return nil, &FileError{s.name, s.n, Text{".shp 损坏: 一个要素没有内容", "the .shp is broken: a feature without content"}}
		}
		content := make([]byte, 2*words)
		if _, err := io.ReadFull(s.shp, content); err != nil {
			return nil, s.cutOff(err)
		}
		s.passed += 8 + 2*words
		rec := &Record{Line: s.n, header: map[string]int{}, options: s.options}
		if s.dbf != nil {
			deleted, err := s.dbf.next(rec)
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil, &FileError{s.name, s.n, Text{".dbf 的行数少于 .shp", "the .dbf has fewer rows than the .shp"}}
			}
			if err != nil {
				return nil, err
			}
			if deleted {
				continue
			}
		}
		g, fault := shape(content)
		rec.Geometry = g
		if rec.fault == nil {
			rec.fault = fault
		}
		return rec, nil
	}
}

func (s *shapefile) end() error {
	if s.dbf != nil && s.n < s.dbf.count {
		return &FileError{s.name, s.n, Text{fmt.Sprintf(".shp 有 %d 个要素, .dbf 有 %d 行", s.n, s.dbf.count), fmt.Sprintf("the .shp has %d features, the .dbf %d rows", s.n, s.dbf.count)}}
	}
	return io.EOF
}

func (s *shapefile) cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &FileError{s.name, s.n, Text{".shp 不完整", "the .shp is cut off"}}
	}
	return &FileError{s.name, s.n, Text{"zip 无法读取: " + err.Error(), "unreadable zip: " + err.Error()}}
}

// shape reads one record's content. Z and M stand after x and y and are passed over.
func shape(b []byte) (orb.Geometry, *Text) {
	broken := &Text{"几何数据损坏", "broken geometry"}
	if len(b) < 4 {
		return nil, broken
	}
	kind := binary.LittleEndian.Uint32(b)
	point := func(at int) orb.Point {
		return orb.Point{math.Float64frombits(binary.LittleEndian.Uint64(b[at:])), math.Float64frombits(binary.LittleEndian.Uint64(b[at+8:]))}
	}
	switch kind {
	case 0:
		return nil, nil // Next says so
	case 1, 11, 21:
		if len(b) < 20 {
			return nil, broken
		}
		return point(4), nil
	case 8, 18, 28:
		if len(b) < 40 {
			return nil, broken
		}
		n := int64(binary.LittleEndian.Uint32(b[36:]))
		if 40+16*n > int64(len(b)) {
			return nil, broken
		}
		points := make(orb.MultiPoint, n)
		for i := range points {
			points[i] = point(40 + 16*i)
		}
		return points, nil
	case 3, 13, 23, 5, 15, 25:
		if len(b) < 44 {
			return nil, broken
		}
		parts, n := int64(binary.LittleEndian.Uint32(b[36:])), int64(binary.LittleEndian.Uint32(b[40:]))
		if 44+4*parts+16*n > int64(len(b)) {
			return nil, broken
		}
		lines := make([]orb.LineString, parts)
		for i := range parts {
			from, to := int64(binary.LittleEndian.Uint32(b[44+4*i:])), n
			if i+1 < parts {
				to = int64(binary.LittleEndian.Uint32(b[48+4*i:]))
			}
			if from > to || to > n {
				return nil, broken
			}
			for k := from; k < to; k++ {
				lines[i] = append(lines[i], point(int(44+4*parts+16*k)))
			}
		}
		if kind%10 == 3 {
			return orb.MultiLineString(lines), nil
		}
		return polygons(lines), nil
	}
	return nil, &Text{fmt.Sprintf("几何类型 %d 不支持", kind), fmt.Sprintf("geometry of type %d cannot be used", kind)}
}

// polygons sorts rings: clockwise ones are outlines, the others holes of the outline around them.
func polygons(rings []orb.LineString) orb.Geometry {
	var all orb.MultiPolygon
	var holes []orb.Ring
	for _, r := range rings {
		ring := orb.Ring(r)
		if len(ring) > 0 && ring.Orientation() == orb.CCW {
			holes = append(holes, ring)
			continue
		}
		all = append(all, orb.Polygon{ring})
	}
	for _, h := range holes {
		home := -1
		for i := range all {
			if len(all[i][0]) > 3 && all[i][0].Bound().Contains(h[0]) && planar.RingContains(all[i][0], h[0]) &&
				(home < 0 || planar.RingContains(all[home][0], all[i][0][0])) {
				home = i
			}
		}
		if home < 0 { // some writers turn outlines the other way
			all = append(all, orb.Polygon{h})
			continue
		}
		all[home] = append(all[home], h)
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

// dbase reads the attributes of a shapefile (dBASE III and IV).
type dbase struct {
	in     *bufio.Reader
	enc    encoding.Encoding
	fields []field
	header map[string]int
	width  int
	count  int
}

type field struct {
	kind  byte
	width int
}

// newDBase reads the header. given wins over the .cpg's encoding, that over the file's own byte.
func newDBase(f *zip.File, given, cpg encoding.Encoding) (*dbase, error) {
	file, err := f.Open()
	if err != nil {
		return nil, err
	}
	d := &dbase{in: bufio.NewReaderSize(file, 64<<10), enc: given, header: map[string]int{}}
	head := make([]byte, 32)
	if _, err := io.ReadFull(d.in, head); err != nil {
		return nil, err
	}
	if d.enc == nil {
		d.enc = cpg
	}
	if d.enc == nil {
		d.enc = ldid(head[29])
	}
	d.count, d.width = int(binary.LittleEndian.Uint32(head[4:])), int(binary.LittleEndian.Uint16(head[10:]))
	rest := make([]byte, max(0, int(binary.LittleEndian.Uint16(head[8:]))-32))
	if _, err := io.ReadFull(d.in, rest); err != nil {
		return nil, err
	}
	sum := 1
	for len(rest) >= 32 && rest[0] != 0x0D {
		raw, _, _ := strings.Cut(string(rest[:11]), "\x00")
		name, fault := decodeText([]byte(raw), d.enc)
		if fault != nil {
			name = fmt.Sprintf("field%d", len(d.fields)+1)
		}
		if _, twice := d.header[fold(name)]; !twice {
			d.header[fold(name)] = len(d.fields)
		}
		d.fields = append(d.fields, field{rest[11], int(rest[16])})
		sum += int(rest[16])
		rest = rest[32:]
	}
	if sum != d.width || d.width == 0 {
		return nil, fmt.Errorf("its fields take %d bytes, its rows %d", sum, d.width)
	}
	return d, nil
}

// next fills rec's attributes; deleted says that the row is marked so.
func (d *dbase) next(rec *Record) (deleted bool, err error) {
	row := make([]byte, d.width)
	if _, err := io.ReadFull(d.in, row); err != nil {
		return false, err
	}
	rec.header, rec.row = d.header, make([]string, len(d.fields))
	at := 1
	for i, f := range d.fields {
		raw := row[at : at+f.width]
		at += f.width
		s, fault := decodeText(raw, d.enc)
		if fault != nil {
			rec.fault = fault
		}
		s = strings.TrimSpace(strings.ReplaceAll(s, "\x00", " "))
		if (f.kind == 'N' || f.kind == 'F') && strings.HasPrefix(s, "*") { // a number too wide for its field
			s = ""
		}
		rec.row[i] = s
	}
	return row[0] == '*', nil
}
