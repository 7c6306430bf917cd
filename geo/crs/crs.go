// Package crs converts positions between the datums that Chinese maps come in.
//
// Everything stored is WGS-84 (EPSG:4326), which CGCS2000 (EPSG:4490) matches within decimetres. GCJ-02 (高德, 腾讯)
// lies up to 700 m off, BD-09 (百度) as much again. A file is labelled on import and converted at the edge, never guessed.
package crs

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/paulmach/orb"
)

// Datum names what a file's longitudes and latitudes mean. The zero value means nothing and is refused everywhere.
type Datum string

const (
	WGS84    Datum = "wgs84"    // GPS, OpenStreetMap
	CGCS2000 Datum = "cgcs2000" // 国家大地坐标系, 天地图
	GCJ02    Datum = "gcj02"    // 火星坐标: 高德, 腾讯
	BD09     Datum = "bd09"     // 百度
)

// Choices lists the datums as they are written on a command line.
const Choices = "wgs84|cgcs2000|gcj02|bd09"

// ErrNoDatum says that a file came without its datum, and what to add.
var ErrNoDatum = errors.New("the datum of the coordinates is not given: add --datum=" + Choices +
	" (未注明坐标系: 请加 --datum; GPS 或 OSM 用 wgs84, 天地图用 cgcs2000, 高德或腾讯用 gcj02, 百度用 bd09)")

// ParseDatum reads a datum's name in any case. An empty name is ErrNoDatum; the error of an unknown one lists the choices.
func ParseDatum(s string) (Datum, error) {
	name := strings.ToLower(strings.TrimSpace(s))
	switch d := Datum(strings.NewReplacer("-", "", "_", "").Replace(name)); d {
	case WGS84, CGCS2000, GCJ02, BD09:
		return d, nil
	case "":
		return "", ErrNoDatum
	}
	return "", fmt.Errorf("unknown datum %q: choose one of %s", s, Choices)
}

// ToWGS84 converts p from d. Both are lon, lat in degrees.
//
// GCJ-02 and BD-09 are inverted by fixed-point iteration until a step moves less than 1e-12°; a round trip closes
// within 1e-9° (one step alone, as many libraries do, is 4.7 m off). Outside China both are the identity.
func (d Datum) ToWGS84(p orb.Point) orb.Point {
	switch d {
	case GCJ02:
		return invert(gcjFromWGS, p)
	case BD09:
		return invert(func(w orb.Point) orb.Point { return bdFromGCJ(gcjFromWGS(w)) }, p)
	}
	return p
}

// FromWGS84 converts p to d. Both are lon, lat in degrees.
func (d Datum) FromWGS84(p orb.Point) orb.Point {
	if outsideChina(p) {
		return p
	}
	switch d {
	case GCJ02:
		return gcjFromWGS(p)
	case BD09:
		return bdFromGCJ(gcjFromWGS(p))
	}
	return p
}

// outsideChina is the box that the published conversions use; outside it the maps are not shifted.
func outsideChina(p orb.Point) bool {
	return !(p[0] >= 72.004 && p[0] <= 137.8347 && p[1] >= 0.8293 && p[1] <= 55.8271)
}

// invert finds w with forward(w) = p: the offset changes by less than 1e-3 of a step, so each turn gains three digits.
func invert(forward func(orb.Point) orb.Point, p orb.Point) orb.Point {
	if outsideChina(p) {
		return p
	}
	w := p
	for range 20 {
		q := forward(w)
		dx, dy := p[0]-q[0], p[1]-q[1]
		w[0] += dx
		w[1] += dy
		if math.Abs(dx) < 1e-12 && math.Abs(dy) < 1e-12 {
			break
		}
	}
	return w
}

// The Krasovsky 1940 ellipsoid of the published GCJ-02 formula.
const (
	krasovskyA  = 6378245.0
	krasovskyEE = 0.00669342162296594323
)

func gcjFromWGS(p orb.Point) orb.Point {
	x, y := p[0]-105, p[1]-35
	root := math.Sqrt(math.Abs(x))
	ripple := (20*math.Sin(6*x*math.Pi) + 20*math.Sin(2*x*math.Pi)) * 2 / 3
	north := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*root + ripple +
		(20*math.Sin(y*math.Pi)+40*math.Sin(y/3*math.Pi))*2/3 +
		(160*math.Sin(y/12*math.Pi)+320*math.Sin(y*math.Pi/30))*2/3
	east := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*root + ripple +
		(20*math.Sin(x*math.Pi)+40*math.Sin(x/3*math.Pi))*2/3 +
		(150*math.Sin(x/12*math.Pi)+300*math.Sin(x/30*math.Pi))*2/3
	sin, cos := math.Sincos(p[1] * math.Pi / 180)
	m := 1 - krasovskyEE*sin*sin
	meridian := krasovskyA * (1 - krasovskyEE) / (m * math.Sqrt(m))
	parallel := krasovskyA / math.Sqrt(m) * cos
	return orb.Point{p[0] + east*180/(parallel*math.Pi), p[1] + north*180/(meridian*math.Pi)}
}

func bdFromGCJ(p orb.Point) orb.Point {
	const turn = math.Pi * 3000 / 180
	z := math.Hypot(p[0], p[1]) + 0.00002*math.Sin(p[1]*turn)
	theta := math.Atan2(p[1], p[0]) + 0.000003*math.Cos(p[0]*turn)
	sin, cos := math.Sincos(theta)
	return orb.Point{z*cos + 0.0065, z*sin + 0.006}
}
