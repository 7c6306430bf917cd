package live

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	writeTimeout   = 10 * time.Second // a client that takes nothing for so long is let go; it comes back with its number
	openingTimeout = time.Minute      // … or that has not taken its opening by then
)

// pace decides for the whole hub how much time lies between two rounds of writing. A message that comes alone is written
// at once; under a stream several share one system call, which is what writing costs.
type pace struct {
	mu       sync.Mutex
	since    time.Time
	pending  int
	interval atomic.Int64
}

const (
	paceWindow = 200 * time.Millisecond
	paceFrom   = 5_000 // deliveries a second from which messages gather for …
	paceLeast  = 20 * time.Millisecond
	paceMost   = 80 * time.Millisecond // … up to this, from …
	paceFull   = 500_000               // … so many a second
)

// count takes note of deliveries that are to be made.
func (p *pace) count(now time.Time, deliveries int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending += deliveries
	past := now.Sub(p.since)
	if past < paceWindow {
		return
	}
	rate := float64(p.pending) / past.Seconds()
	p.since, p.pending = now, 0
	var d time.Duration
	if rate >= paceFrom {
		d = paceLeast + time.Duration(math.Sqrt(min(1, rate/paceFull))*float64(paceMost-paceLeast))
	}
	p.interval.Store(int64(d))
}

func (p *pace) between() time.Duration { return time.Duration(p.interval.Load()) }

// shard writes to its part of the clients, from one goroutine.
type shard struct {
	hub  *Hub
	wake chan struct{}

	mu     sync.Mutex
	joins  []*client
	leaves []*client
	pokes  []*client // have something of their own to be written, or can take more
	full   bool      // something came for all
	oldest time.Time // when the oldest event that is not yet written happened …
	heard  time.Time // … and when this node heard of it
	real   bool      // … by a clock that is the machine's

	// The goroutine's own.
	groups map[*audience]*group
	buf    []byte
	n      int
	err    error
	write  func(fd uintptr) bool
}

// group are the clients of one audience in one shard.
type group struct {
	clients []*client
	done    int64 // the ring's head when all were visited last
}

func newShard(h *Hub) *shard {
	s := &shard{hub: h, wake: make(chan struct{}, 1), groups: map[*audience]*group{}}
	s.write = func(fd uintptr) bool {
		for {
			s.n, s.err = syscall.Write(int(fd), s.buf)
			if s.err != syscall.EINTR {
				return true
			}
		}
	}
	return s
}

func (s *shard) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// ring says that the rings hold more.
func (s *shard) ring() {
	s.mu.Lock()
	s.full = true
	s.mu.Unlock()
	s.signal()
}

// published is ring for events of which the oldest happened at a time and was heard of at another.
func (s *shard) published(at, heard time.Time, real bool) {
	s.mu.Lock()
	s.full = true
	if s.heard.IsZero() {
		s.oldest, s.heard, s.real = at, heard, real
	}
	s.mu.Unlock()
	s.signal()
}

func (s *shard) join(c *client) {
	s.mu.Lock()
	s.joins = append(s.joins, c)
	s.mu.Unlock()
	s.signal()
}

func (s *shard) leave(c *client) {
	s.mu.Lock()
	s.leaves = append(s.leaves, c)
	s.mu.Unlock()
	s.signal()
}

func (s *shard) poke(c *client) {
	s.mu.Lock()
	s.pokes = append(s.pokes, c)
	s.mu.Unlock()
	s.signal()
}

// run writes until ctx ends.
func (s *shard) run(ctx context.Context) {
	var last time.Time
	wait := time.NewTimer(0)
	defer wait.Stop()
	<-wait.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		if d := s.hub.pace.between() - time.Since(last); d > 0 {
			wait.Reset(d)
			select {
			case <-ctx.Done():
				return
			case <-wait.C:
			}
		}
		if s.round() {
			last = time.Now()
		}
	}
}

// round writes what there is; it says whether it visited everyone.
func (s *shard) round() bool {
	s.mu.Lock()
	joins, leaves, pokes, full := s.joins, s.leaves, s.pokes, s.full
	oldest, heard, real := s.oldest, s.heard, s.real
	s.joins, s.leaves, s.pokes, s.full, s.heard = nil, nil, nil, false, time.Time{}
	s.mu.Unlock()
	for _, c := range joins {
		s.enter(c)
	}
	for _, c := range leaves {
		s.exit(c)
	}
	for _, c := range joins {
		s.visit(c)
	}
	for _, c := range pokes {
		s.visit(c)
	}
	if !full {
		return false
	}
	for a, g := range s.groups {
		s.walk(a, g)
	}
	if now := time.Now(); !heard.IsZero() {
		s.hub.metrics.write.Observe(now.Sub(heard).Seconds())
		if real {
			s.hub.metrics.total.Observe(max(0, now.Sub(oldest).Seconds()))
		}
	}
	return true
}

func (s *shard) enter(c *client) {
	g := s.groups[c.audience]
	if g == nil {
		g = new(group)
		s.groups[c.audience] = g
	}
	c.index = len(g.clients)
	g.clients = append(g.clients, c)
}

func (s *shard) exit(c *client) {
	g := s.groups[c.audience]
	end := len(g.clients) - 1
	g.clients[c.index] = g.clients[end]
	g.clients[c.index].index = c.index
	g.clients[end] = nil
	if g.clients = g.clients[:end]; end == 0 {
		delete(s.groups, c.audience)
	}
}

// walk writes to the clients of a group. Most stand at the same place: what is there is looked up once.
func (s *shard) walk(a *audience, g *group) {
	head := a.ring.end()
	if head == g.done {
		return
	}
	g.done = head
	at, bytes := int64(-1), []byte(nil)
	for _, c := range g.clients {
		if c.parked.Load() || c.dead.Load() {
			continue
		}
		pos := c.pos.Load()
		if c.tcp == nil || c.queued.Load() || pos >= head {
			s.visit(c)
			continue
		}
		if pos != at {
			var ok bool
			if bytes, ok = a.ring.at(pos); !ok {
				s.visit(c)
				continue
			}
			at = pos
		}
		if s.put(c, bytes, false) && pos+int64(len(bytes)) < head {
			s.visit(c)
		}
	}
}

// visit writes to one client until there is nothing more, or its socket takes no more.
func (s *shard) visit(c *client) {
	for !c.parked.Load() && !c.dead.Load() {
		bytes, own := c.more()
		if len(bytes) == 0 || !s.put(c, bytes, own) {
			return
		}
	}
}

// put writes bytes without waiting. false: the client was parked with the rest, or is gone.
func (s *shard) put(c *client, bytes []byte, own bool) bool {
	if c.tcp == nil {
		c.park(bytes, own)
		return false
	}
	s.buf = bytes
	err := c.tcp.Write(s.write)
	s.buf = nil
	switch {
	case err != nil || s.err != nil && s.err != syscall.EAGAIN:
		c.fail(closeGone)
		return false
	case s.err != nil || s.n < len(bytes):
		c.wrote(max(0, s.n), own, false)
		c.park(bytes[max(0, s.n):], own)
		return false
	}
	c.wrote(len(bytes), own, true)
	return true
}

// park lets a goroutine of its own write to a client whose socket is full, or which is no plain TCP, until all is written.
func (c *client) park(bytes []byte, own bool) {
	c.parked.Store(true)
	c.hub.writers.Go(func() {
		for len(bytes) > 0 {
			if !c.wait(bytes, own) {
				return
			}
			bytes, own = c.more()
		}
		c.Conn.SetWriteDeadline(time.Time{})
		c.parked.Store(false)
		c.shard.poke(c) // something may have come in between
	})
}

// wait writes bytes as slowly as the client takes them; false: it took nothing for writeTimeout, or is gone.
func (c *client) wait(bytes []byte, own bool) bool {
	for len(bytes) > 0 {
		if c.dead.Load() {
			return false
		}
		c.Conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		n, err := c.Conn.Write(bytes)
		bytes = bytes[n:]
		c.wrote(n, own, len(bytes) == 0)
		late := c.opening.Load() && time.Since(c.since) > openingTimeout
		if err != nil && (n == 0 || !timedOut(err) || c.tcp == nil) || late {
			if late || timedOut(err) {
				c.fail(closeSlow)
			} else {
				c.fail(closeGone)
			}
			return false
		}
	}
	return true
}

func timedOut(err error) bool {
	var e interface{ Timeout() bool }
	return errors.As(err, &e) && e.Timeout()
}
