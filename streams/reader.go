package streams

import (
	"context"
	"errors"
	"slices"
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
	woken  chan<- struct{} // of OpenWoken
}

// Open makes a viewer of camera id and starts the camera's pull if it is the first. It does not wait: the
// reader's first item is a cached keyframe, or the first one that arrives, or the reason why none comes.
// Rights and secrecy are the caller's. Close the reader: it keeps the camera on.
//
// It returns ErrUnknownCamera for a camera that was not Set.
func (h *Hub) Open(id string) (*Reader, error) { return h.open(id, nil) }

// OpenWoken is Open for a goroutine that follows many cameras: it takes with Take, and wake gets a value, if it has room
// for one, whenever there may be more. It must not be closed before the reader is.
func (h *Hub) OpenWoken(id string, wake chan<- struct{}) (*Reader, error) { return h.open(id, wake) }

func (h *Hub) open(id string, wake chan<- struct{}) (*Reader, error) {
	s, err := h.find(id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removed {
		return nil, ErrUnknownCamera
	}
	r := &Reader{stream: s, closed: make(chan struct{}), woken: wake}
	if wake != nil {
		s.woken = append(s.woken, wake)
	}
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

// Take is the reader's next item, if there is one now.
//
// It returns ErrUnknownCamera when the camera has been removed.
func (r *Reader) Take() (item Item, ok bool, err error) {
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.begin != nil {
		item = *r.begin
		r.begin = nil
		return item, true, nil
	}
	if item, ok = s.ring.take(&r.cursor); !ok {
		if s.removed {
			return Item{}, false, ErrUnknownCamera
		}
		return Item{}, false, nil
	}
	s.hub.metrics.lost.Add(item.Lost)
	if item.Packet != nil {
		s.hub.metrics.framesOut.Add(1)
		s.hub.metrics.bytesOut.Add(uint64(len(item.Packet.Data)))
	}
	return item, true, nil
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

// firstWait is how long First waits for a camera that has to be connected.
const firstWait = 10 * time.Second

var errNoPicture = errors.New("no picture in time")

// First waits for the first picture of reader, which watches camera id: at most 10 s or until ctx ends. It returns
// *UnavailableError with the reason in words, ErrUnknownCamera, or ctx's cause.
func (h *Hub) First(ctx context.Context, reader *Reader, id string) (*Packet, error) {
	wait, cancel := context.WithTimeoutCause(ctx, firstWait, errNoPicture)
	defer cancel()
	for {
		item, err := reader.Next(wait)
		switch {
		case errors.Is(err, errNoPicture):
			status, err := h.Status(id)
			if err != nil {
				return nil, err
			}
			if status.Reason == (Text{}) {
				status.Reason = Text{"摄像机在规定时间内没有送来画面", "the camera sent no picture in time"}
			}
			return nil, &UnavailableError{Camera: id, Status: status}
		case err != nil:
			return nil, err
		case item.Packet != nil && !item.Packet.IsSound():
			return item.Packet, nil
		case item.Packet == nil && item.Status.Reason != Text{}:
			return nil, &UnavailableError{Camera: id, Status: item.Status}
		}
	}
}

// Listen turns sound on or off; a new reader has none.
func (r *Reader) Listen(on bool) {
	r.stream.mu.Lock()
	r.cursor.sound = on
	r.stream.mu.Unlock()
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
		if i := slices.Index(s.woken, r.woken); i >= 0 {
			s.woken = slices.Delete(s.woken, i, i+1)
		}
		if s.readers == 0 {
			s.idle = time.Now()
			s.poked()
		}
	})
}
