// Package building holds buildings: points with an address, sometimes a footprint.
package building

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gridwall/geo/importer"
)

// Building is one row of table building.
type Building struct {
	ID         uint64
	Code       string
	Name       string
	Address    string
	Kind       string
	Floors     int // 0 where it is not known
	Units      int // 0 where it is not known
	Households int // -1 where it is not known
	Grid       string
	Point      orb.Point
	Footprint  orb.MultiPolygon // nil where it is not known
}

// Options of Import.
type Options struct {
	Progress importer.Progress
}

// Import writes the rows of r as buildings.
func Import(ctx context.Context, tx pgx.Tx, r *importer.Reader, o Options) (*importer.Report, error) {
	return nil, nil
}
