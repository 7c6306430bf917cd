package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"gridwall/dashboard/clock"
	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a log and its socket on a database.
func serve(t *testing.T, pool *pgxpool.Pool) (url string, hub *live.Hub) {
	t.Helper()
	head, err := live.Head(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	hub = live.NewHub(head)
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { (&live.Log{Pool: pool, Hub: hub, Log: log}).Run(ctx) })
	socket := &live.Socket{Hub: hub, Pool: pool, Clock: new(clock.Clock), Log: log}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		since := int64(-1)
		fmt.Sscan(r.URL.Query().Get("since"), &since)
		topics, _ := live.ParseTopics(r.URL.Query().Get("topics"))
		done.Add(1)
		defer done.Done()
		socket.Serve(ctx, w, r, since, topics)
	}))
	server.Start()
	t.Cleanup(func() {
		cancel()
		done.Wait()
		server.Close()
	})
	return "ws" + strings.TrimPrefix(server.URL, "http"), hub
}

func appendEvent(t *testing.T, pool *pgxpool.Pool, kind string, data any) (seq int64) {
	t.Helper()
	err := pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) (err error) {
		seq, err = live.Append(context.Background(), tx, live.Draft{Type: kind, At: time.Now(), Data: data})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return seq
}

type told struct {
	Seq  int64
	Type string
	Data json.RawMessage
}

type client struct {
	t    *testing.T
	conn *websocket.Conn
	mode string
	seq  int64
	held []told
}

func dial(t *testing.T, url string) *client {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, conn: conn}
	var hello struct {
		Type, Mode string
		Seq        int64
		Now        time.Time
	}
	if err := conn.ReadJSON(&hello); err != nil || hello.Type != "hello" || time.Since(hello.Now) > time.Minute {
		t.Fatalf("hello = %+v, %v", hello, err)
	}
	c.mode, c.seq = hello.Mode, hello.Seq
	return c
}

// next is the next event, whether it came alone or in an array.
func (c *client) next() told {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // over all beats
	for len(c.held) == 0 {
		_, text, err := c.conn.ReadMessage()
		if err != nil {
			c.t.Fatal(err)
		}
		if text[0] != '[' {
			text = append(append([]byte{'['}, text...), ']')
		}
		var events []told
		if err := json.Unmarshal(text, &events); err != nil {
			c.t.Fatalf("%s: %v", text, err)
		}
		for _, e := range events {
			if e.Type != "beat" {
				c.held = append(c.held, e)
			}
		}
	}
	e := c.held[0]
	c.held = c.held[1:]
	return e
}

func TestEveryReaderGetsEveryEventOnceInOrderWhileManyWrite(t *testing.T) {
	pool := dbtest.Open(t)
	url, _ := serve(t, pool)
	clients := []*client{dial(t, url), dial(t, url), dial(t, url)}
	const writers, each = 16, 40
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				appendEvent(t, pool, "case.reported", map[string]int{"writer": w, "i": i})
			}
		})
	}
	for _, c := range clients {
		for n := int64(1); n <= writers*each; n++ {
			if e := c.next(); e.Seq != n {
				t.Fatalf("got event %d, want %d", e.Seq, n)
			}
		}
	}
	group.Wait()
}

func TestAClientThatComesBackMissesNothing(t *testing.T) {
	pool := dbtest.Open(t)
	url, hub := serve(t, pool)
	for i := range 5 {
		appendEvent(t, pool, "case.reported", i)
	}
	await(t, func() bool { return hub.Head() == 5 })

	c := dial(t, url+"?since=2")
	if c.mode != "replay" || c.seq != 5 {
		t.Fatalf("hello says %s up to %d, want replay up to 5", c.mode, c.seq)
	}
	for n := int64(3); n <= 5; n++ {
		if e := c.next(); e.Seq != n {
			t.Fatalf("got %d, want %d", e.Seq, n)
		}
	}
	if c := dial(t, url+"?since=5"); c.mode != "live" {
		t.Fatalf("at the head the mode is %s, want live", c.mode)
	}
	if c := dial(t, url+"?since=99"); c.mode != "resync" {
		t.Fatalf("with a number of another world the mode is %s, want resync", c.mode)
	}
}

func TestEventsFromBeforeTheStartComeFromTheDatabase(t *testing.T) {
	pool := dbtest.Open(t)
	for i := range 700 { // more than two batches of a client
		appendEvent(t, pool, "case.reported", i)
	}
	url, _ := serve(t, pool)
	c := dial(t, url+"?since=0")
	for n := int64(1); n <= 700; n++ {
		if e := c.next(); e.Seq != n || string(e.Data) != fmt.Sprint(n-1) {
			t.Fatalf("got %d %s, want %d", e.Seq, e.Data, n)
		}
	}
}

func TestAClientGetsOnlyItsTopics(t *testing.T) {
	pool := dbtest.Open(t)
	url, _ := serve(t, pool)
	c := dial(t, url+"?topics=cameras,geo")
	appendEvent(t, pool, "case.reported", 1)
	appendEvent(t, pool, "camera.state", 2)
	appendEvent(t, pool, "wall.changed", 3)
	appendEvent(t, pool, "grid.changed", 4)
	for _, want := range []string{"camera.state", "grid.changed"} {
		if e := c.next(); e.Type != want {
			t.Fatalf("got %s, want %s", e.Type, want)
		}
	}
}

func TestAnEventOfAnAbortedTransactionLeavesNoGap(t *testing.T) {
	pool := dbtest.Open(t)
	url, _ := serve(t, pool)
	c := dial(t, url)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := live.Append(t.Context(), tx, live.Draft{Type: "case.reported", At: time.Now(), Data: "lost"}); err != nil {
		t.Fatal(err)
	}
	tx.Rollback(t.Context())
	appendEvent(t, pool, "case.reported", "kept")
	if e := c.next(); e.Seq != 1 || string(e.Data) != `"kept"` {
		t.Fatalf("got %d %s", e.Seq, e.Data)
	}
}

func TestTheLogGoesOnAfterItsConnectionIsCut(t *testing.T) {
	pool := dbtest.Open(t)
	url, _ := serve(t, pool)
	c := dial(t, url)
	appendEvent(t, pool, "case.reported", 1)
	c.next()
	if _, err := pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		_, err := pool.Exec(context.Background(), "SELECT 1")
		return err == nil
	})
	appendEvent(t, pool, "case.reported", 2)
	if e := c.next(); e.Seq != 2 {
		t.Fatalf("got %d, want 2", e.Seq)
	}
}

func await(t *testing.T, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited 10 s in vain")
		}
	}
}
