package dashboard_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/dashboard/access"
)

// A mobile number and an identity number that people wrote into a case come to no wall: not by any route, tile, export or
// websocket, in snapshots, replays and as they happen.
func TestNoNumberOfAPersonComesToAWall(t *testing.T) {
	h := openWith(t, town)
	const mobile, identity = "13987651234", "110101199003071234"
	planted := func() map[string]any {
		return map[string]any{"title": "张某来电" + mobile, "description": "身份证" + identity + "，手机139 8765 1234", "address": "门牌" + mobile, "location": here,
			"reporter": map[string]string{"name": "张某", "phone": mobile}}
	}
	leaks := func(where string, text []byte) {
		t.Helper()
		for _, number := range []string{mobile, identity, "139 8765 1234"} {
			if bytes.Contains(text, []byte(number)) {
				t.Errorf("%s tells a wall %s: %s", where, number, text)
			}
		}
	}
	follow := func(role access.Role, since string) *websocket.Conn {
		t.Helper()
		conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(h.url, "http")+"/live"+since, http.Header{"Authorization": {"Bearer " + h.tokens[role]}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	// hear reads until the case was told so many times, as its title without the number tells.
	hear := func(conn *websocket.Conn, times int) []byte {
		t.Helper()
		var all []byte
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		for strings.Count(string(all), "张某来电") < times {
			_, text, err := conn.ReadMessage()
			if err != nil {
				t.Fatalf("%v after %s", err, all)
			}
			all = append(all, text...)
		}
		return all
	}

	before := follow(access.Wall, "")
	var made struct{ ID int64 }
	h.must(access.Operator, "POST", "/api/v1/cases", planted(), &made)
	leaks("an event", hear(before, 1))
	leaks("a snapshot", hear(follow(access.Wall, ""), 1))
	if text := hear(follow(access.Operator, ""), 1); !bytes.Contains(text, []byte(mobile)) {
		t.Errorf("the desk lost the number too: %s", text)
	}
	if a := h.move(access.Operator, made.ID, map[string]any{"move": "reject", "note": "机主" + mobile}); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	h.must(access.Operator, "POST", "/api/v1/cases", planted(), &made)

	own := things{grid: ownGrid, caseID: "1", photo: "x", alarm: "1", camera: "C1"}
	seen := 0
	for _, l := range h.dash.Table() {
		method, path := own.request(l)
		if method != "GET" || strings.HasPrefix(path, "/streams") || path == "/live" {
			continue
		}
		for _, path := range []string{path, path + "?q=张某", strings.Replace(path, "grids", "cases", 1), strings.Replace(path, "grids.csv", "cases.gpkg", 1)} {
			a := h.ask(access.Wall, "GET", path, nil)
			leaks(l.Pattern, a.body)
			if bytes.Contains(a.body, []byte("张某来电")) {
				seen++
			}
		}
	}
	if seen < 4 {
		t.Errorf("only %d answers held the case at all: the walk missed them", seen)
	}
}
