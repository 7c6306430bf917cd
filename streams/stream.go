package streams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/deepch/vdk/av"

	"gridwall/streams/rtsp"
)

// stream is one camera: its address, what is known of it, and, while somebody wants it, its pull.
type stream struct {
	hub *Hub
	id  string
	log *slog.Logger

	mu       sync.Mutex
	camera   Camera
	removed  bool
	status   Status
	running  bool          // run is active or about to be
	probing  bool          // a probe asked for by Retry is about to run
	readers  int           // open readers
	idle     time.Time     // since when nobody wants it
	version  int           // rises with every new address and every Retry
	poke     chan struct{} // readers, version or removed changed
	refusals int           // 401s in a row, over pulls and probes

	clock   clock
	ring    ring
	wake    chan struct{}     // closed when the ring grows; nil while nobody waits
	woken   []chan<- struct{} // of readers that follow many streams
	same    sameness
	losses  losses
	lookAt  time.Time // when the sweep is to look at the pictures again
	codec   av.CodecData
	sound   av.CodecData // of this pull; nil: none
	sounds  soundClock
	frames  uint64       // numbers packets
	heard   atomic.Int64 // last RTP of this pull, Unix nanoseconds
	playing time.Time    // the camera agreed to send; zero outside a pull
	framed  time.Time    // last packet of this pull
}

// errIdle, errRestart and errRemoved end a pull that is all right; errSilent ends one whose camera keeps the connection
// alive, by answers or sound, and sends no picture.
var (
	errIdle    = errors.New("nobody watches")
	errRestart = errors.New("address changed")
	errRemoved = errors.New("camera removed")
	errSilent  = fmt.Errorf("%w, and keeps the connection", rtsp.ErrTimeout)
)

func newStream(h *Hub, c Camera) *stream {
	return &stream{
		hub: h, id: c.ID, camera: c, log: h.log.With("camera", c.ID),
		status: Status{State: Unknown}, lookAt: h.firstLook(time.Now()), same: sameness{least: h.config.Frozen}, poke: make(chan struct{}, 1), idle: time.Now(),
	}
}

// poked wakes run. s.mu is held or not, it does not matter.
func (s *stream) poked() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// wanted is called with s.mu held.
func (s *stream) wanted() bool { return !s.removed && (s.readers > 0 || s.camera.Pinned) }

// locked tells that the camera refused the credentials so often that another try could lock the account.
// It is called with s.mu held.
func (s *stream) locked() bool { return s.refusals >= maxRefusals }

// run pulls as long as the stream is wanted, and Config.Linger longer.
func (s *stream) run(ctx context.Context) {
	failures := 0
	for {
		began := time.Now()
		s.mu.Lock()
		camera, version, locked := s.camera, s.version, s.locked()
		if !locked {
			s.playing, s.framed = time.Time{}, time.Time{}
			s.codec, s.sound, s.losses = nil, nil, losses{since: began}
			s.clock.resume()
			if s.status.State == Unknown || s.status.State == Online || s.status.State == Late {
				s.setStatus(Connecting, Text{})
			}
		}
		s.mu.Unlock()

		var err error
		if locked {
			err = s.await(ctx, version, nil, 0)
		} else {
			if pause := s.hub.starts.reserve(camera.URL, time.Now()); pause > 0 {
				err = s.await(ctx, version, nil, pause)
			}
			if err == nil {
				err = s.pull(ctx, camera, version)
			}
		}
		if s.ended(ctx, err) {
			return
		}
		if errors.Is(err, errRestart) || errors.Is(err, errIdle) { // idle: wanted again just now
			failures = 0
			s.mu.Lock()
			s.trouble()
			s.mu.Unlock()
			continue
		}
		state, reason := diagnose(err)
		s.mu.Lock()
		if s.version != version { // the old address's failure says nothing about the new one
			s.trouble()
			s.mu.Unlock()
			failures = 0
			continue
		}
		if errors.Is(err, rtsp.ErrUnauthorized) {
			s.refusals++
			if s.locked() {
				reason = lockedReason
			}
		} else {
			s.refusals = 0
		}
		if !s.framed.IsZero() && s.framed.Sub(began) >= goodVideo {
			failures = 0
		}
		s.setStatus(state, reason)
		s.trouble()
		locked = s.locked()
		s.mu.Unlock()
		s.hub.metrics.reconnects.Add(1)

		pause := time.Duration(0)
		if !locked {
			pause = backoff(failures, jitter)
			failures++
		}
		s.log.Info("camera lost", "state", state, "reason", reason.En, "error", err, "retry", pause)
		err = s.await(ctx, version, nil, pause)
		if s.ended(ctx, err) {
			return
		}
		if errors.Is(err, errRestart) {
			failures = 0
		}
	}
}

var lockedReason = Text{
	"用户名或密码连续三次被拒绝,已停止尝试以免锁定账号;修改地址或手动重试后恢复",
	"user name or password refused three times; no more tries, to keep the account from being locked, until the address changes or somebody retries",
}

// ended closes the run if ctx is over or nobody wants the stream; the one decision both sides see.
func (s *stream) ended(ctx context.Context, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() == nil && (!errors.Is(err, errIdle) || s.wanted()) && !errors.Is(err, errRemoved) {
		return false
	}
	s.running = false
	switch s.status.State {
	case Live:
		s.setStatus(Online, Text{})
	case Connecting:
		s.setStatus(Unknown, Text{})
	}
	s.wakeReaders()
	s.ring = ring{first: s.ring.next()} // a camera that nobody watches keeps no pictures
	return true
}

// pull runs one connection to the camera until it fails or is no longer wanted.
func (s *stream) pull(ctx context.Context, camera Camera, version int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	source := &rtsp.Source{
		URL:      camera.URL,
		Net:      s.hub.config.Net,
		OnPlay:   s.onPlay,
		OnBytes:  s.onBytes,
		OnCodec:  s.onCodec,
		OnSound:  s.onSound,
		OnPacket: s.onPacket,
		OnDamage: s.onDamage,
	}
	s.hub.metrics.pulls.Add(1)
	defer s.hub.metrics.pulls.Add(-1)
	done := make(chan error, 1)
	go func() { done <- source.Run(ctx) }()
	err := s.await(ctx, version, done, 0)
	cancel(err)
	if errors.Is(err, errIdle) || errors.Is(err, errRestart) || errors.Is(err, errRemoved) || errors.Is(err, errSilent) {
		<-done
	}
	return err
}

// await waits for the end of a pull (done), for the end of a pause (0: for ever), or for the stream to be
// unwanted, removed or restarted. While a pull runs it also looks after its health. A pull's error is
// received from done exactly when none of the package's own errors is returned.
func (s *stream) await(ctx context.Context, version int, done <-chan error, pause time.Duration) error {
	var over, beat <-chan time.Time
	if pause > 0 {
		t := time.NewTimer(pause)
		defer t.Stop()
		over = t.C
	}
	if done != nil {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		beat = t.C
	}
	linger := time.NewTimer(time.Hour)
	defer linger.Stop()
	for {
		s.mu.Lock()
		switch {
		case s.removed:
			s.mu.Unlock()
			return errRemoved
		case s.version != version:
			s.mu.Unlock()
			return errRestart
		case s.wanted():
			linger.Stop()
		default:
			rest := s.hub.config.Linger - time.Since(s.idle)
			if rest <= 0 {
				s.mu.Unlock()
				return errIdle
			}
			linger.Reset(rest)
		}
		s.mu.Unlock()
		select {
		case err := <-done:
			if err == nil {
				err = errors.New("camera ended the session")
			}
			return err
		case <-over:
			return nil
		case <-ctx.Done():
			if done != nil {
				return <-done
			}
			return context.Cause(ctx)
		case <-beat:
			if silence := s.health(time.Now()); silence >= silences*s.hub.config.Stall {
				return errSilent
			}
		case <-linger.C:
		case <-s.poke:
		}
	}
}

// silences is after how many Config.Stall of silence a pull begins anew. By then the connection's own limit has mostly ended
// it.
const silences = 4

// health notices what a connection does not say: that no frame comes, or none to start with. It returns how long the picture
// has been silent.
func (s *stream) health(now time.Time) (silence time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.playing.IsZero() {
		return 0
	}
	silence = now.Sub(later(s.playing, time.Unix(0, s.heard.Load())))
	switch {
	case silence >= s.hub.config.Stall:
		if s.setStatus(Stalled, stalledReason) {
			s.trouble()
		}
	case now.Sub(later(s.playing, s.framed)) >= s.hub.config.KeyframeWait && s.losses.heavy:
		if s.setStatus(Stalled, lossReason) {
			s.trouble()
		}
	case now.Sub(later(s.playing, s.framed)) >= s.hub.config.KeyframeWait:
		reason := Text{
			fmt.Sprintf("%d 秒内没有收到关键帧,请在摄像机上缩短关键帧间隔", int(s.hub.config.KeyframeWait.Seconds())),
			fmt.Sprintf("no keyframe for %d s; shorten the camera's keyframe interval", int(s.hub.config.KeyframeWait.Seconds())),
		}
		if s.setStatus(NoKeyframe, reason) {
			s.trouble()
		}
	}
	return silence
}

var stalledReason = Text{"已连接,但画面停滞", "connected, but the picture stands still"}

func (s *stream) onPlay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.playing = time.Now()
	s.refusals = 0
}

func (s *stream) onBytes(n int) {
	s.hub.metrics.bytesIn.Add(uint64(n))
	s.heard.Store(time.Now().UnixNano())
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (s *stream) onCodec(c av.CodecData) {
	s.mu.Lock()
	s.codec = c
	s.mu.Unlock()
}

func (s *stream) onSound(c av.CodecData) {
	s.mu.Lock()
	s.sound = c
	s.mu.Unlock()
}

// onPacket is the media path: one lock, no waiting, nothing but the ring.
func (s *stream) onPacket(p av.Packet) {
	s.hub.metrics.framesIn.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.codec == nil {
		return
	}
	now := time.Now()
	if p.Idx == rtsp.Sound {
		s.hear(p, now)
		return
	}
	p.Time = s.clock.step(p.Time)
	p.Duration = s.clock.nominal
	s.framed = now
	s.ring.add(&Packet{Packet: p, Codec: s.codec, With: s.sound, Sequence: s.frames, Arrived: now})
	s.frames++
	s.losses.see(now, false)
	switch {
	case s.same.see(p.Data, p.IsKeyFrame, now):
		s.setStatus(Frozen, s.same.reason(now))
	case s.status.State == Frozen && !s.same.moved:
	case s.losses.heavy:
		s.setStatus(Late, lossReason)
	default:
		s.setStatus(Live, Text{})
	}
	s.wakeReaders()
}

func (s *stream) onDamage() {
	s.hub.metrics.damaged.Add(1)
	s.mu.Lock()
	s.losses.see(time.Now(), true)
	s.mu.Unlock()
}

// hear puts sound beside the pictures. It wakes nobody: readers take it with the next picture. s.mu is held.
func (s *stream) hear(p av.Packet, now time.Time) {
	if s.framed.IsZero() || s.sound == nil {
		return // the pictures set the time line
	}
	at, ok := s.sounds.step(s.clock.at(p.Time), p.Duration)
	if !ok {
		return
	}
	p.Time = at
	s.ring.add(&Packet{Packet: p, Codec: s.sound, Sequence: s.frames, Arrived: now})
	s.frames++
}

// trouble tells the readers. s.mu is held.
func (s *stream) trouble() {
	s.ring.trouble(s.status)
	s.wakeReaders()
}

func (s *stream) wakeReaders() {
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
	for _, wake := range s.woken {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// setStatus is called with s.mu held; it tells whether anything changed.
func (s *stream) setStatus(state State, reason Text) bool {
	if s.status.State == state && s.status.Reason == reason {
		return false
	}
	s.status = Status{State: state, Reason: reason, Since: time.Now()}
	if !s.sub() {
		s.hub.notify.put(s.id, s.status)
	}
	return true
}

// failing tells that there is a reason why no picture comes. s.mu is held.
func (s *stream) failing() bool { return s.status.Reason != Text{} && !s.status.State.Plays() }
