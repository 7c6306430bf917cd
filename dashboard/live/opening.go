package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	openingFor  = 15 * time.Second // who comes so shortly after another gets the same …
	openingFree = 64 << 10         // … while so many bytes have come since, or fewer than the opening has
	deflateFrom = 8 << 10          // bytes of snapshots
	maxReplay   = 20_000           // events; further behind, a snapshot is cheaper
	replayBytes = 4 << 20
)

// opening is what brings a client to a position of its audience's ring: the same for all that come with the same number at
// about the same time.
type opening struct {
	mode  string // live: nothing was missed; replay: since+1…seq follow; resync: snapshots follow
	seq   int64  // the number that it brings one to …
	pos   int64  // … and where the ring goes on
	last  int64  // number of the newest event in it, or before it
	bytes [][]byte
	// deflated is bytes for a client that inflates: snapshots of a full table, a tenth of the size, made once for all. nil:
	// bytes are as good.
	deflated func() [][]byte
	made     time.Time
	ready    chan struct{}
}

// newcomer is the number of a client that has none.
const newcomer = -1

// enter finds the way from the number that a client has to the ring.
func (h *Hub) enter(ctx context.Context, a *audience, since int64, id string) *opening {
	if id != a.id || since < 0 {
		return h.shared(ctx, a, newcomer)
	}
	h.await(ctx, since)
	h.mu.RLock()
	o := &opening{mode: "live", seq: h.head, pos: a.ring.end()}
	runs, last, held := a.ring.after(since)
	o.last = last
	h.mu.RUnlock()
	switch {
	case since > o.seq:
		return h.shared(ctx, a, newcomer)
	case since == o.seq:
	case held:
		o.mode, o.bytes = "replay", runs
	case o.seq-since > maxReplay:
		return h.shared(ctx, a, newcomer)
	default:
		return h.shared(ctx, a, since)
	}
	return o
}

// lags says whether the log goes on to seq and this node does not know it yet: a client that comes from a node further on
// must not be set back by a resync to what was before. Where the log itself ends earlier, it is another one.
func (h *Hub) lags(ctx context.Context, seq int64) bool {
	h.await(ctx, seq)
	if h.Head() >= seq {
		return false
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Second, errors.New("ask for the log's head"))
	defer cancel()
	head, err := Head(ctx, h.config.Pool)
	return err != nil || head >= seq
}

// shared is the opening of everyone who comes with that number: made by the first, waited for by the others.
func (h *Hub) shared(ctx context.Context, a *audience, since int64) *opening {
	a.mu.Lock()
	o := a.openings[since]
	if o == nil || o.stale(a) {
		o = &opening{ready: make(chan struct{})}
		a.openings[since] = o
		a.mu.Unlock()
		h.build(ctx, a, since, o)
		close(o.ready)
		return o
	}
	a.mu.Unlock()
	<-o.ready
	return o
}

// stale says whether an opening cannot be shared any more.
func (o *opening) stale(a *audience) bool {
	select {
	case <-o.ready:
		size := openingFree
		for _, b := range o.bytes {
			size = max(size, len(b))
		}
		return time.Since(o.made) > openingFor || a.ring.end()-o.pos > int64(size) || !a.ring.holds(o.pos)
	default:
		return false
	}
}

// expire forgets openings that nobody gets any more.
func (a *audience) expire(now time.Time) {
	a.mu.Lock()
	for since, o := range a.openings {
		select {
		case <-o.ready:
			if now.Sub(o.made) > openingFor {
				delete(a.openings, since)
			}
		default:
		}
	}
	a.mu.Unlock()
}

func (h *Hub) build(ctx context.Context, a *audience, since int64, o *opening) {
	defer func() { o.made = time.Now() }()
	if since != newcomer {
		err := h.replay(ctx, a, since, o)
		if err == nil {
			return
		}
		if !errors.Is(err, errGap) && !errors.Is(err, errFar) {
			h.config.Log.Warn("replay not read, a snapshot instead", "since", since, "error", err)
		}
	}
	h.resync(a, o)
}

// resync makes the snapshots of an audience at the hub's head.
func (h *Hub) resync(a *audience, o *opening) {
	h.metrics.snapshots.Inc()
	h.mu.RLock()
	o.mode, o.seq, o.pos, o.last = "resync", h.head, a.ring.end(), a.last
	rows := make([][]Row, len(h.boards))
	for i, b := range h.boards {
		if a.topics[b.table.Topic] {
			rows[i] = b.of(a)
		}
	}
	h.mu.RUnlock()
	o.bytes, o.deflated = nil, nil
	var all []byte
	var texts [][]byte
	for i, b := range h.boards {
		if a.topics[b.table.Topic] {
			text := h.textFor(a, snapshot(b.table.Topic, o.seq, rows[i]))
			all = frame(all, opText, text)
			texts = append(texts, all[len(all)-len(text):])
		}
	}
	if all == nil {
		return
	}
	o.bytes = [][]byte{all}
	if len(all) >= deflateFrom {
		o.deflated = sync.OnceValue(func() [][]byte {
			var all []byte
			for _, text := range texts {
				all = frame(all, opText|deflated, deflate(text))
			}
			return [][]byte{all}
		})
	}
}

// errFar says that a replay would be longer than a snapshot.
var errFar = errors.New("live: too far behind to replay")

// replay reads what the ring has forgotten from the database, up to the hub's head. A few read at a time.
func (h *Hub) replay(ctx context.Context, a *audience, since int64, o *opening) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Second, errors.New("replay events"))
	defer cancel()
	select {
	case h.replays <- struct{}{}:
		defer func() { <-h.replays }()
	case <-ctx.Done():
		return fmt.Errorf("wait for other replays: %w", context.Cause(ctx))
	}
	h.mu.RLock()
	o.mode, o.seq, o.pos = "replay", h.head, a.ring.end()
	h.mu.RUnlock()
	var text []byte
	prev := since
	for at := since; at < o.seq; {
		events, err := read(ctx, h.config.Pool, at, int(min(batch, o.seq-at)))
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return fmt.Errorf("%w: nothing follows %d", errGap, at)
		}
		for _, e := range events {
			if a.Admits(e, h.lines) {
				var head [64]byte
				text = frame(text, opText, numbers(head[:0], e.Seq, prev), h.textFor(a, tail(e)))
				prev = e.Seq
			}
		}
		if len(text) > replayBytes {
			return errFar
		}
		at = events[len(events)-1].Seq
	}
	if text != nil { // an empty frame would be written for ever
		o.bytes = [][]byte{text}
	}
	o.last = prev
	return nil
}
