package cases

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
)

// moving is a move on its way into the log.
type moving struct {
	id       int64
	who      access.Identity
	act      Act
	pictures []picture

	merged  []*Case // those that were merged into the case before
	c       *Case   // once written
	repeats int64   // the case, when the key has been used for this move before
}

const (
	caseOf    = `SELECT` + columns + from + ` WHERE c.id = ANY($1)`
	historyOf = `
SELECT m.case_id, m.move, COALESCE(m.account, 0), COALESCE(a.name, '')
FROM case_move AS m LEFT JOIN account AS a ON a.id = m.account
WHERE m.case_id = ANY($1)
ORDER BY m.case_id, m.n`
	openPartsOf = `SELECT parent, count(*) FROM case_file WHERE parent = ANY($1) AND open GROUP BY parent`
	// What was merged into cases before, for a merge to take along; a case of the batch itself is known already.
	mergedInto      = `SELECT` + columns + from + ` WHERE c.merged_into = ANY($1) AND NOT c.id = ANY($1)`
	photosOfMerged  = `SELECT p.case_id, p.id, p.kind, p.at, p.n FROM photo AS p JOIN case_file AS c ON c.id = p.case_id WHERE c.merged_into = ANY($1) AND NOT c.id = ANY($1) ORDER BY p.case_id, p.n, p.at, p.id`
	targetsOf       = `SELECT id, merged_into IS NULL FROM case_file WHERE id = ANY($1) AND open`
	readPartSerials = `SELECT prefix, last FROM case_serial WHERE prefix ^@ 'S'`
	takeIDs         = `SELECT nextval('case_file_id_seq') FROM generate_series(1, $1)`
	namesOf         = `SELECT code, name FROM department WHERE code = ANY($1)`

	insertKey  = `INSERT INTO idempotency (account, key, sum, case_id, seq, at) VALUES ($1, $2, $3, $4, $5, $6)`
	updateCase = `
UPDATE case_file
SET state = $2, department = $3, rating = $4, returns = $5, light = $6, open = $7, closed_at = $8, updated_at = $9, version = $10,
    supervised = $11, exempt = $12, suspended_until = $13, merged_into = $14, fields = $15, lines = COALESCE($16::text[], '{}'), officer = $17
WHERE id = $1`
	insertMove = `
INSERT INTO case_move (case_id, n, move, from_state, to_state, at, account, role, note, department, rating)
VALUES ($1, $2, $3, $4, $5, $6, NULLIF($7, 0), $8, NULLIF($9, ''), NULLIF($10, ''), $11)`
	insertClock = `
INSERT INTO case_clock (case_id, stage, n, unit, limit_s, started_at, warn_at, due_at)
VALUES ($1, $2, 1 + (SELECT count(*) FROM case_clock WHERE case_id = $1 AND stage = $2), $3, $4, $5, $6, $7)`
	stopClock = `
UPDATE case_clock SET ended_at = $3, ended_by = $4, used_s = $5, late_s = $6
WHERE case_id = $1 AND stage = $2 AND ended_at IS NULL`
	resetClock = `
UPDATE case_clock SET warn_at = $3, due_at = $4, paused_at = $5, paused_s = $6, extended = $7, limit_s = $8
WHERE case_id = $1 AND stage = $2 AND ended_at IS NULL`
	// The reporters of what was merged into the case are told the same.
	tellReporters = `
INSERT INTO case_answer (case_id, told_by, n, at, zh, en)
SELECT id, $1, $2, $3, $4, $5 FROM case_file WHERE id = $1 OR merged_into = $1`
	partOf = `UPDATE case_file SET parent = $2, department = $3, lines = COALESCE($4::text[], '{}'), officer = $5 WHERE id = $1`
)

// takeMoves is the clerk of moves. Two moves of one case in one batch are decided one after the other.
func (r *Room) takeMoves(ask *pgx.Batch, entries []*live.Entry) func(*live.Batch) {
	var ids []int64
	var accounts []int
	var keys, photos, departments []string
	var targets []int64
	parts := 0
	set := r.flows.Load()
	sent := map[int64]string{} // whom a case's task is for
	stands := map[int64]standIn{}
	handed := false
	for _, e := range entries {
		in := e.Ask.(*moving)
		if set.any(in.act.Move, func(m Move) bool { return m.does.sends != "" }) {
			parts++
			ask.Queue(nearestFor, in.id).Query(func(rows pgx.Rows) error { return collect(rows, sent) })
		}
		if set.any(in.act.Move, func(m Move) bool { return m.does.standIn }) {
			ask.Queue(standInFor, in.id).Query(func(rows pgx.Rows) error { return readStandIn(rows, stands) })
		}
		handed = handed || set.any(in.act.Move, func(m Move) bool { return m.Needs.Department || m.does.claim || m.does.standIn })
		ids = append(ids, in.id)
		if departments = append(departments, in.act.Departments...); in.who.Department != "" {
			departments = append(departments, in.who.Department)
		}
		parts += len(in.act.Departments)
		if in.act.Case != 0 {
			targets = append(targets, in.act.Case)
		}
		if in.act.Key != "" {
			accounts, keys = append(accounts, in.who.Account), append(keys, in.act.Key)
		}
		if in.act.Department != "" {
			departments = append(departments, in.act.Department)
		}
		for _, p := range in.pictures {
			photos = append(photos, p.id)
		}
	}
	known := askKeys(ask, accounts, keys)
	files := map[int64]*Case{}
	ask.Queue(caseOf, ids).Query(func(rows pgx.Rows) error { return keepCases(rows, files) })
	ask.Queue(runningClocks, ids).Query(func(rows pgx.Rows) error { return addClocks(rows, files) })
	ask.Queue(photosOf, ids).Query(func(rows pgx.Rows) error {
		return scanPhotos(rows, func(id int64, _ int, p Photo) { files[id].Photos = append(files[id].Photos, p) })
	})
	past := map[int64][]did{}
	ask.Queue(historyOf, ids).Query(func(rows pgx.Rows) error { return addHistory(rows, past) })
	open := map[int64]int{} // parts of a case
	ask.Queue(openPartsOf, ids).Query(func(rows pgx.Rows) error { return collect(rows, open) })
	if handed {
		r.askFollowers(ask, ids, files)
	}
	free := map[int64]bool{} // cases that another may be merged into
	if len(targets) > 0 {
		ask.Queue(targetsOf, targets).Query(func(rows pgx.Rows) error { return collect(rows, free) })
		ask.Queue(mergedInto, ids).Query(func(rows pgx.Rows) error { return keepCases(rows, files) })
		ask.Queue(photosOfMerged, ids).Query(func(rows pgx.Rows) error {
			return scanPhotos(rows, func(id int64, _ int, p Photo) { files[id].Photos = append(files[id].Photos, p) })
		})
	}
	numbers := partNumbers{last: map[string]int{}}
	if parts > 0 {
		ask.Queue(takeIDs, parts).Query(func(rows pgx.Rows) (err error) {
			numbers.ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			slices.Sort(numbers.ids)
			return err
		})
		ask.Queue(readPartSerials).Query(func(rows pgx.Rows) error { return collect(rows, numbers.last) })
	}
	names := map[string]string{}
	if len(departments) > 0 {
		ask.Queue(namesOf, departments).Query(func(rows pgx.Rows) error {
			var code, name string
			_, err := pgx.ForEachRow(rows, []any{&code, &name}, func() error {
				names[code] = name
				return nil
			})
			return err
		})
	}
	stored := uploads{}
	stored.ask(ask, photos)

	return func(b *live.Batch) {
		for _, e := range entries {
			in := e.Ask.(*moving)
			in.c, in.repeats = nil, 0
			key := keyOf{in.who.Account, in.act.Key}
			if before, ok := known[key]; ok && in.act.Key != "" {
				if in.repeats, e.Seq = before.case_, before.seq; !slices.Equal(before.sum, in.act.Sum[:]) {
					e.Err = ErrKeyReused
				}
				continue
			}
			c, ok := files[in.id]
			if !ok {
				e.Err = ErrNotFound
				continue
			}
			c.now, c.openSubs = r.clock.Now(), open[c.ID]
			flow := r.flowOf(c)
			if flow == nil {
				e.Err = fmt.Errorf("flow %s, edition %d, is not known here", c.Flow, c.FlowEdition)
				continue
			}
			move, ok := flow.find(in.act.Move)
			if !ok {
				e.Err = invalid("unknown_move", fmt.Sprintf("流程中没有“%s”这一步", in.act.Move), fmt.Sprintf("the flow has no move %q", in.act.Move))
				continue
			}
			if refused := flow.permit(move, c, past[c.ID], in.who); refused != nil {
				e.Err = refused
				continue
			}
			if e.Err = errors.Join(lacks(flow, move, in.act), stored.usable(in.who, in.pictures)); e.Err != nil {
				continue
			}
			with := deref(c.Department)
			if name, ok := names[in.act.Department]; move.Needs.Department && !ok {
				e.Err = invalid("unknown_department", fmt.Sprintf("没有部门 %s", in.act.Department), fmt.Sprintf("there is no department %q", in.act.Department))
				continue
			} else if move.Needs.Department {
				c.Department, c.DepartmentName = &in.act.Department, &name
				c.show(in.act.Department)
			}
			if code := in.who.Department; move.does.claim && code != "" {
				name := names[code]
				c.Department, c.DepartmentName = &code, &name
				c.show(code)
			}
			if move.does.standIn {
				if e.Err = stands[c.ID].take(c, &in.act); e.Err != nil {
					continue
				}
			}
			if e.Err = brings(move, c, in.act, free); e.Err != nil {
				continue
			}
			if move.does.opens != "" {
				if e.Err = r.openParts(b, e, move, c, in, names, &numbers); e.Err != nil {
					continue
				}
				open[c.ID] += len(in.act.Departments)
				c.show(in.act.Departments...)
			}
			if move.does.sends != "" {
				if e.Err = r.sendTask(b, e, move, c, in, sent[c.ID], &numbers); e.Err != nil {
					continue
				}
				open[c.ID]++
			}
			if in.merged = nil; move.does.merge {
				for _, id := range slices.Sorted(maps.Keys(files)) {
					if f := files[id]; f.MergedInto != nil && *f.MergedInto == c.ID {
						in.merged = append(in.merged, f)
					}
				}
			}
			r.follow(b, e, c, with, files)
			r.apply(b, e, flow, move, c, len(past[c.ID])+1, in, stored)
			if !c.open {
				delete(free, c.ID)
			}
			past[c.ID] = append(past[c.ID], did{move.Move, in.who.Account, in.who.Name})
			made := *c
			made.Photos, made.Clocks = slices.Clone(c.Photos), slices.Clone(c.Clocks)
			in.c = &made
			if in.act.Key != "" {
				b.Queue(insertKey, in.who.Account, in.act.Key, in.act.Sum[:], c.ID, e.Seq, made.UpdatedAt)
				known[key] = keyed{in.act.Sum[:], c.ID, e.Seq}
			}
		}
	}
}

// apply changes case and clocks by move n, which is permitted, and appends the event.
func (r *Room) apply(b *live.Batch, e *live.Entry, flow *Flow, m Move, c *Case, n int, in *moving, stored uploads) {
	now := r.clock.Now()
	before, act := c.State, in.act
	c.State, c.UpdatedAt, c.Version = cmp.Or(m.To, c.State), now, c.Version+1
	if !m.Needs.Department && !m.does.standIn {
		act.Department = ""
	}
	r.change(b, e, flow, &m, c, in, now)
	if m.Needs.Rating {
		c.Rating = act.Rating
	} else {
		act.Rating = nil
	}
	stopped := r.stopClocks(b, flow, c, n, now)
	r.startClocks(flow, c, before, now, func(k Clock) {
		b.Queue(insertClock, c.ID, k.Stage, k.Unit, k.LimitS, k.StartedAt, k.WarnAt, k.DueAt)
	})
	if flow.state[c.State].Final && c.open {
		c.open, c.ClosedAt = false, &now
	}
	b.Queue(updateCase, c.ID, c.State, c.Department, c.Rating, c.Returns, c.frozen, c.open, c.ClosedAt, now, c.Version,
		c.Supervised, c.Exempt, c.SuspendedUntil, c.MergedInto, c.Fields, c.Lines, c.Officer)
	note := strings.TrimSpace(act.Note)
	b.Queue(insertMove, c.ID, n, m.Move, before, c.State, now, in.who.Account, in.who.Role, note, act.Department, act.Rating)
	told := madeNow{Move: m.Move, From: &before, To: c.State, By: By{in.who.Name, in.who.Role}, At: now, Rating: act.Rating, Stopped: stopped}
	if note != "" {
		told.Note = &note
	}
	if act.Department != "" {
		told.Department = &act.Department
	}
	if m.reply != nil {
		words := strings.NewReplacer("{number}", c.Number, "{department}", deref(c.DepartmentName), "{note}", note)
		told.Reply = &Text{words.Replace(m.reply.ZH), words.Replace(m.reply.EN)}
		b.Queue(tellReporters, c.ID, n, now, told.Reply.ZH, told.Reply.EN)
	}
	stored.claim(&b.Batch, c, n, in.pictures)
	r.name(c)
	d := live.Draft{Type: "case.moved", At: now, Data: change{c, told}}
	if c.Grid != nil {
		d.Grid = *c.Grid
	}
	b.Append(e, d)
}

// stopClocks stops those that do not run in the case's new state, which move n led to. The light of the total clock stays with the case.
func (r *Room) stopClocks(b *live.Batch, flow *Flow, c *Case, n int, now time.Time) (stopped []Finished) {
	running := c.Clocks[:0]
	for _, k := range c.Clocks {
		i := slices.IndexFunc(flow.clocks, func(f flowClock) bool { return f.stage == k.Stage })
		if i < 0 || slices.Contains(flow.clocks[i].in, c.State) {
			running = append(running, k)
			continue
		}
		used, late := r.Calendar().Used(k.Unit, k.StartedAt, now), r.Calendar().Used(k.Unit, k.DueAt, now)
		end := Finished{Stage: k.Stage, Unit: k.Unit, StartedAt: k.StartedAt, EndedAt: now, WarnAt: k.WarnAt, DueAt: k.DueAt, LimitS: k.LimitS, PausedS: k.PausedS, Extended: k.Extended,
			UsedS: int(used/time.Second) - k.PausedS, LateS: int(late / time.Second), Light: finalLight(k.WarnAt, k.DueAt, now)}
		b.Queue(stopClock, c.ID, k.Stage, now, n, end.UsedS, end.LateS)
		stopped = append(stopped, end)
		if k.Stage == "total" {
			c.frozen = &end.Light
		}
	}
	c.Clocks = running
	return stopped
}
