package main

import (
	"context"
	"fmt"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// silence is how long a connection may say nothing before its reader goes elsewhere: two beats.
const silence = 11 * time.Second

// who is an identity that reads: its token, its topics (empty: all that it may have) and its jurisdiction.
type who struct {
	name, token string
	topics      string
	grid        string // "": everywhere
	rights      map[string]bool
}

// reader follows the log as a page does: it applies what comes next, drops what it has, comes back with its number on a
// hole or a loss, and starts from a snapshot when the server says so.
type reader struct {
	who
	nodes  []string // websocket addresses
	random *rand.Rand
	cases  *caseCache

	mu       sync.Mutex
	last     int64 // newest number applied, or that the snapshot stood for; -1: none
	upto     int64 // newest number of the log that it is known to be complete to
	pending  bool  // a resync whose snapshots have not all come: who is cut off from them has nothing
	audience string
	state    map[string]uint32 // open cases: checksum of their JSON
	round    seen
}

// seen is what a reader saw in a round.
type seen struct {
	start     int64 // what was before
	events    []event
	jumps     []jump   // what a snapshot stood for
	faults    []string // what the server must never do
	modes     map[string]int
	holes     int
	lost      int // connections
	audiences map[string]bool
}

// event is a number of the log with the checksum of its data.
type event struct {
	seq int64
	sum uint32
}

// jump is a resync: from the newest number that the reader had to that of the snapshot.
type jump struct{ from, to int64 }

func newReader(w who, nodes []string, seed uint64, cases *caseCache) *reader {
	r := &reader{who: w, nodes: nodes, random: rand.New(rand.NewPCG(seed, 50)), cases: cases, last: -1, state: map[string]uint32{}}
	r.take()
	return r
}

// take returns what was seen since the last call and begins anew.
func (r *reader) take() seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.round
	r.round = seen{start: r.last, modes: map[string]int{}, audiences: map[string]bool{}}
	return was
}

// reached says how far the reader knows the log.
func (r *reader) reached() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.upto
}

func (r *reader) table() map[string]uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.state)
}

// run follows until ctx ends, on one node after the other.
func (r *reader) run(ctx context.Context) error {
	for ctx.Err() == nil {
		r.follow(ctx, r.nodes[r.random.IntN(len(r.nodes))])
		pause(ctx, time.Duration(50+r.random.IntN(250))*time.Millisecond)
	}
	return nil
}

func (r *reader) address(node string) string {
	q := url.Values{}
	if r.topics != "" {
		q.Set("topics", r.topics)
	}
	if r.last >= 0 && !r.pending {
		q.Set("since", strconv.FormatInt(r.last, 10))
		if r.audience != "" {
			q.Set("audience", r.audience)
		}
	}
	return node + "/live?" + q.Encode()
}

var dialer = websocket.Dialer{HandshakeTimeout: 5 * time.Second, ReadBufferSize: 16 << 10}

func (r *reader) follow(ctx context.Context, node string) {
	conn, answer, err := dialer.DialContext(ctx, r.address(node), http.Header{"Authorization": {"Bearer " + r.token}})
	if err != nil {
		if answer != nil && answer.StatusCode >= 400 && answer.StatusCode < 500 && answer.StatusCode != http.StatusTooManyRequests {
			r.blame("%s was answered %s", r.address(node), answer.Status)
		}
		return
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	greeted := false
	for {
		conn.SetReadDeadline(time.Now().Add(silence))
		_, text, err := conn.ReadMessage()
		if err == nil {
			err = eachFrame(text, func(f frame) error { return r.apply(f, &greeted) })
		}
		if err != nil {
			r.mu.Lock()
			if ctx.Err() == nil {
				r.round.lost++
			}
			r.mu.Unlock()
			return
		}
	}
}

func (r *reader) blame(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault(format, args...)
}

func (r *reader) fault(format string, args ...any) {
	if len(r.round.faults) < 20 {
		r.round.faults = append(r.round.faults, fmt.Sprintf(format, args...))
	}
}

// holeError makes the reader come back with its number.
type holeError struct{ last, prev int64 }

func (e *holeError) Error() string {
	return fmt.Sprintf("hole: %d is missing after %d", e.prev, e.last)
}

func (r *reader) apply(f frame, greeted *bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !*greeted && f.kind != "hello" {
		r.fault("the first frame was %s", f.kind)
	}
	switch f.kind {
	case "hello":
		*greeted = true
		r.hello(f)
		return nil
	case "snapshot":
		return r.snapshot(f)
	case "positions":
		return nil
	case "beat":
		if f.prev > r.last {
			return r.hole(f)
		}
		r.pending = false
		r.upto = max(r.upto, f.seq)
		return nil
	}
	if f.seq <= r.last {
		r.fault("event %d came again after %d on one connection", f.seq, r.last)
		return nil
	}
	if f.prev > r.last {
		return r.hole(f)
	}
	if r.pending {
		r.fault("event %d came before the snapshots were complete", f.seq)
	}
	r.round.events = append(r.round.events, event{f.seq, sum(f.data)})
	r.last, r.upto = f.seq, max(r.upto, f.seq)
	if strings.HasPrefix(f.kind, "case.") {
		c, err := r.cases.change(f.seq, f.data)
		if err != nil {
			r.fault("event %d: %v", f.seq, err)
		}
		if c.open {
			r.state[c.key] = c.row
		} else {
			delete(r.state, c.key)
		}
	}
	return nil
}

// hole counts and tells what the server should never do, though a client gets over it.
func (r *reader) hole(f frame) error {
	r.round.holes++
	log.Printf("%s: %s %d comes after %d, and the reader has %d of %d", r.name, f.kind, f.seq, f.prev, r.last, r.upto)
	return &holeError{r.last, f.prev}
}

// hello says how the reader goes on. Only a snapshot may carry it over numbers that it has not seen.
func (r *reader) hello(f frame) {
	r.round.modes[f.mode]++
	if f.audience != "" {
		r.round.audiences[f.audience] = true
	}
	switch f.mode {
	case "live":
		if r.last < 0 { // the protocol before snapshots: a fresh reader begins here
			r.jump(f.seq)
		}
		r.upto = max(r.upto, f.seq)
	case "replay":
		if r.last < 0 {
			r.fault("replay to a reader that has nothing")
		}
	case "resync":
		if r.last >= 0 && !r.pending && f.seq < r.last {
			r.fault("resync to %d, which is before %d that the reader has", f.seq, r.last)
		}
		r.jump(f.seq)
		r.pending = f.audience != "" // the protocol before snapshots has none to wait for
		if !r.pending {
			r.upto = f.seq
		}
	default:
		r.fault("hello with the mode %q", f.mode)
	}
	r.audience = f.audience
}

func (r *reader) jump(to int64) {
	r.round.jumps = append(r.round.jumps, jump{r.last, to})
	r.last = to
}

func (r *reader) snapshot(f frame) error {
	if f.seq != r.last {
		r.fault("a snapshot for %d after hello said %d", f.seq, r.last)
	}
	if f.topic != "cases" {
		return nil
	}
	r.state = make(map[string]uint32, len(f.rows))
	for _, row := range f.rows {
		r.state[row.Key] = sum(row.Row)
	}
	return nil
}

// fresh is the table of open cases as a new page gets it, and the number that it stands for; nil where the server does
// not send snapshots.
func (r *reader) fresh(ctx context.Context, node string) (map[string]uint32, int64, error) {
	conn, _, err := dialer.DialContext(ctx, node+"/live?"+url.Values{"topics": {r.topics}}.Encode(), http.Header{"Authorization": {"Bearer " + r.token}})
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	other := newReader(r.who, r.nodes, 0, r.cases)
	var greeted, whole bool
	for !whole {
		conn.SetReadDeadline(time.Now().Add(silence))
		_, text, err := conn.ReadMessage()
		if err != nil {
			return nil, 0, err
		}
		if err := eachFrame(text, func(f frame) error {
			whole = whole || f.kind == "hello" && f.audience == "" || f.kind == "beat"
			return other.apply(f, &greeted)
		}); err != nil {
			return nil, 0, err
		}
	}
	if other.audience == "" {
		return nil, other.last, nil
	}
	return other.state, other.last, nil
}

// caseCache decodes the data of each event once for all readers; the checksum shows whether they got the same.
type caseCache struct {
	mu   sync.Mutex
	ring [1 << 16]struct {
		event
		change
	}
}

func (c *caseCache) change(seq int64, data []byte) (change, error) {
	s := sum(data)
	i := int(seq) & (len(c.ring) - 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := &c.ring[i]; at.event == (event{seq, s}) {
		return at.change, nil
	}
	made, err := changeOf(data)
	if err != nil {
		return change{}, err
	}
	c.ring[i].event, c.ring[i].change = event{seq, s}, made
	return made, nil
}
