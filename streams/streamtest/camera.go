package streamtest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const frameInterval = 40 * time.Millisecond

// camera is one path of the server.
type camera struct {
	Camera
	server *Server
	number int   // spreads the cameras over the frame interval and over the clip
	head   *Head // nil: it has none

	mu      sync.Mutex
	fault   Fault
	frozen  [][]byte  // the picture of Freeze
	away    time.Time // dark until then
	origin  time.Time // zero of its time stamps
	stream  *gortsplib.ServerStream
	players map[*gortsplib.ServerSession]net.Conn
	stop    context.CancelFunc // of the clock; nil while nobody plays
}

func newCamera(s *Server, described Camera, number int) *camera {
	c := &camera{
		Camera: described, server: s, number: number, origin: s.began,
		players: make(map[*gortsplib.ServerSession]net.Conn),
	}
	if described.PTZ {
		c.head = NewHead(time.Now)
	}
	return c
}

func (c *camera) dark() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault == Dark || time.Now().Before(c.away)
}

func (c *camera) refuses() bool { return c.is(Refuse) }

func (c *camera) now() Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

func (c *camera) is(f Fault) bool { return c.now() == f }

func (c *camera) setFault(f Fault) {
	c.mu.Lock()
	c.fault, c.frozen = f, nil
	c.mu.Unlock()
	if f == Dark || f == Refuse || f == BadSDP || f == OtherCodec || f == Drip {
		c.drop()
	}
}

func (c *camera) reboot(until time.Time) {
	c.mu.Lock()
	c.away = until
	c.origin = until.Add(-12345 * time.Millisecond)
	c.mu.Unlock()
	c.drop()
}

func (c *camera) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.players {
		_ = conn.Close()
	}
}

// fakeSDP is the body of a faulty camera's DESCRIBE; nil if it is in order.
func (c *camera) fakeSDP() []byte {
	switch {
	case c.is(BadSDP):
		return []byte("v=0\r\no=\r\nm=video \x00\x01 RTP/AVP\r\n")
	case c.is(OtherCodec):
		return []byte("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n" +
			"m=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\na=control:trackID=0\r\n")
	}
	return nil
}

// serverStream is what sessions of this camera are set up on; it has no goroutine of its own.
func (c *camera) serverStream() (*gortsplib.ServerStream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream != nil {
		return c.stream, nil
	}
	first, err := c.server.library.clip(c.clipName(c.server.config.Now()))
	if err != nil {
		return nil, err
	}
	stream := &gortsplib.ServerStream{
		Server: c.server.rtsp,
		Desc: &description.Session{
			Title: c.ID,
			Medias: []*description.Media{{
				Type: description.MediaTypeVideo,
				Formats: []format.Format{&format.H264{
					PayloadTyp: 96, PacketizationMode: 1, SPS: first.sps, PPS: first.pps,
				}},
			}},
		},
	}
	if err := stream.Initialize(); err != nil {
		return nil, fmt.Errorf("camera %s: %w", c.ID, err)
	}
	c.stream = stream
	return stream, nil
}

// clipName chooses day or night: 06:30 to 18:00 is day.
func (c *camera) clipName(now time.Time) string {
	local := now.In(c.server.config.Location)
	if m := local.Hour()*60 + local.Minute(); m >= 6*60+30 && m < 18*60 {
		return c.Scene + "-day"
	}
	return c.Scene + "-night"
}

func (c *camera) join(session *gortsplib.ServerSession, conn *gortsplib.ServerConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.players[session] = conn.NetConn()
	if c.stop == nil {
		ctx, cancel := context.WithCancel(context.Background()) // until leave or halt
		c.stop = cancel
		c.server.work.Go(func() { c.play(ctx) })
	}
}

func (c *camera) leave(session *gortsplib.ServerSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.players, session)
	if len(c.players) == 0 && c.stop != nil {
		c.stop()
		c.stop = nil
	}
}

func (c *camera) halt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
	if c.stream != nil {
		c.stream.Close()
		c.stream = nil
	}
}

// play sends a picture every frame interval, beginning with an IDR.
func (c *camera) play(ctx context.Context) {
	c.mu.Lock()
	stream, origin := c.stream, c.origin
	c.mu.Unlock()
	encoder := rtph264.Encoder{PayloadType: 96, PacketizationMode: 1}
	if stream == nil || encoder.Init() != nil {
		return
	}
	media := stream.Desc.Medias[0]
	var line line
	show := newShow(c)
	began := time.Now()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for n := time.Duration(0); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due := began.Add(n * frameInterval)
		nalus, err := show.next(c.server.config.Now())
		if err != nil {
			return
		}
		if c.is(Mute) && stream.WritePacketRTCP(media, &rtcp.ReceiverReport{}) != nil {
			return
		}
		if c.is(Freeze) {
			nalus = c.freeze(nalus)
		}
		if send := !c.is(Stall) && !c.is(Mute) && !c.is(Forget); send && !(c.is(NoKeyframe) && nalus[0][0]&0x1f == nalSPS) {
			packets, err := encoder.Encode(nalus)
			if err != nil {
				return
			}
			stamp := uint32(due.Sub(origin) / (time.Second / 10000) * 9)
			for _, packet := range packets {
				packet.Timestamp = stamp
			}
			for _, packet := range line.carry(packets, c.now()) {
				if stream.WritePacketRTPWithNTP(media, packet, due) != nil {
					return
				}
			}
		}
		tick.Reset(time.Until(due.Add(frameInterval)))
	}
}

// line is what lies between the camera's encoder and its socket: one in oneIn packets does not get through as it was sent.
type line struct{ packets int }

const oneIn = 200

func (l *line) carry(packets []*rtp.Packet, f Fault) (arrive []*rtp.Packet) {
	if f == Reorder && len(packets) > 1 {
		if l.packets += len(packets); l.packets >= oneIn {
			l.packets = 0
			packets[0], packets[1] = packets[1], packets[0]
		}
	}
	if f != Loss && f != Truncate {
		return packets
	}
	for _, p := range packets {
		l.packets++
		switch hit := l.packets%oneIn == 0; {
		case hit && f == Loss:
			continue
		case hit:
			p.Payload = p.Payload[:len(p.Payload)/2]
		}
		arrive = append(arrive, p)
	}
	return arrive
}

// freeze returns the picture that stands still: the first that could be decoded alone since the camera froze, whoever asks.
func (c *camera) freeze(nalus [][]byte) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen == nil && nalus[0][0]&0x1f == nalSPS {
		c.frozen = nalus
	}
	if c.frozen == nil {
		return nalus
	}
	return c.frozen
}
