package streamtest

import (
	"math"
	"sync"
	"time"
)

// Aim is where a head looks: pan and tilt in degrees (right and up positive), zoom from 0 to 1.
type Aim struct{ Pan, Tilt, Zoom float64 }

// The head of every PTZ camera here: how far it turns, and how fast at full speed.
const (
	PanLimitDeg  = 170.0 // to either side
	TiltLowDeg   = -90.0
	TiltHighDeg  = 20.0
	PanSpeedDeg  = 60.0 // degrees a second
	TiltSpeedDeg = 40.0
	zoomSpeed    = 0.5             // of the whole range, a second
	headTimeout  = 5 * time.Second // of a continuous move that names none
)

// Head is a PTZ head as time moves it: at its speed, up to its limits, until it is told to stop, has arrived, or its own
// timeout ends a move that nobody renewed. Nothing runs in between: where it is follows from the clock when somebody asks.
type Head struct {
	now func() time.Time

	mu     sync.Mutex
	at     Aim
	asOf   time.Time
	speed  Aim       // degrees a second, of a continuous move
	until  time.Time // its end; zero: there is none
	target *Aim      // of an absolute move
}

// NewHead is a head that looks straight ahead, by the clock now.
func NewHead(now func() time.Time) *Head { return &Head{now: now, asOf: now()} }

// advance brings the head to the present. h.mu is held.
func (h *Head) advance() {
	now := h.now()
	end := now
	if !h.until.IsZero() && h.until.Before(now) {
		end = h.until
	}
	seconds := max(0, end.Sub(h.asOf).Seconds())
	switch {
	case h.target != nil:
		h.at = Aim{towards(h.at.Pan, h.target.Pan, PanSpeedDeg*seconds), towards(h.at.Tilt, h.target.Tilt, TiltSpeedDeg*seconds), towards(h.at.Zoom, h.target.Zoom, zoomSpeed*seconds)}
		if h.at == *h.target {
			h.target = nil
		}
	case h.speed != Aim{}:
		h.at = limited(Aim{h.at.Pan + h.speed.Pan*seconds, h.at.Tilt + h.speed.Tilt*seconds, h.at.Zoom + h.speed.Zoom*seconds})
		if end.Before(now) {
			h.speed, h.until = Aim{}, time.Time{}
		}
	}
	h.asOf = now
}

func towards(from, to, step float64) float64 {
	if math.Abs(to-from) <= step {
		return to
	}
	return from + math.Copysign(step, to-from)
}

func limited(a Aim) Aim {
	return Aim{max(-PanLimitDeg, min(PanLimitDeg, a.Pan)), max(TiltLowDeg, min(TiltHighDeg, a.Tilt)), max(0, min(1, a.Zoom))}
}

// At is where the head looks now, and whether it moves.
func (h *Head) At() (at Aim, moves bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance()
	return h.at, h.target != nil || h.speed != Aim{}
}

// Move turns the head at a part of its full speed, each from -1 to 1, for at most timeout (0: 5 s).
func (h *Head) Move(part Aim, timeout time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance()
	if timeout <= 0 {
		timeout = headTimeout
	}
	h.target = nil
	h.speed = Aim{part.Pan * PanSpeedDeg, part.Tilt * TiltSpeedDeg, part.Zoom * zoomSpeed}
	h.until = h.asOf.Add(timeout)
}

// Stop holds the head where it is.
func (h *Head) Stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance()
	h.speed, h.until, h.target = Aim{}, time.Time{}, nil
}

// MoveTo turns the head to an aim, or to the limit on the way there.
func (h *Head) MoveTo(a Aim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance()
	a = limited(a)
	h.speed, h.until, h.target = Aim{}, time.Time{}, &a
}
