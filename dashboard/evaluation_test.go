package dashboard_test

import (
	"fmt"
	"math"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gridwall/dashboard/access"
)

// crowd puts cases in as an import of old ones does, without the log: n of them, due on the day, the first ones accepted that day
// and the others the week before. Each of the counts is of the first so many.
type crowd struct {
	first                                                              int64 // id
	day, class                                                         string
	n, accepted, filed, dispatched, closed, onTime, reworked, extended int
	flow                                                               string
	clocked                                                            bool
}

const insertCrowd = `
WITH c AS (
    SELECT i, $1::bigint + i AS id, CASE WHEN i < $5 THEN t.day + interval '1 hour' ELSE t.day - interval '7 days' END AS reported, t.day, t.day + interval '10 hours' AS due
    FROM generate_series(0, $4::int - 1) AS i, (SELECT $2::date::timestamp AT TIME ZONE 'Asia/Shanghai' AS day) AS t),
files AS (
    INSERT INTO case_file (id, number, flow, flow_edition, state, priority, class, class_edition, title, geom, grid, department, reported_at, updated_at, closed_at, open)
    OVERRIDING SYSTEM VALUE
    SELECT id, lpad(id::text, 19, '0'), $12, 2, CASE WHEN i < $8 THEN 'closed' ELSE 'signed' END, 'normal', $3, CASE WHEN $3::text IS NOT NULL THEN 'gbt47678.5-2026' END, '旧案',
        ST_SetSRID(ST_MakePoint(110.005, 40.405), 4326), CASE WHEN i % 2 = 0 THEN '150621901001001' ELSE '150621901001002' END, CASE WHEN i % 3 = 0 THEN 'D01' ELSE 'D02' END,
        reported, due, CASE WHEN i < $8 THEN CASE WHEN i < $9 THEN due ELSE due + interval '1 hour' END END, i >= $8
    FROM c),
moves AS (
    INSERT INTO case_move (case_id, n, move, from_state, to_state, at, account, role, department)
    SELECT id, 1, 'report', NULL, 'reported', reported, 1, 'officer', NULL FROM c
    UNION ALL SELECT id, 2, 'file', 'verified', 'filed', reported, 1, 'operator', NULL FROM c WHERE i < $6
    UNION ALL SELECT id, 3, 'dispatch', 'filed', 'dispatched', reported, 1, 'dispatcher', 'D01' FROM c WHERE i < $7
    UNION ALL SELECT id, 4, 'rework', 'handled', 'signed', day, 1, 'operator', NULL FROM c WHERE i < $10
    UNION ALL SELECT id, 5, 'extend', 'signed', 'signed', day, 1, 'duty_leader', NULL FROM c WHERE i < $11
    UNION ALL SELECT id, 6, 'close', 'checked', 'closed', due, 1, 'operator', NULL FROM c WHERE i < $8)
INSERT INTO case_clock (case_id, stage, n, unit, limit_s, started_at, warn_at, due_at, ended_at, ended_by, used_s, late_s)
SELECT id, 'total', 1, 'workday', 3600, reported, due, due, CASE WHEN i < $8 THEN CASE WHEN i < $9 THEN due ELSE due + interval '1 hour' END END,
    CASE WHEN i < $8 THEN 6 END, CASE WHEN i < $8 THEN 60 END, CASE WHEN i < $8 THEN 0 END
FROM c WHERE $13`

func (h *house) crowd(c crowd) {
	h.t.Helper()
	conn, err := h.pool.Acquire(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(h.t.Context(), `SET session_replication_role = replica`); err != nil { // rows that are right: no look-up for each
		h.t.Fatal(err)
	}
	defer conn.Exec(h.t.Context(), `SET session_replication_role = DEFAULT`)
	var class *string
	if c.class != "" {
		class = &c.class
	}
	if c.flow == "" {
		c.flow, c.clocked = "incident", true
	}
	if _, err := conn.Exec(h.t.Context(), insertCrowd, c.first, c.day, class, c.n, c.accepted, c.filed, c.dispatched, c.closed, c.onTime, c.reworked, c.extended, c.flow, c.clocked); err != nil {
		h.t.Fatal(err)
	}
}

// figures are those of an object as the API tells them.
type figures struct {
	Counts []struct {
		Measure string
		N       int
		List    string
	}
	Rates []struct {
		Key          string
		Above, Below int
		Rate         *float64
	}
	Score *float64
}

func (f figures) rate(key string) float64 {
	for _, r := range f.Rates {
		if r.Key == key && r.Rate != nil {
			return *r.Rate
		}
	}
	return math.NaN()
}

func (f figures) count(measure string) int {
	for _, c := range f.Counts {
		if c.Measure == measure {
			return c.N
		}
	}
	return -1
}

func (h *house) figures(query string) (f figures) {
	h.t.Helper()
	h.must(access.Leader, "GET", "/api/v1/evaluation?"+query, nil, &f)
	return f
}

type place struct {
	Place  *int
	Object string
	Value  *float64
	Below  int
}

func (h *house) ranking(query string) (places []place) {
	h.t.Helper()
	var answer struct{ Ranking []place }
	h.must(access.Leader, "GET", "/api/v1/evaluation/ranking?"+query, nil, &answer)
	return answer.Ranking
}

// V6, V7 and V8: figures that were published, from cases that give them.
func TestPublishedFiguresComeOutOfTheCases(t *testing.T) {
	h := open(t)
	h.crowd(crowd{first: 1_000_000, day: "2019-03-06", n: 52_434, accepted: 51_571, filed: 51_229, dispatched: 49_151, closed: 43_523, onTime: 40_394, reworked: 276, extended: 104})
	h.crowd(crowd{first: 2_000_000, day: "2019-05-06", class: "06001", n: 956, accepted: 956, filed: 956, dispatched: 956, closed: 902, onTime: 730})
	h.crowd(crowd{first: 3_000_000, day: "2019-05-07", class: "01001", n: 16, accepted: 16, filed: 16, dispatched: 16, closed: 9, onTime: 7})
	h.crowd(crowd{first: 4_000_000, day: "2019-07-08", n: 2_276, accepted: 2_276, closed: 2_276, onTime: 2_276, flow: "self_handled"})
	h.crowd(crowd{first: 5_000_000, day: "2019-07-08", n: 601, accepted: 601, filed: 601, dispatched: 601, closed: 601, onTime: 597})
	h.crowd(crowd{first: 6_000_000, day: "2019-09-02", n: 5, accepted: 5, closed: 5, onTime: 4})
	const week, month, july = "from=2019-03-04&to=2019-03-10", "from=2019-05-01&to=2019-05-31", "from=2019-07-01&to=2019-07-31"
	for _, tc := range []struct {
		name, query, rate string
		want              float64 // per cent
	}{
		{"V6 立案率", week, "filing", 99.34},
		{"V6 派遣率", week, "dispatch", 95.94},
		{"V6 结案率", week, "closing", 83.01},
		{"V6 按期结案率", week, "on_time", 77.04},
		{"V6 返工率", week, "rework", 0.53},
		{"V6 延期率", week, "extension", 0.20},
		{"V7 结案率", month, "closing", 93.72},
		{"V7 按期结案率", month, "on_time", 75.82},
		{"V7 事件", month + "&kind=matter", "closing", 94.35},
		{"V7 部件", month + "&kind=part", "closing", 56.25},
		{"V8 按时", july, "on_time", 99.33},
		{"V8 结案率", july, "closing", 100},
		{"V8 解决率", july, "resolution", 100},
	} {
		got := h.figures(tc.query).rate(tc.rate)
		if math.IsNaN(got) || math.Abs(got-tc.want) > 0.01 {
			t.Errorf("%s: %.4f %%, published %.2f %%", tc.name, got, tc.want)
		}
		t.Logf("%s: %.4f %%, published %.2f %%", tc.name, got, tc.want)
	}
	if got := h.figures(july).count("accepted"); got != 2_877 {
		t.Errorf("V8 受理: %d", got)
	}
	// Every figure opens its list, and both agree; one list is read to its end.
	for _, query := range []string{week, week + "&area=150621901001001", week + "&department=D02", week + "&post=dispatcher", month + "&kind=part", month + "&collector=1"} {
		for _, c := range h.figures(query).Counts {
			var list struct {
				Count int
				Cases []struct{ ID int64 }
			}
			h.must(access.Leader, "GET", c.List+"&limit=1", nil, &list)
			if list.Count != c.N || len(list.Cases) != min(c.N, 1) {
				t.Errorf("%s, %s: %d counted, %d listed", query, c.Measure, c.N, list.Count)
			}
		}
	}
	seen := map[int64]bool{}
	for after := ""; ; {
		var page struct {
			Cases []struct{ ID int64 }
			Next  *string
		}
		h.must(access.Leader, "GET", "/api/v1/evaluation/cases?measure=closed&limit=400&"+month+after, nil, &page)
		for _, c := range page.Cases {
			seen[c.ID] = true
		}
		if page.Next == nil {
			break
		}
		after = "&after=" + url.QueryEscape(*page.Next)
	}
	if len(seen) != 911 {
		t.Errorf("the pages of a list of 911 hold %d cases", len(seen))
	}
	// Areas add up to the town, and a rate of fewer than five is hidden.
	places := h.ranking("by=area&area=150621901&indicator=closing&" + week)
	if len(places) != 2 || places[0].Below+places[1].Below != 52_434 || *places[0].Place != 1 || *places[0].Value < *places[1].Value {
		t.Errorf("the ranking of the areas: %+v", places)
	}
	const september = "from=2019-09-01&to=2019-09-30"
	if got := h.figures(september).rate("on_time"); got != 80 {
		t.Errorf("4 of 5 on time: %g", got)
	}
	places = h.ranking("by=department&indicator=on_time&" + september)
	if len(places) != 2 || places[0].Value != nil || places[0].Place != nil || places[0].Below+places[1].Below != 5 {
		t.Errorf("denominators of 2 and 3: %+v", places)
	}
}

// The counts follow the log: after any moves they are what counting everything anew gives.
func TestCountsThatFollowTheLogAreThoseOfARecount(t *testing.T) {
	h := open(t)
	today := "from=2000-01-01&to=2100-01-01"
	if f := h.figures(today); f.count("accepted") != 0 || f.Score != nil {
		t.Fatalf("of no case: %+v", f)
	}
	id := h.begin(access.Officer, "incident", "井盖")
	h.report("另一件")
	if f := h.figures(today); f.count("accepted") != 2 || f.count("filed") != 0 || f.count("due") != 2 {
		t.Fatalf("two reports: %+v", f)
	}
	h.makes(id, access.Specialist, "verify", nil)
	h.makes(id, access.Operator, "file", nil)
	h.makes(id, access.Dispatcher, "dispatch", map[string]any{"department": "D01"})
	h.figures(today)
	h.makes(id, access.Department, "sign", nil)
	h.makes(id, access.Department, "handle", after(t))
	h.makes(id, access.Specialist, "rework", map[string]any{"note": "未清理干净"})
	h.makes(id, access.Department, "handle", after(t))
	h.makes(id, access.Specialist, "check", nil)
	h.figures(today)
	h.makes(id, access.Operator, "close", nil)
	h.makes(id, access.Operator, "rate", map[string]any{"rating": 0})
	joint := h.begin(access.Officer, "joint", "人货混居")
	h.makes(joint, access.Dispatcher, "split", map[string]any{"departments": []string{"D01", "D02"}})
	for range 5 {
		h.makes(h.report("不予受理的"), access.Operator, "reject", map[string]any{"note": "重复"})
	}
	queries := []string{today, today + "&department=D01", today + "&post=specialist", today + "&area=150621901001001"}
	var followed, counted []figures
	for _, q := range queries {
		followed = append(followed, h.figures(q))
	}
	h.must(access.Admin, "POST", "/api/v1/evaluation/recount", nil, nil)
	for _, q := range queries {
		counted = append(counted, h.figures(q))
	}
	if diff := cmp.Diff(counted, followed); diff != "" {
		t.Errorf("counted anew − followed +:\n%s", diff)
	}
	for i, q := range queries {
		for _, c := range followed[i].Counts {
			var list struct{ Cases []struct{ ID int64 } }
			h.must(access.Leader, "GET", c.List+"&limit=5000", nil, &list)
			if len(list.Cases) != c.N {
				t.Errorf("%s, %s: %d counted, %d in the list", q, c.Measure, c.N, len(list.Cases))
			}
		}
	}
	f := followed[0]
	want := map[string]int{"accepted": 8, "filed": 2, "dispatched": 2, "signed_on_time": 1, "handled": 1, "closed": 1, "closed_on_time": 1, "reworked": 1, "finished": 6, "solved": 1, "rated": 1, "satisfied": 0, "local": 0}
	got := map[string]int{}
	for m := range want {
		got[m] = f.count(m)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want − got +:\n%s", diff)
	}
	h.makes(id, access.Department, "appeal", map[string]any{"note": "停工令"})
	h.makes(id, access.DutyLeader, "grant_appeal", map[string]any{"note": "属实"})
	if again := h.figures(today); again.count("due") != f.count("due")-1 || again.count("closed") != 0 || again.count("accepted") != 8 {
		t.Errorf("an appeal exempts: %+v", again)
	}
}

func TestFormulasAndWeightsAreTheSites(t *testing.T) {
	h := open(t)
	h.crowd(crowd{first: 1, day: "2019-03-06", n: 10, accepted: 10, filed: 10, dispatched: 10, closed: 8, onTime: 6, reworked: 2})
	var plan map[string]any
	h.must(access.Leader, "GET", "/api/v1/evaluation/plan", nil, &plan)
	save := func(weights string, formula string) answer {
		plan["indicators"] = []map[string]any{
			{"key": "late", "name": map[string]string{"zh": "逾期率", "en": "Late"}, "numerator": formula, "denominator": "due", "low": true},
			{"key": "closing", "name": map[string]string{"zh": "结案率", "en": "Closing"}, "numerator": "closed", "denominator": "due"}}
		var points []map[string]any
		for i, key := range []string{"late", "closing"} {
			var n [2]float64
			fmt.Sscanf(weights, "%g %g", &n[0], &n[1])
			points = append(points, map[string]any{"indicator": key, "points": n[i]})
		}
		plan["weights"] = points
		return h.ask(access.DutyLeader, "PUT", "/api/v1/evaluation/plan", plan)
	}
	for _, bad := range [][2]string{{"40 59", "closed - closed_on_time"}, {"40 60", "closed - late"}, {"40 60", "closed -"}, {"100 0", "closed"}} {
		if a := save(bad[0], bad[1]); a.code != 422 {
			t.Errorf("%v: %d %s", bad, a.code, a.body)
		}
	}
	if a := save("40 60", "closed - closed_on_time"); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	if a := save("50 50", "closed"); a.code != 409 {
		t.Errorf("over an old revision: %d %s", a.code, a.body)
	}
	if a := h.ask(access.Operator, "PUT", "/api/v1/evaluation/plan", plan); a.code != 403 {
		t.Errorf("an operator changes weights: %d", a.code)
	}
	f := h.figures("from=2019-03-01&to=2019-03-31")
	if f.rate("late") != 20 || f.rate("closing") != 80 || f.Score == nil || math.Abs(*f.Score-(0.8*40+0.8*60)) > 1e-9 {
		t.Errorf("2 of 8 closed late, 10 due: %+v", f)
	}
}
