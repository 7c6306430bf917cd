package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/live"
	"gridwall/geo"
	"gridwall/geo/crs"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
)

// faultOut is one fault of the coverage as a GeoJSON Feature.
type faultOut struct {
	Type       string           `json:"type"`
	BBox       [4]float64       `json:"bbox"`
	Properties faultProperties  `json:"properties"`
	Geometry   geojson.Geometry `json:"geometry"`
}

type faultProperties struct {
	Kind   grid.FaultKind `json:"kind"`
	Level  grid.Level     `json:"level"`
	Cells  []string       `json:"cells"`
	Parent string         `json:"parent,omitempty"`
	AreaM2 float64        `json:"area_m2"`
	WidthM float64        `json:"width_m"`
	Sliver bool           `json:"sliver"`
	At     orb.Point      `json:"at"` // the middle of its bounds
}

func faultOf(f grid.Fault) faultOut {
	b := f.Shape.Bound()
	return faultOut{"Feature", box(b), faultProperties{f.Kind, f.Level, f.Cells, f.Parent, f.AreaM2, f.WidthM, f.Sliver, b.Center()}, *geojson.NewGeometry(f.Shape)}
}

// coverage lists faults; counts are of all that are large enough, not only of those listed.
func (s *Server) coverage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	least := 0.1
	if r.URL.Query().Has("min_m2") {
		var err error
		if least, err = queryFloat(r, "min_m2"); err != nil {
			return err
		}
	}
	limit, err := queryInt(r, "limit", 500, 1, 10_000)
	if err != nil {
		return err
	}
	faults, err := s.Places.Coverage()
	if err != nil {
		return err
	}
	features, counts := []faultOut{}, map[grid.FaultKind]int{}
	for _, f := range faults {
		if f.Kind != grid.TVertex && f.AreaM2 < least {
			continue
		}
		counts[f.Kind]++
		if int64(len(features)) == limit {
			continue
		}
		features = append(features, faultOf(f))
	}
	return writeJSON(w, map[string]any{"type": "FeatureCollection", "features": features, "counts": counts})
}

// appendChange tells every node what tx has changed of the map; it comes last in tx.
func (s *Server) appendChange(ctx context.Context, tx pgx.Tx, layer geo.Layer) error {
	change, err := geo.Changed(ctx, tx)
	if err != nil {
		return err
	}
	_, err = live.Append(ctx, tx, live.Draft{Type: string(layer) + ".changed", At: s.Clock.Now(), Data: change.Event()})
	return err
}

// errNoSliver rolls back: what changed nothing is nothing to undo.
var errNoSliver = errors.New("api: no sliver to close")

func (s *Server) closeSlivers(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var in struct {
		LimitM2 float64 `json:"limit_m2"`
	}
	if err := decode(w, r, 1<<10, &in); err != nil {
		return err
	}
	if !(in.LimitM2 > 0 && in.LimitM2 <= 10_000) {
		return badRequest("limit_invalid", "limit_m2 应大于 0, 不超过 10000 平方米", "limit_m2 is over 0 and at most 10,000 m²")
	}
	closed := 0
	err := pgx.BeginFunc(r.Context(), s.Pool, func(tx pgx.Tx) error {
		journal, err := importer.Begin(r.Context(), tx, "grids", "close slivers", crs.WGS84)
		if err != nil {
			return err
		}
		if closed, err = grid.CloseSlivers(r.Context(), tx, in.LimitM2); err != nil {
			return err
		}
		if closed == 0 {
			return errNoSliver
		}
		if _, err := cameras.Relocate(r.Context(), tx); err != nil {
			return err
		}
		if err := importer.Finish(r.Context(), tx, journal, closed); err != nil {
			return err
		}
		return s.appendChange(r.Context(), tx, geo.Grids)
	})
	if err != nil && !errors.Is(err, errNoSliver) {
		return err
	}
	return writeJSON(w, map[string]int{"closed": closed})
}
