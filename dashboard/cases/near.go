package cases

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Same is an earlier open case of the same class, within 50 m and 24 hours: this one may be merged into it.
type Same struct {
	ID        int64   `json:"id"`
	Number    string  `json:"number"`
	Title     string  `json:"title"`
	State     string  `json:"state"`
	DistanceM float64 `json:"distance_m"`
	Grid      *string `json:"grid"`
}

// repeats of a class within 50 m and 30 days make a repeat place.
const repeats = 3

// 50 m are at most 0.00045° of latitude; of longitude as many more as the circle of latitude is smaller. The place finds the
// few rows that can count; times are compared by their difference, which no index has: by that of reported_at, each report
// went through all of its last day.
const sameOf = `
SELECT o.id, o.number, o.title, o.state, ST_Distance(o.geom::geography, c.geom::geography) AS distance_m, o.grid
FROM case_file AS c JOIN case_file AS o ON o.geom && ST_Expand(c.geom, 0.00046 / GREATEST(cos(radians(ST_Y(c.geom))), 0.01), 0.00046)
WHERE c.id = $1 AND c.class IS NOT NULL AND c.open AND c.parent IS NULL
  AND o.class = c.class AND o.class_edition = c.class_edition AND o.id <> c.id AND o.open AND o.parent IS NULL
  AND c.reported_at - o.reported_at BETWEEN interval '0' AND interval '24 hours' AND (c.reported_at > o.reported_at OR c.id > o.id)
  AND ST_DWithin(o.geom::geography, c.geom::geography, 50)
ORDER BY distance_m, o.id
LIMIT 5`

const repeatOf = `
SELECT count(*)
FROM case_file AS c JOIN case_file AS o ON o.geom && ST_Expand(c.geom, 0.00046 / GREATEST(cos(radians(ST_Y(c.geom))), 0.01), 0.00046)
WHERE c.id = $1 AND o.class = c.class AND o.class_edition = c.class_edition AND o.parent IS NULL AND o.state NOT IN ('merged', 'void', 'rejected')
  AND c.reported_at - o.reported_at BETWEEN interval '0' AND interval '30 days' AND ST_DWithin(o.geom::geography, c.geom::geography, 50)`

// SameAs offers the cases that one may be merged into, the nearest first. The database is not asked about a report that has just
// been found alone.
func (r *Room) SameAs(ctx context.Context, c *Case) ([]Same, error) {
	if c.alone {
		return nil, nil
	}
	rows, err := r.pool.Query(ctx, sameOf, c.ID)
	if err != nil {
		return nil, fmt.Errorf("same as case %d: %w", c.ID, err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Same])
}

// repeat is how many of the class there were at the place in 30 days, with the case itself; 0: fewer than three.
func (r *Room) repeat(ctx context.Context, id int64) (n int, err error) {
	if err := r.pool.QueryRow(ctx, repeatOf, id).Scan(&n); err != nil {
		return 0, fmt.Errorf("repeats of case %d: %w", id, err)
	}
	if n < repeats {
		return 0, nil
	}
	return n, nil
}

// Advised is a department that such a case is for: it answers for the class there 定人定格定责, or it dealt with the class before.
type Advised struct {
	Department string `json:"department"`
	Name       string `json:"name"`
	InGrid     int    `json:"in_grid"` // cases of the class in the case's grid, of the last of the town
	InTown     int    `json:"in_town"` // among the last 300 of the class

	Duty     bool    `json:"duty,omitempty"`
	DutyGrid *string `json:"duty_grid,omitempty"` // whose rule it is; null: that of the whole town
}

// The last 300 of the class say who deals with it: who did most in the case's grid comes first, then who did most anywhere.
const adviceFor = `
SELECT o.department, d.name, count(*) FILTER (WHERE o.grid = c.grid), count(*)
FROM case_file AS c
CROSS JOIN LATERAL (
    SELECT department, grid FROM case_file
    WHERE class = c.class AND class_edition = c.class_edition AND id <> c.id AND department IS NOT NULL AND state NOT IN ('void', 'rejected', 'merged')
    ORDER BY id DESC LIMIT 300
) AS o JOIN department AS d ON d.code = o.department
WHERE c.id = $1
GROUP BY o.department, d.name
ORDER BY 3 DESC, 4 DESC, 1
LIMIT 3`

// advice is whom the case is for, the best first: who answers for its class there, then who dealt with it before.
func (r *Room) advice(ctx context.Context, c *Case) ([]Advised, error) {
	rows, err := r.pool.Query(ctx, adviceFor, c.ID)
	if err != nil {
		return nil, fmt.Errorf("advice for case %d: %w", c.ID, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Advised, err error) {
		err = row.Scan(&a.Department, &a.Name, &a.InGrid, &a.InTown)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("advice for case %d: %w", c.ID, err)
	}
	tree := r.places.Grids()
	var path []string
	for cell := tree.Cell(deref(c.Grid)); cell != nil; cell = tree.Cell(cell.Parent) {
		path = append(path, cell.Code)
	}
	department, where, ok := r.catalogue.Duty(*c.ClassEdition, *c.Class, path)
	if !ok {
		return list, nil
	}
	first := Advised{Department: department, Duty: true}
	if cell := tree.Cell(where); cell != nil {
		first.DutyGrid = &cell.Name
	}
	if i := slices.IndexFunc(list, func(a Advised) bool { return a.Department == department }); i >= 0 {
		first.Name, first.InGrid, first.InTown = list[i].Name, list[i].InGrid, list[i].InTown
		list = slices.Delete(list, i, i+1)
	} else if err := r.pool.QueryRow(ctx, `SELECT name FROM department WHERE code = $1`, department).Scan(&first.Name); err != nil {
		return nil, fmt.Errorf("advice for case %d: %w", c.ID, err)
	}
	return append([]Advised{first}, list...), nil
}

// Match is an open case of another list that goes with one: same class, same community.
type Match struct {
	ID        int64   `json:"id"`
	Number    string  `json:"number"`
	Flow      string  `json:"flow"`
	Title     string  `json:"title"`
	State     string  `json:"state"`
	DistanceM float64 `json:"distance_m"`
	Grid      *string `json:"grid"`
}

// Those of the case's own grid first, then by the way.
const matchesOf = `
SELECT o.id, o.number, o.flow, o.title, o.state, ST_Distance(o.geom::geography, c.geom::geography) AS distance_m, o.grid
FROM case_file AS c JOIN case_file AS o ON o.class = c.class AND o.class_edition = c.class_edition AND o.flow = ANY($2) AND o.open AND o.id <> c.id
WHERE c.id = $1 AND o.grid = ANY($3) AND ($4 = '' OR o.lines && ARRAY[$4, '*'])
ORDER BY o.grid IS DISTINCT FROM c.grid, distance_m, o.id
LIMIT 20`

// matches are what the other lists have for a case, in its community, of what a line sees (empty: all).
func (r *Room) matches(ctx context.Context, f *Flow, c *Case, line string) ([]Match, error) {
	cell := r.places.Grids().Cell(deref(c.Grid))
	if len(f.Matches) == 0 || c.Class == nil || !c.open || cell == nil {
		return nil, nil
	}
	rows, err := r.pool.Query(ctx, matchesOf, c.ID, f.Matches, r.under(cmp.Or(cell.Parent, cell.Code)), line)
	if err != nil {
		return nil, fmt.Errorf("matches of case %d: %w", c.ID, err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Match])
}

// Nearest is an officer on duty who can verify or check on the spot.
type Nearest struct {
	Name      string  `json:"name"`
	Post      string  `json:"post"`
	GridName  string  `json:"grid_name"`
	DistanceM float64 `json:"distance_m"`           // from the middle of his grid
	StandsFor *string `json:"stands_for,omitempty"` // A/B: who is not on duty
}

// Those of the case's own grid first, then by the way; who is off duty is stood in for.
const nearestOf = `
SELECT CASE WHEN o.on_duty THEN o.name ELSE s.name END, CASE WHEN o.on_duty THEN o.post ELSE s.post END, g.name,
    ST_Distance(g.label::geography, c.geom::geography), CASE WHEN NOT o.on_duty THEN o.name END
FROM case_file AS c CROSS JOIN officer AS o JOIN grid AS g ON g.code = o.grid LEFT JOIN officer AS s ON s.code = o.stand_in
WHERE c.id = $1 AND (o.on_duty OR s.on_duty)
ORDER BY g.code IS DISTINCT FROM c.grid, 4, o.code
LIMIT 3`

func (r *Room) nearest(ctx context.Context, id int64) ([]Nearest, error) {
	rows, err := r.pool.Query(ctx, nearestOf, id)
	if err != nil {
		return nil, fmt.Errorf("officers near case %d: %w", id, err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Nearest])
}
