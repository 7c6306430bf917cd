package live

import "time"

// Which audience a viewer is of: the hub's part that joins clients to audiences, makes those, and follows changes of rights
// and grids.

// areaFor is a viewer's jurisdiction. Call it with the lock.
func (h *Hub) areaFor(grid string) area {
	if grid == "" {
		return area{}
	}
	a, ok := h.areas[grid]
	if !ok {
		a = areaOf(h.under(grid))
		h.areas[grid] = a
	}
	return a
}

func (h *Hub) under(grid string) []string {
	if h.config.Under == nil {
		return []string{grid}
	}
	return append(h.config.Under(grid), grid)
}

// Redraw follows a change of the grids: who looks at other cells than before is closed, and comes back to its new audience.
func (h *Hub) Redraw() {
	h.mu.Lock()
	for grid, was := range h.areas {
		if is := areaOf(h.under(grid)); is.sum != was.sum {
			h.areas[grid] = is
			h.regrouped = false
		}
	}
	h.mu.Unlock()
	h.regroup()
}

// regroup closes every client that is of another audience by now.
func (h *Hub) regroup() {
	h.mu.Lock()
	if h.regrouped {
		h.mu.Unlock()
		return
	}
	h.regrouped = true
	var moved []*client
	for c := range h.clients {
		if v := c.session.viewer; specify(h.log, v, h.areaFor(v.Grid), c.topics).id != c.audience.id {
			moved = append(moved, c)
		}
	}
	h.mu.Unlock()
	for _, c := range moved {
		c.close(closeRights)
	}
}

// join counts a client in, with its audience, or says that there is no room for it.
func (h *Hub) join(c *client, v Viewer, topics []string, limits Limits) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped || len(h.clients) >= limits.Clients || h.addresses[c.address] >= limits.PerAddress {
		return ErrFull
	}
	s := specify(h.log, v, h.areaFor(v.Grid), topics)
	a := h.audiences[s.id]
	if a == nil {
		if len(h.audiences) >= h.config.Audiences {
			h.drop(time.Time{})
		}
		if len(h.audiences) >= h.config.Audiences {
			return ErrFull
		}
		a = h.make(s)
	}
	own := h.sessions[v.Key]
	if own == nil {
		own = &session{viewer: v}
		h.sessions[v.Key] = own
	} else if !own.viewer.same(v) { // found out before watch did
		own.viewer, h.regrouped = v, false
	}
	own.clients++
	a.clients++
	h.addresses[c.address]++
	h.clients[c] = struct{}{}
	h.joined.Add(1)
	c.audience, c.session, c.topics = a, own, topics
	return nil
}

// make makes an audience whose ring holds what it would have been told of the newest events. Call it with the lock.
func (h *Hub) make(s spec) *audience {
	floor := h.head
	if len(h.recent) > 0 {
		floor = h.recent[0].Seq - 1
	}
	a := newAudience(s, floor, h.ringLimit(len(h.audiences)+1))
	for _, e := range h.recent {
		a.tell(e, h.lines, h.textFor(a, tail(e)))
	}
	now := time.Now()
	a.toldAt, a.pingAt, a.emptyAt = now, now, now
	h.audiences[s.id] = a
	for _, other := range h.audiences {
		other.ring.resize(h.ringLimit(len(h.audiences)))
	}
	return a
}

// masks says whether an audience reads texts masked.
func (h *Hub) masks(a *audience) bool { return h.config.Mask != nil && !a.rights[h.config.Plain] }

// textFor is a text as an audience reads it.
func (h *Hub) textFor(a *audience, text []byte) []byte {
	if h.masks(a) {
		return h.config.Mask(text)
	}
	return text
}

func (h *Hub) ringLimit(audiences int) int {
	return min(h.config.RingBytes, max(h.config.AllRings/audiences, 256<<10))
}
