package cases

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
)

// collect reads rows of key and value.
func collect[K comparable, V any](rows pgx.Rows, into map[K]V) error {
	var k K
	var v V
	_, err := pgx.ForEachRow(rows, []any{&k, &v}, func() error {
		into[k] = v
		return nil
	})
	return err
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// partNumbers are ids for sub-cases, and the last serial number of each prefix: they count from the end of the day's numbers.
type partNumbers struct {
	ids  []int64
	last map[string]int
}

const lastSerial = 99_999

// longestSuspension is how long a case may be suspended.
const longestSuspension = 366 * 24 * time.Hour

// brings says whether the instant and the case that the act names will do.
func brings(m Move, c *Case, act Act, free map[int64]bool) error {
	if m.Needs.Until && (!act.Until.After(c.now) || act.Until.Sub(c.now) > longestSuspension) {
		return invalid("until_invalid", "挂账截止时间应在一年之内", "until lies within a year from now")
	}
	if !m.does.merge {
		return nil
	}
	into, there := free[act.Case]
	switch {
	case !there || act.Case == c.ID:
		return invalid("unknown_case", fmt.Sprintf("没有可并入的未结案件 %d", act.Case), fmt.Sprintf("there is no open case %d to merge into", act.Case))
	case !into:
		return invalid("case_merged", "该案件已并入其他案件，请并入那一件", "that case is merged into another: merge into that one")
	}
	return nil
}

// openParts opens a sub-case for every department of the act. Their events come before that of the move.
func (r *Room) openParts(b *live.Batch, e *live.Entry, m Move, parent *Case, in *moving, names map[string]string, numbers *partNumbers) error {
	flow := r.flows.Load().newest[m.does.opens]
	now := r.clock.Now()
	departments := slices.Compact(slices.Sorted(slices.Values(in.act.Departments)))
	for _, code := range departments {
		if _, ok := names[code]; !ok {
			return invalid("unknown_department", fmt.Sprintf("没有部门 %s", code), fmt.Sprintf("there is no department %q", code))
		}
	}
	prefix := r.prefix(deref(parent.Grid), now)
	if numbers.last["S"+prefix]+len(departments) > lastSerial-serial {
		return fmt.Errorf("case number: more than %d sub-cases in one day", lastSerial-serial)
	}
	var rows reportRows
	var lines [][]string
	for _, code := range departments {
		name := names[code]
		numbers.last["S"+prefix]++
		c := *parent
		c.ID, c.Number = numbers.ids[0], fmt.Sprintf("%s%05d", prefix, lastSerial+1-numbers.last["S"+prefix])
		numbers.ids = numbers.ids[1:]
		c.Flow, c.FlowEdition, c.State, c.Version, c.Parent, c.Department, c.DepartmentName = flow.Flow, flow.Edition, flow.Start.To, 1, &parent.ID, &code, &name
		c.ReportedAt, c.UpdatedAt, c.ClosedAt, c.open, c.frozen, c.Rating, c.Returns = now, now, nil, true, nil, nil, 0
		c.Supervised, c.Exempt, c.SuspendedUntil, c.MergedInto, c.Fields = false, false, nil, nil, nil
		c.Photos, c.Clocks = []Photo{}, []Clock{}
		c.Lines = flow.seenBy
		c.show(code)
		if parent.Department != nil {
			c.show(*parent.Department)
		}
		lines = append(lines, c.Lines)
		r.startClocks(flow, &c, "", now, func(k Clock) { rows.clock(&c, k) })
		r.name(&c)
		rows.add(&c, &reporting{who: in.who, flow: flow}, 0, now)
		d := live.Draft{Type: "case.reported", At: now, Data: change{&c, madeNow{Move: flow.Start.Move, To: c.State, By: By{in.who.Name, in.who.Role}, At: now}}}
		d.Grid = deref(c.Grid)
		b.Append(e, d)
	}
	rows.queue(b, map[string]int{"S" + prefix: numbers.last["S"+prefix]})
	for i, id := range rows.ids {
		b.Queue(partOf, id, parent.ID, departments[i], lines[i])
	}
	return nil
}

// redirected is the data of case.merged: what was merged into a case before goes where that case goes.
type redirected struct {
	Case *Case `json:"case"`
}

const moveMerged = `UPDATE case_file SET merged_into = $2, updated_at = $3, version = $4 WHERE id = $1`

// redirect sends what was merged into a case before after it. Their events come before that of the move.
func (r *Room) redirect(b *live.Batch, e *live.Entry, merged []*Case, into int64, now time.Time) {
	for _, c := range merged {
		c.MergedInto, c.UpdatedAt, c.Version = &into, now, c.Version+1
		b.Queue(moveMerged, c.ID, into, now, c.Version)
		r.name(c)
		b.Append(e, live.Draft{Type: "case.merged", At: now, Grid: deref(c.Grid), Data: redirected{c}})
	}
}

// third is the return that goes to the duty leader.
const third = 3

// change does what the move declares beside the state, and stops and starts the clocks of paused states.
func (r *Room) change(b *live.Batch, e *live.Entry, flow *Flow, m *Move, c *Case, in *moving, now time.Time) {
	if m.does.back || m.does.rework {
		if c.Returns++; m.Third != "" && c.Returns >= third {
			c.State = m.Third
		}
	}
	if m.does.back {
		c.Department, c.DepartmentName = nil, nil
	}
	c.Supervised = c.Supervised || m.does.supervise
	c.Exempt = c.Exempt || m.does.exempt
	if m.does.merge {
		c.MergedInto = &in.act.Case
		r.redirect(b, e, in.merged, in.act.Case, now)
	}
	if m.Needs.Until {
		until := in.act.Until.UTC()
		c.SuspendedUntil = &until
	}
	if len(m.Needs.Fields) > 0 {
		c.Fields = maps.Clone(c.Fields) // what was told before keeps its own
		if c.Fields == nil {
			c.Fields = map[string]int64{}
		}
		for _, field := range m.Needs.Fields {
			c.Fields[field] = in.act.Fields[field]
		}
	}
	paused := flow.state[c.State].Paused
	if !paused {
		c.SuspendedUntil = nil
	}
	for i := range c.Clocks {
		k := &c.Clocks[i]
		changed := true
		switch {
		case slices.Contains(m.does.extend, k.Stage):
			r.calendar.extend(k)
		case paused && k.PausedAt == nil:
			k.pause(now)
		case !paused && k.PausedAt != nil:
			r.calendar.resume(k, now)
		default:
			changed = false
		}
		if changed {
			b.Queue(resetClock, c.ID, k.Stage, k.WarnAt, k.DueAt, k.PausedAt, k.PausedS, k.Extended, k.LimitS)
		}
	}
}
