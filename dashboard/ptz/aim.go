package ptz

import (
	"math"

	"github.com/paulmach/orb"

	"gridwall/streams/onvif"
)

// Aim is where a head looks: BearingDeg clockwise from north, 0 to under 360; TiltDeg above the horizon, negative below;
// Zoom from 0 to 1.
type Aim struct {
	BearingDeg float64 `json:"bearing_deg"`
	TiltDeg    float64 `json:"tilt_deg"`
	Zoom       float64 `json:"zoom"`
}

// Mount says how the head's own numbers are degrees.
type Mount struct {
	Address     string   `json:"address"`       // of the ONVIF device service, without credentials; empty: the host of the camera's address
	ZeroDeg     *float64 `json:"zero_deg"`      // bearing at pan 0; null: the camera's bearing
	PanDeg      float64  `json:"pan_deg"`       // pan at the head's position 1, to either side
	TiltLowDeg  float64  `json:"tilt_low_deg"`  // elevation at the head's position -1
	TiltHighDeg float64  `json:"tilt_high_deg"` // … and at 1
	SpeedDeg    float64  `json:"speed_deg"`     // degrees a second at full speed
	NoLook      []Sector `json:"no_look"`
}

// usual is a dome of which nobody has said anything.
func usual() Mount { return Mount{PanDeg: 180, TiltLowDeg: -90, TiltHighDeg: 90, SpeedDeg: 120} }

// zero is the bearing at pan 0; 0 where nobody knows it, and then bearings mean nothing outside.
func (m *Mount) zero() float64 {
	if m.ZeroDeg == nil {
		return 0
	}
	return *m.ZeroDeg
}

// aim turns the head's numbers into degrees.
func (m *Mount) aim(v onvif.Vector) Aim {
	return Aim{turn(m.zero() + v.Pan*m.PanDeg), m.TiltLowDeg + (v.Tilt+1)/2*(m.TiltHighDeg-m.TiltLowDeg), v.Zoom}
}

// vector is the way back; ok is false where the head cannot look there.
func (m *Mount) vector(a Aim) (v onvif.Vector, ok bool) {
	pan := math.Remainder(a.BearingDeg-m.zero(), 360) / m.PanDeg
	tilt := (a.TiltDeg-m.TiltLowDeg)/(m.TiltHighDeg-m.TiltLowDeg)*2 - 1
	return onvif.Vector{Pan: pan, Tilt: tilt, Zoom: a.Zoom}, math.Abs(pan) <= 1 && math.Abs(tilt) <= 1
}

// turn brings an angle into 0 to under 360 degrees.
func turn(deg float64) float64 {
	if deg = math.Mod(deg, 360); deg < 0 {
		deg += 360
	}
	return deg
}

// WGS-84.
const (
	semiMajorM = 6_378_137.0
	flattening = 1 / 298.257223563
)

// LookAt is where a camera at from, heightM metres above the ground, must look to have the ground at p in the middle: the
// bearing in degrees clockwise from north, the tilt in degrees (negative: below the horizon), and the distance over ground
// in metres.
//
// Both points are lon, lat in degrees, WGS-84 (EPSG:4326), and on ground of the same height. It computes on the tangent
// plane with the radii of curvature of the mean latitude, and lets the ground fall away by d²/2R: against the geodesic the
// bearing is within 0.01° and the distance within 1 in 10,000 up to 20 km. At no distance the bearing is 0 and the tilt -90.
func LookAt(from, p orb.Point, heightM float64) (bearingDeg, tiltDeg, distanceM float64) {
	const e2 = flattening * (2 - flattening)
	lat := (from[1] + p[1]) / 2 * math.Pi / 180
	w := 1 - e2*math.Sin(lat)*math.Sin(lat)
	meridian, normal := semiMajorM*(1-e2)/math.Pow(w, 1.5), semiMajorM/math.Sqrt(w)
	east := math.Remainder(p[0]-from[0], 360) * math.Pi / 180 * normal * math.Cos(lat)
	north := (p[1] - from[1]) * math.Pi / 180 * meridian
	distanceM = math.Hypot(east, north)
	below := heightM + distanceM*distanceM/(2*meridian)
	if distanceM == 0 {
		return 0, -90, 0
	}
	// On the way the meridian turns by half the convergence.
	convergence := math.Remainder(p[0]-from[0], 360) * math.Sin(lat) / 2
	return turn(math.Atan2(east, north)*180/math.Pi - convergence), -math.Atan2(below, distanceM) * 180 / math.Pi, distanceM
}
