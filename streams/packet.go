package streams

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/deepch/vdk/av"

	"gridwall/streams/rtsp"
)

// Packet is one access unit, or one frame of sound, on its way to every reader of a stream. It is shared: nobody
// changes it.
//
// Time is the decode time on the stream's own clock, one for pictures and sound, which starts at 0, never goes back
// and does not jump when the camera reconnects. Duration is the nominal frame interval, of sound its length.
type Packet struct {
	av.Packet
	// Codec is what is in force for this packet, a pointer to vdk's CodecData of H.264, H.265 or AAC, or *rtsp.G711;
	// another pointer means other parameter sets.
	Codec av.CodecData
	// With is the codec of the sound that goes with pictures; nil: the camera sends none.
	With     av.CodecData
	Sequence uint64 // number of the packet in the stream, without gaps
	Arrived  time.Time

	head     form[[]byte]
	fragment form[[]byte]
	payloads form[[][]byte]
}

// form is one representation of a packet, made by the first reader who needs it and shared by the rest.
type form[T any] struct {
	once  sync.Once
	value T
}

func (f *form[T]) get(make func() T) T {
	f.once.Do(func() { f.value = make() })
	return f.value
}

// IsSound tells sound from pictures.
func (p *Packet) IsSound() bool { return p.Idx == rtsp.Sound }

// Size is the size of the pictures in pixels; 0 for sound.
func (p *Packet) Size() (width, height int) {
	if v, ok := p.Codec.(av.VideoCodecData); ok {
		return v.Width(), v.Height()
	}
	return 0, 0
}

// Head returns what stands before Data in the packet's fMP4 fragment; build runs at most once a packet.
func (p *Packet) Head(build func(*Packet) []byte) []byte {
	return p.head.get(func() []byte { return build(p) })
}

// Fragment returns the packet's fMP4 fragment in one piece; build runs at most once a packet. Who can write two pieces
// takes Head and Data, and keeps the ring from holding everything twice.
func (p *Packet) Fragment(build func(*Packet) []byte) []byte {
	return p.fragment.get(func() []byte { return build(p) })
}

// Payloads returns the packet's RTP payloads; build runs at most once a packet.
func (p *Packet) Payloads(build func(*Packet) [][]byte) [][]byte {
	return p.payloads.get(func() [][]byte { return build(p) })
}

// NALUs returns the NAL units of Data. A length that points outside ends the list.
func (p *Packet) NALUs() [][]byte {
	var nalus [][]byte
	for b := p.Data; len(b) >= 4; {
		n := binary.BigEndian.Uint32(b)
		if n == 0 || uint64(n) > uint64(len(b)-4) {
			break
		}
		nalus = append(nalus, b[4:4+n])
		b = b[4+n:]
	}
	return nalus
}
