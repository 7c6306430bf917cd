package grid

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/planar"
)

// What a designer of grids draws its cells of: streets and a border noded to a planar network, and the blocks that it closes in.

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
