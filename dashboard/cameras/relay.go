package cameras

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
	"gridwall/streams"
)

// Relay is a gridwall beside the centre that pulls a share of the cameras and serves their pictures.
type Relay struct {
	ID      string    `json:"id"`
	URL     string    `json:"url"`  // where pages reach it, without a slash at the end
	RTSP    string    `json:"rtsp"` // where other players do, host:port; empty: they do not
	SeenAt  time.Time `json:"seen_at"`
	Silent  bool      `json:"silent"` // nothing was heard of it for silentAfter
	Cameras int       `json:"cameras"`
}

const (
	// beatEvery is how often a relay says that it is there, and looks whether the registry has changed.
	beatEvery = time.Second
	// silentAfter is how long a relay may say nothing before its cameras count as unreachable.
	silentAfter = 10 * time.Second
	// listenEvery is how often the centre looks who is silent.
	listenEvery = 2 * time.Second
)

var relayForm = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// Serve makes this process the relay of that name. Call it before Load and Run.
func (r *Room) Serve(ctx context.Context, relay Relay) error {
	u, err := url.Parse(relay.URL)
	switch {
	case !relayForm.MatchString(relay.ID):
		return &InvalidError{Text{"中继名称应为 1 至 64 个小写字母、数字或横线", "a relay's name has 1 to 64 lower-case letters, digits or hyphens"}}
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return &InvalidError{Text{"中继地址应形如 https://10.2.0.5:8443", "a relay's address is like https://10.2.0.5:8443"}}
	}
	const enter = `
INSERT INTO relay (id, url, rtsp) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET url = EXCLUDED.url, rtsp = EXCLUDED.rtsp, seen_at = now()`
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, enter, relay.ID, u.Scheme+"://"+u.Host, relay.RTSP); err != nil {
			return err
		}
		// Every page that is open may have to reach it from now on.
		_, err := live.Append(ctx, tx, live.Draft{Type: "camera.changed", At: r.clock.Now(), Data: struct{}{}})
		return err
	})
	if err != nil {
		return fmt.Errorf("relay %s: %w", relay.ID, err)
	}
	r.share = relay.ID
	return nil
}

const relaysOf = `
SELECT id, url, rtsp, seen_at, seen_at < now() - make_interval(secs => $1), (SELECT count(*) FROM camera WHERE relay = relay.id)
FROM relay
ORDER BY id`

// Relays are those that ever were, by name.
func (r *Room) Relays() []Relay {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.relays)
}

// RelayOf is who serves a camera's pictures; nil: whoever asks does.
func (r *Room) RelayOf(c *Camera) *Relay {
	if c.share() == r.share {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range r.relays {
		if r.relays[i].ID == c.share() {
			found := r.relays[i]
			return &found
		}
	}
	return nil
}

// share is the relay that pulls the camera; empty: the centre.
func (c *Camera) share() string {
	if c.Relay == nil {
		return ""
	}
	return *c.Relay
}

// loadRelays reads who there is.
func (r *Room) loadRelays(ctx context.Context) error {
	rows, err := r.pool.Query(ctx, relaysOf, silentAfter.Seconds())
	if err != nil {
		return fmt.Errorf("load relays: %w", err)
	}
	relays, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Relay])
	if err != nil {
		return fmt.Errorf("load relays: %w", err)
	}
	for i := range relays {
		relays[i].SeenAt = relays[i].SeenAt.UTC()
	}
	r.mu.Lock()
	r.relays = relays
	r.mu.Unlock()
	return nil
}

// listen finds relays that are silent: nobody else can say that their cameras are not to be seen.
func (r *Room) listen(ctx context.Context) error {
	if err := r.loadRelays(ctx); err != nil {
		return err
	}
	silent := map[string]Text{}
	for _, relay := range r.Relays() {
		if relay.Silent {
			silent[relay.ID] = Text{fmt.Sprintf("中继 %s 无响应：请检查该机器及其网络", relay.ID), fmt.Sprintf("relay %s does not answer: look after that machine and its network", relay.ID)}
		}
	}
	for _, c := range r.List(true) {
		why, ok := silent[c.share()]
		if !ok || !c.enabled || c.Reason != nil && *c.Reason == why {
			continue
		}
		r.OnStatus(c.ID, streams.Status{State: streams.Offline, Reason: streams.Text{Zh: why.ZH, En: why.EN}, Since: time.Now()})
	}
	return nil
}

// beat is one word of a relay: was it silent before, and has the registry changed since number $2 of the log?
const beat = `
WITH before AS (SELECT seen_at < now() - make_interval(secs => $3) AS silent FROM relay WHERE id = $1),
     said AS (UPDATE relay SET seen_at = now() WHERE id = $1)
SELECT COALESCE((SELECT silent FROM before), true), h.seq, EXISTS (SELECT FROM event WHERE seq > $2 AND type = 'camera.changed')
FROM event_head AS h`

// beatOn says that this relay is there, until ctx ends, and follows the registry. One that was not heard for a while tells
// everything anew: the centre has called its cameras unreachable meanwhile.
func (r *Room) beatOn(ctx context.Context) {
	var last int64
	for ctx.Err() == nil {
		var silent, changed bool
		ask, cancel := context.WithTimeout(ctx, silentAfter/2)
		err := r.pool.QueryRow(ask, beat, r.share, last, silentAfter.Seconds()).Scan(&silent, &last, &changed)
		if err == nil && changed {
			err = r.Load(ask)
		}
		cancel()
		switch {
		case err != nil && ctx.Err() == nil:
			r.log.Warn("the centre does not hear this relay", "error", err)
			last = 0 // what was missed is looked at again
		case silent:
			for id, s := range r.hub.Statuses() {
				r.OnStatus(id, s)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(beatEvery):
		}
	}
}
