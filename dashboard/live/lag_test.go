package live_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"gridwall/dashboard/clock"
	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

// A node whose way to the database is cut does not know the newest events. Who comes from another node that told them is
// sent on, not back in time.
func TestANodeThatIsBehindSetsNobodyBack(t *testing.T) {
	pool := dbtest.Open(t)
	hub, err := live.Open(t.Context(), live.Config{Pool: pool, Clock: new(clock.Clock), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { hub.Run(ctx) }) // and no live.Log
	socket := &live.Socket{Hub: hub}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ask := live.Ask{Since: -1, Audience: r.URL.Query().Get("audience"), Topics: []string{"cases"}}
		fmt.Sscan(r.URL.Query().Get("since"), &ask.Since)
		if err := socket.Serve(w, r, live.Viewer{Rights: everything}, ask); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(func() {
		end()
		running.Wait()
		server.Close()
	})
	url := "ws" + strings.TrimPrefix(server.URL, "http")
	audience := dial(t, url).audience
	appendEvent(t, pool, "case.reported", 1)

	conn, answer, err := websocket.DefaultDialer.Dial(url+"?since=1&audience="+audience, nil)
	if err == nil {
		conn.Close()
	}
	if answer == nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answered %v, %v; want 503", answer, err)
	}
	if c := dial(t, url+"?since=2&audience="+audience); c.mode != "resync" {
		t.Errorf("with a number that the log itself does not have the mode is %s, want resync", c.mode)
	}
}
