// Package streams moves pictures: from each camera once, to every viewer who asks.
//
// The Hub knows the cameras (Set). The first viewer (Open) starts a camera's pull, the last one plus a
// linger ends it; a pinned camera stays on. A pull is an rtsp.Source; its packets go into the stream's
// ring, which holds the last group of pictures and is the one bounded queue of all its readers: a reader is
// a number in it. So a new reader gets a keyframe at once, and one that is slow loses its own frames and
// nobody else's. A camera that is lost is tried again with a jittered back-off, on the same time line, so
// that a player just goes on. Cameras that nobody watches are probed in a sweep. What is known of each is
// a Status, in words; changes go to Config.OnStatus from a goroutine of its own.
//
// The room knows no rights, no database and no places: who may see what is decided before Open.
package streams

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"gridwall/streams/rtsp"
)

// ErrUnknownCamera: no camera of that id was Set, or it has been removed.
var ErrUnknownCamera = errors.New("streams: unknown camera")

// ErrReaderClosed: the reader was closed while it waited.
var ErrReaderClosed = errors.New("streams: reader closed")

// Camera is what the hub must know.
type Camera struct {
	ID     string
	URL    string // with user and password; leaves the hub only towards the camera
	Pinned bool   // pulled even if nobody watches
	// Sub is the address of a smaller picture of the same camera; empty: there is none. It is opened as SubID(ID),
	// its state is told to its viewers only, and it is not probed.
	Sub string
}

// SubID names the sub-stream of a camera. No camera has a ~ in its id.
func SubID(id string) string { return id + "~sub" }

// Config of a Hub. The zero value works.
type Config struct {
	// Log gets what an operator may have to act on. Default: nothing is logged.
	Log *slog.Logger
	// OnStatus is told of every change, in order for each camera, from one goroutine; of changes that come
	// faster than it returns only the last is told. It may block as long as it likes.
	OnStatus func(id string, s Status)
	// Linger is how long a pull outlives its last viewer, so that a tour that comes round finds it
	// running. Default 10 s.
	Linger time.Duration
	// Stall is how long a connected camera may send nothing before its picture counts as stalled. Default 5 s.
	Stall time.Duration
	// KeyframeWait is how long a playing camera may take to send a keyframe. Default 10 s.
	KeyframeWait time.Duration
	// Sweep is the pause between the starts of two health sweeps. Default 1 min; negative: no sweeps.
	Sweep time.Duration
	// Look is how often the sweep looks at the pictures of a camera that nobody watches, and not only asks whether it is
	// there: the same picture, no keyframe, too slow, a wrong clock. Each look costs the camera a few seconds of video, so
	// looks are spread over this time. Default 5 min; negative: never.
	Look time.Duration
	// LookFor bounds one look. Default 10 s: a keyframe that takes longer is no keyframe for people who wait for it.
	LookFor time.Duration
	// Frozen is how long every keyframe must be the same, bit for bit, for the picture to count as frozen. Default 30 s.
	Frozen time.Duration
	// ProbeTimeout is how long one probe may take. Default 5 s.
	ProbeTimeout time.Duration
	// ProbesPerSecond bounds how fast probes are started, Probes how many run at a time: a sweep must not
	// look like an attack. Defaults 50 and 64: 309 cameras take 7 s, all of them dark 25 s.
	ProbesPerSecond int
	Probes          int
	// StartsPerSecond bounds how fast connections for viewers are opened, DeviceStartsPerSecond how fast to one host: a
	// recorder with 64 channels falls over when all are asked for at once. Defaults 100 and 50.
	StartsPerSecond       int
	DeviceStartsPerSecond int
	// Net says where cameras may be and whom they are signed by. Default: anywhere, the system's authorities.
	Net rtsp.Net
}

// Hub relays every camera it has been given. New is the only way to make one; Run must run.
type Hub struct {
	config  Config
	log     *slog.Logger
	metrics metrics
	notify  notifier
	start   pending
	checks  chan struct{} // somebody wants a sweep that looks at all
	starts  starts

	mu      sync.Mutex
	streams map[string]*stream
}

// New makes a hub without cameras.
func New(c Config) *Hub {
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	c.Linger = cmp.Or(c.Linger, 10*time.Second)
	c.Stall = cmp.Or(c.Stall, 5*time.Second)
	c.KeyframeWait = cmp.Or(c.KeyframeWait, 10*time.Second)
	c.Sweep = cmp.Or(c.Sweep, time.Minute)
	c.Frozen = cmp.Or(c.Frozen, 30*time.Second)
	c.Look = cmp.Or(c.Look, 5*time.Minute)
	c.LookFor = cmp.Or(c.LookFor, 10*time.Second)
	c.ProbeTimeout = cmp.Or(c.ProbeTimeout, 5*time.Second)
	c.ProbesPerSecond = cmp.Or(c.ProbesPerSecond, 50)
	c.Probes = cmp.Or(c.Probes, 64)
	c.StartsPerSecond = cmp.Or(c.StartsPerSecond, 100)
	c.DeviceStartsPerSecond = cmp.Or(c.DeviceStartsPerSecond, 50)
	return &Hub{
		config:  c,
		starts:  starts{gap: time.Second / time.Duration(c.StartsPerSecond), deviceGap: time.Second / time.Duration(c.DeviceStartsPerSecond)},
		log:     c.Log,
		streams: make(map[string]*stream),
		notify:  notifier{changed: make(map[string]Status), wake: make(chan struct{}, 1)},
		start:   pending{wake: make(chan struct{}, 1)},
		checks:  make(chan struct{}, 1),
	}
}

// Run pulls, probes and tells until ctx ends; it returns when every goroutine of the hub has. It returns nil.
func (h *Hub) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() { h.notify.run(ctx, h.config.OnStatus) })
	if h.config.Sweep > 0 {
		work.Go(func() { h.sweeps(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			work.Wait()
			return nil
		case <-h.start.wake:
			for _, job := range h.start.take() {
				work.Go(func() { job(ctx) })
			}
		}
	}
}

// Set replaces the known cameras. A camera whose URL changed is pulled anew and its readers stay; the
// readers of a removed one get ErrUnknownCamera. Safe at any time, before Run too.
func (h *Hub) Set(cameras []Camera) {
	h.mu.Lock()
	defer h.mu.Unlock()
	keep := make(map[string]bool, len(cameras))
	for _, c := range withSubs(cameras) {
		keep[c.ID] = true
		s := h.streams[c.ID]
		if s == nil {
			s = newStream(h, c)
			h.streams[c.ID] = s
		}
		s.mu.Lock()
		if s.camera.URL != c.URL {
			s.version++
			s.refusals = 0
			s.setStatus(Unknown, Text{})
		}
		if s.camera.Pinned && !c.Pinned && s.readers == 0 {
			s.idle = time.Now()
		}
		s.camera = c
		s.demand()
		s.mu.Unlock()
	}
	for id, s := range h.streams {
		if keep[id] {
			continue
		}
		delete(h.streams, id)
		s.mu.Lock()
		s.removed = true
		s.poked()
		s.wakeReaders()
		s.mu.Unlock()
	}
}

// withSubs lists the sub-streams as cameras beside the others.
func withSubs(cameras []Camera) []Camera {
	all := make([]Camera, 0, len(cameras))
	for _, c := range cameras {
		all = append(all, c)
		if c.Sub != "" {
			all = append(all, Camera{ID: SubID(c.ID), URL: c.Sub})
		}
	}
	return all
}

// sub tells whether the stream is a sub-stream.
func (s *stream) sub() bool { return strings.HasSuffix(s.id, SubID("")) }

// demand starts the stream's run if it is wanted and sleeps, and wakes it if not. s.mu is held.
func (s *stream) demand() {
	if s.wanted() && !s.running {
		s.running = true
		s.hub.start.put(s.run)
		return
	}
	s.poked()
}

// Retry forgets that the camera refused its credentials and tries again at once: the pull if somebody
// watches, a probe if not.
func (h *Hub) Retry(id string) error {
	s, err := h.find(id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.version++
	s.refusals = 0
	defer s.mu.Unlock()
	s.demand()
	if !s.running && !s.probing {
		s.probing = true
		h.start.put(s.probe)
	}
	return nil
}

// Status tells what is known of a camera.
func (h *Hub) Status(id string) (Status, error) {
	s, err := h.find(id)
	if err != nil {
		return Status{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status, nil
}

// Statuses tells what is known of all cameras, by id.
func (h *Hub) Statuses() map[string]Status {
	all := h.all()
	statuses := make(map[string]Status, len(all))
	for _, s := range all {
		if s.sub() {
			continue
		}
		s.mu.Lock()
		statuses[s.id] = s.status
		s.mu.Unlock()
	}
	return statuses
}

func (h *Hub) find(id string) (*stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.streams[id]
	if s == nil {
		return nil, ErrUnknownCamera
	}
	return s, nil
}

// all returns the streams in the order of their ids.
func (h *Hub) all() []*stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*stream, 0, len(h.streams))
	for _, s := range h.streams {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *stream) int { return cmp.Compare(a.id, b.id) })
	return all
}

// pending hands work to Run, which owns the goroutines. It holds at most one run and one probe a camera.
type pending struct {
	mu   sync.Mutex
	jobs []func(context.Context)
	wake chan struct{}
}

func (p *pending) put(job func(context.Context)) {
	p.mu.Lock()
	p.jobs = append(p.jobs, job)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *pending) take() []func(context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.jobs
	p.jobs = nil
	return taken
}

// notifier carries status changes to OnStatus. The media path only puts; of each camera the last state waits.
type notifier struct {
	mu      sync.Mutex
	changed map[string]Status
	order   []string
	wake    chan struct{}
}

func (n *notifier) put(id string, s Status) {
	n.mu.Lock()
	if _, waiting := n.changed[id]; !waiting {
		n.order = append(n.order, id)
	}
	n.changed[id] = s
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *notifier) run(ctx context.Context, tell func(string, Status)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		}
		n.mu.Lock()
		order, changed := n.order, n.changed
		n.order, n.changed = nil, make(map[string]Status)
		n.mu.Unlock()
		if tell == nil {
			continue
		}
		for _, id := range order {
			if ctx.Err() != nil {
				return
			}
			tell(id, changed[id])
		}
	}
}
