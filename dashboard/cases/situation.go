package cases

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/geo/grid"
)

// Situation is what the wall's numbers show.
type Situation struct {
	At           time.Time      `json:"at"`
	Open         map[string]int `json:"open"`   // total and by priority
	Lights       map[string]int `json:"lights"` // of the open ones
	Today        Flux           `json:"today"`
	Yesterday    Flux           `json:"yesterday"` // to the same time of day
	OnTime       OnTime         `json:"on_time"`
	HandlingP50S *int           `json:"handling_p50_s"` // median from report to handled, of the cases handled today
	DueSoon      int            `json:"due_soon"`       // turn red within an hour
	Hours        []Hour         `json:"hours"`
	Grids        []Load         `json:"grids"`
}

// Flux counts what came in and what went out.
type Flux struct {
	Reported int `json:"reported"`
	Closed   int `json:"closed"`
}

// OnTime is 按期结案率 over the cases whose deadline fell in the last 30 days; a denominator under 5 hides the rate.
type OnTime struct {
	Due          int      `json:"due"`
	ClosedOnTime int      `json:"closed_on_time"`
	Rate         *float64 `json:"rate"` // per cent
}

// Hour is one hour of the day.
type Hour struct {
	Hour              int `json:"hour"`
	Reported          int `json:"reported"`
	Closed            int `json:"closed"`
	ReportedYesterday int `json:"reported_yesterday"`
}

// Load is how much a grid has to do.
type Load struct {
	Grid   string `json:"grid"`
	Name   string `json:"name"`
	Open   int    `json:"open"`
	Red    int    `json:"red"`
	Change int    `json:"change"` // open now less open 24 h ago
}

const openNow = `
SELECT c.priority, CASE WHEN bool_or(k.due_at <= $1) THEN 'red' WHEN bool_or(k.warn_at <= $1) THEN 'yellow' WHEN count(k) > 0 THEN 'green' ELSE 'grey' END,
       COALESCE(min(k.due_at) > $1 AND min(k.due_at) <= $1::timestamptz + interval '1 hour', false)
FROM case_file AS c LEFT JOIN case_clock AS k ON k.case_id = c.id AND k.ended_at IS NULL AND k.paused_at IS NULL
WHERE c.open
GROUP BY c.id`

const perHour = `
SELECT EXTRACT(hour FROM t AT TIME ZONE $2)::int, what, count(*)
FROM (
    SELECT reported_at AS t, 'reported' AS what FROM case_file WHERE reported_at >= $1 AND reported_at < $1::timestamptz + interval '1 day'
    UNION ALL
    SELECT closed_at, 'closed' FROM case_file WHERE closed_at >= $1 AND closed_at < $1::timestamptz + interval '1 day' AND state IN ('closed', 'rated')
    UNION ALL
    SELECT reported_at, 'yesterday' FROM case_file WHERE reported_at >= $1::timestamptz - interval '1 day' AND reported_at < $1
) AS happened
GROUP BY 1, 2`

const fluxOf = `
SELECT (SELECT count(*) FROM case_file WHERE reported_at >= $1 AND reported_at <= $2),
       (SELECT count(*) FROM case_file WHERE closed_at >= $1 AND closed_at <= $2 AND state IN ('closed', 'rated'))`

// fellDue are the cases c whose total clock k ran out in the 30 days before %[1]s: what the rate divides by, and what its list holds.
const fellDue = `k.stage = 'total' AND k.due_at > %[1]s::timestamptz - interval '30 days' AND k.due_at <= %[1]s AND c.state NOT IN ('rejected', 'void', 'merged') AND NOT c.exempt AND k.paused_at IS NULL`

var onTime = `
SELECT count(DISTINCT c.id), count(DISTINCT c.id) FILTER (WHERE k.ended_at <= k.due_at AND c.state IN ('closed', 'rated'))
FROM case_clock AS k JOIN case_file AS c ON c.id = k.case_id
WHERE ` + fmt.Sprintf(fellDue, "$1")

const median = `
SELECT (percentile_cont(0.5) WITHIN GROUP (ORDER BY EXTRACT(epoch FROM m.at - c.reported_at)))::int
FROM case_move AS m JOIN case_file AS c ON c.id = m.case_id
WHERE m.move = 'handle' AND m.at >= $1 AND m.at <= $2`

const loads = `
SELECT c.grid,
       count(*) FILTER (WHERE c.open),
       count(*) FILTER (WHERE c.open AND EXISTS (SELECT FROM case_clock AS k WHERE k.case_id = c.id AND k.ended_at IS NULL AND k.paused_at IS NULL AND k.due_at <= $1)),
       count(*) FILTER (WHERE c.reported_at <= $1::timestamptz - interval '24 hours' AND (c.closed_at IS NULL OR c.closed_at > $1::timestamptz - interval '24 hours'))
FROM case_file AS c
WHERE c.grid IS NOT NULL AND (c.open OR c.closed_at > $1::timestamptz - interval '24 hours')
GROUP BY c.grid`

// loadsOf sums by the cells of today: the cases of a cell that is no more count to each cell that followed it, as they do
// in lists. The busiest comes first.
func loadsOf(tree *grid.Tree, rows pgx.Rows) ([]Load, error) {
	byGrid := map[string]*Load{}
	var code string
	var open, red, before int
	_, err := pgx.ForEachRow(rows, []any{&code, &open, &red, &before}, func() error {
		heirs := tree.Heirs(code)
		if len(heirs) == 0 {
			heirs = []string{code} // an import replaced the tree: better an old name than cases in no sum
		}
		for _, heir := range heirs {
			load := byGrid[heir]
			if load == nil {
				load = &Load{Grid: heir, Name: heir}
				if cell := tree.Cell(heir); cell != nil {
					load.Name = cell.Name
				}
				byGrid[heir] = load
			}
			load.Open += open
			load.Red += red
			load.Change += open - before
		}
		return nil
	})
	loads := make([]Load, 0, len(byGrid))
	for _, load := range byGrid {
		loads = append(loads, *load)
	}
	slices.SortFunc(loads, func(a, b Load) int { return cmp.Or(b.Open-a.Open, cmp.Compare(a.Grid, b.Grid)) })
	return loads, err
}

// Situation counts everything for the wall as of now.
func (r *Room) Situation(ctx context.Context) (*Situation, error) {
	now := r.clock.Now()
	midnight := r.Calendar().midnight(now)
	yesterday := midnight.AddDate(0, 0, -1)
	s := &Situation{At: now, Hours: make([]Hour, 24),
		Open:   map[string]int{"total": 0, "critical": 0, "urgent": 0, "normal": 0, "advice": 0},
		Lights: map[string]int{"green": 0, "yellow": 0, "red": 0, "grey": 0}}
	for h := range s.Hours {
		s.Hours[h].Hour = h
	}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, r.pool, options, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, openNow, now)
		if err != nil {
			return err
		}
		var priority, light string
		var soon bool
		if _, err := pgx.ForEachRow(rows, []any{&priority, &light, &soon}, func() error {
			s.Open["total"]++
			s.Open[priority]++
			s.Lights[light]++
			if soon {
				s.DueSoon++
			}
			return nil
		}); err != nil {
			return err
		}

		if rows, err = tx.Query(ctx, perHour, midnight, r.Calendar().Zone.String()); err != nil {
			return err
		}
		var hour, n int
		var what string
		if _, err := pgx.ForEachRow(rows, []any{&hour, &what, &n}, func() error {
			switch what {
			case "reported":
				s.Hours[hour].Reported = n
			case "closed":
				s.Hours[hour].Closed = n
			case "yesterday":
				s.Hours[hour].ReportedYesterday = n
			}
			return nil
		}); err != nil {
			return err
		}

		if err := tx.QueryRow(ctx, fluxOf, midnight, now).Scan(&s.Today.Reported, &s.Today.Closed); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, fluxOf, yesterday, now.AddDate(0, 0, -1)).Scan(&s.Yesterday.Reported, &s.Yesterday.Closed); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, onTime, now).Scan(&s.OnTime.Due, &s.OnTime.ClosedOnTime); err != nil {
			return err
		}
		if s.OnTime.Due >= 5 {
			rate := float64(s.OnTime.ClosedOnTime) * 100 / float64(s.OnTime.Due)
			s.OnTime.Rate = &rate
		}
		if err := tx.QueryRow(ctx, median, midnight, now).Scan(&s.HandlingP50S); err != nil {
			return err
		}

		if rows, err = tx.Query(ctx, loads, now); err != nil {
			return err
		}
		s.Grids, err = loadsOf(r.places.Grids(), rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("situation: %w", err)
	}
	return s, nil
}

const openOf = `
SELECT CASE WHEN bool_or(k.due_at <= $2) THEN 'red' WHEN bool_or(k.warn_at <= $2) THEN 'yellow' WHEN count(k) > 0 THEN 'green' ELSE 'grey' END
FROM case_file AS c LEFT JOIN case_clock AS k ON k.case_id = c.id AND k.ended_at IS NULL AND k.paused_at IS NULL
WHERE c.open AND c.grid = ANY($1)
GROUP BY c.id`

// OpenIn counts the open cases of a grid and all below it by their lights.
func (r *Room) OpenIn(ctx context.Context, grid string) (map[string]int, error) {
	counts := map[string]int{"total": 0, "green": 0, "yellow": 0, "red": 0, "grey": 0}
	rows, err := r.pool.Query(ctx, openOf, r.under(grid), r.clock.Now())
	if err != nil {
		return nil, err
	}
	var light string
	_, err = pgx.ForEachRow(rows, []any{&light}, func() error {
		counts["total"]++
		counts[light]++
		return nil
	})
	return counts, err
}
