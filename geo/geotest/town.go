// Package geotest makes the demo town: a street 永来街道 with 4 communities, 28 grids, some thousands of buildings, 309 cameras,
// 39 departments and 104 officers.
//
// All of it is invented and follows from a seed number alone. A river, avenues and a ring are drawn by hand as a
// skeleton; streets cut the land between them into faces that share their corners; grids are joined from faces, so they
// tile without gap or overlap; houses are put into what the streets leave. The files are what the ordinary importer reads.
package geotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/paulmach/orb"
)

// Town is a whole synthetic town. The files are what the ordinary importer reads (datum wgs84).
type Town struct {
	Streets     []byte // GeoJSON: code, name                    → grids, level street
	Communities []byte // GeoJSON: code, parent, name            → grids, level community
	Grids       []byte // GeoJSON: code, parent, name, households → grids, level grid
	Buildings   []byte // GeoJSON: code, name, address, kind, floors, units, households
	Backdrop    []byte // GeoJSON: kind, class, name
	Cameras     []byte // CSV: id,name,lon,lat,bearing,angle,range_m,height_m,ptz,indoor,purpose,light_type,url (url is empty)

	Departments []Department // 39
	Officers    []Officer    // 104
	Places      []Place      // where cases may be posted; the first is the dry toilet of SC-1
}

// Place is a point with words for it.
type Place struct {
	Name    string
	Address string
	Kind    string // toilet, street, compound, market, mall, park, river, school, hospital, office, works, yard
	Grid    string // code
	Point   orb.Point
}

// New makes the town of a seed: the same seed, the same bytes.
func New(seed uint64) *Town {
	b := build(newLayout(seed))
	t := &Town{Departments: departments()}
	cells := b.cells()
	t.Streets, t.Communities, t.Grids = cells.files()
	t.Buildings = b.buildingFile()
	t.Backdrop = b.backdropFile()
	t.Cameras = b.cameraFile(b.cameras())
	t.Officers = b.officers()
	t.Places = b.places()
	return t
}

// The middle of the town. 110.0 E, 40.4 N lies in open country: nobody's home is drawn over.
const (
	middleLon = 110.005
	middleLat = 40.405
)

// lonLat places a point of the plan, to 7 decimals (about 1 cm).
func lonLat(v vec) orb.Point {
	const metresPerDegree = 6371008.8 * math.Pi / 180
	round := func(f float64) float64 { return math.Round(f*1e7) / 1e7 }
	return orb.Point{round(middleLon + v.x/(metresPerDegree*math.Cos(middleLat*math.Pi/180))), round(middleLat + v.y/metresPerDegree)}
}

// collection writes GeoJSON, a feature a line, members in a fixed order.
type collection struct {
	bytes.Buffer
	n int
}

// add writes one feature; properties come as name, value pairs; empty texts and nil are left out.
func (c *collection) add(kind string, coordinates any, properties ...any) {
	if c.n == 0 {
		c.WriteString(`{"type":"FeatureCollection","features":[`)
	} else {
		c.WriteByte(',')
	}
	c.n++
	c.WriteString("\n{\"type\":\"Feature\",\"properties\":{")
	first := true
	for i := 0; i < len(properties); i += 2 {
		if properties[i+1] == nil || properties[i+1] == "" {
			continue
		}
		if !first {
			c.WriteByte(',')
		}
		first = false
		c.json(properties[i])
		c.WriteByte(':')
		c.json(properties[i+1])
	}
	fmt.Fprintf(c, `},"geometry":{"type":%q,"coordinates":`, kind)
	c.json(coordinates)
	c.WriteString("}}")
}

func (c *collection) json(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and points only
	}
	c.Write(b)
}

func (c *collection) end() []byte {
	if c.n == 0 {
		c.WriteString(`{"type":"FeatureCollection","features":[`)
	}
	c.WriteString("\n]}\n")
	return c.Bytes()
}

func ringOf(p loop) orb.Ring {
	r := make(orb.Ring, 0, len(p)+1)
	for _, v := range p {
		r = append(r, lonLat(v))
	}
	return append(r, r[0])
}

func lineOf(l []vec) orb.LineString {
	out := make(orb.LineString, 0, len(l))
	for _, v := range l {
		out = append(out, lonLat(v))
	}
	return out
}

// codes by the layout 6+3+3+3 of GB/T 30428; the digits are those of an invented street.
const streetCode = "150621901"

var communityNames = [4]string{"永来社区", "北站社区", "滨河社区", "河南社区"}

func communityCode(c int) string { return fmt.Sprintf("%s%03d", streetCode, c+1) }

func gridCode(g int) string {
	return fmt.Sprintf("%s%03d", communityCode(g/gridsEach), g%gridsEach+1)
}

func gridName(g int) string {
	return communityNames[g/gridsEach] + "第" + numeral(g%gridsEach+1) + "网格"
}

// cells are the outlines of the three levels.
type cells struct {
	street      loop
	communities [4]loop
	grids       [4 * gridsEach]loop
	households  [4 * gridsEach]int
}

func (b *builder) cells() *cells {
	var c cells
	c.street = b.join(func(*face) bool { return true })
	for i := range c.communities {
		c.communities[i] = b.join(func(f *face) bool { return f.grid/gridsEach == i })
	}
	for i := range c.grids {
		c.grids[i] = b.join(func(f *face) bool { return f.grid == i })
	}
	for i := range b.houses {
		c.households[b.blocks[b.houses[i].block].grid] += max(b.houses[i].households, 0)
	}
	return &c
}

func (c *cells) files() (streets, communities, grids []byte) {
	var s, m, g collection
	s.add("Polygon", orb.Polygon{ringOf(c.street)}, "code", streetCode, "name", "永来街道")
	for i, p := range c.communities {
		m.add("Polygon", orb.Polygon{ringOf(p)}, "code", communityCode(i), "parent", streetCode, "name", communityNames[i])
	}
	for i, p := range c.grids {
		g.add("Polygon", orb.Polygon{ringOf(p)}, "code", gridCode(i), "parent", communityCode(i/gridsEach), "name", gridName(i), "kind", "service", "households", c.households[i])
	}
	return s.end(), m.end(), g.end()
}

func (b *builder) buildingFile() []byte {
	var c collection
	for i := range b.houses {
		h := &b.houses[i]
		var units, households any
		if h.units > 0 {
			units = h.units
		}
		if h.households >= 0 {
			households = h.households
		}
		c.add("Polygon", orb.Polygon{ringOf(h.poly)}, "code", fmt.Sprintf("B%05d", i+1), "name", h.name, "address", h.address, "kind", h.kind,
			"floors", h.floors, "units", units, "households", households)
	}
	return c.end()
}

func (b *builder) backdropFile() []byte {
	var c collection
	edge := smooth([]vec{{-5200, -1200}, {-4300, -2900}, {-1800, -3700}, {1500, -3600}, {4200, -2900}, {5300, -900}, {5100, 1500}, {3600, 3300}, {900, 3900}, {-2100, 3700}, {-4500, 2600}, {-5300, 700}, {-5200, -1200}}, 150)
	c.add("Polygon", orb.Polygon{ringOf(edge[:len(edge)-1])}, "kind", "land")
	width := func(i int) float64 { return 37 + 8*math.Sin(float64(i)*.53) + 4*math.Sin(float64(i)*1.31+1) }
	bank := func(from, to func(i int) float64) loop {
		left, right := offset(b.river, from), offset(b.river, to)
		return append(loop(right), reversed(left)...)
	}
	c.add("Polygon", orb.Polygon{ringOf(bank(width, func(i int) float64 { return -width(i + 3) }))}, "kind", "water", "name", "永来河")
	for _, side := range []float64{1, -1} { // the embankment: a walk in the green between river and road
		from := func(i int) float64 { return side * (width(i+int(1.5-1.5*side)) + 3) }
		to := func(i int) float64 { return side * (82 - 6*(1-side)/2) }
		p := bank(to, from)
		if p.area() < 0 {
			p = loop(reversed(p))
		}
		c.add("Polygon", orb.Polygon{ringOf(p)}, "kind", "green", "name", "滨河绿带")
	}
	for i := range b.blocks {
		k := &b.blocks[i]
		if k.use != "park" && k.use != "grove" {
			c.add("Polygon", orb.Polygon{ringOf(k.poly)}, "kind", "block", "class", kindOf[k.use], "name", k.name)
		}
		for _, g := range k.green {
			name := ""
			if k.use == "park" {
				name = k.name
			}
			c.add("Polygon", orb.Polygon{ringOf(g)}, "kind", "green", "name", name)
		}
	}
	for _, class := range []string{"lane", "local", "collector", "arterial"} {
		for i := range b.roads {
			if r := &b.roads[i]; r.class == class {
				c.add("LineString", lineOf(r.line), "kind", "road", "class", class, "name", r.name)
			}
		}
	}
	for i := range b.blocks {
		if k := &b.blocks[i]; k.name != "" {
			class := k.use
			if class == slabs || class == towers {
				class = "compound"
			}
			c.add("Point", lonLat(inside(k.poly)), "kind", "place", "class", class, "name", k.name)
		}
	}
	at, _ := along(b.river, length(b.river)*.47)
	c.add("Point", lonLat(at), "kind", "place", "class", "river", "name", "永来河")
	return c.end()
}

// inside is a point in p, the middle if it lies in it.
func inside(p loop) vec {
	c := p.center()
	if p.contains(c) {
		return c
	}
	u, _, _ := p.axis()
	l0, l1, w0, w1 := p.extent(u)
	best, most := p[0], -1.0
	for x := 0.05; x < 1; x += .1 {
		for y := 0.05; y < 1; y += .1 {
			q := u.mul(l0 + (l1-l0)*x).add(u.left().mul(w0 + (w1-w0)*y))
			if d := p.toEdge(q); p.contains(q) && d > most {
				best, most = q, d
			}
		}
	}
	return best
}

// gridAt finds the face a point lies in; -1 outside the town.
func (b *builder) gridAt(q vec) int {
	for f := range b.plan.faces {
		if b.plan.loop(f).contains(q) {
			return b.plan.faces[f].grid
		}
	}
	return -1
}

// places lists points with words: the places of the stories first, then a few hundred along streets and in compounds.
func (b *builder) places() []Place {
	var out []Place
	add := func(name, address, kind string, at vec) {
		g := b.gridAt(at)
		if g < 0 {
			return
		}
		out = append(out, Place{name, address, kind, gridCode(g), lonLat(at)})
	}
	// A point is told by the building beside it.
	beside := func(at vec) string {
		best, where := math.Inf(1), ""
		for i := range b.houses {
			if d := b.houses[i].at.dist(at); d < best {
				best, where = d, b.houses[i].address
			}
		}
		return where
	}
	add("永来城西侧旱厕", beside(b.toilet), "toilet", b.toilet)
	kinds := map[string]string{slabs: "compound", towers: "compound", sheds: "works", courtyards: "yard", village: "yard", "shops": "mall", "station": "office"}
	for i := range b.blocks {
		k := &b.blocks[i]
		at := inside(k.poly)
		kind := kinds[k.use]
		if kind == "" {
			kind = k.use
		}
		if k.name != "" {
			add(k.name, beside(at), kind, at)
		} else if kind == "yard" && i%3 == 0 {
			where := beside(at)
			add(where, where, kind, at)
		}
		if k.name == "邮电小区" {
			add("邮电小区自行车棚", beside(at), "compound", at.add(vec{6, -8}))
		}
		if k.use == "market" {
			gate := k.poly[0].lerp(k.poly[1], .5)
			add("永来市场门口", beside(gate), "market", gate)
		}
	}
	for i := range b.roads {
		r := &b.roads[i]
		if r.class == "river" {
			continue
		}
		l := length(r.line)
		step := map[string]float64{"arterial": 170, "collector": 210, "local": 260, "lane": 150}[r.class]
		for s := step / 2; s < l; s += step {
			at, u := along(r.line, s)
			at = at.add(u.left().mul(halfWidth[r.class] * .6)) // on the pavement: the middle may be a border
			add(r.name, r.name+strconv.Itoa(2*(1+int(s/9)))+"号门前", "street", at)
		}
	}
	for s := 0.36; s < .68; s += .03 {
		at, u := along(b.river, length(b.river)*s)
		add("滨河绿带", "滨河北路旁", "river", at.add(u.left().mul(62)))
	}
	return out
}
