package grid

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/planar"
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

// network is streets and a border, noded: lines meet in corners only.
type network struct {
	ring   orb.Ring
	at     []orb.Point
	border int            // corners of the ring come first
	square map[[2]int]int // corners by squares of near
	edges  map[[2]int]bool
	street map[[2]int]bool // the edges that are no border
	next   [][]int         // neighbours by corner
	onRing []bool
}

// newNetwork nodes the streets within a ring; what lies outside or leads nowhere is left out.
func newNetwork(ring orb.Ring, streets []orb.LineString) *network {
	n := &network{ring: ring, square: map[[2]int]int{}, edges: map[[2]int]bool{}, street: map[[2]int]bool{}}
	type side struct {
		edge
		street bool
		cuts   []int
	}
	var sides []side
	for i := 1; i < len(ring); i++ {
		a, b := n.corner(ring[i-1]), n.corner(ring[i])
		sides = append(sides, side{edge{n.at[a], n.at[b]}, false, []int{a, b}})
	}
	n.border = len(n.at)
	bound := ring.Bound().Pad(near)
	for _, line := range streets {
		for i := 1; i < len(line); i++ {
			if (orb.MultiPoint{line[i-1], line[i]}).Bound().Intersects(bound) {
				a, b := n.corner(line[i-1]), n.corner(line[i])
				sides = append(sides, side{edge{n.at[a], n.at[b]}, true, []int{a, b}})
			}
		}
	}
	slices.SortFunc(sides, func(s, t side) int { return cmp.Compare(min(s.a[0], s.b[0]), min(t.a[0], t.b[0])) })
	stretch := math.Cos(ring[0][1] * math.Pi / 180)
	for i := range sides {
		for j := i + 1; j < len(sides) && min(sides[j].a[0], sides[j].b[0]) <= max(sides[i].a[0], sides[i].b[0])+near; j++ {
			s, t := &sides[i], &sides[j]
			if min(s.a[1], s.b[1]) > max(t.a[1], t.b[1])+near || min(t.a[1], t.b[1]) > max(s.a[1], s.b[1])+near {
				continue
			}
			for _, k := range t.cuts[:2] {
				if d, _ := fromSegment(n.at[k], s.a, s.b, stretch); d <= near {
					s.cuts = append(s.cuts, k)
				}
			}
			for _, k := range s.cuts[:2] {
				if d, _ := fromSegment(n.at[k], t.a, t.b, stretch); d <= near {
					t.cuts = append(t.cuts, k)
				}
			}
			if at, _, _, meet := intersection(s.a, s.b, t.a, t.b); meet {
				k := n.corner(at)
				s.cuts, t.cuts = append(s.cuts, k), append(t.cuts, k)
			}
		}
	}
	n.onRing = make([]bool, len(n.at))
	for street := range 2 { // the border first: a street upon it is no other edge
		for _, s := range sides {
			if s.street != (street == 1) {
				continue
			}
			along := func(k int) float64 { _, t := fromSegment(n.at[k], s.a, s.b, stretch); return t }
			slices.SortFunc(s.cuts, func(a, b int) int { return cmp.Compare(along(a), along(b)) })
			for i := 1; i < len(s.cuts); i++ {
				a, b := min(s.cuts[i-1], s.cuts[i]), max(s.cuts[i-1], s.cuts[i])
				switch {
				case a == b || n.edges[[2]int{a, b}]:
				case !s.street:
					n.edges[[2]int{a, b}], n.onRing[a], n.onRing[b] = true, true, true
				case !(n.onRing[a] && n.onRing[b] && n.beside(edge{n.at[a], n.at[b]}, stretch)) && planar.RingContains(ring, middle(edge{n.at[a], n.at[b]})):
					n.edges[[2]int{a, b}], n.street[[2]int{a, b}] = true, true
				}
			}
		}
	}
	n.link()
	return n
}

// beside says that a side runs along the ring and not through it.
func (n *network) beside(e edge, stretch float64) bool {
	m := middle(e)
	for i := 1; i < len(n.ring); i++ {
		if d, _ := fromSegment(m, n.ring[i-1], n.ring[i], stretch); d <= near {
			return true
		}
	}
	return false
}

// corner is the number of the corner at p; what lies within near of one is that one.
func (n *network) corner(p orb.Point) int {
	x, y := int(math.Floor(p[0]/near)), int(math.Floor(p[1]/near))
	for dx := -1; dx <= 1; dx++ {
		for dy := -1; dy <= 1; dy++ {
			if k, ok := n.square[[2]int{x + dx, y + dy}]; ok && math.Abs(n.at[k][0]-p[0]) <= near && math.Abs(n.at[k][1]-p[1]) <= near {
				return k
			}
		}
	}
	n.at = append(n.at, p)
	n.square[[2]int{x, y}] = len(n.at) - 1
	return len(n.at) - 1
}

// link finds each corner's neighbours, without dead ends and without what hangs together with the border nowhere.
func (n *network) link() {
	n.next = make([][]int, len(n.at))
	for e := range n.edges {
		n.next[e[0]], n.next[e[1]] = append(n.next[e[0]], e[1]), append(n.next[e[1]], e[0])
	}
	drop := func(a, b int) {
		delete(n.edges, [2]int{min(a, b), max(a, b)})
		n.next[a] = slices.DeleteFunc(n.next[a], func(k int) bool { return k == b })
		n.next[b] = slices.DeleteFunc(n.next[b], func(k int) bool { return k == a })
	}
	reached := make([]bool, len(n.at))
	queue := []int{n.corner(n.ring[0])}
	for reached[queue[0]] = true; len(queue) > 0; queue = queue[1:] {
		for _, k := range n.next[queue[0]] {
			if !reached[k] {
				reached[k] = true
				queue = append(queue, k)
			}
		}
	}
	for a := range n.next {
		for !reached[a] && len(n.next[a]) > 0 {
			drop(a, n.next[a][0])
		}
		for k := a; len(n.next[k]) == 1; { // a dead end, back to where it left
			before := n.next[k][0]
			drop(k, before)
			k = before
		}
	}
	for a, at := range n.next { // by bearing
		angle := func(k int) float64 { return math.Atan2(n.at[k][1]-n.at[a][1], n.at[k][0]-n.at[a][0]) }
		slices.SortFunc(at, func(b, c int) int { return cmp.Or(cmp.Compare(angle(b), angle(c)), cmp.Compare(b, c)) })
	}
}

// block is ground that no street crosses.
type block struct {
	loop       []int // corners, the ground on the left
	households int
	buildings  int
	beside     map[int]float64 // metres of border with other blocks
}

// blocks walks around all the ground that is closed in. A street with the same block on both sides closes nothing in: it is
// taken out, with what hangs on it. So is one that only hangs on a corner.
func (n *network) blocks() []block {
	for {
		left := map[[2]int]int{} // the block on the left of a directed edge
		var all []block
		for a := range n.next {
			for _, b := range n.next[a] {
				if _, walked := left[[2]int{a, b}]; walked {
					continue
				}
				var loop []int
				for u, v := a, b; ; {
					left[[2]int{u, v}] = len(all)
					loop = append(loop, u)
					at := n.next[v]
					i := slices.Index(at, u)
					u, v = v, at[(i+len(at)-1)%len(at)] // the next one clockwise
					if u == a && v == b {
						break
					}
				}
				all = append(all, block{loop: loop, beside: map[int]float64{}})
			}
		}
		var bridges [][2]int
		for e := range n.edges {
			if left[e] == left[[2]int{e[1], e[0]}] {
				bridges = append(bridges, e)
			}
		}
		for _, b := range all {
			if e, ok := n.knot(b.loop); ok && n.edges[e] {
				bridges = append(bridges, e)
			}
		}
		if len(bridges) > 0 {
			for _, e := range bridges {
				delete(n.edges, e)
			}
			n.link()
			continue
		}
		number := make([]int, len(all))
		var inner []block
		for i, b := range all {
			number[i] = -1
			if n.line(b.loop).Orientation() == orb.CCW { // the other way round lies the world
				number[i] = len(inner)
				inner = append(inner, b)
			}
		}
		for e := range n.edges {
			i, j := number[left[e]], number[left[[2]int{e[1], e[0]}]]
			if i >= 0 && j >= 0 {
				length := geo.Distance(n.at[e[0]], n.at[e[1]])
				inner[i].beside[j] += length
				inner[j].beside[i] += length
			}
		}
		return inner
	}
}

// knot is a street of a loop that hangs on one corner of the rest: what it closes in has no border with anything else.
func (n *network) knot(loop []int) (street [2]int, ok bool) {
	first := map[int]int{}
	for j, k := range loop {
		i, twice := first[k]
		if !twice {
			first[k] = j
			continue
		}
		hanging, rest := append(slices.Clone(loop[i:j]), k), append(append(slices.Clone(loop[j:]), loop[:i]...), k)
		if n.line(hanging).Orientation() == orb.CCW { // the ground lies around what hangs, not in it
			hanging, rest = rest, hanging
		}
		for _, part := range [][]int{hanging, rest} {
			for x := 1; x < len(part); x++ {
				e := [2]int{min(part[x-1], part[x]), max(part[x-1], part[x])}
				if n.street[e] {
					return e, true
				}
			}
		}
	}
	return street, false
}

// line is a loop as a closed ring.
func (n *network) line(loop []int) orb.Ring {
	ring := make(orb.Ring, 0, len(loop)+1)
	for _, k := range loop {
		ring = append(ring, n.at[k])
	}
	return append(ring, ring[0])
}

// settle counts the houses of each block.
func (n *network) settle(blocks []block, houses []House) {
	rings, bounds := make([]orb.Ring, len(blocks)), make([]orb.Bound, len(blocks))
	for i := range blocks {
		rings[i] = n.line(blocks[i].loop)
		bounds[i] = rings[i].Bound()
	}
	for _, h := range houses {
		for i := range blocks {
			if bounds[i].Contains(h.At) && planar.RingContains(rings[i], h.At) {
				blocks[i].buildings++
				blocks[i].households += max(h.Households, 0)
				break
			}
		}
	}
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
