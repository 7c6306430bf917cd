// Package tile serves vector tiles (MVT 2.1, TileJSON 3) from memory.
//
// A Store has sets, each with its MVT layers; one address serves one set. Features are turned at Put into whole numbers on
// the Mercator square and their attributes into the bytes of a tile; a tile is then a walk over a packed tree, clipping,
// and copying. Readers take a snapshot and never wait; a change makes a new snapshot and drops exactly the cached tiles
// under its old and new bounds, so a tile read after Put returns shows what was put.
package tile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/maptile"
)

// ErrNoLayer and ErrNoTile are answered with 404.
var (
	ErrNoLayer = errors.New("tile: no such layer")
	ErrNoTile  = errors.New("tile: no such tile")
)

// Feature is one thing on the map.
type Feature struct {
	ID       uint64       // stable; unique in its layer
	Geometry orb.Geometry // lon, lat in degrees, WGS-84
	// Far, if set, is drawn instead of Geometry below the layer's FarBelow: a point for a footprint.
	Far orb.Geometry
	// MinZoom is the first zoom that shows the feature; 0: the set's.
	MinZoom maptile.Zoom
	// Attributes must be fields of the layer: string, bool, whole numbers, float64. nil values are left out.
	Attributes map[string]any
	// Desk features are in the Desk view alone.
	Desk bool
}

// View is for whom a tile is made.
type View uint8

const (
	Wall View = iota // whoever may look at the map
	Desk             // those who may know of 保密 cameras, at a desk
	views
)

// FieldType is a TileJSON field type.
type FieldType string

const (
	String  FieldType = "String"
	Number  FieldType = "Number"
	Boolean FieldType = "Boolean"
)

// Field is one attribute of a layer.
type Field struct {
	Name string
	Type FieldType
	// Desk fields are in the Desk view alone; they come last in their layer.
	Desk bool
}

// Layer is one MVT layer of a set.
type Layer struct {
	Name   string
	Fields []Field
	// FarBelow is the first zoom that draws Geometry where a feature has a Far geometry.
	FarBelow maptile.Zoom
	// ThinBelow is the first zoom at which every point is drawn; below it at most one in each square of 1/64 tile.
	ThinBelow maptile.Zoom
}

// Set is what one tile address serves: /tiles/{set}/{z}/{x}/{y}.mvt, one or more MVT layers.
type Set struct {
	Name             string
	MinZoom, MaxZoom maptile.Zoom // MaxZoom at most 20
	Layers           []Layer
}

// Tile is one encoded tile. It is shared: do not change it.
type Tile struct {
	Gzip []byte // the body, gzipped
	ETag string // strong, with its quotes
}

// Plain returns the body without gzip.
func (t *Tile) Plain() []byte {
	r, err := gzip.NewReader(bytes.NewReader(t.Gzip))
	if err != nil {
		panic(err) // this package wrote it
	}
	b, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return b
}

// ParseAddress reads the parts of /{z}/{x}/{y}.mvt (.pbf, or no ending, will do); ErrNoTile where they name no tile.
func ParseAddress(z, x, y string) (maptile.Tile, error) {
	if s, ok := strings.CutSuffix(y, ".mvt"); ok {
		y = s
	} else {
		y = strings.TrimSuffix(y, ".pbf")
	}
	var n [3]uint32
	for i, s := range []string{z, x, y} {
		v, err := strconv.ParseUint(s, 10, 32)
		if err != nil || s != strconv.FormatUint(v, 10) { // one address a tile: no +1, no 01
			return maptile.Tile{}, ErrNoTile
		}
		n[i] = uint32(v)
	}
	if n[0] > deepest || n[1]>>n[0] != 0 || n[2]>>n[0] != 0 {
		return maptile.Tile{}, ErrNoTile
	}
	return maptile.New(n[1], n[2], maptile.Zoom(n[0])), nil
}

// deepest is the last zoom whose tiles have 4096 whole units of the 32-bit world.
const deepest = 20

// TileJSON is version 3.0.0 of the specification.
type TileJSON struct {
	TileJSON     string        `json:"tilejson"`
	Name         string        `json:"name"`
	Scheme       string        `json:"scheme"`
	Tiles        []string      `json:"tiles"`
	MinZoom      int           `json:"minzoom"`
	MaxZoom      int           `json:"maxzoom"`
	Bounds       [4]float64    `json:"bounds"` // west, south, east, north
	Center       [3]float64    `json:"center"` // lon, lat, zoom
	VectorLayers []VectorLayer `json:"vector_layers"`
}

// VectorLayer is one entry of vector_layers.
type VectorLayer struct {
	ID      string            `json:"id"`
	Fields  map[string]string `json:"fields"`
	MinZoom int               `json:"minzoom"`
	MaxZoom int               `json:"maxzoom"`
}

// TileJSON describes set as view has it; url is the template with {z}, {x} and {y}. Its bounds are those of the features, or the world.
func (s *Store) TileJSON(set string, view View, url string) (*TileJSON, error) {
	st := s.sets[set]
	if st == nil {
		return nil, ErrNoLayer
	}
	bound, ok := st.bound(view)
	if !ok {
		bound = orb.Bound{Min: orb.Point{-180, -maxLat}, Max: orb.Point{180, maxLat}}
	}
	round := func(v float64) float64 { return math.Round(v*1e6) / 1e6 }
	c := bound.Center()
	j := &TileJSON{
		TileJSON: "3.0.0", Name: set, Scheme: "xyz", Tiles: []string{url},
		MinZoom: int(st.spec.MinZoom), MaxZoom: int(st.spec.MaxZoom),
		Bounds: [4]float64{round(bound.Min[0]), round(bound.Min[1]), round(bound.Max[0]), round(bound.Max[1])},
		Center: [3]float64{round(c[0]), round(c[1]), float64(min(st.spec.MaxZoom, max(st.spec.MinZoom, 13)))},
	}
	for _, l := range st.spec.Layers {
		fields := make(map[string]string, len(l.Fields))
		for _, f := range l.Fields[:l.keys(view)] {
			fields[f.Name] = string(f.Type)
		}
		j.VectorLayers = append(j.VectorLayers, VectorLayer{l.Name, fields, j.MinZoom, j.MaxZoom})
	}
	return j, nil
}
