// Package layers is what others may take away: grids, buildings, cameras and cases as features with columns, each by the
// rights of who asks. The room api serves it as OGC API Features and as files, the command export writes the files.
//
// A Set is made once. Read walks one layer in pages, from the maps in memory and from the case files in the database; no
// layer holds a person's name, and the address of a camera stays in its room.
package layers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/paulmach/orb"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cases"
	"gridwall/geo"
	"gridwall/geo/building"
	"gridwall/geo/gpkg"
	"gridwall/geo/grid"
)

// ErrNoLayer says that there is no such layer for whoever asks.
var ErrNoLayer = errors.New("layers: no such layer")

// Text is said in both languages.
type Text struct{ Zh, En string }

// Layer is one kind of features.
type Layer struct {
	Name    string
	Title   Text
	Right   access.Right
	Columns []gpkg.Column
	// Key is the column that a feature is asked for by.
	Key string
	// Time is the column that datetime filters; empty: none.
	Time string

	read func(ctx context.Context, who access.Identity, q Query, take func(*Feature) bool) (next int64, err error)
}

// Feature is one of a layer: values in the order of its Columns (nil, bool, int, float64, string, time.Time).
type Feature struct {
	ID       string
	Geometry orb.Geometry // WGS-84
	Row      []any
}

// Query chooses features; the zero value chooses all.
type Query struct {
	ID    string
	BBox  *orb.Bound
	Level grid.Level // of grids
	Since time.Time  // of cases: reported at or after
	Until time.Time  // of cases: reported at or before
	After int64      // what the page before gave as next
	Limit int        // 0: all
}

// Set is all layers.
type Set struct {
	Places  *geo.Map
	Cameras *cameras.Room
	Cases   *cases.Room
}

// Layers are those that who may read.
func (s *Set) Layers(who access.Identity) []*Layer {
	var some []*Layer
	for _, l := range s.all() {
		if who.May(l.Right) {
			some = append(some, l)
		}
	}
	return some
}

// Layer is one of them, or ErrNoLayer.
func (s *Set) Layer(name string, who access.Identity) (*Layer, error) {
	for _, l := range s.Layers(who) {
		if l.Name == name {
			return l, nil
		}
	}
	return nil, fmt.Errorf("%q: %w", name, ErrNoLayer)
}

// Read gives the features of l that q chooses to take, until it returns false; next is where to go on, 0 at the end.
func (l *Layer) Read(ctx context.Context, who access.Identity, q Query, take func(*Feature) bool) (next int64, err error) {
	if !who.May(l.Right) {
		return 0, fmt.Errorf("%q: %w", l.Name, ErrNoLayer)
	}
	return l.read(ctx, who, q, take)
}

func (s *Set) all() []*Layer {
	text, number, real, yes, at := "TEXT", "INTEGER", "REAL", "BOOLEAN", "DATETIME"
	return []*Layer{
		{"grids", Text{"网格", "Grids"}, access.MapRead, []gpkg.Column{
			{Name: "code", Type: text}, {Name: "name", Type: text}, {Name: "parent", Type: text}, {Name: "level", Type: text},
			{Name: "kind", Type: text}, {Name: "households", Type: number}}, "code", "", s.grids},
		{"buildings", Text{"建筑物", "Buildings"}, access.MapRead, []gpkg.Column{
			{Name: "id", Type: number}, {Name: "code", Type: text}, {Name: "name", Type: text}, {Name: "address", Type: text}, {Name: "kind", Type: text},
			{Name: "floors", Type: number}, {Name: "units", Type: number}, {Name: "households", Type: number}, {Name: "grid", Type: text}}, "id", "", s.buildings},
		{"cameras", Text{"摄像机", "Cameras"}, access.MapRead, []gpkg.Column{
			{Name: "id", Type: text}, {Name: "name", Type: text}, {Name: "grid", Type: text}, {Name: "bearing", Type: real}, {Name: "angle", Type: real},
			{Name: "range_m", Type: real}, {Name: "height_m", Type: real}, {Name: "ptz", Type: yes}, {Name: "indoor", Type: yes},
			{Name: "secret", Type: yes}, {Name: "purpose", Type: text}, {Name: "state", Type: text}}, "id", "", s.cameras},
		{"cases", Text{"案卷", "Cases"}, access.CaseRead, []gpkg.Column{
			{Name: "id", Type: number}, {Name: "number", Type: text}, {Name: "title", Type: text}, {Name: "description", Type: text}, {Name: "address", Type: text},
			{Name: "state", Type: text}, {Name: "priority", Type: text}, {Name: "class", Type: text}, {Name: "grid", Type: text}, {Name: "department", Type: text},
			{Name: "light", Type: text}, {Name: "reported_at", Type: at}, {Name: "updated_at", Type: at}, {Name: "closed_at", Type: at}}, "id", "reported_at", s.cases},
	}
}

// walk pages through n things in memory; next is the place after the last one taken.
func walk(n int, q Query, feature func(i int) *Feature, take func(*Feature) bool) int64 {
	taken := 0
	for i := int(q.After); i < n; i++ {
		f := feature(i)
		if f == nil || q.ID != "" && f.ID != q.ID || q.BBox != nil && !q.BBox.Intersects(f.Geometry.Bound()) {
			continue
		}
		if q.Limit > 0 && taken == q.Limit {
			return int64(i)
		}
		taken++
		if !take(f) {
			return int64(i + 1)
		}
	}
	return 0
}

func (s *Set) grids(_ context.Context, _ access.Identity, q Query, take func(*Feature) bool) (int64, error) {
	cells := s.Places.Grids().Cells()
	return walk(len(cells), q, func(i int) *Feature {
		c := cells[i]
		if q.Level != "" && c.Level != q.Level {
			return nil
		}
		return &Feature{c.Code, c.Geometry, []any{c.Code, c.Name, orNil(c.Parent), string(c.Level), string(c.Kind), known(c.Households, -1)}}
	}, take), nil
}

func (s *Set) buildings(_ context.Context, _ access.Identity, q Query, take func(*Feature) bool) (int64, error) {
	if q.ID != "" {
		if id, err := strconv.ParseUint(q.ID, 10, 64); err == nil {
			if b := s.Places.Building(id); b != nil {
				take(buildingFeature(b))
			}
		}
		return 0, nil
	}
	all := s.Places.AllBuildings()
	return walk(len(all), q, func(i int) *Feature {
		if q.BBox != nil && all[i].Footprint == nil && !q.BBox.Contains(all[i].Point) { // most of a million end here
			return nil
		}
		return buildingFeature(&all[i])
	}, take), nil
}

func buildingFeature(b *building.Building) *Feature {
	f := &Feature{strconv.FormatUint(b.ID, 10), b.Point, []any{int64(b.ID), orNil(b.Code), orNil(b.Name), orNil(b.Address), orNil(b.Kind),
		known(b.Floors, 0), known(b.Units, 0), known(b.Households, -1), orNil(b.Grid)}}
	if b.Footprint != nil {
		f.Geometry = b.Footprint
	}
	return f
}

func (s *Set) cameras(_ context.Context, who access.Identity, q Query, take func(*Feature) bool) (int64, error) {
	list := s.Cameras.List(who.May(access.CameraSecret))
	return walk(len(list), q, func(i int) *Feature {
		c := list[i]
		return &Feature{c.ID, orb.Point{c.Location.Lon, c.Location.Lat}, []any{c.ID, c.Name, value(c.Grid), value(c.Bearing), value(c.Angle),
			value(c.RangeM), value(c.HeightM), c.PTZ, c.Indoor, c.Secret(), orNil(c.Purpose), string(c.State)}}
	}, take), nil
}

// casePage is how many cases are read from the database at a time.
const casePage = 1000

func (s *Set) cases(ctx context.Context, who access.Identity, q Query, take func(*Feature) bool) (int64, error) {
	if q.ID != "" {
		id, err := strconv.ParseInt(q.ID, 10, 64)
		if err != nil {
			return 0, nil
		}
		c, err := s.Cases.Get(ctx, id, who)
		if errors.Is(err, cases.ErrNotFound) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if c.Of(who.Department) && (who.Grid == "" || c.Grid != nil && slices.ContainsFunc(s.Places.Grids().Path(*c.Grid), func(above *grid.Cell) bool { return above.Code == who.Grid })) {
			take(caseFeature(c.Case))
		}
		return 0, nil
	}
	f := cases.Filter{Grid: who.Grid, Line: who.Department, After: q.After, Limit: casePage}
	if q.BBox != nil {
		f.BBox = &[4]float64{q.BBox.Min[0], q.BBox.Min[1], q.BBox.Max[0], q.BBox.Max[1]}
	}
	taken := 0
	for {
		list, _, next, err := s.Cases.List(ctx, f)
		if err != nil {
			return 0, err
		}
		for i, c := range list {
			if !q.Since.IsZero() && c.ReportedAt.Before(q.Since) || !q.Until.IsZero() && c.ReportedAt.After(q.Until) {
				continue
			}
			if q.Limit > 0 && taken == q.Limit {
				if i == 0 {
					return f.After, nil
				}
				return list[i-1].ID, nil
			}
			taken++
			if !take(caseFeature(c)) {
				return c.ID, nil
			}
		}
		if f.After = next; next == 0 {
			return 0, nil
		}
	}
}

func caseFeature(c *cases.Case) *Feature {
	var closed any
	if c.ClosedAt != nil {
		closed = *c.ClosedAt
	}
	return &Feature{strconv.FormatInt(c.ID, 10), orb.Point{c.Location.Lon, c.Location.Lat}, []any{c.ID, c.Number, c.Title, orNil(c.Description), orNil(c.Address),
		c.State, string(c.Priority), value(c.Class), value(c.Grid), value(c.Department), orNil(string(c.Light)), c.ReportedAt, c.UpdatedAt, closed}}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func known(n, unknown int) any {
	if n == unknown {
		return nil
	}
	return int64(n)
}

func value[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
