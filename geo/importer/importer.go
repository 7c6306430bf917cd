package importer

import (
	"io"

	"github.com/paulmach/orb"

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
	// Aliases adds usual headers of fields that this package does not know: {"bearing": {"方位角"}}.
	Aliases map[string][]string
}

// Progress is told how many rows are done of how many; of is an estimate until the file has been read.
type Progress func(done, of int)

// Open starts reading the GeoJSON or CSV file at path. The caller closes the Reader.
func Open(path string, o Options) (*Reader, error) { return nil, io.ErrUnexpectedEOF }

// NewReader reads name's bytes from r; size (bytes) is for progress only, 0 where it is not known.
func NewReader(name string, r io.Reader, size int64, o Options) (*Reader, error) {
	return nil, io.ErrUnexpectedEOF
}

// Reader gives the rows of a file one at a time.
type Reader struct {
	name  string
	datum crs.Datum
}

// Name is the file's name as given; Datum what its coordinates were labelled.
func (r *Reader) Name() string { return r.name }

// Datum is what the file was labelled.
func (r *Reader) Datum() crs.Datum { return r.datum }

// Next returns the next row, already in WGS-84; io.EOF after the last.
//
// A *Refusal is one bad row: note it and go on. Any other error ends the file; a *FileError names the line.
func (r *Reader) Next() (*Record, error) { return nil, io.EOF }

// Close closes the file, if Open opened it.
func (r *Reader) Close() error { return nil }

// Record is one row: attributes and a geometry in WGS-84.
type Record struct {
	Line     int // where the row begins, from 1
	Geometry orb.Geometry
}

// Text returns a field's value, trimmed; "" where the row has none.
func (r *Record) Text(field string) string { return "" }

// Number returns a field's value; ok is false where the row has none. The error is a *Refusal that names the column.
func (r *Record) Number(field string) (value float64, ok bool, err error) { return 0, false, nil }

// Int is Number for whole, non-negative values.
func (r *Record) Int(field string) (value int, ok bool, err error) { return 0, false, nil }
