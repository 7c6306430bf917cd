package alarms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
)

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const columns = `
SELECT a.id, a.key, a.rule, a.priority, a.tone, a.source, a.source_id, a.title_zh, a.title_en, a.detail_zh, a.detail_en, a.items, a.items_total,
       a.grid, g.name, ST_X(a.geom), ST_Y(a.geom), a.state, a.active, a.count, a.chattering, a.first_at, a.raised_at, a.changed_at,
       a.acknowledged_at, a.returned_at, a.escalated_at, a.shelved_until, a.ended_at, a.version
FROM alarm AS a LEFT JOIN grid AS g ON g.code = a.grid`

func (r *Room) scan(row pgx.CollectableRow) (*Alarm, error) {
	var a Alarm
	var lon, lat *float64
	err := row.Scan(&a.ID, &a.Key, &a.Rule, &a.Priority, &a.Tone, &a.Source.Kind, &a.Source.ID, &a.Title.ZH, &a.Title.EN, &a.Detail.ZH, &a.Detail.EN, &a.Items, &a.ItemsTotal,
		&a.Grid, &a.GridName, &lon, &lat, &a.State, &a.Active, &a.Count, &a.Chattering, &a.FirstAt, &a.RaisedAt, &a.ChangedAt,
		&a.AcknowledgedAt, &a.ReturnedAt, &a.EscalatedAt, &a.ShelvedUntil, &a.EndedAt, &a.Version)
	if err != nil {
		return nil, err
	}
	if lon != nil && lat != nil {
		a.Location = &Location{*lon, *lat}
	}
	for _, t := range []*time.Time{&a.FirstAt, &a.RaisedAt, &a.ChangedAt, a.AcknowledgedAt, a.ReturnedAt, a.EscalatedAt, a.ShelvedUntil, a.EndedAt} {
		if t != nil {
			*t = t.UTC()
		}
	}
	if a.EscalatedAt != nil {
		a.EscalatedTo = &escalatesTo
	}
	a.RuleName = Text{a.Rule, a.Rule}
	if rule, ok := r.Rules.Find(a.Rule); ok {
		a.RuleName = rule.Name
	}
	return &a, nil
}

func (r *Room) query(ctx context.Context, db querier, sql string, args ...any) ([]*Alarm, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, r.scan)
}

func (r *Room) byID(ctx context.Context, db querier, ids []int64) ([]*Alarm, error) {
	return r.query(ctx, db, columns+` WHERE a.id = ANY($1) ORDER BY a.id`, ids)
}

// Filter of a list; empty fields let everything through.
type Filter struct {
	States     []string
	Priorities []string
	Rules      []string
	Source     string
	Grid       string // this grid and all below it
}

const standing = columns + `
WHERE a.ended_at IS NULL AND ($1::text[] IS NULL OR a.state = ANY($1)) AND ($2::text[] IS NULL OR a.priority = ANY($2)) AND ($3::text[] IS NULL OR a.rule = ANY($3))
  AND ($4 = '' OR a.source = $4)
  AND ($5 = '' OR a.grid IN (WITH RECURSIVE below AS (SELECT code FROM grid WHERE code = $5 UNION SELECT g.code FROM grid AS g JOIN below AS b ON g.parent = b.code) SELECT code FROM below))
ORDER BY array_position(ARRAY['unacknowledged', 'returned', 'acknowledged', 'shelved', 'out_of_service'], a.state), array_position(ARRAY['high', 'medium', 'low'], a.priority), a.raised_at DESC, a.id`

// List is what stands, the most pressing first.
func (r *Room) List(ctx context.Context, f Filter) ([]*Alarm, error) {
	alarms, err := r.query(ctx, r.Pool, standing, f.States, f.Priorities, f.Rules, f.Source, f.Grid)
	if err != nil {
		return nil, fmt.Errorf("list alarms: %w", err)
	}
	if alarms == nil {
		alarms = []*Alarm{}
	}
	return alarms, nil
}

// Flood is the one that stands, or nil.
func (r *Room) Flood(ctx context.Context) (*Flood, error) { return floodOf(ctx, r.Pool) }

func floodOf(ctx context.Context, db querier) (*Flood, error) {
	var f Flood
	err := db.QueryRow(ctx, `SELECT began_at, worst FROM alarm_flood WHERE ended_at IS NULL`).Scan(&f.Since, &f.Worst)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // no flood is the usual case and no error
	}
	f.Since = f.Since.UTC()
	return &f, err
}

// Entry is one line of an alarm's history.
type Entry struct {
	At   time.Time `json:"at"`
	Move string    `json:"move"`
	By   *By       `json:"by"` // null: the house itself
	Note *string   `json:"note"`
}

// By is who made a move.
type By struct {
	Name *string `json:"name"` // null where one may not know
	Role string  `json:"role"`
}

const history = `
SELECT m.at, m.move, a.name, m.role, m.note
FROM alarm_move AS m LEFT JOIN account AS a ON a.id = m.account
WHERE m.alarm = $1
ORDER BY m.id DESC
LIMIT 500`

// centre are the roles whose names stand beside what they did, as on a duty sheet.
var centre = []string{string(access.Admin), string(access.Operator), string(access.Dispatcher), string(access.DutyLeader), string(access.Integrator)}

// Get is one alarm, ended or not, with its history, newest first, at most 500 lines. Walls read neither names nor reasons;
// who called for help is named to those who may know reporters. ErrNotFound if there is none.
func (r *Room) Get(ctx context.Context, id int64, who access.Identity) (*Alarm, []Entry, error) {
	alarms, err := r.byID(ctx, r.Pool, []int64{id})
	if err != nil {
		return nil, nil, fmt.Errorf("alarm %d: %w", id, err)
	}
	if len(alarms) == 0 {
		return nil, nil, ErrNotFound
	}
	rows, err := r.Pool.Query(ctx, history, id)
	if err != nil {
		return nil, nil, err
	}
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Entry, error) {
		var e Entry
		var name, role *string
		if err := row.Scan(&e.At, &e.Move, &name, &role, &e.Note); err != nil {
			return e, err
		}
		e.At = e.At.UTC()
		if role != nil {
			e.By = &By{name, *role}
			if who.Role == access.Wall || !slices.Contains(centre, *role) && !who.May(access.ReporterRead) {
				e.By.Name = nil
			}
		}
		if who.Role == access.Wall {
			e.Note = nil
		}
		return e, nil
	})
	if entries == nil {
		entries = []Entry{}
	}
	return alarms[0], entries, err
}
