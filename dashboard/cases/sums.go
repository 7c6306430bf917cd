package cases

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Sum is a field of a flow over cases.
type Sum struct {
	Field
	Sum   *int64 `json:"sum"`   // null: of persons, and under five
	Cases int    `json:"cases"` // that have it filled in
}

// fewest is the least number of persons that a sum tells; 0 it tells, too.
const fewest = 5

// Sums is what the cases of a flow, of a grid with all below it (empty: all), come to: as a whole, or for each department.
type Sums struct {
	Department     string `json:"department,omitempty"`
	DepartmentName string `json:"department_name,omitempty"`
	Cases          int    `json:"cases"`
	Done           int    `json:"done"`   // of them, in a final state
	Fields         []Sum  `json:"fields"` // in the order of the flow
}

// What was not accepted, withdrawn or merged comes to nothing.
const sumsOf = `
SELECT CASE WHEN $3 THEN COALESCE(c.department, '') ELSE '' END AS department, CASE WHEN $3 THEN COALESCE(d.name, '') ELSE '' END AS name,
    count(DISTINCT c.id), count(DISTINCT c.id) FILTER (WHERE NOT c.open), COALESCE(f.key, ''), COALESCE(sum(f.value::bigint), 0)::bigint, count(f.key)
FROM case_file AS c LEFT JOIN department AS d ON d.code = c.department LEFT JOIN LATERAL jsonb_each_text(c.fields) AS f ON true
WHERE c.flow = $1 AND ($2::text[] IS NULL OR c.grid = ANY($2)) AND ($4 = '' OR c.lines && ARRAY[$4, '*']) AND c.state NOT IN ('rejected', 'void', 'merged', 'withdrawn', 'dropped', 'unfounded')
GROUP BY GROUPING SETS ((1, 2), (1, 2, f.key))
ORDER BY 1`

// Sums adds up the fields of a flow's cases that a line sees (empty: all).
func (r *Room) Sums(ctx context.Context, flow, grid, line string, byDepartment bool) ([]Sums, error) {
	f, err := r.Flow(flow)
	if err != nil {
		return nil, fmt.Errorf("flow %s: %w", flow, err)
	}
	var grids []string
	if grid != "" {
		grids = r.under(grid)
	}
	rows, err := r.pool.Query(ctx, sumsOf, flow, grids, byDepartment, line)
	if err != nil {
		return nil, fmt.Errorf("sums of %s: %w", flow, err)
	}
	list := []Sums{}
	if !byDepartment {
		list = append(list, f.sums("", ""))
	}
	var department, name, key string
	var cases, done, filled int
	var sum int64
	_, err = pgx.ForEachRow(rows, []any{&department, &name, &cases, &done, &key, &sum, &filled}, func() error {
		if n := len(list); n == 0 || list[n-1].Department != department {
			list = append(list, f.sums(department, name))
		}
		s := &list[len(list)-1]
		s.Cases, s.Done = max(s.Cases, cases), max(s.Done, done)
		for i := range s.Fields {
			if s.Fields[i].Field.Field == key {
				told := sum
				if s.Fields[i].Sum, s.Fields[i].Cases = &told, filled; s.Fields[i].Persons && 0 < sum && sum < fewest {
					s.Fields[i].Sum = nil
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sums of %s: %w", flow, err)
	}
	return list, nil
}

func (f *Flow) sums(department, name string) Sums {
	s := Sums{Department: department, DepartmentName: name, Fields: []Sum{}}
	for _, field := range f.Fields {
		s.Fields = append(s.Fields, Sum{Field: field, Sum: new(int64)})
	}
	return s
}
