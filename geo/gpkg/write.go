package gpkg

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/paulmach/orb"
)

// pageSize of the files written here, bytes.
const pageSize = 4096

// Column is one attribute of a layer.
type Column struct {
	Name string
	Type string // TEXT, INTEGER, REAL, BOOLEAN or DATETIME
}

// Writer writes a file of one layer, a feature at a time; only Close makes it whole.
type Writer struct {
	out     io.WriterAt
	name    string
	columns []Column
	at      time.Time
	next    uint32 // the page to be written next
	rows    *tree
	bound   orb.Bound
	any     bool
	err     error
}

// Create begins a GeoPackage with one layer of geometries in EPSG:4326. at is its date of last change.
func Create(out io.WriterAt, name string, columns []Column, at time.Time) *Writer {
	w := &Writer{out: out, name: name, columns: columns, at: at, next: 2}
	w.rows = &tree{w: w}
	return w
}

// Add writes one feature under its id, which must be higher than the one before. A value is nil, bool, int, int64,
// float64, string or time.Time.
func (w *Writer) Add(id int64, g orb.Geometry, row []any) error {
	var blob any
	if g != nil {
		b, err := encode(g)
		if err != nil {
			return fmt.Errorf("geopackage: feature %d: %w", id, err)
		}
		blob = b
		if !w.any {
			w.bound, w.any = g.Bound(), true
		}
		w.bound = w.bound.Union(g.Bound())
	}
	w.rows.add(id, append([]any{nil, blob}, row...))
	return w.err
}

// Close writes the tables that describe the layer, and the first page.
func (w *Writer) Close() error {
	root := w.rows.close()
	single := func(rows ...[]any) uint32 {
		t := &tree{w: w}
		for i, r := range rows {
			t.add(int64(i+1), r)
		}
		return t.close()
	}
	quoted := `"` + strings.ReplaceAll(w.name, `"`, `""`) + `"`
	stamp := w.at.UTC().Format("2006-01-02T15:04:05.000Z")
	var defs strings.Builder
	for _, c := range w.columns {
		fmt.Fprintf(&defs, ", %q %s", c.Name, c.Type)
	}
	systems := &tree{w: w}
	const wgs84 = `GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]`
	for _, s := range []struct {
		id               int64
		name, body, text string
	}{{-1, "Undefined Cartesian SRS", "NONE", "undefined"}, {0, "Undefined geographic SRS", "NONE", "undefined"}, {4326, "WGS 84", "EPSG", wgs84}} {
		systems.add(s.id, []any{s.name, nil, s.body, s.id, s.text, nil})
	}
	contents := single([]any{w.name, "features", w.name, "", stamp, w.bound.Min[0], w.bound.Min[1], w.bound.Max[0], w.bound.Max[1], int64(4326)})
	geometries := single([]any{w.name, "geom", "GEOMETRY", int64(4326), int64(0), int64(0)})
	systemsRoot := systems.close()
	index := func(key ...any) uint32 { return w.index(append(key, int64(1))) }
	master := [][]any{
		{"table", "gpkg_spatial_ref_sys", "gpkg_spatial_ref_sys", int64(systemsRoot), `CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT)`},
		{"table", "gpkg_contents", "gpkg_contents", int64(contents), `CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER, CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id))`},
		{"index", "sqlite_autoindex_gpkg_contents_1", "gpkg_contents", int64(index(w.name)), nil},
		{"index", "sqlite_autoindex_gpkg_contents_2", "gpkg_contents", int64(index(w.name)), nil},
		{"table", "gpkg_geometry_columns", "gpkg_geometry_columns", int64(geometries), `CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL, CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name), CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name), CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id))`},
		{"index", "sqlite_autoindex_gpkg_geometry_columns_1", "gpkg_geometry_columns", int64(index(w.name, "geom")), nil},
		{"index", "sqlite_autoindex_gpkg_geometry_columns_2", "gpkg_geometry_columns", int64(index(w.name)), nil},
		{"table", w.name, w.name, int64(root), `CREATE TABLE ` + quoted + ` (fid INTEGER PRIMARY KEY NOT NULL, geom GEOMETRY` + defs.String() + `)`},
	}
	first := &tree{w: w, first: true}
	for i, row := range master {
		first.add(int64(i+1), row)
	}
	first.close()
	return w.err
}

func (w *Writer) write(n uint32, page []byte) {
	if w.err != nil {
		return
	}
	if _, err := w.out.WriteAt(page, int64(n-1)*pageSize); err != nil {
		w.err = fmt.Errorf("geopackage: %w", err)
	}
}

func (w *Writer) page() uint32 {
	w.next++
	return w.next - 1
}

// index writes an index of one entry.
func (w *Writer) index(entry []any) uint32 {
	record := recordOf(entry)
	cell := append(appendVarint(nil, uint64(len(record))), record...)
	n := w.page()
	w.write(n, pack(10, 0, [][]byte{cell}, 0))
	return n
}

// tree writes one table's pages as rows come, the lowest level first.
type tree struct {
	w      *Writer
	first  bool // page 1: holds sqlite_master, all of it
	cells  [][]byte
	bytes  int
	last   int64
	levels [][]child
}

type child struct {
	page uint32
	last int64 // the highest id below
}

func (t *tree) add(id int64, row []any) {
	cell := t.cell(id, recordOf(row))
	room := pageSize - 8
	if t.first {
		room -= 100
	}
	if t.bytes+len(cell)+2 > room {
		if t.first {
			t.w.err = fmt.Errorf("geopackage: too many columns for one page of %d bytes", pageSize)
			return
		}
		t.flush()
	}
	t.cells, t.bytes, t.last = append(t.cells, cell), t.bytes+len(cell)+2, id
}

// cell is a leaf's cell; what does not fit goes to pages of its own.
func (t *tree) cell(id int64, record []byte) []byte {
	cell := appendVarint(appendVarint(nil, uint64(len(record))), uint64(id))
	here := local(len(record), pageSize)
	cell = append(cell, record[:here]...)
	if here == len(record) {
		return cell
	}
	n := t.w.page()
	cell = binary.BigEndian.AppendUint32(cell, n)
	for rest := record[here:]; len(rest) > 0; {
		page := make([]byte, pageSize)
		k := copy(page[4:], rest)
		this := n
		if rest = rest[k:]; len(rest) > 0 {
			n = t.w.page()
			binary.BigEndian.PutUint32(page, n)
		}
		t.w.write(this, page)
	}
	return cell
}

func (t *tree) flush() {
	n := t.w.page()
	t.w.write(n, pack(13, 0, t.cells, 0))
	t.cells, t.bytes = nil, 0
	t.up(0, child{n, t.last})
}

// fan is how many children an inner page is given: 4 + 9 + 2 bytes each at most.
const fan = (pageSize - 12) / 15

func (t *tree) up(level int, c child) {
	if level == len(t.levels) {
		t.levels = append(t.levels, nil)
	}
	if len(t.levels[level]) == fan {
		t.rise(level)
	}
	t.levels[level] = append(t.levels[level], c)
}

// rise writes an inner page over a level's children.
func (t *tree) rise(level int) {
	children := t.levels[level]
	t.levels[level] = nil
	last := children[len(children)-1]
	var cells [][]byte
	for _, c := range children[:len(children)-1] {
		cells = append(cells, appendVarint(binary.BigEndian.AppendUint32(nil, c.page), uint64(c.last)))
	}
	n := t.w.page()
	t.w.write(n, pack(5, 0, cells, last.page))
	t.up(level+1, child{n, last.last})
}

// close writes what is left and returns the root.
func (t *tree) close() uint32 {
	if t.first {
		page := pack(13, 100, t.cells, 0)
		header(page, t.w.next-1)
		t.w.write(1, page)
		return 1
	}
	if len(t.cells) > 0 || len(t.levels) == 0 {
		t.flush()
	}
	for level := 0; ; level++ {
		if level == len(t.levels)-1 && len(t.levels[level]) == 1 {
			return t.levels[level][0].page
		}
		if len(t.levels[level]) > 0 {
			t.rise(level)
		}
	}
}

// pack lays cells out on a page of a kind; its header begins at head.
func pack(kind byte, head int, cells [][]byte, right uint32) []byte {
	page := make([]byte, pageSize)
	h := page[head:]
	h[0] = kind
	binary.BigEndian.PutUint16(h[3:], uint16(len(cells)))
	pointer := head + 8
	if kind == 5 {
		binary.BigEndian.PutUint32(h[8:], right)
		pointer += 4
	}
	end := pageSize
	for _, c := range cells {
		end -= copy(page[end-len(c):], c)
		binary.BigEndian.PutUint16(page[pointer:], uint16(end))
		pointer += 2
	}
	binary.BigEndian.PutUint16(h[5:], uint16(end))
	return page
}

// header writes the 100 bytes at the file's beginning.
func header(page []byte, pages uint32) {
	copy(page, magic)
	binary.BigEndian.PutUint16(page[16:], pageSize)
	page[18], page[19] = 1, 1
	page[21], page[22], page[23] = 64, 32, 32
	put := func(at int, v uint32) { binary.BigEndian.PutUint32(page[at:], v) }
	put(24, 1)
	put(28, pages)
	put(40, 1)
	put(44, 4)
	put(56, 1)          // UTF-8
	put(60, 10300)      // user version: GeoPackage 1.3
	put(68, 0x47504b47) // "GPKG"
	put(92, 1)
	put(96, 3040000)
}

func recordOf(row []any) []byte {
	var head, body []byte
	for _, v := range row {
		switch v := v.(type) {
		case nil:
			head = append(head, 0)
		case bool:
			if v {
				head = append(head, 9)
			} else {
				head = append(head, 8)
			}
		case int:
			head, body = append(head, 6), binary.BigEndian.AppendUint64(body, uint64(v))
		case int64:
			head, body = append(head, 6), binary.BigEndian.AppendUint64(body, uint64(v))
		case float64:
			head, body = append(head, 7), binary.BigEndian.AppendUint64(body, math.Float64bits(v))
		case []byte:
			head, body = appendVarint(head, uint64(2*len(v)+12)), append(body, v...)
		case string:
			head, body = appendVarint(head, uint64(2*len(v)+13)), append(body, v...)
		case time.Time:
			s := v.UTC().Format("2006-01-02T15:04:05.000Z")
			head, body = appendVarint(head, uint64(2*len(s)+13)), append(body, s...)
		default:
			s := fmt.Sprint(v)
			head, body = appendVarint(head, uint64(2*len(s)+13)), append(body, s...)
		}
	}
	size := len(head) + 1
	if size > 127 {
		size++ // the length's own second byte: a record here never has 16,000 columns
	}
	return append(append(appendVarint(nil, uint64(size)), head...), body...)
}

// appendVarint is varint's other way.
func appendVarint(b []byte, v uint64) []byte {
	if v >= 1<<56 {
		for shift := 57; shift >= 8; shift -= 7 {
			b = append(b, byte(v>>shift)|0x80)
		}
		return append(b, byte(v))
	}
	for shift := 49; shift > 0; shift -= 7 {
		if v >= 1<<shift {
			b = append(b, byte(v>>shift)|0x80)
		}
	}
	return append(b, byte(v&0x7f))
}
