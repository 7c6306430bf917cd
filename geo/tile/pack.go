package tile

import (
	"cmp"
	"slices"
)

// item is a feature ready for tiles.
type item struct {
	id      uint64
	order   uint64 // morton number of its point or middle
	box     box    // of near and far
	near    *shape
	far     *shape // nil: near at every zoom
	minZoom uint8
	desk    bool
	attrs   []byte // see attributes.go
}

// pack is a set of items that does not change, in morton order under a tree of boxes, 16 to a node.
type pack struct {
	items  []*item
	byID   map[uint64]int32
	levels [][]box // levels[0]: one box for each 16 items; the last has one box
}

const fan = 16

func newPack(items []*item) *pack {
	p := &pack{items: items, byID: make(map[uint64]int32, len(items))}
	slices.SortFunc(p.items, func(a, b *item) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id)) })
	for i, it := range p.items {
		p.byID[it.id] = int32(i)
	}
	level := make([]box, 0, (len(items)+fan-1)/fan)
	for chunk := range slices.Chunk(p.items, fan) {
		b := nothing
		for _, it := range chunk {
			b = b.union(it.box)
		}
		level = append(level, b)
	}
	for len(level) > 0 {
		p.levels = append(p.levels, level)
		if len(level) == 1 {
			break
		}
		var up []box
		for chunk := range slices.Chunk(level, fan) {
			b := nothing
			for _, c := range chunk {
				b = b.union(c)
			}
			up = append(up, b)
		}
		level = up
	}
	return p
}

// search appends the items whose box meets q, in order.
func (p *pack) search(q *box, found []*item) []*item {
	if len(p.levels) == 0 {
		return found
	}
	return p.descend(len(p.levels)-1, 0, q, found)
}

func (p *pack) descend(level, node int, q *box, found []*item) []*item {
	b := &p.levels[level][node]
	if !b.meets(q) {
		return found
	}
	if q.holds(b) {
		from, to := node, node+1
		for range level + 1 {
			from, to = from*fan, to*fan
		}
		return append(found, p.items[from:min(to, len(p.items))]...)
	}
	if level == 0 {
		for _, it := range p.items[node*fan : min((node+1)*fan, len(p.items))] {
			if it.box.meets(q) {
				found = append(found, it)
			}
		}
		return found
	}
	for child := node * fan; child < min((node+1)*fan, len(p.levels[level-1])); child++ {
		found = p.descend(level-1, child, q, found)
	}
	return found
}
