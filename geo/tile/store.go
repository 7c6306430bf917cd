package tile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/maptile"
)

// Store holds sets of layers in memory and encodes their tiles. Safe for concurrent use; readers never wait.
type Store struct {
	sets map[string]*set
}

// set is one tile address. Its state is replaced whole; mu is for those who replace it.
type set struct {
	spec  Set
	mu    sync.Mutex
	state atomic.Pointer[state]
}

// state is a snapshot of a set's layers, and the tiles made of it, for each view, or of states that look the same there.
type state struct {
	layers []*layerState
	caches *[views]cache
	source Source // nil: the layers
}

// Source makes the plain bytes of a tile elsewhere, for a set that is too large for memory.
type Source func(ctx context.Context, at maptile.Tile, view View) ([]byte, error)

// layerState is a snapshot of a layer: most of it packed, what came since beside it.
type layerState struct {
	spec  *Layer
	vocab *vocabulary
	pack  *pack
	gone  map[uint64]struct{} // ids of pack that were deleted or replaced
	fresh map[uint64]*item
}

// NewStore returns a store of empty sets; sets and layers are fixed from here on. A set that cannot be served (no
// layers, two of one name, a MaxZoom over 20, Desk fields before others) is a mistake in the program: it panics.
func NewStore(sets ...Set) *Store {
	s := &Store{sets: map[string]*set{}}
	for _, spec := range sets {
		if spec.MaxZoom > deepest || spec.MinZoom > spec.MaxZoom || len(spec.Layers) == 0 || s.sets[spec.Name] != nil {
			panic(fmt.Sprintf("tile: set %q cannot be served", spec.Name))
		}
		st := &set{spec: spec}
		first := &state{caches: new([views]cache)}
		for i := range spec.Layers {
			l := &st.spec.Layers[i]
			if slices.ContainsFunc(l.Fields[:l.keys(Wall)], func(f Field) bool { return f.Desk }) || slices.ContainsFunc(l.Fields[l.keys(Wall):], func(f Field) bool { return !f.Desk }) {
				panic(fmt.Sprintf("tile: layer %q has Desk fields before others", l.Name))
			}
			first.layers = append(first.layers, &layerState{spec: l, vocab: newVocabulary(l.Fields), pack: newPack(nil)})
		}
		st.state.Store(first)
		s.sets[spec.Name] = st
	}
	return s
}

// Sets lists the names of the sets.
func (s *Store) Sets() []string { return slices.Sorted(maps.Keys(s.sets)) }

// find returns a set and the place of one of its layers.
func (s *Store) find(name, layer string) (*set, int, error) {
	st := s.sets[name]
	if st == nil {
		return nil, 0, fmt.Errorf("%w: %s", ErrNoLayer, name)
	}
	i := slices.IndexFunc(st.spec.Layers, func(l Layer) bool { return l.Name == layer })
	if i < 0 {
		return nil, 0, fmt.Errorf("%w: %s in %s", ErrNoLayer, layer, name)
	}
	return st, i, nil
}

// keys is how many of the layer's fields view has.
func (l *Layer) keys(view View) int {
	if view == Desk {
		return len(l.Fields)
	}
	n := 0
	for _, f := range l.Fields {
		if !f.Desk {
			n++
		}
	}
	return n
}

// Replace puts features in the place of everything in set's layer. Of two with one ID the later counts. Tiles stay where
// nothing is different.
func (s *Store) Replace(set, layer string, features []Feature) error {
	st, i, err := s.find(set, layer)
	if err != nil {
		return err
	}
	next, err := newLayerState(&st.spec.Layers[i], features)
	if err != nil {
		return fmt.Errorf("%s: %w", layer, err)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	old := st.state.Load()
	touched, few := old.layers[i].differences(next)
	if !few || old.source != nil {
		touched = nil
	}
	st.change(i, next, touched)
	return nil
}

// Put adds features to set's layer, or replaces those with the same ID; what is as it was stays. With an error nothing is changed.
func (s *Store) Put(set, layer string, features ...Feature) error {
	st, i, err := s.find(set, layer)
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	next, touched := st.state.Load().layers[i].edit()
	for f := range features {
		it, err := next.item(&features[f])
		if err != nil {
			return fmt.Errorf("%s: %w", layer, err)
		}
		if before := next.find(it.id); before != nil && before.same(it, next.vocab, next.vocab) {
			continue
		}
		touched = append(next.drop(it.id, touched), it.box)
		next.fresh[it.id] = it
	}
	if len(touched) > 0 {
		st.change(i, next.settle(), touched)
	}
	return nil
}

// Delete takes the features with these IDs out of set's layer; those that are not there are no mistake.
func (s *Store) Delete(set, layer string, ids ...uint64) error {
	st, i, err := s.find(set, layer)
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	next, touched := st.state.Load().layers[i].edit()
	for _, id := range ids {
		touched = next.drop(id, touched)
	}
	if len(touched) > 0 {
		st.change(i, next.settle(), touched)
	}
	return nil
}

// change puts next in the place of layer i and drops the tiles under touched; nil touched: all tiles.
// The state is replaced first and tiles are dropped after: see cache.put.
func (st *set) change(i int, next *layerState, touched []box) {
	old := st.state.Load()
	now := &state{layers: slices.Clone(old.layers), caches: old.caches, source: old.source}
	if next != nil {
		now.layers[i], now.source = next, nil
	}
	if touched == nil {
		now.caches = new([views]cache)
	}
	st.state.Store(now)
	for _, b := range touched {
		for v := range now.caches {
			now.caches[v].drop(b, st.spec.MinZoom, st.spec.MaxZoom)
		}
	}
}

// Delegate empties set and leaves its tiles to source from now on; Touch says where they change. Replace takes it back.
func (s *Store) Delegate(set string, source Source) error {
	st := s.sets[set]
	if st == nil {
		return fmt.Errorf("%w: %s", ErrNoLayer, set)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	now := &state{caches: new([views]cache), source: source}
	for i := range st.spec.Layers {
		l := &st.spec.Layers[i]
		now.layers = append(now.layers, &layerState{spec: l, vocab: newVocabulary(l.Fields), pack: newPack(nil)})
	}
	st.state.Store(now)
	return nil
}

// Delegated says that set's tiles come from a Source.
func (s *Store) Delegated(set string) bool { return s.sets[set].state.Load().source != nil }

// Touch drops the tiles of a delegated set that show one of the bounds; with none, all.
func (s *Store) Touch(set string, bounds ...orb.Bound) error {
	st := s.sets[set]
	if st == nil {
		return fmt.Errorf("%w: %s", ErrNoLayer, set)
	}
	var touched []box
	for _, b := range bounds {
		touched = append(touched, nothing.add(world(b.Min)).add(world(b.Max)))
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.change(0, nil, touched)
	return nil
}

// differences are the bounds of what is not the same in both; few is false where it is so much that all tiles may go.
func (l *layerState) differences(next *layerState) (touched []box, few bool) {
	const many = 2000
	touched = []box{}
	was := map[uint64]*item{}
	for it := range l.all() {
		was[it.id] = it
	}
	for it := range next.all() {
		before := was[it.id]
		delete(was, it.id)
		switch {
		case before == nil:
			touched = append(touched, it.box)
		case !before.same(it, l.vocab, next.vocab):
			touched = append(touched, before.box, it.box)
		}
		if len(touched) > many {
			return nil, false
		}
	}
	for _, it := range was {
		touched = append(touched, it.box)
	}
	return touched, len(touched) <= many
}

// all is every item of the layer.
func (l *layerState) all() iter.Seq[*item] {
	return func(yield func(*item) bool) {
		for _, it := range l.pack.items {
			if _, gone := l.gone[it.id]; !gone && !yield(it) {
				return
			}
		}
		for _, it := range l.fresh {
			if !yield(it) {
				return
			}
		}
	}
}

// same says that two items are drawn alike.
func (it *item) same(other *item, mine, theirs *vocabulary) bool {
	return it.desk == other.desk && it.minZoom == other.minZoom && it.near.same(other.near) && it.far.same(other.far) &&
		bytes.Equal(mine.plain(it.attrs), theirs.plain(other.attrs))
}

// Tile returns one tile of set for view: ErrNoLayer for an unknown set, ErrNoTile outside its zooms. ctx is that of a Source.
func (s *Store) Tile(ctx context.Context, set string, at maptile.Tile, view View) (*Tile, error) {
	st, err := s.serves(set, at)
	if err != nil {
		return nil, err
	}
	now := st.state.Load()
	kept := &now.caches[view]
	if t := kept.get(at); t != nil {
		return t, nil
	}
	t, err := now.encode(ctx, at, view)
	if err != nil {
		return nil, fmt.Errorf("tile %s %d/%d/%d: %w", set, at.Z, at.X, at.Y, err)
	}
	kept.put(at, t, func() bool { return st.state.Load() == now })
	return t, nil
}

// Encode is Tile past the cache: it makes the tile anew and does not keep it.
func (s *Store) Encode(ctx context.Context, set string, at maptile.Tile, view View) (*Tile, error) {
	st, err := s.serves(set, at)
	if err != nil {
		return nil, err
	}
	return st.state.Load().encode(ctx, at, view)
}

// serves finds the set and checks the address.
func (s *Store) serves(name string, at maptile.Tile) (*set, error) {
	st := s.sets[name]
	if st == nil {
		return nil, ErrNoLayer
	}
	if at.Z < st.spec.MinZoom || at.Z > st.spec.MaxZoom || at.X>>at.Z != 0 || at.Y>>at.Z != 0 {
		return nil, ErrNoTile
	}
	return st, nil
}

// bound is the extent of all features of the set that view has.
func (st *set) bound(view View) (orb.Bound, bool) {
	all := nothing
	for _, l := range st.state.Load().layers {
		for it := range l.all() {
			if !it.desk || view == Desk {
				all = all.union(it.box)
			}
		}
	}
	if all == nothing {
		return orb.Bound{}, false
	}
	return orb.MultiPoint{pt{all.minX, all.maxY}.lonLat(), pt{all.maxX, all.minY}.lonLat()}.Bound(), true
}

// newLayerState packs features. Values that two features have in common are shared.
func newLayerState(spec *Layer, features []Feature) (*layerState, error) {
	l := &layerState{spec: spec, vocab: newVocabulary(spec.Fields)}
	if err := l.learn(features); err != nil {
		return nil, err
	}
	items := make([]*item, 0, len(features))
	seen := make(map[uint64]struct{}, len(features))
	for i := len(features) - 1; i >= 0; i-- {
		if _, twice := seen[features[i].ID]; twice {
			continue
		}
		seen[features[i].ID] = struct{}{}
		it, err := l.item(&features[i])
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	l.pack = newPack(items)
	return l, nil
}

// learn finds the values that occur more than once.
func (l *layerState) learn(features []Feature) error {
	once := map[string]bool{}
	var message []byte
	for i := range features {
		for _, f := range l.spec.Fields {
			value := features[i].Attributes[f.Name]
			if value == nil {
				continue
			}
			var err error
			if message, err = appendValue(message[:0], f, value); err != nil {
				return fmt.Errorf("feature %d: %w", features[i].ID, err)
			}
			if again, seen := once[string(message)]; !seen {
				once[string(message)] = false
			} else if !again {
				once[string(message)] = true
				l.vocab.learn(slices.Clone(message))
			}
		}
	}
	return nil
}

// item prepares a feature.
func (l *layerState) item(f *Feature) (*item, error) {
	it := &item{id: f.ID, near: newShape(f.Geometry), minZoom: uint8(f.MinZoom), desk: f.Desk}
	if it.near == nil {
		return nil, fmt.Errorf("feature %d: %w", f.ID, errNoGeometry)
	}
	it.box = it.near.box
	middle := it.box.center()
	if f.Far != nil {
		if it.far = newShape(f.Far); it.far == nil {
			return nil, fmt.Errorf("feature %d: %w", f.ID, errNoGeometry)
		}
		it.box = it.box.union(it.far.box)
		middle = it.far.box.center() // thinning goes by it
	}
	it.order = middle.morton()
	var err error
	if it.attrs, err = l.vocab.encode(f.Attributes); err != nil {
		return nil, fmt.Errorf("feature %d: %w", f.ID, err)
	}
	return it, nil
}

var errNoGeometry = errors.New("the geometry is empty")

// edit returns a copy to change, and an empty list of bounds that a change touches.
func (l *layerState) edit() (*layerState, []box) {
	next := *l
	next.gone, next.fresh = maps.Clone(l.gone), maps.Clone(l.fresh)
	if next.gone == nil {
		next.gone, next.fresh = map[uint64]struct{}{}, map[uint64]*item{}
	}
	return &next, []box{}
}

// find is the item of that id; nil if there is none.
func (l *layerState) find(id uint64) *item {
	if it := l.fresh[id]; it != nil {
		return it
	}
	if i, ok := l.pack.byID[id]; ok {
		if _, gone := l.gone[id]; !gone {
			return l.pack.items[i]
		}
	}
	return nil
}

// drop takes id out of a copy under change and adds its bound to touched.
func (l *layerState) drop(id uint64, touched []box) []box {
	if it := l.fresh[id]; it != nil {
		delete(l.fresh, id)
		return append(touched, it.box)
	}
	i, ok := l.pack.byID[id]
	if _, gone := l.gone[id]; !ok || gone {
		return touched
	}
	l.gone[id] = struct{}{}
	return append(touched, l.pack.items[i].box)
}

// settle packs anew when too much stands beside the pack: every tile looks at all of it.
func (l *layerState) settle() *layerState {
	if len(l.gone)+len(l.fresh) <= max(256, len(l.pack.items)/64) {
		return l
	}
	items := make([]*item, 0, len(l.pack.items)+len(l.fresh))
	for _, it := range l.pack.items {
		if _, gone := l.gone[it.id]; !gone {
			items = append(items, it)
		}
	}
	for _, it := range l.fresh {
		items = append(items, it)
	}
	l.pack, l.gone, l.fresh = newPack(items), nil, nil
	return l
}
