package rtpout

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/deepch/vdk/av"
	"github.com/deepch/vdk/codec/aacparser"
	"github.com/deepch/vdk/codec/h264parser"
	"github.com/deepch/vdk/codec/h265parser"
	"github.com/pion/rtp"

	"gridwall/streams"
	"gridwall/streams/rtsp"
)

// PayloadSize leaves room in 1,280 bytes (the least MTU of IPv6) for IP, UDP, RTP, SRTP and a tunnel; all outputs
// use it, so that payloads are cut once.
const PayloadSize = 1180

// viewer is one RTSP connection that watches one camera.
type viewer struct {
	camera string
	reader *streams.Reader
	stream *gortsplib.ServerStream
	video  av.CodecType
	sound  *soundTrack // nil: none
	torn   atomic.Bool // a packet was not taken: go on at a keyframe

	begin  sync.Once
	finish sync.Once
	cancel context.CancelFunc
	work   sync.WaitGroup

	sequence uint16
	origin   uint32 // RTP time stamp of the stream's zero: random, as RFC 3550 has it; ffmpeg counts wrongly from 0
}

// soundTrack sends sound in packets of its own.
type soundTrack struct {
	media    *description.Media
	rate     int
	encoder  rtpmpeg4audio.Encoder
	aac      bool
	sequence uint16
	origin   uint32
}

// newViewer waits for the camera's first picture: the description needs it.
func (h *handler) newViewer(id string) (*viewer, error) {
	reader, err := h.config.Hub.Open(id)
	if err != nil {
		return nil, err
	}
	first, err := h.config.Hub.First(h.life, reader, id)
	if err != nil {
		reader.Close()
		return nil, err
	}
	v := &viewer{camera: id, reader: reader, video: first.Codec.Type(), cancel: func() {}, origin: rand.Uint32()}
	video, err := videoFormat(first.Codec)
	if err != nil {
		reader.Close()
		return nil, err
	}
	medias := []*description.Media{{Type: description.MediaTypeVideo, Formats: []format.Format{video}}}
	if v.sound = newSoundTrack(first.With); v.sound != nil {
		medias = append(medias, v.sound.media)
		reader.Listen(true)
	}
	v.stream = &gortsplib.ServerStream{Server: h.rtsp, Desc: &description.Session{Title: id, Medias: medias}}
	if err := v.stream.Initialize(); err != nil {
		reader.Close()
		return nil, err
	}
	return v, nil
}

func videoFormat(c av.CodecData) (format.Format, error) {
	switch c := c.(type) {
	case *h264parser.CodecData:
		return &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: c.SPS(), PPS: c.PPS()}, nil
	case *h265parser.CodecData:
		return &format.H265{PayloadTyp: 96, VPS: c.VPS(), SPS: c.SPS(), PPS: c.PPS()}, nil
	}
	return nil, fmt.Errorf("rtpout: no RTP for codec %v", c.Type())
}

func newSoundTrack(c av.CodecData) *soundTrack {
	var f format.Format
	s := &soundTrack{origin: rand.Uint32()}
	switch c := c.(type) {
	case *aacparser.CodecData:
		var config mpeg4audio.AudioSpecificConfig
		if config.Unmarshal(c.ConfigBytes) != nil {
			return nil
		}
		s.aac, s.rate = true, config.SampleRate
		s.encoder = rtpmpeg4audio.Encoder{PayloadType: 97, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
		if s.encoder.Init() != nil {
			return nil
		}
		f = &format.MPEG4Audio{PayloadTyp: 97, Config: &config, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
	case *rtsp.G711:
		s.rate = c.Rate
		g := &format.G711{PayloadTyp: 98, MULaw: c.MuLaw, SampleRate: c.Rate, ChannelCount: c.Channels}
		if c.Rate == 8000 && c.Channels == 1 { // the static ones of RFC 3551
			g.PayloadTyp = 8
			if c.MuLaw {
				g.PayloadTyp = 0
			}
		}
		f = g
	default:
		return nil
	}
	s.media = &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{f}}
	return s
}

// play begins to send, once.
func (v *viewer) play(life context.Context, session *gortsplib.ServerSession) {
	v.begin.Do(func() {
		ctx, cancel := context.WithCancel(life)
		v.cancel = cancel
		v.reader.Rewind() // what was cached when it was described is old now
		v.work.Go(func() {
			if err := v.send(ctx); err != nil && ctx.Err() == nil {
				session.Close()
			}
		})
	})
}

func (v *viewer) close() {
	v.finish.Do(func() {
		v.begin.Do(func() {}) // too late to play
		v.cancel()
		v.reader.Close()
		v.work.Wait()
		v.stream.Close()
	})
}

var errOtherCodec = errors.New("rtpout: the camera changed to another codec; the client asks anew")

func (v *viewer) send(ctx context.Context) error {
	skip := false
	for {
		item, err := v.reader.Next(ctx)
		if err != nil {
			return err
		}
		p := item.Packet
		switch {
		case p == nil: // pictures will go on, on the same time line
			continue
		case p.IsSound():
			err = v.sound.write(v.stream, p)
		case p.Codec.Type() != v.video:
			return errOtherCodec
		default:
			skip = (skip || v.torn.Swap(false)) && !p.IsKeyFrame
			if skip {
				continue
			}
			err = v.show(p)
		}
		if err != nil {
			return err
		}
	}
}

// show sends a picture.
func (v *viewer) show(p *streams.Packet) error {
	payloads := p.Payloads(func(p *streams.Packet) [][]byte { return Payloads(p, PayloadSize) })
	stamp := v.origin + uint32(ticks(p.Time+p.CompositionTime, 90000))
	for i, payload := range payloads {
		v.sequence++
		err := v.stream.WritePacketRTPWithNTP(v.stream.Desc.Medias[0], &rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: v.sequence, Timestamp: stamp, Marker: i == len(payloads)-1},
			Payload: payload,
		}, p.Arrived)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *soundTrack) write(stream *gortsplib.ServerStream, p *streams.Packet) error {
	stamp := s.origin + uint32(ticks(p.Time, s.rate))
	packets := []*rtp.Packet{{Header: rtp.Header{Version: 2}, Payload: p.Data}}
	if s.aac {
		var err error
		if packets, err = s.encoder.Encode([][]byte{p.Data}); err != nil {
			return nil // one frame that cannot be sent is no reason to end
		}
	}
	for _, packet := range packets {
		s.sequence++
		packet.PayloadType, packet.SequenceNumber, packet.Timestamp = s.media.Formats[0].PayloadType(), s.sequence, stamp
		if err := stream.WritePacketRTPWithNTP(s.media, packet, p.Arrived); err != nil {
			return err
		}
	}
	return nil
}

// ticks converts to a clock of that rate, rounding to the nearest; seconds and rest apart, against overflow.
func ticks(d time.Duration, rate int) int64 {
	r := time.Duration(rate)
	return int64(d/time.Second*r) + int64((d%time.Second*r+time.Second/2)/time.Second)
}
