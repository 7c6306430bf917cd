package rtsp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/deepch/vdk/av"
)

// units turns access units with a presentation time (90 kHz) into packets with a decode time.
type units struct {
	source   *Source
	sps, pps []byte
	ready    bool // codec told
	open     bool // an IDR was seen and nothing lost since
	dts      *h264.DTSExtractor
}

func newUnits(s *Source) *units {
	u := &units{source: s}
	u.resetDTS()
	return u
}

func (u *units) resetDTS() {
	u.dts = &h264.DTSExtractor{}
	u.dts.Initialize()
}

// parameters takes SPS and PPS when they are new and good; either may be nil.
func (u *units) parameters(sps, pps []byte) {
	if sps == nil {
		sps = u.sps
	}
	if pps == nil {
		pps = u.pps
	}
	if u.ready && bytes.Equal(sps, u.sps) && bytes.Equal(pps, u.pps) {
		return
	}
	u.sps, u.pps = bytes.Clone(sps), bytes.Clone(pps)
	codec, err := codecData(sps, pps)
	if err != nil {
		u.ready = false
		return
	}
	u.ready = true
	if u.source.OnCodec != nil {
		u.source.OnCodec(codec)
	}
}

// write takes one access unit. damaged: a part of this one or of the ones before it was lost.
func (u *units) write(au [][]byte, pts int64, damaged bool) {
	var sps, pps []byte
	idr := false
	size := 0
	kept := au[:0:0]
	for _, nalu := range au {
		if len(nalu) == 0 {
			continue
		}
		switch h264.NALUType(nalu[0] & 0x1f) {
		case h264.NALUTypeSPS:
			sps = nalu
			continue
		case h264.NALUTypePPS:
			pps = nalu
			continue
		case h264.NALUTypeAccessUnitDelimiter, h264.NALUTypeFillerData,
			h264.NALUTypeEndOfSequence, h264.NALUTypeEndOfStream:
			continue
		case h264.NALUTypeIDR:
			idr = true
		}
		kept = append(kept, nalu)
		size += 4 + len(nalu)
	}
	if sps != nil || pps != nil {
		u.parameters(sps, pps)
	}
	if len(kept) == 0 || !hasSlice(kept) {
		return // parameter sets or SEI on their own
	}
	if damaged && !idr {
		u.open = false
	}
	if idr && u.ready {
		u.open = true
	}
	if !u.open || !u.ready {
		if damaged && u.source.OnDamage != nil {
			u.source.OnDamage()
		}
		return
	}

	// The extractor wants the parameter sets in the access unit that it starts with.
	timed := kept
	if idr {
		timed = append([][]byte{u.sps}, kept...)
	}
	dts, err := u.dts.Extract(timed, pts)
	if err != nil {
		// The clock went back, or the order makes no sense: start again at the next IDR, at this one if it is.
		u.resetDTS()
		if !idr {
			u.open = false
		} else {
			dts, err = u.dts.Extract(timed, pts)
		}
		if err != nil {
			if u.source.OnDamage != nil {
				u.source.OnDamage()
			}
			return
		}
	}
	data := make([]byte, 0, size)
	for _, nalu := range kept {
		data = binary.BigEndian.AppendUint32(data, uint32(len(nalu)))
		data = append(data, nalu...)
	}
	u.source.OnPacket(av.Packet{
		IsKeyFrame:      idr,
		Time:            ticks(dts),
		CompositionTime: ticks(pts) - ticks(dts),
		Data:            data,
	})
}

// ticks converts 90 kHz without overflow for any run time: seconds and rest apart.
func ticks(n int64) time.Duration {
	return time.Duration(n/90000)*time.Second + time.Duration(n%90000)*time.Second/90000
}

func hasSlice(nalus [][]byte) bool {
	for _, nalu := range nalus {
		if t := h264.NALUType(nalu[0] & 0x1f); t >= h264.NALUTypeNonIDR && t <= h264.NALUTypeIDR {
			return true
		}
	}
	return false
}

func checkSPS(sps []byte) error {
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return fmt.Errorf("read SPS: %w", err)
	}
	return nil
}
