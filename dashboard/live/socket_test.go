package live_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

// closedWith reads until the server closes, and returns how.
func closedWith(t testing.TB, c *client) (code int, reason string) {
	t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	for {
		err := c.step()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code, closed.Text
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPageOfAnotherOriginMayNotFollow(t *testing.T) {
	n := serve(t, dbtest.Open(t), options{origin: []string{"https://wall.example"}})
	for origin, want := range map[string]string{
		"https://evil.example": "403", "https://wall.example": "", "http" + strings.TrimPrefix(n.url, "ws"): "", "": "", "http://wall.example": "403", "%": "403",
	} {
		c := newClient()
		if origin != "" {
			c.header.Set("Origin", origin)
		}
		err := c.connect(n.url)
		c.close()
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && !strings.Contains(got, want) {
			t.Errorf("origin %q: %v, want %q", origin, err, want)
		}
	}
}

func TestThereAreOnlySoManyClients(t *testing.T) {
	n := serve(t, dbtest.Open(t), options{limits: live.Limits{PerAddress: 3}})
	clients := []*client{dial(t, n.url), dial(t, n.url), dial(t, n.url)}
	c := newClient()
	if err := c.connect(n.url); err == nil || !strings.Contains(err.Error(), "503") {
		t.Fatalf("the fourth: %v, want 503", err)
	}
	clients[0].close()
	await(t, func() bool { return n.hub.Clients() == 2 })
	dial(t, n.url)
}

func TestAClientThatFloodsIsClosed(t *testing.T) {
	n := serve(t, dbtest.Open(t), options{})
	for name, send := range map[string]func(*websocket.Conn) error{
		"texts": func(conn *websocket.Conn) error { return conn.WriteMessage(websocket.TextMessage, []byte("hello?")) },
		"fragments of one message": func(conn *websocket.Conn) error {
			return conn.WriteMessage(websocket.BinaryMessage, make([]byte, 64<<10))
		},
		"pings": func(conn *websocket.Conn) error {
			return conn.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(time.Second))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, n.url)
			for range 200 {
				if send(c.conn) != nil {
					break
				}
			}
			if code, reason := closedWith(t, c); reason != "flood" && code != websocket.CloseMessageTooBig {
				t.Errorf("closed with %d %q", code, reason)
			}
		})
	}
}

func TestAMessageThatIsTooLongClosesTheClient(t *testing.T) {
	n := serve(t, dbtest.Open(t), options{})
	c := dial(t, n.url, func(c *client) { c.dialer.WriteBufferSize = 16 << 10 }) // in one frame
	c.conn.WriteMessage(websocket.TextMessage, make([]byte, 8<<10))
	if code, _ := closedWith(t, c); code != websocket.CloseMessageTooBig {
		t.Errorf("closed with %d", code)
	}
}

func TestACloseIsAnswered(t *testing.T) {
	n := serve(t, dbtest.Open(t), options{})
	c := dial(t, n.url)
	c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye"), time.Now().Add(time.Second))
	if code, _ := closedWith(t, c); code != websocket.CloseNormalClosure {
		t.Errorf("closed with %d", code)
	}
	await(t, func() bool { return n.hub.Clients() == 0 })
}

func TestAPingIsAnsweredUnderAStream(t *testing.T) {
	pool := dbtest.Open(t)
	n := serve(t, pool, options{})
	c := dial(t, n.url)
	var pongs []string
	c.conn.SetPongHandler(func(text string) error { pongs = append(pongs, text); return nil })
	for i := range 20 {
		appendEvent(t, pool, "case.reported", strings.Repeat("x", i*100))
		c.conn.WriteControl(websocket.PingMessage, fmt.Append(nil, i), time.Now().Add(time.Second))
		c.next(t)
	}
	appendEvent(t, pool, "case.reported", "last")
	for len(pongs) < 20 && c.last < 40 {
		appendEvent(t, pool, "case.reported", "more")
		c.next(t)
	}
	if want := 20; len(pongs) != want || pongs[19] != "19" {
		t.Errorf("pongs %v", pongs)
	}
}

// A connection that is no plain TCP is written to by a goroutine of its own.
func TestTLSClientsAreTold(t *testing.T) {
	pool := dbtest.Open(t)
	n := serve(t, pool, options{tls: true})
	c := dial(t, "wss"+strings.TrimPrefix(n.url, "wss"), func(c *client) {
		c.dialer.TLSClientConfig = n.http.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		c.dialer.TLSClientConfig.NextProtos = nil
	})
	appendMany(t, pool, 300)
	for want := int64(1); want <= 300; want++ {
		if m := c.next(t); m.Seq != want {
			t.Fatalf("got %d, want %d", m.Seq, want)
		}
	}
}

func TestANodeThatStopsSaysSo(t *testing.T) {
	n := serve(t, dbtest.Open(t), options{})
	c := dial(t, n.url)
	go n.stop()
	if code, reason := closedWith(t, c); code != websocket.CloseGoingAway || reason != "stopping" {
		t.Errorf("closed with %d %q", code, reason)
	}
}

func TestChangedRightsTakeEffectWithinSeconds(t *testing.T) {
	pool := dbtest.Open(t)
	if _, err := pool.Exec(t.Context(), thingTable); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	viewers := map[string]live.Viewer{"a": {Key: "a", Rights: everything}, "b": {Key: "b", Rights: everything}}
	n := serve(t, pool, options{
		viewer: func(r *http.Request) live.Viewer { mu.Lock(); defer mu.Unlock(); return viewers[r.Header.Get("Key")] },
		Config: live.Config{Tables: []live.Table{things("cases"), things("cameras")}, Again: func(_ context.Context, key string) (live.Viewer, error) {
			mu.Lock()
			defer mu.Unlock()
			v, ok := viewers[key]
			if !ok {
				return v, live.ErrGone
			}
			return v, nil
		}}})
	a := dial(t, n.url, func(c *client) { c.header.Set("Key", "a") })
	b := dial(t, n.url, func(c *client) { c.header.Set("Key", "b") })
	mu.Lock()
	viewers["a"] = live.Viewer{Key: "a", Rights: []string{"map.read"}}
	delete(viewers, "b")
	mu.Unlock()
	began := time.Now()
	if code, reason := closedWith(t, a); code != websocket.ClosePolicyViolation || reason != "rights" {
		t.Errorf("closed with %d %q", code, reason)
	}
	if code, reason := closedWith(t, b); code != websocket.ClosePolicyViolation || reason != "session" {
		t.Errorf("closed with %d %q", code, reason)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	before := a.audience
	if err := a.connect(n.url); err != nil || a.mode != "resync" || a.audience == before {
		t.Errorf("back: %v, mode %s, the audience is the same: %v", err, a.mode, a.audience == before)
	}
}

func TestPositionsGoToWhoMaySeeThemOnEveryNode(t *testing.T) {
	pool := dbtest.Open(t)
	o := options{Config: live.Config{
		Under:  func(grid string) []string { return cellsUnder[grid] },
		Locate: func(lon, _ float64) string { return map[float64]string{1: "A1", 2: "B1"}[lon] },
	}}
	here, there := serve(t, pool, o), serve(t, pool, o)
	all := dial(t, there.url)
	inA := dial(t, there.url, func(c *client) { c.header.Set("Grid", "A") })
	none := dial(t, there.url, func(c *client) { c.header.Set("Rights", "case.read") })
	at := time.Now().UTC().Truncate(time.Microsecond)
	for i := range 3 { // the newest counts
		for _, p := range []live.Position{{"o1", 1, 40, at}, {"o2", 2, 40, at}, {"o3", 9, 40, at}} {
			p.Lat += float64(i)
			if err := here.hub.Report(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := here.hub.Report(live.Position{ID: "x", Lon: 181, At: at}); !errors.Is(err, live.ErrNowhere) {
		t.Errorf("a place that is none: %v", err)
	}
	ids := func(c *client, n int) (ids []string) {
		c.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		for len(c.objects) < n {
			if err := c.step(); err != nil {
				t.Fatal(err)
			}
		}
		for id, p := range c.objects {
			if p.Lat != 42 {
				t.Errorf("%s is at %v, want the newest", id, p)
			}
			ids = append(ids, id)
		}
		slices.Sort(ids)
		return ids
	}
	if got := ids(all, 3); !slices.Equal(got, []string{"o1", "o2", "o3"}) {
		t.Errorf("who sees everywhere is told of %v", got)
	}
	if got := ids(inA, 1); !slices.Equal(got, []string{"o1"}) {
		t.Errorf("who sees A is told of %v", got)
	}
	if got := ids(dial(t, there.url), 3); len(got) != 3 { // a newcomer
		t.Errorf("a newcomer is told of %v", got)
	}
	appendEvent(t, pool, "case.reported", 1)
	if none.next(t); len(none.objects) != 0 {
		t.Errorf("who may not is told of %v", none.objects)
	}
	if n := all.last; n > 1 {
		t.Errorf("positions took numbers of the log: %d", n)
	}
}

func TestTheCanaryArrives(t *testing.T) {
	n := serve(t, dbtest.Open(t), options{})
	await(t, n.hub.Canary)
}

func TestManyNewcomersShareASnapshot(t *testing.T) {
	pool := dbtest.Open(t)
	n := serve(t, pool, options{})
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			c := newClient()
			defer c.close()
			if err := c.connect(n.url); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if made := n.hub.Snapshots(); made > 2 {
		t.Errorf("%d snapshots were made for 50 newcomers", made)
	}
}

// counted counts what is read.
type counted struct {
	net.Conn
	read *int
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	*c.read += n
	return n, err
}

func TestASnapshotIsDeflatedForWhoInflates(t *testing.T) {
	pool := dbtest.Open(t)
	if _, err := pool.Exec(t.Context(), thingTable); err != nil {
		t.Fatal(err)
	}
	if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		for _, key := range thingKeys {
			if _, err := change(t.Context(), tx, "cases", key, strings.Repeat("污水外溢 ", 300)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	n := serve(t, pool, options{Config: live.Config{Tables: []live.Table{things("cases"), things("cameras")}}})
	var sizes [2]int
	var states [2][]byte
	for i, inflates := range []bool{false, true} {
		c := dial(t, n.url, func(c *client) {
			c.dialer.EnableCompression = inflates
			c.dialer.NetDial = func(network, address string) (net.Conn, error) {
				conn, err := net.Dial(network, address)
				return counted{conn, &sizes[i]}, err
			}
		})
		if err := c.upTo(n.hub.Head()); err != nil {
			t.Fatal(err)
		}
		states[i] = c.text()
		e := appendEvent(t, pool, "case.reported", "next")
		if got := c.next(t); got.Seq != e {
			t.Fatalf("event %d after the snapshot, want %d", got.Seq, e)
		}
	}
	if !bytes.Equal(states[0], states[1]) || len(states[0]) < 10_000 {
		t.Errorf("states of %d and %d bytes differ", len(states[0]), len(states[1]))
	}
	if sizes[1] > sizes[0]/5 {
		t.Errorf("%d bytes deflated, %d as they are", sizes[1], sizes[0])
	}
}
