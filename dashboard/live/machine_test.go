package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

// A world of things of two topics: each thing has its place and its secrecy for good, and a state that events change.
var (
	thingKeys  = []string{"1", "2", "3", "10", "11"}
	thingGrids = map[string]string{"1": "", "2": "A1", "3": "A2", "10": "B1", "11": "A1"}
	thingNeeds = map[string]string{"11": "secret.read", "3": "secret.read"}
	thingLines = map[string][]string{"1": {"D1"}, "2": {"D1", "D2"}, "11": {}} // the others are of every line
	someLines  = []string{"", "D1", "D2"}
	cellsUnder = map[string][]string{"A": {"A1", "A2"}, "B": {"B1"}}
	someRights = [][]string{everything, {"case.read", "map.read", "secret.read"}, {"case.read", "map.read"}, {"map.read"}, {"case.read", "secret.read"}}
	someGrids  = []string{"", "A", "B", "A1"}
	thingKinds = map[string]string{"cases": "case.moved", "cameras": "camera.state"}
	thingTopic = map[string]string{"case.moved": "cases", "camera.state": "cameras"}
	topicNeeds = map[string]string{"cases": "case.read", "cameras": "map.read"}
)

const thingTable = `CREATE TABLE thing (topic text, key text, grid text NOT NULL, needs text NOT NULL, lines text[], data json NOT NULL, PRIMARY KEY (topic, key))`

type thing struct {
	Key string          `json:"key"`
	Row json.RawMessage `json:"row"` // null: gone
}

// things is the table of a topic.
func things(topic string) live.Table {
	return live.Table{
		Topic: topic,
		Load: func(ctx context.Context, tx pgx.Tx) ([]live.Row, error) {
			rows, err := tx.Query(ctx, `SELECT key, grid, needs, lines, data FROM thing WHERE topic = $1`, topic)
			if err != nil {
				return nil, err
			}
			return pgx.CollectRows(rows, pgx.RowToStructByPos[live.Row])
		},
		Apply: func(e live.Event) []live.Row {
			var th thing
			if err := json.Unmarshal(e.Data, &th); err != nil {
				return nil
			}
			if string(th.Row) == "null" {
				th.Row = nil
			}
			return []live.Row{{Key: th.Key, Grid: e.Grid, Needs: e.Needs, Lines: thingLines[th.Key], Data: th.Row}}
		},
		Lines: func(e live.Event) []string {
			var th thing
			json.Unmarshal(e.Data, &th)
			return thingLines[th.Key]
		},
	}
}

// change appends what happens to a thing; row nil: it goes.
func change(ctx context.Context, tx pgx.Tx, topic, key string, row any) (int64, error) {
	text, err := json.Marshal(row)
	if err != nil {
		return 0, err
	}
	grid, needs := thingGrids[key], thingNeeds[key]
	if row == nil {
		_, err = tx.Exec(ctx, `DELETE FROM thing WHERE topic = $1 AND key = $2`, topic, key)
	} else {
		_, err = tx.Exec(ctx, `INSERT INTO thing (topic, key, grid, needs, data, lines) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (topic, key) DO UPDATE SET data = EXCLUDED.data`, topic, key, grid, needs, text, thingLines[key])
	}
	if err != nil {
		return 0, err
	}
	return live.Append(ctx, tx, live.Draft{Type: thingKinds[topic], At: time.Now(), Grid: grid, Needs: needs, Data: thing{key, text}})
}

// applyThing is what a client makes of an event.
func applyThing(c *client, m message) {
	var th thing
	json.Unmarshal(m.Data, &th)
	rows := c.state[thingTopic[m.Type]]
	if rows == nil {
		rows = map[string]json.RawMessage{}
		c.state[thingTopic[m.Type]] = rows
	}
	if string(th.Row) == "null" {
		delete(rows, th.Key)
	} else {
		rows[th.Key] = th.Row
	}
}

// sees is the rule of audiences, said once more and plainly.
func sees(v live.Viewer, topic, key string) bool {
	grid, needs := thingGrids[key], thingNeeds[key]
	return slices.Contains(v.Rights, topicNeeds[topic]) && (needs == "" || slices.Contains(v.Rights, needs)) &&
		(v.Grid == "" || grid == "" || grid == v.Grid || slices.Contains(cellsUnder[v.Grid], grid)) &&
		(v.Line == "" || thingLines[key] == nil || slices.Contains(thingLines[key], v.Line))
}

// cutter ends a connection after a number of bytes that were read.
type cutter struct {
	net.Conn
	left int
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.left <= 0 {
		c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// world is the machine's: two nodes on one database, clients that come and go, and what the log says.
type world struct {
	*rapid.T
	pool  *pgxpool.Pool
	nodes [2]*node

	mu      sync.Mutex
	viewers map[string]live.Viewer // by key, what access would say

	log     []told // all events since the machine began
	clients []*guest
}

type told struct {
	seq        int64
	topic, key string
}

type guest struct {
	*client
	key  string
	is   live.Viewer // as of its newest resync
	cut  *cutter
	node int
}

func (w *world) viewer(key string) live.Viewer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.viewers[key]
}

func (w *world) startNode(i int) {
	n, err := start(w.pool, options{narrow: true,
		viewer: func(r *http.Request) live.Viewer { return w.viewer(r.Header.Get("Key")) },
		Config: live.Config{
			Tables: []live.Table{things("cases"), things("cameras")}, RingBytes: 4 << 10,
			Under: func(grid string) []string { return cellsUnder[grid] },
			Again: func(_ context.Context, key string) (live.Viewer, error) { return w.viewer(key), nil },
		}})
	if err != nil {
		w.Fatal(err)
	}
	w.nodes[i] = n
}

func (w *world) head() int64 {
	if len(w.log) == 0 {
		return 0
	}
	return w.log[len(w.log)-1].seq
}

// append changes n things, each by an event, in one transaction.
func (w *world) append(n, size int) {
	if err := pgx.BeginFunc(context.Background(), w.pool, func(tx pgx.Tx) error {
		for range n {
			topic := rapid.SampledFrom([]string{"cases", "cameras"}).Draw(w.T, "topic")
			key := rapid.SampledFrom(thingKeys).Draw(w.T, "key")
			var row any
			if rapid.IntRange(0, 4).Draw(w.T, "gone") > 0 {
				row = map[string]string{"v": strings.Repeat("字", size), "n": fmt.Sprint(len(w.log), "<&>")}
			}
			seq, err := change(context.Background(), tx, topic, key, row)
			if err != nil {
				return err
			}
			w.log = append(w.log, told{seq, topic, key})
		}
		return nil
	}); err != nil {
		w.Fatal(err)
	}
}

// connect brings a client to a node, with what it knows.
func (w *world) connect(g *guest, node int) {
	g.node = node
	err := g.client.connect(w.nodes[node].url)
	if err != nil {
		w.lost(g, err)
		return
	}
	if g.mode == "resync" {
		g.is = w.viewer(g.key)
	}
}

// lost takes the end of a connection; a fault of the server is not that.
func (w *world) lost(g *guest, err error) {
	if errors.Is(err, errHole) {
		w.Fatalf("client %s on node %d: %v", g.key, g.node, err)
	}
	g.close()
}

// read takes what the client is told, as long as something comes.
func (w *world) read(g *guest, patience time.Duration) {
	if g.conn == nil {
		return
	}
	g.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		if err := g.step(); err != nil {
			w.lost(g, err)
			return
		}
	}
}

// check holds that each client has seen its audience's events once and in order, as far as it came.
func (w *world) check() {
	for _, g := range w.clients {
		var want []int64
		for _, e := range w.log {
			if e.seq > g.from && e.seq <= g.last && sees(g.is, e.topic, e.key) {
				want = append(want, e.seq)
			}
		}
		if !slices.Equal(g.seen, want) {
			w.Fatalf("client %s, resynced at %d, is at %d and saw %v, want %v", g.key, g.from, g.last, g.seen, want)
		}
	}
}

// settle brings every client up to the head and compares what it holds with what the database says.
func (w *world) settle() {
	for _, n := range w.nodes {
		await(w, func() bool { return n.hub.Head() >= w.head() })
	}
	for i, g := range w.clients {
		for try := 0; ; try++ {
			if try == 20 {
				w.Fatalf("client %s never came up to %d, it is at %d", g.key, w.head(), g.last)
			}
			w.connect(g, (i+try)%2)
			if g.conn == nil {
				continue
			}
			if err := g.upTo(w.head()); err != nil {
				w.lost(g, err)
				continue
			}
			break
		}
	}
	w.check()
	for _, g := range w.clients {
		if got, want := g.text(), w.truth(g.is); !bytes.Equal(got, want) {
			w.Fatalf("client %s holds\n%swant\n%s", g.key, got, want)
		}
	}
}

// truth is what a viewer should hold, from the database.
func (w *world) truth(v live.Viewer) []byte {
	rows, err := w.pool.Query(context.Background(), `SELECT topic, key, data::text FROM thing ORDER BY topic COLLATE "C", key COLLATE "C"`)
	if err != nil {
		w.Fatal(err)
	}
	var b bytes.Buffer
	var topic, key, data string
	if _, err := pgx.ForEachRow(rows, []any{&topic, &key, &data}, func() error {
		if sees(v, topic, key) {
			fmt.Fprintf(&b, "%s %s %s\n", topic, key, data)
		}
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	return b.Bytes()
}

// Whatever happens to connections, nodes and rights: every client holds what the database holds for it, byte for byte, and
// has seen each event of its audience once, in order.
func TestAClientEndsWithTheSnapshotWhateverHappens(t *testing.T) {
	pool := dbtest.Open(t)
	if _, err := pool.Exec(t.Context(), thingTable); err != nil {
		t.Fatal(err)
	}
	checks := flag.Lookup("rapid.checks")
	long := checks.Value.String() != checks.DefValue
	if !long { // a node that is stopped with clients that take nothing needs its time
		checks.Value.Set("5")
		defer checks.Value.Set(checks.DefValue)
	}
	modes := map[string]int{}
	closed := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{T: rt, pool: pool, viewers: map[string]live.Viewer{}}
		defer func() {
			for _, g := range w.clients {
				g.close()
			}
			var stops sync.WaitGroup
			for _, n := range w.nodes {
				if n != nil {
					stops.Go(n.stop)
				}
			}
			stops.Wait()
			for _, n := range w.nodes {
				if n != nil {
					w.count(n, modes, closed)
				}
			}
		}()
		w.startNode(0)
		w.startNode(1)
		w.log = append(w.log, told{seq: w.nodes[1].hub.Head()}) // where this machine begins
		for i := range 4 {
			key := fmt.Sprint("k", i)
			w.viewers[key] = live.Viewer{Key: key, Rights: someRights[i%len(someRights)], Grid: someGrids[i%len(someGrids)], Line: someLines[i%len(someLines)]}
			g := &guest{client: newClient(), key: key}
			g.dialer.EnableCompression = i%2 == 0
			g.apply = applyThing
			g.header.Set("Key", key)
			g.dialer.NetDial = func(network, address string) (net.Conn, error) {
				conn, err := net.Dial(network, address)
				if err != nil {
					return nil, err
				}
				conn.(*net.TCPConn).SetReadBuffer(4 << 10)
				g.cut = &cutter{conn, 1 << 30}
				return g.cut, nil
			}
			w.clients = append(w.clients, g)
		}
		w.connect(w.clients[0], 0)
		w.connect(w.clients[1], 1)
		one := func() *guest { return rapid.SampledFrom(w.clients).Draw(rt, "client") }
		which := rapid.IntRange(0, 1)
		rt.Repeat(map[string]func(*rapid.T){
			"":       func(*rapid.T) { w.check() },
			"append": func(*rapid.T) { w.append(rapid.IntRange(1, 8).Draw(rt, "events"), 10) },
			"much":   func(*rapid.T) { w.append(40, 300) }, // more than ring and kernel hold for one
			"connect": func(*rapid.T) {
				w.connect(one(), which.Draw(rt, "node"))
			},
			"read": func(*rapid.T) { w.read(one(), 15*time.Millisecond) },
			"cut": func(*rapid.T) {
				g := one()
				if g.conn == nil {
					w.connect(g, which.Draw(rt, "node"))
				}
				if g.cut != nil {
					g.cut.left = rapid.IntRange(0, 3000).Draw(rt, "bytes")
				}
				w.read(g, 15*time.Millisecond)
				g.close()
			},
			"rights": func(*rapid.T) {
				g := one()
				w.mu.Lock()
				w.viewers[g.key] = live.Viewer{Key: g.key, Rights: rapid.SampledFrom(someRights).Draw(rt, "rights"), Grid: rapid.SampledFrom(someGrids).Draw(rt, "grid"), Line: rapid.SampledFrom(someLines).Draw(rt, "line")}
				w.mu.Unlock()
				for _, n := range w.nodes {
					n.hub.Recheck(context.Background())
				}
			},
			"restart": func(*rapid.T) {
				i := which.Draw(rt, "node")
				w.nodes[i].stop()
				w.count(w.nodes[i], modes, closed)
				w.startNode(i)
			},
		})
		w.settle()
	})
	t.Log("modes:", modes, "closed:", closed)
	if t.Failed() || !long { // few checks need not meet everything
		return
	}
	for _, mode := range []string{"live", "replay", "resync"} {
		if modes[mode] == 0 {
			t.Errorf("no client was opened by %s: the machine does not try what it should", mode)
		}
	}
	for _, reason := range []string{"behind", "rights", "stopping", "gone"} {
		if closed[reason] == 0 {
			t.Errorf("no client was closed for %s: the machine does not try what it should", reason)
		}
	}
}

func (w *world) count(n *node, modes, closed map[string]int) {
	for _, m := range []string{"live", "replay", "resync"} {
		modes[m] += n.hub.Opened(m)
	}
	for _, c := range []string{"gone", "slow", "behind", "rights", "session", "flood", "stopping"} {
		closed[c] += n.hub.Closed(c)
	}
}
