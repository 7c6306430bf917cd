package ptz_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"

	"gridwall/dashboard/ptz"
	"gridwall/migrations/dbtest"
)

func TestLookAtAgreesWithTheGeodesic(t *testing.T) {
	pool := dbtest.Open(t)
	const geodesic = `
	SELECT degrees(ST_Azimuth(a, b)), ST_Distance(a, b)
	FROM (SELECT ST_MakePoint($1, $2)::geography AS a, ST_MakePoint($3, $4)::geography AS b) AS p`
	random := rand.New(rand.NewPCG(4, 13))
	for range 200 {
		from := orb.Point{random.Float64()*60 + 75, random.Float64()*50 + 5}
		reach := 0.2 * math.Pow(random.Float64(), 3)
		p := orb.Point{from[0] + (random.Float64()*2-1)*reach, from[1] + (random.Float64()*2-1)*reach/2}
		var bearing, distance float64
		if err := pool.QueryRow(t.Context(), geodesic, from[0], from[1], p[0], p[1]).Scan(&bearing, &distance); err != nil {
			t.Fatal(err)
		}
		if distance < 1 || distance > 20_000 {
			continue
		}
		b, tilt, d := ptz.LookAt(from, p, 25)
		if off := math.Abs(math.Remainder(b-bearing, 360)); off > 0.01 || math.Abs(d-distance) > distance/10_000+0.001 {
			t.Errorf("from %v to %v: %.4f° %.2f m, the geodesic is %.4f° %.2f m", from, p, b, d, bearing, distance)
		}
		if want := -math.Atan2(25+distance*distance/(2*6_371_000), distance) * 180 / math.Pi; math.Abs(tilt-want) > 0.01 {
			t.Errorf("at %.0f m from 25 m: tilt %.3f°, want %.3f°", distance, tilt, want)
		}
	}
}
