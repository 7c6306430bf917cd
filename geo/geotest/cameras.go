package geotest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// camera is one row of cameras.csv.
type camera struct {
	name    string
	at      vec
	look    float64 // bearing in degrees, 0 = north, clockwise
	angle   float64 // degrees
	rangeM  float64
	heightM float64
	ptz     bool
	purpose string
}

// cameraCount is that of the centre the product is modelled on.
const cameraCount = 309

func bearing(u vec) float64 {
	return math.Mod(math.Atan2(u.x, u.y)*180/math.Pi+360, 360)
}

// winds names a bearing by eight points.
func winds(deg float64) string {
	return []string{"北", "东北", "东", "东南", "南", "西南", "西", "西北"}[int(math.Mod(deg+22.5, 360)/45)]
}

// cameras stand where a centre would put them: crossings of avenues first, high points, gates, the market, the river, then
// along the avenues and at smaller crossings until the number is full.
func (b *builder) cameras() []camera {
	var out []camera
	add := func(c camera) {
		if len(out) == cameraCount || b.gridAt(c.at) < 0 {
			return
		}
		for _, o := range out {
			if o.at.dist(c.at) < 3 {
				return
			}
		}
		out = append(out, c)
	}
	b.highPoints(add)
	b.crossings(add, []string{"arterial"}, 1)
	b.gates(add)
	b.riverside(add)
	b.crossings(add, []string{"arterial", "collector"}, 2)
	b.avenues(add)
	b.crossings(add, []string{"arterial", "collector", "local"}, 1)
	b.crossings(add, []string{"arterial", "collector", "local", "lane"}, 1)
	return out
}

// highPoints are domes on the tallest roof of the parts of town.
func (b *builder) highPoints(add func(camera)) {
	last := -1
	byGrid := map[int]*house{}
	var grids []int
	for i := range b.houses {
		h := &b.houses[i]
		g := b.blocks[h.block].grid
		if byGrid[g] == nil {
			grids = append(grids, g)
		}
		if byGrid[g] == nil || h.floors > byGrid[g].floors || h.name == "永来城" {
			byGrid[g] = h
		}
	}
	slices.Sort(grids)
	for _, g := range grids {
		h := byGrid[g]
		if g%gridsEach%2 != 0 || h.floors < 4 || g == last {
			continue
		}
		last = g
		name := h.name
		if name == "" {
			name = h.address
		}
		look := math.Round(bearing(h.at.mul(-1)))
		add(camera{fmt.Sprintf("%s楼顶 高点球机", name), h.at, look, 60, 800, float64(h.floors)*3 + 4, true, "高点瞭望"})
	}
}

// crossings of roads of these classes; each gets up to arms cameras that look down its streets.
func (b *builder) crossings(add func(camera), classes []string, arms int) {
	type arm struct {
		road int
		u    vec
	}
	meet := map[int][]arm{}
	var corners []int
	for f := range b.plan.faces { // every edge once, in a fixed order
		ring := b.plan.faces[f].loop
		for i, v := range ring {
			w := ring[(i+1)%len(ring)]
			r, ok := b.plan.roads[edgeOf(v, w)]
			if !ok || !slices.Contains(classes, b.roads[r].class) {
				continue
			}
			if meet[v] == nil {
				corners = append(corners, v)
			}
			meet[v] = append(meet[v], arm{r, b.plan.at[w].sub(b.plan.at[v]).unit()})
		}
	}
	slices.Sort(corners)
	for _, v := range corners {
		a := meet[v]
		var one, two string
		for _, x := range a {
			switch name := b.roads[x.road].name; {
			case one == "" || one == name:
				one = name
			case two == "":
				two = name
			}
		}
		if two == "" {
			continue
		}
		for k := range min(arms, len(a)) {
			x := a[(v+k)%len(a)] // from crossing to crossing another arm
			half := halfWidth[b.roads[x.road].class]
			at := b.plan.at[v].sub(x.u.mul(half * .7)).add(x.u.left().mul(half * .7))
			look := math.Round(bearing(x.u))
			kind, ptz, angle, rng := "枪机", false, 55.0, 90.0
			if (v+k)%4 == 0 {
				kind, ptz, angle, rng = "球机", true, 60, 150
			}
			add(camera{fmt.Sprintf("%s与%s路口 %s %s", one, two, winds(look), kind), at, look, angle, rng, 6.5, ptz, "道路路口"})
		}
	}
}

// gates of compounds, schools, the market, the mall, the hospital.
func (b *builder) gates(add func(camera)) {
	purpose := map[string]string{"school": "学校", "hospital": "医院", "market": "市场", "mall": "商业", "shops": "商业", "office": "机关", "station": "车站", "park": "公园", slabs: "小区", towers: "小区", sheds: "企业"}
	for i := range b.blocks {
		k := &b.blocks[i]
		if k.name == "" {
			continue
		}
		sides := 1
		if k.use == "market" || k.use == "mall" || k.use == "school" {
			sides = 3
		}
		for s := range sides {
			e := (s*len(k.poly)/sides + i) % len(k.poly)
			a, c := k.poly[e], k.poly[(e+1)%len(k.poly)]
			u := c.sub(a).unit()
			at := a.lerp(c, .5).add(u.left().mul(1.5))
			look := math.Round(bearing(u))
			side := winds(bearing(u.left().mul(-1)))
			kind, ptz := "枪机", false
			if s == 1 {
				kind, ptz = "球机", true
			}
			where := map[bool]string{true: "口", false: "门"}[k.use == "market"]
			add(camera{fmt.Sprintf("%s%s%s %s", k.name, side, where, kind), at, look, 70, 60, 4.5, ptz, purpose[k.use]})
		}
	}
}

// riverside domes along the embankment.
func (b *builder) riverside(add func(camera)) {
	n := 0
	for s := 200.0; s < length(b.river); s += 230 {
		at, u := along(b.river, s)
		side := 1.0
		if n%2 == 1 {
			side = -1
		}
		at = at.add(u.left().mul(58 * side))
		if b.gridAt(at) >= 0 {
			n++
		}
		add(camera{fmt.Sprintf("永来河%s岸%d号 球机", map[float64]string{1: "北", -1: "南"}[side], n), at, math.Round(bearing(u.mul(-side))), 65, 200, 8, true, "河道"})
	}
}

// avenues between crossings.
func (b *builder) avenues(add func(camera)) {
	for i := range b.roads {
		r := &b.roads[i]
		if r.class != "arterial" && r.class != "collector" || r.name == "" {
			continue
		}
		n := 0
		for s := 130.0; s < length(r.line); s += 260 {
			at, u := along(r.line, s)
			n++
			if n%2 == 0 {
				u = u.mul(-1)
			}
			add(camera{fmt.Sprintf("%s%d号杆 枪机", r.name, n), at.add(u.left().mul(-halfWidth[r.class] * .75)), math.Round(bearing(u)), 45, 120, 6.5, false, "道路路段"})
		}
	}
}

// lamps are codes of GB/T 28181 补光属性, camera by camera: most have infrared, some none, of a few nothing is registered.
var lamps = []string{"2", "1", "2", "2", "", "2", "1", "2"}

func (b *builder) cameraFile(cs []camera) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Write([]string{"id", "name", "lon", "lat", "bearing", "angle", "range_m", "height_m", "ptz", "indoor", "purpose", "light_type", "url"}) // a buffer takes all
	number := func(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }
	for i, c := range cs {
		p := lonLat(c.at)
		w.Write([]string{fmt.Sprintf("C%03d", i+1), c.name, number(p[0], 7), number(p[1], 7), number(math.Mod(c.look, 360), 0), number(c.angle, 0),
			number(c.rangeM, 0), number(c.heightM, 1), strconv.FormatBool(c.ptz), "false", c.purpose, lamps[i%len(lamps)], ""})
	}
	w.Flush()
	return out.Bytes()
}
