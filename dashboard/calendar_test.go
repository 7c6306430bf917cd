package dashboard_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cases"
)

// A day that the site declares free moves the deadline of what begins afterwards, on every node, and of nothing that was told.
func TestTheSitesCalendarMovesTheNextDeadline(t *testing.T) {
	h := open(t)
	_, other := serve(t, h.pool)
	elsewhere := *h
	elsewhere.url = other

	var plan cases.Plan
	h.must(access.Operator, "GET", "/api/v1/calendar", nil, &plan)
	if plan.SavedAt != nil || plan.Zone != "Asia/Shanghai" || plan.Days["2018-12-29"] != true || plan.Days["2027-10-01"] != false || len(plan.Days) < 300 {
		t.Fatalf("the shipped calendar is %+v", plan)
	}
	due := func(h *house) time.Time {
		t.Helper()
		var made struct{ ID int64 }
		h.must(access.Operator, "POST", "/api/v1/cases", map[string]any{"title": "日历", "location": map[string]any{"lon": 110.005, "lat": 40.405}}, &made)
		var full struct {
			Clocks []struct {
				DueAt time.Time `json:"due_at"`
				Unit  string    `json:"unit"`
			}
		}
		h.must(access.Operator, "GET", fmt.Sprintf("/api/v1/cases/%d", made.ID), nil, &full)
		if len(full.Clocks) == 0 {
			t.Fatal("no clock runs")
		}
		return full.Clocks[len(full.Clocks)-1].DueAt // the whole case's
	}
	before := due(h)

	// From today on a month is free.
	today := time.Now().In(time.FixedZone("", 8*3600))
	for n := range 30 {
		plan.Days[today.AddDate(0, 0, n).Format(time.DateOnly)] = false
	}
	for _, tc := range []struct {
		why  string
		code string
		with func(p *cases.Plan)
	}{
		{"a date that is none", "calendar_invalid", func(p *cases.Plan) { p.Days = map[string]bool{"2018-02-30": true} }},
		{"hours that overlap", "calendar_invalid", func(p *cases.Plan) { p.Hours = []string{"08:30-12:00", "11:00-17:00"} }},
		{"no working day", "calendar_invalid", func(p *cases.Plan) { p.Week = nil }},
		{"another zone", "calendar_zone", func(p *cases.Plan) { p.Zone = "Europe/Berlin" }},
	} {
		wrong := plan
		tc.with(&wrong)
		if a := h.ask(access.DutyLeader, "PUT", "/api/v1/calendar", wrong); a.code != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), tc.code) {
			t.Errorf("%s: %d %s", tc.why, a.code, a.body)
		}
	}
	if a := h.ask(access.Operator, "PUT", "/api/v1/calendar", plan); a.code != http.StatusForbidden {
		t.Errorf("an operator: %d", a.code)
	}
	var saved cases.Plan
	h.must(access.DutyLeader, "PUT", "/api/v1/calendar", plan, &saved)
	if saved.SavedBy == nil || saved.SavedAt == nil {
		t.Errorf("nobody saved it: %+v", saved)
	}
	if after := due(h); after.Sub(before) < 20*24*time.Hour {
		t.Errorf("the deadline is %s, before the month was free %s", after, before)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var there cases.Plan
		elsewhere.must(access.Operator, "GET", "/api/v1/calendar", nil, &there)
		if same(there.Days, saved.Days) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the other node has not heard of the calendar")
		}
	}
	if after := due(&elsewhere); after.Sub(before) < 20*24*time.Hour {
		t.Errorf("on the other node the deadline is %s", after)
	}
	// Who starts later finds it.
	_, third := serve(t, h.pool)
	elsewhere.url = third
	var there cases.Plan
	elsewhere.must(access.Operator, "GET", "/api/v1/calendar", nil, &there)
	if !same(there.Days, saved.Days) || there.SavedBy == nil || *there.SavedBy != *saved.SavedBy {
		t.Errorf("a node that starts later goes by %+v", there.SavedBy)
	}
}

func same(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}
