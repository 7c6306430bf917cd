package streams

import (
	"context"
	"sync"
	"time"
)

// Reader is one viewer of one camera. It is used by one goroutine; Close may come from another.
type Reader struct {
	stream *stream
	cursor cursor
	begin  *Item // trouble that was there before the reader
	close  sync.Once
	closed chan struct{}
}

// Open makes a viewer of camera id and starts the camera's pull if it is the first. It does not wait: the
// reader's first item is a cached keyframe, or the first one that arrives, or the reason why none comes.
// Rights and secrecy are the caller's. Close the reader: it keeps the camera on.
//
// It returns ErrUnknownCamera for a camera that was not Set.
func (h *Hub) Open(id string) (*Reader, error) {
	s, err := h.find(id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removed {
		return nil, ErrUnknownCamera
	}
	r := &Reader{stream: s, closed: make(chan struct{})}
	r.cursor = cursor{at: s.ring.start(), joined: s.ring.next(), waitKey: true}
	// A failing state that only a probe has seen may be stale by now: the pull will tell.
	if s.failing() && (s.running || s.locked()) {
		r.begin = &Item{Status: s.status}
	}
	s.readers++
	s.demand()
	h.metrics.viewers.Add(1)
	return r, nil
}

// Next waits for the reader's next item. It returns ctx's cause, ErrUnknownCamera when the camera has been
// removed, or ErrReaderClosed.
func (r *Reader) Next(ctx context.Context) (Item, error) {
	s := r.stream
	for {
		s.mu.Lock()
		if r.begin != nil {
			item := *r.begin
			r.begin = nil
			s.mu.Unlock()
			return item, nil
		}
		item, ok := s.ring.take(&r.cursor)
		if ok {
			s.mu.Unlock()
			s.hub.metrics.lost.Add(item.Lost)
			if item.Packet != nil {
				s.hub.metrics.framesOut.Add(1)
				s.hub.metrics.bytesOut.Add(uint64(len(item.Packet.Data)))
			}
			return item, nil
		}
		if s.removed {
			s.mu.Unlock()
			return Item{}, ErrUnknownCamera
		}
		if s.wake == nil {
			s.wake = make(chan struct{})
		}
		wake := s.wake
		s.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return Item{}, context.Cause(ctx)
		case <-r.closed:
			return Item{}, ErrReaderClosed
		}
	}
}

// Rewind makes the next packet the newest keyframe again, for a viewer whose decoder lost its way. It tells
// whether there is one; the packets up to now count as Cached.
func (r *Reader) Rewind() bool {
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ring.keys) == 0 {
		return false
	}
	r.cursor.at, r.cursor.joined = s.ring.start(), s.ring.next()
	return true
}

// Close ends the viewing. It may be called twice.
func (r *Reader) Close() {
	r.close.Do(func() {
		close(r.closed)
		s := r.stream
		s.hub.metrics.viewers.Add(-1)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.readers--
		if s.readers == 0 {
			s.idle = time.Now()
			s.poked()
		}
	})
}
