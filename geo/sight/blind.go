package sight

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// lampM is how far the picture of a camera reaches by its own lamp, metres, infrared or white: what vendors of street
// cameras promise for a face is 30 m.
const lampM = 30.0

// AtNight is the camera after dark: with a lamp it sees at most 30 m, without one nothing. Street lamps are not known to
// the product and not counted on.
func (c Camera) AtNight(lamp bool) (Camera, bool) {
	c.RangeM = min(c.reach(), lampM)
	return c, lamp
}

// Blind are the points (lon, lat) that no camera sees.
func (s *Scene) Blind(points []orb.Point, cameras []Camera) (blind []orb.Point) {
	for _, p := range points {
		if !slices.ContainsFunc(cameras, func(c Camera) bool { return s.Sees(c, p) }) {
			blind = append(blind, p)
		}
	}
	return blind
}

// Ground is the open ground of an area: a point every stepM metres, none in a building.
func (s *Scene) Ground(area orb.MultiPolygon, stepM float64) (points []orb.Point) {
	b := area.Bound()
	dy := stepM / metre
	dx := dy / max(math.Cos(b.Center()[1]*math.Pi/180), 0.01)
	for y := b.Min[1] + dy/2; y < b.Max[1]; y += dy {
		for x := b.Min[0] + dx/2; x < b.Max[0]; x += dx {
			if p := (orb.Point{x, y}); contains(area, p) && !s.indoors(p) {
				points = append(points, p)
			}
		}
	}
	return points
}

// Fronts are the walls of the buildings in an area: a point every stepM metres of a side, at least one a side, half a metre
// before it. What another building touches is no front.
func (s *Scene) Fronts(area orb.MultiPolygon, stepM float64) (points []orb.Point) {
	const beforeM = 0.5
	bound := area.Bound()
	for i := range s.blocks {
		b := &s.blocks[i]
		if !b.bound.Intersects(bound) {
			continue
		}
		footprint := s.all[b.building].Footprint
		for _, polygon := range footprint {
			ring := polygon[0]
			out := 1.0 // outwards is to the right of a ring that turns left
			if ring.Orientation() == orb.CW {
				out = -1
			}
			v := flat(ring[0])
			for j := 0; j+1 < len(ring); j++ {
				ax, ay := v.metres(ring[j])
				bx, by := v.metres(ring[j+1])
				length := math.Hypot(bx-ax, by-ay)
				if length == 0 {
					continue
				}
				nx, ny := out*(by-ay)/length*beforeM, -out*(bx-ax)/length*beforeM
				n := max(1, math.Round(length/stepM))
				for k := 0.5; k < n; k++ {
					p := v.degrees(ax+(bx-ax)*k/n+nx, ay+(by-ay)*k/n+ny)
					if contains(area, p) && !s.indoors(p) {
						points = append(points, p)
					}
				}
			}
		}
	}
	return points
}

// Along is a point every stepM metres of lines (lon, lat), at least one a line.
func Along(lines []orb.LineString, stepM float64) (points []orb.Point) {
	for _, l := range lines {
		if len(l) < 2 {
			continue
		}
		v := flat(l[0])
		next := stepM / 2 // metres of the line until the next point
		if total := v.length(l); total < stepM {
			next = total / 2
		}
		for j := 0; j+1 < len(l); j++ {
			ax, ay := v.metres(l[j])
			bx, by := v.metres(l[j+1])
			length := math.Hypot(bx-ax, by-ay)
			for ; next <= length && length > 0; next += stepM {
				points = append(points, between(l[j], l[j+1], next/length))
			}
			next -= length
		}
	}
	return points
}

func (v plane) length(l orb.LineString) (m float64) {
	for j := 0; j+1 < len(l); j++ {
		ax, ay := v.metres(l[j])
		bx, by := v.metres(l[j+1])
		m += math.Hypot(bx-ax, by-ay)
	}
	return m
}

// degrees is the place x metres east and y metres north of the plane's own.
func (v plane) degrees(x, y float64) orb.Point {
	return orb.Point{v.at[0] + x/(v.stretch*metre), v.at[1] + y/metre}
}

func (s *Scene) indoors(p orb.Point) bool {
	return slices.ContainsFunc(s.squares[squareOf(p)], func(n int32) bool {
		return s.blocks[n].bound.Contains(p) && contains(s.all[s.blocks[n].building].Footprint, p)
	})
}
