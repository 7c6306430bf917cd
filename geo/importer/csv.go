package importer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkt"
)

// table reads CSV (RFC 4180) with a header row, separated by comma, semicolon or tab.
type table struct {
	name    string
	csv     *csv.Reader
	text    *text
	options *Options
	header  map[string]int
}

func newTable(name string, r *bufio.Reader, t *text, o *Options) (*table, error) {
	in := &table{name: name, csv: csv.NewReader(r), text: t, options: o}
	in.csv.Comma = separator(r)
	in.csv.FieldsPerRecord = -1 // a row that is too short or too long is a refusal of that row
	head, err := in.csv.Read()
	if err != nil {
		return nil, in.broken(err)
	}
	in.header, err = readHeader(name, 1, head, o)
	return in, err
}

// readHeader finds the columns; a header without a position, or with a column twice, is a *FileError.
func readHeader(name string, line int, head []string, o *Options) (map[string]int, error) {
	header := map[string]int{}
	for i, column := range head {
		if _, twice := header[fold(column)]; twice {
			return nil, &FileError{name, line, Text{fmt.Sprintf("表头中 %s 列出现两次", column), fmt.Sprintf("column %s stands twice in the header", column)}}
		}
		header[fold(column)] = i
	}
	probe := &Record{header: header, row: head, options: o}
	_, lon := probe.lookup("lon")
	_, lat := probe.lookup("lat")
	_, geom := probe.lookup("wkt")
	if !geom && !(lon && lat) {
		return nil, &FileError{name, line, Text{
			fmt.Sprintf("表头中没有位置列: 需要 lon 与 lat (经度, 纬度) 或 wkt; 文件中有: %s", strings.Join(probe.names(), ", ")),
			fmt.Sprintf("the header has no position: it needs lon and lat, or wkt; it has %s", strings.Join(probe.names(), ", ")),
		}}
	}
	return header, nil
}

// separator guesses from the header line.
func separator(r *bufio.Reader) rune {
	head, _ := r.Peek(4096)
	if end := bytes.IndexByte(head, '\n'); end >= 0 {
		head = head[:end]
	}
	best, most := ',', bytes.Count(head, []byte{','})
	for _, c := range []byte{';', '\t'} {
		if n := bytes.Count(head, []byte{c}); n > most {
			best, most = rune(c), n
		}
	}
	return best
}

func (t *table) broken(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &FileError{t.name, parse.Line, Text{
			fmt.Sprintf("CSV 格式错误 (第 %d 列): %v", parse.Column, parse.Err), fmt.Sprintf("broken CSV at column %d: %v", parse.Column, parse.Err)}}
	}
	return err
}

func (t *table) next() (*Record, error) {
	row, err := t.csv.Read()
	if err != nil {
		if err == io.EOF {
			return nil, io.EOF
		}
		return nil, t.broken(err)
	}
	t.text.rowEnds()
	line, _ := t.csv.FieldPos(0)
	rec := &Record{Line: line, header: t.header, row: row, options: t.options}
	if len(row) != len(t.header) {
		rec.row = make([]string, len(t.header))
		copy(rec.row, row)
		rec.fault = &Text{fmt.Sprintf("有 %d 列, 表头有 %d 列", len(row), len(t.header)), fmt.Sprintf("%d columns, the header has %d", len(row), len(t.header))}
		return rec, nil
	}
	rec.Geometry, rec.fault = rec.position()
	return rec, nil
}

// position reads wkt, else lon and lat.
func (rec *Record) position() (orb.Geometry, *Text) {
	if s := rec.Text("wkt"); s != "" {
		s, _ = strings.CutPrefix(s, "SRID=4326;")
		g, err := wkt.Unmarshal(s)
		if err != nil {
			return nil, &Text{"WKT 无法读取", "unreadable WKT"}
		}
		return g, nil
	}
	var p orb.Point
	for i, field := range []string{"lon", "lat"} {
		v, ok, err := rec.Number(field)
		var refusal *Refusal
		if errors.As(err, &refusal) {
			return nil, &refusal.Reason
		}
		if !ok {
			return nil, &Text{fmt.Sprintf("%s 是空的", field), fmt.Sprintf("%s is empty", field)}
		}
		p[i] = v
	}
	return p, nil
}
