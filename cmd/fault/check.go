package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// history is everything that was tried, stored and seen in a round, gathered after quiet.
type history struct {
	from    mark // the round before ended here
	tables  *tables
	tries   []try
	late    map[string]bool // keys of earlier rounds that were never answered
	readers []followed
	faults  []string // what writers were told and must not be told
}

// followed is a reader's round.
type followed struct {
	name     string
	audience audience
	seen     seen
	reached  int64
	state    map[string]uint32 // its table of open cases; nil: the server sends no snapshots
	fresh    map[string]uint32 // that of a page opened after quiet
}

// audience is whom a reader is: decided here from rights, jurisdiction and topics, as the server has to.
type audience struct {
	topics map[string]bool // nil: all
	rights map[string]bool
	under  map[string]bool // cells of the jurisdiction; nil: everywhere
}

var topicRights = map[string]string{"cases": "case.read", "alarms": "alarm.read", "cameras": "map.read", "geo": "map.read", "wall": "wall.read"}

func topicOf(kind string) string {
	room, _, _ := strings.Cut(kind, ".")
	switch room {
	case "case", "alarm", "camera":
		return room + "s"
	case "grid", "building", "backdrop":
		return "geo"
	}
	return room
}

func (a audience) holds(kind, grid, needs string) bool {
	topic := topicOf(kind)
	return (a.topics == nil || a.topics[topic]) && a.rights[topicRights[topic]] && (needs == "" || a.rights[needs]) &&
		(grid == "" || a.under == nil || a.under[grid])
}

// violation is what must never be.
type violation struct {
	kind     string // lost, doubled, invented, answer, move, log, skipped, repeated, foreign, changed, protocol, state
	evidence string
}

func (v violation) String() string { return v.kind + ": " + v.evidence }

// check compares what was promised with what is there. open is the table of open cases at the end of the round before,
// by the log alone; it is moved on to the end of this round.
func check(h *history, open map[string]openCase) (found []violation) {
	bad := func(kind, format string, args ...any) {
		if len(found) < 50 {
			found = append(found, violation{kind, fmt.Sprintf(format, args...)})
		}
	}
	for _, f := range h.faults {
		bad("answer", "%s", f)
	}
	checkCases(h, bad)
	checkLog(h, bad)
	for _, l := range h.tables.log {
		if topicOf(l.kind) != "cases" {
			continue
		}
		if l.change.open {
			open[l.change.key] = openCase{l.grid, l.change.row}
		} else {
			delete(open, l.change.key)
		}
	}
	ids := map[string]map[string]bool{}
	for _, r := range h.readers {
		checkReader(h, r, bad)
		checkState(r, open, bad)
		group := fmt.Sprint(r.audience)
		if ids[group] == nil {
			ids[group] = map[string]bool{}
		}
		maps.Copy(ids[group], r.seen.audiences)
		if len(ids[group]) > 1 {
			bad("protocol", "one audience has several ids on the nodes: %v (%s)", slices.Sorted(maps.Keys(ids[group])), r.name)
			ids[group] = nil
		}
	}
	return found
}

// openCase is an open case: its cell and the checksum of its JSON.
type openCase struct {
	grid string
	row  uint32
}

type report func(kind, format string, args ...any)

func checkCases(h *history, bad report) {
	byKey := map[string]stored{}
	for _, s := range h.tables.cases {
		if first, ok := byKey[s.key]; ok {
			bad("doubled", "%s is stored as case %d and as case %d", s.key, first.id, s.id)
			continue
		}
		if s.keys != 1 {
			bad("doubled", "case %d of %s has %d idempotency keys", s.id, s.key, s.keys)
		}
		byKey[s.key] = s
	}
	tried := maps.Clone(h.late)
	if tried == nil {
		tried = map[string]bool{}
	}
	for _, t := range h.tries {
		tried[t.key] = true
		s, ok := byKey[t.key]
		switch {
		case !t.acked:
			bad("answer", "%s was never answered, not even after healing", t.key)
		case !ok:
			bad("lost", "%s was acknowledged as case %d and is not stored", t.key, t.id)
		case s.id != t.id || s.number != t.number || s.keySeq != t.seq:
			bad("changed", "%s was acknowledged as %d, %s, event %d and is stored as %d, %s, event %d", t.key, t.id, t.number, t.seq, s.id, s.number, s.keySeq)
		case t.moved && (s.rejects != 1 || s.open):
			bad("move", "the move of case %d (%s) was acknowledged and is stored %d times", s.id, s.key, s.rejects)
		case s.rejects > 1:
			bad("move", "case %d (%s) was moved %d times by the same move", s.id, s.key, s.rejects)
		}
	}
	for key, s := range byKey {
		if !tried[key] {
			bad("invented", "case %d with the key %q was tried by nobody", s.id, key)
		}
	}
}

func checkLog(h *history, bad report) {
	if h.tables.broken != "" {
		bad("log", "%s", h.tables.broken)
	}
	last := h.from.seq
	reported := map[int64]int64{}
	for _, l := range h.tables.log {
		if l.seq != last+1 {
			bad("log", "%d follows %d", l.seq, last)
		}
		last = l.seq
		if l.kind == "case.reported" {
			if reported[l.caseID] != 0 {
				bad("doubled", "events %d and %d both report case %d", reported[l.caseID], l.seq, l.caseID)
			}
			reported[l.caseID] = l.seq
		}
	}
	for _, s := range h.tables.cases {
		if at, ok := reported[s.id]; !ok || at != s.keySeq {
			bad("log", "case %d (%s) was acknowledged with event %d, the log reports it at %d", s.id, s.key, s.keySeq, at)
		}
	}
}

// checkReader holds what a reader saw against what its audience is told: each once, in the log's order, nothing else.
func checkReader(h *history, r followed, bad report) {
	for _, f := range r.seen.faults {
		bad("protocol", "%s: %s", r.name, f)
	}
	jumped := func(seq int64) bool {
		return slices.ContainsFunc(r.seen.jumps, func(j jump) bool { return seq > j.from && seq <= j.to })
	}
	seen := r.seen.events
	var last int64
	for _, l := range h.tables.log {
		mine := l.seq > r.seen.start && r.audience.holds(l.kind, l.grid, l.needs)
		for len(seen) > 0 && seen[0].seq < l.seq {
			if seen[0].seq <= last {
				bad("repeated", "%s got event %d after %d", r.name, seen[0].seq, last)
			} else {
				bad("foreign", "%s got event %d, which is not for it", r.name, seen[0].seq)
			}
			last, seen = max(last, seen[0].seq), seen[1:]
		}
		got := len(seen) > 0 && seen[0].seq == l.seq
		switch {
		case got && !mine:
			bad("foreign", "%s got event %d (%s, grid %q, needs %q), which is not for it", r.name, l.seq, l.kind, l.grid, l.needs)
		case got && seen[0].sum != l.sum:
			bad("changed", "%s got event %d with other data than the log has", r.name, l.seq)
		case !got && mine && !jumped(l.seq) && l.seq <= h.tables.end.seq:
			bad("skipped", "%s never got event %d (%s, grid %q)", r.name, l.seq, l.kind, l.grid)
		}
		if got {
			last, seen = l.seq, seen[1:]
		}
	}
	for _, e := range seen {
		bad("repeated", "%s got event %d after the end or out of order", r.name, e.seq)
	}
	if r.reached < h.tables.end.seq {
		bad("skipped", "%s knows the log to %d, it ends at %d", r.name, r.reached, h.tables.end.seq)
	}
}

// checkState holds a reader's table of open cases against the log's, and against that of a page opened afresh.
func checkState(r followed, open map[string]openCase, bad report) {
	if r.state == nil {
		return
	}
	want := map[string]uint32{}
	for key, c := range open {
		if r.audience.holds("case.reported", c.grid, "") {
			want[key] = c.row
		}
	}
	compare := func(what string, got map[string]uint32) {
		for key, row := range want {
			if other, ok := got[key]; !ok {
				bad("state", "%s: %s lacks case %s", r.name, what, key)
			} else if other != row {
				bad("state", "%s: %s has other words for case %s than the log", r.name, what, key)
			}
		}
		for key := range got {
			if _, ok := want[key]; !ok {
				bad("state", "%s: %s still has case %s", r.name, what, key)
			}
		}
	}
	compare("its table", r.state)
	if r.fresh != nil {
		compare("the snapshot", r.fresh)
	}
}
