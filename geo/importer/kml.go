package importer

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
)

// placemarks reads KML (OGC 12-007r2), a Placemark at a time. Folders and styles are passed over.
type placemarks struct {
	name    string
	xml     *xml.Decoder
	text    *text
	options *Options
}

func newPlacemarks(name string, r *bufio.Reader, t *text, o *Options) *placemarks {
	p := &placemarks{name: name, xml: xml.NewDecoder(r), text: t, options: o}
	// The bytes are UTF-8 by now, whatever the first line says.
	p.xml.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	return p
}

func (p *placemarks) next() (*Record, error) {
	for {
		token, err := p.xml.Token()
		if err != nil {
			return nil, p.broken(err)
		}
		p.text.rowEnds()
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "Placemark" {
			continue
		}
		line, _ := p.xml.InputPos()
		return p.placemark(line, start)
	}
}

func (p *placemarks) broken(err error) error {
	if err == io.EOF {
		return io.EOF
	}
	var file *FileError
	if errors.As(err, &file) {
		return err
	}
	line, _ := p.xml.InputPos()
	return &FileError{p.name, line, Text{"XML 格式错误: " + err.Error(), "broken XML: " + err.Error()}}
}

// kmz reads every KML file of an archive, one after the other: its main file often only links to the others.
type kmz struct {
	r     *Reader
	files []*zip.File
	open  *placemarks
}

func (k *kmz) next() (*Record, error) {
	for {
		if k.open != nil {
			rec, err := k.open.next()
			if err != io.EOF {
				return rec, err
			}
			k.open, k.files = nil, k.files[1:]
		}
		if len(k.files) == 0 {
			return nil, io.EOF
		}
		in, err := k.files[0].Open()
		if err != nil {
			return nil, &FileError{k.r.name, 0, Text{"zip 无法读取: " + err.Error(), "unreadable zip: " + err.Error()}}
		}
		name := k.r.name + "/" + k.files[0].Name
		k.r.size, k.r.text = int64(k.files[0].UncompressedSize64), newText(name, in)
		k.open = newPlacemarks(name, bufio.NewReaderSize(k.r.text, 64<<10), k.r.text, &k.r.options)
	}
}

// kmlShape is a geometry element of any kind.
type kmlShape struct {
	XMLName     xml.Name
	Coordinates string     `xml:"coordinates"`
	Outer       *kmlRing   `xml:"outerBoundaryIs"`
	Inner       []kmlRing  `xml:"innerBoundaryIs"`
	Parts       []kmlShape `xml:",any"` // of a MultiGeometry
}

type kmlRing struct {
	Rings []struct {
		Coordinates string `xml:"coordinates"`
	} `xml:"LinearRing"`
}

type kmlPlacemark struct {
	Name        string `xml:"name"`
	Description string `xml:"description"`
	Address     string `xml:"address"`
	Data        []struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value"`
	} `xml:"ExtendedData>Data"`
	Simple []struct {
		Name  string `xml:"name,attr"`
		Value string `xml:",chardata"`
	} `xml:"ExtendedData>SchemaData>SimpleData"`
	Shapes []kmlShape `xml:",any"`
}

func (p *placemarks) placemark(line int, start xml.StartElement) (*Record, error) {
	var mark kmlPlacemark
	if err := p.xml.DecodeElement(&mark, &start); err != nil {
		return nil, p.broken(err)
	}
	rec := &Record{Line: line, header: map[string]int{}, options: p.options}
	set := func(name, value string) {
		if _, twice := rec.header[fold(name)]; !twice {
			rec.header[fold(name)] = len(rec.row)
			rec.row = append(rec.row, strings.TrimSpace(strings.ReplaceAll(value, "\x00", "")))
		}
	}
	for _, d := range mark.Data { // before the placemark's own: a table's column called name is meant
		set(d.Name, d.Value)
	}
	for _, d := range mark.Simple {
		set(d.Name, d.Value)
	}
	for name, value := range map[string]string{"name": mark.Name, "description": mark.Description, "address": mark.Address} {
		if value != "" {
			set(name, value)
		}
	}
	var all []orb.Geometry
	for _, s := range mark.Shapes {
		if rec.fault = s.geometry(&all, 0); rec.fault != nil {
			return rec, nil
		}
	}
	rec.Geometry, rec.fault = gather(all)
	return rec, nil
}

// geometry adds what the element holds; elements that are no geometry add nothing.
func (s *kmlShape) geometry(all *[]orb.Geometry, depth int) *Text {
	var fault *Text
	switch s.XMLName.Local {
	case "Point":
		ps, fault := tuples(s.Coordinates)
		if fault != nil {
			return fault
		}
		if len(ps) != 1 {
			return &Text{"Point 应有一个坐标", "a Point has one position"}
		}
		*all = append(*all, ps[0])
	case "LineString", "LinearRing":
		ps, fault := tuples(s.Coordinates)
		if fault != nil {
			return fault
		}
		*all = append(*all, orb.LineString(ps))
	case "Polygon":
		var polygon orb.Polygon
		rings := s.Inner
		if s.Outer != nil {
			rings = append([]kmlRing{*s.Outer}, rings...)
		}
		for _, r := range rings {
			for _, ring := range r.Rings {
				ps, fault := tuples(ring.Coordinates)
				if fault != nil {
					return fault
				}
				polygon = append(polygon, ps)
			}
		}
		*all = append(*all, polygon)
	case "MultiGeometry":
		if depth > 8 {
			return &Text{"MultiGeometry 嵌套过深", "MultiGeometry within MultiGeometry, too deep"}
		}
		for i := range s.Parts {
			if fault = s.Parts[i].geometry(all, depth+1); fault != nil {
				return fault
			}
		}
	}
	return fault
}

// tuples reads lon,lat[,height] separated by white space.
func tuples(s string) ([]orb.Point, *Text) {
	var ps []orb.Point
	for _, tuple := range strings.Fields(s) {
		parts := strings.Split(tuple, ",")
		if len(parts) < 2 || len(parts) > 3 {
			return nil, &Text{"坐标应为 经度,纬度: " + tuple, "a position is lon,lat: " + tuple}
		}
		lon, err1 := strconv.ParseFloat(parts[0], 64)
		lat, err2 := strconv.ParseFloat(parts[1], 64)
		if err1 != nil || err2 != nil {
			return nil, &Text{"坐标应为数字: " + tuple, "a position is two numbers: " + tuple}
		}
		ps = append(ps, orb.Point{lon, lat})
	}
	return ps, nil
}

// gather makes one geometry of several of a kind.
func gather(all []orb.Geometry) (orb.Geometry, *Text) {
	if len(all) == 0 {
		return nil, nil // Next says so
	}
	if len(all) == 1 {
		return all[0], nil
	}
	var points orb.MultiPoint
	var lines orb.MultiLineString
	var polygons orb.MultiPolygon
	for _, g := range all {
		switch g := g.(type) {
		case orb.Point:
			points = append(points, g)
		case orb.LineString:
			lines = append(lines, g)
		case orb.Polygon:
			polygons = append(polygons, g)
		}
	}
	switch len(all) {
	case len(points):
		return points, nil
	case len(lines):
		return lines, nil
	case len(polygons):
		return polygons, nil
	}
	return nil, &Text{"点、线、面混在一个 MultiGeometry 中: 请分开", "points, lines and polygons in one MultiGeometry: separate them"}
}
