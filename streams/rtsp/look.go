package rtsp

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/deepch/vdk/av"
)

// ErrNoKeyframe: the camera sends pictures and none that a decoder could start with.
var ErrNoKeyframe = errors.New("rtsp: no keyframe came")

// Found is what a look at a camera's pictures found. Rates are of what was seen, not of what the camera promises.
type Found struct {
	Codec         string // H.264 or H.265
	Width, Height int    // px
	FPS           float64
	BitsPerSecond float64
	GOP           int           // pictures from keyframe to keyframe; 0: no second one came
	GOPTime       time.Duration // the same as time
	BFrames       bool
	Audio         string // empty: none that can be carried
	AudioRate     int    // Hz

	Answered     time.Duration // from the call until the camera agreed to send
	FirstPicture time.Duration // from then until the first keyframe
	Delivered    float64       // time of the pictures ÷ time in which they came, at least 2 s (else 0); under 1 they come too slowly

	// Clock is how far the camera's clock is ahead of ours, by ClockFrom: rtcp (to the millisecond), or date (the header of
	// its answer, whole seconds; some write their local time and call it GMT). nil: it did not say.
	Clock     *time.Duration
	ClockFrom string

	Key     [sha256.Size]byte // of the first coded keyframe: the same twice is the same picture
	KeySize int
	Between int // mean size of the pictures between keyframes, bytes; -1: none were seen
}

// errSeen ends a look that has seen enough.
var errSeen = errors.New("seen")

// Look pulls the camera until it has seen from one keyframe to the next, and at least for enough; within bounds the whole.
// Without any keyframe it is ErrNoKeyframe; other errors are those of Source.Run.
func Look(ctx context.Context, rawURL string, net Net, enough, within time.Duration) (*Found, error) {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(within, func() { cancel(errSeen) })
	defer limit.Stop()
	l := look{found: &Found{Between: -1}, enough: enough, stop: func() { cancel(errSeen) }}
	source := &Source{URL: rawURL, Net: net,
		OnPlay:   func() { l.played(time.Since(began)) },
		OnCodec:  l.codec,
		OnSound:  l.sound,
		OnPacket: l.packet,
		OnClock:  l.clock,
		OnBytes:  func(int) { l.any.Store(true) },
	}
	err := source.Run(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !errors.Is(err, errSeen):
		return nil, err
	case l.playing.IsZero() && l.keys == 0:
		return nil, fmt.Errorf("look: %w", context.DeadlineExceeded)
	case l.keys == 0 && l.any.Load():
		return nil, ErrNoKeyframe
	case l.keys == 0:
		return nil, ErrTimeout
	}
	l.sum()
	return l.found, nil
}

// look gathers what a source tells.
type look struct {
	enough time.Duration
	stop   func()

	mu      sync.Mutex
	found   *Found
	playing time.Time
	first   time.Time // arrival of the first keyframe
	last    time.Time
	from    time.Duration // its decode time
	to      time.Duration
	keys    int
	frames  int // from the first keyframe on
	bytes   int
	between []int
	any     atomic.Bool // RTP came
}

func (l *look) played(after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.playing, l.found.Answered = time.Now(), after
}

func (l *look) codec(c av.CodecData) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch c.Type() {
	case av.H264:
		l.found.Codec = "H.264"
	case av.H265:
		l.found.Codec = "H.265"
	}
	if v, ok := c.(av.VideoCodecData); ok {
		l.found.Width, l.found.Height = v.Width(), v.Height()
	}
}

func (l *look) sound(c av.CodecData) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found.Audio = map[av.CodecType]string{av.AAC: "AAC", av.PCM_ALAW: "G.711 A-law", av.PCM_MULAW: "G.711 µ-law"}[c.Type()]
	if a, ok := c.(av.AudioCodecData); ok {
		l.found.AudioRate = a.SampleRate()
	}
}

// clock takes what the camera's clock shows; RTCP is better than a header.
func (l *look) clock(ahead time.Duration, from string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.found.Clock == nil || from == clockRTCP {
		l.found.Clock, l.found.ClockFrom = &ahead, from
	}
}

func (l *look) packet(p av.Packet) {
	if p.Idx != Video {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if p.IsKeyFrame {
		l.keys++
		switch l.keys {
		case 1:
			l.first, l.from = now, p.Time
			if !l.playing.IsZero() { // pictures may be faster than the answer to PLAY
				l.found.FirstPicture = now.Sub(l.playing)
			}
			l.found.Key, l.found.KeySize = sha256.Sum256(p.Data), len(p.Data)
		case 2:
			l.found.GOP, l.found.GOPTime = l.frames, p.Time-l.from
		}
	} else if l.keys > 0 {
		l.between = append(l.between, len(p.Data))
	}
	if l.keys == 0 {
		return
	}
	l.found.BFrames = l.found.BFrames || p.CompositionTime != 0
	l.frames++
	l.bytes += len(p.Data)
	l.last, l.to = now, p.Time
	if l.keys >= 2 && now.Sub(l.first) >= l.enough {
		l.stop()
	}
}

func (l *look) sum() {
	f := l.found
	if media := l.to - l.from; media > 0 && l.frames > 1 {
		f.FPS = float64(l.frames-1) / media.Seconds()
		f.BitsPerSecond = float64(l.bytes) * 8 / media.Seconds() * float64(l.frames-1) / float64(l.frames)
		if came := l.last.Sub(l.first); came >= 2*time.Second {
			f.Delivered = media.Seconds() / came.Seconds()
		}
	}
	if len(l.between) > 0 {
		all := 0
		for _, n := range l.between {
			all += n
		}
		f.Between = all / len(l.between)
	}
}

// What a camera's clock is known by.
const (
	clockRTCP = "rtcp"
	clockDate = "date"
)

// clockOfDate reads the header Date of an answer; ok is false without one, and where it looks like local time called GMT.
func clockOfDate(header []string, now time.Time) (ahead time.Duration, ok bool) {
	if len(header) == 0 {
		return 0, false
	}
	at, err := http.ParseTime(header[0])
	if err != nil {
		return 0, false
	}
	ahead = at.Sub(now)
	const quarter = 15 * time.Minute
	off := time.Duration(math.Abs(float64(ahead)))
	if near := off.Round(quarter); near >= 2*quarter && near <= 14*time.Hour && (off-near).Abs() < 2*time.Minute {
		return 0, false
	}
	return ahead, true
}
