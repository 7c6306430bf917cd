package main

import (
	"slices"
	"testing"
)

var everything = map[string]bool{"case.read": true, "map.read": true, "wall.read": true}

// sound is a round in which everything is as it must be: three cases of two streets, read by one who sees all and by an
// officer of the first street.
func sound() (*history, map[string]openCase) {
	h := &history{from: mark{seq: 10}, tables: &tables{end: mark{seq: 13}}}
	all := followed{name: "all", audience: audience{rights: everything}, reached: 13, state: map[string]uint32{}, fresh: map[string]uint32{}, seen: seen{start: 10}}
	officer := followed{name: "officer", audience: audience{rights: everything, under: map[string]bool{"A": true, "A1": true}}, reached: 13,
		state: map[string]uint32{}, fresh: map[string]uint32{}, seen: seen{start: 10}}
	for i, grid := range []string{"A1", "B1", "A1"} {
		id, seq := int64(i+1), int64(11+i)
		key, sum := string(rune('a'+i)), uint32(100+i)
		row := uint32(200 + i)
		name := string(rune('1' + i))
		h.tries = append(h.tries, try{key: key, acked: true, id: id, number: name, seq: seq})
		h.tables.cases = append(h.tables.cases, stored{id: id, number: name, key: key, keys: 1, keySeq: seq, open: true})
		h.tables.log = append(h.tables.log, logged{event: event{seq, sum}, kind: "case.reported", grid: grid, caseID: id, change: change{name, row, true}})
		all.seen.events = append(all.seen.events, event{seq, sum})
		all.state[name], all.fresh[name] = row, row
		if grid == "A1" {
			officer.seen.events = append(officer.seen.events, event{seq, sum})
			officer.state[name], officer.fresh[name] = row, row
		}
	}
	h.readers = []followed{all, officer}
	return h, map[string]openCase{}
}

func TestTheCheckerFindsNothingWhereNothingIsWrong(t *testing.T) {
	h, open := sound()
	if found := check(h, open); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}

// Each kind of violation is planted alone, and must be named.
func TestTheCheckerFindsWhatIsPlanted(t *testing.T) {
	for _, plant := range []struct {
		what, kind string
		do         func(h *history)
	}{
		{"an acknowledged case is not stored", "lost", func(h *history) {
			h.tables.cases = slices.Delete(h.tables.cases, 1, 2)
		}},
		{"one key, two cases", "doubled", func(h *history) {
			h.tables.cases = append(h.tables.cases, stored{id: 4, number: "4", key: "a", keys: 1, keySeq: 11})
		}},
		{"a case that nobody tried", "invented", func(h *history) {
			h.tables.cases = append(h.tables.cases, stored{id: 4, number: "4", key: "z", keys: 1, keySeq: 11})
		}},
		{"another number than was answered", "changed", func(h *history) { h.tables.cases[0].number = "9" }},
		{"never answered", "answer", func(h *history) { h.tries[0].acked = false }},
		{"a move carried out twice", "move", func(h *history) { h.tables.cases[0].rejects = 2 }},
		{"an acknowledged move is not there", "move", func(h *history) { h.tries[0].moved = true }},
		{"a gap in the log", "log", func(h *history) { h.tables.log[2].seq = 14 }},
		{"a broken chain", "log", func(h *history) { h.tables.broken = "event 12" }},
		{"a case without its event", "log", func(h *history) { h.tables.log[2].caseID = 9 }},
		{"one case, two events", "doubled", func(h *history) { h.tables.log[2].caseID = 1 }},
		{"an event that a reader skipped", "skipped", func(h *history) {
			h.readers[0].seen.events = slices.Delete(h.readers[0].seen.events, 1, 2)
		}},
		{"the last event is missing", "skipped", func(h *history) { h.readers[0].seen.events = h.readers[0].seen.events[:2] }},
		{"an event told twice", "repeated", func(h *history) {
			h.readers[0].seen.events = slices.Insert(h.readers[0].seen.events, 1, event{11, 100})
		}},
		{"two events in the wrong order", "repeated", func(h *history) {
			e := h.readers[0].seen.events
			e[0], e[1] = e[1], e[0]
		}},
		{"an event of another's street", "foreign", func(h *history) {
			h.readers[1].seen.events = slices.Insert(h.readers[1].seen.events, 1, event{12, 101})
		}},
		{"an event that needs a right", "foreign", func(h *history) { h.tables.log[0].needs = "reporter.read" }},
		{"an event with other data", "changed", func(h *history) { h.readers[1].seen.events[0].sum++ }},
		{"a jump that does not cover what is missing", "skipped", func(h *history) {
			h.readers[0].seen.events = h.readers[0].seen.events[2:]
			h.readers[0].seen.jumps = []jump{{10, 11}}
		}},
		{"a reader that is behind", "skipped", func(h *history) { h.readers[0].reached = 12 }},
		{"a table that lacks a case", "state", func(h *history) { delete(h.readers[0].state, "2") }},
		{"a table that keeps a closed case", "state", func(h *history) { h.tables.log[0].change.open = false }},
		{"a snapshot that differs from the log", "state", func(h *history) { h.readers[1].fresh["1"]++ }},
		{"two ids of one audience", "protocol", func(h *history) { h.readers[0].seen.audiences = map[string]bool{"x": true, "y": true} }},
		{"what a reader complained of", "protocol", func(h *history) { h.readers[0].seen.faults = []string{"event 12 came again"} }},
	} {
		t.Run(plant.what, func(t *testing.T) {
			h, open := sound()
			plant.do(h)
			found := check(h, open)
			if !slices.ContainsFunc(found, func(v violation) bool { return v.kind == plant.kind }) {
				t.Errorf("found %v, want one of kind %s", found, plant.kind)
			}
		})
	}
}

// A snapshot stands for what it covers.
func TestAJumpThatCoversWhatIsMissingIsNoViolation(t *testing.T) {
	h, open := sound()
	h.readers[0].seen.events = h.readers[0].seen.events[2:]
	h.readers[0].seen.jumps = []jump{{10, 12}}
	if found := check(h, open); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}

// The frames of both protocols, alone and in arrays, and what is none.
func TestFramesAreReadAsTheyAreWritten(t *testing.T) {
	const text = `[{"seq":12,"prev":9,"type":"case.moved","at":"2026-01-01T00:00:00Z","data":{"case":{"id":7,"closed_at":null}}},{"type":"beat","seq":12,"prev":12,"now":"x"}]`
	var got []frame
	if err := eachFrame([]byte(text), func(f frame) error { got = append(got, f); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].seq != 12 || got[0].prev != 9 || got[0].kind != "case.moved" || string(got[0].data) != `{"case":{"id":7,"closed_at":null}}` || got[1].kind != "beat" || got[1].prev != 12 {
		t.Errorf("got %+v", got)
	}
	if c, err := changeOf(got[0].data); err != nil || c.key != "7" || !c.open {
		t.Errorf("change %+v, %v", c, err)
	}
	for _, wrong := range []string{``, `{}`, `{"seq":1,"prev":`, `[1]`, `{"seq":12,"type":"x"`} {
		if err := eachFrame([]byte(wrong), func(frame) error { return nil }); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

// The reader's own rules: what it has it blames, over a hole it comes back.
func TestAReaderBlamesRepetitionsAndComesBackOnAHole(t *testing.T) {
	r := newReader(who{name: "r"}, nil, 1, new(caseCache))
	greeted := false
	apply := func(f frame) error { return r.apply(f, &greeted) }
	for _, f := range []frame{{kind: "hello", mode: "resync", seq: 10, audience: "x"}, {kind: "beat", seq: 10, prev: 10}, {kind: "wall.changed", seq: 11, prev: 10}} {
		if err := apply(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := apply(frame{kind: "wall.changed", seq: 14, prev: 13}); err == nil {
		t.Error("the hole before 14 was passed over")
	}
	if err := apply(frame{kind: "beat", seq: 14, prev: 13}); err == nil {
		t.Error("the hole that the beat shows was passed over")
	}
	apply(frame{kind: "wall.changed", seq: 11, prev: 10})
	if s := r.take(); len(s.faults) != 1 || s.holes != 2 || len(s.events) != 1 {
		t.Errorf("%+v", s)
	}
}
