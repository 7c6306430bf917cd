package dashboard_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/dashboard/access"
)

// told is a message of /live.
type told struct {
	Type, Mode, Topic string
	Seq               int64
	Data              struct {
		Case    json.RawMessage
		Cameras []struct{ ID string }
	}
	Rows []struct {
		Key string
		Row json.RawMessage
	}
	Positions []struct{ ID string }
}

// follow opens /live on a node and reads until done says so.
func (h *house) follow(url string, role access.Role, topics string, done func(told) bool) *websocket.Conn {
	h.t.Helper()
	header := http.Header{"Authorization": {"Bearer " + h.tokens[role]}}
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/live?topics="+topics, header)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	h.until(conn, done)
	return conn
}

func (h *house) until(conn *websocket.Conn, done func(told) bool) {
	h.t.Helper()
	conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	for {
		var m told
		if err := conn.ReadJSON(&m); err != nil {
			h.t.Fatal(err)
		}
		if done(m) {
			return
		}
	}
}

// What a node loads from the tables is, byte for byte, what another made of the events.
func TestASnapshotIsTheSameOnANodeThatReadAndOneThatHeard(t *testing.T) {
	h := open(t)
	first := h.follow(h.url, access.Admin, "cases", func(m told) bool { return m.Type == "snapshot" })
	id := h.report("井盖破损 <&> “引号”")
	h.report("路灯不亮")
	if a := h.move(access.Operator, id, map[string]any{"move": "verify", "note": "已核实"}); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	rows := map[string]string{}
	h.until(first, func(m told) bool {
		if m.Data.Case != nil {
			var c struct{ ID json.Number }
			if err := json.Unmarshal(m.Data.Case, &c); err != nil {
				t.Fatal(err)
			}
			rows[c.ID.String()] = string(m.Data.Case)
		}
		return m.Type == "case.moved"
	})
	_, second := serve(t, h.pool)
	for node, url := range map[string]string{"that heard": h.url, "that read": second} {
		// Another audience than before: it shares no opening with it.
		h.follow(url, access.Admin, "cases,wall", func(m told) bool {
			if m.Type != "snapshot" {
				return false
			}
			if len(m.Rows) != len(rows) {
				t.Errorf("the node %s has %d rows, want %d", node, len(m.Rows), len(rows))
			}
			for _, r := range m.Rows {
				if string(r.Row) != rows[r.Key] {
					t.Errorf("the node %s has\n%s\nthe event had\n%s", node, r.Row, rows[r.Key])
				}
			}
			return true
		})
	}
}

func TestAnOfficersPositionReachesTheCentreAndNoWall(t *testing.T) {
	h := open(t)
	if a := h.ask(access.Officer, "POST", "/api/v1/positions", map[string]float64{"lon": 110.005, "lat": 40.405}); a.code != 204 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	h.follow(h.url, access.Operator, "positions", func(m told) bool { return m.Type == "positions" && len(m.Positions) == 1 })
	wall := h.follow(h.url, access.Wall, "positions,cases", func(m told) bool {
		if m.Type == "positions" {
			t.Error("a wall is told where officers are")
		}
		return m.Type == "beat"
	})
	wall.Close()
	if a := h.ask(access.Leader, "POST", "/api/v1/positions", map[string]float64{"lon": 110, "lat": 40}); a.code != 403 {
		t.Errorf("a leader who reports a position: %d", a.code)
	}
	for _, body := range []map[string]float64{{"lon": 110}, {"lon": 40, "lat": 110}} {
		if a := h.ask(access.Officer, "POST", "/api/v1/positions", body); a.code != 400 {
			t.Errorf("%v: %d %s", body, a.code, a.body)
		}
	}
}

// cameras are the ids that a message tells the state of.
func (m told) cameras() (ids []string) {
	for _, c := range m.Data.Cameras {
		ids = append(ids, c.ID)
	}
	if m.Topic == "cameras" {
		for _, r := range m.Rows {
			ids = append(ids, r.Key)
		}
	}
	return ids
}

func TestAWallDoesNotHearOfASecretCamera(t *testing.T) {
	h := open(t) // nobody answers at the addresses of its two cameras: the first sweep finds them dark
	heard := func(role access.Role, want string) (all []string) {
		h.follow(h.url, role, "cameras", func(m told) bool {
			all = append(all, m.cameras()...)
			return slices.Contains(all, want)
		})
		return all
	}
	var wall []string
	var watching sync.WaitGroup
	watching.Go(func() { wall = heard(access.Wall, "C1") })
	heard(access.Operator, "C2")
	watching.Wait()
	late := heard(access.Wall, "C1") // by the snapshot
	if slices.Contains(append(wall, late...), "C2") {
		t.Errorf("a wall hears of %v and %v", wall, late)
	}
}
