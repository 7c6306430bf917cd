package geotest

import (
	"fmt"
	"math"
	"slices"
)

// house is a building of the town.
type house struct {
	poly       loop
	kind       string // residential, commercial, public, industrial, market
	name       string
	compound   string // 小区
	address    string
	floors     int
	units      int
	households int // -1: nobody lives here
	block      int // in builder.blocks
	at         vec
}

// block is the land between streets, and what it is used for.
type block struct {
	face   int
	grid   int
	use    string
	name   string
	poly   loop
	roads  []int
	green  []loop
	houses []int // while they are put; thinning moves them
}

// kindOf says what a block is on the map: residential, commercial, public, industrial, market.
var kindOf = map[string]string{courtyards: "residential", slabs: "residential", towers: "residential", village: "residential", sheds: "industrial",
	"market": "market", "mall": "commercial", "shops": "commercial", "school": "public", "hospital": "public", "office": "public", "station": "public"}

// builder puts houses into blocks.
type builder struct {
	*layout
	blocks []block
	houses []house
	toilet vec // 旱厕 of SC-1
}

// landmark asks for a block near a place for a use.
type landmark struct {
	use, name string
	near      vec
	least     float64 // m² of block
	community int     // -1: any
}

var landmarks = []landmark{
	{"market", "永来市场", vec{-330, -120}, 7_000, yonglai},
	{"station", "永来汽车站", vec{-900, 760}, 6_000, -1},
	{"office", "永来街道办事处", vec{60, 560}, 6_000, beizhan},
	{"shops", "永来百货大楼", vec{60, 330}, 6_000, beizhan},
	{"shops", "人民商场", vec{420, 360}, 6_000, beizhan},
	{"hospital", "永来医院", vec{700, 620}, 12_000, beizhan},
	{"school", "永来第一小学", vec{-640, -60}, 8_000, yonglai},
	{"school", "永来中学", vec{360, 760}, 14_000, beizhan},
	{"school", "园林街小学", vec{-1350, 680}, 12_000, yonglai},
	{"school", "滨河学校", vec{1150, 60}, 14_000, binhe},
	{"school", "河南小学", vec{250, -560}, 12_000, henan},
	{"park", "永来公园", vec{520, 80}, 14_000, beizhan},
	{"park", "园林街游园", vec{-1260, 60}, 10_000, yonglai},
	{"park", "滨河公园", vec{1060, -240}, 12_000, binhe},
	{"park", "北环公园", vec{1080, 640}, 8_000, binhe},
	{"park", "体育公园", vec{600, -700}, 14_000, henan},
	{"office", "北站社区服务中心", vec{1350, 900}, 6_000, beizhan},
	{"office", "河南社区服务中心", vec{-450, -830}, 6_000, henan},
}

// build makes the blocks and fills them.
func build(l *layout) *builder {
	b := &builder{layout: l}
	for f := range l.plan.faces {
		face := &l.plan.faces[f]
		if face.strip {
			continue
		}
		p, ok := l.block(f)
		if !ok {
			continue
		}
		b.blocks = append(b.blocks, block{face: f, grid: face.grid, use: face.use, poly: p, roads: l.roadsOf(f)})
	}
	b.place(landmark{"mall", "永来城", l.gridMiddle(6), 6_500, yonglai}, 6)
	for _, m := range landmarks {
		b.place(m, -1)
	}
	b.nameCompounds()
	b.putToilet()
	for i := range b.blocks {
		b.fill(i)
	}
	b.countHouseholds()
	b.addresses()
	return b
}

func (l *layout) gridMiddle(g int) vec {
	var faces []int
	for f := range l.plan.faces {
		if l.plan.faces[f].grid == g && !l.plan.faces[f].strip {
			faces = append(faces, f)
		}
	}
	return l.middle(faces)
}

// place gives the nearest large enough block a landmark's use.
func (b *builder) place(m landmark, grid int) {
	best, least := -1, math.Inf(1)
	for i := range b.blocks {
		k := &b.blocks[i]
		if k.name != "" || k.poly.area() < m.least || (m.community >= 0 && k.grid/gridsEach != m.community) || (grid >= 0 && k.grid != grid) {
			continue
		}
		if d := k.poly.center().dist(m.near); d < least {
			best, least = i, d
		}
	}
	if best >= 0 {
		b.blocks[best].use, b.blocks[best].name = m.use, m.name
	}
}

// nameCompounds names the estates; the first of 邮电小区 is where SC-3 has its bicycle shed.
func (b *builder) nameCompounds() {
	first := []string{"邮电", "粮食局", "供销", "园丁", "电力", "税务", "林业", "水务", "铁路", "建行", "农机", "公路", "卫生", "交通", "教育", "物资", "人民银行", "煤建", "百货", "纺织", "皮革", "乳品", "化肥厂", "水泥厂", "机修厂"}
	second := []string{"家园", "馨苑", "花园", "嘉苑", "华庭", "雅居", "新城", "名邸"}
	third := []string{"滨河", "锦绣", "阳光", "金色", "御景", "碧水", "盛世", "幸福", "和谐", "康城", "祥和", "龙泽", "锦绣湖", "丽景", "上城", "青年", "丰泽", "福源"}
	n, t := 0, 0
	for i := range b.blocks {
		k := &b.blocks[i]
		if k.name != "" {
			continue
		}
		switch k.use {
		case slabs:
			if k.name = first[n%len(first)] + "小区"; n >= len(first) {
				k.name = first[n%len(first)] + numeral(n/len(first)+1) + "区"
			}
			n++
		case towers:
			k.name = third[t%len(third)] + second[(t/2)%len(second)]
			t++
		}
	}
}

// putToilet finds the place of the dry toilet: in the first block west of 永来城.
func (b *builder) putToilet() {
	for _, m := range b.blocks {
		if m.use != "mall" {
			continue
		}
		for d := 20.0; d < 300; d += 2 {
			q := m.poly.center().add(vec{-d, 3})
			for i := range b.blocks {
				if k := &b.blocks[i]; k.use == courtyards && k.grid == m.grid && k.poly.contains(q) && k.poly.toEdge(q) > 8 {
					b.toilet = q
					b.add(i, rect(q, vec{1, 0}, 9, 5), "public", 1, 0, -1).name = "永来城西侧旱厕"
					return
				}
			}
		}
	}
}

// add builds a house if nothing stands in its way in the block; nil otherwise.
func (b *builder) add(i int, p loop, kind string, floors, units, households int) *house {
	k := &b.blocks[i]
	for _, h := range k.houses {
		if b.houses[h].at.dist(p[0]) < 130 && overlaps(b.houses[h].poly, p) {
			return nil
		}
	}
	k.houses = append(k.houses, len(b.houses))
	at := p.center()
	if !p.contains(at) {
		at = p[0].lerp(p[1], 0.5).lerp(p[2], 0.2)
	}
	b.houses = append(b.houses, house{poly: p, kind: kind, floors: floors, units: units, households: households, block: i, at: at})
	return &b.houses[len(b.houses)-1]
}

func (b *builder) fill(i int) {
	k := &b.blocks[i]
	east := k.eastward()
	switch k.use {
	case courtyards:
		b.shops(i, 8.5, 0.55)
		b.plots(i, k.poly, 430)
	case village:
		b.plots(i, k.poly, 900)
	case slabs:
		b.shops(i, 10, 0.8)
		b.rows(i, east, 4+b.rand.IntN(3), 2+b.rand.IntN(3))
	case towers:
		b.towers(i, east)
	case sheds:
		b.sheds(i, east)
	case "market":
		b.market(i, east)
	case "mall":
		b.mall(i, east)
	case "shops":
		b.shops(i, 16, 1)
		b.depots(i, east)
	case "school":
		b.campus(i, east, "教学楼", 4, true)
	case "hospital":
		b.campus(i, east, "门诊楼", 6, false)
	case "office", "station":
		b.campus(i, east, "主楼", 5, false)
	case "park":
		b.park(i, east)
	case "grove":
		k.green = append(k.green, k.poly)
	}
}

// eastward is the block's own axis that is nearest to east–west: houses here face south.
func (k *block) eastward() vec {
	u, _, _ := k.poly.axis()
	if math.Abs(u.x) < math.Abs(u.y) {
		u = u.left()
	}
	if u.x < 0 {
		u = u.mul(-1)
	}
	return u
}

// shops line the larger streets: low houses, one beside the other.
func (b *builder) shops(i int, depth, share float64) {
	k := &b.blocks[i]
	p := k.poly
	for e, a := range p {
		c := p[(e+1)%len(p)]
		d := a.dist(c)
		u := c.sub(a).unit()
		if d < 40 || !b.large(k, a.lerp(c, 0.5)) {
			continue
		}
		for s := 6.0; s < d-14; {
			l := min(12+b.rand.Float64()*26, d-6-s)
			if l > 9 && b.rand.Float64() < share {
				q := rect(a.add(u.mul(s+l/2)).add(u.left().mul(depth/2+1.2)), u, l, depth)
				if p.holds(q, 0.5) {
					b.add(i, q, "commercial", 1+b.rand.IntN(3), 0, -1)
				}
			}
			s += l + []float64{0.6, 0.6, 0.6, 7}[b.rand.IntN(4)]
		}
	}
}

// large says whether the nearest street to q is an avenue.
func (b *builder) large(k *block, q vec) bool {
	best, class := math.Inf(1), ""
	for _, r := range k.roads {
		if d, _ := nearestOn(b.roads[r].line, q); d < best {
			best, class = d, b.roads[r].class
		}
	}
	return class == "arterial" || class == "collector"
}

// plots cuts a block into yards and puts a house into each, its back to the north.
func (b *builder) plots(i int, p loop, size float64) {
	if p.area() > size*(1.1+0.9*b.rand.Float64()) {
		u, _, _ := p.axis()
		c := p.center().add(u.mul((b.rand.Float64() - .5) * 0.16 * math.Sqrt(p.area())))
		v := u.left()
		one, two := p.clip(c, v), p.clip(c, v.mul(-1))
		if len(one) >= 3 && len(two) >= 3 {
			b.plots(i, one, size)
			b.plots(i, two, size)
			return
		}
	}
	if p.area() < 90 || b.rand.Float64() < 0.06 {
		return
	}
	u, _, _ := p.axis()
	if math.Abs(u.x) < math.Abs(u.y) {
		u = u.left()
	}
	if u.x < 0 {
		u = u.mul(-1)
	}
	// The house: along the yard's north side; often with a wing down one side.
	l0, l1, w0, w1 := p.extent(u)
	at := func(l, w float64) vec { return u.mul(l).add(u.left().mul(w)) }
	floors := 1
	if b.rand.IntN(9) == 0 {
		floors = 2
	}
	for _, k := range []float64{1, .85, .7, .55} {
		l := min((l1-l0-2)*k, 17)
		d := min(6+b.rand.Float64()*2, (w1-w0)*.5)
		if l < 6 || d < 4 {
			return
		}
		mid := (l0 + l1) / 2
		top := w1 - 1.2 - (1-k)*(w1-w0)*.35
		wing := min((w1-w0)*.45*k, 8)
		q := loop{at(mid-l/2, top-d), at(mid+l/2, top-d), at(mid+l/2, top), at(mid-l/2, top)}
		if wing > 3.5 && b.rand.IntN(5) < 3 {
			if b.rand.IntN(2) == 0 {
				q = loop{at(mid-l/2, top-d-wing), at(mid-l/2+4, top-d-wing), at(mid-l/2+4, top-d), at(mid+l/2, top-d), at(mid+l/2, top), at(mid-l/2, top)}
			} else {
				q = loop{at(mid-l/2, top-d), at(mid+l/2-4, top-d), at(mid+l/2-4, top-d-wing), at(mid+l/2, top-d-wing), at(mid+l/2, top), at(mid-l/2, top)}
			}
		}
		if p.holds(q, 0.35) && b.blocks[i].poly.holds(q, 0.6) {
			b.add(i, q, "residential", floors, 0, 1)
			return
		}
	}
}

// rows of slabs: stairways of 15 m, two flats a landing.
func (b *builder) rows(i int, u vec, floors, units int) {
	k := &b.blocks[i]
	depth := 11.4 + b.rand.Float64()*1.4
	l0, l1, w0, w1 := k.poly.extent(u)
	lane := depth + float64(floors)*2.9*1.25 // sun in winter
	for w := w1 - depth/2 - 4; w > w0+depth/2; w -= lane {
		for s := l0 + 3; s < l1; {
			built := false
			for n := units; n >= 2; n-- {
				l := float64(n) * 15.2
				q := rect(u.mul(s+l/2).add(u.left().mul(w)), u, l, depth)
				if !k.poly.holds(q, 2.5) {
					continue
				}
				if b.add(i, notched(q, u, n), "residential", floors, n, floors*n*2) != nil {
					s += l + 9 + b.rand.Float64()*5
					built = true
					break
				}
			}
			if !built {
				s += 5
			}
		}
	}
}

// notched gives a slab its stairwells on the north side.
func notched(r loop, u vec, units int) loop {
	if units < 2 {
		return r
	}
	out := loop{r[0], r[1], r[2]}
	v := u.left().mul(-1.6)
	l := r[2].dist(r[3]) / float64(units)
	for n := range units - 1 {
		c := r[2].sub(u.mul(l * float64(n+1)))
		out = append(out, c.add(u.mul(1.6)), c.add(u.mul(1.6)).add(v), c.sub(u.mul(1.6)).add(v), c.sub(u.mul(1.6)))
	}
	return append(out, r[3])
}

// towers of a new estate stand wide apart around a lawn.
func (b *builder) towers(i int, u vec) {
	k := &b.blocks[i]
	if g, ok := k.poly.inset(same(len(k.poly), 36)); ok && g.area() > 900 {
		k.green = append(k.green, g)
	}
	l0, l1, w0, w1 := k.poly.extent(u)
	high := b.rand.IntN(3) == 0
	for w := w1 - 12; w > w0+9; w -= 34 {
		for s := l0 + 8; s < l1; {
			floors, units, l, d := 6+5*b.rand.IntN(2), 3, 46.0, 12.5
			if high {
				floors, units, l, d = 18, 1, 25, 19
			}
			q := rect(u.mul(s+l/2).add(u.left().mul(w)), u, l, d)
			if !k.poly.holds(q, 4) {
				s += 6
				continue
			}
			shape := notched(q, u, units)
			if high {
				shape = plus(q.center(), u, l, d)
			}
			b.add(i, shape, "residential", floors, units, floors*units*2)
			s += l + 15
		}
	}
}

func same(n int, d float64) []float64 { return slices.Repeat([]float64{d}, n) }

// plus is the plan of a tower: a box without its corners.
func plus(c, u vec, l, d float64) loop {
	at := func(x, y float64) vec { return c.add(u.mul(x * l / 2)).add(u.left().mul(y * d / 2)) }
	const k = .62
	return loop{at(-k, -1), at(k, -1), at(k, -k), at(1, -k), at(1, k), at(k, k), at(k, 1), at(-k, 1), at(-k, k), at(-1, k), at(-1, -k), at(-k, -k)}
}

// sheds of a works: long halls, an office at the gate.
func (b *builder) sheds(i int, u vec) {
	k := &b.blocks[i]
	l0, l1, w0, w1 := k.poly.extent(u)
	for w := w1 - 18; w > w0+8; {
		d := 18 + b.rand.Float64()*20
		for s := l0 + 6; s < l1; {
			l := 38 + b.rand.Float64()*62
			built := false
			for ; l > 18; l -= 9 {
				if q := rect(u.mul(s+l/2).add(u.left().mul(w-d/2)), u, l, d); k.poly.holds(q, 3) {
					if b.rand.Float64() < .82 {
						b.add(i, q, "industrial", 1, 0, -1)
					}
					built = true
					break
				}
			}
			if built {
				s += l + 10 + b.rand.Float64()*12
			} else {
				s += 8
			}
		}
		w -= d + 12 + b.rand.Float64()*8
	}
}

// depots behind the shops: stores and offices of no particular size.
func (b *builder) depots(i int, u vec) {
	k := &b.blocks[i]
	l0, l1, w0, w1 := k.poly.extent(u)
	for w := w1 - 20; w > w0+16; w -= 34 {
		for s := l0 + 14; s < l1; {
			l, d := 24+b.rand.Float64()*30, 13+b.rand.Float64()*9
			if q := rect(u.mul(s+l/2).add(u.left().mul(w-d/2)), u, l, d); k.poly.holds(q, 5) && b.rand.IntN(4) > 0 {
				b.add(i, q, "commercial", 2+b.rand.IntN(4), 0, -1)
			}
			s += l + 9
		}
	}
}

// market: a hall, and rows of stalls under roofs.
func (b *builder) market(i int, u vec) {
	k := &b.blocks[i]
	c := k.poly.center()
	for l := 62.0; l > 24; l -= 6 {
		if q := rect(c.add(u.left().mul(14)), u, l, 24); k.poly.holds(q, 3) {
			b.add(i, q, "market", 2, 0, -1).name = "永来市场大厅"
			break
		}
	}
	b.shops(i, 7, .9)
	l0, l1, w0, w1 := k.poly.extent(u)
	for w := w1 - 6; w > w0+4; w -= 8.5 {
		for s := l0 + 4; s < l1; s += 27 {
			if q := rect(u.mul(s+12).add(u.left().mul(w)), u, 24, 4.2); k.poly.holds(q, 3) {
				b.add(i, q, "market", 1, 0, -1)
			}
		}
	}
}

// mall fills its block but for a square in front.
func (b *builder) mall(i int, u vec) {
	k := &b.blocks[i]
	for by := 9.0; by < 40; by += 3 {
		q, ok := k.poly.inset(same(len(k.poly), by))
		if !ok {
			break
		}
		_, _, w0, w1 := q.extent(u)
		q = q.clip(u.left().mul(w0+(w1-w0)*.24), u) // the square lies to the south
		if q.simple() && q.area() > 1500 {
			h := b.add(i, q, "commercial", 5, 0, -1)
			if h != nil {
				h.name = "永来城"
			}
			return
		}
	}
}

// campus: a main building, two behind it, perhaps a sports ground.
func (b *builder) campus(i int, u vec, main string, floors int, sport bool) {
	k := &b.blocks[i]
	l0, l1, w0, w1 := k.poly.extent(u)
	mid := func(x, y float64) vec { return u.mul(l0 + (l1-l0)*x).add(u.left().mul(w0 + (w1-w0)*y)) }
	if sport {
		for l := 92.0; l > 40; l -= 8 {
			for _, x := range []float64{.3, .5, .7} {
				q := stadium(mid(x, .3), u, l, l*.52)
				if len(k.green) == 0 && k.poly.holds(q, 4) {
					k.green = append(k.green, q)
				}
			}
		}
	}
	n := 0
	for _, y := range []float64{.62, .86, .36, .14} {
		for _, x := range []float64{.5, .25, .75} {
			for l := 64.0; l >= 22; l -= 7 {
				q := rect(mid(x, y), u, l, 13)
				if !k.poly.holds(q, 4) || slices.ContainsFunc(k.green, func(g loop) bool { return overlaps(g, rect(mid(x, y), u, l+8, 20)) }) {
					continue
				}
				if h := b.add(i, q, "public", floors, 0, -1); h != nil {
					if n == 0 {
						h.name = k.name + main
					} else {
						h.name = fmt.Sprintf("%s%d号楼", k.name, n+1)
					}
					n++
					floors = max(2, floors-1)
				}
				break
			}
		}
		if n >= 4 {
			return
		}
	}
}

// stadium is a running track.
func stadium(c, u vec, l, d float64) loop {
	var out loop
	for n := range 24 {
		a := direction(float64(n) / 24 * 2 * math.Pi)
		x := a.x * d / 2
		if a.x > 0 {
			x += (l - d) / 2
		} else {
			x -= (l - d) / 2
		}
		out = append(out, c.add(u.mul(x)).add(u.left().mul(a.y*d/2)))
	}
	return out
}

// park is green, with a pavilion.
func (b *builder) park(i int, u vec) {
	k := &b.blocks[i]
	k.green = append(k.green, k.poly)
	c := k.poly.center()
	if q := plus(c.add(u.mul(12)), u, 12, 12); k.poly.holds(q, 6) {
		b.add(i, q, "public", 1, 0, -1).name = k.name + "凉亭"
	}
	if q := rect(c.add(u.mul(-30)).add(u.left().mul(-18)), u, 16, 8); k.poly.holds(q, 6) {
		b.add(i, q, "public", 1, 0, -1).name = k.name + "管理房"
	}
}

// The community of new estates has these, exactly.
const (
	binheBuildings  = 88
	binheHouseholds = 3188
)

// countHouseholds thins the new estates to 88 buildings and shares 3,188 households among them; a flat joined to its
// neighbour here and there makes the sum.
func (b *builder) countHouseholds() {
	var there []int
	for i := range b.houses {
		if b.blocks[b.houses[i].block].grid/gridsEach == binhe {
			there = append(there, i)
		}
	}
	drop := map[int]bool{}
	for len(there) > binheBuildings { // from the grid that has most
		count := map[int]int{}
		for _, i := range there {
			count[b.blocks[b.houses[i].block].grid]++
		}
		most := binhe * gridsEach
		for g := most; g < most+gridsEach; g++ {
			if count[g] > count[most] {
				most = g
			}
		}
		for k := b.rand.IntN(len(there)); ; k = (k + 1) % len(there) {
			if h := &b.houses[there[k]]; b.blocks[h.block].grid == most && h.households > 0 {
				drop[there[k]] = true
				there = slices.Delete(there, k, k+1)
				break
			}
		}
	}
	sum := 0
	var homes []int
	for _, i := range there {
		if h := &b.houses[i]; h.households > 0 {
			homes = append(homes, i)
			sum += h.households
		}
	}
	// Storeys first, whole landings at a time, then single flats.
	for step := 0; sum != binheHouseholds && step < 100_000; step++ {
		h := &b.houses[homes[step%len(homes)]]
		landing := 2 * h.units
		switch diff := binheHouseholds - sum; {
		case diff >= landing && h.floors < 33 && h.units > 1 && h.floors < 11, diff >= landing && h.units == 1 && h.floors < 26:
			h.floors, h.households, sum = h.floors+1, h.households+landing, sum+landing
		case diff <= -landing && h.floors > 5:
			h.floors, h.households, sum = h.floors-1, h.households-landing, sum-landing
		case diff > 0 && step > 40*len(homes):
			h.households, sum = h.households+1, sum+1
		case diff < 0 && (step > 40*len(homes) || diff > -landing):
			h.households, sum = h.households-1, sum-1
		}
	}
	var kept []house
	for i := range b.houses {
		if !drop[i] {
			kept = append(kept, b.houses[i])
		}
	}
	b.houses = kept
}

// addresses numbers every house along its street, odd to the left; the houses of a compound have the compound's number.
func (b *builder) addresses() {
	number := func(k *block, q vec) string {
		best, at, road := math.Inf(1), 0.0, -1
		for _, r := range k.roads {
			if d, s := nearestOn(b.roads[r].line, q); d < best {
				best, at, road = d, s, r
			}
		}
		if road < 0 {
			return "永来街道"
		}
		line := b.roads[road].line
		n := 2 * (1 + int(at/9))
		if sideOf(line, q) > 0 {
			n--
		}
		return fmt.Sprintf("%s%d号", b.roads[road].name, n)
	}
	gates := map[int]string{}
	nth := map[int]int{}
	for i := range b.houses {
		h := &b.houses[i]
		k := &b.blocks[h.block]
		compound := (k.use == slabs || k.use == towers) && h.kind == "residential"
		if !compound {
			h.address = number(k, h.at)
			continue
		}
		if gates[h.block] == "" {
			gates[h.block] = number(k, k.poly[0])
		}
		nth[h.block]++
		h.compound = k.name
		h.address = fmt.Sprintf("%s%d号楼", gates[h.block], nth[h.block])
		h.name = fmt.Sprintf("%s%d号楼", k.name, nth[h.block])
	}
}
