package gpkg

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
)

// ErrGeometry says that a geometry's bytes cannot be read.
var ErrGeometry = fmt.Errorf("gpkg: unreadable geometry")

// decode reads a GeoPackage geometry: "GP", version, flags, SRS, envelope, WKB. An empty one is nil.
func decode(b []byte) (orb.Geometry, error) {
	if len(b) < 8 || b[0] != 'G' || b[1] != 'P' {
		return nil, fmt.Errorf("no GeoPackage header: %w", ErrGeometry)
	}
	flags := b[3]
	if flags&0x20 != 0 {
		return nil, fmt.Errorf("an extended geometry: %w", ErrGeometry)
	}
	envelope := flags >> 1 & 7
	if envelope > 4 {
		return nil, fmt.Errorf("envelope of kind %d: %w", envelope, ErrGeometry)
	}
	skip := 8 + [5]int{0, 32, 48, 48, 64}[envelope]
	if len(b) < skip {
		return nil, fmt.Errorf("cut off: %w", ErrGeometry)
	}
	if flags&0x10 != 0 {
		return nil, nil
	}
	r := &wkbReader{b: b[skip:]}
	g := r.geometry(0)
	if r.bad {
		return nil, ErrGeometry
	}
	return g, nil
}

// encode writes g with its envelope.
func encode(g orb.Geometry) ([]byte, error) {
	body, err := wkb.Marshal(g, binary.LittleEndian)
	if err != nil {
		return nil, err
	}
	bound := g.Bound()
	b := append(make([]byte, 0, 40+len(body)), 'G', 'P', 0, 3) // little-endian, envelope of x and y
	b = binary.LittleEndian.AppendUint32(b, 4326)
	for _, v := range [4]float64{bound.Min[0], bound.Max[0], bound.Min[1], bound.Max[1]} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return append(b, body...), nil
}

// wkbReader reads ISO WKB and its elder EWKB; heights and measures are passed over.
//
// It trusts no length: what a count promises must stand in the bytes that are left.
type wkbReader struct {
	b   []byte
	bad bool
}

func (r *wkbReader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// count reads how many things of at least size bytes follow.
func (r *wkbReader) count(order binary.ByteOrder, size int) int {
	n := int(order.Uint32(r.take(4)))
	if n < 0 || n > len(r.b)/size {
		r.bad = true
		return 0
	}
	return n
}

func (r *wkbReader) points(order binary.ByteOrder, width int) []orb.Point {
	ps := make([]orb.Point, r.count(order, 8*width))
	for i := range ps {
		ps[i] = r.point(order, width)
	}
	return ps
}

func (r *wkbReader) point(order binary.ByteOrder, width int) orb.Point {
	b := r.take(8 * width)
	return orb.Point{math.Float64frombits(order.Uint64(b)), math.Float64frombits(order.Uint64(b[8:]))}
}

func (r *wkbReader) geometry(depth int) orb.Geometry {
	var order binary.ByteOrder = binary.BigEndian
	if r.take(1)[0] == 1 {
		order = binary.LittleEndian
	}
	kind := order.Uint32(r.take(4))
	width := 2
	for _, flag := range []uint32{1 << 31, 1 << 30} { // EWKB's Z and M
		if kind&flag != 0 {
			width++
		}
	}
	if kind&(1<<29) != 0 { // EWKB's SRID
		r.take(4)
	}
	kind &= 0xffff
	switch kind / 1000 {
	case 1, 2:
		width = 3
	case 3:
		width = 4
	}
	if r.bad || depth > 1 {
		r.bad = true
		return nil
	}
	switch kind % 1000 {
	case 1:
		return r.point(order, width)
	case 2:
		return orb.LineString(r.points(order, width))
	case 3:
		return r.polygon(order, width)
	case 4, 5, 6:
		return r.collection(order, kind%1000, depth)
	}
	r.bad = true // curves, surfaces and mixed collections are no place of ours
	return nil
}

func (r *wkbReader) polygon(order binary.ByteOrder, width int) orb.Polygon {
	p := make(orb.Polygon, r.count(order, 4))
	for i := range p {
		p[i] = r.points(order, width)
	}
	return p
}

func (r *wkbReader) collection(order binary.ByteOrder, kind uint32, depth int) orb.Geometry {
	var points orb.MultiPoint
	var lines orb.MultiLineString
	var polygons orb.MultiPolygon
	for range r.count(order, 9) {
		switch g := r.geometry(depth + 1).(type) {
		case orb.Point:
			points = append(points, g)
		case orb.LineString:
			lines = append(lines, g)
		case orb.Polygon:
			polygons = append(polygons, g)
		default:
			r.bad = true
		}
		if r.bad {
			return nil
		}
	}
	switch kind {
	case 4:
		return points
	case 5:
		return lines
	}
	return polygons
}
