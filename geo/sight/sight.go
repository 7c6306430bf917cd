// Package sight says what a camera can see: its sector, cut by the buildings that stand in it.
//
// A Scene is made of buildings with their footprints and heights and does not change. A line of sight runs straight from
// the lens to a place at the height of a person; a building ends it where the line passes through its walls or under its
// roof. Ground is flat: the product has no heights of the ground.
package sight

import (
	"math"
	"slices"

	"github.com/paulmach/orb"

	"gridwall/geo/building"
)

const (
	floorM  = 3.0  // height of a floor, metres
	unknown = 6.0  // height of a building whose floors are not known
	lensM   = 6.0  // height of a camera that does not say
	targetM = 1.5  // height of what is looked at
	mountM  = 0.75 // a camera this close to a wall is mounted on it
)

// metre is one degree of latitude in metres, on the sphere that the product measures distances on.
const metre = 6378137 * math.Pi / 180

// Scene is the buildings that stand in the way. Safe for concurrent use.
type Scene struct {
	all     []building.Building
	blocks  []block
	squares map[[2]int32][]int32 // blocks by the squares that they reach into
}

// block is one building with a footprint.
type block struct {
	building int32
	bound    orb.Bound
	heightM  float64
}

// square (degrees) is the side of a look-up square: about 50 m.
const square = 0.0005

// New makes a scene of the buildings that have a footprint. It keeps all.
func New(all []building.Building) *Scene {
	s := &Scene{all: all, squares: map[[2]int32][]int32{}}
	for i := range all {
		if len(all[i].Footprint) == 0 {
			continue
		}
		b := block{int32(i), all[i].Footprint.Bound(), Height(&all[i])}
		n := int32(len(s.blocks))
		s.blocks = append(s.blocks, b)
		from, to := squareOf(b.bound.Min), squareOf(b.bound.Max)
		for x := from[0]; x <= to[0]; x++ {
			for y := from[1]; y <= to[1]; y++ {
				s.squares[[2]int32{x, y}] = append(s.squares[[2]int32{x, y}], n)
			}
		}
	}
	return s
}

func squareOf(p orb.Point) [2]int32 {
	return [2]int32{int32(math.Floor(p[0] / square)), int32(math.Floor(p[1] / square))}
}

// Height of a building in metres: three a floor, 6 where the floors are not known.
func Height(b *building.Building) float64 {
	if b.Floors == 0 {
		return unknown
	}
	return float64(b.Floors) * floorM
}

// Blocker is the first building between a lens and a place (both lon, lat), nil where the sight is free. lensM is the
// lens's height over the ground in metres, 0 where it is not known (6 m).
//
// The building that the camera hangs on does not count, nor the one that the place lies in: what is reported at an
// address is looked for in front of it.
func (s *Scene) Blocker(from, to orb.Point, heightM float64) *building.Building {
	heightM = or(heightM, lensM)
	var first *building.Building
	at := math.Inf(1)
	for _, n := range s.along(from, to) {
		b := &s.blocks[n]
		if t, ok := s.hit(b, from, to, heightM); ok && t < at {
			at, first = t, &s.all[b.building]
		}
	}
	return first
}

// along are the blocks in the squares that the line passes, each once.
func (s *Scene) along(from, to orb.Point) []int32 {
	bound := orb.MultiPoint{from, to}.Bound()
	a, b := squareOf(bound.Min), squareOf(bound.Max)
	var some []int32
	for x := a[0]; x <= b[0]; x++ {
		for y := a[1]; y <= b[1]; y++ {
			for _, n := range s.squares[[2]int32{x, y}] {
				if s.blocks[n].bound.Intersects(bound) {
					some = append(some, n)
				}
			}
		}
	}
	slices.Sort(some)
	return slices.Compact(some)
}

// hit says where on the line (0 at the lens, 1 at the place) a block ends it.
func (s *Scene) hit(b *block, from, to orb.Point, heightM float64) (t float64, ok bool) {
	footprint := s.all[b.building].Footprint
	v := flat(from)
	if contains(footprint, to) || contains(footprint, from) || v.toBorder(footprint, from) < mountM {
		return 0, false
	}
	cuts := crossings(footprint, from, to)
	for i := 0; i+1 < len(cuts); i++ { // between two cuts the line is inside or outside
		middle := (cuts[i] + cuts[i+1]) / 2
		if !contains(footprint, between(from, to, middle)) {
			continue
		}
		height := func(t float64) float64 { return heightM + (targetM-heightM)*t }
		if min(height(cuts[i]), height(cuts[i+1])) < b.heightM {
			return cuts[i], true
		}
	}
	return 0, false
}

func between(a, b orb.Point, t float64) orb.Point {
	return orb.Point{a[0] + t*(b[0]-a[0]), a[1] + t*(b[1]-a[1])}
}

// crossings are the places on the line where it meets a side, in order.
func crossings(footprint orb.MultiPolygon, from, to orb.Point) []float64 {
	dx, dy := to[0]-from[0], to[1]-from[1]
	var cuts []float64
	for _, p := range footprint {
		for _, ring := range p {
			for i := 1; i < len(ring); i++ {
				a, b := ring[i-1], ring[i]
				ex, ey := b[0]-a[0], b[1]-a[1]
				det := ex*dy - ey*dx
				if det == 0 {
					continue
				}
				t := (ex*(a[1]-from[1]) - ey*(a[0]-from[0])) / det
				u := (dx*(a[1]-from[1]) - dy*(a[0]-from[0])) / det
				if t >= 0 && t <= 1 && u >= 0 && u <= 1 {
					cuts = append(cuts, t)
				}
			}
		}
	}
	slices.Sort(cuts)
	return cuts
}

func contains(footprint orb.MultiPolygon, p orb.Point) bool {
	odd := false
	for _, polygon := range footprint {
		for _, ring := range polygon {
			for i := 1; i < len(ring); i++ {
				a, b := ring[i-1], ring[i]
				if (a[1] > p[1]) != (b[1] > p[1]) && p[0] < (b[0]-a[0])*(p[1]-a[1])/(b[1]-a[1])+a[0] {
					odd = !odd
				}
			}
		}
	}
	return odd
}

// plane measures in metres around a place.
type plane struct {
	at      orb.Point
	stretch float64
}

func flat(at orb.Point) plane { return plane{at, math.Cos(at[1] * math.Pi / 180)} }

func (v plane) metres(p orb.Point) (x, y float64) {
	return (p[0] - v.at[0]) * v.stretch * metre, (p[1] - v.at[1]) * metre
}

// toBorder is how far p is from the nearest side, metres.
func (v plane) toBorder(footprint orb.MultiPolygon, p orb.Point) float64 {
	least := math.Inf(1)
	px, py := v.metres(p)
	for _, polygon := range footprint {
		for _, ring := range polygon {
			for i := 1; i < len(ring); i++ {
				ax, ay := v.metres(ring[i-1])
				bx, by := v.metres(ring[i])
				dx, dy := bx-ax, by-ay
				t := 0.0
				if l := dx*dx + dy*dy; l > 0 {
					t = min(1, max(0, ((px-ax)*dx+(py-ay)*dy)/l))
				}
				least = min(least, math.Hypot(px-ax-t*dx, py-ay-t*dy))
			}
		}
	}
	return least
}

// Camera is what sight needs to know of one.
type Camera struct {
	At         orb.Point
	BearingDeg *float64 // clockwise from north; nil: not known, and such a camera sees nothing for certain
	AngleDeg   float64  // 0: 90
	RangeM     float64  // 0: 80
	HeightM    float64  // 0: 6
	PTZ        bool     // turns to every side
}

func (c Camera) angle() float64   { return or(c.AngleDeg, 90) }
func (c Camera) reach() float64   { return or(c.RangeM, 80) }
func (c Camera) heightM() float64 { return or(c.HeightM, lensM) }

func or(v, otherwise float64) float64 {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Sees says that p lies in the camera's sector, and that no building stands in between.
func (s *Scene) Sees(c Camera, p orb.Point) bool {
	x, y := flat(c.At).metres(p)
	if math.Hypot(x, y) > c.reach() {
		return false
	}
	if !c.PTZ {
		if c.BearingDeg == nil {
			return false
		}
		if math.Abs(math.Remainder(math.Atan2(x, y)*180/math.Pi-*c.BearingDeg, 360)) > c.angle()/2 {
			return false
		}
	}
	return s.Blocker(c.At, p, c.HeightM) == nil
}
