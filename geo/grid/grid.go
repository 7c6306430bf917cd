// Package grid holds the tree of management cells: street 街道, community 社区, grid 网格.
//
// A cell is imported, stored in table grid, loaded into a Tree, and found by Index.Locate. A Tree does not change: after
// an import it is loaded again and put in the place of the old one. SQL has the same rule for whose a point is: grid_at.
package grid

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
)

// Level is the height of a cell in the tree.
type Level string

const (
	Street    Level = "street"    // 街道
	Community Level = "community" // 社区
	Lattice   Level = "grid"      // 网格
)

// levels from the top.
var levels = []Level{Street, Community, Lattice}

// depth is 0 for a street; -1 for what is no level.
func (l Level) depth() int { return slices.Index(levels, l) }

// above lists the levels over l.
func (l Level) above() []string {
	var names []string
	for _, a := range levels[:l.depth()] {
		names = append(names, string(a))
	}
	return names
}

// ParseLevel reads a level's name; the error lists the choices.
func ParseLevel(s string) (Level, error) {
	if l := Level(strings.ToLower(s)); l.depth() >= 0 {
		return l, nil
	}
	return "", fmt.Errorf("unknown level %q: choose %s, %s or %s", s, Street, Community, Lattice)
}

// Kind is what a grid is for.
type Kind string

const (
	Service Kind = "service" // 服务网格: 200–500 households, has officers
	Unit    Kind = "unit"    // 单元网格: about 10,000 m²
)

// Code identifies a cell. Layout 6+3+3+3 where a site follows GB/T 30428.1-2013; any text is accepted.
type Code = string

// Cell is one row of table grid.
type Cell struct {
	ID         uint64 // stable; the feature id in tiles
	Code       Code
	Parent     Code // "" at the top
	Level      Level
	Kind       Kind
	Name       string
	Households int // -1 where it is not known
	Geometry   orb.MultiPolygon
	Label      orb.Point // inside, for the name
	Bound      orb.Bound
}

// Path is the cells that cover a point, street first, cell last. It is shared: do not change it.
type Path []*Cell

// Cell is the last of the path.
func (p Path) Cell() *Cell { return p[len(p)-1] }

// Names joins the names of the path, street first.
func (p Path) Names() string {
	var b strings.Builder
	for _, c := range p {
		b.WriteString(c.Name)
	}
	return b.String()
}

// Tree is every cell, by code and by parent. It does not change.
type Tree struct {
	cells    []*Cell // by level, then code
	byCode   map[Code]*Cell
	children map[Code][]*Cell
	paths    map[*Cell]Path
	bound    orb.Bound
	became   map[Code][]Code // of cells that are no more
	heritage map[Code][]Code // the cells that are no more, by what followed them
}

// DB is what Load reads from: a pool, a connection or a transaction.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const load = `
SELECT id, code, COALESCE(parent, ''), level, kind, name, COALESCE(households, -1), ST_AsBinary(geom), ST_X(label), ST_Y(label)
FROM grid`

// Load reads the whole tree.
func Load(ctx context.Context, db DB) (*Tree, error) {
	cells, err := query(ctx, db, load)
	if err != nil {
		return nil, err
	}
	became, err := LoadRetired(ctx, db)
	if err != nil {
		return nil, err
	}
	return NewTreeAfter(cells, became), nil
}

// LoadRetired reads what became of cells that are no more; what followed may be no more itself.
func LoadRetired(ctx context.Context, db DB) (map[Code][]Code, error) {
	rows, err := db.Query(ctx, `SELECT code, became FROM grid_retired`)
	if err != nil {
		return nil, fmt.Errorf("load retired grids: %w", err)
	}
	became := map[Code][]Code{}
	var code Code
	var followed []Code
	_, err = pgx.ForEachRow(rows, []any{&code, &followed}, func() error {
		became[code] = slices.Clone(followed)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load retired grids: %w", err)
	}
	return became, nil
}

// LoadCells reads the cells with those ids that are there.
func LoadCells(ctx context.Context, db DB, ids []uint64) ([]*Cell, error) {
	return query(ctx, db, load+` WHERE id = ANY ($1::bigint[])`, ids)
}

func query(ctx context.Context, db DB, sql string, args ...any) ([]*Cell, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("load grids: %w", err)
	}
	cells, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Cell, error) {
		var c Cell
		var geom []byte
		if err := row.Scan(&c.ID, &c.Code, &c.Parent, &c.Level, &c.Kind, &c.Name, &c.Households, &geom, &c.Label[0], &c.Label[1]); err != nil {
			return nil, err
		}
		g, err := wkb.Unmarshal(geom)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Code, err)
		}
		c.Geometry = g.(orb.MultiPolygon) // the column's type
		return &c, nil
	})
	if err != nil {
		return nil, fmt.Errorf("load grids: %w", err)
	}
	return cells, nil
}

// NewTree builds a tree of cells, which it keeps. A cell whose parent is missing counts as a root.
func NewTree(cells []*Cell) *Tree { return NewTreeAfter(cells, nil) }

// NewTreeAfter is NewTree for a tree that follows others: became says what the cells turned into that are no more.
func NewTreeAfter(cells []*Cell, became map[Code][]Code) *Tree {
	t := &Tree{cells: cells, became: became, heritage: map[Code][]Code{}, byCode: make(map[Code]*Cell, len(cells)), children: map[Code][]*Cell{}, paths: make(map[*Cell]Path, len(cells))}
	slices.SortFunc(t.cells, func(a, b *Cell) int {
		return cmp.Or(a.Level.depth()-b.Level.depth(), cmp.Compare(a.Code, b.Code)) // bytewise, as COLLATE "C"
	})
	for i, c := range t.cells {
		if b := c.Geometry.Bound(); c.Bound != b { // a cell of another tree has its readers
			c.Bound = b
		}
		t.byCode[c.Code] = c
		if i == 0 {
			t.bound = c.Bound
		}
		t.bound = t.bound.Union(c.Bound)
	}
	for _, c := range t.cells { // parents stand before their children
		above := t.paths[t.byCode[c.Parent]]
		if above == nil {
			t.children[""] = append(t.children[""], c)
		} else {
			t.children[c.Parent] = append(t.children[c.Parent], c)
		}
		t.paths[c] = append(slices.Clip(above), c)
	}
	for code := range became {
		for _, heir := range t.Heirs(code) {
			t.heritage[heir] = append(t.heritage[heir], code)
		}
	}
	return t
}

// Heirs are the cells of this tree that code stands for: itself, or what it became in the end, if it is no more. There are
// none of a code that never was.
func (t *Tree) Heirs(code Code) (heirs []Code) {
	seen := map[Code]bool{}
	for next := []Code{code}; len(next) > 0; next = next[1:] {
		switch c := next[0]; {
		case seen[c]:
		case t.byCode[c] != nil:
			heirs = append(heirs, c)
		default:
			next = append(next, t.became[c]...)
		}
		seen[next[0]] = true
	}
	return heirs
}

// Under is code, all cells below it, and the cells that are no more of which a part lies there today: cases keep the cell of
// their day.
func (t *Tree) Under(code Code) []Code {
	codes := []Code{code}
	for i := 0; i < len(codes); i++ {
		for _, child := range t.children[codes[i]] {
			codes = append(codes, child.Code)
		}
	}
	for _, c := range slices.Clone(codes) {
		codes = append(codes, t.heritage[c]...)
	}
	slices.Sort(codes[1:])
	return slices.Compact(codes)
}

// Cells returns all cells, by level (street first) and code.
func (t *Tree) Cells() []*Cell { return t.cells }

// Cell returns the cell of that code, nil if there is none.
func (t *Tree) Cell(code Code) *Cell { return t.byCode[code] }

// Children returns the cells right under code, by code; "" gives the roots.
func (t *Tree) Children(code Code) []*Cell { return t.children[code] }

// Path returns the cells from the street down to code; nil if there is no such cell.
func (t *Tree) Path(code Code) Path { return t.paths[t.byCode[code]] }

// Bound is the extent of all cells.
func (t *Tree) Bound() orb.Bound { return t.bound }
