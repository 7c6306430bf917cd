// Package tile serves vector tiles (MVT 2.1, TileJSON 3) from memory.
package tile

import (
	"errors"

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
}

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
}

// Layer is one MVT layer of a set.
type Layer struct {
	Name   string
	Fields []Field
	// FarBelow is the first zoom that draws Geometry where a feature has a Far geometry.
	FarBelow maptile.Zoom
	// ThinBelow is the first zoom at which every point is drawn; below it at most one in 1/64 tile.
	ThinBelow maptile.Zoom
}

// Set is what one tile address serves: /tiles/{set}/{z}/{x}/{y}.mvt, one or more MVT layers.
type Set struct {
	Name             string
	MinZoom, MaxZoom maptile.Zoom
	Layers           []Layer
}

// Tile is one encoded tile.
type Tile struct {
	Gzip []byte // the body, gzipped
	ETag string // strong, with its quotes
}

// Plain returns the body without gzip.
func (t *Tile) Plain() []byte { return nil }

// Store holds sets of layers in memory and encodes their tiles. Safe for concurrent use; readers never wait.
type Store struct{}

// NewStore returns a store of empty sets; sets and layers are fixed from here on.
func NewStore(sets ...Set) *Store { return &Store{} }

// Replace puts features in the place of everything in set's layer.
func (s *Store) Replace(set, layer string, features []Feature) error { return nil }

// Put adds features to set's layer, or replaces those with the same ID.
func (s *Store) Put(set, layer string, features ...Feature) error { return nil }

// Delete takes the features with these IDs out of set's layer.
func (s *Store) Delete(set, layer string, ids ...uint64) error { return nil }

// Tile returns one tile of set: ErrNoLayer for an unknown set, ErrNoTile outside its zooms.
func (s *Store) Tile(set string, at maptile.Tile) (*Tile, error) { return nil, ErrNoLayer }

// ParseAddress reads the three parts of /{z}/{x}/{y}.mvt; ErrNoTile where they name no tile.
func ParseAddress(z, x, y string) (maptile.Tile, error) { return maptile.Tile{}, ErrNoTile }

// TileJSON describes set; url is the template with {z}, {x} and {y}.
func (s *Store) TileJSON(set, url string) (*TileJSON, error) { return nil, ErrNoLayer }

// TileJSON is version 3.0.0 of the specification.
type TileJSON struct {
	TileJSON     string        `json:"tilejson"`
	Name         string        `json:"name"`
	Tiles        []string      `json:"tiles"`
	MinZoom      int           `json:"minzoom"`
	MaxZoom      int           `json:"maxzoom"`
	Bounds       [4]float64    `json:"bounds"`
	Center       [3]float64    `json:"center"`
	VectorLayers []VectorLayer `json:"vector_layers"`
}

// VectorLayer is one entry of vector_layers.
type VectorLayer struct {
	ID      string            `json:"id"`
	Fields  map[string]string `json:"fields"`
	MinZoom int               `json:"minzoom"`
	MaxZoom int               `json:"maxzoom"`
}
