package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
)

// columns of a case, in the order that scan takes them.
const columns = `
    c.id, c.number, c.flow, c.flow_edition, c.state, c.priority, c.class, c.class_edition, c.condition, c.title, c.description,
    c.address, ST_X(c.geom), ST_Y(c.geom), c.grid, c.department, d.name, c.camera, c.reported_at, c.updated_at, c.closed_at,
    c.rating, c.returns, c.light, c.open, c.version,
    c.parent, c.merged_into, c.supervised, c.exempt, c.suspended_until, NULLIF(c.lines, '{}'), c.fields, c.officer`

const from = `
FROM case_file AS c LEFT JOIN department AS d ON d.code = c.department`

func scan(row pgx.CollectableRow) (*Case, error) {
	c := &Case{Photos: []Photo{}, Clocks: []Clock{}}
	err := row.Scan(&c.ID, &c.Number, &c.Flow, &c.FlowEdition, &c.State, &c.Priority, &c.Class, &c.ClassEdition, &c.Condition, &c.Title, &c.Description,
		&c.Address, &c.Location.Lon, &c.Location.Lat, &c.Grid, &c.Department, &c.DepartmentName, &c.Camera, &c.ReportedAt, &c.UpdatedAt, &c.ClosedAt,
		&c.Rating, &c.Returns, &c.frozen, &c.open, &c.Version,
		&c.Parent, &c.MergedInto, &c.Supervised, &c.Exempt, &c.SuspendedUntil, &c.Lines, &c.Fields, &c.Officer)
	c.ReportedAt, c.UpdatedAt = c.ReportedAt.UTC(), c.UpdatedAt.UTC()
	for _, at := range []*time.Time{c.ClosedAt, c.SuspendedUntil} {
		if at != nil {
			*at = at.UTC()
		}
	}
	return c, err
}

// Filter chooses cases; empty fields choose all.
type Filter struct {
	States     []string
	Open       *bool
	Grid       string // with all grids under it
	BBox       *[4]float64
	Priorities []string
	Lights     []string
	Flow       string
	Since      time.Time // changed at or after
	Query      string    // part of number, title or address
	Masked     bool      // numbers of persons are masked for who asks: a query with digits finds numbers of cases alone
	IDs        []int64   // of these
	Camera     string    // reported from its picture
	FellDue    bool      // in the last 30 days: what the situation's on_time counts
	Officer    string    // whose task it is; empty: anyone's
	Line       string    // shown to this department; empty: all
	After      int64     // page: ids below this one
	Limit      int
}

var list = `
SELECT` + columns + from + `
WHERE ($1::text[] IS NULL OR c.state = ANY($1))
  AND ($2::boolean IS NULL OR c.open = $2)
  AND ($3::text[] IS NULL OR c.grid = ANY($3))
  AND ($4::float8[] IS NULL OR c.geom && ST_MakeEnvelope($4[1], $4[2], $4[3], $4[4], 4326))
  AND ($5::text[] IS NULL OR c.priority = ANY($5))
  AND ($6 = '' OR c.flow = $6)
  AND ($7::timestamptz IS NULL OR c.updated_at >= $7)
  AND ($8 = '' OR c.number LIKE '%' || $8 OR NOT $14 AND (c.title ILIKE '%' || $8 || '%' OR c.address ILIKE '%' || $8 || '%'))
  AND ($9 = 0 OR c.id < $9)
  AND ($15 = '' OR c.camera = $15)
  AND (NOT $16::boolean OR EXISTS (SELECT FROM case_clock AS k WHERE k.case_id = c.id AND ` + fmt.Sprintf(fellDue, "$11") + `))
  AND ($10::text[] IS NULL OR $11::timestamptz IS NOT NULL AND CASE WHEN c.open THEN
        (SELECT CASE WHEN bool_or(k.due_at <= $11) THEN 'red' WHEN bool_or(k.warn_at <= $11) THEN 'yellow' WHEN count(*) > 0 THEN 'green' ELSE 'grey' END
         FROM case_clock AS k WHERE k.case_id = c.id AND k.ended_at IS NULL AND k.paused_at IS NULL)
      ELSE c.light END = ANY($10))
  AND ($13::bigint[] IS NULL OR c.id = ANY($13))
  AND ($17 = '' OR c.lines <> '{}' AND c.lines && ARRAY[$17, '*'])
  AND ($18 = '' OR c.officer = $18)
ORDER BY c.id DESC
LIMIT $12`

// List returns the cases that f chooses, newest first, the number of the log that the list stands for, and the id to go
// on after (0: that is all).
func (r *Room) List(ctx context.Context, f Filter) (cases []*Case, seq, next int64, err error) {
	var box []float64
	if f.BBox != nil {
		box = f.BBox[:]
	}
	var grids []string
	if f.Grid != "" {
		grids = r.under(f.Grid)
	}
	var since *time.Time
	if !f.Since.IsZero() {
		since = &f.Since
	}
	q := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(f.Query)
	// Who could search for digits would find out those that are masked, one by one.
	alone := f.Masked && strings.ContainsFunc(f.Query, unicode.IsDigit)
	// One snapshot for the number and the rows: an event after seq is not in the list, one up to seq is.
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, r.pool, options, func(tx pgx.Tx) error {
		if seq, err = live.Head(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, list, f.States, f.Open, grids, box, f.Priorities, f.Flow, since, q, f.After, f.Lights, r.clock.Now(), f.Limit+1, f.IDs, alone, f.Camera, f.FellDue, f.Line, f.Officer)
		if err != nil {
			return err
		}
		if cases, err = pgx.CollectRows(rows, scan); err != nil {
			return err
		}
		if len(cases) > f.Limit {
			cases = cases[:f.Limit]
			next = cases[len(cases)-1].ID
		}
		return r.complete(ctx, tx, cases)
	})
	if err != nil {
		return nil, 0, 0, fmt.Errorf("list cases: %w", err)
	}
	return cases, seq, next, nil
}

// under lists a grid and everything below it, grids too that are no more: their cases are still there.
func (r *Room) under(code string) []string { return r.places.Grids().Under(code) }

const runningClocks = `
SELECT case_id, stage, unit, limit_s, started_at, warn_at, due_at, paused_at, paused_s, extended FROM case_clock
WHERE case_id = ANY($1) AND ended_at IS NULL
ORDER BY case_id, due_at, stage`

const photosOf = `
SELECT case_id, id, kind, at, n FROM photo WHERE case_id = ANY($1) ORDER BY case_id, n, at, id`

// complete adds clocks, photos and words to cases.
func (r *Room) complete(ctx context.Context, q db, cases []*Case) error {
	byID := make(map[int64]*Case, len(cases))
	ids := make([]int64, len(cases))
	for i, c := range cases {
		ids[i], byID[c.ID] = c.ID, c
	}
	rows, err := q.Query(ctx, runningClocks, ids)
	if err != nil {
		return err
	}
	if err := addClocks(rows, byID); err != nil {
		return err
	}
	if err := eachPhoto(ctx, q, ids, func(id int64, _ int, p Photo) { byID[id].Photos = append(byID[id].Photos, p) }); err != nil {
		return err
	}
	for _, c := range cases {
		r.decorate(c)
	}
	return nil
}

// addClocks gives each case its running clocks.
func addClocks(rows pgx.Rows, byID map[int64]*Case) error {
	var id int64
	var k Clock
	_, err := pgx.ForEachRow(rows, []any{&id, &k.Stage, &k.Unit, &k.LimitS, &k.StartedAt, &k.WarnAt, &k.DueAt, &k.PausedAt, &k.PausedS, &k.Extended}, func() error {
		if k.PausedAt != nil {
			at := k.PausedAt.UTC()
			k.PausedAt = &at
		}
		k.StartedAt, k.WarnAt, k.DueAt = k.StartedAt.UTC(), k.WarnAt.UTC(), k.DueAt.UTC()
		byID[id].Clocks = append(byID[id].Clocks, k)
		return nil
	})
	return err
}

func eachPhoto(ctx context.Context, q db, ids []int64, take func(id int64, n int, p Photo)) error {
	rows, err := q.Query(ctx, photosOf, ids)
	if err != nil {
		return err
	}
	return scanPhotos(rows, take)
}

func scanPhotos(rows pgx.Rows, take func(id int64, n int, p Photo)) error {
	var id int64
	var n int
	var p Photo
	_, err := pgx.ForEachRow(rows, []any{&id, &p.ID, &p.Kind, &p.At, &n}, func() error {
		p.At, p.URL = p.At.UTC(), photoURL(p.ID)
		take(id, n, p)
		return nil
	})
	return err
}

func photoURL(id string) string { return "/api/v1/photos/" + id }

const one = `
SELECT` + columns + from + `
WHERE c.id = $1`

func (r *Room) get(ctx context.Context, q db, id int64) (*Case, error) {
	rows, err := q.Query(ctx, one, id)
	if err != nil {
		return nil, err
	}
	c, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return c, r.complete(ctx, q, []*Case{c})
}

// keepCases puts the cases of rows by their ids.
func keepCases(rows pgx.Rows, into map[int64]*Case) error {
	list, err := pgx.CollectRows(rows, scan)
	for _, c := range list {
		into[c.ID] = c
	}
	return err
}

func addHistory(rows pgx.Rows, past map[int64][]did) error {
	var id int64
	var d did
	_, err := pgx.ForEachRow(rows, []any{&id, &d.move, &d.account, &d.name}, func() error {
		past[id] = append(past[id], d)
		return nil
	})
	return err
}

// Full is a case with what only some may see and do.
type Full struct {
	*Case
	Reporter *Reporter   `json:"reporter,omitempty"`
	Moves    []Permitted `json:"moves"`
	Refused  []Refused   `json:"refused"`
	Subcases []Part      `json:"subcases,omitempty"`
	Answers  []Answer    `json:"answers,omitempty"`
	Same     []Same      `json:"same,omitempty"`     // it may be merged into one of these
	Matches  []Match     `json:"matches,omitempty"`  // what the lists that its flow names have for it
	Repeat   int         `json:"repeat,omitempty"`   // a repeat place: so many of its class in 30 days
	Officers []Nearest   `json:"officers,omitempty"` // on duty, the nearest first, for who may act
	Assignee *Assignee   `json:"assignee,omitempty"` // whose task it is, for who may act
	Advice   []Advised   `json:"advice,omitempty"`   // whom to dispatch it to, the best first, for who may
}

// Part is a case that is a part of this one.
type Part struct {
	ID         int64   `json:"id"`
	Number     string  `json:"number"`
	State      string  `json:"state"`
	Department *string `json:"department"`
	Open       bool    `json:"open"`
	Officer    *string `json:"officer,omitempty"`
	Flow       string  `json:"flow"`
}

// Assignee is the officer whose task a case is.
type Assignee struct {
	Name string `json:"name"`
	Post string `json:"post"`
}

// Answer is what the reporter was told.
type Answer struct {
	At   time.Time `json:"at"`
	Text Text      `json:"text"`
}

// Permitted is a move that one may make now.
type Permitted struct {
	Move  string `json:"move"`
	Name  Text   `json:"name"`
	To    string `json:"to"`
	Needs Needs  `json:"needs"`
}

// Refused is a move of the present state that one may not make, with the reason.
type Refused struct {
	Move   string `json:"move"`
	Name   Text   `json:"name"`
	Reason Text   `json:"reason"`
}

// Get is one case as who may see it.
func (r *Room) Get(ctx context.Context, id int64, who access.Identity) (*Full, error) {
	c, err := r.get(ctx, r.pool, id)
	if err != nil {
		return nil, fmt.Errorf("case %d: %w", id, err)
	}
	return r.full(ctx, c, who)
}

func (r *Room) full(ctx context.Context, c *Case, who access.Identity) (*Full, error) {
	rows, err := r.pool.Query(ctx, historyOf, []int64{c.ID})
	if err != nil {
		return nil, err
	}
	past := map[int64][]did{}
	if err := addHistory(rows, past); err != nil {
		return nil, err
	}
	full := &Full{Case: c, Moves: []Permitted{}, Refused: []Refused{}}
	flow := r.flowOf(c)
	if flow == nil {
		return nil, fmt.Errorf("case %d: flow %s edition %d is not known here", c.ID, c.Flow, c.FlowEdition)
	}
	if full.Subcases, full.Answers, err = r.family(ctx, c); err != nil {
		return nil, err
	}
	if c.open && c.Class != nil && c.Parent == nil && who.Department == "" {
		if full.Same, err = r.SameAs(ctx, c); err != nil {
			return nil, err
		}
		if full.Repeat, err = r.repeat(ctx, c.ID); err != nil {
			return nil, err
		}
	}
	if c.open && who.May(access.CaseMove) {
		if full.Officers, err = r.nearest(ctx, c.ID); err != nil {
			return nil, err
		}
	}
	if c.Officer != nil && who.May(access.CaseMove) {
		full.Assignee = new(Assignee)
		if err := r.pool.QueryRow(ctx, `SELECT name, post FROM officer WHERE code = $1`, *c.Officer).Scan(&full.Assignee.Name, &full.Assignee.Post); err != nil {
			return nil, err
		}
	}
	asked := false // for a department
	if full.Matches, err = r.matches(ctx, flow, c, who.Department); err != nil {
		return nil, err
	}
	for _, m := range flow.Moves {
		refused := flow.permit(m, c, past[c.ID], who)
		switch {
		case refused == nil && who.May(access.CaseMove):
			full.Moves = append(full.Moves, Permitted{m.Move, m.Name, m.To, m.Needs})
			asked = asked || m.Needs.Department || m.Needs.Departments
		case refused != nil && slices.Contains(m.From, c.State):
			full.Refused = append(full.Refused, Refused{m.Move, m.Name, refused.Reason})
		}
	}
	if asked && c.Class != nil {
		if full.Advice, err = r.advice(ctx, c); err != nil {
			return nil, err
		}
	}
	if who.May(access.ReporterRead) {
		var who *Reporter
		if err := r.pool.QueryRow(ctx, reporterOf, c.ID).Scan(&who); err != nil {
			return nil, err
		}
		full.Reporter = who.masked()
	}
	return full, nil
}

const partsOf = `SELECT id, number, state, department, open, officer, flow FROM case_file WHERE parent = $1 ORDER BY id`

const answersOf = `SELECT at, zh, en FROM case_answer WHERE case_id = $1 ORDER BY at, told_by, n`

// family reads the parts of a case and what its reporter was told, and counts the open parts.
func (r *Room) family(ctx context.Context, c *Case) (parts []Part, answers []Answer, err error) {
	rows, err := r.pool.Query(ctx, partsOf, c.ID)
	if err != nil {
		return nil, nil, err
	}
	if parts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Part]); err != nil {
		return nil, nil, err
	}
	c.openSubs, c.now = 0, r.clock.Now()
	for _, p := range parts {
		if p.Open {
			c.openSubs++
		}
	}
	if rows, err = r.pool.Query(ctx, answersOf, c.ID); err != nil {
		return nil, nil, err
	}
	answers, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Answer, err error) {
		err = row.Scan(&a.At, &a.Text.ZH, &a.Text.EN)
		return a, err
	})
	return parts, answers, err
}

const timeline = `
SELECT m.n, m.at, m.move, m.from_state, m.to_state, COALESCE(a.name, '系统'), m.role, m.note, m.department, d.name, m.rating
FROM case_move AS m LEFT JOIN account AS a ON a.id = m.account LEFT JOIN department AS d ON d.code = m.department
WHERE m.case_id = $1
ORDER BY m.n`

const finishedClocks = `
SELECT ended_by, stage, unit, started_at, warn_at, due_at, ended_at, limit_s, used_s, late_s, paused_s, extended
FROM case_clock
WHERE case_id = $1 AND ended_at IS NOT NULL
ORDER BY ended_at, stage`

// Timeline is what happened to a case, first to last.
func (r *Room) Timeline(ctx context.Context, id int64) ([]Entry, error) {
	rows, err := r.pool.Query(ctx, timeline, id)
	if err != nil {
		return nil, err
	}
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Entry, err error) {
		e.Photos, e.Clocks = []Photo{}, []Finished{}
		err = row.Scan(&e.N, &e.At, &e.Move, &e.From, &e.To, &e.By.Name, &e.By.Role, &e.Note, &e.Department, &e.DepartmentName, &e.Rating)
		e.At = e.At.UTC()
		return e, err
	})
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("timeline of case %d: %w", id, ErrNotFound)
	}
	for i := 1; i < len(entries); i++ {
		entries[i].ElapsedS = int64(entries[i].At.Sub(entries[i-1].At) / time.Second)
	}
	if err := eachPhoto(ctx, r.pool, []int64{id}, func(_ int64, n int, p Photo) {
		if n >= 1 && n <= len(entries) {
			entries[n-1].Photos = append(entries[n-1].Photos, p)
		}
	}); err != nil {
		return nil, err
	}
	rows, err = r.pool.Query(ctx, finishedClocks, id)
	if err != nil {
		return nil, err
	}
	var n int
	var k Finished
	_, err = pgx.ForEachRow(rows, []any{&n, &k.Stage, &k.Unit, &k.StartedAt, &k.WarnAt, &k.DueAt, &k.EndedAt, &k.LimitS, &k.UsedS, &k.LateS, &k.PausedS, &k.Extended}, func() error {
		k.Light = finalLight(k.WarnAt, k.DueAt, k.EndedAt)
		k.StartedAt, k.WarnAt, k.DueAt, k.EndedAt = k.StartedAt.UTC(), k.WarnAt.UTC(), k.DueAt.UTC(), k.EndedAt.UTC()
		entries[n-1].Clocks = append(entries[n-1].Clocks, k)
		return nil
	})
	return entries, err
}
