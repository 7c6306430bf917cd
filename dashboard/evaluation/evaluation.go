// Package evaluation judges how cases were dealt with: indicators of areas, departments, posts and collectors over any
// days, a 100-point appraisal, rankings, and the list behind each figure.
//
// A case is a row of case_fact: on which days it counts for what. case_day holds the sums by object and day, so that a year
// is a few hundred rows. Both follow the log: Refresh looks at the cases that something happened to since it last did.
// Figures and lists come from the same facts: they agree to the case.
package evaluation

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// least is the smallest denominator whose rate is shown.
const least = 5

// refreshEvery keeps what a question has to count small.
const refreshEvery = time.Minute

// Room judges the cases of a database.
type Room struct {
	Pool *pgxpool.Pool
	Zone *time.Location // whose days are counted
	// Steps are the flows that have a filing and those that have a dispatch to a department.
	Steps func() (filing, dispatching []string)
	Log   *slog.Logger
}

// Run counts what happened every minute, until ctx ends.
func (r *Room) Run(ctx context.Context) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := r.Refresh(ctx, false); err != nil && ctx.Err() == nil {
			r.Log.Warn("evaluation not brought up to date, trying again in a minute", "error", err)
		}
	}
}

// Dim is what kind of object is judged.
type Dim string

const (
	Town       Dim = "town"
	Grid       Dim = "grid"
	Department Dim = "department"
	Post       Dim = "post"
	Collector  Dim = "collector"
)

// Object is who is judged: all objects of the codes together.
type Object struct {
	Dim   Dim
	Codes []string // of a town: none
}

// Span is the first and the last day, both counted.
type Span struct{ From, To time.Time }

// Count is a measure's number.
type Count struct {
	Measure
	N int `json:"n"`
}

// Rate is an indicator with its figure.
type Rate struct {
	Indicator
	Above int      `json:"above"`
	Below int      `json:"below"`
	Rate  *float64 `json:"rate"` // per cent; null: a denominator under 5 hides it
}

// Figures are those of one object.
type Figures struct {
	Counts []Count  `json:"counts"`
	Rates  []Rate   `json:"rates"`
	Score  *float64 `json:"score"` // of 100; null: every weighed rate is hidden
}

var columns = func() string {
	var list []string
	for _, m := range Measures {
		list = append(list, "COALESCE(sum("+m.Measure+"), 0)::int")
	}
	return strings.Join(list, ", ")
}()

var figuresOf = `
SELECT object, ` + columns + `
FROM case_day
WHERE dim = $1 AND object = ANY($2) AND day BETWEEN $3 AND $4 AND ($5 = '' OR kind = $5)
GROUP BY object`

// figures are those of each object of o that has any; kind is part, matter or empty.
func (r *Room) figures(ctx context.Context, o Object, span Span, kind string) (map[string]map[string]int, error) {
	if err := r.Refresh(ctx, false); err != nil {
		return nil, err
	}
	if o.Dim == Town {
		o.Codes = []string{""}
	}
	rows, err := r.Pool.Query(ctx, figuresOf, o.Dim, o.Codes, span.From, span.To, kind)
	if err != nil {
		return nil, err
	}
	var object string
	n := make([]int, len(Measures))
	into := []any{&object}
	for i := range n {
		into = append(into, &n[i])
	}
	found := map[string]map[string]int{}
	_, err = pgx.ForEachRow(rows, into, func() error {
		counts := map[string]int{}
		for i, m := range Measures {
			counts[m.Measure] = n[i]
		}
		found[object] = counts
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("figures: %w", err)
	}
	return found, nil
}

// Figures judges the object as a whole.
func (r *Room) Figures(ctx context.Context, plan *Plan, o Object, span Span, kind string) (*Figures, error) {
	found, err := r.figures(ctx, o, span, kind)
	if err != nil {
		return nil, err
	}
	return judge(plan, total(found)), nil
}

func total(found map[string]map[string]int) map[string]int {
	all := map[string]int{}
	for _, counts := range found {
		for m, n := range counts {
			all[m] += n
		}
	}
	return all
}

// judge computes the rates and the score: a hidden rate gives no points and takes none, the others are scaled to 100.
func judge(plan *Plan, counts map[string]int) *Figures {
	f := &Figures{}
	for _, m := range Measures {
		f.Counts = append(f.Counts, Count{m, counts[m.Measure]})
	}
	shown := map[string]Rate{}
	for _, in := range plan.Indicators {
		rate := Rate{Indicator: in, Above: sum(in.above, counts), Below: sum(in.below, counts)}
		if rate.Below >= least {
			share := float64(rate.Above) * 100 / float64(rate.Below)
			rate.Rate = &share
			shown[in.Key] = rate
		}
		f.Rates = append(f.Rates, rate)
	}
	var points, of float64
	for _, w := range plan.Weights {
		rate, ok := shown[w.Indicator]
		if !ok {
			continue
		}
		share := math.Min(math.Max(*rate.Rate, 0), 100)
		if rate.Low {
			share = 100 - share
		}
		of += w.Points
		points += w.Points * share / 100
	}
	if of > 0 {
		score := points * 100 / of
		f.Score = &score
	}
	return f
}

// Place is a row of a ranking.
type Place struct {
	Place  *int     `json:"place"` // null: hidden; equals share a place
	Object string   `json:"object"`
	Name   string   `json:"name"`
	Value  *float64 `json:"value"` // per cent, or points of 100
	Above  *int     `json:"above,omitempty"`
	Below  *int     `json:"below,omitempty"`
	Due    int      `json:"due"`
}

// Ranking orders groups of objects by an indicator or by "score", the best first, the hidden ones last.
func (r *Room) Ranking(ctx context.Context, plan *Plan, dim Dim, groups map[string][]string, by string, span Span, kind string) ([]Place, error) {
	low := false
	if by != "score" {
		i := slices.IndexFunc(plan.Indicators, func(in Indicator) bool { return in.Key == by })
		if i < 0 {
			return nil, invalid("没有指标“%s”", "there is no indicator %q", by)
		}
		low = plan.Indicators[i].Low
	}
	var all []string
	for _, members := range groups {
		all = append(all, members...)
	}
	found, err := r.figures(ctx, Object{dim, all}, span, kind)
	if err != nil {
		return nil, err
	}
	places := []Place{}
	for object, members := range groups {
		mine := map[string]map[string]int{}
		for _, m := range members {
			if counts, ok := found[m]; ok {
				mine[m] = counts
			}
		}
		f := judge(plan, total(mine))
		p := Place{Object: object, Value: f.Score}
		for _, c := range f.Counts {
			if c.Measure.Measure == "due" {
				p.Due = c.N
			}
		}
		for _, rate := range f.Rates {
			if rate.Key == by {
				p.Value, p.Above, p.Below = rate.Rate, &rate.Above, &rate.Below
			}
		}
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b Place) int {
		switch {
		case a.Value == nil && b.Value == nil:
			return cmp.Compare(a.Object, b.Object)
		case a.Value == nil:
			return 1
		case b.Value == nil:
			return -1
		case low:
			return cmp.Or(cmp.Compare(*a.Value, *b.Value), cmp.Compare(a.Object, b.Object))
		}
		return cmp.Or(cmp.Compare(*b.Value, *a.Value), cmp.Compare(a.Object, b.Object))
	})
	for i := range places {
		if places[i].Value == nil {
			break
		}
		n := i + 1
		if i > 0 && *places[i-1].Value == *places[i].Value {
			n = *places[i-1].Place
		}
		places[i].Place = &n
	}
	return places, nil
}

// Cases are those that a measure counts, the newest first, from below id after (0: the first page), and how many there are in all.
func (r *Room) Cases(ctx context.Context, name string, o Object, span Span, kind string, after int64, limit int) (ids []int64, n int, err error) {
	m, ok := measure(name)
	if !ok {
		return nil, 0, invalid("没有统计项“%s”", "there is no measure %q", name)
	}
	if err := r.Refresh(ctx, false); err != nil {
		return nil, 0, err
	}
	whose := map[Dim]string{Town: "NOT part AND $1::text[] IS NULL", Grid: "NOT part AND grid = ANY($1::text[])", Department: "department = ANY($1::text[])",
		Post: "posts && $1::text[]", Collector: "NOT part AND collector::text = ANY($1::text[])"}[o.Dim]
	if len(o.Codes) == 1 { // an index gives those of one in their order
		whose = strings.Replace(whose, "= ANY($1::text[])", "= ($1::text[])[1]", 1)
	}
	where := whose + ` AND ` + m.day + ` BETWEEN $2 AND $3 AND ($4 = '' OR kind = $4)`
	if m.and != "" {
		where += " AND " + m.and
	}
	objects := o.Codes
	if o.Dim == Town {
		objects = []string{""}
	}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, r.Pool, options, func(tx pgx.Tx) error {
		count := `SELECT COALESCE(sum(` + m.Measure + `), 0)::int FROM case_day WHERE dim = $1 AND object = ANY($2) AND day BETWEEN $3 AND $4 AND ($5 = '' OR kind = $5)`
		if err := tx.QueryRow(ctx, count, o.Dim, objects, span.From, span.To, kind).Scan(&n); err != nil || n == 0 {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT case_id FROM case_fact WHERE `+where+` AND ($5 = 0 OR case_id < $5) ORDER BY case_id DESC LIMIT $6`, o.Codes, span.From, span.To, kind, after, limit)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("cases of %s: %w", name, err)
	}
	return ids, n, nil
}
