package importer

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
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

func newSheet(name string, z *zip.Reader, at io.ReaderAt, size int64, r *Reader) (*sheet, error) {
	if fault := swollen(z); fault != nil {
		return nil, &FileError{name, 0, *fault}
	}
	// A sheet or shared texts of more than 16 MiB go to a file while they are read.
	book, err := excelize.OpenReader(io.NewSectionReader(at, 0, size), excelize.Options{RawCellValue: true, UnzipSizeLimit: maxBook, UnzipXMLSizeLimit: maxPart})
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

// What a part of a workbook may hold. Excel itself ends a cell at 32,767 signs and a sheet at 1,048,576 rows.
const (
	maxBook  = 1 << 30  // bytes of all its parts
	maxPart  = 16 << 20 // bytes of a part that is read as a whole, and of one with comments or CDATA
	maxOther = 256 << 20
	maxRun   = 1 << 20 // bytes from one tag to the next
	maxTexts = 4 << 20 // texts that the cells share
)

// swollen looks through a workbook before it is opened: excelize reads a cell, a row and all that is neither sheet nor shared
// text into memory as they come, and keeps a few words for each shared text.
func swollen(z *zip.Reader) *Text {
	var whole, other uint64
	for _, f := range z.File {
		if whole += f.UncompressedSize64; whole > maxBook || f.UncompressedSize64 > maxBook {
			return &Text{"Excel 文件解压后超过 1 GiB: 请拆分后导入", "the Excel file swells to more than 1 GiB: split it and import the parts"}
		}
	}
	for _, f := range z.File {
		// Case and slashes as excelize sees them.
		name := strings.ToLower(strings.ReplaceAll(f.Name, "\\", "/"))
		streamed := strings.HasPrefix(name, "xl/worksheets/sheet") || name == "xl/sharedstrings.xml"
		switch isText := strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".rels"); {
		case streamed:
			if fault := streamable(f); fault != nil {
				return fault
			}
		case isText && f.UncompressedSize64 > maxPart:
			return &Text{fmt.Sprintf("Excel 文件的 %s 超过 16 MiB", f.Name), fmt.Sprintf("%s in the Excel file has more than 16 MiB", f.Name)}
		default:
			if other += f.UncompressedSize64; other > maxOther {
				return &Text{"Excel 文件中的图片等超过 256 MiB: 请删除后重新导入", "pictures and the like in the Excel file have more than 256 MiB: take them out and import it again"}
			}
		}
	}
	return nil
}

func streamable(f *zip.File) *Text {
	in, err := f.Open()
	if err != nil {
		return &Text{"Excel 文件无法读取: " + err.Error(), "unreadable Excel file: " + err.Error()}
	}
	defer in.Close()
	text := bufio.NewReaderSize(in, maxRun)
	row, texts := 0, 0
	for {
		tag, err := text.ReadSlice('<')
		name := tag[:max(0, bytes.IndexAny(tag, " \t\r\n/>"))]
		switch name = name[bytes.IndexByte(name, ':')+1:]; string(name) {
		case "row":
			row = 0
		case "si":
			row = 0
			texts++
		}
		row += len(tag)
		comment := len(tag) > 0 && tag[0] == '!' && f.UncompressedSize64 > maxPart // what looks like tags in it is none
		switch {
		case errors.Is(err, bufio.ErrBufferFull) || comment:
			return &Text{fmt.Sprintf("Excel 文件的 %s 中有一个超过 1 MiB 的单元格", f.Name), fmt.Sprintf("%s in the Excel file has a cell of more than 1 MiB", f.Name)}
		case row > maxRow:
			return &Text{fmt.Sprintf("Excel 文件的 %s 中有一行超过 32 MiB", f.Name), fmt.Sprintf("%s in the Excel file has a row of more than 32 MiB", f.Name)}
		case texts > maxTexts:
			return &Text{"Excel 文件中的不同文本超过 400 万条", "the Excel file has more than four million texts"}
		case err == io.EOF:
			return nil
		case err != nil:
			return &Text{"Excel 文件无法读取: " + err.Error(), "unreadable Excel file: " + err.Error()}
		}
	}
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
