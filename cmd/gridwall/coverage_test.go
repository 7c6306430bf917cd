package main

import (
	"slices"
	"testing"
	"time"

	"gridwall/dashboard/access"
)

type coverageAnswer struct {
	Counts   map[string]int
	Features []struct {
		Properties struct {
			Kind   string
			Cells  []string
			AreaM2 float64 `json:"area_m2"`
			Sliver bool
		}
	}
}

func TestSliversAreShownAndClosedOnRequest(t *testing.T) {
	s, as := townTest(t)
	admin, officer := as(access.Admin), as(access.Officer)
	ask := func() (a coverageAnswer) {
		if err := admin.do(t.Context(), "GET", "/api/v1/grids/coverage?min_m2=1", nil, &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := ask(); a.Counts["gap"]+a.Counts["overlap"] != 0 {
		t.Fatalf("the demo town has faults: %v", a.Counts)
	}
	// Two squares whose common side was drawn twice: 20 cm apart over half its length, 30 cm overlapping over the other.
	if err := importText(t, s.pool, "grids", `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"code":"P","name":"西"},"geometry":{"type":"Polygon","coordinates":[[[120,30],[120.001,30],[120.001,30.0005],[120.001,30.001],[120,30.001],[120,30]]]}},
{"type":"Feature","properties":{"code":"Q","name":"东"},"geometry":{"type":"Polygon","coordinates":[[[120.001,30],[120.002,30],[120.002,30.001],[120.001,30.001],[120.000997,30.00075],[120.001,30.0005],[120.001002,30.00025],[120.001,30]]]}}]}`, false); err != nil {
		t.Fatal(err)
	}
	awaitCells(t, admin, 35)
	before := everything(t, s.pool)
	a := ask()
	kinds := []string{}
	for _, f := range a.Features {
		if !f.Properties.Sliver || !slices.Equal(f.Properties.Cells, []string{"P", "Q"}) {
			t.Errorf("%+v", f.Properties)
		}
		kinds = append(kinds, f.Properties.Kind)
	}
	if slices.Sort(kinds); !slices.Equal(kinds, []string{"gap", "overlap"}) {
		t.Fatalf("%v %v", kinds, a.Counts)
	}
	if err := officer.do(t.Context(), "POST", "/api/v1/grids/coverage/close", map[string]float64{"limit_m2": 50}, nil); err == nil {
		t.Error("an officer closed slivers")
	}
	var answer struct{ Closed int }
	if err := admin.do(t.Context(), "POST", "/api/v1/grids/coverage/close", map[string]float64{"limit_m2": 0.5}, &answer); err != nil || answer.Closed != 0 {
		t.Fatalf("closed %d of over 0.5 m², %v", answer.Closed, err)
	}
	if err := admin.do(t.Context(), "POST", "/api/v1/grids/coverage/close", map[string]float64{"limit_m2": 50}, &answer); err != nil || answer.Closed != 2 {
		t.Fatalf("closed %d, %v", answer.Closed, err)
	}
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if a = ask(); len(a.Features) == 0 { // the node has heard of it
			break
		}
	}
	if len(a.Features) > 0 {
		t.Errorf("still there: %+v", a.Features)
	}
	if _, _, err := undo(t.Context(), s.pool, false); err != nil { // what closed nothing left nothing to undo
		t.Fatal(err)
	}
	if !slices.Equal(before, everything(t, s.pool)) {
		t.Error("undo did not give the slivers back")
	}
}
