package grid

import (
	"fmt"
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
	"github.com/peterstace/simplefeatures/geom"
)

// Overlays of polygons are those of simplefeatures: pure Go, and exact about touching borders.

func toOverlay(g orb.Geometry) (geom.Geometry, error) {
	b, err := wkb.Marshal(g)
	if err != nil {
		return geom.Geometry{}, err
	}
	return geom.UnmarshalWKB(b, geom.NoValidate{})
}

// pieces are the polygons of an overlay's result; lines and points have no area.
func pieces(g geom.Geometry) ([]orb.Polygon, error) {
	if g.IsEmpty() {
		return nil, nil
	}
	if c, ok := g.AsGeometryCollection(); ok {
		var all []orb.Polygon
		for i := range c.NumGeometries() {
			some, err := pieces(c.GeometryN(i))
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}
	if g.Dimension() < 2 {
		return nil, nil
	}
	o, err := wkb.Unmarshal(g.AsBinary())
	if err != nil {
		return nil, err
	}
	switch o := o.(type) {
	case orb.Polygon:
		return []orb.Polygon{o}, nil
	case orb.MultiPolygon:
		return o, nil
	}
	return nil, nil
}

// overlay runs one of geom's operations on two geometries.
func overlay(do func(a, b geom.Geometry) (geom.Geometry, error), a, b orb.Geometry) ([]orb.Polygon, error) {
	x, err := toOverlay(a)
	if err != nil {
		return nil, err
	}
	y, err := toOverlay(b)
	if err != nil {
		return nil, err
	}
	z, err := do(x, y)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	return pieces(z)
}

// union is the union of many shapes.
func union(shapes []orb.MultiPolygon) ([]orb.Polygon, error) {
	all := make([]geom.Geometry, len(shapes))
	for i, s := range shapes {
		var err error
		if all[i], err = toOverlay(s); err != nil {
			return nil, err
		}
	}
	u, err := geom.UnionMany(all)
	if err != nil {
		return nil, fmt.Errorf("union of %d grids: %w", len(shapes), err)
	}
	return pieces(u)
}

// inside is a point of the polygon's interior.
func inside(p orb.Polygon) (orb.Point, bool) {
	g, err := toOverlay(p)
	if err != nil {
		return orb.Point{}, false
	}
	c, ok := g.PointOnSurface().XY()
	return orb.Point{c.X, c.Y}, ok
}

// fromSegment is how far p lies from a–b, in degrees of latitude; at is where the nearest point lies, 0 at a, 1 at b.
// stretch is the cosine of the latitude: a degree of longitude is that much shorter.
func fromSegment(p, a, b orb.Point, stretch float64) (distance, at float64) {
	px, py := (p[0]-a[0])*stretch, p[1]-a[1]
	dx, dy := (b[0]-a[0])*stretch, b[1]-a[1]
	if length := dx*dx + dy*dy; length > 0 {
		at = min(1, max(0, (px*dx+py*dy)/length))
	}
	return math.Hypot(px-at*dx, py-at*dy), at
}
