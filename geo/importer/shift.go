package importer

import (
	"encoding/json"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/geojson"

	"gridwall/geo/crs"
)

// Shift is by how much the datum moved the first position of each row, metres. A person sees from it whether the label
// is right: GCJ-02 lies hundreds of metres off, and a wrong label puts houses on the other side of the street.
type Shift struct {
	MinM float64   `json:"min_m"`
	MaxM float64   `json:"max_m"`
	From orb.Point `json:"from"` // the first row's, as in the file
	To   orb.Point `json:"to"`   // the same in WGS-84

	rows int
}

func (s *Shift) add(from, to orb.Point) {
	m := geo.Distance(from, to)
	if s.rows == 0 {
		s.From, s.To, s.MinM = from, to, m
	}
	s.rows++
	s.MinM, s.MaxM = min(s.MinM, m), max(s.MaxM, m)
}

// first is a geometry's first position; zero where it is empty.
func first(g orb.Geometry) orb.Point {
	switch g := g.(type) {
	case orb.Point:
		return g
	case orb.MultiPoint:
		if len(g) > 0 {
			return g[0]
		}
	case orb.LineString:
		if len(g) > 0 {
			return g[0]
		}
	case orb.MultiLineString:
		if len(g) > 0 {
			return first(g[0])
		}
	case orb.Polygon:
		if len(g) > 0 {
			return first(orb.LineString(g[0]))
		}
	case orb.MultiPolygon:
		if len(g) > 0 {
			return first(g[0])
		}
	}
	return orb.Point{}
}

// spot is a position of the file as a GeoJSON Point in WGS-84; nil where it is none on Earth.
func spot(p orb.Point, datum crs.Datum) json.RawMessage {
	if p == (orb.Point{}) || outside(p) {
		return nil
	}
	return encode(datum.ToWGS84(p))
}

// encode writes a geometry as GeoJSON; nil for none.
func encode(g orb.Geometry) json.RawMessage {
	if g == nil {
		return nil
	}
	text, err := json.Marshal(geojson.NewGeometry(g))
	if err != nil {
		return nil // no number: the fault was told already
	}
	return text
}

func outside(p orb.Point) bool {
	return !(p[0] >= -180 && p[0] <= 180 && p[1] >= -90 && p[1] <= 90)
}
