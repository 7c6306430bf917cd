package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/clock"
	"gridwall/dashboard/live"
)

// everything are the rights of who may see all.
var everything = []string{"case.read", "alarm.read", "map.read", "wall.read", "position.read"}

// node is a log, a hub and a socket on a database.
type node struct {
	hub  *live.Hub
	url  string // ws://…
	http *httptest.Server
	stop func()
}

// narrow are the sockets of a server whose kernel keeps little for a client: it is soon behind.
type narrow struct{ net.Listener }

func (l narrow) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return conn, err
}

// options are what tests change of a node.
type options struct {
	live.Config
	limits live.Limits
	origin []string
	narrow bool
	tls    bool
	viewer func(*http.Request) live.Viewer // nil: the headers Key, Rights and Grid; without Rights everything
}

// serve runs a node until the test ends.
func serve(t testing.TB, pool *pgxpool.Pool, o options) *node {
	t.Helper()
	n, err := start(pool, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.stop)
	return n
}

func fromHeader(r *http.Request) live.Viewer {
	v := live.Viewer{Key: r.Header.Get("Key"), Rights: everything, Grid: r.Header.Get("Grid")}
	if given := r.Header.Get("Rights"); given != "" {
		v.Rights = strings.Split(given, ",")
	}
	return v
}

func start(pool *pgxpool.Pool, o options) (*node, error) {
	o.Pool, o.Log = pool, slog.New(slog.DiscardHandler)
	if o.Clock == nil {
		o.Clock = new(clock.Clock)
	}
	if o.limits.PerAddress == 0 {
		o.limits.PerAddress = 1 << 20
	}
	if o.viewer == nil {
		o.viewer = fromHeader
	}
	hub, err := live.Open(context.Background(), o.Config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { (&live.Log{Pool: pool, Hub: hub, From: hub.Head(), Log: o.Log}).Run(ctx) })
	done.Go(func() { hub.Run(ctx) })
	socket := &live.Socket{Hub: hub, Limits: o.limits, Origins: o.origin}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		ask := live.Ask{Since: -1, Audience: q.Get("audience")}
		fmt.Sscan(q.Get("since"), &ask.Since)
		ask.Topics, _ = live.ParseTopics(q.Get("topics"))
		switch err := socket.Serve(w, r, o.viewer(r), ask); {
		case errors.Is(err, live.ErrOrigin):
			http.Error(w, err.Error(), http.StatusForbidden)
		case err != nil:
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}))
	if o.narrow {
		server.Listener = narrow{server.Listener}
	}
	if o.tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	return &node{hub, "ws" + strings.TrimPrefix(server.URL, "http"), server, sync.OnceFunc(func() {
		cancel()
		done.Wait()
		server.Close()
	})}, nil
}

// message is any of the server's.
type message struct {
	Type      string
	Mode      string
	Audience  string
	Topic     string
	Seq, Prev int64
	Now       time.Time
	Data      json.RawMessage
	Rows      []struct {
		Key string
		Row json.RawMessage
	}
	Positions []live.Position
}

// client is the reference of what a client does: it knows its number and what the tables hold, and applies the rules of
// the protocol to the letter.
type client struct {
	header   http.Header
	topics   string
	dialer   websocket.Dialer
	audience string
	last     int64
	pending  int64                                 // number of a resync whose snapshots have not all come; -1: none
	state    map[string]map[string]json.RawMessage // topic, key
	apply    func(c *client, m message)            // what an event does to state

	conn    *websocket.Conn
	mode    string // of the newest hello
	from    int64  // number of the newest resync …
	seen    []int64
	events  []message // … and what was applied since
	resyncs int
	objects map[string]live.Position
}

var errHole = errors.New("a hole: the server left out an event")

func newClient() *client {
	return &client{header: http.Header{}, last: -1, pending: -1, state: map[string]map[string]json.RawMessage{}, objects: map[string]live.Position{}}
}

// connect dials and says hello.
func (c *client) connect(url string) error {
	c.close()
	q := "?topics=" + c.topics
	if c.last >= 0 {
		q += fmt.Sprintf("&since=%d&audience=%s", c.last, c.audience)
	}
	conn, resp, err := c.dialer.Dial(url+q, c.header)
	if err != nil {
		if resp != nil {
			return fmt.Errorf("%w: %s", err, resp.Status)
		}
		return err
	}
	c.conn = conn
	m, err := c.receive()
	if err != nil {
		return err
	}
	return c.hello(m)
}

// hello takes the first message of a connection.
func (c *client) hello(m message) error {
	if m.Type != "hello" || m.Audience == "" || m.Now.IsZero() {
		return fmt.Errorf("the first message is %+v, want hello", m)
	}
	c.mode = m.Mode
	switch m.Mode {
	case "resync":
		c.audience, c.last, c.pending, c.from = m.Audience, -1, m.Seq, m.Seq
		c.seen, c.events = nil, nil
		c.state = map[string]map[string]json.RawMessage{}
		c.resyncs++
	case "live", "replay":
		if m.Audience != c.audience {
			return fmt.Errorf("%s in another audience", m.Mode)
		}
		if m.Mode == "live" {
			c.last = m.Seq
		}
	default:
		return fmt.Errorf("mode %q", m.Mode)
	}
	return nil
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *client) receive() (m message, err error) {
	kind, text, err := c.conn.ReadMessage()
	if err != nil {
		return m, err
	}
	if kind != websocket.TextMessage {
		return m, fmt.Errorf("message of kind %d", kind)
	}
	return m, json.Unmarshal(text, &m)
}

// step takes one message.
func (c *client) step() error {
	m, err := c.receive()
	if err != nil {
		return err
	}
	return c.take(m)
}

func (c *client) take(m message) error {
	switch m.Type {
	case "snapshot":
		if m.Seq != c.from {
			return fmt.Errorf("a snapshot of %d after a resync to %d", m.Seq, c.from)
		}
		rows := map[string]json.RawMessage{}
		for _, r := range m.Rows {
			rows[r.Key] = r.Row
		}
		c.state[m.Topic] = rows
		return nil
	case "positions":
		for _, p := range m.Positions {
			c.objects[p.ID] = p
		}
		return nil
	}
	if c.pending >= 0 && m.Type == "beat" { // it ends the snapshots
		c.last, c.pending = c.pending, -1
	}
	switch {
	case c.pending < 0 && m.Seq <= c.last:
		return nil
	case c.pending >= 0, m.Prev > c.last:
		return fmt.Errorf("%w: %d has %d before it, the client %d", errHole, m.Seq, m.Prev, c.last)
	}
	c.last = m.Seq
	if m.Type == "beat" {
		return nil
	}
	c.seen = append(c.seen, m.Seq)
	c.events = append(c.events, m)
	if c.apply != nil {
		c.apply(c, m)
	}
	return nil
}

// upTo steps until the client knows number seq. The caller sees to it that seq is told.
func (c *client) upTo(seq int64) error {
	c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for c.last < seq {
		if err := c.step(); err != nil {
			return fmt.Errorf("at %d, waiting for %d: %w", c.last, seq, err)
		}
	}
	return nil
}

// next is the next event.
func (c *client) next(t testing.TB) message {
	t.Helper()
	n := len(c.events)
	c.conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // over all beats
	for len(c.events) == n {
		if err := c.step(); err != nil {
			t.Fatal(err)
		}
	}
	return c.events[n]
}

// text is the state, by topic and key: the same bytes for the same state.
func (c *client) text() []byte {
	var b bytes.Buffer
	for _, topic := range slices.Sorted(maps.Keys(c.state)) {
		for _, key := range slices.Sorted(maps.Keys(c.state[topic])) {
			fmt.Fprintf(&b, "%s %s %s\n", topic, key, c.state[topic][key])
		}
	}
	return b.Bytes()
}

// dial connects a client that may see everything.
func dial(t testing.TB, url string, change ...func(*client)) *client {
	t.Helper()
	c := newClient()
	for _, f := range change {
		f(c)
	}
	if err := c.connect(url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// since is a client that comes back to an audience.
func since(seq int64, audience string) func(*client) {
	return func(c *client) { c.last, c.audience = seq, audience }
}

func topics(list string) func(*client) { return func(c *client) { c.topics = list } }
