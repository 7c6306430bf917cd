package rtsp

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/deepch/vdk/av"
	"github.com/deepch/vdk/codec/h264parser"
	"github.com/deepch/vdk/codec/h265parser"
)

// class is what a NAL unit means for cutting a stream into packets.
type class int

const (
	other   class = iota // kept: SEI
	filler               // left out: delimiters, filling
	set                  // a parameter set
	slice                // of a picture
	key                  // slice of a picture that a decoder can start with
	leading              // slice of a picture that follows such a one but needs those before it (RASL)
)

// extractor finds decode times, 90 kHz.
type extractor interface {
	Extract(au [][]byte, pts int64) (int64, error)
}

// syntax is what differs between the video codecs.
type syntax struct {
	sets int // how many kinds of parameter sets there are
	// sort classifies a NAL unit of at least one byte; n is which parameter set it is.
	sort func(nalu []byte) (c class, n int)
	// codec reads parameter sets, all of them or an error.
	codec func(sets [][]byte) (av.CodecData, error)
	// timing makes an extractor, and what of a NAL unit that it understands.
	timing func() extractor
	timed  func(nalu []byte) []byte
}

// avc is ISO/IEC 14496-10 (ITU-T H.264), table 7-1.
var avc = syntax{
	sets: 2, // SPS, PPS
	sort: func(nalu []byte) (class, int) {
		switch h264.NALUType(nalu[0] & 0x1f) {
		case h264.NALUTypeSPS:
			return set, 0
		case h264.NALUTypePPS:
			return set, 1
		case h264.NALUTypeAccessUnitDelimiter, h264.NALUTypeFillerData, h264.NALUTypeEndOfSequence, h264.NALUTypeEndOfStream:
			return filler, 0
		case h264.NALUTypeIDR:
			return key, 0
		case h264.NALUTypeNonIDR, h264.NALUTypeDataPartitionA, h264.NALUTypeDataPartitionB, h264.NALUTypeDataPartitionC:
			return slice, 0
		}
		return other, 0
	},
	codec: avcCodec,
	timing: func() extractor {
		e := &h264.DTSExtractor{}
		e.Initialize()
		return e
	},
	timed: func(nalu []byte) []byte { return nalu },
}

// avcCodec makes the codec data of vdk from parameter sets that have been looked at first: its parser indexes
// without asking.
func avcCodec(sets [][]byte) (av.CodecData, error) {
	sps, pps := sets[0], sets[1]
	if err := lengths(sets, 4, 2); err != nil {
		return nil, err
	}
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return nil, fmt.Errorf("read SPS: %w", err)
	}
	c, err := h264parser.NewCodecDataFromSPSAndPPS(bytes.Clone(sps), bytes.Clone(pps))
	if err != nil {
		return nil, fmt.Errorf("read parameter sets: %w", err)
	}
	return &c, size(c.Width(), c.Height())
}

// hevc is ISO/IEC 23008-2 (ITU-T H.265), table 7-1.
var hevc = syntax{
	sets: 3, // VPS, SPS, PPS
	sort: func(nalu []byte) (class, int) {
		switch t := hevcType(nalu); {
		case len(nalu) < 3:
			return filler, 0
		case t == h265.NALUType_VPS_NUT:
			return set, 0
		case t == h265.NALUType_SPS_NUT:
			return set, 1
		case t == h265.NALUType_PPS_NUT:
			return set, 2
		case t == h265.NALUType_AUD_NUT, t == h265.NALUType_EOS_NUT, t == h265.NALUType_EOB_NUT, t == h265.NALUType_FD_NUT:
			return filler, 0
		case t >= h265.NALUType_BLA_W_LP && t <= h265.NALUType_RSV_IRAP_VCL23:
			return key, 0
		case t == h265.NALUType_RASL_N, t == h265.NALUType_RASL_R:
			return leading, 0
		case t < 32:
			return slice, 0
		}
		return other, 0
	},
	codec:  hevcCodec,
	timing: func() extractor { return &h265.DTSExtractor{} },
	timed:  hevcTimed,
}

func hevcType(nalu []byte) h265.NALUType { return h265.NALUType(nalu[0]>>1) & 0x3f }

// hevcTimed gives slices of kinds that the extractor does not know the kind that is timed like them: those of
// temporal sub-layers as trailing pictures, decodable leading ones as skipped ones, BLA as CRA. It reads the
// first bytes only.
func hevcTimed(nalu []byte) []byte {
	as := h265.NALUType(0)
	switch t := hevcType(nalu); t {
	case h265.NALUType_TSA_N, h265.NALUType_STSA_N:
		as = h265.NALUType_TRAIL_N
	case h265.NALUType_TSA_R, h265.NALUType_STSA_R:
		as = h265.NALUType_TRAIL_R
	case h265.NALUType_RADL_N:
		as = h265.NALUType_RASL_N
	case h265.NALUType_RADL_R:
		as = h265.NALUType_RASL_R
	case h265.NALUType_BLA_W_LP, h265.NALUType_BLA_W_RADL, h265.NALUType_BLA_N_LP:
		as = h265.NALUType_CRA_NUT
	default:
		return nalu
	}
	alias := bytes.Clone(nalu[:min(len(nalu), 64)])
	alias[0] = alias[0]&0x81 | byte(as)<<1
	return alias
}

func hevcCodec(sets [][]byte) (av.CodecData, error) {
	vps, sps, pps := sets[0], sets[1], sets[2]
	if err := lengths(sets, 6, 16, 3); err != nil {
		return nil, err
	}
	var s h265.SPS
	if err := s.Unmarshal(sps); err != nil {
		return nil, fmt.Errorf("read SPS: %w", err)
	}
	var p h265.PPS
	if err := p.Unmarshal(pps); err != nil {
		return nil, fmt.Errorf("read PPS: %w", err)
	}
	c, err := h265parser.NewCodecDataFromVPSAndSPSAndPPS(bytes.Clone(vps), bytes.Clone(sps), bytes.Clone(pps))
	if err != nil {
		return nil, fmt.Errorf("read parameter sets: %w", err)
	}
	c.SPSInfo.Width, c.SPSInfo.Height = uint(s.Width()), uint(s.Height()) // vdk's are not cropped
	return &c, size(s.Width(), s.Height())
}

// lengths refuses parameter sets that are shorter than least, or absurd.
func lengths(sets [][]byte, least ...int) error {
	for i, s := range sets {
		if len(s) < least[i] || len(s) > 1<<12 {
			return errors.New("rtsp: parameter sets too short or too long")
		}
	}
	return nil
}

func size(width, height int) error {
	if width < 16 || height < 16 || width > 16384 || height > 16384 {
		return fmt.Errorf("rtsp: picture of %d x %d", width, height)
	}
	return nil
}
