package dashboard_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/dashboard/access"
	"gridwall/streams/streamtest"
)

// turning is a house with a PTZ camera P1, and its head.
func turning(t *testing.T) (*house, *streamtest.Head) {
	t.Helper()
	room, err := streamtest.New(streamtest.Config{Clips: os.DirFS("../assets/demo"), Cameras: []streamtest.Camera{{ID: "P1", Name: "球机", Scene: "street", PTZ: true}},
		User: "admin", Password: "geheim", ClockOffset: -30 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- room.Run(ctx) }()
	web := httptest.NewServer(room.ONVIF())
	t.Cleanup(func() {
		web.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	h := open(t)
	height := 20.0
	h.must(access.Admin, "POST", "/api/v1/cameras", map[string]any{"id": "P1", "name": "球机", "url": room.URL("P1"), "lon": 110.005, "lat": 40.405, "height_m": height, "ptz": true}, nil)
	h.must(access.Integrator, "PUT", "/api/v1/cameras/P1/ptz/mount", map[string]any{"address": web.URL + "/onvif/P1/device_service", "zero_deg": 90,
		"pan_deg": streamtest.PanLimitDeg, "tilt_low_deg": streamtest.TiltLowDeg, "tilt_high_deg": streamtest.TiltHighDeg, "speed_deg": streamtest.PanSpeedDeg,
		"no_look": []any{map[string]any{"name": "居民楼", "from_deg": 200, "to_deg": 230, "low_deg": -90, "high_deg": 20}}}, nil)
	return h, room.Head("P1")
}

// seat is a page's websocket.
type seat struct {
	testing.TB
	conn *websocket.Conn
}

func (h *house) seat(role access.Role) *seat {
	h.t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(h.url, "http")+"/api/v1/cameras/P1/ptz/drive", http.Header{"Authorization": {"Bearer " + h.tokens[role]}})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	return &seat{h.t, conn}
}

func (s *seat) say(v any) {
	s.Helper()
	if err := s.conn.WriteJSON(v); err != nil {
		s.Fatal(err)
	}
}

type heard struct {
	Type   string
	Driver *struct{ Name string }
	You    bool
	By     string
	Reason *struct{ ZH, EN string }
	At     *struct {
		BearingDeg float64 `json:"bearing_deg"`
	}
	Presets []struct{ Token, Name string }
}

// until reads until a message fits.
func (s *seat) until(what string, fits func(heard) bool) heard {
	s.Helper()
	s.conn.SetReadDeadline(time.Now().Add(60 * time.Second))
	for {
		var m heard
		if err := s.conn.ReadJSON(&m); err != nil {
			s.Fatalf("%s: %v", what, err)
		}
		if fits(m) {
			return m
		}
	}
}

// comes waits for the head.
func comes(t *testing.T, h *streamtest.Head, what string, fits func(at streamtest.Aim, moves bool) bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		at, moves := h.At()
		if fits(at, moves) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: it looks at %+v, moves %v", what, at, moves)
		}
	}
}

func stands(_ streamtest.Aim, moves bool) bool { return !moves }

// holding repeats a wish until told otherwise, as a page does.
func (s *seat) holding(pan float64) (release func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if s.conn.WriteJSON(map[string]any{"move": map[string]float64{"pan": pan}}) != nil {
				return
			}
			time.Sleep(40 * time.Millisecond)
		}
	}()
	return func() { cancel(); <-done }
}

func TestOneDrivesAHeadByNameAndIsToldWhoTookItOver(t *testing.T) {
	h, head := turning(t)
	first, second := h.seat(access.Operator), h.seat(access.DutyLeader)
	first.until("the first state", func(m heard) bool { return m.Type == "state" && m.Driver == nil && m.At != nil })
	first.say(map[string]any{"move": map[string]float64{"pan": 1}})
	first.until("a refusal", func(m heard) bool { return m.Type == "trouble" && strings.Contains(m.Reason.ZH, "控制权") })

	first.say(map[string]any{"take": true})
	first.until("the seat", func(m heard) bool { return m.Type == "state" && m.You })
	second.until("who drives", func(m heard) bool {
		return m.Type == "state" && m.Driver != nil && m.Driver.Name == "operator" && !m.You
	})
	release := first.holding(-1)
	comes(t, head, "a held key", func(at streamtest.Aim, _ bool) bool { return at.Pan < -3 })
	release()
	comes(t, head, "a key let go", stands)

	second.say(map[string]any{"take": true})
	second.until("a refusal", func(m heard) bool { return m.Type == "trouble" && strings.Contains(m.Reason.EN, "operator drives") })
	if a := h.ask(access.Dispatcher, "POST", "/api/v1/cameras/P1/ptz", map[string]any{"look": here}); a.code != http.StatusConflict {
		t.Errorf("a command while another drives: %d %s", a.code, a.body)
	}
	release = first.holding(-1)
	comes(t, head, "a held key", func(_ streamtest.Aim, moves bool) bool { return moves })
	second.say(map[string]any{"take_over": true})
	if m := first.until("word of the loss", func(m heard) bool { return m.Type == "lost" }); m.By != "duty_leader" {
		t.Errorf("lost to %q", m.By)
	}
	comes(t, head, "taken over", stands)
	release()
	second.until("the seat", func(m heard) bool { return m.Type == "state" && m.You })

	// The link goes while a key is held.
	second.holding(1)
	comes(t, head, "a held key", func(_ streamtest.Aim, moves bool) bool { return moves })
	second.conn.NetConn().Close()
	comes(t, head, "a lost link", stands)
	first.until("a free seat", func(m heard) bool { return m.Type == "state" && m.Driver == nil })

	var log struct {
		Entries []struct{ Act, Object, Username string }
	}
	h.must(access.Admin, "GET", "/api/v1/audit?object=P1", nil, &log)
	var acts []string
	for i := len(log.Entries) - 1; i >= 0; i-- {
		if strings.HasPrefix(log.Entries[i].Act, "ptz.") {
			acts = append(acts, log.Entries[i].Act+" "+log.Entries[i].Username)
		}
	}
	if got := strings.Join(acts, ", "); got != "ptz.take operator, ptz.take_over duty-leader, ptz.release duty-leader" {
		t.Error(got)
	}
	var told int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM event WHERE type = 'audit.recorded' AND data::text LIKE '%"ptz.%'`).Scan(&told); err != nil || told != 3 {
		t.Errorf("%d events of the audit, %v", told, err)
	}
}

func TestAHeadLooksAtAPointOfTheMapButNotIntoASector(t *testing.T) {
	h, head := turning(t)
	// 200 m north-east of the camera: half right of east is bearing 45, pan -45.
	const metreLon, metreLat = 1 / 84_820.0, 1 / 111_040.0
	at := map[string]any{"lon": 110.005 + 141.4*metreLon, "lat": 40.405 + 141.4*metreLat}
	h.must(access.Operator, "POST", "/api/v1/cameras/P1/ptz", map[string]any{"look": at}, nil)
	comes(t, head, "look", func(a streamtest.Aim, moves bool) bool {
		return !moves && math.Abs(a.Pan+45) < 0.2 && math.Abs(a.Tilt+5.71) < 0.1
	})
	h.must(access.Operator, "POST", "/api/v1/cameras/P1/ptz", map[string]any{"save": map[string]any{"name": "东北路口"}}, nil)
	var state struct {
		Driver  struct{ Username string }
		Presets []struct{ Token, Name string }
		At      struct {
			BearingDeg float64 `json:"bearing_deg"`
		}
		CanLook bool `json:"can_look"`
	}
	h.must(access.Operator, "GET", "/api/v1/cameras/P1/ptz", nil, &state)
	if len(state.Presets) != 1 || state.Presets[0].Name != "东北路口" || math.Abs(state.At.BearingDeg-45) > 0.2 || state.Driver.Username != "operator" || !state.CanLook {
		t.Errorf("%+v", state)
	}
	south := map[string]any{"lon": 110.005 - 100*metreLon, "lat": 40.405 - 150*metreLat} // bearing 214
	west := map[string]any{"lon": 110.005 - 100*metreLon, "lat": 40.405 - 36*metreLat}   // bearing 250: the way there crosses it
	for name, p := range map[string]any{"into": south, "through": west} {
		a := h.ask(access.Operator, "POST", "/api/v1/cameras/P1/ptz", map[string]any{"look": p})
		if code, detail := a.problem(); a.code != http.StatusConflict || code != "ptz_refused" || !strings.Contains(detail, "居民楼") {
			t.Errorf("%s the sector: %d %s", name, a.code, a.body)
		}
	}
	h.must(access.Operator, "POST", "/api/v1/cameras/P1/ptz", map[string]any{"to": map[string]any{"bearing_deg": 90, "tilt_deg": 0}}, nil)
	comes(t, head, "to", func(a streamtest.Aim, moves bool) bool { return !moves && math.Abs(a.Pan) < 0.1 })
	h.must(access.Operator, "POST", "/api/v1/cameras/P1/ptz", map[string]any{"goto": state.Presets[0].Token}, nil)
	comes(t, head, "the preset", func(a streamtest.Aim, moves bool) bool { return !moves && math.Abs(a.Pan+45) < 0.2 })
	h.must(access.Operator, "POST", "/api/v1/cameras/P1/ptz", map[string]any{"release": true}, nil)

	for _, tc := range []struct {
		role   access.Role
		method string
		path   string
		body   any
		code   int
	}{
		{access.Wall, "GET", "/api/v1/cameras/P1/ptz", nil, http.StatusForbidden},
		{access.Leader, "POST", "/api/v1/cameras/P1/ptz", map[string]any{"stop": true}, http.StatusForbidden},
		{access.Operator, "PUT", "/api/v1/cameras/P1/ptz/mount", map[string]any{}, http.StatusForbidden},
		{access.Admin, "PUT", "/api/v1/cameras/P1/ptz/mount", map[string]any{"address": "http://a:b@c/x", "pan_deg": 1, "speed_deg": 1, "tilt_high_deg": 1}, http.StatusUnprocessableEntity},
		{access.Admin, "POST", "/api/v1/cameras/C1/ptz", map[string]any{"stop": true}, http.StatusNotFound},
		{access.Operator, "POST", "/api/v1/cameras/P1/ptz", map[string]any{}, http.StatusUnprocessableEntity},
		{access.Operator, "POST", "/api/v1/cameras/P1/ptz", map[string]any{"goto": "no such"}, http.StatusServiceUnavailable},
		{access.Operator, "GET", "/api/v1/audit", nil, http.StatusForbidden},
	} {
		if a := h.ask(tc.role, tc.method, tc.path, tc.body); a.code != tc.code {
			t.Errorf("%s %s %s: %d %s", tc.role, tc.method, tc.path, a.code, a.body)
		}
	}
}

func TestANodeLearnsOfATakeOverOnAnotherOne(t *testing.T) {
	h, head := turning(t)
	_, other := serve(t, h.pool)
	first := h.seat(access.Operator)
	first.say(map[string]any{"take": true})
	first.until("the seat", func(m heard) bool { return m.Type == "state" && m.You })
	release := first.holding(1)
	defer release()
	comes(t, head, "a held key", func(_ streamtest.Aim, moves bool) bool { return moves })
	elsewhere := *h
	elsewhere.url = other
	second := elsewhere.seat(access.Dispatcher)
	second.say(map[string]any{"take_over": true})
	if m := first.until("word of the loss", func(m heard) bool { return m.Type == "lost" }); m.By != "dispatcher" {
		t.Errorf("lost to %q", m.By)
	}
	comes(t, head, "taken over elsewhere", stands)
	second.say(map[string]any{"release": true})
	second.until("a free seat", func(m heard) bool { return m.Type == "state" && m.Driver == nil })
}
