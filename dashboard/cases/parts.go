package cases

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
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
	departments := slices.Compact(slices.Sorted(slices.Values(in.act.Departments)))
	parts := make([]*Case, len(departments))
	for i, code := range departments {
		name, ok := names[code]
		if !ok {
			return invalid("unknown_department", fmt.Sprintf("没有部门 %s", code), fmt.Sprintf("there is no department %q", code))
		}
		parts[i] = &Case{Department: &code, DepartmentName: &name}
		parts[i].show(code)
		if parent.Department != nil {
			parts[i].show(*parent.Department)
		}
	}
	return r.open(b, e, m.does.opens, parent, parts, in.who, numbers)
}

// sendTask opens a sub-case for an officer: no department sees it.
func (r *Room) sendTask(b *live.Batch, e *live.Entry, m Move, parent *Case, in *moving, officer string, numbers *partNumbers) error {
	if officer == "" {
		return invalid("nobody_on_duty", "没有当班的网格员可派：请核对排班和网格员账号", "no officer on duty has an account and may go there: see who is on duty, and whose accounts there are")
	}
	return r.open(b, e, m.does.sends, parent, []*Case{{Officer: &officer}}, in.who, numbers)
}

// open makes sub-cases of the parts, which say whose they are and who sees them.
func (r *Room) open(b *live.Batch, e *live.Entry, of string, parent *Case, parts []*Case, who access.Identity, numbers *partNumbers) error {
	flow := r.flows.Load().newest[of]
	now := r.clock.Now()
	prefix := r.prefix(deref(parent.Grid), now)
	if numbers.last["S"+prefix]+len(parts) > lastSerial-serial {
		return fmt.Errorf("case number: more than %d sub-cases in one day", lastSerial-serial)
	}
	var rows reportRows
	for _, part := range parts {
		numbers.last["S"+prefix]++
		c := *parent
		c.Officer, c.Department, c.DepartmentName, c.Lines = part.Officer, part.Department, part.DepartmentName, nil
		c.show(slices.Concat(flow.seenBy, part.Lines)...)
		c.ID, c.Number = numbers.ids[0], fmt.Sprintf("%s%05d", prefix, lastSerial+1-numbers.last["S"+prefix])
		numbers.ids = numbers.ids[1:]
		c.Flow, c.FlowEdition, c.State, c.Version, c.Parent = flow.Flow, flow.Edition, flow.Start.To, 1, &parent.ID
		c.ReportedAt, c.UpdatedAt, c.ClosedAt, c.open, c.frozen, c.Rating, c.Returns = now, now, nil, true, nil, nil, 0
		c.Supervised, c.Exempt, c.SuspendedUntil, c.MergedInto, c.Fields = false, false, nil, nil, nil
		c.Photos, c.Clocks = []Photo{}, []Clock{}
		r.startClocks(flow, &c, "", now, func(k Clock) { rows.clock(&c, k) })
		r.name(&c)
		rows.add(&c, &reporting{who: who, flow: flow}, 0, now)
		*part = c
		d := live.Draft{Type: "case.reported", At: now, Data: change{&c, madeNow{Move: flow.Start.Move, To: c.State, By: By{who.Name, who.Role}, At: now}}}
		d.Grid = deref(c.Grid)
		b.Append(e, d)
	}
	rows.queue(b, map[string]int{"S" + prefix: numbers.last["S"+prefix]})
	for _, part := range parts {
		b.Queue(partOf, part.ID, parent.ID, part.Department, part.Lines, part.Officer)
	}
	return nil
}

// redirected is the data of case.merged and case.followed: what was merged into a case before, or is a part of it, goes where that
// case goes.
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
			r.Calendar().extend(k)
		case paused && k.PausedAt == nil:
			k.pause(now)
		case !paused && k.PausedAt != nil:
			r.Calendar().resume(k, now)
		default:
			changed = false
		}
		if changed {
			b.Queue(resetClock, c.ID, k.Stage, k.WarnAt, k.DueAt, k.PausedAt, k.PausedS, k.Extended, k.LimitS)
		}
	}
}
