package tile

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// pt is a position on the Mercator square, 2^32 units a side (9 mm at the equator), y down.
type pt struct{ x, y uint32 }

// maxLat is where the Mercator square ends.
const maxLat = 85.05112877980659

func world(p orb.Point) pt {
	lat := min(max(p[1], -maxLat), maxLat)
	sin := math.Sin(lat * math.Pi / 180)
	return pt{
		unit((p[0] + 180) / 360),
		unit(0.5 - math.Log((1+sin)/(1-sin))/(4*math.Pi)),
	}
}

func unit(v float64) uint32 {
	return uint32(min(max(math.Round(v*(1<<32)), 0), 1<<32-1))
}

func (p pt) lonLat() orb.Point {
	x, y := float64(p.x)/(1<<32), float64(p.y)/(1<<32)
	return orb.Point{x*360 - 180, math.Atan(math.Sinh(math.Pi*(1-2*y))) * 180 / math.Pi}
}

// morton interleaves x and y: near places get near numbers, and a tile is one run of them.
func (p pt) morton() uint64 { return spread(p.x) | spread(p.y)<<1 }

func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000FFFF0000FFFF
	x = (x | x<<8) & 0x00FF00FF00FF00FF
	x = (x | x<<4) & 0x0F0F0F0F0F0F0F0F
	x = (x | x<<2) & 0x3333333333333333
	x = (x | x<<1) & 0x5555555555555555
	return x
}

// box is a bound on the Mercator square, its edges included.
type box struct{ minX, minY, maxX, maxY uint32 }

var nothing = box{math.MaxUint32, math.MaxUint32, 0, 0}

func (b box) union(c box) box {
	return box{min(b.minX, c.minX), min(b.minY, c.minY), max(b.maxX, c.maxX), max(b.maxY, c.maxY)}
}

func (b box) add(p pt) box { return b.union(box{p.x, p.y, p.x, p.y}) }

func (b *box) meets(c *box) bool {
	return b.minX <= c.maxX && c.minX <= b.maxX && b.minY <= c.maxY && c.minY <= b.maxY
}

func (b *box) holds(c *box) bool {
	return b.minX <= c.minX && c.maxX <= b.maxX && b.minY <= c.minY && c.maxY <= b.maxY
}

func (b box) center() pt {
	return pt{uint32((uint64(b.minX) + uint64(b.maxX)) / 2), uint32((uint64(b.minY) + uint64(b.maxY)) / 2)}
}

// shape is a geometry on the Mercator square.
type shape struct {
	kind  byte // of MVT: point, line or polygon
	pts   []pt
	parts []part // lines or rings; none for points
	box   box
}

const (
	point   = 1
	line    = 2
	polygon = 3
)

// part is one line, or one ring without its last point (which repeats the first).
type part struct {
	end  int32 // in pts
	hole bool
}

// same says that two shapes are drawn alike; nil is like nil alone.
func (s *shape) same(t *shape) bool {
	return s == t || s != nil && t != nil && s.kind == t.kind && slices.Equal(s.pts, t.pts) && slices.Equal(s.parts, t.parts)
}

// newShape turns g over; nil where nothing is left of it. Outer rings get a positive area with y down, holes a negative
// one, as MVT 2.1 (4.3.4.4) wants.
func newShape(g orb.Geometry) *shape {
	s := &shape{box: nothing}
	s.add(g)
	if len(s.pts) == 0 {
		return nil
	}
	s.pts = s.pts[:len(s.pts):len(s.pts)]
	return s
}

func (s *shape) add(g orb.Geometry) {
	switch g := g.(type) {
	case orb.Point:
		s.kind = point
		s.push(world(g))
	case orb.MultiPoint:
		for _, p := range g {
			s.add(p)
		}
	case orb.LineString:
		s.kind = line
		for _, p := range g {
			s.push(world(p))
		}
		s.parts = append(s.parts, part{end: int32(len(s.pts))})
	case orb.MultiLineString:
		for _, l := range g {
			s.add(l)
		}
	case orb.Polygon:
		s.kind = polygon
		for i, r := range g {
			s.ring(r, i > 0)
		}
	case orb.MultiPolygon:
		for _, p := range g {
			s.add(p)
		}
	case orb.Bound:
		s.add(g.ToPolygon())
	case orb.Collection: // what ST_MakeValid leaves of a drawing: the kind of its first part
		for _, m := range g {
			if s.kind == 0 || m.Dimensions() == int(s.kind)-1 {
				s.add(m)
			}
		}
	}
}

func (s *shape) push(p pt) {
	s.pts = append(s.pts, p)
	s.box = s.box.add(p)
}

func (s *shape) ring(r orb.Ring, hole bool) {
	if len(r) < 4 {
		return
	}
	from := len(s.pts)
	for _, p := range r[:len(r)-1] {
		s.push(world(p))
	}
	pts := s.pts[from:]
	var area int64
	for i, p := range pts {
		q := pts[(i+1)%len(pts)]
		// Relative to the first point: world coordinates multiplied would overflow.
		area += (int64(p.x)-int64(pts[0].x))*(int64(q.y)-int64(pts[0].y)) - (int64(q.x)-int64(pts[0].x))*(int64(p.y)-int64(pts[0].y))
	}
	if (area < 0) != hole {
		for i, j := 0, len(pts)-1; i < j; i, j = i+1, j-1 {
			pts[i], pts[j] = pts[j], pts[i]
		}
	}
	s.parts = append(s.parts, part{int32(len(s.pts)), hole})
}
