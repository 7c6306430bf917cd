// Package geo is WHERE things are: grids, buildings and backdrop in memory, beside the tables that hold them.
package geo

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"

	"gridwall/geo/building"
	"gridwall/geo/grid"
	"gridwall/geo/tile"
)

// Layer names one of the three tables that Reload reads again.
type Layer string

const (
	Grids     Layer = "grid"
	Buildings Layer = "building"
	Backdrop  Layer = "backdrop"
)

// Map is everything that has a place, in memory. Safe for concurrent use, also while Reload runs.
type Map struct{}

// Open reads the whole map.
func Open(ctx context.Context, pool *pgxpool.Pool) (*Map, error) { return nil, nil }

// Reload reads one table again; readers see the old state until it is whole.
func (m *Map) Reload(ctx context.Context, layer Layer) error { return nil }

// Grids is the tree as of the last Reload.
func (m *Map) Grids() *grid.Tree { return nil }

// Locate returns the path of grids that cover p (lon, lat), or grid.ErrOutside.
func (m *Map) Locate(p orb.Point) (grid.Path, error) { return nil, grid.ErrOutside }

// Tiles is the tile store; its sets are backdrop, grids, buildings and cameras (which the caller fills).
func (m *Map) Tiles() *tile.Store { return nil }

// Bounds is the extent of the grids, else of all that is drawn; ok is false on an empty map.
func (m *Map) Bounds() (b orb.Bound, ok bool) { return orb.Bound{}, false }

// Buildings counts the buildings in a grid and all grids under it.
func (m *Map) Buildings(code grid.Code) int { return 0 }

// Building returns one building; nil if there is none.
func (m *Map) Building(id uint64) *building.Building { return nil }

// Result is one thing found by Search.
type Result struct {
	Type     string // "grid" or "building"
	ID       string // the grid's code, the building's id
	Name     string
	Detail   string // the address, or the path of grids
	Location orb.Point
}

// Search finds grids and buildings whose name, code or address contains q, best first, at most limit.
func (m *Map) Search(q string, limit int) []Result { return nil }
