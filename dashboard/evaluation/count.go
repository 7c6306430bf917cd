package evaluation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	stand = `SELECT m.seq, h.seq, h.kept_seq FROM evaluation_mark AS m, event_head AS h`
	// Cases that something happened to.
	touched = `
SELECT DISTINCT (data->'case'->>'id')::bigint
FROM event
WHERE seq > $1 AND seq <= $2 AND type IN ('case.reported', 'case.moved')`

	// What ended otherwise than by being settled, or what an appeal exempts, is due nowhere. A flow without filing or without a
	// department has that step done with the step before.
	facts = `
INSERT INTO case_fact (case_id, grid, department, collector, posts, kind, part, accepted_on, filed_on, dispatched_on, sign_due_on, handle_due_on, due_on, finished_on,
    signed_on_time, handled, closed, closed_on_time, reworked, extended, local, rated, satisfied)
SELECT c.id, COALESCE(c.grid, ''), COALESCE(c.department, ''), COALESCE(m.account, 0), m.posts,
    CASE WHEN c.class IS NULL THEN '' WHEN left(c.class, 2) <= '05' THEN 'part' ELSE 'matter' END, c.parent IS NOT NULL,
    (c.reported_at AT TIME ZONE $2)::date, (filed.at AT TIME ZONE $2)::date,
    (CASE WHEN c.flow = ANY($4) THEN m.dispatched ELSE filed.at END AT TIME ZONE $2)::date,
    CASE WHEN counts.yes THEN (k.sign_due AT TIME ZONE $2)::date END,
    CASE WHEN counts.yes THEN (k.handle_due AT TIME ZONE $2)::date END,
    CASE WHEN counts.yes AND NOT k.paused THEN (k.total_due AT TIME ZONE $2)::date END,
    (c.closed_at AT TIME ZONE $2)::date,
    COALESCE(k.sign_end <= k.sign_due, false), k.handle_end IS NOT NULL,
    settled.yes, settled.yes AND COALESCE(k.total_end <= k.total_due, false), m.reworked, m.extended,
    m.dispatched IS NULL AND NOT EXISTS (SELECT FROM case_file AS s WHERE s.parent = c.id AND s.department IS NOT NULL),
    c.rating IS NOT NULL, COALESCE(c.rating >= 1, false)
FROM case_file AS c
CROSS JOIN LATERAL (
    SELECT min(at) FILTER (WHERE move = 'file') AS filed, min(at) FILTER (WHERE department IS NOT NULL) AS dispatched,
        min(account) FILTER (WHERE n = 1) AS account, array_agg(DISTINCT role) AS posts,
        bool_or(move = 'rework') AS reworked, bool_or(move = 'extend') AS extended
    FROM case_move WHERE case_id = c.id) AS m
CROSS JOIN LATERAL (
    SELECT (array_agg(due_at ORDER BY n DESC) FILTER (WHERE stage = 'sign'))[1] AS sign_due, (array_agg(ended_at ORDER BY n DESC) FILTER (WHERE stage = 'sign'))[1] AS sign_end,
        (array_agg(due_at ORDER BY n DESC) FILTER (WHERE stage = 'handle'))[1] AS handle_due, (array_agg(ended_at ORDER BY n DESC) FILTER (WHERE stage = 'handle'))[1] AS handle_end,
        (array_agg(due_at ORDER BY n DESC) FILTER (WHERE stage = 'total'))[1] AS total_due, (array_agg(ended_at ORDER BY n DESC) FILTER (WHERE stage = 'total'))[1] AS total_end,
        COALESCE(bool_or(paused_at IS NOT NULL AND ended_at IS NULL), false) AS paused
    FROM case_clock WHERE case_id = c.id) AS k
CROSS JOIN LATERAL (SELECT CASE WHEN c.flow = ANY($3) THEN m.filed ELSE c.reported_at END AS at) AS filed
CROSS JOIN LATERAL (SELECT NOT c.exempt AND c.state NOT IN ('rejected', 'void', 'merged', 'withdrawn', 'dropped', 'unfounded') AS yes) AS counts
CROSS JOIN LATERAL (SELECT NOT c.open AND counts.yes AS yes) AS settled
WHERE m.posts IS NOT NULL AND `

	// A text of its own for each: one plan for both would read every case each time.
	everyCase, theseCases, theseFacts = `$1::bigint[] IS NULL`, `c.id = ANY($1)`, `f.case_id = ANY($1)`
)

var applyAll, applyThese = apply(everyCase), apply(theseFacts)

// apply adds ($2 is 1) or takes back (-1) what the facts of the cases $1 count.
func apply(which string) string {
	var names, counts, sums []string
	for _, m := range Measures {
		names = append(names, m.Measure)
		where := "f." + m.day + " = v.day"
		if m.and != "" {
			where += " AND " + m.and
		}
		counts = append(counts, "$2 * count(*) FILTER (WHERE "+where+")")
		sums = append(sums, m.Measure+" = case_day."+m.Measure+" + EXCLUDED."+m.Measure)
	}
	return `
INSERT INTO case_day (dim, object, kind, day, ` + strings.Join(names, ", ") + `)
SELECT o.dim, o.object, f.kind, v.day, ` + strings.Join(counts, ",\n    ") + `
FROM case_fact AS f
CROSS JOIN LATERAL (
    SELECT 'town' AS dim, '' AS object WHERE NOT f.part
    UNION ALL SELECT 'grid', f.grid WHERE f.grid <> '' AND NOT f.part
    UNION ALL SELECT 'department', f.department WHERE f.department <> ''
    UNION ALL SELECT 'collector', f.collector::text WHERE f.collector <> 0 AND NOT f.part
    UNION ALL SELECT 'post', unnest(f.posts)) AS o
CROSS JOIN LATERAL (SELECT DISTINCT day FROM unnest(ARRAY[f.accepted_on, f.filed_on, f.dispatched_on, f.sign_due_on, f.handle_due_on, f.due_on, f.finished_on]) AS d (day) WHERE day IS NOT NULL) AS v
WHERE ` + which + `
GROUP BY 1, 2, 3, 4
ON CONFLICT (dim, object, kind, day) DO UPDATE SET ` + strings.Join(sums, ", ")
}

// Refresh brings the counts up to what the log says now: of the cases that something happened to, the old count is taken back
// and the new one added. Everything is counted anew where all is set, where it never was, or where the log is kept no longer that far.
func (r *Room) Refresh(ctx context.Context, all bool) error {
	var mark *int64
	var head, kept int64
	if err := r.Pool.QueryRow(ctx, stand).Scan(&mark, &head, &kept); err != nil {
		return fmt.Errorf("refresh evaluation: %w", err)
	}
	if mark != nil && *mark == head && !all {
		return nil
	}
	err := pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM evaluation_mark FOR UPDATE`); err != nil { // one node at a time
			return err
		}
		if err := tx.QueryRow(ctx, stand).Scan(&mark, &head, &kept); err != nil {
			return err
		}
		var ids []int64 // nil: all
		if all || mark == nil || *mark < kept {
			if _, err := tx.Exec(ctx, `TRUNCATE case_fact, case_day`); err != nil {
				return err
			}
		} else {
			rows, err := tx.Query(ctx, touched, *mark, head)
			if err != nil {
				return err
			}
			if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
				return err
			}
			if len(ids) > 0 {
				_, err1 := tx.Exec(ctx, applyThese, ids, -1)
				_, err2 := tx.Exec(ctx, `DELETE FROM case_fact WHERE case_id = ANY($1)`, ids)
				if err := errors.Join(err1, err2); err != nil {
					return err
				}
			}
		}
		if ids == nil || len(ids) > 0 {
			filing, dispatching := r.Steps()
			find, count := facts+theseCases, applyThese
			if ids == nil {
				find, count = facts+everyCase, applyAll
			}
			if _, err := tx.Exec(ctx, find, ids, r.Zone.String(), filing, dispatching); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, count, ids, 1); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE evaluation_mark SET seq = $1`, head)
		return err
	})
	if err != nil {
		return fmt.Errorf("refresh evaluation: %w", err)
	}
	return nil
}
