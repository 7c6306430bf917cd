package rtsp

import (
	"bytes"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/deepch/vdk/av"
	"github.com/deepch/vdk/codec/aacparser"
	"github.com/pion/rtp"
)

// Tracks of a source, as av.Packet.Idx has them.
const (
	Video = 0
	Sound = 1
)

// G711 is ITU-T G.711 sound of any rate; vdk's own type knows 8 kHz in one channel only.
type G711 struct {
	MuLaw    bool // else A-law
	Rate     int  // Hz
	Channels int
}

func (g *G711) Type() av.CodecType {
	if g.MuLaw {
		return av.PCM_MULAW
	}
	return av.PCM_ALAW
}

func (g *G711) SampleFormat() av.SampleFormat { return av.S16 }

func (g *G711) SampleRate() int { return g.Rate }

func (g *G711) ChannelLayout() av.ChannelLayout {
	if g.Channels == 2 {
		return av.CH_STEREO
	}
	return av.CH_MONO
}

func (g *G711) PacketDuration(data []byte) (time.Duration, error) {
	return ticks(int64(len(data)/g.Channels), g.Rate), nil
}

// maxSound bounds one packet of sound, in bytes: an AAC frame of 8 channels has 6,144.
const maxSound = 16 << 10

// sound is the audio track of a description that can be carried.
type sound struct {
	media  *description.Media
	format format.Format
	codec  av.AudioCodecData
	decode func(*rtp.Packet) ([][]byte, error)
}

// chooseSound takes the first sound that can be carried, and never a back channel; nil: there is none.
func chooseSound(desc *description.Session) *sound {
	for _, media := range desc.Medias {
		if media.Type != description.MediaTypeAudio || media.IsBackChannel {
			continue
		}
		for _, f := range media.Formats {
			if s := readSound(f); s != nil {
				s.media, s.format = media, f
				return s
			}
		}
	}
	return nil
}

func readSound(f format.Format) *sound {
	switch f := f.(type) {
	case *format.MPEG4Audio:
		codec, err := aacCodec(f)
		if err != nil {
			return nil
		}
		decoder, err := f.CreateDecoder()
		if err != nil {
			return nil
		}
		return &sound{codec: codec, decode: decoder.Decode}
	case *format.G711:
		if f.SampleRate < 8000 || f.SampleRate > 48000 || f.ChannelCount < 1 || f.ChannelCount > 2 {
			return nil
		}
		return &sound{codec: &G711{MuLaw: f.MULaw, Rate: f.SampleRate, Channels: f.ChannelCount}, decode: func(p *rtp.Packet) ([][]byte, error) {
			return [][]byte{bytes.Clone(p.Payload)}, nil
		}}
	}
	return nil
}

// aacCodec makes vdk's codec data from a description that was looked at first.
func aacCodec(f *format.MPEG4Audio) (*aacparser.CodecData, error) {
	if f.Config == nil || f.Config.SampleRate < 7350 || f.Config.SampleRate > 96000 {
		return nil, fmt.Errorf("rtsp: AAC without a usable configuration")
	}
	config, err := f.Config.Marshal()
	if err != nil {
		return nil, fmt.Errorf("AAC configuration: %w", err)
	}
	c, err := aacparser.NewCodecDataFromMPEG4AudioConfigBytes(config)
	if err != nil {
		return nil, fmt.Errorf("AAC configuration: %w", err)
	}
	if c.Config.SampleRate == 0 {
		return nil, fmt.Errorf("rtsp: AAC of an unlisted sample rate")
	}
	return &c, nil
}

// listen asks for the sound and passes it on. A camera that describes sound and then refuses it plays without.
func (s *sound) listen(client *gortsplib.Client, base *description.Session, source *Source) {
	if _, err := client.Setup(base.BaseURL, s.media, 0, 0); err != nil {
		return
	}
	if source.OnSound != nil {
		source.OnSound(s.codec)
	}
	client.OnPacketRTP(s.media, s.format, func(p *rtp.Packet) {
		source.mu.Lock()
		defer source.mu.Unlock()
		if source.OnBytes != nil {
			source.OnBytes(len(p.Payload))
		}
		pts, ok := client.PacketPTS(s.media, p)
		if !ok {
			return
		}
		frames, err := s.decode(p)
		if err != nil {
			return
		}
		at := ticks(pts, s.format.ClockRate())
		for _, data := range frames {
			lasts, err := s.codec.PacketDuration(data)
			if err != nil || lasts <= 0 || len(data) > maxSound {
				continue
			}
			source.OnPacket(av.Packet{Idx: Sound, Time: at, Duration: lasts, Data: data})
			at += lasts
		}
	})
}
