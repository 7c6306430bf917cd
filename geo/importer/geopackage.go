package importer

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gridwall/geo/gpkg"
)

// geopackage reads one layer of a GeoPackage.
type geopackage struct {
	name    string
	rows    *gpkg.Rows
	options *Options
	header  map[string]int
	n       int
}

func newPackage(name string, at io.ReaderAt, size int64, r *Reader) (*geopackage, error) {
	fail := func(err error) error {
		return &FileError{name, 0, Text{"GeoPackage 无法读取: " + err.Error(), "unreadable GeoPackage: " + err.Error()}}
	}
	f, err := gpkg.Open(at, size)
	if err != nil {
		return nil, fail(err)
	}
	var names []string
	for _, l := range f.Layers {
		names = append(names, l.Name)
	}
	which, err := choose(name, r.options.Layer, names)
	if err != nil {
		return nil, err
	}
	layer := f.Layers[which]
	switch layer.SRS {
	case "", "EPSG:4326", "EPSG:4979", "EPSG:4490", "EPSG:4480": // which datum is for the label to say
	default:
		return nil, &FileError{name, 0, Text{
			fmt.Sprintf("图层 %s 的坐标系为 %s: 请先转换为经纬度, 如 ogr2ogr -t_srs EPSG:4326", layer.Name, layer.SRS),
			fmt.Sprintf("layer %s has its coordinates in %s: convert them to lon, lat first, as with ogr2ogr -t_srs EPSG:4326", layer.Name, layer.SRS)}}
	}
	if f.WAL {
		r.notes = append(r.notes, Text{"文件带有 -wal 日志: 若仍在 QGIS 中打开, 请先关闭再导入", "the file keeps a -wal journal: if it is still open in QGIS, close it there and import it again"})
	}
	p := &geopackage{name: name, options: &r.options, header: map[string]int{}}
	for i, column := range layer.Columns {
		if _, twice := p.header[fold(column)]; !twice {
			p.header[fold(column)] = i
		}
	}
	if p.rows, err = f.Rows(layer); err != nil {
		return nil, fail(err)
	}
	return p, nil
}

func (p *geopackage) share() (done, of int64) { return p.rows.Share() }

func (p *geopackage) next() (*Record, error) {
	g, row, err := p.rows.Next()
	if err == io.EOF {
		return nil, io.EOF
	}
	p.n++
	rec := &Record{Line: p.n, Geometry: g, header: p.header, row: make([]string, len(row)), options: p.options}
	switch {
	case errors.Is(err, gpkg.ErrGeometry):
		rec.fault = &Text{"几何无法读取 (曲线, 或数据损坏)", "the geometry cannot be read (a curve, or broken)"}
	case err != nil:
		return nil, &FileError{p.name, p.n, Text{"GeoPackage 无法读取: " + err.Error(), "unreadable GeoPackage: " + err.Error()}}
	}
	for i, v := range row {
		switch v := v.(type) {
		case string:
			rec.row[i] = strings.ReplaceAll(v, "\x00", "")
		case int64:
			rec.row[i] = strconv.FormatInt(v, 10)
		case float64:
			rec.row[i] = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return rec, nil
}
