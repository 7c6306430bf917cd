// Package gpkg reads and writes GeoPackage files (OGC 12-128r19): layers of features in an SQLite database.
//
// SQLite in Go is 60 packages and 8 MB of a translated C library; what an import needs is to walk a table from its first
// row to its last, and what an export needs is to write one once. Both are here: no queries, no indexes read, no locks.
// A file is Opened, a Layer chosen, its rows read one at a time in bounded memory. Create writes a file front to back.
package gpkg

import (
	"fmt"
	"io"
	"strings"

	"github.com/paulmach/orb"
)

// File is an open GeoPackage.
type File struct {
	// Layers are those of features, in the file's order.
	Layers []Layer
	// WAL says that the writer kept a journal beside the file: what stands there and not in the file is not seen.
	WAL bool

	pages *pages
}

// Layer is one table of features.
type Layer struct {
	Name     string
	Geometry string   // its column
	Columns  []string // without the geometry
	SRS      string   // organisation and number, EPSG:4326; "" where it is not known

	root     uint32
	names    []string
	id, geom int // place of the row's id (-1: none) and of the geometry
}

// Open reads what the file says of itself. ErrBroken for a file that is no SQLite database.
func Open(in io.ReaderAt, size int64) (*File, error) {
	p, err := openPages(in, size)
	if err != nil {
		return nil, err
	}
	f := &File{pages: p, WAL: p.wal}
	tables := map[string]Layer{}
	err = f.walk(Layer{root: 1, names: []string{"type", "name", "tbl_name", "rootpage", "sql"}, id: -1}, func(row map[string]any) {
		root, _ := row["rootpage"].(int64)
		name, _ := row["name"].(string)
		sql, _ := row["sql"].(string)
		if row["type"] == "table" && root > 0 {
			l := Layer{Name: name, root: uint32(root)}
			l.names, l.id = columnsOf(sql)
			tables[strings.ToLower(name)] = l
		}
	})
	if err != nil {
		return nil, err
	}
	srs := map[int64]string{}
	if err := f.walk(tables["gpkg_spatial_ref_sys"], func(row map[string]any) {
		id, _ := row["srs_id"].(int64)
		srs[id] = fmt.Sprintf("%v:%v", row["organization"], row["organization_coordsys_id"])
	}); err != nil {
		return nil, err
	}
	err = f.walk(tables["gpkg_geometry_columns"], func(row map[string]any) {
		name, _ := row["table_name"].(string)
		l, ok := tables[strings.ToLower(name)]
		if !ok {
			return
		}
		l.geom = -1
		l.Geometry, _ = row["column_name"].(string)
		for i, column := range l.names {
			if strings.EqualFold(column, l.Geometry) {
				l.geom = i
			} else {
				l.Columns = append(l.Columns, column)
			}
		}
		id, _ := row["srs_id"].(int64)
		if id > 0 {
			l.SRS = strings.ToUpper(srs[id])
		}
		if l.geom >= 0 {
			f.Layers = append(f.Layers, l)
		}
	})
	return f, err
}

// walk reads a small table whole.
func (f *File) walk(l Layer, take func(row map[string]any)) error {
	if l.root == 0 {
		return nil
	}
	c, err := f.pages.cursor(l.root)
	if err != nil {
		return err
	}
	for {
		id, record, err := c.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		v, err := values(record)
		if err != nil {
			return err
		}
		row := map[string]any{}
		for i, name := range l.names {
			switch {
			case i == l.id:
				row[name] = id
			case i < len(v):
				row[name] = v[i]
			}
		}
		take(row)
	}
}

// Rows reads a layer's features.
type Rows struct {
	layer  Layer
	cursor *cursor
}

// Rows begins at the layer's first feature.
func (f *File) Rows(l Layer) (*Rows, error) {
	c, err := f.pages.cursor(l.root)
	return &Rows{l, c}, err
}

// Next returns a feature's geometry (nil: none) and its values in the order of Columns: nil, int64, float64, string or
// []byte each. ErrGeometry is one feature's fault, and reading may go on; io.EOF after the last.
func (r *Rows) Next() (orb.Geometry, []any, error) {
	id, record, err := r.cursor.next()
	if err != nil {
		return nil, nil, err
	}
	all, err := values(record)
	if err != nil {
		return nil, nil, err
	}
	row := make([]any, 0, len(r.layer.Columns))
	var blob []byte
	for i := range r.layer.names {
		var v any
		if i < len(all) {
			v = all[i]
		}
		switch i {
		case r.layer.geom:
			blob, _ = v.([]byte)
		case r.layer.id:
			row = append(row, id)
		default:
			row = append(row, v)
		}
	}
	if blob == nil {
		return nil, row, nil
	}
	g, err := decode(blob)
	return g, row, err
}

// Share is how far the reading is: pages read, of all in the file.
func (r *Rows) Share() (done, of int64) { return r.cursor.seen, r.cursor.p.count }
