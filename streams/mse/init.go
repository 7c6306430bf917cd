package mse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/deepch/vdk/av"
	"github.com/deepch/vdk/codec/aacparser"
	"github.com/deepch/vdk/codec/h264parser"
	"github.com/deepch/vdk/codec/h265parser"

	"gridwall/streams"
)

// ErrNoFragments: fragmented MP4 cannot carry the codec to a browser (G.711).
var ErrNoFragments = errors.New("mse: no fragments of this codec")

const (
	videoTrack = 1
	soundTrack = 2
)

// Codecs is what fragments carry to a viewer; two that are equal have the same initialization segment.
type Codecs struct{ Video, Sound av.CodecData }

// CodecsOf a picture, with the sound that goes with it if that is wanted and fragments carry it.
func CodecsOf(p *streams.Packet, sound bool) Codecs {
	c := Codecs{Video: p.Codec}
	if sound && p.With != nil && Codec(p.With) != "" {
		c.Sound = p.With
	}
	return c
}

// Init returns the MIME type and the initialization segment (ftyp, moov). It returns ErrNoFragments for codecs that
// fragments do not carry.
func (c Codecs) Init() (mime string, segment []byte, err error) {
	v, err := videoEntry(c.Video)
	if err != nil {
		return "", nil, err
	}
	tracks := []track{{videoTrack, v}}
	kinds := v.codec
	if c.Sound != nil {
		s, err := soundEntry(c.Sound)
		if err != nil {
			return "", nil, err
		}
		tracks = append(tracks, track{soundTrack, s})
		kinds += "," + s.codec
	}
	return `video/mp4; codecs="` + kinds + `"`, segmentOf(tracks), nil
}

// Codec is the codec's name of RFC 6381, as in codecs="…"; empty for what fragments do not carry.
func Codec(c av.CodecData) string {
	e, err := videoEntry(c)
	if err != nil {
		e, err = soundEntry(c)
	}
	if err != nil {
		return ""
	}
	return e.codec
}

// entry is a sample description (ISO/IEC 14496-12, 8.5.2).
type entry struct {
	codec         string // RFC 6381
	width, height int    // pixels; 0: sound
	box           []byte
}

type track struct {
	id uint32
	entry
}

func videoEntry(c av.CodecData) (entry, error) {
	switch c := c.(type) {
	case *h264parser.CodecData:
		r := c.RecordInfo
		return visual("avc1", fmt.Sprintf("avc1.%02x%02x%02x", r.AVCProfileIndication, r.ProfileCompatibility, r.AVCLevelIndication),
			c.Width(), c.Height(), box("avcC", c.AVCDecoderConfRecordBytes())), nil
	case *h265parser.CodecData:
		record, name, err := hvcC(c)
		if err != nil {
			return entry{}, err
		}
		return visual("hvc1", name, c.Width(), c.Height(), box("hvcC", record)), nil
	}
	return entry{}, ErrNoFragments
}

func visual(kind, codec string, width, height int, config []byte) entry {
	b := make([]byte, 6, 86)
	b = append(b, 0, 1) // data reference
	b = append(b, make([]byte, 16)...)
	b = binary.BigEndian.AppendUint16(b, uint16(width))
	b = binary.BigEndian.AppendUint16(b, uint16(height))
	b = append(b, 0, 0x48, 0, 0, 0, 0x48, 0, 0, 0, 0, 0, 0, 0, 1) // 72 dpi, one frame a sample
	b = append(b, make([]byte, 32)...)
	b = append(b, 0, 0x18, 0xff, 0xff)
	return entry{codec: codec, width: width, height: height, box: box(kind, b, config)}
}

func soundEntry(c av.CodecData) (entry, error) {
	aac, ok := c.(*aacparser.CodecData)
	if !ok {
		return entry{}, ErrNoFragments
	}
	b := make([]byte, 6, 28)
	b = append(b, 0, 1)
	b = append(b, make([]byte, 8)...)
	b = append(b, 0, byte(max(aac.ChannelLayout().Count(), 1)), 0, 16, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(min(aac.SampleRate(), 0xffff))<<16)
	return entry{codec: fmt.Sprintf("mp4a.40.%d", aac.Config.ObjectType), box: box("mp4a", b, box("esds", esds(aac.ConfigBytes)))}, nil
}

// esds is the ES descriptor of ISO/IEC 14496-1, 7.2.6.5, with one AudioSpecificConfig.
func esds(config []byte) []byte {
	descriptor := func(tag byte, parts ...[]byte) []byte {
		body := join(parts...)
		return append([]byte{tag, byte(len(body))}, body...) // under 128 bytes
	}
	decoder := descriptor(4, []byte{0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, descriptor(5, config[:min(len(config), 64)]))
	return join([]byte{0, 0, 0, 0}, descriptor(3, []byte{0, soundTrack, 0}, decoder, descriptor(6, []byte{2})))
}

// hvcC is the decoder configuration of ISO/IEC 14496-15, 8.3.2.1, and the codec's name by its annex E.
func hvcC(c *h265parser.CodecData) (record []byte, name string, err error) {
	var s h265.SPS
	if err := s.Unmarshal(c.SPS()); err != nil {
		return nil, "", fmt.Errorf("read SPS: %w", err)
	}
	plain := h264.EmulationPreventionRemove(c.SPS())
	if len(plain) < 15 {
		return nil, "", fmt.Errorf("read SPS: %d bytes", len(plain))
	}
	profile := plain[3:15] // profile_tier_level as it stands
	nested := byte(0)
	if s.TemporalIDNestingFlag {
		nested = 1
	}
	b := append([]byte{1}, profile...)
	b = append(b, 0xf0, 0, 0xfc, 0xfc|byte(s.ChromaFormatIdc), 0xf8|byte(s.BitDepthLumaMinus8), 0xf8|byte(s.BitDepthChromaMinus8), 0, 0,
		(s.MaxSubLayersMinus1+1)<<3|nested<<2|3, 3)
	for _, nalu := range [][]byte{c.VPS(), c.SPS(), c.PPS()} {
		b = append(b, 0x80|nalu[0]>>1&0x3f, 0, 1)
		b = binary.BigEndian.AppendUint16(b, uint16(len(nalu)))
		b = append(b, nalu...)
	}
	tier := "L"
	if profile[0]&0x20 != 0 {
		tier = "H"
	}
	space := []string{"", "A", "B", "C"}[profile[0]>>6]
	name = fmt.Sprintf("hvc1.%s%d.%X.%s%d", space, profile[0]&0x1f, bits.Reverse32(binary.BigEndian.Uint32(profile[1:])), tier, profile[11])
	constraints := profile[5:11]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	var rest strings.Builder
	for _, c := range constraints {
		fmt.Fprintf(&rest, ".%X", c)
	}
	return b, name + rest.String(), nil
}

var matrix = []byte{
	0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0,
}

// segmentOf writes ftyp and moov of a film without an end (ISO/IEC 14496-12).
func segmentOf(tracks []track) []byte {
	u32 := func(v ...uint32) (b []byte) {
		for _, n := range v {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return b
	}
	moov := [][]byte{box("mvhd", u32(0, 0, 0, timescale, 0, 0x00010000, 0x01000000, 0, 0), matrix, make([]byte, 24), u32(soundTrack+1))}
	var extends [][]byte
	for _, t := range tracks {
		handler, name, header, volume := "vide", "video\x00", box("vmhd", u32(1, 0, 0)), uint32(0)
		if t.width == 0 {
			handler, name, header, volume = "soun", "sound\x00", box("smhd", u32(0, 0)), 0x01000000
		}
		moov = append(moov, box("trak",
			box("tkhd", u32(3, 0, 0, t.id, 0, 0, 0, 0, 0, volume), matrix, u32(uint32(t.width)<<16, uint32(t.height)<<16)),
			box("mdia",
				box("mdhd", u32(0, 0, 0, timescale, 0, 0x55c40000)), // und
				box("hdlr", u32(0, 0), []byte(handler), make([]byte, 12), []byte(name)),
				box("minf", header,
					box("dinf", box("dref", u32(0, 1), box("url ", u32(1)))),
					box("stbl", box("stsd", u32(0, 1), t.box),
						box("stts", u32(0, 0)), box("stsc", u32(0, 0)), box("stsz", u32(0, 0, 0)), box("stco", u32(0, 0)))))))
		extends = append(extends, box("trex", u32(0, t.id, 1, 0, 0, 0)))
	}
	moov = append(moov, box("mvex", extends...))
	return join(box("ftyp", []byte("iso6\x00\x00\x00\x01iso6iso5cmfcmp41")), box("moov", moov...))
}

func box(name string, parts ...[]byte) []byte {
	n := 8
	for _, p := range parts {
		n += len(p)
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, n), uint32(n))
	b = append(b, name...)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
