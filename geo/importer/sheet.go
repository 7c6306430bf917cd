package importer

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// sheet reads one sheet of an Excel workbook (.xlsx): a header row, then a row each.
type sheet struct {
	name    string
	rows    *excelize.Rows
	options *Options
	header  map[string]int
	line    int // of the row read last, from 1
	done    int64
	of      int64
}

func newSheet(name string, at io.ReaderAt, size int64, r *Reader) (*sheet, error) {
	// More than 16 MiB of a part goes to a file while it is read; a zip that swells beyond 1 GiB is refused.
	book, err := excelize.OpenReader(io.NewSectionReader(at, 0, size), excelize.Options{RawCellValue: true, UnzipSizeLimit: 1 << 30, UnzipXMLSizeLimit: 16 << 20})
	if err != nil {
		return nil, &FileError{name, 0, Text{"Excel 文件无法读取: " + err.Error(), "unreadable Excel file: " + err.Error()}}
	}
	r.closers = append(r.closers, book)
	names := book.GetSheetList()
	which := 0 // without a name the first sheet: the others are mostly notes
	if r.options.Layer != "" {
		if which, err = choose(name, r.options.Layer, names); err != nil {
			return nil, err
		}
	}
	s := &sheet{name: name, options: &r.options}
	if d, err := book.GetSheetDimension(names[which]); err == nil {
		if _, last, ok := strings.Cut(d, ":"); ok {
			_, row, _ := excelize.CellNameToCoordinates(last)
			s.of = int64(row)
		}
	}
	if s.rows, err = book.Rows(names[which]); err != nil {
		return nil, &FileError{name, 0, Text{"工作表无法读取: " + err.Error(), "unreadable sheet: " + err.Error()}}
	}
	head, err := s.row()
	if err == io.EOF {
		return nil, &FileError{name, 0, Text{"工作表是空的", "the sheet is empty"}}
	}
	if err != nil {
		return nil, err
	}
	s.header, err = readHeader(name, s.line, head, s.options)
	return s, err
}

func (s *sheet) share() (done, of int64) { return s.done, max(s.done, s.of) }

// row returns the next row that is not empty.
func (s *sheet) row() ([]string, error) {
	for s.rows.Next() {
		s.line++
		s.done++
		cells, err := s.rows.Columns()
		if err != nil {
			return nil, &FileError{s.name, s.line, Text{"行无法读取: " + err.Error(), "unreadable row: " + err.Error()}}
		}
		if strings.Join(cells, "") != "" {
			return cells, nil
		}
	}
	if err := s.rows.Error(); err != nil {
		return nil, &FileError{s.name, s.line, Text{"工作表无法读取: " + err.Error(), "unreadable sheet: " + err.Error()}}
	}
	return nil, io.EOF
}

func (s *sheet) next() (*Record, error) {
	cells, err := s.row()
	if err != nil {
		return nil, err
	}
	rec := &Record{Line: s.line, header: s.header, row: make([]string, len(s.header)), options: s.options}
	for i, c := range cells {
		value, fault := number(strings.ReplaceAll(c, "\x00", ""))
		if fault != nil {
			rec.fault = fault
		}
		switch {
		case i < len(rec.row):
			rec.row[i] = value
		case value != "":
			rec.fault = &Text{fmt.Sprintf("第 %d 列有内容, 但没有表头", i+1), fmt.Sprintf("column %d has a value and no header", i+1)}
		}
	}
	if rec.fault == nil {
		rec.Geometry, rec.fault = rec.position()
	}
	return rec, nil
}

// number writes 1.50621E+14 out; a code of more digits than Excel keeps has lost its end.
func number(s string) (string, *Text) {
	if !strings.ContainsAny(s, "eE") {
		return s, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v != float64(int64(v)) || v < 1e9 {
		return s, nil
	}
	if v >= 1e15 {
		return s, &Text{fmt.Sprintf("%s 超过 15 位, Excel 已将其末位舍入: 请将该列设为文本后重新填写", s),
			fmt.Sprintf("%s has more than 15 digits, Excel has rounded it: make the column text and enter the value again", s)}
	}
	return strconv.FormatFloat(v, 'f', 0, 64), nil
}
