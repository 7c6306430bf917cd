package streams

import "time"

// clock turns the decode times of a camera, which start anywhere, jump on reconnects and stutter, into
// one time line a stream: it starts at 0, rises with every frame, and makes no step of more than twice
// the nominal frame interval. Media Source Extensions drop everything up to the next keyframe after a
// larger step (coded frame processing, step 6), and a jump would leave a hole that players stop at.
// A camera's real pause of up to a second is caught up over the following frames.
type clock struct {
	now     time.Duration // of the last frame
	nominal time.Duration // filtered interval of frames
	last    time.Duration // camera's time of the last frame
	debt    time.Duration // how much now is behind the camera
	started bool
	resumed bool // next frame continues after a break: its camera time is not comparable
}

const (
	defaultInterval = 40 * time.Millisecond
	minInterval     = 2 * time.Millisecond
	maxInterval     = 500 * time.Millisecond
	maxPause        = time.Second
)

// resume says that the camera was lost: the next frame comes one interval after the last one.
func (c *clock) resume() { c.resumed = true }

// step takes the camera's decode time of the next frame and returns the stream's.
func (c *clock) step(camera time.Duration) time.Duration {
	if c.nominal == 0 {
		c.nominal = defaultInterval
	}
	if !c.started {
		c.started, c.resumed, c.last = true, false, camera
		return c.now
	}
	delta := camera - c.last
	c.last = camera
	most := 2 * c.nominal // of the last frame, as its readers know it
	if c.resumed || delta <= 0 || delta > maxPause {
		c.resumed = false
		delta, c.debt = c.nominal, 0
	} else if delta >= minInterval && delta <= maxInterval {
		// One part in eight: a single late frame does not change the rate, a new rate is learnt in half a second.
		c.nominal += (delta - c.nominal) / 8
	}
	c.debt += delta
	step := min(c.debt, most)
	step = max(step, minInterval)
	c.debt -= step
	c.now += step
	return c.now
}

// soundClock puts the sound of a camera on the time line of its pictures: each frame follows the last one without a
// seam while the two agree within soundSlip; a hole stays a hole, and what comes too early is left out.
type soundClock struct {
	next    time.Duration
	started bool
}

const soundSlip = 100 * time.Millisecond

// step takes where the pictures' clock would put a frame, and how long it lasts; false: leave it out.
func (c *soundClock) step(at, lasts time.Duration) (time.Duration, bool) {
	switch {
	case at < 0, c.started && at < c.next-soundSlip:
		return 0, false
	case !c.started, at > c.next+soundSlip:
		c.started, c.next = true, at
	}
	at = c.next
	c.next += lasts
	return at, true
}

// at is where the stream's time line has the camera's time t.
func (c *clock) at(t time.Duration) time.Duration { return c.now + t - c.last }
