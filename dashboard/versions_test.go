package dashboard_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/clock"
	"gridwall/dashboard/grids"
	"gridwall/geo/grid"
)

// A community of two cells, a building and a camera east of the middle of their border, an officer of the west cell.
const twoCells = `
INSERT INTO grid (code, parent, level, name, geom, label) VALUES
    ('150621901', NULL, 'street', '试验街道', ST_Multi(ST_MakeEnvelope(110.00, 40.40, 110.02, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.01, 40.405), 4326)),
    ('150621901001', '150621901', 'community', '试验社区', ST_Multi(ST_MakeEnvelope(110.00, 40.40, 110.02, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.01, 40.405), 4326)),
    ('150621901001001', '150621901001', 'grid', '一网格', ST_GeomFromText('MULTIPOLYGON(((110 40.40, 110.01 40.40, 110.01 40.405, 110.01 40.41, 110 40.41, 110 40.40)))', 4326), ST_SetSRID(ST_MakePoint(110.005, 40.405), 4326)),
    ('150621901001002', '150621901001', 'grid', '二网格', ST_GeomFromText('MULTIPOLYGON(((110.01 40.40, 110.02 40.40, 110.02 40.41, 110.01 40.41, 110.01 40.405, 110.01 40.40)))', 4326), ST_SetSRID(ST_MakePoint(110.015, 40.405), 4326));
UPDATE grid SET geom = ST_GeomFromText('MULTIPOLYGON(((110 40.40, 110.01 40.40, 110.02 40.40, 110.02 40.41, 110.01 40.41, 110 40.41, 110 40.40)))', 4326) WHERE level <> 'grid';
INSERT INTO building (name, geom, grid) VALUES ('一号楼', ST_SetSRID(ST_MakePoint(110.0105, 40.405), 4326), '150621901001002');
INSERT INTO camera (id, name, geom, grid) VALUES ('C1', '街口', ST_SetSRID(ST_MakePoint(110.0104, 40.405), 4326), '150621901001002');
INSERT INTO officer (code, name, grid) VALUES ('O1', '张三', '150621901001001');
INSERT INTO department (code, name) VALUES ('D01', '环卫局')`

type draftAnswer struct {
	Faults struct {
		Features []struct{ Properties struct{ Kind string } }
	}
}

type savedAnswer struct {
	Version                 int
	Number                  *int
	Added, Changed, Retired []string
}

func ring(points ...[2]float64) map[string]any {
	return map[string]any{"type": "Polygon", "coordinates": [][][2]float64{append(points, points[0])}}
}

func TestABorderIsMovedAndSavedAsAVersion(t *testing.T) {
	h := openWith(t, twoCells)
	_, second := serve(t, h.pool)
	west := map[string]any{"code": "150621901001001", "geometry": ring([2]float64{110, 40.40}, [2]float64{110.01, 40.40}, [2]float64{110.012, 40.405}, [2]float64{110.01, 40.41}, [2]float64{110, 40.41})}
	east := map[string]any{"code": "150621901001002", "geometry": ring([2]float64{110.01, 40.40}, [2]float64{110.02, 40.40}, [2]float64{110.02, 40.41}, [2]float64{110.01, 40.41}, [2]float64{110.012, 40.405})}
	one := map[string]any{"cells": []any{west}}
	both := map[string]any{"cells": []any{west, east}, "note": "河改道"}

	if a := h.ask(access.Operator, "POST", "/api/v1/grids/versions", both); a.code != http.StatusForbidden {
		t.Errorf("an operator's draft: %d %s", a.code, a.body)
	}
	var tried draftAnswer
	h.must(access.Admin, "POST", "/api/v1/grids/versions/try", one, &tried)
	if len(tried.Faults.Features) != 1 || tried.Faults.Features[0].Properties.Kind != "overlap" {
		t.Errorf("tried: %+v", tried)
	}
	if a := h.ask(access.Admin, "POST", "/api/v1/grids/versions", one); a.code != http.StatusUnprocessableEntity {
		t.Errorf("a faulty draft: %d %s", a.code, a.body)
	} else if code, detail := a.problem(); code != "draft_faulty" || detail != "还有 1 处缝隙、重叠或越界，未保存" {
		t.Errorf("%s %s", code, detail)
	}
	old := h.reportAt("旧界", 110.011, 40.405)
	var saved savedAnswer
	h.must(access.Admin, "POST", "/api/v1/grids/versions", both, &saved)
	if saved.Number == nil || *saved.Number != 1 || !slices.Equal(saved.Changed, []string{"150621901001001", "150621901001002"}) {
		t.Fatalf("saved %+v", saved)
	}
	for _, url := range []string{h.url, second} {
		h.await(url, "/api/v1/locate?lon=110.011&lat=40.405", func(body []byte) bool {
			var a struct{ Path []struct{ Code string } }
			return json.Unmarshal(body, &a) == nil && len(a.Path) == 3 && a.Path[2].Code == "150621901001001"
		})
		h.await(url, "/api/v1/grids/coverage?min_m2=0.01", func(body []byte) bool {
			var a struct{ Features []any }
			return json.Unmarshal(body, &a) == nil && len(a.Features) == 0
		})
	}
	fresh := h.reportAt("新界", 110.011, 40.405)
	for id, want := range map[int64]string{old: "150621901001002 0", fresh: "150621901001001 1"} {
		var got string
		if err := h.pool.QueryRow(t.Context(), `SELECT grid || ' ' || grid_version FROM case_file WHERE id = $1`, id).Scan(&got); err != nil || got != want {
			t.Errorf("case %d: %s (%v), want %s", id, got, err, want)
		}
	}
	var moved string
	if err := h.pool.QueryRow(t.Context(), `SELECT (SELECT grid FROM building) || ' ' || (SELECT grid FROM camera)`).Scan(&moved); err != nil || moved != "150621901001001 150621901001001" {
		t.Errorf("building and camera are in %s (%v)", moved, err)
	}
	var past struct {
		Past []struct {
			Since, Until int
			Geometry     json.RawMessage
		}
	}
	h.must(access.Officer, "GET", "/api/v1/grids/150621901001002/past", nil, &past)
	if len(past.Past) != 1 || past.Past[0].Since != 0 || past.Past[0].Until != 1 || len(past.Past[0].Geometry) == 0 {
		t.Errorf("past %+v", past)
	}
	if code, _ := h.ask(access.Admin, "POST", "/api/v1/grids/versions", map[string]any{"cells": []any{}}).problem(); code != "draft_empty" {
		t.Errorf("an empty draft: %s", code)
	}
	if code, _ := h.ask(access.Admin, "POST", "/api/v1/grids/versions", map[string]any{"cells": []any{west}, "valid_from": "2001-01-01"}).problem(); code != "date_past" {
		t.Errorf("a day that has gone: %s", code)
	}
}

func TestACellIsCutAndItsCodeIsNeverGivenAgain(t *testing.T) {
	h := openWith(t, twoCells)
	id := h.reportAt("在一网格", 110.002, 40.405)
	line := map[string]any{"type": "LineString", "coordinates": [][2]float64{{110.005, 40.39}, {110.005, 40.42}}}
	var saved savedAnswer
	h.must(access.Admin, "POST", "/api/v1/grids/versions", map[string]any{"splits": []any{map[string]any{"code": "150621901001001", "line": line}}}, &saved)
	if !slices.Equal(saved.Added, []string{"150621901001003", "150621901001004"}) || !slices.Equal(saved.Retired, []string{"150621901001001"}) {
		t.Fatalf("saved %+v", saved)
	}
	var at string
	if err := h.pool.QueryRow(t.Context(), `SELECT (SELECT grid FROM case_file WHERE id = $1) || ' ' || (SELECT grid FROM officer)`, id).Scan(&at); err != nil || at != "150621901001001 150621901001003" {
		t.Errorf("case and officer are in %s (%v)", at, err)
	}
	h.await(h.url, "/api/v1/locate?lon=110.007&lat=40.405", func(body []byte) bool {
		var a struct{ Path []struct{ Code string } }
		return json.Unmarshal(body, &a) == nil && len(a.Path) == 3 && a.Path[2].Code == "150621901001004"
	})
	listed := func(body []byte) bool { // the case of the cell that is no more, alone
		var a struct {
			Cases []struct {
				ID   int64
				Grid string
			}
		}
		return json.Unmarshal(body, &a) == nil && len(a.Cases) == 1 && a.Cases[0].ID == id && a.Cases[0].Grid == "150621901001001"
	}
	for _, code := range []string{"150621901001003", "150621901001004", "150621901001", "150621901001001"} {
		h.await(h.url, "/api/v1/cases?open=true&grid="+code, listed)
	}
	var now struct {
		Grids []struct {
			Grid, Name string
			Open       int
		}
	}
	h.must(access.Wall, "GET", "/api/v1/situation", nil, &now)
	var loads []string
	for _, g := range now.Grids {
		loads = append(loads, fmt.Sprintf("%s %d %v", g.Grid, g.Open, g.Name != g.Grid))
	}
	if want := []string{"150621901001003 1 true", "150621901001004 1 true"}; !slices.Equal(loads, want) {
		t.Errorf("the loads are %v, want %v", loads, want)
	}
	// Joined for a later day: it waits, and comes into force when the day has come.
	join := map[string]any{"merges": []any{map[string]any{"codes": []string{"150621901001003", "150621901001004"}, "name": "一网格"}},
		"valid_from": time.Now().AddDate(0, 0, 3).Format(time.DateOnly)}
	h.must(access.Admin, "POST", "/api/v1/grids/versions", join, &saved)
	later := new(clock.Clock)
	room := &grids.Room{Pool: h.pool, Scheme: grid.National, Clock: later, Log: slog.New(slog.DiscardHandler)}
	if more, err := room.Due(t.Context()); more || err != nil {
		t.Fatalf("before its day: %v %v", more, err)
	}
	later.Set(time.Now().AddDate(0, 0, 4))
	if more, err := room.Due(t.Context()); !more || err != nil {
		t.Fatalf("on its day: %v %v", more, err)
	}
	h.await(h.url, "/api/v1/locate?lon=110.007&lat=40.405", func(body []byte) bool {
		var a struct{ Path []struct{ Code string } }
		return json.Unmarshal(body, &a) == nil && len(a.Path) == 3 && a.Path[2].Code == "150621901001005"
	})
	h.await(h.url, "/api/v1/cases?open=true&grid=150621901001005", listed)
	var versions struct {
		Versions []struct {
			Number  *int
			Refused *string
		}
	}
	h.must(access.Admin, "GET", "/api/v1/grids/versions", nil, &versions)
	if len(versions.Versions) != 2 || versions.Versions[0].Number == nil || *versions.Versions[0].Number != 2 {
		t.Errorf("versions %+v", versions)
	}
	var coverage struct{ Features []any }
	if h.must(access.Admin, "GET", "/api/v1/grids/coverage?min_m2=0.01", nil, &coverage); len(coverage.Features) != 0 {
		t.Errorf("faults %v", coverage.Features)
	}
}

// reportAt reports a case at a place.
func (h *house) reportAt(title string, lon, lat float64) (id int64) {
	h.t.Helper()
	var answer struct{ ID int64 }
	h.must(access.Operator, "POST", "/api/v1/cases", map[string]any{"title": title, "location": map[string]float64{"lon": lon, "lat": lat}}, &answer)
	return answer.ID
}

// await asks a node until its answer is as wanted.
func (h *house) await(url, path string, want func(body []byte) bool) {
	h.t.Helper()
	node := *h
	node.url = url
	var last answer
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if last = node.ask(access.Admin, "GET", path, nil); last.code == http.StatusOK && want(last.body) {
			return
		}
	}
	h.t.Fatalf("%s%s did not come to what was wanted: %d %s", url, path, last.code, last.body)
}

func TestManyPointsAreLocatedAtOnce(t *testing.T) {
	h := openWith(t, twoCells)
	var out struct {
		Results []struct {
			Grid    *string
			Path    []string
			Nearest *struct {
				Code      string
				DistanceM float64 `json:"distance_m"`
			}
		}
	}
	h.must(access.Operator, "POST", "/api/v1/locate", map[string]any{"points": [][]float64{{110.005, 40.405}, {110.01, 40.405}, {109.9999, 40.405}, {0, 0}}}, &out)
	if len(out.Results) != 4 {
		t.Fatalf("%+v", out)
	}
	if r := out.Results[0]; r.Grid == nil || *r.Grid != "150621901001001" || !slices.Equal(r.Path, []string{"150621901", "150621901001", "150621901001001"}) {
		t.Errorf("inside: %+v", r)
	}
	if r := out.Results[1]; r.Grid == nil || *r.Grid != "150621901001001" {
		t.Errorf("on the border the lowest code: %+v", r)
	}
	if r := out.Results[2]; r.Grid != nil || r.Nearest == nil || r.Nearest.Code != "150621901001001" || r.Nearest.DistanceM < 8 || r.Nearest.DistanceM > 9 {
		t.Errorf("8.5 m outside: %+v", r.Nearest)
	}
	if r := out.Results[3]; r.Grid != nil || r.Nearest != nil {
		t.Errorf("far outside: %+v", r)
	}
	for _, points := range []any{[][]float64{{200, 0}}, [][]float64{{1}}, make([][]float64, 10_001)} {
		if a := h.ask(access.Operator, "POST", "/api/v1/locate", map[string]any{"points": points}); a.code != http.StatusBadRequest {
			t.Errorf("%d %s", a.code, a.body)
		}
	}
	if _, detail := h.ask(access.Operator, "GET", "/api/v1/locate?lon=109.9999&lat=40.405", nil).problem(); detail != "位置不在任何网格内，最近的是一网格，8 米" {
		t.Errorf("said: %s", detail)
	}
}

// A community with one cell, a lane from border to border, and houses on both sides.
const oneCell = `
INSERT INTO grid (code, parent, level, name, geom, label)
SELECT code, parent, level, name, ST_Multi(e), ST_Centroid(e)
FROM (VALUES ('150621901', NULL, 'street', '街道'), ('150621901001', '150621901', 'community', '河北社区'), ('150621901001001', '150621901001', 'grid', '一网格')) AS v(code, parent, level, name), ST_MakeEnvelope(110, 40.4, 110.02, 40.41, 4326) AS e;
INSERT INTO backdrop (kind, class, name, geom) VALUES ('road', 'lane', '西巷', ST_GeomFromText('LINESTRING(110.008 40.39, 110.008 40.42)', 4326)), ('road', 'lane', '东巷', ST_GeomFromText('LINESTRING(110.015 40.39, 110.015 40.42)', 4326));
INSERT INTO building (code, name, households, grid, geom)
SELECT 'b' || i, 'b' || i, 60, '150621901001001', ST_SetSRID(ST_MakePoint(110.0005 + 0.001 * i, 40.405), 4326) FROM generate_series(0, 18) AS i`

func TestAProposalIsAcceptedAndSaved(t *testing.T) {
	h := openWith(t, oneCell)
	var design struct {
		Parent string
		Cells  []struct {
			Name                  string
			Households, Buildings int
			Within                bool
			Geometry              json.RawMessage
		}
	}
	h.must(access.Admin, "GET", "/api/v1/grids/150621901001/design?least=200&most=500", nil, &design)
	var planned []any
	var told []string
	for _, c := range design.Cells {
		told = append(told, fmt.Sprintf("%s %d %d %v", c.Name, c.Households, c.Buildings, c.Within))
		planned = append(planned, map[string]any{"geometry": c.Geometry, "name": c.Name, "households": c.Households})
	}
	if want := []string{"河北社区第1网格 480 8 true", "河北社区第2网格 420 7 true", "河北社区第3网格 240 4 true"}; !slices.Equal(told, want) {
		t.Fatalf("proposed %q, want %q", told, want)
	}
	if code, _ := h.ask(access.Admin, "GET", "/api/v1/grids/150621901001001/design", nil).problem(); code != "draft_invalid" {
		t.Errorf("for a cell: %s", code)
	}
	if a := h.ask(access.Admin, "GET", "/api/v1/grids/150621901001/design?least=9&most=3", nil); a.code != http.StatusUnprocessableEntity {
		t.Errorf("no range: %d %s", a.code, a.body)
	}
	var saved savedAnswer
	h.must(access.Admin, "POST", "/api/v1/grids/versions", map[string]any{"plan": map[string]any{"parent": design.Parent, "cells": planned}}, &saved)
	if !slices.Equal(saved.Added, []string{"150621901001002", "150621901001003", "150621901001004"}) || !slices.Equal(saved.Retired, []string{"150621901001001"}) {
		t.Fatalf("saved %+v", saved)
	}
	h.await(h.url, "/api/v1/locate?lon=110.017&lat=40.405", func(body []byte) bool {
		var a struct{ Path []struct{ Code string } }
		return json.Unmarshal(body, &a) == nil && len(a.Path) == 3 && a.Path[2].Code == "150621901001004"
	})
	h.await(h.url, "/api/v1/grids/coverage?min_m2=0.01", func(body []byte) bool {
		var a struct{ Features []any }
		return json.Unmarshal(body, &a) == nil && len(a.Features) == 0
	})
	var homes string
	if err := h.pool.QueryRow(t.Context(), `SELECT string_agg(right(grid, 1) || n, ' ' ORDER BY grid) FROM (SELECT grid, count(*) AS n FROM building GROUP BY grid) AS g`).Scan(&homes); err != nil || homes != "28 37 44" {
		t.Errorf("buildings are in %s (%v)", homes, err)
	}
}
