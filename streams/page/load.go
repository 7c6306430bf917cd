package page

import "time"

const (
	// late is how long a write may wait for the page before something is lowered: a frame or two. What opens tiles may
	// take longer: it is more than they send afterwards.
	late      = 80 * time.Millisecond
	lateBurst = 500 * time.Millisecond
	// lowerEvery leaves what was lowered time to show.
	lowerEvery = 500 * time.Millisecond
	// raiseAfter is how long the page must keep up before one tile is raised again.
	raiseAfter = 3 * time.Second
)

// load watches how well the page keeps up.
type load struct {
	level   int       // how many of the visible tiles are lowered, the least important first
	changed time.Time // when level last was
	lateAt  time.Time
}

// weigh takes how long the write of a message waited.
func (s *session) weigh(m *message, took time.Duration) {
	now := time.Now()
	l := &s.load
	if took >= late && !m.burst() || took >= lateBurst {
		l.lateAt = now
		if now.Sub(l.changed) >= lowerEvery {
			l.level, l.changed = l.level+1, now
		}
		return
	}
	if l.level > 0 && now.Sub(l.lateAt) >= raiseAfter && now.Sub(l.changed) >= raiseAfter {
		l.level, l.changed = l.level-1, now
	}
}

// lower marks the tiles that get keyframes only. The most important one keeps its frames always. s.mu is held.
func (s *session) lower() {
	visible := 0
	for _, sub := range s.list { // visible ones come first
		if sub.visible {
			visible++
		}
	}
	s.load.level = min(s.load.level, max(visible-1, 0))
	for i, sub := range s.list {
		sub.lowered = sub.visible && i >= visible-s.load.level
	}
}
