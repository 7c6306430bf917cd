package geo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gridwall/geo/backdrop"
	"gridwall/geo/building"
	"gridwall/geo/grid"
	"gridwall/geo/tile"
)

// Change is which features a transaction changed, by layer. A layer without ids is one of which all may be different.
type Change map[Layer][]uint64

// Changed is what tx has changed so far, for the event that tells every node. The tables note it themselves.
func Changed(ctx context.Context, tx pgx.Tx) (Change, error) {
	c := Change{}
	for _, layer := range []Layer{Grids, Buildings, Backdrop} {
		var noted string
		if err := tx.QueryRow(ctx, `SELECT COALESCE(current_setting($1, true), '')`, "gridwall.changed_"+string(layer)).Scan(&noted); err != nil {
			return nil, fmt.Errorf("changed %s: %w", layer, err)
		}
		switch noted {
		case "":
			continue
		case "*":
			c[layer] = []uint64{}
			continue
		}
		for text := range strings.SplitSeq(noted, ",") {
			id, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("changed %s: %w", layer, err)
			}
			c[layer] = append(c[layer], id)
		}
		slices.Sort(c[layer])
		c[layer] = slices.Compact(c[layer])
	}
	return c, nil
}

// changeText is how a Change stands in an event: beside whatever else the event tells.
type changeText struct {
	Features Change `json:"features,omitempty"`
}

// Event is the change as an event's data.
func (c Change) Event() any { return changeText{c} }

// ChangeOf reads a Change out of an event's data; an event that names none changed the whole layer.
func ChangeOf(layer Layer, data []byte) Change {
	var text changeText
	if err := json.Unmarshal(data, &text); err != nil || len(text.Features) == 0 {
		return Change{layer: nil}
	}
	return text.Features
}

// and is c with another change, the layers of which all may be different staying so.
func (c Change) and(other Change) Change {
	both := maps.Clone(c)
	if both == nil {
		both = Change{}
	}
	for layer, ids := range other {
		mine, there := both[layer]
		switch {
		case there && len(mine) == 0:
		case len(ids) == 0:
			both[layer] = nil
		default:
			all := slices.Concat(mine, ids)
			slices.Sort(all)
			both[layer] = slices.Compact(all)
		}
	}
	return both
}

// Apply reads again what a change names, and drops exactly the tiles that showed or show it. What cannot be read is owed:
// the next Apply reads it, and Run tries every second.
func (m *Map) Apply(ctx context.Context, c Change) error {
	m.loading.Lock()
	defer m.loading.Unlock()
	c = m.owed.and(c)
	m.owed = nil
	var failed []error
	for _, layer := range []Layer{Grids, Buildings, Backdrop} {
		ids, changed := c[layer]
		if !changed {
			continue
		}
		var err error
		switch {
		case len(ids) == 0:
			err = m.load(ctx, layer)
		case layer == Grids:
			err = m.patchGrids(ctx, ids)
		case layer == Buildings:
			err = m.patchBuildings(ctx, ids)
		case layer == Backdrop:
			err = m.patchBackdrop(ctx, ids)
		}
		if err != nil {
			m.owed = m.owed.and(Change{layer: ids})
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// Run reads what is owed, until ctx ends.
func (m *Map) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		m.loading.Lock()
		owed := m.owed != nil
		m.loading.Unlock()
		if owed {
			m.Apply(ctx, nil) // who first could not read it has said so
		}
	}
}

func (m *Map) patchGrids(ctx context.Context, ids []uint64) error {
	some, err := grid.LoadCells(ctx, m.pool, ids)
	if err != nil {
		return err
	}
	became, err := grid.LoadRetired(ctx, m.pool)
	if err != nil {
		return err
	}
	old := m.grids.Load().tree
	cells := slices.DeleteFunc(slices.Clone(old.Cells()), func(c *grid.Cell) bool { _, found := slices.BinarySearch(ids, c.ID); return found })
	tree := grid.NewTreeAfter(append(cells, some...), became)
	if m.tiles.Delegated("grids") {
		var bounds []orb.Bound
		for _, c := range old.Cells() {
			if _, found := slices.BinarySearch(ids, c.ID); found {
				bounds = append(bounds, c.Bound)
			}
		}
		for _, c := range some {
			bounds = append(bounds, c.Bound)
		}
		if len(bounds) > 0 {
			err = m.tiles.Touch("grids", bounds...)
		}
	} else {
		areas, labels := gridFeatures(some)
		err = errors.Join(m.patchLayer("grids", "grids", ids, areas), m.patchLayer("grids", "grid_labels", ids, labels))
	}
	if err != nil {
		return err
	}
	m.grids.Store(gridsOf(tree))
	m.buildings.Store(buildingsOf(m.buildings.Load().all, tree))
	return nil
}

func (m *Map) patchBuildings(ctx context.Context, ids []uint64) error {
	some, err := building.LoadSome(ctx, m.pool, ids)
	if err != nil {
		return err
	}
	old := m.buildings.Load().all
	all := make([]building.Building, 0, len(old)+len(some))
	var bounds []orb.Bound
	at := 0
	for _, id := range ids {
		to := at + indexOf(old[at:], id)
		all = append(all, old[at:to]...)
		if at = to; at < len(old) && old[at].ID == id {
			bounds = append(bounds, old[at].Bound())
			at++
		}
		if len(some) > 0 && some[0].ID == id {
			bounds = append(bounds, some[0].Bound())
			all = append(all, some[0])
			some = some[1:]
		}
	}
	all = append(all, old[at:]...)
	if m.tiles.Delegated("buildings") {
		if len(bounds) > 0 {
			err = m.tiles.Touch("buildings", bounds...)
		}
	} else {
		features := []tile.Feature{}
		for _, id := range ids {
			if i := indexOf(all, id); i < len(all) && all[i].ID == id {
				features = append(features, buildingFeature(&all[i]))
			}
		}
		err = m.patchLayer("buildings", "buildings", ids, features)
	}
	if err != nil {
		return err
	}
	m.buildings.Store(buildingsOf(all, m.grids.Load().tree))
	return nil
}

func (m *Map) patchBackdrop(ctx context.Context, ids []uint64) error {
	if m.tiles.Delegated("backdrop") {
		return m.tiles.Touch("backdrop") // where it was before, nobody knows
	}
	some, err := backdrop.LoadSome(ctx, m.pool, ids)
	if err != nil {
		return err
	}
	layers := backdropFeatures(some)
	for _, kind := range backdrop.Kinds {
		if err := m.patchLayer("backdrop", kind, ids, layers[kind]); err != nil {
			return err
		}
	}
	return nil
}

// patchLayer puts the features that are there and deletes the other ids; both in order of id. What is as it was is not
// put: a building that moved to another grid is drawn as before.
func (m *Map) patchLayer(set, layer string, ids []uint64, features []tile.Feature) error {
	gone := slices.DeleteFunc(slices.Clone(ids), func(id uint64) bool {
		return slices.ContainsFunc(features, func(f tile.Feature) bool { return f.ID == id })
	})
	if err := m.tiles.Delete(set, layer, gone...); err != nil {
		return err
	}
	return m.tiles.Put(set, layer, features...)
}

// indexOf is where the building of that id stands or would stand.
func indexOf(all []building.Building, id uint64) int {
	i, _ := slices.BinarySearchFunc(all, id, func(b building.Building, id uint64) int {
		switch {
		case b.ID < id:
			return -1
		case b.ID > id:
			return 1
		}
		return 0
	})
	return i
}
