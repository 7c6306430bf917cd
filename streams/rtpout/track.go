package rtpout

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"time"

	"github.com/pion/rtcp"

	"gridwall/streams"
)

// track is one medium of a viewer as RTP (RFC 3550).
type track struct {
	wanted  bool // the viewer has set it up
	channel byte // of its packets; that of its reports is the next
	payload byte // type
	rate    int  // of its clock, Hz
	marks   bool // the last packet of a picture, or of a frame of AAC, has the marker
	ssrc    uint32

	sequence uint16
	origin   uint32 // time stamp of the stream's zero: random, as the standard has it; ffmpeg counts wrongly from 0
	sent     uint32 // packets
	octets   uint32
	reported time.Time
}

func newTrack(payload uint8, rate int, marks bool) track {
	return track{payload: payload, marks: marks, rate: rate, ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()), origin: rand.Uint32()}
}

func (t *track) open(channel int, ssrc *uint32) {
	t.wanted, t.channel = true, byte(channel)
	if ssrc != nil {
		t.ssrc = *ssrc
	}
}

// reportEvery is the pause between sender reports, from which players learn how tracks belong together.
const reportEvery = 5 * time.Second

// packets makes interleaved packets of payloads, the first ones of a track after a sender report.
func (t *track) packets(p *streams.Packet, payloads [][]byte, now time.Time) net.Buffers {
	shown := p.Time + p.CompositionTime
	stamp := t.origin + uint32(ticks(shown, t.rate))
	out := make(net.Buffers, 0, 2*len(payloads)+1)
	if now.Sub(t.reported) >= reportEvery {
		t.reported = now
		if report := t.report(stamp, p.Arrived.Add(p.CompositionTime)); report != nil {
			out = append(out, report)
		}
	}
	heads := make([]byte, 0, 16*len(payloads))
	for i, payload := range payloads {
		t.sequence++
		t.sent++
		t.octets += uint32(len(payload))
		kind := t.payload
		if i == len(payloads)-1 && t.marks {
			kind |= 0x80
		}
		at := len(heads)
		heads = append(heads, '$', t.channel)
		heads = binary.BigEndian.AppendUint16(heads, uint16(12+len(payload)))
		heads = append(heads, 0x80, kind)
		heads = binary.BigEndian.AppendUint16(heads, t.sequence)
		heads = binary.BigEndian.AppendUint32(heads, stamp)
		heads = binary.BigEndian.AppendUint32(heads, t.ssrc)
		out = append(out, heads[at:], payload)
	}
	return out
}

// report says that the time stamp is that of the instant.
func (t *track) report(stamp uint32, at time.Time) []byte {
	body, err := (&rtcp.SenderReport{SSRC: t.ssrc, NTPTime: ntp(at), RTPTime: stamp, PacketCount: t.sent, OctetCount: t.octets}).Marshal()
	if err != nil {
		return nil
	}
	return append(binary.BigEndian.AppendUint16([]byte{'$', t.channel + 1}, uint16(len(body))), body...)
}

// ntp counts from 1900, in 1/2^32 s.
func ntp(t time.Time) uint64 {
	const from1900 = 2208988800
	return uint64(t.Unix()+from1900)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// ticks converts to a clock of that rate, rounding to the nearest; seconds and rest apart, against overflow.
func ticks(d time.Duration, rate int) int64 {
	r := time.Duration(rate)
	return int64(d/time.Second*r) + int64((d%time.Second*r+time.Second/2)/time.Second)
}
