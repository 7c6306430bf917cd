// Package geo is WHERE things are: grids, buildings and backdrop in memory, beside the tables that hold them.
//
// A Map is opened once. Imports and edits change the tables, which note what was changed; whoever commits puts Changed
// into the event, and each node that hears of it calls Apply. The map never listens: it is told. Tiles of cameras are
// filled by those who own cameras.
package geo

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/maptile"

	"gridwall/geo/backdrop"
	"gridwall/geo/building"
	"gridwall/geo/grid"
	"gridwall/geo/sight"
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
type Map struct {
	pool   *pgxpool.Pool
	tiles  *tile.Store
	budget Budget
	sizes  map[string]int64 // bytes of the sets in memory; under loading
	owed   Change           // what could not be read; under loading

	loading   sync.Mutex // one Reload at a time
	grids     atomic.Pointer[grids]
	buildings atomic.Pointer[buildings]
}

// grids and what is derived from them.
type grids struct {
	tree   *grid.Tree
	index  func() *grid.Index
	search func() *searchText
	check  func() ([]grid.Fault, error) // the faults of the coverage, found once
}

// buildings, by id, and what is derived from them when somebody asks.
type buildings struct {
	all     []building.Building
	byGrid  func() map[grid.Code]int
	search  func() *searchText
	squares func() squares
	scene   func() *sight.Scene
}

func gridsOf(tree *grid.Tree) *grids {
	return &grids{tree,
		sync.OnceValue(func() *grid.Index { return grid.NewIndex(tree) }),
		sync.OnceValue(func() *searchText { return newSearchText(len(tree.Cells()), gridEntry(tree.Cells())) }),
		sync.OnceValues(func() ([]grid.Fault, error) { return grid.Check(tree, leastFault) })}
}

func buildingsOf(all []building.Building, tree *grid.Tree) *buildings {
	return &buildings{all,
		sync.OnceValue(func() map[grid.Code]int {
			in := map[grid.Code]int{}
			for i := range all {
				for _, c := range tree.Path(all[i].Grid) {
					in[c.Code]++
				}
			}
			return in
		}),
		sync.OnceValue(func() *searchText { return newSearchText(len(all), buildingEntry(all)) }),
		sync.OnceValue(func() squares { return newSquares(all) }),
		sync.OnceValue(func() *sight.Scene { return sight.New(all) })}
}

// Open reads the whole map; all tiles come from memory.
func Open(ctx context.Context, pool *pgxpool.Pool) (*Map, error) {
	return OpenWithin(ctx, pool, Budget{})
}

// OpenWithin is Open with a budget.
func OpenWithin(ctx context.Context, pool *pgxpool.Pool, budget Budget) (*Map, error) {
	m := &Map{pool: pool, tiles: tile.NewStore(sets()...), budget: budget, sizes: map[string]int64{}}
	for _, layer := range []Layer{Grids, Buildings, Backdrop} {
		if err := m.Reload(ctx, layer); err != nil {
			return nil, err
		}
	}
	g, b := m.grids.Load(), m.buildings.Load()
	var derived sync.WaitGroup
	for _, derive := range []func(){func() { g.index() }, func() { g.search() }, func() { b.byGrid() }, func() { b.search() }, func() { b.squares() }, func() { b.scene() }} {
		derived.Go(derive)
	}
	derived.Wait()
	return m, nil
}

// Reload reads one table again; readers see the old state until the new one is whole. An import of grids gives buildings
// their grid anew, so Grids reads the buildings too.
func (m *Map) Reload(ctx context.Context, layer Layer) error {
	m.loading.Lock()
	defer m.loading.Unlock()
	return m.load(ctx, layer)
}

func (m *Map) load(ctx context.Context, layer Layer) error {
	switch layer {
	case Grids:
		if err := m.loadGrids(ctx); err != nil {
			return err
		}
		if m.buildings.Load() == nil {
			return nil // Open reads them next
		}
		return m.loadBuildings(ctx)
	case Buildings:
		return m.loadBuildings(ctx)
	case Backdrop:
		return m.loadBackdrop(ctx)
	}
	return fmt.Errorf("reload map: no layer %q: choose %s, %s or %s", layer, Grids, Buildings, Backdrop)
}

// Grids is the tree as of the last Reload.
func (m *Map) Grids() *grid.Tree { return m.grids.Load().tree }

// leastFault (m²) is the smallest fault of the coverage that is looked for.
const leastFault = 0.01

// Coverage is what is wrong with the grids as of the last Reload, the largest first; see grid.Check. It is shared.
func (m *Map) Coverage() ([]grid.Fault, error) { return m.grids.Load().check() }

// Index is what Locate asks, as of the last Reload: another one says that the grids have changed.
func (m *Map) Index() *grid.Index { return m.grids.Load().index() }

// Locate returns the path of grids that cover p (lon, lat), street first, or grid.ErrOutside. See grid.Index.
func (m *Map) Locate(p orb.Point) (grid.Path, error) { return m.grids.Load().index().Locate(p) }

// LocateAll is Locate for many points, all on the grids as they are when it begins.
func (m *Map) LocateAll(points []orb.Point) iter.Seq2[grid.Path, error] {
	index := m.grids.Load().index()
	return func(yield func(grid.Path, error) bool) {
		for _, p := range points {
			if !yield(index.Locate(p)) {
				return
			}
		}
	}
}

// Tiles is the tile store; its sets are backdrop, grids, buildings and cameras (which the caller fills).
func (m *Map) Tiles() *tile.Store { return m.tiles }

// Bounds is the extent of the grids, else of the buildings; ok is false on an empty map.
func (m *Map) Bounds() (b orb.Bound, ok bool) {
	if g := m.grids.Load().tree; len(g.Cells()) > 0 {
		return g.Bound(), true
	}
	all := m.buildings.Load().all
	for i := range all {
		if i == 0 {
			b = all[i].Point.Bound()
		}
		b = b.Extend(all[i].Point)
	}
	return b, len(all) > 0
}

// Buildings counts the buildings in a grid and all grids under it.
func (m *Map) Buildings(code grid.Code) int { return m.buildings.Load().byGrid()[code] }

// Building returns one building; nil if there is none. It is shared: do not change it.
func (m *Map) Building(id uint64) *building.Building {
	all := m.buildings.Load().all
	if i := indexOf(all, id); i < len(all) && all[i].ID == id {
		return &all[i]
	}
	return nil
}

// Sight is what stands in the way of cameras, as of the last Reload.
func (m *Map) Sight() *sight.Scene { return m.buildings.Load().scene() }

// Streets are the lines of the roads within an area, from the database; see backdrop.Streets.
func (m *Map) Streets(ctx context.Context, area orb.MultiPolygon) ([]orb.LineString, error) {
	return backdrop.Streets(ctx, m.pool, area)
}

// AllBuildings is every building, by id. They are shared: do not change them.
func (m *Map) AllBuildings() []building.Building { return m.buildings.Load().all }

func (m *Map) loadGrids(ctx context.Context) error {
	tree, err := grid.Load(ctx, m.pool)
	if err != nil {
		return err
	}
	held, err := m.fits(ctx, "grids")
	if err != nil {
		return err
	}
	if held {
		areas, labels := gridFeatures(tree.Cells())
		if err := m.tiles.Replace("grids", "grids", areas); err != nil {
			return err
		}
		if err := m.tiles.Replace("grids", "grid_labels", labels); err != nil {
			return err
		}
	}
	m.grids.Store(gridsOf(tree))
	return nil
}

func gridFeatures(cells []*grid.Cell) (areas, labels []tile.Feature) {
	for _, c := range cells {
		attributes := map[string]any{"code": c.Code, "name": c.Name, "level": string(c.Level), "kind": string(c.Kind), "parent": orNil(c.Parent)}
		areas = append(areas, tile.Feature{ID: c.ID, Geometry: c.Geometry, Attributes: attributes})
		labels = append(labels, tile.Feature{ID: c.ID, Geometry: c.Label, Attributes: map[string]any{"code": c.Code, "name": c.Name, "level": string(c.Level)}})
	}
	return areas, labels
}

func (m *Map) loadBuildings(ctx context.Context) error {
	all, err := building.Load(ctx, m.pool)
	if err != nil {
		return err
	}
	held, err := m.fits(ctx, "buildings")
	if err != nil {
		return err
	}
	if held {
		features := make([]tile.Feature, len(all))
		for i := range all {
			features[i] = buildingFeature(&all[i])
		}
		if err := m.tiles.Replace("buildings", "buildings", features); err != nil {
			return err
		}
	}
	m.buildings.Store(buildingsOf(all, m.grids.Load().tree))
	return nil
}

func buildingFeature(x *building.Building) tile.Feature {
	f := tile.Feature{ID: x.ID, Geometry: x.Point, Attributes: map[string]any{"id": x.ID, "name": orNil(x.Name), "address": orNil(x.Address), "kind": orNil(x.Kind)}}
	if x.Floors > 0 {
		f.Attributes["floors"] = x.Floors
	}
	if x.Households >= 0 {
		f.Attributes["households"] = x.Households
	}
	if x.Footprint != nil {
		f.Geometry, f.Far = x.Footprint, x.Point
	}
	return f
}

func (m *Map) loadBackdrop(ctx context.Context) error {
	if held, err := m.fits(ctx, "backdrop"); err != nil || !held {
		return err
	}
	all, err := backdrop.Load(ctx, m.pool)
	if err != nil {
		return err
	}
	layers := backdropFeatures(all)
	for _, kind := range backdrop.Kinds { // an emptied kind is replaced too
		if err := m.tiles.Replace("backdrop", kind, layers[kind]); err != nil {
			return err
		}
	}
	return nil
}

func backdropFeatures(all []backdrop.Feature) map[string][]tile.Feature {
	layers := map[string][]tile.Feature{}
	for _, f := range all {
		attributes := map[string]any{}
		for _, a := range backdropFields[f.Kind] {
			switch a.Name {
			case "name":
				attributes["name"] = orNil(f.Name)
			default: // class of a road, kind of a block or place
				attributes[a.Name] = orNil(f.Class)
			}
		}
		layers[f.Kind] = append(layers[f.Kind], tile.Feature{ID: f.ID, Geometry: f.Geometry, MinZoom: minZoom(f.Kind, f.Class), Attributes: attributes})
	}
	return layers
}

// orNil leaves an empty text out of the tiles.
func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// minZoom is where a street or block becomes worth drawing.
func minZoom(kind, class string) maptile.Zoom {
	switch {
	case kind == "block":
		return 12
	case kind == "road" && class == "collector":
		return 12
	case kind == "road" && class == "local":
		return 13
	case kind == "road" && class == "lane":
		return 14
	}
	return 0
}

var backdropFields = map[string][]tile.Field{
	"land":  {},
	"water": {{Name: "name", Type: tile.String}},
	"green": {{Name: "name", Type: tile.String}},
	"block": {{Name: "name", Type: tile.String}, {Name: "kind", Type: tile.String}},
	"road":  {{Name: "name", Type: tile.String}, {Name: "class", Type: tile.String}},
	"place": {{Name: "name", Type: tile.String}, {Name: "kind", Type: tile.String}},
}

// farBuildings is the first zoom that draws footprints; below it thinned points stand for them.
const farBuildings = 14

// sets are the tile addresses: zoom 8 to 17, the browser overzooms after.
func sets() []tile.Set {
	const first, last = 8, 17
	text, number, yes := tile.String, tile.Number, tile.Boolean
	ground := tile.Set{Name: "backdrop", MinZoom: first, MaxZoom: last}
	for _, kind := range backdrop.Kinds {
		ground.Layers = append(ground.Layers, tile.Layer{Name: kind, Fields: backdropFields[kind]})
	}
	return []tile.Set{
		ground,
		{Name: "grids", MinZoom: first, MaxZoom: last, Layers: []tile.Layer{
			{Name: "grids", Fields: []tile.Field{{Name: "code", Type: text}, {Name: "name", Type: text}, {Name: "level", Type: text}, {Name: "kind", Type: text}, {Name: "parent", Type: text}}},
			{Name: "grid_labels", Fields: []tile.Field{{Name: "code", Type: text}, {Name: "name", Type: text}, {Name: "level", Type: text}}},
		}},
		{Name: "buildings", MinZoom: first, MaxZoom: last, Layers: []tile.Layer{
			{Name: "buildings", FarBelow: farBuildings, ThinBelow: farBuildings, Fields: []tile.Field{{Name: "id", Type: number}, {Name: "name", Type: text}, {Name: "address", Type: text}, {Name: "kind", Type: text}, {Name: "floors", Type: number}, {Name: "households", Type: number, Desk: true}}},
		}},
		{Name: "cameras", MinZoom: first, MaxZoom: last, Layers: []tile.Layer{
			{Name: "cameras", Fields: []tile.Field{{Name: "id", Type: text}, {Name: "name", Type: text}, {Name: "bearing", Type: number}, {Name: "angle", Type: number}, {Name: "range", Type: number}, {Name: "ptz", Type: yes}, {Name: "state", Type: text}, {Name: "grid", Type: text},
				{Name: "purpose", Type: text, Desk: true}, {Name: "secret", Type: yes, Desk: true}}},
		}},
	}
}
