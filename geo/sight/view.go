package sight

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// mostRays bounds what a view costs; below it a ring is at most 1° wide and 3 m at its far end.
const mostRays = 720

// View is the ground that a camera sees: its sector, without what buildings hide, as narrow rings side by side (lon, lat).
// A camera of unknown direction has none.
func (s *Scene) View(c Camera) orb.MultiPolygon {
	reach, heightM := c.reach(), c.heightM()
	from, to := 0.0, 360.0
	if !c.PTZ {
		if c.BearingDeg == nil {
			return orb.MultiPolygon{}
		}
		from, to = *c.BearingDeg-c.angle()/2, *c.BearingDeg+c.angle()/2
	}
	rays := min(mostRays, max(1, int(math.Ceil((to-from)*max(1, reach*math.Pi/180/3)))))
	width := (to - from) / float64(rays)
	view := orb.MultiPolygon{}
	for i := range rays {
		left := from + float64(i)*width
		for _, seen := range s.seen(c.At, left+width/2, reach, heightM) {
			a, b := place(c.At, left, seen[0]), place(c.At, left+width, seen[0])
			d, e := place(c.At, left, seen[1]), place(c.At, left+width, seen[1])
			view = append(view, orb.Polygon{{a, d, e, b, a}})
		}
	}
	return view
}

// seen are the stretches (metres from the lens) of a ray along which the ground is seen, near to far.
func (s *Scene) seen(at orb.Point, bearing, reach, heightM float64) [][2]float64 {
	end := place(at, bearing, reach)
	v := flat(at)
	var hidden [][2]float64
	for _, n := range s.along(at, end) {
		b := &s.blocks[n]
		footprint := s.all[b.building].Footprint
		if contains(footprint, at) || v.toBorder(footprint, at) < mountM {
			continue
		}
		cuts := crossings(footprint, at, end)
		if contains(footprint, end) {
			cuts = append(cuts, 1)
		}
		for i := 0; i+1 < len(cuts); i++ {
			if !contains(footprint, between(at, end, (cuts[i]+cuts[i+1])/2)) {
				continue
			}
			enter, leave := cuts[i]*reach, cuts[i+1]*reach
			// A place behind is seen where its line passes over the far edge of the roof.
			shade := math.Inf(1)
			if heightM > b.heightM && heightM > targetM {
				shade = leave * (heightM - targetM) / (heightM - b.heightM)
			}
			hidden = append(hidden, [2]float64{enter, max(leave, shade)})
		}
	}
	slices.SortFunc(hidden, func(a, b [2]float64) int {
		if a[0] < b[0] {
			return -1
		}
		return 1
	})
	var seen [][2]float64
	done := 0.0
	for _, h := range hidden {
		if h[0] > done {
			seen = append(seen, [2]float64{done, h[0]})
		}
		done = max(done, h[1])
	}
	if done < reach {
		seen = append(seen, [2]float64{done, reach})
	}
	return seen
}

// place is d metres from p in a direction, degrees clockwise from north.
func place(p orb.Point, bearing, d float64) orb.Point {
	sin, cos := math.Sincos(bearing * math.Pi / 180)
	to := orb.Point{p[0] + d*sin/(metre*math.Cos(p[1]*math.Pi/180)), p[1] + d*cos/metre}
	const centimetre = 1e7
	return orb.Point{math.Round(to[0]*centimetre) / centimetre, math.Round(to[1]*centimetre) / centimetre}
}

// Proposal is a camera that would see what no other sees.
type Proposal struct {
	Camera
	Gain int // sampled points that it sees and no camera did
}

// More proposes the camera that helps most: of those on the walls of the buildings in an area, turned where it sees the most
// of blind, which are points on open ground. like gives its angle, range and height. ok is false where none helps.
func (s *Scene) More(area orb.MultiPolygon, blind []orb.Point, like Camera) (best Proposal, ok bool) {
	like.PTZ = true // to every side first: the bearing is chosen from what it sees
	for _, at := range s.mounts(area) {
		like.At = at
		v := flat(at)
		var bearings []float64
		for _, p := range blind {
			x, y := v.metres(p)
			if math.Hypot(x, y) <= like.reach() && s.Sees(like, p) {
				bearings = append(bearings, math.Atan2(x, y)*180/math.Pi)
			}
		}
		if len(bearings) <= best.Gain {
			continue
		}
		if bearing, gain := widest(bearings, like.angle()); gain > best.Gain {
			best = Proposal{like, gain}
			best.PTZ, best.BearingDeg = false, &bearing
		}
	}
	return best, best.Gain > 0
}

// mounts are the corners of buildings in an area where the ground before them is open, half a metre off the wall.
func (s *Scene) mounts(area orb.MultiPolygon) (at []orb.Point) {
	bound := area.Bound()
	for i := range s.blocks {
		b := &s.blocks[i]
		if !b.bound.Intersects(bound) {
			continue
		}
		for _, polygon := range s.all[b.building].Footprint {
			ring := polygon[0]
			for j := 0; j+1 < len(ring); j++ {
				c := b.bound.Center()
				v := flat(c)
				x, y := v.metres(ring[j])
				if l := math.Hypot(x, y); l > 0 {
					x, y = x*(l+mountM*0.6)/l, y*(l+mountM*0.6)/l
				}
				p := v.degrees(x, y)
				if contains(area, p) && !s.indoors(p) {
					at = append(at, p)
				}
			}
		}
	}
	return at
}

// widest is the direction whose sector holds most of the bearings (degrees), and how many.
func widest(bearings []float64, angle float64) (at float64, most int) {
	slices.Sort(bearings)
	n := len(bearings)
	for i := range n {
		held := 0
		for held < n && math.Mod(bearings[(i+held)%n]-bearings[i]+360, 360) <= angle {
			held++
		}
		if held > most {
			most, at = held, math.Mod(bearings[i]+angle/2+360, 360)
		}
	}
	return at, most
}
