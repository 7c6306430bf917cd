package api

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cases"
	"gridwall/dashboard/evaluation"
)

const dayForm = "2006-01-02"

// judged is what a question about evaluation is about.
type judged struct {
	object evaluation.Object
	span   evaluation.Span
	kind   string
	query  url.Values // to open the lists behind the figures
}

// judgedOf reads from, to, kind and one of area, department, post, collector. The days are those of the site; absent, the 30 before today.
// An account of one grid is told of its own area and of no other object.
func (s *Server) judgedOf(r *http.Request, who access.Identity) (*judged, error) {
	q := r.URL.Query()
	today := s.Clock.Now().In(s.Cases.Calendar().Zone)
	j := &judged{query: url.Values{}}
	for name, into := range map[string]*time.Time{"from": &j.span.From, "to": &j.span.To} {
		days := map[string]int{"from": -30, "to": -1}[name]
		*into = time.Date(today.Year(), today.Month(), today.Day()+days, 0, 0, 0, 0, time.UTC)
		if text := q.Get(name); text != "" {
			day, err := time.Parse(dayForm, text)
			if err != nil {
				return nil, badRequest("query_invalid", "参数 "+name+" 应为日期，如 2018-12-24", "query parameter "+name+" is a day like 2018-12-24")
			}
			*into = day
		}
		j.query.Set(name, into.Format(dayForm))
	}
	if j.span.To.Before(j.span.From) {
		return nil, badRequest("query_invalid", "参数 to 不应早于 from", "query parameter to is not before from")
	}
	if j.kind = q.Get("kind"); j.kind != "" {
		if j.kind != "part" && j.kind != "matter" {
			return nil, badRequest("query_invalid", "参数 kind 应为 part 或 matter", "query parameter kind is part or matter")
		}
		j.query.Set("kind", j.kind)
	}
	j.object.Dim = evaluation.Town
	for _, dim := range []evaluation.Dim{evaluation.Department, evaluation.Post, evaluation.Collector} {
		code := q.Get(string(dim))
		if code == "" {
			continue
		}
		if who.Grid != "" {
			return nil, &outsideError{string(dim) + " " + code}
		}
		j.object = evaluation.Object{Dim: dim, Codes: []string{code}}
		j.query.Set(string(dim), code)
	}
	area, err := s.area(who, q.Get("area"))
	if err != nil {
		return nil, err
	}
	if area != "" {
		if j.object.Dim != evaluation.Town {
			return nil, badRequest("query_invalid", "area、department、post、collector 只能给出一个", "give one of area, department, post, collector")
		}
		j.object = evaluation.Object{Dim: evaluation.Grid, Codes: s.below(area)}
		j.query.Set("area", area)
	}
	return j, nil
}

// below lists a grid and all under it.
func (s *Server) below(code string) []string {
	codes := []string{code}
	for _, child := range s.Places.Grids().Children(code) {
		codes = append(codes, s.below(child.Code)...)
	}
	return codes
}

// list is the address of the cases that a measure counts.
func (j *judged) list(measure string) string {
	q := url.Values{"measure": {measure}}
	for name, values := range j.query {
		q[name] = values
	}
	return "/api/v1/evaluation/cases?" + q.Encode()
}

func (s *Server) evaluate(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	j, err := s.judgedOf(r, who)
	if err != nil {
		return err
	}
	plan, err := s.Evaluation.Plan(r.Context())
	if err != nil {
		return err
	}
	figures, err := s.Evaluation.Figures(r.Context(), plan, j.object, j.span, j.kind)
	if err != nil {
		return err
	}
	type count struct {
		evaluation.Count
		List string `json:"list"`
	}
	counts := make([]count, len(figures.Counts))
	for i, c := range figures.Counts {
		counts[i] = count{c, j.list(c.Measure.Measure)}
	}
	return writeJSON(w, map[string]any{"from": j.query.Get("from"), "to": j.query.Get("to"), "revision": plan.Revision,
		"counts": counts, "rates": figures.Rates, "weights": plan.Weights, "score": figures.Score})
}

const nameCollectors = `SELECT id::text, name FROM account`

func (s *Server) rank(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	j, err := s.judgedOf(r, who)
	if err != nil {
		return err
	}
	plan, err := s.Evaluation.Plan(r.Context())
	if err != nil {
		return err
	}
	q := r.URL.Query()
	by, indicator := q.Get("by"), q.Get("indicator")
	if by == "" {
		by = "area"
	}
	if indicator == "" {
		indicator = "score"
	}
	if by != "area" && (who.Grid != "" || j.object.Dim != evaluation.Town) {
		return &outsideError{"ranking by " + by}
	}
	groups, names := map[string][]string{}, map[string]string{}
	dim := evaluation.Dim(by)
	switch by {
	case "area":
		dim = evaluation.Grid
		for _, child := range s.Places.Grids().Children(j.query.Get("area")) {
			groups[child.Code], names[child.Code] = s.below(child.Code), child.Name
		}
	case "department":
		list, err := s.Roster.Departments(r.Context())
		if err != nil {
			return err
		}
		for _, d := range list {
			groups[d.Code], names[d.Code] = []string{d.Code}, d.Name
		}
	case "post":
		for _, role := range access.Roles {
			groups[string(role)], names[string(role)] = []string{string(role)}, string(role)
		}
	case "collector":
		rows, err := s.Pool.Query(r.Context(), nameCollectors)
		if err != nil {
			return err
		}
		for rows.Next() {
			var id, name string
			if err := rows.Scan(&id, &name); err != nil {
				return err
			}
			groups[id], names[id] = []string{id}, name
		}
		if err := rows.Err(); err != nil {
			return err
		}
	default:
		return badRequest("query_invalid", "参数 by 应为 area、department、post 或 collector", "query parameter by is area, department, post or collector")
	}
	places, err := s.Evaluation.Ranking(r.Context(), plan, dim, groups, indicator, j.span, j.kind)
	if err != nil {
		return err
	}
	for i := range places {
		places[i].Name = names[places[i].Object]
	}
	return writeJSON(w, map[string]any{"from": j.query.Get("from"), "to": j.query.Get("to"), "by": by, "indicator": indicator, "revision": plan.Revision, "ranking": places})
}

func (s *Server) evaluatedCases(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	j, err := s.judgedOf(r, who)
	if err != nil {
		return err
	}
	limit, err := queryInt(r, "limit", 500, 1, 5000)
	if err != nil {
		return err
	}
	after, err := queryInt(r, "after", 0, 1, 1<<62)
	if err != nil {
		return err
	}
	ids, n, err := s.Evaluation.Cases(r.Context(), r.URL.Query().Get("measure"), j.object, j.span, j.kind, after, int(limit))
	if err != nil {
		return err
	}
	answer := map[string]any{"count": n, "cases": []*cases.Case{}, "next": nil}
	if len(ids) > 0 {
		list, _, _, err := s.Cases.List(r.Context(), cases.Filter{IDs: ids, Limit: len(ids)})
		if err != nil {
			return err
		}
		answer["cases"] = list
		if last := ids[len(ids)-1]; len(ids) == int(limit) && n > len(ids) {
			answer["next"] = strconv.FormatInt(last, 10)
		}
	}
	return writeJSON(w, answer)
}

func (s *Server) evaluationPlan(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	plan, err := s.Evaluation.Plan(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, plan)
}

func (s *Server) saveEvaluationPlan(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in evaluation.Plan
	if err := decode(w, r, 256<<10, &in); err != nil {
		return err
	}
	saved, err := s.Evaluation.SavePlan(r.Context(), who.Account, in, s.Clock.Now())
	if errors.Is(err, evaluation.ErrConflict) {
		return &conflictError{err, saved}
	}
	if err != nil {
		return err
	}
	return writeJSON(w, saved)
}

func (s *Server) recount(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if err := s.Evaluation.Refresh(r.Context(), true); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
