package geotest

import (
	"math"
	"math/rand/v2"
	"slices"
)

// road is a street, or the river (class river), whose edges cut the plan.
type road struct {
	name  string
	class string
	line  []vec
}

// halfWidth is from a road's middle line to the blocks beside it, pavement included.
var halfWidth = map[string]float64{"river": 48, "arterial": 19, "collector": 12.5, "local": 8, "lane": 3.2, "": 5}

// layout is the town before houses stand in it.
type layout struct {
	rand   *rand.Rand
	plan   plan
	roads  []road
	names  names
	river  []vec
	border []vec
}

// The skeleton, in metres from the middle: what a surveyor of the town would draw first. Everything else follows from it
// and from the seed.
var (
	skeletonBorder = []vec{{-1760, -240}, {-1560, -930}, {-1150, -1330}, {-500, -1390}, {150, -1290}, {800, -1400}, {1330, -1240}, {1600, -760},
		{1770, -200}, {1830, 420}, {1560, 1060}, {980, 1440}, {300, 1370}, {-350, 1480}, {-1050, 1350}, {-1570, 950}, {-1800, 380}}
	skeletonRiver = []vec{{-5200, 260}, {-4300, -180}, {-3300, 120}, {-2500, -260}, {-1700, -560}, {-1100, -730}, {-480, -560}, {120, -330}, {640, -400}, {1120, -700}, {1700, -690}, {2500, -340}, {3300, -520}, {4300, -80}, {5200, -300}}
)

type avenue struct {
	name, class string
	through     []vec
}

var skeleton = []avenue{
	{"永来大街", "arterial", []vec{{-420, 3900}, {-330, 2700}, {-210, 1500}, {-150, 900}, {-130, 430}, {-190, -150}, {-215, -460}, {-120, -900}, {-60, -1400}, {20, -2500}, {-160, -3900}}},
	{"人民路", "arterial", []vec{{-5000, 1250}, {-3300, 900}, {-1900, 620}, {-1000, 470}, {-130, 430}, {420, 505}, {960, 440}, {1850, 330}, {3300, 560}, {5000, 420}}},
	{"迎宾大道", "arterial", []vec{{1500, 3900}, {1290, 2500}, {1080, 1500}, {960, 900}, {940, 440}, {905, 0}, {880, -480}, {930, -900}, {1010, -1400}, {1280, -2600}, {1450, -3900}}},
	{"站前街", "collector", []vec{{-2600, 2300}, {-1500, 1330}, {-860, 830}, {-480, 610}, {-126, 424}}},
	{"北环路", "collector", []vec{{-170, 905}, {300, 985}, {965, 905}, {1310, 720}, {1420, 380}, {1400, 0}, {1290, -380}, {1190, -640}, {1120, -850}}},
	{"工业路", "collector", []vec{{-2700, -1010}, {-1500, -1020}, {-800, -985}, {-110, -860}, {400, -890}, {930, -930}, {1600, -900}, {2700, -1180}}},
	{"园林街", "collector", []vec{{-1130, 1420}, {-1060, 950}, {-1020, 470}, {-930, 60}, {-1010, -330}, {-1030, -690}}},
}

// newLayout is the seed's first draft whose communities and grids are each of one piece.
func newLayout(seed uint64) *layout {
	for n := uint64(0); ; n++ {
		if l := draft(seed, n); l.sound() {
			l.cutBlocks()
			l.nameRoads()
			return l
		}
	}
}

// sound says whether every community and grid has one outline.
func (l *layout) sound() bool {
	for c := range 4 {
		if l.join(func(f *face) bool { return f.grid/gridsEach == c }) == nil {
			return false
		}
	}
	for g := range 4 * gridsEach {
		if l.join(func(f *face) bool { return f.grid == g }) == nil {
			return false
		}
	}
	return l.join(func(f *face) bool { return true }) != nil
}

// join is the outline of the faces that are mine; nil if they are not of one piece.
func (l *layout) join(mine func(f *face) bool) loop {
	var faces []int
	for f := range l.plan.faces {
		if mine(&l.plan.faces[f]) {
			faces = append(faces, f)
		}
	}
	if len(faces) == 0 {
		return nil
	}
	var p loop
	for _, v := range l.plan.outline(faces) {
		p = append(p, l.plan.at[v])
	}
	return p
}

// draft draws the skeleton and cuts it into grids.
func draft(seed, n uint64) *layout {
	l := &layout{rand: rand.New(rand.NewPCG(seed, n)), plan: plan{roads: map[[2]int]int{}}}
	l.names = newNames(l.rand)
	shake := func(points []vec, by float64) []vec {
		out := slices.Clone(points)
		for i := range out {
			out[i] = out[i].add(vec{(l.rand.Float64() - .5) * by, (l.rand.Float64() - .5) * by})
		}
		return out
	}
	ring := shake(skeletonBorder, 60)
	ring = append(ring, ring[0])
	border := smooth(ring, 90)
	l.border = border[:len(border)-1]
	l.plan.at = slices.Clone(l.border)
	loop := make([]int, len(l.border))
	for i := range loop {
		loop[i] = i
	}
	l.plan.faces = []face{{loop: loop, community: -1, grid: -1}}

	l.river = smooth(shake(skeletonRiver, 50), 60)
	l.add("永来河", "river", l.river)
	wobble := l.rand.Float64() * 6
	l.add("滨河北路", "arterial", offset(l.river, func(i int) float64 { return 104 + 14*math.Sin(float64(i)*.37+wobble) }))
	l.add("滨河南路", "collector", offset(l.river, func(i int) float64 { return -96 - 10*math.Sin(float64(i)*.41+wobble) }))
	for _, a := range skeleton {
		l.add(a.name, a.class, smooth(shake(a.through, 24), 55))
	}
	for f := range l.plan.faces {
		l.settle(f)
	}
	l.cutGrids()
	return l
}

// add draws a road and keeps the line as it was cut.
func (l *layout) add(name, class string, line []vec) {
	l.roads = append(l.roads, road{name, class, line})
	l.roads[len(l.roads)-1].line = l.plan.draw(line, len(l.roads)-1)
}

// line of a road by name.
func (l *layout) line(name string) []vec {
	for i := range l.roads {
		if l.roads[i].name == name {
			return l.roads[i].line
		}
	}
	return nil
}

// sideOf is > 0 left of a line.
func sideOf(line []vec, q vec) float64 {
	best, side := math.Inf(1), 0.0
	for i := 1; i < len(line); i++ {
		if d := segmentDistance(q, line[i-1], line[i]); d < best {
			best, side = d, line[i].sub(line[i-1]).cross(q.sub(line[i-1]))
		}
	}
	return side
}

// The communities, by the skeleton's sides.
const (
	yonglai = iota // old town, west of 永来大街
	beizhan        // north and east
	binhe          // new estates inside the ring
	henan          // south of the river
)

// settle finds a face's community, and whether it is a strip along the river.
func (l *layout) settle(f int) {
	face := &l.plan.faces[f]
	c := l.within(f)
	n := len(face.loop)
	for i, a := range face.loop {
		if r, ok := l.plan.roads[edgeOf(a, face.loop[(i+1)%n])]; ok && l.roads[r].class == "river" {
			face.strip = true
		}
	}
	switch {
	case sideOf(l.river, c) < 0:
		face.community = henan
	case sideOf(l.line("永来大街"), c) < 0: // it runs south: west is on its right
		face.community = yonglai
	case sideOf(l.line("迎宾大道"), c) > 0 && sideOf(l.line("北环路"), c) < 0:
		face.community = binhe
	default:
		face.community = beizhan
	}
}

// within is a point inside a face, just beside its longest edge: a face along a curve may not hold its own middle.
func (l *layout) within(f int) vec {
	p := l.plan.loop(f)
	best, most := p[0], 0.0
	for i, a := range p {
		b := p[(i+1)%len(p)]
		if d := a.dist(b); d > most {
			best, most = a.lerp(b, 0.5).add(b.sub(a).unit().left().mul(1)), d
		}
	}
	return best
}

// gridsEach is how many grids a community has.
const gridsEach = 7

// cutGrids makes seven grids of each community.
func (l *layout) cutGrids() {
	for c := range 4 {
		main := func() (ids []int) {
			for f := range l.plan.faces {
				if l.plan.faces[f].community == c && !l.plan.faces[f].strip {
					ids = append(ids, f)
				}
			}
			return ids
		}
		// Faces larger than a fair share are cut, by streets that deserve the name.
		for range 40 {
			ids := main()
			total := 0.0
			largest := ids[0]
			for _, f := range ids {
				total += l.plan.loop(f).area()
				if l.plan.loop(f).area() > l.plan.loop(largest).area() {
					largest = f
				}
			}
			if len(ids) >= gridsEach && l.plan.loop(largest).area() < total/gridsEach*1.35 {
				break
			}
			if !l.cut(largest, "collector", 0.08) {
				break
			}
		}
		groups := [][]int{}
		for _, f := range main() {
			groups = append(groups, []int{f})
		}
		for len(groups) > gridsEach {
			l.merge(&groups)
		}
		slices.SortFunc(groups, func(a, b []int) int { // the grid in the middle of the town is the seventh
			if l.middle(a).len() > l.middle(b).len() {
				return -1
			}
			return 1
		})
		for g, faces := range groups {
			for _, f := range faces {
				l.plan.faces[f].grid = c*gridsEach + g
			}
		}
	}
	// A strip along the river belongs to the grid on the other side of the embankment road.
	for f := range l.plan.faces {
		if !l.plan.faces[f].strip {
			continue
		}
		best, most := -1, 0.0
		for g := range l.plan.faces {
			if o := &l.plan.faces[g]; !o.strip && o.community == l.plan.faces[f].community {
				if n := l.shared(f, g); n > most {
					best, most = g, n
				}
			}
		}
		if best >= 0 {
			l.plan.faces[f].grid = l.plan.faces[best].grid
		}
	}
	for range 3 { // a strip that touches none takes its neighbour's
		for f := range l.plan.faces {
			if l.plan.faces[f].grid >= 0 {
				continue
			}
			for g := range l.plan.faces {
				if o := &l.plan.faces[g]; o.grid >= 0 && o.community == l.plan.faces[f].community && l.shared(f, g) > 0 {
					l.plan.faces[f].grid = o.grid
					break
				}
			}
		}
	}
}

func (l *layout) middle(faces []int) vec {
	var c vec
	sum := 0.0
	for _, f := range faces {
		p := l.plan.loop(f)
		c = c.add(p.center().mul(p.area()))
		sum += p.area()
	}
	return c.mul(1 / sum)
}

// shared is the length of the border of two faces.
func (l *layout) shared(f, g int) float64 {
	edges := map[[2]int]bool{}
	a := l.plan.faces[f].loop
	for i, v := range a {
		edges[edgeOf(v, a[(i+1)%len(a)])] = true
	}
	sum := 0.0
	b := l.plan.faces[g].loop
	for i, v := range b {
		if w := b[(i+1)%len(b)]; edges[edgeOf(v, w)] {
			sum += l.plan.at[v].dist(l.plan.at[w])
		}
	}
	return sum
}

// merge joins the smallest group to the neighbour with which it makes the smallest whole.
func (l *layout) merge(groups *[][]int) {
	area := func(g []int) (sum float64) {
		for _, f := range g {
			sum += l.plan.loop(f).area()
		}
		return sum
	}
	gs := *groups
	small := 0
	for i := range gs {
		if area(gs[i]) < area(gs[small]) {
			small = i
		}
	}
	best, least := -1, math.Inf(1)
	for i := range gs {
		if i == small {
			continue
		}
		border := 0.0
		for _, f := range gs[small] {
			for _, g := range gs[i] {
				border += l.shared(f, g)
			}
		}
		whole := slices.Concat(gs[i], gs[small])
		if a := area(whole); border > 60 && a < least && l.plan.outline(whole) != nil {
			best, least = i, a
		}
	}
	if best < 0 {
		best = (small + 1) % len(gs)
	}
	gs[best] = append(gs[best], gs[small]...)
	*groups = slices.Delete(gs, small, small+1)
}

// cut divides a face across its length by a new road; false where no good line is found.
func (l *layout) cut(f int, class string, bend float64) bool {
	p := l.plan.loop(f)
	u, long, wide := p.axis()
	base := p.center()
	for try := range 24 {
		// The first tries are straight across the middle; later ones wander.
		k := 0.06 + 0.02*float64(try)
		from := base.add(u.mul((l.rand.Float64() - .5) * long * k)).add(u.left().mul((l.rand.Float64() - .5) * wide * k))
		v := u.left()
		v = direction(math.Atan2(v.y, v.x) + (l.rand.Float64()-.5)*(0.22+0.05*float64(try)))
		if !p.contains(from) {
			continue
		}
		a, okA := l.hit(f, from, v)
		b, okB := l.hit(f, from, v.mul(-1))
		if !okA || !okB {
			continue
		}
		pa, pb := a.where, b.where
		d := pa.dist(pb)
		if d < 30 {
			continue
		}
		// A street that meets another at a sharp angle is not built.
		if !a.corner && math.Abs(pb.sub(pa).unit().dot(a.edge)) > 0.75 || !b.corner && math.Abs(pb.sub(pa).unit().dot(b.edge)) > 0.75 {
			continue
		}
		var between []vec
		if n := int(d / 50); n >= 2 {
			side := (l.rand.Float64()*2 - 1) * bend * d
			for i := 1; i < n; i++ {
				t := float64(i) / float64(n)
				between = append(between, pa.lerp(pb, t).add(pb.sub(pa).unit().left().mul(side*math.Sin(t*math.Pi))))
			}
		}
		if !l.clear(p, slices.Concat([]vec{pa}, between, []vec{pb})) {
			continue
		}
		va := l.corner(f, a)
		vb := l.corner(f, b)
		if va == vb {
			continue
		}
		l.roads = append(l.roads, road{class: class, line: slices.Concat([]vec{l.plan.at[va]}, between, []vec{l.plan.at[vb]})})
		l.plan.split(f, va, vb, between, len(l.roads)-1)
		return true
	}
	return false
}

// contact is where a new road meets the edge of a face.
type contact struct {
	where  vec
	i      int // the edge from corner i of the loop
	corner bool
	edge   vec // its direction
}

// hit follows a ray to the edge of face f; near a crossing it goes there, so that streets go on across.
func (l *layout) hit(f int, from, v vec) (contact, bool) {
	ring := l.plan.faces[f].loop
	far := from.add(v.mul(6000))
	best := contact{i: -1}
	least := math.Inf(1)
	for i := range ring {
		a, b := l.plan.at[ring[i]], l.plan.at[ring[(i+1)%len(ring)]]
		if t, _, ok := meet(from, far, a, b); ok && t < least {
			least = t
			best = contact{from.add(v.mul(6000 * t)), i, false, b.sub(a).unit()}
		}
	}
	if best.i < 0 {
		return best, false
	}
	reach := min(45, 0.16*from.dist(best.where)+8)
	for i, c := range ring {
		if d := l.plan.at[c].dist(best.where); d < reach && (l.crossing(c) || d < 7) {
			reach = d
			best.where, best.i, best.corner = l.plan.at[c], i, true
		}
	}
	return best, true
}

// crossing says whether roads meet at a corner, seen from any face.
func (l *layout) crossing(c int) bool {
	n := 0
	for f := range l.plan.faces {
		if slices.Contains(l.plan.faces[f].loop, c) {
			n++
		}
	}
	return n == 3 // a fourth arm makes it a crossroads; a fifth would not
}

func (l *layout) corner(f int, c contact) int {
	ring := l.plan.faces[f].loop
	if c.corner {
		for _, v := range ring {
			if l.plan.at[v] == c.where {
				return v
			}
		}
	}
	// The loop may have grown by the other end's corner: look for the edge again.
	for i := range ring {
		a, b := l.plan.at[ring[i]], l.plan.at[ring[(i+1)%len(ring)]]
		if segmentDistance(c.where, a, b) < 1e-6 {
			return l.plan.insert(ring[i], ring[(i+1)%len(ring)], c.where)
		}
	}
	return ring[c.i]
}

// clear says whether a line stays inside p between its ends.
func (l *layout) clear(p loop, line []vec) bool {
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		if i == 1 {
			a = a.lerp(b, 0.02)
		}
		if i == len(line)-1 {
			b = b.lerp(a, 0.02)
		}
		if !p.contains(a.lerp(b, 0.5)) {
			return false
		}
		for j := range p {
			if _, _, ok := meet(a, b, p[j], p[(j+1)%len(p)]); ok {
				return false
			}
		}
	}
	return true
}

// uses of land; a block has one, and its houses follow.
const (
	courtyards = "courtyards" // 平房院落
	slabs      = "slabs"      // 单位小区: six storeys in rows
	towers     = "towers"     // new estates
	sheds      = "sheds"
	village    = "village"
	mixed      = "mixed" // until it is cut into blocks
)

// blockArea is the size of block that a use asks for, m².
var blockArea = map[string]float64{courtyards: 9_500, slabs: 21_000, towers: 26_000, sheds: 34_000, village: 15_000, mixed: 19_000}

// cutBlocks cuts every grid into blocks by smaller streets.
func (l *layout) cutBlocks() {
	for f := 0; f < len(l.plan.faces); f++ {
		l.plan.faces[f].use = l.useOf(f)
	}
	for f := 0; f < len(l.plan.faces); f++ { // new faces are put at the end and come again
		if l.plan.faces[f].strip {
			continue
		}
		for {
			area := l.plan.loop(f).area()
			want := blockArea[l.plan.faces[f].use] * (0.8 + 0.7*l.rand.Float64())
			if area < 1.5*want {
				break
			}
			class := "local"
			if area < 42_000 && (l.plan.faces[f].use == courtyards || l.plan.faces[f].use == village) {
				class = "lane"
			}
			if !l.cut(f, class, 0.05) {
				break
			}
		}
		if l.plan.faces[f].use == mixed {
			l.plan.faces[f].use = l.mix()
		}
	}
}

// useOf gives a grid's faces the use that most of it has; cutBlocks mixes others in.
func (l *layout) useOf(f int) string {
	c := l.plan.loop(f).center()
	switch l.plan.faces[f].community {
	case yonglai:
		if c.x < -1150 || c.y > 900 {
			return mixed
		}
		return courtyards
	case binhe:
		return towers
	case henan:
		if c.y < -930 {
			return sheds
		}
		if c.x < -250 {
			return village
		}
		return mixed
	}
	if c.x > 1250 && c.y < 700 {
		return sheds
	}
	if c.y > 900 {
		return village
	}
	return mixed
}

// mix draws the use of one block of a mixed quarter.
func (l *layout) mix() string {
	switch k := l.rand.Float64(); {
	case k < .24:
		return slabs
	case k < .62:
		return courtyards
	case k < .74:
		return village
	case k < .84:
		return "shops"
	case k < .92:
		return sheds
	case k < .96:
		return "grove"
	}
	return "office"
}

// nameRoads gives streets that go on across a crossing one name, and every other street its own.
func (l *layout) nameRoads() {
	same := make([]int, len(l.roads))
	for i := range same {
		same[i] = i
	}
	var root func(i int) int
	root = func(i int) int {
		if same[i] != i {
			same[i] = root(same[i])
		}
		return same[i]
	}
	type end struct {
		at, out vec // out points along the street, away from it
		road    int
	}
	var ends []end
	for i, r := range l.roads {
		if r.name != "" {
			continue
		}
		n := len(r.line)
		ends = append(ends, end{r.line[0], r.line[0].sub(r.line[1]).unit(), i}, end{r.line[n-1], r.line[n-1].sub(r.line[n-2]).unit(), i})
	}
	for i, a := range ends {
		for _, b := range ends[i+1:] {
			if a.at == b.at && a.out.dot(b.out) < -0.85 && (l.roads[a.road].class == "lane") == (l.roads[b.road].class == "lane") {
				same[root(b.road)] = root(a.road)
			}
		}
	}
	given := map[int]string{}
	for i := range l.roads {
		r := &l.roads[i]
		if r.name != "" {
			continue
		}
		k := root(i)
		if given[k] == "" {
			if r.class == "lane" {
				given[k] = l.names.lane()
			} else {
				given[k] = l.names.street()
			}
		}
		r.name = given[k]
	}
}

// block is the land between the streets around face f.
func (l *layout) block(f int) (loop, bool) {
	p := l.plan.loop(f)
	ring := l.plan.faces[f].loop
	by := make([]float64, len(p))
	for i := range ring {
		class := ""
		if r, ok := l.plan.roads[edgeOf(ring[i], ring[(i+1)%len(ring)])]; ok {
			class = l.roads[r].class
		}
		by[i] = halfWidth[class]
	}
	return p.inset(by)
}

// roadsOf lists the streets around face f.
func (l *layout) roadsOf(f int) (ids []int) {
	ring := l.plan.faces[f].loop
	for i := range ring {
		if r, ok := l.plan.roads[edgeOf(ring[i], ring[(i+1)%len(ring)])]; ok && !slices.Contains(ids, r) && l.roads[r].class != "river" {
			ids = append(ids, r)
		}
	}
	return ids
}
