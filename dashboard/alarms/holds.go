package alarms

import "time"

// holds remembers since when conditions hold, or are gone, for the delays of rules. Each node has its own: whichever sees a
// delay pass first writes, and the others find it written.
type holds map[string]held

type held struct {
	on    bool
	since time.Time
}

// settle says whether the condition of key, which is on or not now, has been so for the delay.
func (h holds) settle(key string, on bool, delay time.Duration, now time.Time) bool {
	was, known := h[key]
	if !known || was.on != on || was.since.After(now) {
		was = held{on, now}
		h[key] = was
	}
	return now.Sub(was.since) >= delay
}

// keep forgets the keys that are not among those that matter.
func (h holds) keep(matter map[string]bool) {
	for key := range h {
		if !matter[key] {
			delete(h, key)
		}
	}
}
