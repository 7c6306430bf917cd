package grid

import (
	"cmp"
	"maps"
	"slices"

	"github.com/paulmach/orb"
)

// House is a building as a designer of grids sees it.
type House struct {
	At         orb.Point // lon, lat in degrees, WGS-84
	Households int       // under 0: not known, counted as none
}

// Proposed is a cell that Propose draws.
type Proposed struct {
	Geometry   orb.Polygon // its corners are those of its neighbours; lon, lat, WGS-84
	Households int
	Buildings  int
}

// Within says that the cell has a number of households as it should.
func (p *Proposed) Within(least, most int) bool { return p.Households >= least && p.Households <= most }

// Propose divides an area into cells along its streets: every border between two is a street (街巷定界), each has between
// least and most households where the streets allow it (规模适度), and together they are the area, corner for corner
// (无缝覆盖).
//
// The streets are noded with each other and with the area's border; what they close in are blocks; blocks are joined, the
// least inhabited first, and then handed over between neighbours until no step helps. A street that leads nowhere closes
// nothing in. A block of more than most households stays whole: there is no street to cut it along. The order is that of
// codes. It returns a *DraftError for an area with holes.
func Propose(area orb.MultiPolygon, streets []orb.LineString, houses []House, least, most int) ([]Proposed, error) {
	if least < 0 || most < 1 || least > most {
		return nil, wrong("户数下限 %d 与上限 %d 不成范围", "%d to %d households is no range", least, most)
	}
	var all []Proposed
	for _, p := range area {
		if len(p) != 1 {
			return nil, wrong("有孔的区域不能自动划分", "an area with holes cannot be divided")
		}
		net := newNetwork(p[0], streets)
		blocks := net.blocks()
		net.settle(blocks, houses)
		d := &designer{net: net, blocks: blocks, least: least, most: most, of: make([]int, len(blocks))}
		for i := range blocks {
			d.of[i] = i
		}
		d.grow()
		d.trade()
		all = append(all, d.cells()...)
	}
	order := make([]*Cell, len(all))
	byCell := map[*Cell]Proposed{}
	for i, p := range all {
		order[i] = &Cell{Bound: p.Geometry.Bound()}
		order[i].Label, _ = inside(p.Geometry)
		byCell[order[i]] = p
	}
	reading(order)
	for i, c := range order {
		all[i] = byCell[c]
	}
	return all, nil
}

// designer joins blocks to cells.
type designer struct {
	net         *network
	blocks      []block
	least, most int
	of          []int // the cell of each block
}

// members are the blocks of a cell.
func (d *designer) members(cell int) (some []int) {
	for b, c := range d.of {
		if c == cell {
			some = append(some, b)
		}
	}
	return some
}

func (d *designer) households(blocks []int) (sum int) {
	for _, b := range blocks {
		sum += d.blocks[b].households
	}
	return sum
}

// outline is the border of blocks, nil where they are not of one piece or close something in.
func (d *designer) outline(blocks []int) []int {
	after := map[int]int{}
	inside := map[[2]int]bool{}
	each := func(b int, do func(u, v int)) {
		loop := d.blocks[b].loop
		for i, u := range loop {
			do(u, loop[(i+1)%len(loop)])
		}
	}
	for _, b := range blocks {
		each(b, func(u, v int) { inside[[2]int{u, v}] = true })
	}
	start, pinched := -1, false
	for _, b := range blocks {
		each(b, func(u, v int) {
			if inside[[2]int{v, u}] {
				return
			}
			if _, twice := after[u]; twice {
				pinched = true
			}
			after[u], start = v, u
		})
	}
	if pinched || start < 0 {
		return nil
	}
	loop := []int{start}
	for k := after[start]; k != start; k = after[k] {
		loop = append(loop, k)
	}
	if len(loop) != len(after) {
		return nil
	}
	return loop
}

// grow joins the least inhabited cell to that neighbour with whom it shares most of its border, as long as there is one
// with whom it stays within most.
func (d *designer) grow() {
	stuck := map[int]bool{}
	for {
		sums := map[int]int{}
		for b, c := range d.of {
			sums[c] += d.blocks[b].households
		}
		smallest := -1
		for c, sum := range sums {
			if !stuck[c] && sum < d.least && (smallest < 0 || cmp.Or(cmp.Compare(sum, sums[smallest]), cmp.Compare(c, smallest)) < 0) {
				smallest = c
			}
		}
		if smallest < 0 {
			return
		}
		mine := d.members(smallest)
		beside := map[int]float64{}
		for _, b := range mine {
			for o, length := range d.blocks[b].beside {
				if d.of[o] != smallest {
					beside[d.of[o]] += length
				}
			}
		}
		best := -1
		for c := range beside {
			// Ground without households may go with a block that has too many by itself.
			fits := sums[c]+sums[smallest] <= d.most || sums[smallest] == 0
			if !fits || d.outline(append(d.members(c), mine...)) == nil {
				continue
			}
			if best < 0 || cmp.Or(cmp.Compare(beside[best], beside[c]), cmp.Compare(c, best)) < 0 {
				best = c
			}
		}
		if best < 0 {
			stuck[smallest] = true
			continue
		}
		clear(stuck) // there are other neighbours now
		for _, b := range mine {
			d.of[b] = best
		}
	}
}

// cost is how far cells are from what they should be; the border counts between equals.
func (d *designer) cost(blocks []int) float64 {
	sum := d.households(blocks)
	off := float64(max(d.least-sum, sum-d.most, 0))
	border := 0.0
	for _, b := range blocks {
		for o, length := range d.blocks[b].beside {
			if d.of[o] != d.of[b] {
				border += length
			}
		}
	}
	return off*off*1000 + border
}

// trade hands blocks over to neighbouring cells, the best step first, until none helps.
func (d *designer) trade() {
	for range 4 * len(d.blocks) {
		best, to, gain := -1, -1, 1e-6
		for b := range d.blocks {
			from := d.of[b]
			mine := d.members(from)
			if len(mine) == 1 {
				continue
			}
			rest := slices.DeleteFunc(slices.Clone(mine), func(o int) bool { return o == b })
			if d.outline(rest) == nil {
				continue
			}
			tried := map[int]bool{from: true}
			for _, o := range slices.Sorted(maps.Keys(d.blocks[b].beside)) {
				c := d.of[o]
				if tried[c] {
					continue
				}
				tried[c] = true
				theirs := d.members(c)
				grown := append(slices.Clone(theirs), b)
				if d.outline(grown) == nil {
					continue
				}
				before := d.cost(mine) + d.cost(theirs)
				d.of[b] = c
				after := d.cost(rest) + d.cost(grown)
				d.of[b] = from
				if before-after > gain {
					best, to, gain = b, c, before-after
				}
			}
		}
		if best < 0 {
			return
		}
		d.of[best] = to
	}
}

// cells are the outlines. A corner that a street made on the area's border is left out where no two cells meet.
func (d *designer) cells() (all []Proposed) {
	around := map[int]map[int]bool{} // the cells at a corner
	for b, block := range d.blocks {
		for _, k := range block.loop {
			if around[k] == nil {
				around[k] = map[int]bool{}
			}
			around[k][d.of[b]] = true
		}
	}
	for c := range d.blocks {
		mine := d.members(c)
		if len(mine) == 0 {
			continue
		}
		loop := slices.DeleteFunc(d.outline(mine), func(k int) bool {
			return k >= d.net.border && d.net.onRing[k] && len(around[k]) == 1
		})
		p := Proposed{Geometry: orb.Polygon{d.net.line(loop)}, Households: d.households(mine)}
		for _, b := range mine {
			p.Buildings += d.blocks[b].buildings
		}
		all = append(all, p)
	}
	return all
}
