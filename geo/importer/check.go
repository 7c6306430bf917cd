package importer

import (
	"fmt"

	"github.com/paulmach/orb"

	"gridwall/geo/crs"
)

// toWGS84 converts g and says what is wrong with its shape or numbers. Lines and polygons are converted in place.
// Whether a polygon crosses itself is for PostGIS to say.
func toWGS84(g orb.Geometry, datum crs.Datum) (orb.Geometry, *Text) {
	switch g := g.(type) {
	case orb.Point:
		one := []orb.Point{g}
		fault := positions(one, datum)
		return one[0], fault
	case orb.MultiPoint:
		if len(g) == 0 {
			return nil, &empty
		}
		return g, positions(g, datum)
	case orb.LineString:
		return g, line(g, datum)
	case orb.MultiLineString:
		if len(g) == 0 {
			return nil, &empty
		}
		for _, l := range g {
			if fault := line(l, datum); fault != nil {
				return nil, fault
			}
		}
		return g, nil
	case orb.Polygon:
		return g, polygon(g, datum)
	case orb.MultiPolygon:
		if len(g) == 0 {
			return nil, &empty
		}
		for _, p := range g {
			if fault := polygon(p, datum); fault != nil {
				return nil, fault
			}
		}
		return g, nil
	}
	return nil, &Text{fmt.Sprintf("几何类型 %T 不支持", g), fmt.Sprintf("geometry of type %T cannot be used", g)}
}

var empty = Text{"几何是空的", "the geometry is empty"}

func line(l orb.LineString, datum crs.Datum) *Text {
	if len(l) < 2 {
		return &Text{fmt.Sprintf("线至少要有 2 个点, 实有 %d 个", len(l)), fmt.Sprintf("a line needs 2 points, it has %d", len(l))}
	}
	return positions(l, datum)
}

func polygon(p orb.Polygon, datum crs.Datum) *Text {
	if len(p) == 0 {
		return &empty
	}
	for _, r := range p {
		if len(r) < 4 {
			return &Text{fmt.Sprintf("多边形的环至少要有 4 个点, 实有 %d 个", len(r)), fmt.Sprintf("a polygon's ring needs 4 points, it has %d", len(r))}
		}
		if r[0] != r[len(r)-1] {
			return &Text{fmt.Sprintf("多边形的环没有闭合: 首点 %v, 末点 %v", r[0], r[len(r)-1]), fmt.Sprintf("a polygon's ring is not closed: it begins at %v and ends at %v", r[0], r[len(r)-1])}
		}
		if fault := positions(r, datum); fault != nil {
			return fault
		}
	}
	return nil
}

// positions converts ps in place and checks their ranges.
func positions(ps []orb.Point, datum crs.Datum) *Text {
	for i, p := range ps {
		if outside(p) {
			return outOfRange(p)
		}
		ps[i] = datum.ToWGS84(p)
	}
	return nil
}

func outOfRange(p orb.Point) *Text {
	switch {
	case p[0] >= -90 && p[0] <= 90 && p[1] >= -180 && p[1] <= 180:
		return &Text{fmt.Sprintf("坐标超出范围: 经度 %g, 纬度 %g (是否写成了先纬度后经度? 应先经度)", p[0], p[1]),
			fmt.Sprintf("coordinates out of range: lon %g, lat %g (is it lat, lon? longitude comes first)", p[0], p[1])}
	case p[0] > 1000 || p[0] < -1000 || p[1] > 1000 || p[1] < -1000:
		return &Text{fmt.Sprintf("坐标超出范围: %g, %g (是以米为单位的投影坐标吗? 应为经纬度)", p[0], p[1]),
			fmt.Sprintf("coordinates out of range: %g, %g (are they projected metres? lon, lat in degrees is needed)", p[0], p[1])}
	}
	return &Text{fmt.Sprintf("坐标超出范围: 经度 %g, 纬度 %g", p[0], p[1]), fmt.Sprintf("coordinates out of range: lon %g, lat %g", p[0], p[1])}
}
