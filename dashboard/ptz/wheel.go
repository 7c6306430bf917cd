package ptz

import (
	"context"
	"math"
	"time"

	"gridwall/streams/onvif"
)

const (
	// deadMan is how long a head goes on after the last wish of its driver's page, which repeats it every 60 ms: with what
	// the camera takes to answer, it stands within 300 ms of a lost link.
	deadMan = 220 * time.Millisecond
	// look is how often a moving head is asked where it is.
	look = 100 * time.Millisecond
	// renew is how often a move is told again: the head's own timeout of a second is what stops it if this node dies.
	renew       = 400 * time.Millisecond
	headTimeout = time.Second
	// stopWithin bounds one attempt to stop.
	stopWithin = 2 * time.Second
)

// head is what a wheel turns: a camera over ONVIF.
type head interface {
	Move(ctx context.Context, speed onvif.Vector, timeout time.Duration) error
	Stop(ctx context.Context) error
	Position(ctx context.Context) (onvif.Vector, error)
}

// wheel is one driver's hold on a head. A single goroutine, Run, moves and stops; calls to the camera run beside it, one
// at a time, so that a slow camera does not keep the wheel from noticing that its driver has let go.
type wheel struct {
	head   head
	mount  Mount
	wishes chan onvif.Vector // capacity 1, the newest counts; zero: stop
	told   func(news)        // never blocks
}

// news is what a wheel tells: where the head is, what holds it, what failed.
type news struct {
	at   *Aim
	held *Sector
	err  error
}

func newWheel(h head, m Mount, told func(news)) *wheel {
	return &wheel{head: h, mount: m, wishes: make(chan onvif.Vector, 1), told: told}
}

// wish takes the driver's newest wish, a speed from -1 to 1 in each part. It never blocks; an older one that was not
// looked at yet is forgotten.
func (w *wheel) wish(v onvif.Vector) {
	for {
		select {
		case w.wishes <- v:
			return
		default:
		}
		select {
		case <-w.wishes:
		default:
		}
	}
}

// Run turns the head until ctx ends, and leaves it standing.
func (w *wheel) Run(ctx context.Context) {
	var (
		wish   onvif.Vector // that holds now
		sent   onvif.Vector // that the head has been told
		sentAt time.Time
		moving bool                                       // the head may move
		calls                     = make(chan stepped, 1) // of the call under way
		cancel context.CancelFunc = func() {}             // ends it
		busy   bool
	)
	dead, tick := time.NewTimer(time.Hour), time.NewTicker(look)
	dead.Stop()
	defer dead.Stop()
	defer tick.Stop()
	step := func() {
		if busy || wish == (onvif.Vector{}) {
			return
		}
		var call context.Context
		call, cancel = context.WithTimeout(ctx, stopWithin)
		busy, moving = true, true
		v, old, at := wish, sent, sentAt
		go func() { calls <- w.step(call, v, old, at) }()
	}
	stop := func() {
		wish = onvif.Vector{}
		dead.Stop()
		if !moving {
			return
		}
		cancel()
		if busy {
			<-calls // what was cut off may have reached the head
			busy = false
		}
		w.stop(ctx)
		moving, sent = false, onvif.Vector{}
	}
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case v := <-w.wishes:
			if v == (onvif.Vector{}) {
				stop()
				continue
			}
			wish = v
			dead.Reset(deadMan)
			step()
		case <-dead.C:
			stop()
		case <-tick.C:
			step()
		case done := <-calls:
			cancel()
			busy, sent, sentAt = false, done.sent, done.sentAt
			if done.err != nil || done.held != nil || done.at != nil {
				w.told(news{done.at, done.held, done.err})
			}
			if done.err != nil {
				stop()
			}
		}
	}
}

// stepped is what a step came to.
type stepped struct {
	at     *Aim
	held   *Sector
	sent   onvif.Vector
	sentAt time.Time
	err    error
}

// step looks where the head is and tells it how to go on. Where there are no-look sectors, a head that does not say where it
// is does not move.
func (w *wheel) step(ctx context.Context, wish, sent onvif.Vector, sentAt time.Time) stepped {
	s := stepped{sent: sent, sentAt: sentAt}
	v, err := w.head.Position(ctx)
	if err == nil {
		a := w.mount.aim(v)
		s.at = &a
		wish, s.held = w.mount.limit(a, wish)
	} else if len(w.mount.NoLook) > 0 {
		s.err = err
		return s
	}
	if wish == sent && time.Since(sentAt) < renew || near(wish, sent) && time.Since(sentAt) < look {
		return s
	}
	if wish == (onvif.Vector{}) {
		s.err = w.head.Stop(ctx)
	} else {
		s.err = w.head.Move(ctx, wish, headTimeout)
	}
	s.sent, s.sentAt = wish, time.Now()
	return s
}

func near(a, b onvif.Vector) bool {
	const same = 0.02
	return math.Abs(a.Pan-b.Pan) < same && math.Abs(a.Tilt-b.Tilt) < same && math.Abs(a.Zoom-b.Zoom) < same
}

// stop tells the head to stand, three times at most: an answer that was lost does not say that it stands. The driver may be
// gone, so the end of ctx does not count.
func (w *wheel) stop(ctx context.Context) {
	var err error
	for range 3 {
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		err = w.head.Stop(call)
		cancel()
		if err == nil {
			break
		}
	}
	if err != nil {
		w.told(news{err: err})
		return
	}
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if v, err := w.head.Position(call); err == nil {
		a := w.mount.aim(v)
		w.told(news{at: &a})
	}
}
