package alarms

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
)

// watchLock keeps other nodes from looking at the same moment; it ends with the transaction. Each node looks every second,
// one after the other: what it holds back (holds) it must have seen itself.
const watchLock = 0x616c_6172 // "alar"

// Run looks once a second until ctx ends.
func (r *Room) Run(ctx context.Context) error {
	r.began = time.Now()
	everySecond(ctx, func(ctx context.Context) error { return r.look(ctx, r.Clock.Now()) }, func(err error) {
		r.Log.Warn("alarms not looked after, trying on", "error", err)
	})
	return nil
}

// everySecond looks until ctx ends; of failures in a row the first is told.
func everySecond(ctx context.Context, look func(context.Context) error, failed func(error)) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := look(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			failed(err)
		}
		failing = err != nil
	}
}

// perLook is how many alarms one look changes for one reason: events are written under the head of the log, and whoever
// reports a case waits for it. The rest is found again a second later.
const perLook = 50

// look does everything that is due at now: escalation, shelves that expire, flaps that are quiet, the rules, the flood.
func (r *Room) look(ctx context.Context, now time.Time) error {
	return pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		// Whoever stops inside gives the lock back after three seconds.
		if _, err := tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = '3s'`); err != nil {
			return err
		}
		if err := alone(ctx, tx); err != nil {
			return err
		}
		ids, err := timed(ctx, tx, now)
		if err != nil {
			return err
		}
		for _, rule := range r.Rules.list {
			touched, err := r.watch(ctx, tx, rule, now)
			if err != nil {
				return fmt.Errorf("rule %s: %w", rule.Rule, err)
			}
			ids = append(ids, touched...)
		}
		told, flood, err := r.flood(ctx, tx, now)
		if err != nil {
			return err
		}
		if _, _, err := r.tell(ctx, tx, ids, now); err != nil || !told {
			return err
		}
		_, err = live.Append(ctx, tx, live.Draft{Type: "alarm.flood", At: now, Data: flooded{flood}})
		return err
	})
}

// alone waits until no other node looks, for two seconds at most.
func alone(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '2s'`); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, watchLock); err != nil {
		return fmt.Errorf("another node looks: %w", err)
	}
	_, err := tx.Exec(ctx, `SET LOCAL lock_timeout = 0`)
	return err
}

const escalate = `
WITH moved AS (
    UPDATE alarm SET escalated_at = $1, escalate_at = NULL, changed_at = $1, version = version + 1
    WHERE id IN (SELECT id FROM alarm WHERE escalate_at <= $1 AND state IN ('unacknowledged', 'returned') ORDER BY id LIMIT 50 FOR UPDATE SKIP LOCKED)
    RETURNING id)
INSERT INTO alarm_move (alarm, move, at) SELECT id, 'escalate', $1 FROM moved RETURNING alarm`

const expire = `
WITH moved AS (
    UPDATE alarm SET state = CASE WHEN active THEN 'unacknowledged' ELSE 'normal' END, ended_at = CASE WHEN active THEN NULL ELSE $1::timestamptz END,
        shelved_until = NULL, acknowledged_at = NULL, raised_at = CASE WHEN active THEN $1 ELSE raised_at END, changed_at = $1, version = version + 1
    WHERE id IN (SELECT id FROM alarm WHERE state = 'shelved' AND shelved_until <= $1 ORDER BY id LIMIT 50 FOR UPDATE SKIP LOCKED)
    RETURNING id)
INSERT INTO alarm_move (alarm, move, at) SELECT id, 'expire', $1 FROM moved RETURNING alarm`

const quiet = `
WITH moved AS (
    UPDATE alarm SET chattering = false, changed_at = $1, version = version + 1,
        state = CASE WHEN active THEN state WHEN state = 'unacknowledged' THEN 'returned' WHEN state = 'acknowledged' THEN 'normal' ELSE state END,
        returned_at = CASE WHEN active THEN NULL ELSE flapped_at END,
        ended_at = CASE WHEN NOT active AND state = 'acknowledged' THEN $1::timestamptz END
    WHERE id IN (SELECT id FROM alarm WHERE chattering AND ended_at IS NULL AND flapped_at <= $1::timestamptz - $2::interval ORDER BY id LIMIT 50 FOR UPDATE SKIP LOCKED)
    RETURNING id)
INSERT INTO alarm_move (alarm, move, at) SELECT id, 'quiet', $1 FROM moved RETURNING alarm`

// untold are chattering alarms whose flaps were not told yet.
const untold = `
SELECT id FROM alarm
WHERE chattering AND ended_at IS NULL AND changed_at > told_at AND told_at <= $1::timestamptz - $2::interval
ORDER BY id LIMIT 50 FOR UPDATE SKIP LOCKED`

// timed does what time alone brings about. Each statement moves what no other node has moved.
func timed(ctx context.Context, tx pgx.Tx, now time.Time) (ids []int64, err error) {
	for _, s := range []struct {
		sql  string
		args []any
	}{{escalate, []any{now}}, {expire, []any{now}}, {quiet, []any{now, quietFor}}, {untold, []any{now, toldEvery}}} {
		rows, err := tx.Query(ctx, s.sql, s.args...)
		if err != nil {
			return nil, err
		}
		moved, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return nil, err
		}
		ids = append(ids, moved...)
	}
	return ids, nil
}

// words are what can change of an alarm while it stands.
type words struct {
	title, detail string
	total         int
}

const activeOf = `SELECT key, title_zh, detail_zh, items_total FROM alarm WHERE rule = $1 AND active AND ended_at IS NULL`

// watch compares what the rule finds with what stands of it, and raises and returns. It gives the alarms that changed.
func (r *Room) watch(ctx context.Context, tx pgx.Tx, rule Rule, now time.Time) (ids []int64, err error) {
	find := finders[rule.Source]
	if rule.Source == Fence {
		find = r.findAway
	}
	if find == nil || !r.due(rule, now) {
		return nil, nil
	}
	rows, err := tx.Query(ctx, activeOf, rule.Rule)
	if err != nil {
		return nil, err
	}
	active := map[string]words{}
	var key string
	var w words
	if _, err := pgx.ForEachRow(rows, []any{&key, &w.title, &w.detail, &w.total}, func() error {
		active[key] = w
		return nil
	}); err != nil {
		return nil, err
	}
	found, err := find(ctx, tx, rule, now, active)
	if err != nil {
		return nil, err
	}
	hold := r.holds[rule.Rule]
	if hold == nil {
		hold = holds{}
		r.holds[rule.Rule] = hold
	}
	if rule.Source == Fence {
		rule.OnDelay, rule.OffDelay = 0, 0 // the fences have them
	}
	matter := map[string]bool{}
	for _, c := range found {
		matter[c.key] = true
		settled := hold.settle(c.key, true, rule.OnDelay, now)
		w, stands := active[c.key]
		if !stands && !settled || stands && w == (words{c.title.ZH, c.detail.ZH, c.total}) || len(ids) >= perLook {
			continue
		}
		id, tell, err := r.raise(ctx, tx, c, now, by{})
		if err != nil {
			return nil, err
		}
		if tell {
			ids = append(ids, id)
		}
	}
	for key := range active {
		if matter[key] {
			continue
		}
		if !hold.settle(key, false, rule.OffDelay, now) || len(ids) >= perLook {
			matter[key] = true
			continue
		}
		id, tell, err := r.fall(ctx, tx, key, now, by{})
		if err != nil {
			return nil, err
		}
		if tell {
			ids = append(ids, id)
		}
	}
	hold.keep(matter)
	return ids, nil
}

const (
	// casesEvery is how often the rules over many cases are looked at: they read half an hour of reports.
	casesEvery = 5 * time.Second
	// comeBack is how long screens have, beyond their silence, to find a node that has started.
	comeBack = 5 * time.Second
)

// due says whether the rule is looked at now.
func (r *Room) due(rule Rule, now time.Time) bool {
	switch rule.Source {
	case Cases:
		// All such rules are looked at in one round; a clock that was set back begins anew.
		if now.Equal(r.casesAt) {
			return true
		}
		if since := now.Sub(r.casesAt); since >= 0 && since < casesEvery {
			return false
		}
		r.casesAt = now
	case Screen:
		return r.began.IsZero() || time.Since(r.began) > rule.Silent+comeBack
	}
	return true
}

const (
	recent     = `SELECT count(*) FROM alarm_move WHERE move = 'raise' AND at > $1::timestamptz - $2::interval AND at <= $1`
	floodStart = `INSERT INTO alarm_flood (began_at, worst) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	floodGoes  = `UPDATE alarm_flood SET worst = GREATEST(worst, $1) WHERE ended_at IS NULL`
	floodStops = `UPDATE alarm_flood SET ended_at = GREATEST($1, began_at) WHERE ended_at IS NULL`
)

// flood counts the activations of the last ten minutes, and says whether a flood began (flood) or ended (nil).
func (r *Room) flood(ctx context.Context, tx pgx.Tx, now time.Time) (told bool, flood *Flood, err error) {
	var count int
	if err := tx.QueryRow(ctx, recent, now, floodWindow).Scan(&count); err != nil {
		return false, nil, err
	}
	stands, err := floodOf(ctx, tx)
	if err != nil {
		return false, nil, err
	}
	switch {
	case stands == nil && count > floodBegins*r.Rules.Desks:
		_, err = tx.Exec(ctx, floodStart, now, count)
		return true, &Flood{now, count}, err
	case stands != nil && count < floodEnds*r.Rules.Desks:
		_, err = tx.Exec(ctx, floodStops, now)
		return true, nil, err
	case stands != nil && count > stands.Worst:
		_, err = tx.Exec(ctx, floodGoes, count)
	}
	return false, nil, err
}
