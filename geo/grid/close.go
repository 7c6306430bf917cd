package grid

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
	"github.com/peterstace/simplefeatures/geom"
)

const saveShape = `
UPDATE grid
SET geom = ST_Multi(ST_SetSRID(ST_GeomFromWKB($2), 4326)), label = (ST_MaximumInscribedCircle(ST_SetSRID(ST_GeomFromWKB($2), 4326))).center
WHERE code = $1`

const relocateWithin = `
UPDATE building SET grid = grid_at(geom)
WHERE geom && ST_MakeEnvelope($1, $2, $3, $4, 4326) AND grid IS DISTINCT FROM grid_at(geom)`

// CloseSlivers closes every sliver of at most limitM2 (m²) and returns how many: a gap goes to the cell with the longest
// border to it, an overlap stays with the lowest code, as points on shared borders do. The caller appends the event.
func CloseSlivers(ctx context.Context, tx pgx.Tx, limitM2 float64) (int, error) {
	fail := func(err error) (int, error) { return 0, fmt.Errorf("close slivers: %w", err) }
	if _, err := tx.Exec(ctx, `LOCK TABLE grid IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return fail(err)
	}
	tree, err := Load(ctx, tx)
	if err != nil {
		return fail(err)
	}
	faults, err := Check(tree, 0.01)
	if err != nil {
		return fail(err)
	}
	shapes := map[Code]orb.MultiPolygon{}
	shape := func(c Code) orb.MultiPolygon {
		if s, ok := shapes[c]; ok {
			return s
		}
		return tree.Cell(c).Geometry
	}
	closed := 0
	var places []orb.Bound
	for _, f := range faults {
		if !f.Sliver || f.AreaM2 > limitM2 {
			continue
		}
		switch {
		case f.Kind == Overlap:
			left, err := overlay(geom.Difference, shape(f.Cells[1]), shape(f.Cells[0]))
			if err != nil {
				return fail(err)
			}
			shapes[f.Cells[1]] = left
		case f.Kind == Gap && len(f.Cells) > 0:
			c := longest(tree, f)
			whole, err := overlay(geom.Union, shape(c), f.Shape)
			if err != nil {
				return fail(err)
			}
			shapes[c] = whole
		default:
			continue
		}
		closed++
		places = append(places, f.Shape.Bound().Pad(near))
	}
	for code, s := range shapes {
		b, err := wkb.Marshal(s)
		if err == nil {
			_, err = tx.Exec(ctx, saveShape, code, b)
		}
		if err != nil {
			return fail(fmt.Errorf("%s: %w", code, err))
		}
	}
	for _, b := range places {
		if _, err := tx.Exec(ctx, relocateWithin, b.Min[0], b.Min[1], b.Max[0], b.Max[1]); err != nil {
			return fail(err)
		}
	}
	return closed, nil
}

// longest is the cell that shares most of a gap's border.
func longest(t *Tree, f Fault) Code {
	gap := f.Shape.(orb.Polygon)
	best, most := f.Cells[0], 0.0
	for _, code := range f.Cells {
		k := newChecker(t, []*Cell{t.Cell(code)}, 0)
		shared := 0.0
		for i := 1; i < len(gap[0]); i++ {
			e := edge{gap[0][i-1], gap[0][i]}
			if k.onBorder(k.cells[0], middle(e)) {
				length, _ := fromSegment(e.a, e.b, e.b, k.stretch)
				shared += length
			}
		}
		if shared > most {
			best, most = code, shared
		}
	}
	return best
}
