package dashboard_test

import (
	"testing"

	"gridwall/dashboard/access"
)

// The auditor has a wall ask for everything: nothing is found while walls are masked, and what slips through is named.
func TestTheAuditorProvesThatWallsAreToldNoNumbers(t *testing.T) {
	h := openWith(t, town)
	var proof struct {
		Numbers, Cases, Found int
		Whole                 bool
		Lines                 []struct {
			Route        string
			Asked, Found int
			Bytes        int64
		}
	}
	h.must(access.Operator, "POST", "/api/v1/cases", map[string]any{"title": "来电13987651234", "description": "身份证110101199003071234", "location": here,
		"reporter": map[string]string{"name": "张某", "phone": "0477-1234567"}}, nil)
	h.must(access.Auditor, "POST", "/api/v1/audit/walls", nil, &proof)
	bytes := map[string]int64{}
	for _, l := range proof.Lines {
		bytes[l.Route] = l.Bytes
	}
	if proof.Numbers != 3 || proof.Cases != 1 || proof.Found != 0 || !proof.Whole || len(proof.Lines) < 30 {
		t.Errorf("%+v", proof)
	}
	for _, route := range []string{"GET /api/v1/cases", "GET /api/v1/cases/{id}", "GET /api/v1/cases/{id}/timeline", "GET /live", "GET /ogc/collections/{collection}/items", "GET /api/v1/search"} {
		if bytes[route] < 20 {
			t.Errorf("%s was not asked: %d bytes", route, bytes[route])
		}
	}
	var devices struct{ Devices []struct{ Name string } }
	h.must(access.Admin, "GET", "/api/v1/devices", nil, &devices)
	if len(devices.Devices) != 1 {
		t.Errorf("the wall of the proof is still there: %+v", devices)
	}
	// A number of a fixed line is masked nowhere: written into a wall's title, it is found and its route named.
	if _, err := h.pool.Exec(t.Context(), `UPDATE wall SET body = jsonb_set(body, '{title,zh}', '"139-8765-1234 0477-1234567"')`); err != nil {
		t.Fatal(err)
	}
	h.must(access.Auditor, "POST", "/api/v1/audit/walls", nil, &proof)
	if proof.Found != 1 || proof.Lines[0].Route != "GET /api/v1/walls/{id}" {
		t.Errorf("a number in a wall's title: %+v", proof)
	}
	h.onAudit("wall.check")
}
