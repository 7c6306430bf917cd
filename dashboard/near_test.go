package dashboard_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gridwall/dashboard/access"
)

type nearFile struct {
	ID   int64
	Same []struct {
		ID        int64
		DistanceM float64 `json:"distance_m"`
	}
	Repeat   int
	Officers []struct {
		Name      string
		StandsFor string `json:"stands_for"`
	}
}

func (h *house) classed(role access.Role, class string, lon float64) (made nearFile) {
	h.t.Helper()
	body := report("井盖缺失")
	body["class"], body["location"] = class, map[string]float64{"lon": lon, "lat": 40.405}
	h.must(role, "POST", "/api/v1/cases", body, &made)
	return made
}

func TestTheSameAtOnePlaceIsOfferedForMergingAndARepeatPlaceIsSaid(t *testing.T) {
	h := open(t)
	const m = 1 / 84_700.0 // degrees of longitude at 40.405°
	first := h.classed(access.Officer, "01001", 110.003)
	if len(first.Same) != 0 {
		t.Fatalf("the first of its place: %+v", first)
	}
	h.classed(access.Officer, "01002", 110.003)      // another class
	h.classed(access.Officer, "01001", 110.003+60*m) // too far
	second := h.classed(access.Officer, "01001", 110.003+40*m)
	if len(second.Same) != 2 || second.Same[0].DistanceM > second.Same[1].DistanceM {
		t.Fatalf("40 m from one and 20 m from the other: %+v", second)
	}
	third := h.classed(access.Officer, "01001", 110.003-45*m)
	if len(third.Same) != 1 || third.Same[0].ID != first.ID {
		t.Fatalf("45 m from the first, 85 m from the second: %+v", third)
	}
	if hidden := h.classed(access.Resident, "01001", 110.003); hidden.Same != nil {
		t.Errorf("a resident is told of others' cases: %+v", hidden)
	}
	var file nearFile
	read := func(id int64) nearFile {
		file = nearFile{}
		h.must(access.Operator, "GET", fmt.Sprintf("/api/v1/cases/%d", id), nil, &file)
		return file
	}
	if f := read(second.ID); f.Repeat != 3 || len(f.Same) != 2 {
		t.Errorf("the third of its class within 50 m: %+v", f)
	}
	if f := read(third.ID); f.Repeat != 0 {
		t.Errorf("two are no repeat place: %+v", f)
	}
	h.makes(second.ID, access.Operator, "merge", map[string]any{"case": first.ID})
	if f := read(second.ID); f.Same != nil {
		t.Errorf("offered once more: %+v", f)
	}
	if _, err := h.pool.Exec(t.Context(), `UPDATE case_file SET reported_at = reported_at - interval '25 hours' WHERE id = $1`, first.ID); err != nil {
		t.Fatal(err)
	}
	if f := read(third.ID); f.Same != nil {
		t.Errorf("what was reported 25 h before is offered: %+v", f)
	}
}

func TestTheNearestOfficerOnDutyIsNamedAndWhoIsOffIsStoodInFor(t *testing.T) {
	h := open(t)
	if _, err := h.pool.Exec(t.Context(), `INSERT INTO officer (code, name, grid, stand_in, on_duty) VALUES
		('A', '甲', '150621901001001', 'B', false), ('B', '乙', '150621901001002', NULL, true), ('C', '丙', '150621901001001', NULL, false)`); err != nil {
		t.Fatal(err)
	}
	id := h.report("核实")
	var file nearFile
	h.must(access.Operator, "GET", fmt.Sprintf("/api/v1/cases/%d", id), nil, &file)
	if len(file.Officers) != 2 || file.Officers[0].Name != "乙" || file.Officers[0].StandsFor != "甲" || file.Officers[1].StandsFor != "" {
		t.Errorf("%+v", file.Officers)
	}
	var wall map[string]json.RawMessage
	a := h.ask(access.Wall, "GET", fmt.Sprintf("/api/v1/cases/%d", id), nil)
	if err := json.Unmarshal(a.body, &wall); err != nil || wall["officers"] != nil {
		t.Errorf("a wall names an officer: %s %v", a.body, err)
	}
}

func TestAWallListsAsManyOfficersOnDutyAsItCountsAndNamesNobody(t *testing.T) {
	h := open(t)
	if _, err := h.pool.Exec(t.Context(), `INSERT INTO officer (code, name, post, phone, grid, on_duty) VALUES
		('A', '甲某某', '网格员', '13800001111', '150621901001001', false), ('B', '乙某某', '网格员', '13800002222', '150621901001002', true), ('C', '丙某某', '专职', '', NULL, true)`); err != nil {
		t.Fatal(err)
	}
	var at struct{ Officers map[string]int }
	h.must(access.Wall, "GET", "/api/v1/situation", nil, &at)
	a := h.ask(access.Wall, "GET", "/api/v1/officers/duty", nil)
	var got struct {
		Officers []struct {
			Post     string
			Grid     *string
			GridName *string `json:"grid_name"`
		}
	}
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	if len(got.Officers) != 2 || at.Officers["on_duty"] != 2 || *got.Officers[0].GridName != "二网格" || got.Officers[0].Post != "网格员" || got.Officers[1].Grid != nil {
		t.Errorf("%+v, counted %v", got, at.Officers)
	}
	for _, person := range []string{"乙某某", "丙某某", "2222"} {
		if strings.Contains(string(a.body), person) {
			t.Errorf("the list names a person: %s", a.body)
		}
	}
}

func TestWhoDealtWithTheClassInTheGridIsAdvisedFirst(t *testing.T) {
	h := openWith(t, places)
	dealt := func(class, department string, lon float64) {
		made := h.classed(access.Officer, class, lon)
		for _, move := range []string{"verify", "file"} {
			h.must(access.DutyLeader, "POST", fmt.Sprintf("/api/v1/cases/%d/moves", made.ID), map[string]any{"move": move}, nil)
		}
		h.must(access.DutyLeader, "POST", fmt.Sprintf("/api/v1/cases/%d/moves", made.ID), map[string]any{"move": "dispatch", "department": department}, nil)
	}
	var departments struct{ Departments []struct{ Code string } }
	h.must(access.Operator, "GET", "/api/v1/departments", nil, &departments)
	one, two := departments.Departments[0].Code, departments.Departments[1].Code
	dealt("01001", one, 110.003)
	dealt("01001", two, 110.013) // twice, but in the other grid
	dealt("01001", two, 110.013)
	dealt("01002", two, 110.003) // another class

	type file struct {
		Advice []struct {
			Department string
			InGrid     int `json:"in_grid"`
			InTown     int `json:"in_town"`
		}
	}
	made := h.classed(access.Officer, "01001", 110.004)
	read := func(role access.Role) (f file) {
		h.must(role, "GET", fmt.Sprintf("/api/v1/cases/%d", made.ID), nil, &f)
		return f
	}
	if f := read(access.DutyLeader); f.Advice != nil {
		t.Errorf("advice before anybody may dispatch: %+v", f)
	}
	for _, move := range []string{"verify", "file"} {
		h.must(access.DutyLeader, "POST", fmt.Sprintf("/api/v1/cases/%d/moves", made.ID), map[string]any{"move": move}, nil)
	}
	f := read(access.DutyLeader)
	if len(f.Advice) != 2 || f.Advice[0].Department != one || f.Advice[0].InGrid != 1 || f.Advice[1].Department != two || f.Advice[1].InGrid != 0 || f.Advice[1].InTown != 2 {
		t.Errorf("advice %+v, want %s of the grid before %s of the town", f.Advice, one, two)
	}
	if f := read(access.Operator); f.Advice != nil {
		t.Errorf("an operator, who may not dispatch, is advised: %+v", f)
	}
}

// Two nodes take reports of one place in turn: whichever comes second is told of the one before, whoever took it.
func TestTheSameAtOnePlaceIsOfferedByAnotherNodeAtOnce(t *testing.T) {
	h := open(t)
	_, second := serve(t, h.pool)
	urls := []string{h.url, second}
	for i := range 40 {
		place := 110.0005 + float64(i/2)*0.0004 // about 34 m from one pair to the next
		h.url = urls[i%2]
		made := h.classed(access.Officer, "01001", place)
		if i%2 == 1 && len(made.Same) == 0 {
			t.Fatalf("report %d, taken by the other node, is not told of the one at its place", i)
		}
	}
}
