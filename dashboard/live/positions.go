package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	flushEvery  = 300 * time.Millisecond
	positionFor = 10 * time.Minute // an object that was not heard of for so long is not shown to newcomers
	overlap     = 5 * time.Second  // rows of a statement become visible later than those of another that began after it
)

// Position is where an object, an officer or a vehicle, was at a time.
type Position struct {
	ID  string    `json:"id"`
	Lon float64   `json:"lon"` // degrees, WGS-84
	Lat float64   `json:"lat"`
	At  time.Time `json:"at"`
}

// ErrNowhere says that a position is no place on earth.
var ErrNowhere = errors.New("live: not a position")

// places keeps the newest position of each object, and tells the audiences of the topic positions. Positions between two
// flushes are thrown away but for the newest of each object.
type places struct {
	hub  *Hub
	wake chan struct{} // another node has written

	mu       sync.Mutex
	reported map[string]Position // here, not yet written
	known    map[string]place
	read     time.Time // written_at of the newest row that was read
}

type place struct {
	Position
	cell string
}

func (p *places) init(h *Hub) {
	p.hub, p.wake, p.reported, p.known = h, make(chan struct{}, 1), map[string]Position{}, map[string]place{}
}

// Report takes where an object is; it is written and told within half a second. Only the newest counts.
func (h *Hub) Report(at Position) error {
	if !(math.Abs(at.Lon) <= 180 && math.Abs(at.Lat) <= 90) || at.ID == "" {
		return ErrNowhere
	}
	p := &h.places
	p.mu.Lock()
	defer p.mu.Unlock()
	if before, ok := p.reported[at.ID]; !ok || !before.At.After(at.At) {
		p.reported[at.ID] = at
	}
	h.metrics.positions.Inc()
	return nil
}

// moved says that rows have come.
func (p *places) moved() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run writes, reads and tells, all in one goroutine, until ctx ends.
func (p *places) run(ctx context.Context) {
	ticks := time.NewTicker(flushEvery)
	defer ticks.Stop()
	p.moved() // what was there before
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if err := p.store(ctx); err != nil && ctx.Err() == nil {
			p.hub.config.Log.Warn("positions not written, trying again", "error", err)
		}
		select {
		case <-p.wake:
		default:
			continue
		}
		news, err := p.fetch(ctx)
		if err != nil {
			if ctx.Err() == nil {
				p.hub.config.Log.Warn("positions not read, trying again", "error", err)
			}
			p.moved()
			continue
		}
		p.hub.tellPlaces(news)
	}
}

const storePositions = `
INSERT INTO position (object, geom, at, written_at)
SELECT object, ST_SetSRID(ST_MakePoint(lon, lat), 4326), at, clock_timestamp()
FROM unnest($1::text[], $2::float8[], $3::float8[], $4::timestamptz[]) AS p(object, lon, lat, at)
ORDER BY object
ON CONFLICT (object) DO UPDATE SET geom = EXCLUDED.geom, at = EXCLUDED.at, written_at = EXCLUDED.written_at
WHERE position.at <= EXCLUDED.at`

// store writes what was reported here, in one statement, and wakes every node.
func (p *places) store(ctx context.Context) error {
	p.mu.Lock()
	reported := p.reported
	p.reported = map[string]Position{}
	p.mu.Unlock()
	if len(reported) == 0 {
		return nil
	}
	var ids []string
	var lons, lats []float64
	var ats []time.Time
	for _, at := range reported {
		ids, lons, lats, ats = append(ids, at.ID), append(lons, at.Lon), append(lats, at.Lat), append(ats, at.At)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, queryTimeout, errors.New("write positions"))
	defer cancel()
	var batch pgx.Batch
	batch.Queue(storePositions, ids, lons, lats, ats)
	batch.Queue(`SELECT pg_notify('position', '')`)
	err := p.hub.config.Pool.SendBatch(ctx, &batch).Close()
	if err != nil {
		p.mu.Lock()
		maps.Copy(reported, p.reported) // newer ones win
		p.reported = reported
		p.mu.Unlock()
	}
	return err
}

const fetchPositions = `
SELECT object, ST_X(geom), ST_Y(geom), at, written_at FROM position
WHERE written_at > GREATEST($1, now() - $2::interval)
ORDER BY written_at`

// fetch reads what is newer than what is known.
func (p *places) fetch(ctx context.Context) (news []place, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, queryTimeout, errors.New("read positions"))
	defer cancel()
	rows, err := p.hub.config.Pool.Query(ctx, fetchPositions, p.read.Add(-overlap), positionFor)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var at Position
	var written time.Time
	_, err = pgx.ForEachRow(rows, []any{&at.ID, &at.Lon, &at.Lat, &at.At, &written}, func() error {
		at.At = at.At.UTC()
		p.read = written
		if p.known[at.ID].Position == at {
			return nil
		}
		now := place{at, ""}
		if p.hub.config.Locate != nil {
			now.cell = p.hub.config.Locate(at.Lon, at.Lat)
		}
		p.known[at.ID] = now
		news = append(news, now)
		return nil
	})
	return news, err
}

// tellPlaces adds a frame of the positions to the ring of every audience that is told of them.
func (h *Hub) tellPlaces(news []place) {
	if len(news) == 0 {
		return
	}
	h.mu.Lock()
	now := time.Now()
	for _, a := range h.audiences {
		if text := h.positions(a, news); a.clients > 0 && text != nil {
			a.ring.add(0, opText, text)
			a.toldAt = now
		}
	}
	h.mu.Unlock()
	for _, s := range h.shards {
		s.ring()
	}
}

// positions is the text that tells an audience those that lie in its jurisdiction; nil: none does.
func (h *Hub) positions(a *audience, of []place) []byte {
	if !a.topics["positions"] {
		return nil
	}
	var told []Position
	for _, at := range of {
		if a.covers(at.cell) {
			told = append(told, at.Position)
		}
	}
	if told == nil {
		return nil
	}
	text, err := json.Marshal(told)
	if err != nil {
		return nil // numbers and strings always can
	}
	return fmt.Appendf(nil, `{"type":"positions","now":%q,"positions":%s}`, h.config.Clock.Now().Format(time.RFC3339Nano), text)
}

// standing is the frame of all positions for a newcomer; nil: there are none.
func (p *places) standing(a *audience) []byte {
	if !a.topics["positions"] {
		return nil
	}
	p.mu.Lock()
	all := slices.Collect(maps.Values(p.known))
	p.mu.Unlock()
	oldest := time.Now().Add(-positionFor)
	all = slices.DeleteFunc(all, func(at place) bool { return at.At.Before(oldest) })
	if text := p.hub.positions(a, all); text != nil {
		return frame(nil, opText, text)
	}
	return nil
}
