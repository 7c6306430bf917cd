package cameras

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
	"gridwall/streams"
)

// gather is how long changes of state wait for others, so that a switch that fails is one event and not twenty-three.
const gather = 500 * time.Millisecond

// change of one camera's state, as camera.state tells it.
type change struct {
	ID     string        `json:"id"`
	State  streams.State `json:"state"`
	Reason *Text         `json:"reason"`
	Since  time.Time     `json:"since"`
}

type changes struct {
	Cameras []change `json:"cameras"`
}

// OnStatus takes what the hub found; the last word of each camera counts.
func (r *Room) OnStatus(id string, s streams.Status) {
	r.pendingMu.Lock()
	r.pending[id] = s
	r.pendingMu.Unlock()
}

// Run writes changes of state until ctx ends.
func (r *Room) Run(ctx context.Context) error {
	tick := time.NewTicker(gather)
	defer tick.Stop()
	count := time.NewTicker(countEvery)
	defer count.Stop()
	keep := time.NewTicker(time.Hour)
	defer keep.Stop()
	if r.share != "" {
		var beating sync.WaitGroup
		defer beating.Wait()
		beating.Go(func() { r.beatOn(ctx) })
	}
	listen := time.NewTicker(listenEvery)
	defer listen.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-count.C:
			if err := r.count(ctx, now); err != nil && ctx.Err() == nil {
				r.log.Warn("cameras not counted", "error", err)
			}
			continue
		case now := <-keep.C:
			if err := r.keep(ctx, now); err != nil && ctx.Err() == nil {
				r.log.Warn("hours of cameras not made days", "error", err)
			}
			continue
		case <-listen.C:
			if r.share != "" {
				continue
			}
			if err := r.listen(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("relays not looked after", "error", err)
			}
			continue
		case <-tick.C:
		}
		found := r.take()
		if len(found) == 0 {
			continue
		}
		if err := r.write(ctx, found); err != nil && ctx.Err() == nil {
			r.log.Warn("camera states not written, trying again", "error", err)
			r.pendingMu.Lock()
			maps.Copy(found, r.pending) // newer ones win
			r.pending = found
			r.pendingMu.Unlock()
		}
	}
}

// take empties what is pending; nothing pending is nil.
func (r *Room) take() map[string]streams.Status {
	r.pendingMu.Lock()
	defer r.pendingMu.Unlock()
	if len(r.pending) == 0 {
		return nil
	}
	found := r.pending
	r.pending = map[string]streams.Status{}
	return found
}

const setState = `
UPDATE camera SET state = $2, reason_zh = $3, reason_en = $4, since = $5
WHERE id = $1`

// lost counts in the hour of $3 that a camera which was up is not any more.
const lost = `
INSERT INTO camera_hour AS t (camera, hour, losses)
SELECT id, date_trunc('hour', $3::timestamptz, 'UTC'), 1 FROM camera
WHERE id = $1 AND state IN ('online', 'live', 'connecting', 'late') AND $2 NOT IN ('online', 'live', 'connecting', 'late', 'unknown')
ON CONFLICT (camera, hour) DO UPDATE SET losses = t.losses + 1`

func (r *Room) write(ctx context.Context, found map[string]streams.Status) error {
	var batch pgx.Batch
	told := map[bool]*changes{}                          // by secrecy
	for _, id := range slices.Sorted(maps.Keys(found)) { // in order: another node may write the same ones
		s := found[id]
		c := change{ID: id, State: s.State, Since: s.Since.UTC().Truncate(time.Microsecond)} // as PostgreSQL keeps it
		if s.Since.IsZero() {
			c.Since = time.Now().UTC().Truncate(time.Microsecond)
		}
		var zh, en *string
		if s.Reason.Zh != "" {
			c.Reason = &Text{s.Reason.Zh, s.Reason.En}
			zh, en = &c.Reason.ZH, &c.Reason.EN
		}
		secret := r.secret(id)
		if told[secret] == nil {
			told[secret] = &changes{}
		}
		told[secret].Cameras = append(told[secret].Cameras, c)
		batch.Queue(`SELECT camera_count(ARRAY[$1], $2)`, id, c.Since)
		batch.Queue(lost, id, string(c.State), c.Since)
		batch.Queue(setState, id, c.State, zh, en, c.Since)
	}
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		for secret, part := range told {
			if _, err := live.Append(ctx, tx, live.Draft{Type: "camera.state", At: time.Now(), Needs: needs(secret), Data: part}); err != nil {
				return err
			}
		}
		return nil
	})
}

// needs is the right that one must have to hear of a camera.
func needs(secret bool) string {
	if secret {
		return string(access.CameraSecret)
	}
	return ""
}

func (r *Room) secret(id string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	i, ok := r.byID[id]
	return ok && r.cameras[i].secret
}

// Heard follows the log: what any node found or changed is what this node shows.
func (r *Room) Heard(ctx context.Context, e live.Event) error {
	switch e.Type {
	case "camera.changed":
		return r.Load(ctx)
	case "camera.state":
		var told changes
		if err := json.Unmarshal(e.Data, &told); err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
		return r.show(told.Cameras)
	}
	return nil
}

// show puts new states into the list and onto the map.
func (r *Room) show(found []change) error {
	r.mu.Lock()
	list := append([]*Camera(nil), r.cameras...)
	for _, f := range found {
		i, ok := r.byID[f.ID]
		if !ok {
			continue
		}
		c := *list[i]
		c.State, c.Reason, c.Since = f.State, f.Reason, f.Since
		list[i] = &c
	}
	r.cameras = list
	r.mu.Unlock()
	for _, f := range found {
		if c, err := r.Get(f.ID, true); err == nil {
			if err := r.tiles.Put("cameras", "cameras", c.feature()); err != nil {
				return err
			}
		}
	}
	return nil
}
