package sight_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/planar"

	"gridwall/geo/sight"
)

func TestAViewHoldsWhatTheCameraSees(t *testing.T) {
	all := houses(t)
	scene := sight.New(all)
	random := rand.New(rand.NewPCG(3, 4))
	same, seen, asked := 0, 0, 0
	for asked < 4000 {
		bearing := random.Float64() * 360
		c := sight.Camera{At: geo.PointAtBearingAndDistance(all[random.IntN(len(all))].Footprint.Bound().Center(), random.Float64()*360, 5+random.Float64()*60),
			BearingDeg: &bearing, AngleDeg: 40 + random.Float64()*80, RangeM: 40 + random.Float64()*100, HeightM: 3 + random.Float64()*25, PTZ: random.IntN(4) == 0}
		if indoors(all, c.At) {
			continue
		}
		view := scene.View(c)
		for range 40 {
			p := geo.PointAtBearingAndDistance(c.At, random.Float64()*360, random.Float64()*150)
			if indoors(all, p) {
				continue
			}
			asked++
			sees := scene.Sees(c, p)
			if sees {
				seen++
			}
			if planar.MultiPolygonContains(view, p) == sees {
				same++
			}
		}
	}
	share := float64(same) / float64(asked)
	t.Logf("%d of %d points agree (%.2f %%), %d seen", same, asked, 100*share, seen)
	if share < 0.985 || seen < asked/10 { // a ring is one degree wide: corners fall into it in part
		t.Errorf("%.4f agree, %d of %d seen", share, seen, asked)
	}
	if view := scene.View(sight.Camera{At: all[0].Point}); len(view) != 0 {
		t.Error("a camera of unknown direction has a view")
	}
}

func TestOneMoreCameraIsPutWhereItSeesMost(t *testing.T) {
	origin := orb.Point{110, 40}
	scene := sight.New(wall(3))
	area := orb.MultiPolygon{geo.NewBoundAroundPoint(geo.PointAtBearingAndDistance(origin, 0, 25), 60).ToPolygon()}
	north := 0.0
	cameras := []sight.Camera{{At: origin, BearingDeg: &north, AngleDeg: 120, RangeM: 100}}
	ground := scene.Ground(area, 4)
	blind := scene.Blind(ground, cameras)
	more, ok := scene.More(area, blind, sight.Camera{})
	if !ok {
		t.Fatal("nothing helps")
	}
	left := scene.Blind(ground, append(cameras, more.Camera))
	if len(blind)-len(left) != more.Gain {
		t.Errorf("it gains %d, and was said to gain %d", len(blind)-len(left), more.Gain)
	}
	best := 0 // of every corner and whole degree
	for bearing := 0.0; bearing < 360; bearing++ {
		for _, corner := range wall(3)[0].Footprint[0][0] {
			c := sight.Camera{At: geo.PointAtBearingAndDistance(corner, geo.Bearing(geo.PointAtBearingAndDistance(origin, 0, 25), corner), 0.45), BearingDeg: &bearing}
			if left := scene.Blind(ground, append(cameras, c)); len(blind)-len(left) > best {
				best = len(blind) - len(left)
			}
		}
	}
	if math.Abs(float64(more.Gain-best)) > 0.02*float64(best) {
		t.Errorf("it gains %d points, the best of all by trial %d", more.Gain, best)
	}
	if _, ok := scene.More(area, nil, sight.Camera{}); ok {
		t.Error("something helps where nothing is blind")
	}
}
