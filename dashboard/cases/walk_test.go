package cases

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gridwall/dashboard/access"
)

var walks = flag.Int("walks", 1000, "random walks over every flow; from 10,000 on they must come to every state")

// Random walks over every shipped flow: whoever tries whatever, a case is only ever in a declared state, a final
// state opens no clock, and what is refused says why in both languages.
func TestNoSequenceOfMovesReachesAnUndeclaredState(t *testing.T) {
	set, err := shippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	r := &Room{}
	r.calendar.Store(calendar(t))
	r.flows.Store(set)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for _, f := range set.all() {
		visited := map[string]bool{}
		for range *walks {
			walk(t, r, f, random, visited)
		}
		for _, s := range f.States {
			if *walks >= 10_000 && !visited[s.State] {
				t.Errorf("flow %s edition %d: ten thousand walks never came to %s (seed %d)", f.Flow, f.Edition, s.State, seed)
			}
		}
	}
}

func walk(t *testing.T, r *Room, f *Flow, random *rand.Rand, visited map[string]bool) {
	now := at("2018-12-24 09:00")
	c := &Case{State: f.Start.To, Priority: Priorities[random.IntN(len(Priorities))], now: now}
	var history []did
	visited[c.State] = true
	for range 48 {
		now = now.Add(time.Duration(random.IntN(24)) * time.Hour)
		c.now = now
		m := f.Moves[random.IntN(len(f.Moves))]
		if random.IntN(4) > 0 { // mostly what is its turn
			for i, n := 0, 0; i < len(f.Moves); i++ {
				if slices.Contains(f.Moves[i].From, c.State) {
					if n++; random.IntN(n) == 0 {
						m = f.Moves[i]
					}
				}
			}
		}
		who := access.Identity{Account: 1 + random.IntN(8), Role: access.Roles[random.IntN(len(access.Roles))], Department: "D01"}
		if len(m.Who) > 0 && random.IntN(4) > 0 { // mostly by who may
			who.Role = m.Who[random.IntN(len(m.Who))]
		}
		if random.IntN(8) == 0 {
			who = System
		}
		if refused := f.permit(m, c, history, who); refused != nil {
			if refused.Reason.ZH == "" || refused.Reason.EN == "" {
				t.Fatalf("%s: %s refused without words", f.Flow, m.Move)
			}
			continue
		}
		before, department := c.State, "D01"
		if c.State = m.To; m.To == "" {
			c.State = before
		}
		if m.does.back || m.does.rework {
			if c.Returns++; m.Third != "" && c.Returns >= third {
				c.State = m.Third
			}
		}
		if c.Department = &department; m.does.back {
			c.Department = nil
		}
		state, ok := f.state[c.State]
		if !ok {
			t.Fatalf("%s: %s from %s leads to %q", f.Flow, m.Move, before, c.State)
		}
		visited[c.State] = true
		c.Clocks = nil
		r.startClocks(f, c, "", now, func(k Clock) {
			if state.Final || !k.DueAt.After(k.StartedAt) {
				t.Fatalf("%s: clock %s starts in %s and is due at %s", f.Flow, k.Stage, c.State, k.DueAt)
			}
		})
		history = append(history, did{m.Move, who.Account, "somebody"})
	}
}
