package cases

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
)

// Of the officers with an account whose jurisdiction the place lies in: those of the case's own grid first, then by the way.
// Whoever is off duty counts where one is on duty who stands in: the engine hands it on, and that is on record.
const nearestFor = `
WITH RECURSIVE up AS (
    SELECT g.code, g.parent FROM case_file AS c JOIN grid AS g ON g.code = c.grid WHERE c.id = $1
    UNION ALL
    SELECT g.code, g.parent FROM up JOIN grid AS g ON g.code = up.parent)
SELECT c.id, o.code
FROM case_file AS c CROSS JOIN officer AS o JOIN grid AS g ON g.code = o.grid LEFT JOIN officer AS s ON s.code = o.stand_in
WHERE c.id = $1 AND (o.on_duty OR s.on_duty)
  AND EXISTS (SELECT FROM account AS a WHERE a.officer = CASE WHEN o.on_duty THEN o.code ELSE s.code END AND a.active
    AND (a.grid IS NULL OR a.grid IN (SELECT code FROM up)))
ORDER BY g.code IS DISTINCT FROM c.grid, ST_Distance(g.label::geography, c.geom::geography), o.code
LIMIT 1`

const standInFor = `
SELECT c.id, so.code, sd.code, d.name, sd.name
FROM case_file AS c
LEFT JOIN officer AS o ON o.code = c.officer AND NOT o.on_duty LEFT JOIN officer AS so ON so.code = o.stand_in AND so.on_duty
LEFT JOIN department AS d ON d.code = c.department AND c.officer IS NULL AND NOT d.on_duty LEFT JOIN department AS sd ON sd.code = d.stand_in AND sd.on_duty
WHERE c.id = $1`

// standIn is who has a case from now on: an officer, or a department with its name and that of the one that is off duty.
type standIn struct{ officer, department, absent, name *string }

func readStandIn(rows pgx.Rows, into map[int64]standIn) error {
	var id int64
	var s standIn
	_, err := pgx.ForEachRow(rows, []any{&id, &s.officer, &s.department, &s.absent, &s.name}, func() error {
		into[id] = s
		return nil
	})
	return err
}

// take gives the case to who stands in. The note names departments, and officers by their codes: a wall sees it.
func (s standIn) take(c *Case, act *Act) error {
	switch {
	case s.officer != nil && c.Officer != nil && *s.officer != *c.Officer:
		act.Note, act.Department = fmt.Sprintf("%s → %s", *c.Officer, *s.officer), ""
		c.Officer = s.officer
	case s.department != nil && c.Department != nil && *s.department != *c.Department:
		act.Note, act.Department = fmt.Sprintf("%s → %s", *s.absent, *s.name), *s.department
		c.Department, c.DepartmentName = s.department, s.name
		c.show(*s.department)
	default:
		return &RefusedError{act.Move, Text{"无人缺勤，或代办人也不在岗", "nobody is off duty here, or who stands in is off duty too"}, false}
	}
	return nil
}

// What lies with one who is off duty, where one is on duty who stands in; by the index for each of the few.
const absent = `
SELECT c.id, c.flow, c.flow_edition, c.state
FROM officer AS o JOIN officer AS s ON s.code = o.stand_in AND s.on_duty
CROSS JOIN LATERAL (SELECT id, flow, flow_edition, state FROM case_file WHERE officer = o.code AND open LIMIT 200) AS c
WHERE NOT o.on_duty
UNION ALL
SELECT c.id, c.flow, c.flow_edition, c.state
FROM department AS d JOIN department AS s ON s.code = d.stand_in AND s.on_duty
CROSS JOIN LATERAL (SELECT id, flow, flow_edition, state FROM case_file WHERE department = d.code AND officer IS NULL AND open LIMIT 200) AS c
WHERE NOT d.on_duty`

// standInDue gives what lies with those who are off duty to those who stand in for them, where the flow says so.
func (r *Room) standInDue(ctx context.Context) error {
	rows, err := r.pool.Query(ctx, absent)
	if err != nil {
		return err
	}
	type lying struct {
		ID      int64
		Flow    string
		Edition int
		State   string
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[lying])
	if err != nil {
		return err
	}
	for _, c := range list {
		flow := r.flows.Load().editions[c.Flow][c.Edition]
		if flow == nil {
			continue
		}
		for _, m := range flow.Moves {
			if m.does.standIn && slices.Contains(m.From, c.State) {
				if err := r.moveDue(ctx, c.ID, m.Move); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

const (
	followers        = `SELECT` + columns + from + ` WHERE c.parent = ANY($1) AND c.open AND c.officer IS NULL AND NOT c.id = ANY($1)`
	clocksOfParts    = `SELECT k.case_id, k.stage, k.unit, k.limit_s, k.started_at, k.warn_at, k.due_at, k.paused_at, k.paused_s, k.extended FROM case_clock AS k JOIN case_file AS c ON c.id = k.case_id WHERE c.parent = ANY($1) AND c.open AND c.officer IS NULL AND NOT c.id = ANY($1) AND k.ended_at IS NULL ORDER BY k.case_id, k.due_at, k.stage`
	photosOfParts    = `SELECT p.case_id, p.id, p.kind, p.at, p.n FROM photo AS p JOIN case_file AS c ON c.id = p.case_id WHERE c.parent = ANY($1) AND c.open AND c.officer IS NULL AND NOT c.id = ANY($1) ORDER BY p.case_id, p.n, p.at, p.id`
	updateDepartment = `UPDATE case_file SET department = $2, lines = $3, updated_at = $4, version = $5 WHERE id = $1`
)

// askFollowers reads the open parts of cases that may be handed to another department.
func (r *Room) askFollowers(ask *pgx.Batch, ids []int64, files map[int64]*Case) {
	ask.Queue(followers, ids).Query(func(rows pgx.Rows) error { return keepCases(rows, files) })
	ask.Queue(clocksOfParts, ids).Query(func(rows pgx.Rows) error { return addClocks(rows, files) })
	ask.Queue(photosOfParts, ids).Query(func(rows pgx.Rows) error {
		return scanPhotos(rows, func(id int64, _ int, p Photo) { files[id].Photos = append(files[id].Photos, p) })
	})
}

// follow lets the open parts of a case go where it goes: the department that has it now sees them, and has those that were with
// the one before. Their events come before that of the move.
func (r *Room) follow(b *live.Batch, e *live.Entry, c *Case, before string, files map[int64]*Case) {
	if c.Department == nil || *c.Department == before {
		return
	}
	now := r.clock.Now()
	for _, id := range slices.Sorted(maps.Keys(files)) {
		p := files[id]
		if p.Parent == nil || *p.Parent != c.ID || !p.open || p.Officer != nil {
			continue
		}
		with := before != "" && deref(p.Department) == before
		if !with && p.Of(*c.Department) {
			continue
		}
		if with {
			p.Department, p.DepartmentName = c.Department, c.DepartmentName
		}
		p.show(*c.Department)
		p.UpdatedAt, p.Version = now, p.Version+1
		b.Queue(updateDepartment, p.ID, p.Department, p.Lines, now, p.Version)
		r.name(p)
		told := *p
		told.Photos, told.Clocks = slices.Clone(p.Photos), slices.Clone(p.Clocks)
		b.Append(e, live.Draft{Type: "case.followed", At: now, Grid: deref(p.Grid), Data: redirected{&told}})
	}
}
