package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/clock"
)

var (
	// ErrFull says that there are as many clients or audiences as there may be, of this address or in all.
	ErrFull = errors.New("live: too many clients")
	// ErrOrigin says that the page that asks comes from somewhere else.
	ErrOrigin = errors.New("live: a page of another origin")
	// ErrGone is what Config.Again returns for a viewer that is nobody any more.
	ErrGone = errors.New("live: the viewer's session has ended")
)

const (
	beatEvery  = 5 * time.Second  // half of what a page takes for silence
	pingEvery  = 30 * time.Second // who answers none for readTimeout is let go
	linger     = 30 * time.Second // an audience waits so long for clients to come back
	askAgain   = 3 * time.Second  // how often viewers are looked up again
	tick       = 500 * time.Millisecond
	recentMost = 8 << 20 // bytes of events that a new audience's ring begins with
	recentRows = 2000    // events that are read for that at the start
	// shardsPerCore: the share of a core that is busy with something else is taken over by the others.
	shardsPerCore = 4
)

// Config is what the hub needs from other rooms. Only Pool, Clock and Log must be there.
type Config struct {
	Pool   *pgxpool.Pool
	Tables []Table
	// Under lists a grid and everything below it; nil: every grid stands alone. Tell the hub by Redraw when it changes.
	Under func(grid string) []string
	// Locate finds the cell of a place in degrees, WGS-84, empty if there is none; nil: nowhere is a cell.
	Locate func(lon, lat float64) string
	// Again says who a viewer is by now: rights and jurisdiction may have changed. ErrGone: nobody. nil: viewers never change.
	Again func(ctx context.Context, key string) (Viewer, error)
	// Mask takes out of the text of events what only those with the right Plain read; nil: nothing is.
	Mask  func(text []byte) []byte
	Plain string
	Clock *clock.Clock
	Log   *slog.Logger

	// RingBytes is the most that one audience keeps for clients that are behind; default 4 MiB.
	RingBytes int
	// AllRings is the most that all audiences keep together, as long as each has its 256 KiB; default 256 MiB.
	AllRings int
	// Audiences is how many there may be at a time; default 1000.
	Audiences int
}

// Hub tells the log's events to the clients of this node.
//
// The life of a client: it is of an audience, which is made if it is the first; it gets hello and what brings it up to the
// hub's head (opening); from there it is a position in the audience's ring, and one of the shards writes it what comes.
type Hub struct {
	config  Config
	log     string // which log this is
	metrics *metrics
	shards  []*shard
	next    atomic.Int64
	pace    pace
	places  places
	canary  canary
	replays chan struct{}  // one token for each replay that may ask the database at a time
	joined  sync.WaitGroup // clients
	writers sync.WaitGroup // goroutines of parked ones

	mu        sync.RWMutex
	head      int64
	more      chan struct{} // closed at the next publish
	boards    []*board
	recent    []Event // the newest ones, for the rings of new audiences
	weight    int     // bytes of their data
	audiences map[string]*audience
	areas     map[string]area
	sessions  map[string]*session
	clients   map[*client]struct{}
	addresses map[string]int
	regrouped bool // no viewer or area has changed since every client was found to be of its audience
	stopped   bool
}

// session is a viewer with the clients that it has here.
type session struct {
	viewer  Viewer
	clients int
}

const logName = `SELECT seq, log::text FROM event_head`

// Open reads the head of the log, and the tables as they stand there.
func Open(ctx context.Context, c Config) (*Hub, error) {
	h := newHub(c)
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, c.Pool, options, func(tx pgx.Tx) (err error) {
		h.boards = nil
		if err := tx.QueryRow(ctx, logName).Scan(&h.head, &h.log); err != nil {
			return err
		}
		for _, t := range c.Tables {
			b, err := load(ctx, tx, t)
			if err != nil {
				return err
			}
			h.boards = append(h.boards, b)
		}
		h.recent, err = read(ctx, tx, max(0, h.head-recentRows), recentRows)
		if errors.Is(err, errGap) { // what is older was dropped by policy
			h.recent, err = nil, nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	h.weigh()
	return h, nil
}

// newHub is a hub at the beginning of a log without a name.
func newHub(c Config) *Hub {
	if c.RingBytes == 0 {
		c.RingBytes = 4 << 20
	}
	if c.AllRings == 0 {
		c.AllRings = 256 << 20
	}
	if c.Audiences == 0 {
		c.Audiences = 1000
	}
	h := &Hub{config: c, more: make(chan struct{}), replays: make(chan struct{}, 4), audiences: map[string]*audience{}, areas: map[string]area{},
		sessions: map[string]*session{}, clients: map[*client]struct{}{}, addresses: map[string]int{}}
	h.metrics = newMetrics(h)
	h.places.init(h)
	for range shardsPerCore * runtime.GOMAXPROCS(0) {
		h.shards = append(h.shards, newShard(h))
	}
	return h
}

// Head is the newest number that clients can have.
func (h *Hub) Head() int64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.head
}

// HeardAt is when a word of this node last came all the way from the database to a socket; false: none has yet.
func (h *Hub) HeardAt() (time.Time, bool) {
	_, at, ok := h.canary.last()
	return at, ok
}

// Clients is how many websockets follow.
func (h *Hub) Clients() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.clients)
}

// Run writes to clients until ctx ends, then closes all of them and waits until they are gone.
func (h *Hub) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	var shards, rooms sync.WaitGroup
	for _, s := range h.shards {
		shards.Go(func() { s.run(work) })
	}
	rooms.Go(func() { h.keep(ctx) })
	rooms.Go(func() { h.watch(ctx) })
	if h.config.Pool != nil {
		rooms.Go(func() { h.places.run(ctx) })
		rooms.Go(func() { h.canary.run(ctx, h) })
	}
	<-ctx.Done()
	rooms.Wait()
	h.stop()
	stop()
	shards.Wait()
	h.writers.Wait()
	return nil
}

// stop closes every client: in words first, then for good.
func (h *Hub) stop() {
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	h.each(func(c *client) { c.close(closeStopping) })
	gone := make(chan struct{})
	go func() { h.joined.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(2 * goodbye):
		h.each(func(c *client) {
			if c.joined.Load() { // the others find themselves closed when they start
				c.fail(closeStopping)
			}
		})
		<-gone
	}
}

func (h *Hub) each(do func(*client)) {
	h.mu.RLock()
	all := slices.Collect(maps.Keys(h.clients))
	h.mu.RUnlock()
	for _, c := range all {
		do(c)
	}
}

// publish tells the events, which follow one another, to every audience that they are for. Those that the hub knows are left out.
func (h *Hub) publish(events []Event) {
	h.mu.Lock()
	for len(events) > 0 && events[0].Seq <= h.head {
		events = events[1:]
	}
	if len(events) == 0 {
		h.mu.Unlock()
		return
	}
	now := time.Now()
	deliveries := 0
	for _, e := range events {
		for _, b := range h.boards {
			if b.table.Topic == e.Topic() {
				b.put(b.table.Apply(e))
			}
		}
		rest := tail(e)
		masked := rest
		if h.config.Mask != nil {
			masked = h.config.Mask(rest)
		}
		lines := sync.OnceValue(func() []string { return h.lines(e) })
		for _, a := range h.audiences {
			text := rest
			if h.masks(a) {
				text = masked
			}
			if a.tell(e, func(Event) []string { return lines() }, text) {
				a.toldAt = now
				deliveries += a.clients
			}
		}
	}
	h.head = events[len(events)-1].Seq
	h.recent = append(h.recent, events...)
	h.weigh(events...)
	close(h.more)
	h.more = make(chan struct{})
	h.mu.Unlock()

	h.metrics.events.Add(float64(len(events)))
	real := !h.config.Clock.Simulated()
	if real {
		for _, e := range events {
			h.metrics.read.Observe(max(0, now.Sub(e.At).Seconds()))
		}
	}
	h.pace.count(now, deliveries)
	for _, s := range h.shards {
		s.published(events[0].At, now, real)
	}
}

// weigh keeps the newest events within recentMost; those given are new. Call it with the lock.
func (h *Hub) weigh(events ...Event) {
	if events == nil {
		events = h.recent
	}
	for _, e := range events {
		h.weight += len(e.Data) + 128
	}
	if h.weight < recentMost*5/4 { // many at a time: the rest moves up
		return
	}
	gone := 0
	for ; h.weight > recentMost && gone < len(h.recent); gone++ {
		h.weight -= len(h.recent[gone].Data) + 128
	}
	if gone > 0 {
		h.recent = slices.Delete(h.recent, 0, gone)
	}
}

// await waits for the hub to reach a number that a client has from another node.
func (h *Hub) await(ctx context.Context, seq int64) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for {
		h.mu.RLock()
		head, more := h.head, h.more
		h.mu.RUnlock()
		if head >= seq {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

// leave counts a client out.
func (h *Hub) leave(c *client) {
	h.mu.Lock()
	delete(h.clients, c)
	if h.addresses[c.address]--; h.addresses[c.address] == 0 {
		delete(h.addresses, c.address)
	}
	if c.session.clients--; c.session.clients == 0 && h.sessions[c.session.viewer.Key] == c.session {
		delete(h.sessions, c.session.viewer.Key)
	}
	if c.audience.clients--; c.audience.clients == 0 {
		c.audience.emptyAt = time.Now()
	}
	h.mu.Unlock()
	h.joined.Done()
}

// drop forgets audiences without clients since before; zero: all of them. Call it with the lock.
func (h *Hub) drop(before time.Time) {
	for id, a := range h.audiences {
		if a.clients == 0 && (before.IsZero() || a.emptyAt.Before(before)) {
			delete(h.audiences, id)
		}
	}
}

// keep beats, pings, and forgets audiences that nobody is of.
func (h *Hub) keep(ctx context.Context) {
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if h.tend(time.Now()) {
			for _, s := range h.shards {
				s.ring()
			}
		}
	}
}

// tend says whether anything was added to a ring.
func (h *Hub) tend(now time.Time) (told bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(now.Add(-linger))
	for _, a := range h.audiences {
		a.expire(now)
		if now.Sub(a.pingAt) >= pingEvery {
			a.ring.add(0, opPing)
			a.pingAt, told = now, true
		}
		if now.Sub(a.toldAt) >= beatEvery {
			a.ring.add(0, opText, beat(h.head, a.last, h.config.Clock.Now()))
			a.toldAt, told = now, true
		}
	}
	return told
}

// watch looks viewers up again: who has other rights or another jurisdiction by now is of another audience.
func (h *Hub) watch(ctx context.Context) {
	if h.config.Again == nil {
		return
	}
	ticks := time.NewTicker(askAgain)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			h.recheck(ctx)
		}
	}
}

func (h *Hub) recheck(ctx context.Context) {
	h.mu.RLock()
	keys := slices.Collect(maps.Keys(h.sessions))
	h.mu.RUnlock()
	for _, key := range keys {
		ask, cancel := context.WithTimeoutCause(ctx, 5*time.Second, errors.New("look a viewer up again"))
		v, err := h.config.Again(ask, key)
		cancel()
		switch {
		case errors.Is(err, ErrGone):
			h.each(func(c *client) {
				if c.session.viewer.Key == key {
					c.close(closeSession)
				}
			})
		case err != nil: // could not be asked: who was let in stays
			h.config.Log.Debug("viewer not looked up", "error", err)
			if ctx.Err() != nil {
				return
			}
		default:
			h.renew(key, v)
		}
	}
	h.regroup()
}

// renew notes what a viewer may by now.
func (h *Hub) renew(key string, v Viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sessions[key]; s != nil && !s.viewer.same(v) {
		v.Key = key
		s.viewer, h.regrouped = v, false
	}
}
