package whep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/deepch/vdk/av"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"gridwall/streams"
	"gridwall/streams/rtpout"
)

const (
	// connectWait is how long a browser that has its answer may take to connect.
	connectWait = 15 * time.Second
	// gatherWait is how long the answer's candidates may take; they take milliseconds.
	gatherWait = 2 * time.Second
	// rewindPause is the shortest time between two repetitions of the cached pictures.
	rewindPause = time.Second
)

var (
	errNeverConnected = errors.New("browser never connected")
	errOtherCodec     = errors.New("camera changed to another codec")
	errSilent         = errors.New("browser is silent")
)

// session is one browser watching one camera.
type session struct {
	id        string
	camera    string
	pc        *webrtc.PeerConnection
	sender    *webrtc.RTPSender
	track     *webrtc.TrackLocalStaticRTP
	reader    *streams.Reader
	kind      av.CodecType // what was negotiated
	connected chan struct{}
	lost      chan struct{}           // PLI: the browser needs a keyframe
	end       context.CancelCauseFunc // ends run, with the reason
	out       timeline
	sequence  uint16
}

// newSession negotiates: when it returns, the answer is pc's local description. end is called when the
// connection fails.
func newSession(camera string, pc *webrtc.PeerConnection, reader *streams.Reader, codec webrtc.RTPCodecCapability, offer string, end context.CancelCauseFunc) (*session, error) {
	track, err := webrtc.NewTrackLocalStaticRTP(codec, "video", camera)
	if err != nil {
		return nil, err
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadOffer, err)
	}
	sender, err := pc.AddTrack(track)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadOffer, err)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadOffer, err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadOffer, err)
	}
	select { // host candidates of an open socket: no network is asked
	case <-gathered:
	case <-time.After(gatherWait):
		return nil, fmt.Errorf("%w: it leads to no transport", ErrBadOffer)
	}
	p := &session{
		camera: camera, pc: pc, sender: sender, track: track, reader: reader,
		connected: make(chan struct{}), lost: make(chan struct{}, 1), end: end,
	}
	var once sync.Once
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			once.Do(func() { close(p.connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			end(errSilent)
		}
	})
	return p, nil
}

// run sends until ctx ends or the browser is gone, and leaves nothing behind.
func (p *session) run(ctx context.Context) error {
	defer p.reader.Close()
	var feedback sync.WaitGroup
	feedback.Go(p.listen)
	err := p.send(ctx)
	_ = p.pc.GracefulClose()
	feedback.Wait()
	return err
}

// listen reads RTCP until the connection is closed.
func (p *session) listen() {
	for {
		packets, _, err := p.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				select {
				case p.lost <- struct{}{}:
				default:
				}
			}
		}
	}
}

func (p *session) send(ctx context.Context) error {
	wait := time.NewTimer(connectWait)
	defer wait.Stop()
	select {
	case <-p.connected:
	case <-wait.C:
		return errNeverConnected
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.reader.Rewind() // what was cached when the offer came is old now
	rewound := time.Now()
	for {
		item, err := p.reader.Next(ctx)
		if err != nil {
			return err
		}
		select {
		case <-p.lost:
			if now := time.Now(); now.Sub(rewound) >= rewindPause && p.reader.Rewind() {
				rewound = now
				continue
			}
		default:
		}
		if item.Packet == nil {
			continue // the page hears of the camera's state on its own channel; pictures will go on
		}
		if item.Packet.Codec.Type() != p.kind {
			return errOtherCodec // the browser asks anew
		}
		if err := p.write(item); err != nil {
			return err
		}
	}
}

func (p *session) write(item streams.Item) error {
	payloads := item.Packet.Payloads(payloads)
	time := p.out.next(item)
	for i, payload := range payloads {
		p.sequence++
		err := p.track.WriteRTP(&rtp.Packet{
			Header: rtp.Header{
				Version:        2,
				Marker:         i == len(payloads)-1,
				SequenceNumber: p.sequence,
				Timestamp:      time,
			},
			Payload: payload,
		})
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}

func payloads(p *streams.Packet) [][]byte { return rtpout.Payloads(p, rtpout.PayloadSize) }

// timeline gives a session's RTP time stamps (90 kHz): cached packets a millisecond apart, live ones as
// their presentation times say.
type timeline struct {
	stamp   uint32
	pts     int64 // of the last packet, 90 kHz
	started bool
}

const squeezed = 90 // 1 ms

func (t *timeline) next(item streams.Item) uint32 {
	p := item.Packet
	pts := int64((p.Time + p.CompositionTime) / (time.Second / 10000) * 9)
	switch {
	case !t.started:
		t.started = true
	case item.Cached:
		t.stamp += squeezed
	default:
		t.stamp += uint32(max(pts-t.pts, 1))
	}
	t.pts = pts
	return t.stamp
}
