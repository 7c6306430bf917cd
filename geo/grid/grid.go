// Package grid holds the tree of management cells: street, community, grid.
package grid

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gridwall/geo/importer"
)

// Level is the height of a cell in the tree.
type Level string

const (
	Street    Level = "street"    // 街道
	Community Level = "community" // 社区
	Cellular  Level = "grid"      // 网格
)

// Kind is what a grid is for.
type Kind string

const (
	Service Kind = "service" // 服务网格
	Unit    Kind = "unit"    // 单元网格
)

// Code identifies a cell.
type Code = string

// Cell is one row of table grid.
type Cell struct {
	ID         uint64
	Code       Code
	Parent     Code
	Level      Level
	Kind       Kind
	Name       string
	Households int // -1 where it is not known
	Geometry   orb.MultiPolygon
	Label      orb.Point
	Bound      orb.Bound
}

// Path is the cells that cover a point, street first, cell last.
type Path []*Cell

// Cell is the last of the path.
func (p Path) Cell() *Cell { return p[len(p)-1] }

// ErrOutside says that no cell covers the point.
var ErrOutside = errors.New("grid: point outside every grid")

// OutsideError is ErrOutside with the nearest cell.
type OutsideError struct {
	Nearest   *Cell
	DistanceM float64
}

func (e *OutsideError) Error() string { return "" }

// Is makes errors.Is(err, ErrOutside) true.
func (e *OutsideError) Is(target error) bool { return target == ErrOutside }

// DB is what Load reads from: a pool, a connection or a transaction.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Load reads the whole tree.
func Load(ctx context.Context, db DB) (*Tree, error) { return nil, nil }

// Tree is every cell, by code and by parent. It does not change.
type Tree struct{}

// Cells returns all cells, by level (street first) and code.
func (t *Tree) Cells() []*Cell { return nil }

// Cell returns the cell of that code, nil if there is none.
func (t *Tree) Cell(code Code) *Cell { return nil }

// Children returns the cells right under code, by code; "" gives the roots.
func (t *Tree) Children(code Code) []*Cell { return nil }

// Path returns the cells from the street down to code; nil if there is no such cell.
func (t *Tree) Path(code Code) Path { return nil }

// Bound is the extent of all cells.
func (t *Tree) Bound() orb.Bound { return orb.Bound{} }

// Index answers Locate from memory.
type Index struct{}

// NewIndex builds the index of a tree.
func NewIndex(t *Tree) *Index { return nil }

// Locate returns the path of grids that cover p, street first, cell last.
func (x *Index) Locate(p orb.Point) (Path, error) { return nil, ErrOutside }

// ParentBy says how a cell finds its parent.
type ParentBy string

const (
	ByColumn ParentBy = "column" // the row's field parent holds the code
	ByPrefix ParentBy = "prefix" // the code begins with the parent's code (6+3+3+3)
	ByPlace  ParentBy = "within" // the cell of the level above with which it overlaps most
)

// Options of Import.
type Options struct {
	Level    Level
	Kind     Kind     // default Service
	ParentBy ParentBy // default: ByColumn where the file has one, else ByPrefix where a code fits, else ByPlace
	Progress importer.Progress
}

// Import writes the rows of r as cells of one level.
func Import(ctx context.Context, tx pgx.Tx, r *importer.Reader, o Options) (*importer.Report, error) {
	return nil, nil
}
