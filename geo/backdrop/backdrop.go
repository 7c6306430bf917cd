// Package backdrop holds what lies under the grids on the map: land, water, green, blocks, streets, place names.
package backdrop

import (
	"context"

	"github.com/jackc/pgx/v5"

	"gridwall/geo/importer"
)

// Options of Import.
type Options struct {
	Progress importer.Progress
}

// Import writes the rows of r as backdrop: fields kind (land, water, green, block, road, place), class, name.
func Import(ctx context.Context, tx pgx.Tx, r *importer.Reader, o Options) (*importer.Report, error) {
	return nil, nil
}
