package streams

import (
	"context"
	"errors"
	"sync"
	"time"

	"gridwall/streams/rtsp"
)

var errProbeTimeout = errors.New("probe timed out")

// sweeps probes the cameras that nobody watches: at the start, then every Config.Sweep.
func (h *Hub) sweeps(ctx context.Context) {
	every := time.NewTicker(h.config.Sweep)
	defer every.Stop()
	for {
		began := time.Now()
		n := h.sweep(ctx)
		h.metrics.sweepSeconds.Store(int64(time.Since(began)))
		h.log.Debug("sweep done", "probes", n, "took", time.Since(began))
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		case <-h.checks:
		}
	}
}

// sweep probes every idle camera once and returns how many were probed.
func (h *Hub) sweep(ctx context.Context) int {
	pace := time.NewTicker(time.Second / time.Duration(h.config.ProbesPerSecond))
	defer pace.Stop()
	room := make(chan struct{}, h.config.Probes)
	var probes sync.WaitGroup
	defer probes.Wait()
	n := 0
	for _, s := range h.all() {
		if !s.probeable() {
			continue
		}
		select {
		case <-ctx.Done():
			return n
		case room <- struct{}{}:
		}
		n++
		probes.Go(func() {
			defer func() { <-room }()
			s.probe(ctx)
		})
		select {
		case <-ctx.Done():
			return n
		case <-pace.C:
		}
	}
	return n
}

// probeable: a camera that is pulled tells by itself, and one that refuses us must not be asked again.
func (s *stream) probeable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.running && !s.removed && !s.locked() && !s.sub()
}

// firstLook spreads the looks at new cameras.
func (h *Hub) firstLook(now time.Time) time.Time {
	if h.config.Look <= 0 {
		return now.AddDate(100, 0, 0)
	}
	return now.Add(time.Duration(jitter(int64(h.config.Look))))
}

// Check has the next sweep begin at once and look at the pictures of every camera that nobody watches.
func (h *Hub) Check() {
	for _, s := range h.all() {
		s.mu.Lock()
		s.lookAt = time.Time{}
		s.mu.Unlock()
	}
	select {
	case h.checks <- struct{}{}:
	default: // one is wanted already
	}
}

// Sweep is a Check that the caller waits for. It returns how many cameras were looked at.
func (h *Hub) Sweep(ctx context.Context) int {
	for _, s := range h.all() {
		s.mu.Lock()
		s.lookAt = time.Time{}
		s.mu.Unlock()
	}
	return h.sweep(ctx)
}

// Examine looks at the pictures of an address for a person who waits: what was found, or the state and its reason.
func (h *Hub) Examine(ctx context.Context, url string) (*rtsp.Found, State, Text) {
	found, err := rtsp.Look(ctx, url, h.config.Net, examine, h.config.LookFor)
	if err == nil {
		state, reason := judge(found)
		return found, state, reason
	}
	state, reason := diagnose(err)
	return nil, state, reason
}

// examine is how long a person's look goes on at least: rates over less say little.
const examine = 3 * time.Second

// probe asks the camera once and keeps the answer, unless a pull has begun meanwhile.
func (s *stream) probe(ctx context.Context) {
	s.mu.Lock()
	url, version := s.camera.URL, s.version
	look := !s.lookAt.After(time.Now())
	s.mu.Unlock()
	asked, cancel := context.WithTimeoutCause(ctx, s.hub.config.ProbeTimeout, errProbeTimeout)
	defer cancel()
	err := rtsp.Probe(asked, url, s.hub.config.Net)
	var found *rtsp.Found
	if err == nil && look {
		s.hub.metrics.looks.Add(1)
		found, err = rtsp.Look(ctx, url, s.hub.config.Net, 0, s.hub.config.LookFor)
	}
	if ctx.Err() != nil {
		return // the hub stops
	}
	s.hub.metrics.probes.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probing = false
	if s.version != version {
		return
	}
	if errors.Is(err, rtsp.ErrUnauthorized) {
		s.refusals++
	} else {
		s.refusals = 0
	}
	if look {
		s.lookAt = time.Now().Add(s.hub.config.Look)
		if s.hub.config.Look <= 0 {
			s.lookAt = s.hub.firstLook(time.Now())
		}
	}
	if s.running {
		return
	}
	if err == nil {
		s.seen(found)
		return
	}
	state, reason := diagnose(err)
	if s.locked() {
		reason = lockedReason
	}
	s.setStatus(state, reason)
}

// seen keeps what a probe that went well says: found is nil where it did not look. s.mu is held.
func (s *stream) seen(found *rtsp.Found) {
	now := time.Now()
	if found == nil {
		// That it answers does not unsay what its pictures said; the next look does.
		if st := s.status.State; s.hub.config.Look <= 0 || st != Frozen && st != Late && st != NoKeyframe {
			s.setStatus(Online, Text{})
		} else if s.lookAt.After(now.Add(s.hub.config.Sweep)) {
			s.lookAt = now
		}
		return
	}
	frozen := s.same.look(found, now)
	if s.same.times > 1 {
		s.lookAt = now // a suspicion is looked into at the next sweep
	}
	state, reason := judge(found)
	if frozen {
		state, reason = Frozen, s.same.reason(now)
	}
	s.setStatus(state, reason)
}
