package grid_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/planar"
	"pgregory.net/rapid"

	"gridwall/geo/grid"
	"gridwall/migrations/dbtest"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func TestFences(t *testing.T) {
	index := grid.NewIndex(grid.NewTree([]*grid.Cell{
		box("1", "", grid.Street, 110, 40, 0.02),
		box("11", "1", grid.Lattice, 110, 40, 0.01),
		box("12", "1", grid.Lattice, 110.01, 40, 0.01),
	}))
	fences := grid.NewFences(index, grid.Fencing{SlackM: 30, Leave: 2 * time.Minute, Return: time.Minute})
	type seen struct {
		lon   float64 // the border is at 110.01; 0.0001 is 8.5 m
		after time.Duration
		away  bool
	}
	for _, tc := range []struct {
		name string
		home grid.Code
		seen []seen
	}{
		{"far outside, for long", "11", []seen{{110.012, 0, false}, {110.012, 119 * time.Second, false}, {110.013, time.Second, true}}},
		{"a wobble over the border", "11", []seen{{110.0102, 0, false}, {110.0102, time.Hour, false}}},
		{"inside again before the dwell is over", "11", []seen{{110.012, 0, false}, {110.009, time.Minute, false}, {110.012, time.Minute, false}, {110.012, time.Minute, false}}},
		{"nearly back is not back", "11", []seen{{110.012, 0, false}, {110.012, 2 * time.Minute, true}, {110.0101, time.Hour, true}, {110.009, time.Second, true}, {110.009, time.Minute, false}}},
		{"the border belongs to the cell, also where the lowest code has it", "12", []seen{{110.012, 0, false}, {110.01, time.Hour, false}}},
		{"a community's officer may go about its cells", "1", []seen{{110.005, 0, false}, {110.015, time.Hour, false}}},
		{"outside every cell", "1", []seen{{0, 0, false}, {0, time.Hour, true}}},
		{"a cell that is no more", "13", []seen{{0, 0, false}, {0, time.Hour, false}}},
		{"a clock that was set back begins anew", "11", []seen{{110.012, 0, false}, {110.012, -time.Hour, false}, {110.012, time.Minute, false}, {110.012, time.Minute, true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w grid.Watch
			at := noon
			for i, s := range tc.seen {
				at = at.Add(s.after)
				if w = fences.Step(w, tc.home, orb.Point{s.lon, 40.005}, at); w.Away != s.away {
					t.Fatalf("step %d: away %v", i, w.Away)
				}
			}
		})
	}
	t.Run("what others have decided is taken over, and ended after the dwell", func(t *testing.T) {
		home := orb.Point{110.005, 40.005}
		w := fences.Step(grid.Watch{Away: true}, "11", home, noon)
		if !w.Away {
			t.Fatal("it ended at once")
		}
		if w = fences.Step(w, "11", home, noon.Add(time.Minute)); w.Away {
			t.Error("it does not end")
		}
	})
	t.Run("does not allocate", func(t *testing.T) {
		var w grid.Watch
		if n := testing.AllocsPerRun(100, func() { w = fences.Step(w, "11", orb.Point{110.0101, 40.005}, noon) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// Away changes only after the whole dwell was spent on the other side, and is right about the side: told anew from all that
// was seen, with distances by another library.
func TestFencesAreWhatTheirRuleSays(t *testing.T) {
	cells := []*grid.Cell{box("1", "", grid.Lattice, 110, 40, 0.01), box("2", "", grid.Lattice, 110.01, 40, 0.01)}
	index := grid.NewIndex(grid.NewTree(cells))
	rapid.Check(t, func(t *rapid.T) {
		rule := grid.Fencing{SlackM: float64(rapid.IntRange(0, 200).Draw(t, "slack")), Leave: time.Duration(rapid.IntRange(0, 5).Draw(t, "leave")) * time.Minute, Return: time.Duration(rapid.IntRange(0, 5).Draw(t, "return")) * time.Minute}
		fences := grid.NewFences(index, rule)
		var w grid.Watch
		at, since := noon, noon
		away, out, first := false, false, true
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "after")) * time.Second)
			p := orb.Point{110 + float64(rapid.IntRange(-300, 1300).Draw(t, "x"))*1e-5, 40 + float64(rapid.IntRange(-300, 1300).Draw(t, "y"))*1e-5}
			far := 0.0
			if ring := cells[0].Geometry[0][0]; !planar.RingContains(ring, p) {
				nearest := orb.Point{min(max(p[0], 110), 110.01), min(max(p[1], 40), 40.01)}
				if far = geo.DistanceHaversine(p, nearest); far > rule.SlackM*.995 && far < rule.SlackM*1.005 {
					continue // the libraries' earths differ by 0.1 %
				}
			}
			is := far > rule.SlackM || away && far > 0
			if first || is != out {
				out, since, first = is, at, false
			}
			dwell := map[bool]time.Duration{true: rule.Leave, false: rule.Return}[out]
			if at.Sub(since) >= dwell {
				away = out
			}
			if w = fences.Step(w, "1", p, at); w.Away != away {
				t.Fatalf("step %d at %v, %.1f m away, since %v: %v", i, p, far, since, w.Away)
			}
		}
	})
}

func TestFencesAgreeWithPostGIS(t *testing.T) {
	pool := dbtest.Open(t)
	importTown(t, pool)
	tree, err := grid.Load(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	const slack = 30
	fences := grid.NewFences(grid.NewIndex(tree), grid.Fencing{SlackM: slack})
	points := hard(t, pool, 1000)
	random := rand.New(rand.NewPCG(3, 4))
	homes := make([]string, len(points))
	xs, ys := make([]float64, len(points)), make([]float64, len(points))
	for i := range points {
		// Near its border: to the side of a corner by up to 60 m.
		c := tree.Cells()[random.IntN(len(tree.Cells()))]
		if ring := c.Geometry[0][0]; i%2 == 0 {
			points[i] = ring[random.IntN(len(ring))]
			points[i][0] += (random.Float64() - .5) * 0.0014
			points[i][1] += (random.Float64() - .5) * 0.0010
		}
		homes[i], xs[i], ys[i] = c.Code, points[i][0], points[i][1]
	}
	rows, err := pool.Query(t.Context(), `
SELECT i, ST_Covers(g.geom, p), ST_Distance(g.geom::geography, p::geography)
FROM unnest($1::text[], $2::float8[], $3::float8[]) WITH ORDINALITY AS u(home, x, y, i)
JOIN grid AS g ON g.code = u.home, ST_SetSRID(ST_MakePoint(x, y), 4326) AS p`, homes, xs, ys)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var near, inside, beyond int
	for rows.Next() {
		var i int
		var covers bool
		var far float64
		if err := rows.Scan(&i, &covers, &far); err != nil {
			t.Fatal(err)
		}
		p, home := points[i-1], homes[i-1]
		if got := fences.Step(grid.Watch{Away: true}, home, p, noon).Away; got == covers {
			t.Errorf("%v and %s: inside %v, PostGIS %v", p, home, !got, covers)
		}
		switch {
		case covers:
			inside++
		case far > slack:
			beyond++
		default:
			near++
		}
		if far > slack*.99 && far < slack*1.01 {
			continue // a sphere and a spheroid
		}
		if got := fences.Step(grid.Watch{}, home, p, noon).Away; got != (far > slack) {
			t.Errorf("%v is %.2f m from %s: away %v", p, far, home, got)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if near < 100 || inside < 100 || beyond < 100 {
		t.Errorf("only %d near the border, %d inside, %d beyond", near, inside, beyond)
	}
}
