package dashboard_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"gridwall/dashboard/access"
)

func TestAlarmsThroughTheDoor(t *testing.T) {
	h := open(t)
	sensor := func(active bool) map[string]any {
		return map[string]any{"key": "泵站1", "active": active, "title": map[string]string{"zh": "水位高", "en": "water is high"}, "location": here}
	}
	var made struct {
		Alarm struct {
			ID    int64
			State string
			Grid  string
		}
		Seq int64
	}
	h.must(access.Operator, "POST", "/api/v1/alarms", sensor(true), &made)
	if made.Alarm.State != "unacknowledged" || made.Alarm.Grid != "150621901001001" || made.Seq == 0 {
		t.Fatalf("%+v", made)
	}
	one := fmt.Sprintf("/api/v1/alarms/%d", made.Alarm.ID)
	for _, tc := range []struct {
		role         access.Role
		method, path string
		body         any
		code         int
		says         string
	}{
		{access.Wall, "GET", "/api/v1/alarms", nil, 200, ""},
		{access.Leader, "GET", one, nil, 200, ""},
		{access.Officer, "GET", "/api/v1/alarms", nil, 403, "not_permitted"},
		{access.Resident, "GET", "/api/v1/alarms", nil, 403, "not_permitted"},
		{access.Wall, "POST", one + "/moves", map[string]any{"move": "acknowledge"}, 403, "not_permitted"},
		{access.Leader, "POST", one + "/moves", map[string]any{"move": "acknowledge"}, 403, "not_permitted"},
		{access.Integrator, "POST", one + "/moves", map[string]any{"move": "acknowledge"}, 403, "not_permitted"},
		{access.Officer, "POST", "/api/v1/alarms", sensor(true), 403, "not_permitted"},
		{access.Resident, "POST", "/api/v1/alarms/sos", here, 403, "not_permitted"},
		{access.Operator, "POST", one + "/moves", map[string]any{"move": "shelve", "until": time.Now().Add(time.Hour)}, 422, "reason_missing"},
		{access.Operator, "POST", one + "/moves", map[string]any{"move": "shelve", "reason": "校验", "until": time.Now().Add(9 * time.Hour)}, 422, "shelf_too_long"},
		{access.Operator, "POST", one + "/moves", map[string]any{"move": "unshelve"}, 409, "move_refused"},
		{access.Operator, "POST", "/api/v1/alarms/999/moves", map[string]any{"move": "acknowledge"}, 404, "not_found"},
		{access.Operator, "GET", "/api/v1/alarms/x", nil, 404, "not_found"},
		{access.Operator, "POST", "/api/v1/alarms", map[string]any{"key": "k", "title": "t"}, 400, "active_missing"},
		{access.Operator, "POST", "/api/v1/alarms", map[string]any{"key": "k", "active": true}, 422, "title_missing"},
		{access.Operator, "POST", one + "/moves", map[string]any{"move": "acknowledge"}, 200, ""},
		{access.Operator, "GET", "/api/v1/alarms/check", nil, 200, ""},
		{access.Operator, "GET", "/api/v1/alarms/check?from=gestern", nil, 400, "query_invalid"},
		{access.Operator, "GET", "/api/v1/alarms/check?from=2020-01-01T00:00:00Z", nil, 422, "time_invalid"},
		{access.Officer, "POST", "/api/v1/alarms/sos", here, 200, ""},
		{access.Wall, "POST", "/api/v1/walls/main/screens/1", map[string]any{"fps": 60}, 204, ""},
		{access.Wall, "POST", "/api/v1/walls/none/screens/1", map[string]any{}, 404, "not_found"},
		{access.Officer, "POST", "/api/v1/walls/main/screens/1", map[string]any{}, 403, "not_permitted"},
		{access.Wall, "GET", "/alarms", nil, 403, "not_permitted"},
	} {
		a := h.ask(tc.role, tc.method, tc.path, tc.body)
		if code, _ := a.problem(); a.code != tc.code || tc.says != "" && code != tc.says {
			t.Errorf("%s %s %s %v: %d %s, want %d %s", tc.role, tc.method, tc.path, tc.body, a.code, a.body, tc.code, tc.says)
		}
	}
	a := h.ask(access.Operator, "POST", "/api/v1/alarms", sensor(false), "Idempotency-Key", "k1")
	if a.code != http.StatusOK || !bytes.Contains(a.body, []byte(`"state":"normal"`)) {
		t.Errorf("over: %d %s", a.code, a.body)
	}
	if a := h.ask(access.Operator, "POST", "/api/v1/alarms", sensor(true), "Idempotency-Key", "k1"); a.code != http.StatusConflict {
		t.Errorf("the key with another report: %d %s", a.code, a.body)
	}
	var list struct {
		Seq    int64
		Alarms []struct{ Priority, State string }
	}
	h.must(access.Wall, "GET", "/api/v1/alarms?priority=high&grid=150621901", nil, &list)
	if len(list.Alarms) != 1 || list.Seq == 0 {
		t.Errorf("%+v", list)
	}
	if a := h.ask(access.Wall, "GET", "/api/v1/alarms", nil); bytes.Contains(a.body, []byte(`"officer"`)) {
		t.Errorf("the wall reads who called: %s", a.body)
	}
	// Looking at the wall's page from a desk makes no screen of the desk.
	h.must(access.Operator, "POST", "/api/v1/walls/main/screens/9", map[string]any{}, nil)
	var screens int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM wall_screen`).Scan(&screens); err != nil || screens != 1 {
		t.Errorf("%d screens (%v)", screens, err)
	}
}

// Three cameras go dark as the hub of any node would write it; the house that runs finds them within a few seconds.
func TestTheHouseWatchesByItself(t *testing.T) {
	h := open(t)
	if _, err := h.pool.Exec(t.Context(), `INSERT INTO camera (id, name, geom, switch, state, since)
		SELECT 'S' || i, '点位' || i, ST_SetSRID(ST_MakePoint(110.003, 40.405), 4326), 'SW-1', 'offline', now() FROM generate_series(1, 3) AS i`); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var list struct{ Alarms []struct{ Rule string } }
		h.must(access.Wall, "GET", "/api/v1/alarms", nil, &list)
		if len(list.Alarms) == 1 && list.Alarms[0].Rule == "camera_group" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", list)
		}
	}
}
