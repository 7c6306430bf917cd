package cameras

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// countEvery is how often cameras whose state does not change are counted.
	countEvery = time.Minute
	// hoursKept is how long hours are kept before they become days, daysKept how long days are.
	hoursKept = 14 * 24 * time.Hour
	daysKept  = 400 * 24 * time.Hour
)

// count brings the hours up to now; it is done once however many nodes do it.
func (r *Room) count(ctx context.Context, now time.Time) error {
	if _, err := r.pool.Exec(ctx, `SELECT camera_count(NULL, $1)`, now); err != nil {
		return fmt.Errorf("count cameras: %w", err)
	}
	return nil
}

const gatherDays = `
WITH old AS (
    DELETE FROM camera_hour WHERE hour < date_trunc('day', $1::timestamptz, 'UTC')
    RETURNING camera, (hour AT TIME ZONE 'UTC')::date AS day, up_s, late_s, offline_s, auth_s, picture_s, losses)
INSERT INTO camera_day AS d (camera, day, up_s, late_s, offline_s, auth_s, picture_s, losses)
SELECT camera, day, sum(up_s), sum(late_s), sum(offline_s), sum(auth_s), sum(picture_s), sum(losses)
FROM old GROUP BY camera, day
ON CONFLICT (camera, day) DO UPDATE
SET up_s = d.up_s + EXCLUDED.up_s, late_s = d.late_s + EXCLUDED.late_s, offline_s = d.offline_s + EXCLUDED.offline_s,
    auth_s = d.auth_s + EXCLUDED.auth_s, picture_s = d.picture_s + EXCLUDED.picture_s, losses = d.losses + EXCLUDED.losses`

// keep makes days of old hours and forgets old days.
func (r *Room) keep(ctx context.Context, now time.Time) error {
	if _, err := r.pool.Exec(ctx, gatherDays, now.Add(-hoursKept)); err != nil {
		return fmt.Errorf("gather days of cameras: %w", err)
	}
	if _, err := r.pool.Exec(ctx, `DELETE FROM camera_day WHERE day < $1::timestamptz::date`, now.Add(-daysKept)); err != nil {
		return fmt.Errorf("forget days of cameras: %w", err)
	}
	return nil
}

// Span is how long a camera was what in an hour or a day, seconds. What is left of it nobody looked, or it was disabled.
type Span struct {
	At       time.Time `json:"at"`
	UpS      float64   `json:"up_s"`
	LateS    float64   `json:"late_s"`
	OfflineS float64   `json:"offline_s"`
	AuthS    float64   `json:"auth_s"`
	PictureS float64   `json:"picture_s"` // no keyframe, wrong codec, stalled or frozen
	Losses   int       `json:"losses"`
}

// Availability of a camera over a time.
type Availability struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	StepS  int       `json:"step_s"` // 3600 or 86400
	Share  *float64  `json:"share"`  // of the time that is known it was up or late; null: nothing is known
	KnownS float64   `json:"known_s"`
	Losses int       `json:"losses"`
	Spans  []Span    `json:"spans"`
}

const hoursOf = `
SELECT hour, up_s, late_s, offline_s, auth_s, picture_s, losses FROM camera_hour
WHERE camera = $1 AND hour >= $2 AND hour < $3
ORDER BY hour`

const daysOf = `
SELECT day::timestamp AT TIME ZONE 'UTC', sum(up_s), sum(late_s), sum(offline_s), sum(auth_s), sum(picture_s), sum(losses)::int
FROM (
    SELECT day, up_s, late_s, offline_s, auth_s, picture_s, losses FROM camera_day WHERE camera = $1
    UNION ALL
    SELECT (hour AT TIME ZONE 'UTC')::date, up_s, late_s, offline_s, auth_s, picture_s, losses FROM camera_hour WHERE camera = $1) AS d
WHERE day >= ($2::timestamptz AT TIME ZONE 'UTC')::date AND day <= ($3::timestamptz AT TIME ZONE 'UTC')::date
GROUP BY day
ORDER BY day`

// Availability tells how a camera was from from to to: by hours if they are all kept still, else by days (UTC).
func (r *Room) Availability(ctx context.Context, id string, from, to time.Time) (*Availability, error) {
	a := &Availability{From: from.UTC().Truncate(time.Hour), To: to.UTC(), StepS: 3600, Spans: []Span{}}
	sql := hoursOf
	if time.Since(from) > hoursKept-24*time.Hour {
		a.StepS, sql = 86400, daysOf
	}
	rows, err := r.pool.Query(ctx, sql, id, a.From, a.To)
	if err != nil {
		return nil, fmt.Errorf("availability of camera %s: %w", id, err)
	}
	if a.Spans, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Span]); err != nil {
		return nil, fmt.Errorf("availability of camera %s: %w", id, err)
	}
	good := 0.0
	for i := range a.Spans {
		s := &a.Spans[i]
		s.At = s.At.UTC()
		good += s.UpS + s.LateS
		a.KnownS += s.UpS + s.LateS + s.OfflineS + s.AuthS + s.PictureS
		a.Losses += s.Losses
	}
	if a.KnownS > 0 {
		share := good / a.KnownS
		a.Share = &share
	}
	return a, nil
}

// Strip is a camera's last hours for a list.
type Strip struct {
	Share  *float64 `json:"share"`
	Losses int      `json:"losses"`
	// Hours has a letter an hour, the oldest first, by what it was longest: u up, l late, o offline, a refused, p no picture, - not known.
	Hours string `json:"hours"`
}

const stripOf = `
SELECT camera, hour, up_s, late_s, offline_s, auth_s, picture_s, losses FROM camera_hour
WHERE hour >= $1 AND hour <= $2
ORDER BY camera, hour`

// Strips are the last n hours of every camera of which something is known.
func (r *Room) Strips(ctx context.Context, now time.Time, n int) (map[string]Strip, error) {
	last := now.UTC().Truncate(time.Hour)
	first := last.Add(-time.Duration(n-1) * time.Hour)
	rows, err := r.pool.Query(ctx, stripOf, first, last)
	if err != nil {
		return nil, fmt.Errorf("availability: %w", err)
	}
	type sum struct {
		hours       []byte
		good, known float64
		losses      int
	}
	sums := map[string]*sum{}
	var id string
	var s Span
	_, err = pgx.ForEachRow(rows, []any{&id, &s.At, &s.UpS, &s.LateS, &s.OfflineS, &s.AuthS, &s.PictureS, &s.Losses}, func() error {
		t := sums[id]
		if t == nil {
			t = &sum{hours: make([]byte, n)}
			for i := range t.hours {
				t.hours[i] = '-'
			}
			sums[id] = t
		}
		best, letter := 0.0, byte('-')
		for i, v := range []float64{s.OfflineS, s.AuthS, s.PictureS, s.LateS, s.UpS} { // of equals the worst
			t.known += v
			if v > best {
				best, letter = v, "oaplu"[i]
			}
		}
		if i := int(s.At.Sub(first) / time.Hour); i >= 0 && i < n {
			t.hours[i] = letter
		}
		t.good += s.UpS + s.LateS
		t.losses += s.Losses
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("availability: %w", err)
	}
	strips := make(map[string]Strip, len(sums))
	for id, t := range sums {
		strip := Strip{Losses: t.losses, Hours: string(t.hours)}
		if t.known > 0 {
			share := t.good / t.known
			strip.Share = &share
		}
		strips[id] = strip
	}
	return strips, nil
}
