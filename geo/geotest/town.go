// Package geotest makes the demo town: synthetic, deterministic from a seed.
package geotest

import "github.com/paulmach/orb"

// Town is a whole synthetic town. The files are what the ordinary importer reads (datum wgs84).
type Town struct {
	Streets     []byte // GeoJSON: code, name                    → grids, level street
	Communities []byte // GeoJSON: code, parent, name            → grids, level community
	Grids       []byte // GeoJSON: code, parent, name, households → grids, level grid
	Buildings   []byte // GeoJSON: code, name, address, kind, floors, units, households
	Backdrop    []byte // GeoJSON: kind, class, name
	Cameras     []byte // CSV: id,name,lon,lat,bearing,angle,range_m,height_m,ptz,indoor,purpose,url (url is empty)

	Departments []Department // 39
	Officers    []Officer    // 104
	Places      []Place      // where cases may be posted
}

// Department is an office that cases are dispatched to.
type Department struct {
	Code string // D01…D39
	Name string
}

// Officer is an information officer 网格信息员.
type Officer struct {
	Name  string
	Post  string // 网格长, 网格员, …
	Grid  string // code
	Shift string // A or B (the stand-in)
	Phone string // in the range 10000000000–10000009999, which no network assigns
}

// Place is a point with words for it.
type Place struct {
	Name    string
	Address string
	Kind    string // street, compound, market, park, river, toilet, school …
	Grid    string // code
	Point   orb.Point
}

// New makes the town of a seed: the same seed, the same bytes.
func New(seed uint64) *Town { return &Town{} }
