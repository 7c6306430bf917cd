package importer

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// maxSpool is how much of a container is kept in memory where it comes from no file.
const maxSpool = 256 << 20

// maxDirectory is the most bytes of a zip's directory: one of a thousand million entries is an attack.
const maxDirectory = 4 << 20

// container opens the formats that are no text, by their first bytes; nil for all others.
func (r *Reader) container(head []byte, in io.Reader, whole io.Reader) (rows, error) {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		at, size, err := r.random(in, whole)
		if err != nil {
			return nil, err
		}
		return r.archive(at, size)
	case bytes.HasPrefix(head, []byte("SQLite format 3\x00")):
		at, size, err := r.random(in, whole)
		if err != nil {
			return nil, err
		}
		return newPackage(r.name, at, size, r)
	case bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0")):
		return nil, &FileError{r.name, 0, Text{"这是旧版 Excel (.xls): 请另存为 .xlsx", "this is an old Excel file (.xls): save it as .xlsx"}}
	case bytes.HasPrefix(head, []byte("\x00\x00\x27\x0a")):
		return nil, &FileError{r.name, 0, Text{"这是单独的 .shp: 请将 .shp、.dbf、.prj、.cpg 一起压缩为 zip", "this is a lone .shp: zip it together with its .dbf, .prj and .cpg"}}
	}
	return nil, nil
}

// random gives the bytes in any order: the file itself, or what in holds, in memory.
func (r *Reader) random(in, whole io.Reader) (io.ReaderAt, int64, error) {
	if at, ok := whole.(io.ReaderAt); ok && r.size > 0 {
		return at, r.size, nil
	}
	b, err := io.ReadAll(io.LimitReader(in, maxSpool+1))
	if err != nil {
		return nil, 0, err
	}
	if len(b) > maxSpool {
		return nil, 0, &FileError{r.name, 0, Text{"压缩包超过 256 MiB: 请以文件方式导入", "more than 256 MiB: import it from a file"}}
	}
	return bytes.NewReader(b), int64(len(b)), nil
}

// archive looks what a zip is: a workbook, a zipped shapefile or a KMZ.
func (r *Reader) archive(at io.ReaderAt, size int64) (rows, error) {
	if err := directory(at, size); err != nil {
		return nil, &FileError{r.name, 0, Text{"zip 无法读取: " + err.Error(), "unreadable zip: " + err.Error()}}
	}
	z, err := zip.NewReader(at, size)
	if err != nil {
		return nil, &FileError{r.name, 0, Text{"zip 无法读取: " + err.Error(), "unreadable zip: " + err.Error()}}
	}
	var names []string
	byEnd := map[string][]*zip.File{}
	for _, f := range z.File {
		if strings.HasPrefix(path.Base(f.Name), "._") { // what macOS leaves
			continue
		}
		names = append(names, f.Name)
		end := strings.ToLower(path.Ext(f.Name))
		byEnd[end] = append(byEnd[end], f)
		if f.Name == "xl/workbook.xml" {
			return newSheet(r.name, z, at, size, r)
		}
	}
	if len(byEnd[".shp"]) > 0 {
		return newShapefile(r.name, z, byEnd[".shp"], r)
	}
	if len(byEnd[".kml"]) > 0 {
		return &kmz{r: r, files: byEnd[".kml"]}, nil
	}
	list := strings.Join(names[:min(len(names), 10)], ", ")
	return nil, &FileError{r.name, 0, Text{
		"zip 中没有可导入的内容 (Shapefile .shp, KML, Excel): 其中有 " + list,
		"nothing in the zip can be imported (a shapefile's .shp, KML, Excel): it holds " + list}}
}

// directory refuses a zip whose directory would take too much memory, before it is read.
func directory(at io.ReaderAt, size int64) error {
	tail := make([]byte, min(size, 65536+22))
	if _, err := at.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	end := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if end < 0 || len(tail)-end < 22 {
		return zip.ErrFormat
	}
	if n := binary.LittleEndian.Uint32(tail[end+12:]); n > maxDirectory {
		return fmt.Errorf("its directory has %d bytes, at most %d are read", n, maxDirectory)
	}
	return nil
}

// small reads a file of a zip that should be a few lines.
func small(f *zip.File) (string, error) {
	in, err := f.Open()
	if err != nil {
		return "", err
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, 64<<10))
	return string(b), err
}

// choose finds the layer asked for; without a name there must be one alone.
func choose(file, want string, names []string) (int, error) {
	list := strings.Join(names, ", ")
	if want == "" {
		if len(names) == 1 {
			return 0, nil
		}
		if len(names) == 0 {
			return 0, &FileError{file, 0, Text{"文件中没有图层", "the file has no layer"}}
		}
		return 0, &FileError{file, 0, Text{"文件中有多个图层, 请用 --layer 选择: " + list, "the file has several layers, choose one with --layer: " + list}}
	}
	for i, name := range names {
		if strings.EqualFold(name, want) {
			return i, nil
		}
	}
	return 0, &FileError{file, 0, Text{fmt.Sprintf("没有图层 %s; 文件中有: %s", want, list), fmt.Sprintf("there is no layer %s; the file has %s", want, list)}}
}

// closers are what a container opened.
type closers []io.Closer

func (c closers) Close() error {
	var first error
	for _, x := range c {
		if err := x.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
