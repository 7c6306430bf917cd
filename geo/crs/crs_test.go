package crs

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

func TestParseDatum(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   string
		want Datum
	}{
		{"plain", "gcj02", GCJ02},
		{"capitals and a dash", "WGS-84", WGS84},
		{"spaces", " bd09 ", BD09},
		{"the national one", "CGCS2000", CGCS2000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := ParseDatum(tc.in); err != nil || got != tc.want {
				t.Errorf("ParseDatum(%q) = %q, %v", tc.in, got, err)
			}
		})
	}
	if _, err := ParseDatum(""); !errors.Is(err, ErrNoDatum) || !strings.Contains(err.Error(), "--datum="+Choices) {
		t.Errorf("without a datum: %v", err)
	}
	if _, err := ParseDatum("wgs72"); err == nil || !strings.Contains(err.Error(), Choices) {
		t.Errorf("an unknown datum must list the choices: %v", err)
	}
}

// The vectors are those of the public converters' own tests: coordtransform (first three, to the last digit)
// and eviltransform (which takes 6378137 m for the axis: within 1e-6°).
func TestPublishedVectors(t *testing.T) {
	for _, tc := range []struct {
		name string
		got  orb.Point
		want orb.Point
		by   float64 // degrees
	}{
		{"WGS-84 to GCJ-02, Beijing", GCJ02.FromWGS84(orb.Point{116.404, 39.915}), orb.Point{116.41024449916938, 39.91640428150164}, 1e-12},
		{"GCJ-02 to BD-09, Beijing", bdFromGCJ(orb.Point{116.404, 39.915}), orb.Point{116.41036949371029, 39.92133699351021}, 1e-12},
		{"BD-09 to GCJ-02, Beijing (the converter's inverse is one step: metres)", GCJ02.FromWGS84(BD09.ToWGS84(orb.Point{116.404, 39.915})), orb.Point{116.39762729119315, 39.90865673957631}, 2e-5},
		{"WGS-84 to GCJ-02, Shanghai", GCJ02.FromWGS84(orb.Point{121.5272106, 31.1774276}), orb.Point{121.531541859215, 31.17530398364597}, 1e-6},
		{"WGS-84 to GCJ-02, Shenzhen", GCJ02.FromWGS84(orb.Point{113.912316, 22.543847}), orb.Point{113.9171764808363, 22.540796131694766}, 1e-6},
		{"WGS-84 to GCJ-02, Beijing west", GCJ02.FromWGS84(orb.Point{116.377817, 39.911954}), orb.Point{116.38404722455657, 39.91334545536069}, 1e-6},
		{"CGCS2000 is WGS-84", CGCS2000.ToWGS84(orb.Point{110, 40.4}), orb.Point{110, 40.4}, 0},
		{"outside China nothing is shifted", BD09.ToWGS84(orb.Point{-77.03, 38.9}), orb.Point{-77.03, 38.9}, 0},
		{"outside China nothing is shifted, forward", GCJ02.FromWGS84(orb.Point{-77.03, 38.9}), orb.Point{-77.03, 38.9}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if dx, dy := math.Abs(tc.got[0]-tc.want[0]), math.Abs(tc.got[1]-tc.want[1]); dx > tc.by || dy > tc.by {
				t.Errorf("got %v, want %v within %g°", tc.got, tc.want, tc.by)
			}
		})
	}
}

func TestRoundTripClosesWithinANanodegree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := orb.Point{rapid.Float64Range(73.5, 135).Draw(t, "lon"), rapid.Float64Range(3, 53).Draw(t, "lat")}
		for _, d := range []Datum{GCJ02, BD09} {
			back := d.ToWGS84(d.FromWGS84(p))
			if math.Abs(back[0]-p[0]) > 1e-9 || math.Abs(back[1]-p[1]) > 1e-9 {
				t.Fatalf("%s: %v came back as %v", d, p, back)
			}
		}
	})
}

func BenchmarkToWGS84(b *testing.B) {
	for range b.N {
		BD09.ToWGS84(orb.Point{110.01, 40.41})
	}
}
