package hls

import (
	"context"
	"errors"
	"sync"
	"time"

	"gridwall/streams"
	"gridwall/streams/mse"
)

const (
	// keep is how many whole segments stay; a client may still ask for one that has just left the list.
	keep   = 7
	listed = 6
	// withParts is how many of the newest segments are listed with their parts.
	withParts = 3
	// partLength is the target of a part: at 25 frames a second ten of them.
	partLength = 400 * time.Millisecond
	// least a segment has; a camera with shorter groups of pictures puts several into one.
	least = time.Second
)

// part is some frames of a segment: fragments as the stream's readers share them.
type part struct {
	fragments   [][]byte // heads and data in turn
	duration    time.Duration
	independent bool
}

type segment struct {
	init          int // number of its init segment
	discontinuity bool
	parts         []part
	duration      time.Duration
	at            time.Time // when its first frame arrived
	whole         bool
}

// position of a part that a client waits for; part -1: the whole segment; segment -1: any whole one.
type position struct{ segment, part int }

// movie is one camera being cut.
type movie struct {
	camera string

	mu       sync.Mutex
	touched  time.Time
	ended    bool
	dark     streams.Status // why no pictures come; zero while they do
	wake     chan struct{}  // closed when the film grows
	inits    map[int][]byte
	newest   int // number of the newest init
	codecs   mse.Codecs
	first    int // number of segments[0]
	breaks   int // discontinuities before segments[0]
	segments []*segment

	// the part that is being made
	open  part
	begin time.Duration // of its first picture
	last  time.Duration // of its last picture
}

func newMovie(camera string) *movie {
	return &movie{camera: camera, touched: time.Now(), wake: make(chan struct{}), inits: map[int][]byte{}, newest: -1}
}

func (f *movie) touch() {
	f.mu.Lock()
	f.touched = time.Now()
	f.mu.Unlock()
}

// over lets those go who still wait.
func (f *movie) over() {
	f.mu.Lock()
	f.ended = true
	f.grown()
	f.mu.Unlock()
}

var (
	errIdle = errors.New("nobody asks")
	errBeat = errors.New("time to look")
)

// run cuts until ctx ends, the camera is removed, or nobody has asked for linger.
func (f *movie) run(ctx context.Context, reader *streams.Reader, linger time.Duration) error {
	for {
		beat, cancel := context.WithTimeoutCause(ctx, time.Second, errBeat)
		item, err := reader.Next(beat)
		cancel()
		if err != nil && !errors.Is(err, errBeat) {
			return err
		}
		f.mu.Lock()
		idle := time.Since(f.touched) > linger
		switch {
		case err != nil:
		case item.Packet != nil:
			f.dark = streams.Status{}
			f.take(item.Packet)
		case item.Status.Reason != streams.Text{}:
			f.dark = item.Status
			f.grown()
		}
		f.mu.Unlock()
		if idle {
			return errIdle
		}
	}
}

// take adds a packet. f.mu is held.
func (f *movie) take(p *streams.Packet) {
	if p.IsSound() {
		if len(f.open.fragments) > 0 && f.codecs.Sound == p.Codec {
			f.open.fragments = append(f.open.fragments, p.Head(mse.Head), p.Data)
		}
		return
	}
	codecs := mse.CodecsOf(p, true)
	current := f.current()
	switch {
	case p.IsKeyFrame && (current == nil || codecs != f.codecs || p.Time-f.startOf(current) >= least):
		f.closePart(p.Time)
		f.closeSegment()
		if !f.openSegment(codecs, p.Arrived) {
			return
		}
	case current == nil || codecs.Video != f.codecs.Video:
		return // what cannot be begun with
	case p.Time+p.Duration-f.begin > partLength+time.Millisecond:
		f.closePart(p.Time)
	}
	if len(f.open.fragments) == 0 {
		f.open.independent = p.IsKeyFrame
		f.begin = p.Time
	}
	f.open.fragments = append(f.open.fragments, p.Head(mse.Head), p.Data)
	f.last = p.Time
}

// current is the segment that is being made.
func (f *movie) current() *segment {
	if n := len(f.segments); n > 0 && !f.segments[n-1].whole {
		return f.segments[n-1]
	}
	return nil
}

// startOf the current segment on the stream's time line.
func (f *movie) startOf(s *segment) time.Duration { return f.begin - s.duration }

// closePart ends the part at the picture that comes next.
func (f *movie) closePart(next time.Duration) {
	s := f.current()
	if s == nil || len(f.open.fragments) == 0 {
		return
	}
	f.open.duration = next - f.begin
	s.duration += f.open.duration
	s.parts = append(s.parts, f.open)
	f.open = part{}
	f.begin = next
	f.grown()
}

func (f *movie) closeSegment() {
	if s := f.current(); s != nil {
		s.whole = true
	}
	if extra := len(f.segments) - keep; extra > 0 {
		for _, s := range f.segments[:extra] {
			if s.discontinuity {
				f.breaks++
			}
		}
		f.segments = append([]*segment(nil), f.segments[extra:]...)
		f.first += extra
		for n := range f.inits {
			if n < f.segments[0].init {
				delete(f.inits, n)
			}
		}
	}
	f.grown()
}

// openSegment begins one, with a new init segment if the codecs have changed; false: no fragments of these.
func (f *movie) openSegment(codecs mse.Codecs, at time.Time) bool {
	changed := codecs != f.codecs
	if changed {
		_, init, err := codecs.Init()
		if err != nil {
			return false
		}
		f.newest++
		f.inits[f.newest] = init
		f.codecs = codecs
	}
	f.segments = append(f.segments, &segment{init: f.newest, discontinuity: changed && f.newest > 0, at: at})
	return true
}

// grown wakes those who wait. f.mu is held.
func (f *movie) grown() {
	close(f.wake)
	f.wake = make(chan struct{})
}

// has tells whether a position is there. f.mu is held.
func (f *movie) has(at position) bool {
	if at.segment < 0 {
		return len(f.segments) > 0 && f.segments[0].whole
	}
	n := at.segment - f.first
	switch {
	case n < 0:
		return true
	case n >= len(f.segments):
		return false
	case at.part < 0:
		return f.segments[n].whole
	}
	return f.segments[n].whole || at.part < len(f.segments[n].parts)
}

// await waits for a position and returns with f.mu held, or with an error and not. Positions further away than the
// next segment are refused: a client that guesses must not hold a connection.
func (f *movie) await(ctx context.Context, at position) error {
	f.mu.Lock()
	for !f.has(at) {
		if f.ended || at.segment > f.first+len(f.segments)+1 {
			f.mu.Unlock()
			return ErrNoFile
		}
		if len(f.segments) == 0 && f.dark.Reason != (streams.Text{}) {
			dark := f.dark
			f.mu.Unlock()
			return &streams.UnavailableError{Camera: f.camera, Status: dark}
		}
		wake := f.wake
		f.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		f.mu.Lock()
	}
	return nil
}

// file is the content of an init segment, a segment or a part.
func (f *movie) file(ctx context.Context, file string) ([][]byte, error) {
	kind, n, p, err := name(file)
	if err != nil {
		return nil, err
	}
	if kind == "init" {
		f.mu.Lock()
		defer f.mu.Unlock()
		if init := f.inits[n]; init != nil {
			return [][]byte{init}, nil
		}
		return nil, ErrNoFile
	}
	if err := f.await(ctx, position{n, p}); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if n < f.first || n-f.first >= len(f.segments) {
		return nil, ErrNoFile
	}
	s := f.segments[n-f.first]
	if p >= 0 {
		if p >= len(s.parts) {
			return nil, ErrNoFile
		}
		return s.parts[p].fragments, nil
	}
	var all [][]byte
	for _, p := range s.parts {
		all = append(all, p.fragments...)
	}
	return all, nil
}
