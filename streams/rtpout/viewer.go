package rtpout

import (
	"context"
	"errors"
	"fmt"
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

	"gridwall/streams"
	"gridwall/streams/rtsp"
)

// PayloadSize leaves room in 1,280 bytes (the least MTU of IPv6) for IP, UDP, RTP, SRTP and a tunnel; all outputs
// use it, so that payloads are cut once.
const PayloadSize = 1180

// viewer is one RTSP connection that watches one camera. It writes to the connection itself: when that takes nothing, it
// falls behind in the stream's ring, and loses its own frames.
type viewer struct {
	camera string
	reader *streams.Reader
	stream *gortsplib.ServerStream // for the description and the sessions; nothing is written to it
	video  av.CodecType
	tracks [2]track // by rtsp.Video and rtsp.Sound
	aac    *rtpmpeg4audio.Encoder
	ended  func() // told once it has gone
	asked  int    // track of the SETUP that is being answered, else -1

	session atomic.Pointer[gortsplib.ServerSession]
	begin   sync.Once
	finish  sync.Once
	cancel  context.CancelFunc
	work    sync.WaitGroup
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
	v := &viewer{camera: id, reader: reader, video: first.Codec.Type(), cancel: func() {}, asked: -1}
	v.tracks[rtsp.Video] = newTrack(96, 90000, true)
	video, err := videoFormat(first.Codec)
	if err != nil {
		reader.Close()
		return nil, err
	}
	medias := []*description.Media{{Type: description.MediaTypeVideo, Formats: []format.Format{video}}}
	if sound := v.sound(first.With); sound != nil {
		medias = append(medias, &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{sound}})
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

// sound prepares the track of the sound that comes with the pictures; nil: none that RTP carries.
func (v *viewer) sound(c av.CodecData) format.Format {
	switch c := c.(type) {
	case *aacparser.CodecData:
		var config mpeg4audio.AudioSpecificConfig
		if config.Unmarshal(c.ConfigBytes) != nil {
			return nil
		}
		v.aac = &rtpmpeg4audio.Encoder{PayloadType: 97, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3, PayloadMaxSize: PayloadSize}
		if v.aac.Init() != nil {
			return nil
		}
		v.tracks[rtsp.Sound] = newTrack(97, config.SampleRate, true)
		return &format.MPEG4Audio{PayloadTyp: 97, Config: &config, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
	case *rtsp.G711:
		g := &format.G711{PayloadTyp: 98, MULaw: c.MuLaw, SampleRate: c.Rate, ChannelCount: c.Channels}
		if c.Rate == 8000 && c.Channels == 1 { // the static ones of RFC 3551
			g.PayloadTyp = 8
			if c.MuLaw {
				g.PayloadTyp = 0
			}
		}
		v.tracks[rtsp.Sound] = newTrack(g.PayloadTyp, c.Rate, false)
		return g
	}
	return nil
}

// play begins to send, once.
func (v *viewer) play(life context.Context, session *gortsplib.ServerSession, out *line) {
	v.begin.Do(func() {
		v.session.Store(session)
		ctx, cancel := context.WithCancel(life)
		v.cancel = cancel
		v.reader.Listen(v.tracks[rtsp.Sound].wanted)
		v.reader.Rewind() // what was cached when it was described is old now
		v.work.Go(func() {
			if err := v.send(ctx, out); err != nil && ctx.Err() == nil {
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
		v.ended()
	})
}

var errOtherCodec = errors.New("rtpout: the camera changed to another codec; the client asks anew")

func (v *viewer) send(ctx context.Context, out *line) error {
	for {
		item, err := v.reader.Next(ctx)
		if err != nil {
			return err
		}
		p := item.Packet
		if p == nil { // pictures will go on, on the same time line
			continue
		}
		t := &v.tracks[p.Idx]
		if !t.wanted {
			continue
		}
		var payloads [][]byte
		switch {
		case !p.IsSound() && p.Codec.Type() != v.video:
			return errOtherCodec
		case !p.IsSound():
			payloads = p.Payloads(func(p *streams.Packet) [][]byte { return Payloads(p, PayloadSize) })
		case v.aac != nil:
			payloads = bodies(v.aac.Encode([][]byte{p.Data}))
		default:
			payloads = [][]byte{p.Data}
		}
		if err := out.send(t.packets(p, payloads, time.Now())); err != nil {
			return err
		}
	}
}
