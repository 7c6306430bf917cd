// Package rtpout cuts packets for RTP: WHEP and RTSP send the same payloads.
package rtpout

import (
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/deepch/vdk/codec/h264parser"
	"github.com/deepch/vdk/codec/h265parser"
	"github.com/pion/rtp"

	"gridwall/streams"
)

// Payloads cuts a picture for RTP (RFC 6184, RFC 7798) into payloads of at most size bytes, the parameter sets
// before each keyframe. Nothing comes of sound.
func Payloads(p *streams.Packet, size int) [][]byte {
	nalus := p.NALUs()
	if len(nalus) == 0 {
		return nil
	}
	ssrc, sequence := uint32(1), uint16(0) // each session writes its own
	switch c := p.Codec.(type) {
	case *h264parser.CodecData:
		if p.IsKeyFrame {
			nalus = append([][]byte{c.SPS(), c.PPS()}, nalus...)
		}
		e := rtph264.Encoder{SSRC: &ssrc, InitialSequenceNumber: &sequence, PayloadMaxSize: size, PacketizationMode: 1}
		if e.Init() != nil {
			return nil
		}
		return bodies(e.Encode(nalus))
	case *h265parser.CodecData:
		if p.IsKeyFrame {
			nalus = append([][]byte{c.VPS(), c.SPS(), c.PPS()}, nalus...)
		}
		e := rtph265.Encoder{SSRC: &ssrc, InitialSequenceNumber: &sequence, PayloadMaxSize: size}
		if e.Init() != nil {
			return nil
		}
		return bodies(e.Encode(nalus))
	}
	return nil
}

func bodies(packets []*rtp.Packet, err error) [][]byte {
	if err != nil {
		return nil
	}
	list := make([][]byte, len(packets))
	for i, p := range packets {
		list[i] = p.Payload
	}
	return list
}
