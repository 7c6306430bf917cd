package ptz

import (
	"math"

	"gridwall/streams/onvif"
)

// Sector is where a head may not look 禁视区: from one bearing clockwise to the other, between two elevations, in degrees.
type Sector struct {
	Name    string  `json:"name"`
	FromDeg float64 `json:"from_deg"`
	ToDeg   float64 `json:"to_deg"`
	LowDeg  float64 `json:"low_deg"`
	HighDeg float64 `json:"high_deg"`
}

const (
	// marginDeg is kept from every edge: heads overshoot.
	marginDeg = 1.0
	// brake is how long before an edge a head begins to slow: longer than two looks at where it is.
	brake = 0.6 // s
	// creepDeg is so near to a margin that the head is there.
	creepDeg = 0.25
)

// inside is how deep a is in the sector widened by margin, in degrees to the nearest edge; negative: outside.
func (s *Sector) inside(a Aim, margin float64) float64 {
	width := turn(s.ToDeg - s.FromDeg)
	if s.ToDeg != s.FromDeg && width == 0 || width+2*margin >= 360 { // all around
		return min(a.TiltDeg-s.LowDeg, s.HighDeg-a.TiltDeg) + margin
	}
	middle := s.FromDeg + width/2
	pan := width/2 - math.Abs(math.Remainder(a.BearingDeg-middle, 360))
	return min(pan, a.TiltDeg-s.LowDeg, s.HighDeg-a.TiltDeg) + margin
}

// forbids is the sector that a is in; nil: none.
func (m *Mount) forbids(a Aim, margin float64) *Sector {
	for i := range m.NoLook {
		if s := &m.NoLook[i]; s.inside(a, margin) > 0 {
			return s
		}
	}
	return nil
}

// limit lets the head go on at the wished speed, slower before a sector, and not into one; the sector that holds it is
// returned. Whatever looks into a sector already may only leave it.
func (m *Mount) limit(at Aim, wish onvif.Vector) (onvif.Vector, *Sector) {
	panRate, tiltRate := wish.Pan*m.SpeedDeg, wish.Tilt*m.SpeedDeg
	rate := math.Hypot(panRate, tiltRate)
	if rate == 0 || len(m.NoLook) == 0 {
		return wish, nil
	}
	after := func(deg float64) Aim { return Aim{at.BearingDeg + panRate/rate*deg, at.TiltDeg + tiltRate/rate*deg, 0} }
	if in := m.forbids(at, marginDeg); in != nil {
		if in.inside(after(1), marginDeg) < in.inside(at, marginDeg) {
			return wish, nil
		}
		return onvif.Vector{Zoom: wish.Zoom}, in
	}
	const stepDeg = 0.25
	reach := brake * rate
	for d := stepDeg; d <= reach; d += stepDeg {
		s := m.forbids(after(d), marginDeg)
		if s == nil {
			continue
		}
		if d <= creepDeg {
			return onvif.Vector{Zoom: wish.Zoom}, s
		}
		part := d / reach
		return onvif.Vector{Pan: wish.Pan * part, Tilt: wish.Tilt * part, Zoom: wish.Zoom}, nil
	}
	return wish, nil
}

// crosses is the sector that a move from one aim to another may come through. The axes of a head arrive one after the
// other, so all between the two counts; where the other way round is shorter, that too.
func (m *Mount) crosses(from, to Aim) *Sector {
	if s := m.forbids(to, marginDeg); s != nil {
		return s
	}
	pan := math.Remainder(to.BearingDeg-m.zero(), 360) - math.Remainder(from.BearingDeg-m.zero(), 360)
	ways := []float64{pan}
	if math.Abs(pan) > 180 {
		ways = append(ways, pan-math.Copysign(360, pan))
	}
	for i := range m.NoLook {
		s := &m.NoLook[i]
		if s.inside(from, 0) > 0 {
			continue // it leaves
		}
		// The tilt of the way that is deepest in the sector.
		low, high := min(from.TiltDeg, to.TiltDeg), max(from.TiltDeg, to.TiltDeg)
		tilt := max(low, min(high, (s.LowDeg+s.HighDeg)/2))
		for _, way := range ways {
			for n := 0.0; n <= math.Ceil(math.Abs(way)); n++ {
				if s.inside(Aim{from.BearingDeg + math.Copysign(min(n, math.Abs(way)), way), tilt, 0}, marginDeg) > 0 {
					return s
				}
			}
		}
	}
	return nil
}
