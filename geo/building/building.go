// Package building holds buildings: points with an address, sometimes a footprint.
package building

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
)

// Building is one row of table building.
type Building struct {
	ID         uint64
	Code       string // "" where it has none
	Name       string
	Address    string
	Kind       string
	Floors     int              // 0 where it is not known
	Units      int              // stairways 单元; 0 where it is not known
	Households int              // -1 where it is not known
	Grid       string           // code of the cell it stands in; "" outside all
	Point      orb.Point        // lon, lat, WGS-84; inside the footprint
	Footprint  orb.MultiPolygon // nil where it is not known
}

// DB is what Load reads from: a pool, a connection or a transaction.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const load = `
SELECT id, COALESCE(code, ''), name, address, kind, COALESCE(floors, 0), COALESCE(units, 0), COALESCE(households, -1), COALESCE(grid, ''),
       ST_X(geom), ST_Y(geom), ST_AsBinary(footprint)
FROM building`

// Bound is the extent of the point and the footprint.
func (b *Building) Bound() orb.Bound {
	if b.Footprint == nil {
		return b.Point.Bound()
	}
	return b.Footprint.Bound().Extend(b.Point)
}

// Load reads all buildings, by id.
func Load(ctx context.Context, db DB) ([]Building, error) {
	return query(ctx, db, load+` ORDER BY id`)
}

// LoadSome reads the buildings with those ids that are there, by id.
func LoadSome(ctx context.Context, db DB, ids []uint64) ([]Building, error) {
	return query(ctx, db, load+` WHERE id = ANY ($1::bigint[]) ORDER BY id`, ids)
}

func query(ctx context.Context, db DB, sql string, args ...any) ([]Building, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("load buildings: %w", err)
	}
	var all []Building
	var b Building
	var footprint []byte
	_, err = pgx.ForEachRow(rows, []any{&b.ID, &b.Code, &b.Name, &b.Address, &b.Kind, &b.Floors, &b.Units, &b.Households, &b.Grid,
		&b.Point[0], &b.Point[1], &footprint}, func() error {
		b.Footprint = nil
		if footprint != nil {
			g, err := wkb.Unmarshal(footprint)
			if err != nil {
				return fmt.Errorf("building %d: %w", b.ID, err)
			}
			b.Footprint = g.(orb.MultiPolygon) // the column's type
		}
		all = append(all, b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load buildings: %w", err)
	}
	return all, nil
}
