package audit

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
)

const (
	// gather is how long a beginning or an end waits for others.
	gather = time.Second
	// most is how many lines wait while the database is away; beyond, the oldest are lost, and the log says so.
	most = 100_000
	// lastWords is how long the ends of what plays may take when the house closes.
	lastWords = 3 * time.Second
)

// Plays writes who watched which camera, from when to when, and what else has no transaction of its own (Note). NewPlays is the only way to make one; Run must run.
type Plays struct {
	pool *pgxpool.Pool
	log  *slog.Logger

	mu      sync.Mutex
	waiting []Entry
	playing map[string]Entry
	seen    map[visitor]*visit
	lost    int
}

// visitor is who asks for a camera again and again instead of staying connected.
type visitor struct {
	account          int
	username, camera string
	way              string
}

type visit struct {
	id   string
	last time.Time
}

// silence is how long after the last request somebody still watches.
const silence = 30 * time.Second

// NewPlays is a recorder on a migrated database.
func NewPlays(pool *pgxpool.Pool, log *slog.Logger) *Plays {
	return &Plays{pool: pool, log: log, playing: map[string]Entry{}, seen: map[visitor]*visit{}}
}

// Begin says that who begins to watch a camera, by which way: page, whep, mse, hls, rtsp. The returned function says that
// it is over, and may be called more than once.
func (p *Plays) Begin(who access.Identity, camera, way string) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := p.begin(who, camera, way)
	return func() { p.end(id, time.Now()) }
}

// Note says what who did or was refused just now, where nothing is written that the entry could go with.
func (p *Plays) Note(who access.Identity, act, object string, detail any) {
	e, err := New(who, act, object, detail, time.Now())
	if err != nil {
		p.log.Error("act not recorded", "act", act, "error", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(e)
}

// begin notes a play. p.mu is held.
func (p *Plays) begin(who access.Identity, camera, way string) (id string) {
	e, err := New(who, "camera.play", camera, map[string]string{"way": way}, time.Now())
	if err != nil {
		p.log.Error("play not recorded", "camera", camera, "error", err)
		return ""
	}
	p.playing[e.ID] = e
	p.put(e)
	return e.ID
}

// Seen says that who asks for a camera's pictures now, as players of HLS do: it is one play until 30 s pass without.
func (p *Plays) Seen(who access.Identity, camera, way string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := visitor{who.Account, who.Username, camera, way}
	if p.seen[v] == nil {
		p.seen[v] = &visit{id: p.begin(who, camera, way)}
	}
	p.seen[v].last = time.Now()
}

// forget ends the visits that are over.
func (p *Plays) forget(now time.Time) {
	p.mu.Lock()
	var over []visit
	for v, seen := range p.seen {
		if now.Sub(seen.last) > silence {
			over = append(over, *seen)
			delete(p.seen, v)
		}
	}
	p.mu.Unlock()
	for _, v := range over {
		p.end(v.id, v.last)
	}
}

func (p *Plays) end(id string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, plays := p.playing[id]
	if !plays {
		return
	}
	delete(p.playing, id)
	if at = at.UTC().Truncate(time.Microsecond); at.Before(e.At) {
		at = e.At
	}
	e.Until = &at
	p.put(e)
}

// put queues a line. p.mu is held.
func (p *Plays) put(e Entry) {
	if len(p.waiting) >= most {
		p.waiting = p.waiting[1:]
		p.lost++
	}
	p.waiting = append(p.waiting, e)
}

// Run writes until ctx ends, and then the ends of what still plays.
func (p *Plays) Run(ctx context.Context) error {
	tick := time.NewTicker(gather)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			p.mu.Lock()
			ids := make([]string, 0, len(p.playing))
			for id := range p.playing {
				ids = append(ids, id)
			}
			p.mu.Unlock()
			for _, id := range ids {
				p.end(id, time.Now())
			}
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
			defer cancel()
			p.flush(closing)
			return nil
		case now := <-tick.C:
			p.forget(now)
			p.flush(ctx)
		}
	}
}

// batch is how many lines one event tells.
const batch = 500

func (p *Plays) flush(ctx context.Context) {
	for {
		p.mu.Lock()
		n := min(len(p.waiting), batch)
		now := append([]Entry(nil), p.waiting[:n]...)
		p.waiting = p.waiting[n:]
		lost := p.lost
		p.lost = 0
		p.mu.Unlock()
		if lost > 0 {
			p.log.Error("plays lost from the audit: the database was away too long", "lines", lost)
		}
		if n == 0 {
			return
		}
		err := pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error { return Append(ctx, tx, time.Now(), now...) })
		if err != nil {
			p.log.Warn("plays not written to the audit, trying again", "error", err)
			p.mu.Lock()
			p.waiting = append(now, p.waiting...)
			p.mu.Unlock()
			return
		}
	}
}
