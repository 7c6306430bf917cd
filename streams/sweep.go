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

// probe asks the camera once and keeps the answer, unless a pull has begun meanwhile.
func (s *stream) probe(ctx context.Context) {
	s.mu.Lock()
	url, version := s.camera.URL, s.version
	s.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, s.hub.config.ProbeTimeout, errProbeTimeout)
	defer cancel()
	err := rtsp.Probe(ctx, url, s.hub.config.Net)
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errProbeTimeout) {
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
	if s.running {
		return
	}
	if err == nil {
		s.setStatus(Online, Text{})
		return
	}
	state, reason := diagnose(err)
	if s.locked() {
		reason = lockedReason
	}
	s.setStatus(state, reason)
}
