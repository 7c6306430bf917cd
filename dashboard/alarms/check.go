package alarms

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// Light is how a number stands to its target.
type Light string

const (
	Green  Light = "green"
	Yellow Light = "yellow"
	Red    Light = "red"
	Grey   Light = "grey" // too few to say
)

// Figure is one number of the self-check beside its target.
type Figure struct {
	Value  *float64 `json:"value"` // null: nothing to count
	Target float64  `json:"target"`
	Light  Light    `json:"light"`
}

// figure is green up to the target, yellow up to most, red beyond.
func figure(value *float64, target, most float64) Figure {
	f := Figure{value, target, Grey}
	switch {
	case value == nil:
	case *value <= target:
		f.Light = Green
	case *value <= most:
		f.Light = Yellow
	default:
		f.Light = Red
	}
	return f
}

// Slot is ten minutes of the sparkline.
type Slot struct {
	At    time.Time `json:"at"`
	Count int       `json:"count"` // activations a desk, rounded
	Flood bool      `json:"flood"`
}

// Split is how many of a hundred activations have a priority.
type Split struct {
	Priority Priority `json:"priority"`
	Count    int      `json:"count"`
	Share    *float64 `json:"share"`  // per cent
	Target   float64  `json:"target"` // per cent
	Light    Light    `json:"light"`
}

// Top is a rule, or an alarm, with its part of the load.
type Top struct {
	ID    string   `json:"id"` // of a rule its name, of an alarm its key
	Name  Text     `json:"name"`
	Count int      `json:"count"`
	Share *float64 `json:"share"` // per cent of all activations
}

// Check is the self-check of the alarms against EEMUA 191 and ISA-18.2 over a time.
type Check struct {
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`
	Desks         int       `json:"desks"`
	Activations   int       `json:"activations"`
	Rate          Figure    `json:"rate"`           // activations a desk in 10 minutes, on average
	Peak          Figure    `json:"peak"`           // the most of any 10 minutes
	Floods        int       `json:"floods"`         // how many
	FloodWorst    int       `json:"flood_worst"`    // activations in the worst 10 minutes of one
	FloodMinutes  float64   `json:"flood_minutes"`  // in flood
	FloodShare    Figure    `json:"flood_share"`    // per cent of the time in flood
	StandingLong  Figure    `json:"standing_long"`  // active for over 24 h
	Shelved       Figure    `json:"shelved"`        // now
	OutOfService  int       `json:"out_of_service"` // now
	Chattering    Figure    `json:"chattering"`     // alarms that chattered
	AcknowledgeS  Figure    `json:"acknowledge_s"`  // median from activation to acknowledgement, seconds
	Escalations   Figure    `json:"escalations"`
	Split         []Split   `json:"split"`
	Rules         []Top     `json:"rules"`   // the ten with most activations
	Chatterers    []Top     `json:"chatter"` // the ten alarms that chattered most
	Slots         []Slot    `json:"slots"`
	StandingOrder []int64   `json:"standing"` // ids of those that stand over 24 h, oldest first
}

const (
	checkNumbers = `
SELECT (SELECT count(*) FROM alarm WHERE active AND ended_at IS NULL AND state <> 'out_of_service' AND raised_at < $2::timestamptz - interval '24 hours'),
       (SELECT count(*) FROM alarm WHERE state = 'shelved'),
       (SELECT count(*) FROM alarm WHERE state = 'out_of_service'),
       (SELECT count(DISTINCT a.key) FROM alarm_move AS m JOIN alarm AS a ON a.id = m.alarm WHERE m.move = 'chatter' AND m.at >= $1 AND m.at < $2),
       (SELECT count(*) FROM alarm_move WHERE move = 'escalate' AND at >= $1 AND at < $2),
       (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY EXTRACT(epoch FROM m.at - (SELECT max(r.at) FROM alarm_move AS r WHERE r.alarm = m.alarm AND r.move IN ('raise', 'expire') AND r.id < m.id)))
        FROM alarm_move AS m WHERE m.move = 'acknowledge' AND m.at >= $1 AND m.at < $2)`

	checkFloods = `
SELECT count(*), COALESCE(max(worst), 0), COALESCE(sum(EXTRACT(epoch FROM LEAST(COALESCE(ended_at, $2), $2) - GREATEST(began_at, $1))) / 60, 0)::float8
FROM alarm_flood
WHERE began_at < $2 AND COALESCE(ended_at, $2) > $1`

	checkSplit = `
SELECT a.priority, count(*)
FROM alarm_move AS m JOIN alarm AS a ON a.id = m.alarm
WHERE m.move = 'raise' AND m.at >= $1 AND m.at < $2
GROUP BY 1`

	checkRules = `
SELECT a.rule, count(*)
FROM alarm_move AS m JOIN alarm AS a ON a.id = m.alarm
WHERE m.move = 'raise' AND m.at >= $1 AND m.at < $2
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10`

	checkChatter = `
SELECT a.key, (array_agg(a.title_zh ORDER BY a.id DESC))[1], (array_agg(a.title_en ORDER BY a.id DESC))[1], sum(a.count)
FROM alarm AS a
WHERE EXISTS (SELECT FROM alarm_move AS m WHERE m.alarm = a.id AND m.move = 'chatter' AND m.at >= $1 AND m.at < $2)
GROUP BY 1 ORDER BY 4 DESC, 1 LIMIT 10`

	checkSlots = `
SELECT s.at, (SELECT count(*) FROM alarm_move AS m WHERE m.move = 'raise' AND m.at >= s.at AND m.at < s.at + $3::interval),
       EXISTS (SELECT FROM alarm_flood AS f WHERE f.began_at < s.at + $3::interval AND COALESCE(f.ended_at, 'infinity') > s.at)
FROM generate_series($1::timestamptz, $2::timestamptz - interval '1 microsecond', $3::interval) AS s (at)
ORDER BY s.at`

	checkStanding = `
SELECT id FROM alarm
WHERE active AND ended_at IS NULL AND state <> 'out_of_service' AND raised_at < $1::timestamptz - interval '24 hours'
ORDER BY raised_at LIMIT 100`
)

// LongestCheck is how long a time one self-check may cover.
const LongestCheck = 31 * 24 * time.Hour

// Check counts the alarms raised from from until to. *InvalidError for a time that is empty or too long.
func (r *Room) Check(ctx context.Context, from, to time.Time) (*Check, error) {
	if !from.Before(to) || to.Sub(from) > LongestCheck {
		return nil, invalid("time_invalid", "from 须早于 to，且不超过 31 天", "from lies before to, by 31 days at most")
	}
	c := &Check{From: from.UTC(), To: to.UTC(), Desks: r.Rules.Desks, Rules: []Top{}, Chatterers: []Top{}, Slots: []Slot{}, StandingOrder: []int64{}}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, r.Pool, options, func(tx pgx.Tx) error { return r.count(ctx, tx, c) })
	if err != nil {
		return nil, fmt.Errorf("check alarms: %w", err)
	}
	return c, nil
}

func (r *Room) count(ctx context.Context, tx pgx.Tx, c *Check) error {
	if err := c.countSplit(ctx, tx); err != nil {
		return err
	}
	var standing, shelved, chattering, escalations float64
	var acknowledged *float64
	if err := tx.QueryRow(ctx, checkNumbers, c.From, c.To).Scan(&standing, &shelved, &c.OutOfService, &chattering, &escalations, &acknowledged); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, checkFloods, c.From, c.To).Scan(&c.Floods, &c.FloodWorst, &c.FloodMinutes); err != nil {
		return err
	}
	minutes := c.To.Sub(c.From).Minutes()
	rate := float64(c.Activations) / math.Max(minutes/10, 1) / float64(c.Desks)
	share := c.FloodMinutes * 100 / minutes
	c.Rate, c.FloodShare = figure(&rate, 1, 2), figure(&share, 1, 5)
	c.StandingLong, c.Shelved, c.Chattering = figure(&standing, 0, 5), figure(&shelved, 3, 10), figure(&chattering, 0, 3)
	c.AcknowledgeS, c.Escalations = figure(acknowledged, 60, 180), figure(&escalations, 0, 3)

	rows, err := tx.Query(ctx, checkRules, c.From, c.To)
	if err != nil {
		return err
	}
	if c.Rules, err = pgx.AppendRows(c.Rules, rows, func(row pgx.CollectableRow) (Top, error) {
		var t Top
		err := row.Scan(&t.ID, &t.Count)
		t.Name, t.Share = Text{t.ID, t.ID}, c.share(t.Count)
		if rule, ok := r.Rules.Find(t.ID); ok {
			t.Name = rule.Name
		}
		return t, err
	}); err != nil {
		return err
	}
	if rows, err = tx.Query(ctx, checkChatter, c.From, c.To); err != nil {
		return err
	}
	if c.Chatterers, err = pgx.AppendRows(c.Chatterers, rows, func(row pgx.CollectableRow) (Top, error) {
		var t Top
		err := row.Scan(&t.ID, &t.Name.ZH, &t.Name.EN, &t.Count)
		return t, err
	}); err != nil {
		return err
	}
	if err := c.countSlots(ctx, tx); err != nil {
		return err
	}
	if rows, err = tx.Query(ctx, checkStanding, c.To); err != nil {
		return err
	}
	c.StandingOrder, err = pgx.AppendRows(c.StandingOrder, rows, pgx.RowTo[int64])
	return err
}

// share of all activations, per cent.
func (c *Check) share(n int) *float64 {
	if c.Activations == 0 {
		return nil
	}
	s := float64(n) * 100 / float64(c.Activations)
	return &s
}

// enough is how many activations a split must have to mean something.
const enough = 20

// countSplit counts the activations, and how they part into priorities: about 5, 15 and 80 of a hundred.
func (c *Check) countSplit(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, checkSplit, c.From, c.To)
	if err != nil {
		return err
	}
	counts := map[Priority]int{}
	var p Priority
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&p, &n}, func() error {
		counts[p] = n
		c.Activations += n
		return nil
	}); err != nil {
		return err
	}
	for _, target := range []struct {
		priority             Priority
		share, green, yellow float64 // green and yellow: how far from the target
	}{{High, 5, 3, 8}, {Medium, 15, 7, 15}, {Low, 80, 10, 23}} {
		s := Split{target.priority, counts[target.priority], c.share(counts[target.priority]), target.share, Grey}
		if c.Activations >= enough {
			off := math.Abs(*s.Share - target.share)
			s.Light = figure(&off, target.green, target.yellow).Light
		}
		c.Split = append(c.Split, s)
	}
	return nil
}

func (c *Check) countSlots(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, checkSlots, c.From, c.To, floodWindow)
	if err != nil {
		return err
	}
	most := 0.0
	c.Slots, err = pgx.AppendRows(c.Slots, rows, func(row pgx.CollectableRow) (Slot, error) {
		var s Slot
		err := row.Scan(&s.At, &s.Count, &s.Flood)
		s.At = s.At.UTC()
		s.Count = int(math.Round(float64(s.Count) / float64(c.Desks)))
		most = math.Max(most, float64(s.Count))
		return s, err
	})
	c.Peak = figure(&most, 2, floodBegins)
	return err
}
