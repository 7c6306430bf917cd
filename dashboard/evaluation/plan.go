package evaluation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Indicator is a rate with its formula: numerator over denominator, each a sum of measures.
type Indicator struct {
	Key         string `json:"key"`
	Name        Text   `json:"name"`
	Numerator   string `json:"numerator"`
	Denominator string `json:"denominator"`
	Low         bool   `json:"low,omitempty"` // the lower, the better

	above, below []term
}

// Weight is how many of the 100 points an indicator gives at its best.
type Weight struct {
	Indicator string  `json:"indicator"`
	Points    float64 `json:"points"`
}

// Plan is the site's formulas and its 100-point appraisal.
type Plan struct {
	Revision   int         `json:"revision"`
	Indicators []Indicator `json:"indicators"`
	Weights    []Weight    `json:"weights"`
	Measures   []Measure   `json:"measures,omitempty"` // what formulas can name
}

// InvalidError says what is wrong with a plan or a question.
type InvalidError struct{ Reason Text }

func (e *InvalidError) Error() string { return e.Reason.EN }

func invalid(zh, en string, args ...any) error {
	return &InvalidError{Text{fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)}}
}

// ErrConflict says that somebody else saved a plan in the meantime.
var ErrConflict = errors.New("evaluation: the plan has a newer revision")

// Shipped is the plan that stands until the site saves its own.
//
// The formulas of 响应率, 解决率 and 满意率 (三率) were not seen in a primary text: check them with the site.
func Shipped() Plan {
	return Plan{
		Indicators: []Indicator{
			{Key: "filing", Name: Text{"立案率", "Filing rate"}, Numerator: "filed", Denominator: "accepted"},
			{Key: "dispatch", Name: Text{"派遣率", "Dispatch rate"}, Numerator: "dispatched", Denominator: "filed"},
			{Key: "handling", Name: Text{"处置率", "Handling rate"}, Numerator: "handled", Denominator: "handle_due"},
			{Key: "closing", Name: Text{"结案率", "Closing rate"}, Numerator: "closed", Denominator: "due"},
			{Key: "on_time", Name: Text{"按期结案率", "On-time closing rate"}, Numerator: "closed_on_time", Denominator: "due"},
			{Key: "rework", Name: Text{"返工率", "Rework rate"}, Numerator: "reworked", Denominator: "due", Low: true},
			{Key: "extension", Name: Text{"延期率", "Extension rate"}, Numerator: "extended", Denominator: "due", Low: true},
			{Key: "response", Name: Text{"响应率", "Response rate"}, Numerator: "signed_on_time", Denominator: "sign_due"},
			{Key: "resolution", Name: Text{"解决率", "Resolution rate"}, Numerator: "solved", Denominator: "finished"},
			{Key: "satisfaction", Name: Text{"满意率", "Satisfaction rate"}, Numerator: "satisfied", Denominator: "rated"},
			{Key: "local", Name: Text{"就地化解率", "Solved on the spot"}, Numerator: "local", Denominator: "solved"},
		},
		Weights: []Weight{{"filing", 10}, {"dispatch", 10}, {"closing", 20}, {"on_time", 30}, {"rework", 10}, {"extension", 5}, {"satisfaction", 15}},
	}
}

// check parses the formulas and says what is wrong.
func (p *Plan) check() error {
	if len(p.Indicators) == 0 || len(p.Indicators) > 50 {
		return invalid("指标应有 1 至 50 项", "a plan has 1 to 50 indicators")
	}
	known := map[string]bool{}
	for i := range p.Indicators {
		in := &p.Indicators[i]
		if in.Key == "" || in.Key == "score" || known[in.Key] || strings.TrimSpace(in.Name.ZH) == "" || strings.TrimSpace(in.Name.EN) == "" {
			return invalid("第 %d 项指标缺少代号或中英文名称，或代号重复", "indicator %d lacks a key or a name in zh and en, or its key is taken", i+1)
		}
		known[in.Key] = true
		var above, below error
		in.above, above = parseSum(in.Numerator)
		in.below, below = parseSum(in.Denominator)
		if err := errors.Join(above, below); err != nil {
			return invalid("指标 %s 的公式不对：%v", "the formula of %s: %v", in.Key, err)
		}
	}
	if len(p.Weights) == 0 {
		return nil
	}
	total := 0.0
	weighed := map[string]bool{}
	for _, w := range p.Weights {
		if !known[w.Indicator] || weighed[w.Indicator] || !(w.Points > 0) {
			return invalid("权重 %s：没有此指标、重复，或分值不大于 0", "weight %q: no such indicator, twice, or not above 0", w.Indicator)
		}
		weighed[w.Indicator] = true
		total += w.Points
	}
	if math.Abs(total-100) > 1e-9 {
		return invalid("权重合计应为 100 分，现为 %g", "the weights come to %g points, not to 100", total)
	}
	return nil
}

// Plan is the one that stands.
func (r *Room) Plan(ctx context.Context) (*Plan, error) {
	const newest = `SELECT revision, plan FROM evaluation_plan ORDER BY revision DESC LIMIT 1`
	var text []byte
	plan, revision := Shipped(), 0
	err := r.Pool.QueryRow(ctx, newest).Scan(&revision, &text)
	if err == nil {
		plan = Plan{}
		err = json.Unmarshal(text, &plan)
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("evaluation plan: %w", err)
	}
	plan.Revision, plan.Measures = revision, Measures
	return &plan, plan.check()
}

// SavePlan saves a plan over the revision that it was made from.
//
// Errors: *InvalidError, and ErrConflict with the plan that stands.
func (r *Room) SavePlan(ctx context.Context, account int, plan Plan, now time.Time) (*Plan, error) {
	if err := plan.check(); err != nil {
		return nil, err
	}
	base := plan.Revision
	plan.Revision, plan.Measures = base+1, nil
	text, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	const save = `
INSERT INTO evaluation_plan (revision, plan, at, account)
SELECT $1, $2, $3, $4 WHERE $1 = 1 + COALESCE((SELECT max(revision) FROM evaluation_plan), 0)`
	tag, err := r.Pool.Exec(ctx, save, plan.Revision, text, now, account)
	var twice *pgconn.PgError
	if lost := errors.As(err, &twice) && twice.Code == "23505"; lost || err == nil && tag.RowsAffected() == 0 {
		standing, err := r.Plan(ctx)
		return standing, errors.Join(err, ErrConflict)
	}
	if err != nil {
		return nil, fmt.Errorf("save evaluation plan: %w", err)
	}
	return r.Plan(ctx)
}
