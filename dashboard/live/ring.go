package live

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"slices"
	"sync"
)

const (
	firstSegment = 64 << 10 // most audiences never need more
	mostSegment  = 1 << 20
	opText       = 0x81
	opClose      = 0x88
	opPing       = 0x89
)

// ring is the newest part of what one audience is told: ready websocket frames, one after the other, shared by all clients
// of the audience. A client is a position in it, in bytes since the ring began. Bytes that were written never change; what
// is older than limit bytes is thrown away from the tail.
type ring struct {
	limit int

	mu       sync.RWMutex
	segments []*segment // oldest first
	tail     int64      // position of the oldest byte
	head     int64      // position after the newest
	held     int        // bytes of all segments
	floor    int64      // events up to this number are not in the ring
	marks    []mark     // where events stand, by number
}

// segment holds whole frames.
type segment struct {
	base  int64
	bytes []byte
}

// mark is where an event's frame stands.
type mark struct {
	seq  int64
	pos  int64
	size int
}

func newRing(floor int64, limit int) *ring { return &ring{limit: limit, floor: floor} }

// frame appends a whole unmasked frame of the parts to dst (RFC 6455, section 5.2); first is its first byte.
func frame(dst []byte, first byte, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	switch dst = append(dst, first); {
	case size < 126:
		dst = append(dst, byte(size))
	case size < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 126), uint16(size))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 127), uint64(size))
	}
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// deflated is the bit of a frame's first byte that says that its payload is (RFC 7692).
const deflated = 0x40

// deflate is the payload of one compressed message, without the context of others (RFC 7692, section 7.2.1).
func deflate(text []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestSpeed) // the level is valid
	_, _ = w.Write(text)                         // a buffer takes all
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// add writes a frame at the head; seq is the number of the event in it, 0 for what has none.
func (r *ring) add(seq int64, first byte, parts ...[]byte) {
	size := 10
	for _, p := range parts {
		size += len(p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.room(size)
	before := len(s.bytes)
	s.bytes = frame(s.bytes, first, parts...)
	written := len(s.bytes) - before
	if seq != 0 {
		r.marks = append(r.marks, mark{seq, r.head, written})
	}
	r.head += int64(written)
}

// room is a segment that takes size more bytes.
func (r *ring) room(size int) *segment {
	capacity := min(firstSegment, r.limit/4)
	if n := len(r.segments); n > 0 {
		last := r.segments[n-1]
		if cap(last.bytes)-len(last.bytes) >= size {
			return last
		}
		capacity = min(2*cap(last.bytes), mostSegment, r.limit/4)
	}
	s := &segment{base: r.head, bytes: make([]byte, 0, max(capacity, size))}
	r.segments = append(r.segments, s)
	r.held += cap(s.bytes)
	r.forget()
	return s
}

// forget drops the oldest segments until the ring is within its limit.
func (r *ring) forget() {
	drop := 0
	for ; r.held > r.limit && drop < len(r.segments)-1; drop++ {
		r.held -= cap(r.segments[drop].bytes)
	}
	if drop == 0 {
		return
	}
	r.segments = slices.Delete(r.segments, 0, drop)
	r.tail = r.segments[0].base
	gone := 0
	for ; gone < len(r.marks) && r.marks[gone].pos < r.tail; gone++ {
		r.floor = r.marks[gone].seq
	}
	r.marks = slices.Delete(r.marks, 0, gone)
}

// resize sets another limit; what is over it goes at the next segment.
func (r *ring) resize(limit int) {
	r.mu.Lock()
	r.limit = limit
	r.mu.Unlock()
}

// at is what stands at a position and after it, up to the end of the segment: whole frames if pos is where one begins.
// Empty: nothing came yet. false: the ring has forgotten it.
func (r *ring) at(pos int64) ([]byte, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if pos < r.tail {
		return nil, false
	}
	for i := len(r.segments) - 1; i >= 0; i-- {
		if s := r.segments[i]; pos >= s.base {
			return s.bytes[pos-s.base:], true
		}
	}
	return nil, true
}

// end is the position after the newest byte.
func (r *ring) end() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.head
}

// holds says whether a client at pos can still go on.
func (r *ring) holds(pos int64) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return pos >= r.tail
}

// size is the memory that the ring takes, in bytes.
func (r *ring) size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.held
}

// after returns the frames of the events after number seq, without what is told between them, and the newest of their
// numbers (seq if there are none). The bytes are the ring's own. false: the ring has forgotten some.
func (r *ring) after(seq int64) (runs [][]byte, last int64, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if seq < r.floor {
		return nil, seq, false
	}
	i, _ := slices.BinarySearchFunc(r.marks, seq+1, func(m mark, want int64) int {
		switch {
		case m.seq < want:
			return -1
		case m.seq > want:
			return 1
		}
		return 0
	})
	last = seq
	segment, until := 0, int64(-1)
	for ; i < len(r.marks); i++ {
		m := r.marks[i]
		last = m.seq
		for segment+1 < len(r.segments) && r.segments[segment+1].base <= m.pos {
			segment++
		}
		s := r.segments[segment]
		from := m.pos - s.base
		if m.pos == until && from > 0 { // goes on from the frame before, in the same segment
			run := &runs[len(runs)-1]
			*run = (*run)[:len(*run)+m.size]
		} else {
			runs = append(runs, s.bytes[from:from+int64(m.size)])
		}
		until = m.pos + int64(m.size)
	}
	return runs, last, true
}
