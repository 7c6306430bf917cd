package dashboard_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/dashboard"
	"gridwall/dashboard/access"
	"gridwall/streams/page"
	"gridwall/streams/streamtest/film"
)

// beside runs a relay on the house's database until the returned function is called.
func beside(h *house, name string) (url string, end func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	relay, err := dashboard.OpenRelay(ctx, dashboard.RelayConfig{Pool: h.pool, Name: name, URL: server.URL, WebRTCAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		cancel()
		h.t.Fatal(err)
	}
	handler = relay.Handler()
	done := make(chan error, 1)
	go func() { done <- relay.Run(ctx) }()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		server.Close()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	}
	h.t.Cleanup(end)
	return server.URL, end
}

// record is what comes over a page's socket.
func nextRecord(t *testing.T, conn *websocket.Conn) (kind byte, payload []byte) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	_, b, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return b[4], b[20 : 20+binary.BigEndian.Uint32(b)]
}

func TestARelayServesItsShareAndTheCentreSendsViewersThere(t *testing.T) {
	plays := film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{})).URL
	h := openWith(t, strings.ReplaceAll(places, "rtsp://admin:geheim@127.0.0.1:9/a", plays))
	state := func(id string) (state, reason string) {
		var c struct {
			State  string
			Reason *struct{ EN string }
		}
		json.Unmarshal(h.ask(access.Admin, "GET", "/api/v1/cameras/"+id, nil).body, &c)
		if c.Reason != nil {
			reason = c.Reason.EN
		}
		return c.State, reason
	}
	bulk := map[string]any{"ids": []string{"C1"}, "action": "relay", "value": "east"}
	if code, _ := h.ask(access.Admin, "POST", "/api/v1/cameras/bulk", bulk).problem(); code != "camera_invalid" {
		t.Errorf("a relay that never was: %q", code)
	}
	url, end := beside(h, "east")
	eventually(t, "the centre has heard of the relay", func() bool { return h.ask(access.Admin, "POST", "/api/v1/cameras/bulk", bulk).code == http.StatusOK })

	// The page is sent to the relay, and plays there by the token that it was given, and by nothing else.
	dial := func(at string, header http.Header) *websocket.Conn {
		conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(at, "http")+"/streams", header)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	var to struct{ At, Token string }
	centre := dial(h.url, http.Header{"Authorization": {"Bearer " + h.tokens[access.Wall]}})
	centre.WriteJSON(map[string]any{"subscribe": []any{map[string]any{"stream": 1, "id": "C1", "visible": true}}})
	if kind, b := nextRecord(t, centre); kind != page.Moved || json.Unmarshal(b, &to) != nil || to.At != url {
		t.Fatalf("record %d: %s, want one that sends to %s", kind, b, url)
	}
	there := dial(url, http.Header{"Origin": {h.url}, "Authorization": {"Bearer " + h.tokens[access.Wall]}})
	there.WriteJSON(map[string]any{"subscribe": []any{map[string]any{"stream": 1, "id": "C1", "visible": true}}})
	if kind, b := nextRecord(t, there); kind != page.Trouble {
		t.Errorf("without a token: record %d %s", kind, b)
	}
	there.WriteJSON(map[string]any{"subscribe": []any{map[string]any{"stream": 2, "id": "C2", "visible": true, "token": to.Token}}})
	if kind, b := nextRecord(t, there); kind != page.Trouble {
		t.Errorf("the token of another camera: record %d %s", kind, b)
	}
	stream := 2
	eventually(t, "with its token, once the relay has heard of its share, it plays", func() bool {
		stream++
		there.WriteJSON(map[string]any{"subscribe": []any{map[string]any{"stream": stream, "id": "C1", "visible": true, "token": to.Token}}})
		kind, _ := nextRecord(t, there)
		return kind == page.Init
	})

	// Whoever asks the centre for the pictures themselves is sent on, link and all; the pages may reach the relay.
	direct := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, _ := http.NewRequest("GET", h.url+"/streams/C1/hls/index.m3u8", nil)
	request.Header.Set("Authorization", "Bearer "+h.tokens[access.Operator])
	answer, err := direct.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	location := answer.Header.Get("Location")
	if answer.StatusCode != http.StatusTemporaryRedirect || !strings.HasPrefix(location, url+"/streams/C1/hls/index.m3u8?token=") {
		t.Errorf("HLS: %d %s", answer.StatusCode, location)
	}
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src 'self' "+url+" ws"+strings.TrimPrefix(url, "http")+";") {
		t.Errorf("pages may not reach the relay: %s", policy)
	}
	list, err := http.Get(location)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(list.Body)
	list.Body.Close()
	if list.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), "#EXTM3U") {
		t.Errorf("the relay's list: %d %s", list.StatusCode, text)
	}
	var links map[string]string
	json.Unmarshal(h.ask(access.Operator, "POST", "/api/v1/cameras/C1/links", nil).body, &links)
	if !strings.HasPrefix(links["whep"], url+"/streams/C1/whep?token=") {
		t.Errorf("links %v", links)
	}
	eventually(t, "the centre knows what the relay found", func() bool { s, _ := state("C1"); return s == "live" })

	// A relay does nothing else, and knows no cookies.
	if r, err := http.Get(url + "/readyz"); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("a proxy before relays asks whether this one is ready: %v %v", r, err)
	}
	for _, path := range []string{"/", "/api/v1/cameras", "/api/v1/cases", "/streams/C1/mse"} {
		if r, err := http.Get(url + path); err != nil || r.StatusCode != http.StatusNotFound && r.StatusCode != http.StatusUnauthorized {
			t.Errorf("GET %s at the relay: %v %v", path, r, err)
		} else {
			r.Body.Close()
		}
	}

	// When it is gone the centre says so, and which relay it is; when another comes by its name, its cameras are back.
	there.Close()
	end()
	eventually(t, "the silent relay is told", func() bool { s, why := state("C1"); return s == "offline" && strings.Contains(why, "relay east") })
	centre.WriteJSON(map[string]any{"subscribe": []any{map[string]any{"stream": 7, "id": "C1", "visible": true}}})
	if kind, b := nextRecord(t, centre); kind != page.Trouble || !strings.Contains(string(b), "relay east") {
		t.Errorf("a page that asks for it: record %d %s", kind, b)
	}
	if _, why := state("C2"); strings.Contains(why, "relay") {
		t.Errorf("a camera of the centre: %s", why)
	}
	beside(h, "east")
	eventually(t, "it is back", func() bool { s, _ := state("C1"); return s == "online" || s == "live" })

	// Given back to the centre, it plays there.
	bulk["value"] = ""
	if a := h.ask(access.Admin, "POST", "/api/v1/cameras/bulk", bulk); a.code != http.StatusOK {
		t.Fatalf("%d %s", a.code, a.body)
	}
	centre.WriteJSON(map[string]any{"subscribe": []any{map[string]any{"stream": 8, "id": "C1", "visible": true}}})
	if kind, b := nextRecord(t, centre); kind != page.Init {
		t.Errorf("back at the centre: record %d %s", kind, b)
	}
}
