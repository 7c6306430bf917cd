package streams

import "time"

// Bounds of what a stream keeps for readers who join or fall behind.
const (
	ringBytes = 4 << 20
	ringAge   = 10 * time.Second
)

// Item is what a Reader gets: a packet, or the news that the camera is in trouble.
type Item struct {
	Packet *Packet // nil: the camera is lost or stalled, Status says why; packets follow when it is back
	Status Status  // only when Packet is nil
	Cached bool    // the packet was there before the reader joined
	Lost   uint64  // packets that this reader lost before this one because it was slow
}

// ring is the last group of pictures and the one before it, and the readers' one common queue: each reader
// is only a number in it. What is older than the last keyframe but one, than ringAge, or too much for
// ringBytes is thrown away; a reader that was still there loses those packets and goes on at the newest
// keyframe.
type ring struct {
	items []Item
	first uint64 // number of items[0]
	bytes int
	keys  []uint64 // numbers of the keyframes in items, oldest first
}

func (r *ring) next() uint64 { return r.first + uint64(len(r.items)) }

// start is where a new reader begins: the newest keyframe that is still good, else the next item.
func (r *ring) start() uint64 {
	if len(r.keys) == 0 {
		return r.next()
	}
	return r.keys[len(r.keys)-1]
}

func (r *ring) add(p *Packet) {
	if p.IsKeyFrame {
		r.keys = append(r.keys, r.next())
		if len(r.keys) > 2 {
			r.drop(int(r.keys[len(r.keys)-2] - r.first))
		}
	}
	r.items = append(r.items, Item{Packet: p})
	r.bytes += len(p.Data)
	n := 0
	for bytes := r.bytes; n < len(r.items)-1; n++ {
		old := r.items[n].Packet
		if old != nil {
			if bytes <= ringBytes && p.Arrived.Sub(old.Arrived) <= ringAge {
				break
			}
			bytes -= len(old.Data)
		}
	}
	r.drop(n)
}

// trouble tells all readers, and makes what is kept useless for new ones: it ends before now.
func (r *ring) trouble(s Status) {
	r.keys = r.keys[:0]
	r.items = append(r.items, Item{Status: s})
}

func (r *ring) drop(n int) {
	for i := range n {
		if p := r.items[i].Packet; p != nil {
			r.bytes -= len(p.Data)
		}
		r.items[i] = Item{}
	}
	r.items = r.items[n:]
	r.first += uint64(n)
	for len(r.keys) > 0 && r.keys[0] < r.first {
		r.keys = r.keys[1:]
	}
}

// cursor is one reader's place in the ring.
type cursor struct {
	at      uint64
	joined  uint64 // packets before it are Cached
	waitKey bool   // skip to the next keyframe
	sound   bool   // give sound too
	lost    uint64 // packets skipped since the last one given
}

// take gives c's next item, if there is one.
func (r *ring) take(c *cursor) (Item, bool) {
	for c.at < r.next() {
		if c.at < r.first {
			to := r.first
			if len(r.keys) > 0 {
				to = r.keys[len(r.keys)-1]
			}
			c.lost += to - c.at
			c.at = to
			c.waitKey = true
			continue
		}
		item := r.items[c.at-r.first]
		item.Cached = c.at < c.joined
		c.at++
		if item.Packet == nil {
			c.waitKey = true
			item.Lost, c.lost = c.lost, 0
			return item, true
		}
		if item.Packet.IsSound() && (!c.sound || c.waitKey) {
			continue
		}
		if c.waitKey {
			if !item.Packet.IsKeyFrame {
				c.lost++
				continue
			}
			c.waitKey = false
		}
		item.Lost, c.lost = c.lost, 0
		return item, true
	}
	return Item{}, false
}
