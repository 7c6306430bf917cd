package dashboard_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
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
	const mobile, identity, wide = "13987651234", "110101199003071234", "１３９８７６５１２３４"
	planted := func() map[string]any {
		return map[string]any{"title": "张某来电" + mobile, "description": "身份证" + identity + "，手机139 8765 1234，" + wide + "，+86" + mobile, "address": "门牌" + mobile, "location": here,
			"reporter": map[string]string{"name": "张某", "phone": mobile}}
	}
	leaks := func(where string, text []byte) {
		t.Helper()
		for _, number := range []string{mobile, identity, "139 8765 1234", wide} {
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

	// What a wall may ask in any way: every route with every method, as it is, with a search, and of the layer of cases.
	h.ask(access.Operator, "POST", "/api/v1/alarms", map[string]any{"rule": "sensor", "key": "k", "active": true, "title": "张某来电" + mobile, "location": here})
	up := h.ask(access.Operator, "POST", "/api/v1/photos", photo(t))
	var picture struct{ ID string }
	if err := json.Unmarshal(up.body, &picture); err != nil {
		t.Fatal(err)
	}
	own := things{grid: ownGrid, caseID: fmt.Sprint(made.ID), photo: picture.ID, alarm: "1", camera: "C1"}
	seen, tried, answered := map[string]bool{}, 0, 0
	ask := func(route, method, path string, header ...string) {
		t.Helper()
		var body any
		if method != "GET" {
			body = []byte(`{"q":"张某","points":[[110.005,40.405]],"fps":25}`)
		}
		a := h.ask(access.Wall, method, path, body, header...)
		text := a.body
		if a.header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if text, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		tried++
		if a.code < 300 {
			answered++
		}
		leaks(method+" "+path, text)
		leaks(method+" "+path, []byte(fmt.Sprint(a.header)))
		if bytes.Contains(text, []byte("张某来电")) {
			seen[route] = true
		}
	}
	for _, l := range h.dash.Table() {
		method, path := own.request(l)
		if path == "/streams" || strings.HasPrefix(path, "/streams/") || path == "/live" { // sockets and pictures
			continue
		}
		for _, path := range []string{path, path + "?q=张某", path + "?q=" + mobile, strings.Replace(path, "grids", "cases", 1), strings.Replace(path, "grids.csv", "cases.gpkg", 1), strings.Replace(path, "grids.csv", "cases.geojson", 1)} {
			ask(l.Pattern, method, path)
		}
	}
	// Tiles of every layer over the place, as they are and packed.
	const n, x, y = 14, 13198, 6239
	for _, layer := range []string{"grids", "buildings", "cameras", "backdrop", "cases", "blind"} {
		for _, packed := range []string{"identity", "gzip"} {
			ask("tiles", "GET", fmt.Sprintf("/tiles/%s/%d/%d/%d.mvt", layer, n, x, y), "Accept-Encoding", packed)
		}
	}
	if len(seen) < 4 || tried < 500 || answered < 100 {
		t.Errorf("the walk missed the case: %v of %d requests, %d answered", seen, tried, answered)
	}
	// A search for the number itself must not tell that there is such a case.
	for _, path := range []string{"/api/v1/cases?q=" + mobile, "/api/v1/search?q=" + mobile, "/api/v1/cases?q=39876", "/api/v1/search?q=%EF%BC%93%EF%BC%99%EF%BC%98"} {
		if a := h.ask(access.Wall, "GET", path, nil); bytes.Contains(a.body, []byte("张某来电")) {
			t.Errorf("%s finds the case of a number for a wall: %s", path, a.body)
		}
	}

	// Both sockets, from the log's first event, with every topic.
	leaks("a replay", hear(follow(access.Wall, "?since=0"), 2))
	for _, path := range []string{"/streams", "/streams/C1/mse", "/api/v1/cameras/C1/ptz/drive"} {
		conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(h.url, "http")+path, http.Header{"Authorization": {"Bearer " + h.tokens[access.Wall]}})
		if err != nil {
			continue // refused, or the camera is dark
		}
		_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"play":["C1"]}`))
		_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		for {
			_, text, err := conn.ReadMessage()
			if err != nil {
				break
			}
			leaks(path, text)
		}
		conn.Close()
	}
}
