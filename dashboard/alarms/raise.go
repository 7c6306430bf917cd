package alarms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
)

// condition is what an alarm is raised for.
type condition struct {
	key      string
	rule     Rule
	priority Priority
	sourceID string
	title    Text
	detail   Text
	items    []Item
	total    int
	grid     *string
	at       *Location
}

const insertAlarm = `
INSERT INTO alarm (key, rule, priority, tone, source, source_id, title_zh, title_en, detail_zh, detail_en, items, items_total, grid, geom,
                   state, active, first_at, raised_at, flapped_at, changed_at, told_at, escalate_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, ST_SetSRID(ST_MakePoint($14, $15), 4326),
        'unacknowledged', true, $16, $16, $16, $16, $16, $17)
ON CONFLICT (key) WHERE ended_at IS NULL DO NOTHING
RETURNING id`

const lockByKey = `
SELECT id, state, active, chattering FROM alarm
WHERE key = $1 AND ended_at IS NULL
FOR UPDATE`

const describe = `
UPDATE alarm SET title_zh = $2, title_en = $3, detail_zh = $4, detail_en = $5, items = $6, items_total = $7, changed_at = $8, version = version + 1
WHERE id = $1 AND (title_zh, title_en, detail_zh, detail_en, items, items_total) IS DISTINCT FROM ($2, $3, $4, $5, $6::jsonb, $7)`

// reactivate clears the acknowledgement: what came back is new.
const reactivate = `
UPDATE alarm SET state = 'unacknowledged', active = true, count = count + 1, raised_at = $2, flapped_at = $2, changed_at = $2, version = version + 1,
    acknowledged_at = NULL, returned_at = NULL, escalated_at = NULL, escalate_at = $3
WHERE id = $1`

// recount notes an activation that is not told: the alarm is shelved, out of service, or chattering.
const recount = `
UPDATE alarm SET active = true, count = count + 1, flapped_at = $2, changed_at = $2, version = version + 1
WHERE id = $1`

const activations = `
SELECT count(*) FILTER (WHERE m.at > $2::timestamptz - interval '1 minute'), count(*)
FROM alarm_move AS m JOIN alarm AS a ON a.id = m.alarm
WHERE a.key = $1 AND m.move = 'raise' AND m.at > $2::timestamptz - interval '10 minutes'`

const insertMove = `INSERT INTO alarm_move (alarm, move, at, account, role, note) VALUES ($1, $2, $3, $4, NULLIF($5, ''), NULLIF($6, ''))`

// by is who makes a move; the zero value is the house itself.
type by struct {
	account *int
	role    access.Role
}

func person(who access.Identity) by {
	if who.Account == 0 {
		return by{role: who.Role}
	}
	return by{&who.Account, who.Role}
}

func note(ctx context.Context, tx pgx.Tx, alarm int64, move string, at time.Time, who by, text string) error {
	_, err := tx.Exec(ctx, insertMove, alarm, move, at, who.account, string(who.role), text)
	return err
}

// raise makes c the alarm that stands for its key. It returns the alarm, and whether there is something to tell: an alarm
// that is active already only gets the new words.
func (r *Room) raise(ctx context.Context, tx pgx.Tx, c condition, now time.Time, who by) (id int64, tell bool, err error) {
	if c.priority == "" {
		c.priority = c.rule.Priority
	}
	tone := c.rule.Tone
	if c.priority != c.rule.Priority {
		tone = string(c.priority)
	}
	var escalateAt *time.Time
	if after := c.rule.Escalate; after > 0 && c.priority == High {
		at := now.Add(after)
		escalateAt = &at
	}
	if c.items == nil {
		c.items = []Item{}
	}
	var lon, lat *float64
	if c.at != nil {
		lon, lat = &c.at.Lon, &c.at.Lat
	}
	for range 3 {
		var state State
		var active, chattering bool
		err := tx.QueryRow(ctx, lockByKey, c.key).Scan(&id, &state, &active, &chattering)
		if errors.Is(err, pgx.ErrNoRows) {
			err = tx.QueryRow(ctx, insertAlarm, c.key, c.rule.Rule, c.priority, tone, c.rule.Source, c.sourceID, c.title.ZH, c.title.EN, c.detail.ZH, c.detail.EN,
				c.items, c.total, c.grid, lon, lat, now, escalateAt).Scan(&id)
			if errors.Is(err, pgx.ErrNoRows) {
				continue // another node was a moment sooner
			}
			if err != nil {
				return 0, false, err
			}
			return id, true, r.activated(ctx, tx, id, c.key, now, who)
		}
		if err != nil {
			return 0, false, err
		}
		tag, err := tx.Exec(ctx, describe, id, c.title.ZH, c.title.EN, c.detail.ZH, c.detail.EN, c.items, c.total, now)
		if err != nil {
			return 0, false, err
		}
		switch {
		case active:
			return id, tag.RowsAffected() > 0, nil
		case chattering:
			_, err = tx.Exec(ctx, recount, id, now)
			return id, false, err // the watch tells it
		case state == Shelved || state == OutOfService:
			_, err = tx.Exec(ctx, recount, id, now)
			return id, true, err
		}
		if _, err = tx.Exec(ctx, reactivate, id, now, escalateAt); err != nil {
			return 0, false, err
		}
		return id, true, r.activated(ctx, tx, id, c.key, now, who)
	}
	return 0, false, fmt.Errorf("raise %s: others raise and end it all the time", c.key)
}

// activated notes an activation that is told, and sees whether the alarm chatters.
func (r *Room) activated(ctx context.Context, tx pgx.Tx, id int64, key string, now time.Time, who by) error {
	if err := note(ctx, tx, id, "raise", now, who, ""); err != nil {
		return err
	}
	var minute, tenMinutes int
	if err := tx.QueryRow(ctx, activations, key, now).Scan(&minute, &tenMinutes); err != nil {
		return err
	}
	if minute <= chatterFast && tenMinutes < chatterSlow {
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE alarm SET chattering = true WHERE id = $1`, id); err != nil {
		return err
	}
	return note(ctx, tx, id, "chatter", now, by{}, "")
}

const goneQuietly = `UPDATE alarm SET active = false, flapped_at = $2, changed_at = $2, version = version + 1 WHERE id = $1`

const gone = `
UPDATE alarm SET active = false, flapped_at = $2, changed_at = $2, version = version + 1, returned_at = $2,
    state = CASE state WHEN 'acknowledged' THEN 'normal' WHEN 'unacknowledged' THEN 'returned' ELSE state END,
    ended_at = CASE state WHEN 'acknowledged' THEN $2::timestamptz END,
    escalate_at = CASE state WHEN 'unacknowledged' THEN escalate_at END
WHERE id = $1`

// fall says that the condition of key is gone. It returns 0 where nothing active stands for it.
func (r *Room) fall(ctx context.Context, tx pgx.Tx, key string, now time.Time, who by) (id int64, tell bool, err error) {
	var state State
	var active, chattering bool
	err = tx.QueryRow(ctx, lockByKey, key).Scan(&id, &state, &active, &chattering)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !active {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	if chattering {
		_, err = tx.Exec(ctx, goneQuietly, id, now)
		return id, false, err
	}
	if _, err := tx.Exec(ctx, gone, id, now); err != nil {
		return 0, false, err
	}
	return id, true, note(ctx, tx, id, "return", now, who, "")
}

// tell appends the events of the alarms; it comes last in tx. It returns the alarms as they stand, and the number of the last
// event.
func (r *Room) tell(ctx context.Context, tx pgx.Tx, ids []int64, now time.Time) (alarms []*Alarm, seq int64, err error) {
	if len(ids) == 0 {
		return nil, 0, nil
	}
	if _, err := tx.Exec(ctx, `UPDATE alarm SET told_at = $2 WHERE id = ANY($1)`, ids, now); err != nil {
		return nil, 0, err
	}
	if alarms, err = r.byID(ctx, tx, ids); err != nil {
		return nil, 0, err
	}
	for _, a := range alarms {
		if seq, err = live.Append(ctx, tx, live.Draft{Type: "alarm.changed", At: now, Grid: deref(a.Grid), Data: changed{a}}); err != nil {
			return nil, 0, err
		}
	}
	return alarms, seq, nil
}

// changed is the data of alarm.changed.
type changed struct {
	Alarm *Alarm `json:"alarm"`
}

// flooded is the data of alarm.flood: the flood that began, or null when it is over.
type flooded struct {
	Flood *Flood `json:"flood"`
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
