package film

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"
)

// Habits of a camera.
type Habits struct {
	InBandOnly     bool        // no parameter sets in the description
	OutOfBandOnly  bool        // none in the pictures
	BackChannel    bool        // describes a loudspeaker too
	UDP            bool        // and no TCP: 461
	TLS            *tls.Config // rtsps
	User, Password string
}

// Camera plays films over RTSP, one after another and from the beginning again. They are of one codec; Turn changes that.
type Camera struct {
	URL string

	habits   Habits
	server   *gortsplib.Server
	encoders *encoders
	ctx      context.Context // the test's
	work     sync.WaitGroup

	mu      sync.Mutex
	films   []*Film
	stream  *gortsplib.ServerStream
	setUp   []string // paths of the SETUP requests
	playing bool
}

// Serve runs a camera until the test ends.
func Serve(t testing.TB, habits Habits, films ...*Film) *Camera {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &Camera{films: films, habits: habits, ctx: ctx}
	var err error
	if c.encoders, err = newEncoders(); err != nil {
		t.Fatal(err)
	}
	c.server = &gortsplib.Server{Handler: c, RTSPAddress: "127.0.0.1:0", WriteQueueSize: 1024}
	c.server.TLSConfig = habits.TLS
	if habits.UDP {
		c.server.UDPRTPAddress, c.server.UDPRTCPAddress = ports(t)
	}
	if err := c.server.Start(); err != nil {
		t.Fatal(err)
	}
	if c.stream, err = c.newStream(films[0]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		c.work.Wait()
		c.stream.Close()
		c.server.Close()
	})
	u := url.URL{Scheme: "rtsp", Host: c.server.NetListener().Addr().String(), Path: "/film"}
	if habits.TLS != nil {
		u.Scheme = "rtsps"
	}
	if habits.User != "" {
		u.User = url.UserPassword(habits.User, habits.Password)
	}
	c.URL = u.String()
	return c
}

// Turn makes the camera one that plays another film, of another codec maybe: as when somebody changes its settings. Whoever
// watches is cut off, and finds the new description.
func (c *Camera) Turn(t testing.TB, f *Film) {
	t.Helper()
	stream, err := c.newStream(f)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	old := c.stream
	c.films, c.stream = []*Film{f}, stream
	c.mu.Unlock()
	old.Close()
}

func (c *Camera) newStream(f *Film) (*gortsplib.ServerStream, error) {
	stream := &gortsplib.ServerStream{Server: c.server, Desc: c.describe(f)}
	return stream, stream.Initialize()
}

// now is what the camera plays at present: film n of its films, and to whom.
func (c *Camera) now(n int) (*Film, *gortsplib.ServerStream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.films[n%len(c.films)], c.stream
}

// ports finds two free UDP ports, an even one and the next.
func ports(t testing.TB) (string, string) {
	for range 100 {
		a, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := a.LocalAddr().(*net.UDPAddr).Port
		_ = a.Close()
		if port%2 == 0 {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1))
		}
	}
	t.Fatal("no free ports")
	return "", ""
}

// SetUp lists the paths of the media that clients asked for.
func (c *Camera) SetUp() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.setUp)
}

func (c *Camera) describe(f *Film) *description.Session {
	video := &description.Media{Type: description.MediaTypeVideo}
	sets := f.sets()
	if c.habits.InBandOnly {
		sets = make([][]byte, 3)
	}
	if f.Spec.H265 {
		video.Formats = []format.Format{&format.H265{PayloadTyp: 96, VPS: sets[0], SPS: sets[1], PPS: sets[2]}}
	} else {
		video.Formats = []format.Format{&format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: sets[0], PPS: sets[1]}}
	}
	medias := []*description.Media{video}
	switch f.Spec.Sound {
	case "aac":
		medias = append(medias, &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{
			&format.MPEG4Audio{PayloadTyp: 97, Config: f.AAC, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}}})
	case "pcma":
		medias = append(medias, &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{&format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1}}})
	case "pcmu":
		medias = append(medias, &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{&format.G711{MULaw: true, SampleRate: 8000, ChannelCount: 1}}})
	}
	if c.habits.BackChannel {
		medias = append(medias, &description.Media{Type: description.MediaTypeAudio, IsBackChannel: true, Formats: []format.Format{&format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1}}})
	}
	return &description.Session{Medias: medias}
}

func (c *Camera) admit(conn *gortsplib.ServerConn, req *base.Request) (*base.Response, *gortsplib.ServerStream, error) {
	if c.habits.User != "" && !conn.VerifyCredentials(req, c.habits.User, c.habits.Password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	_, stream := c.now(0)
	return &base.Response{StatusCode: base.StatusOK}, stream, nil
}

func (c *Camera) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return c.admit(ctx.Conn, ctx.Request)
}

func (c *Camera) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if c.habits.UDP && ctx.Transport.Protocol == gortsplib.ProtocolTCP {
		return &base.Response{StatusCode: base.StatusUnsupportedTransport}, nil, nil
	}
	c.mu.Lock()
	c.setUp = append(c.setUp, ctx.Request.URL.Path)
	c.mu.Unlock()
	return c.admit(ctx.Conn, ctx.Request)
}

func (c *Camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.playing {
		c.playing = true
		c.work.Go(c.play)
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// play sends every film in turn, each picture when it is due.
func (c *Camera) play() {
	began := time.Now()
	var pictures, samples int64 // 1/90000 s; samples of sound
	for n := 0; ; n++ {
		f, stream := c.now(n)
		sound := 0
		for i, p := range f.Pictures {
			if _, now := c.now(n); now != stream {
				break // it was turned
			}
			due := began.Add(time.Duration(pictures) * time.Second / 90000)
			select {
			case <-c.ctx.Done():
				return
			case <-time.After(time.Until(due)):
			}
			c.show(stream, f, p, uint32(pictures-int64(i)*3600+p.PTS+90000), due)
			pictures += 3600
			for ; sound < len(f.Sound) && sound*len(f.Pictures) < (i+1)*len(f.Sound); sound++ {
				samples += c.utter(stream, f, f.Sound[sound], uint32(samples), due)
			}
		}
	}
}

func (c *Camera) show(stream *gortsplib.ServerStream, f *Film, p Picture, stamp uint32, due time.Time) {
	nalus := p.NALUs
	if c.habits.OutOfBandOnly {
		nalus = slices.DeleteFunc(slices.Clone(nalus), func(n []byte) bool { return isSet(n, f.Spec.H265) })
	}
	for _, packet := range c.packets(f, nalus) {
		packet.Timestamp = stamp
		_ = stream.WritePacketRTPWithNTP(stream.Desc.Medias[0], packet, due)
	}
}

// encoders cut for RTP, each with its own numbers.
type encoders struct {
	h264 rtph264.Encoder
	h265 rtph265.Encoder
	aac  rtpmpeg4audio.Encoder
	g711 uint16 // sequence number
}

func newEncoders() (*encoders, error) {
	e := &encoders{
		h264: rtph264.Encoder{PayloadType: 96, PacketizationMode: 1},
		h265: rtph265.Encoder{PayloadType: 96},
		aac:  rtpmpeg4audio.Encoder{PayloadType: 97, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3},
	}
	return e, errors.Join(e.h264.Init(), e.h265.Init(), e.aac.Init())
}

func (c *Camera) packets(f *Film, nalus [][]byte) []*rtp.Packet {
	var packets []*rtp.Packet
	if f.Spec.H265 {
		packets, _ = c.encoders.h265.Encode(nalus)
	} else {
		packets, _ = c.encoders.h264.Encode(nalus)
	}
	return packets
}

// utter sends one frame of sound and returns how many samples it has.
func (c *Camera) utter(stream *gortsplib.ServerStream, f *Film, data []byte, stamp uint32, due time.Time) int64 {
	if len(stream.Desc.Medias) < 2 || f.Spec.Sound == "" {
		return 0
	}
	samples, packets := int64(1024), []*rtp.Packet(nil)
	if f.AAC != nil {
		packets, _ = c.encoders.aac.Encode([][]byte{data})
	} else {
		samples = int64(len(data))
		c.encoders.g711++
		packets = []*rtp.Packet{{Header: rtp.Header{Version: 2, PayloadType: stream.Desc.Medias[1].Formats[0].PayloadType(), SequenceNumber: c.encoders.g711, SSRC: 7}, Payload: data}}
	}
	for _, packet := range packets {
		packet.Timestamp = stamp
		_ = stream.WritePacketRTPWithNTP(stream.Desc.Medias[1], packet, due)
	}
	return samples
}
