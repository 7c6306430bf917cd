package dashboard_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"gridwall/dashboard/access"
)

func TestWhatAnOperatorAnswersStandsAboveWhatIsComputed(t *testing.T) {
	h := open(t)
	near := func(role access.Role) (list []struct {
		ID       string
		InView   *bool `json:"in_view"`
		Answered bool
		Reason   struct{ Zh string }
	}) {
		var out struct{ Cameras any }
		out.Cameras = &list
		h.want(role, "GET", "/api/v1/cameras/near?lon=110.004&lat=40.405", nil, http.StatusOK, &out)
		return list
	}
	// C1 looks east, away from the place.
	if c := near(access.Operator)[0]; c.ID != "C2" && c.ID != "C1" {
		t.Fatalf("%+v", c)
	}
	var made struct{ ID int64 }
	h.want(access.Operator, "POST", "/api/v1/cases", map[string]any{"flow": "incident", "title": "井盖缺失", "location": map[string]float64{"lon": 110.004, "lat": 40.405}}, http.StatusCreated, &made)
	path := fmt.Sprintf("/api/v1/cases/%d/cameras/C1", made.ID)
	h.want(access.Operator, "POST", path, map[string]any{"sees": true}, http.StatusNoContent, nil)
	c := near(access.Operator)[0]
	if c.ID != "C1" || c.InView == nil || !*c.InView || !c.Answered {
		t.Fatalf("after 看得见: %+v", c)
	}
	h.want(access.Operator, "POST", path, map[string]any{"sees": false}, http.StatusNoContent, nil)
	list := near(access.Operator)
	if last := list[len(list)-1]; last.ID != "C1" || last.InView == nil || *last.InView || !last.Answered {
		t.Fatalf("after 看不见: %+v", list)
	}
	// Turned to another side, it has to be looked at anew.
	if _, err := h.pool.Exec(t.Context(), `UPDATE camera SET bearing_deg = 270 WHERE id = 'C1'`); err != nil {
		t.Fatal(err)
	}
	for _, c := range near(access.Operator) {
		if c.Answered {
			t.Errorf("the answer outlived the camera's turn: %+v", c)
		}
	}
	h.want(access.Operator, "POST", path, map[string]any{"sees": true}, http.StatusNoContent, nil)
	h.want(access.Operator, "POST", path, map[string]any{"sees": nil}, http.StatusNoContent, nil)
	for _, c := range near(access.Operator) {
		if c.Answered {
			t.Errorf("an answer that was taken back still holds: %+v", c)
		}
	}
	h.want(access.Officer, "POST", path, map[string]any{"sees": true}, http.StatusForbidden, nil)
	h.want(access.Operator, "POST", fmt.Sprintf("/api/v1/cases/%d/cameras/none", made.ID), map[string]any{"sees": true}, http.StatusNotFound, nil)
	h.want(access.Operator, "POST", "/api/v1/cases/999999/cameras/C1", map[string]any{"sees": true}, http.StatusNotFound, nil)
}

func TestViewsAndBlindSpotsAreOnTheMap(t *testing.T) {
	h := open(t)
	var view struct {
		DirectionKnown bool `json:"direction_known"`
		View           struct {
			Type        string
			Coordinates [][][][2]float64
		}
	}
	h.want(access.Operator, "GET", "/api/v1/cameras/C1/view", nil, http.StatusOK, &view)
	if !view.DirectionKnown || view.View.Type != "MultiPolygon" || len(view.View.Coordinates) != 70 { // 60° of open ground, 200 m: 3 m wide at the far end
		t.Errorf("%+v, %d rings", view.DirectionKnown, len(view.View.Coordinates))
	}
	h.want(access.Operator, "GET", "/api/v1/cameras/C2/view", nil, http.StatusOK, &view)
	if view.DirectionKnown || len(view.View.Coordinates) != 0 {
		t.Errorf("a camera of unknown direction has a view: %+v", view)
	}
	h.want(access.Wall, "GET", "/api/v1/cameras/C2/view", nil, http.StatusNotFound, nil)
	var found struct {
		Points     int
		BlindShare float64 `json:"blind_share"`
		Blind      struct{ Coordinates [][2]float64 }
	}
	h.want(access.Operator, "GET", "/api/v1/grids/150621901001001/sight?step_m=20", nil, http.StatusOK, &found)
	if found.Points == 0 || len(found.Blind.Coordinates) != int(found.BlindShare*float64(found.Points)+0.5) {
		t.Errorf("%d points, %.3f blind, %d shown", found.Points, found.BlindShare, len(found.Blind.Coordinates))
	}
}

// One camera looks east, 60° wide and 200 m far, along a street and at a house; another knows no lamp.
func TestAtNightACameraSeesAsFarAsItsLamp(t *testing.T) {
	h := openWith(t, places+`;
INSERT INTO backdrop (kind, class, name, geom) VALUES ('road', 'local', '永来路', ST_GeomFromText('LINESTRING(110.0035 40.405, 110.0062 40.405)', 4326));
INSERT INTO building (name, address, floors, geom, footprint)
SELECT '永来城', '永来路1号', 3, p, ST_Multi(ST_Expand(p, 0.0001)) FROM ST_SetSRID(ST_MakePoint(110.0055, 40.4055), 4326) AS p;
UPDATE camera SET geom = ST_SetSRID(ST_MakePoint(110.0045, 40.405), 4326), bearing_deg = 90, angle_deg = 60, range_m = 200, state = 'live', light_type = NULL WHERE id = 'C1'`)
	type sight struct {
		Cameras     int
		LampUnknown int     `json:"lamp_unknown"`
		BlindShare  float64 `json:"blind_share"`
		Streets     float64 `json:"streets_seen"`
		Fronts      float64 `json:"fronts_seen"`
		Points      int
	}
	ask := func(time string) (found sight) {
		h.want(access.Operator, "GET", "/api/v1/grids/150621901001001/sight?step_m=5&time="+time, nil, http.StatusOK, &found)
		return found
	}
	day, dark := ask("day"), ask("night")
	if day.Cameras != 1 || day.Streets <= 0.3 || day.Streets >= 0.9 || day.Fronts <= 0 || day.Fronts > 0.5 || day.LampUnknown != 0 {
		t.Errorf("by day: %+v", day)
	}
	if dark.Cameras != 0 || dark.LampUnknown != 1 || dark.BlindShare != 1 || dark.Streets != 0 || dark.Fronts != 0 || dark.Points != day.Points {
		t.Errorf("at night, no lamp is known: %+v", dark)
	}
	h.want(access.Operator, "GET", "/api/v1/grids/150621901001001/sight?time=noon", nil, http.StatusBadRequest, nil)
}

// want asks and holds the answer's status; into takes its body.
func (h *house) want(role access.Role, method, path string, body any, code int, into any) {
	h.t.Helper()
	a := h.ask(role, method, path, body)
	if a.code != code {
		h.t.Fatalf("%s %s by %s: %d %s, want %d", method, path, role, a.code, a.body, code)
	}
	if into != nil {
		if err := json.Unmarshal(a.body, into); err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestABuildingTellsItsFloorsAndDwellings(t *testing.T) {
	h := openWith(t, places+`;
INSERT INTO building (code, name, address, floors, units, households, grid, geom) VALUES
    ('B1', '永来小区 3 号楼', '永来路 3 号', 6, 3, 36, '150621901001001', ST_SetSRID(ST_MakePoint(110.004, 40.404), 4326)),
    ('B2', '', '永来路 5 号', NULL, NULL, NULL, NULL, ST_SetSRID(ST_MakePoint(110.0042, 40.404), 4326))`)
	var found struct{ Results []struct{ Type, ID string } }
	h.want(access.Operator, "GET", "/api/v1/search?q=%E6%B0%B8%E6%9D%A5%E8%B7%AF3%E5%8F%B7", nil, http.StatusOK, &found)
	if len(found.Results) == 0 || found.Results[0].Type != "building" {
		t.Fatalf("%+v", found)
	}
	var b struct {
		Code          string
		Floors, Units int
		Households    *int
		HeightM       float64 `json:"height_m"`
	}
	h.want(access.Operator, "GET", "/api/v1/buildings/"+found.Results[0].ID, nil, http.StatusOK, &b)
	if b.Code != "B1" || b.Floors != 6 || b.Units != 3 || b.Households == nil || *b.Households != 36 || b.HeightM != 18 {
		t.Errorf("%+v", b)
	}
	var id int
	if err := h.pool.QueryRow(t.Context(), `SELECT id FROM building WHERE code = 'B2'`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	h.want(access.Operator, "GET", fmt.Sprint("/api/v1/buildings/", id), nil, http.StatusOK, &b)
	if b.Floors != 0 || b.Units != 0 {
		t.Errorf("floors that nobody registered: %+v", b)
	}
	for _, id := range []string{"0", "999999", "x"} {
		h.want(access.Operator, "GET", "/api/v1/buildings/"+id, nil, http.StatusNotFound, nil)
	}
}
