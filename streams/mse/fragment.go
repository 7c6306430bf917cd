package mse

import (
	"encoding/binary"
	"time"

	"gridwall/streams"
)

// timescale of both tracks: that of RTP video, so that nothing is rounded twice.
const timescale = 90000

// Sample flags of ISO/IEC 14496-12, 8.8.3.1.
const (
	keySample   = 0x02000000 // depends on no other
	deltaSample = 0x01010000 // depends on others, is not a sync sample
)

// fragmentHead is the length of a moof with one sample and of the mdat header after it.
const fragmentHead = 8 + 16 + 8 + 16 + 20 + 36 + 8

// Fragment returns one packet as a fragment of one sample: Head and the packet's data.
func Fragment(p *streams.Packet) []byte {
	head := p.Head(Head)
	return append(append(make([]byte, 0, len(head)+len(p.Data)), head...), p.Data...)
}

// Head returns a fragment of one sample up to its data: moof (mfhd, traf (tfhd, tfdt, trun)) and mdat of
// ISO/IEC 14496-12, without its content. The decode time is the stream's own, so fragments follow one another over reconnects.
func Head(p *streams.Packet) []byte {
	flags := uint32(deltaSample)
	track := uint32(videoTrack)
	if p.IsKeyFrame {
		flags = keySample
	}
	if p.IsSound() {
		track, flags = soundTrack, keySample
	}
	b := make([]byte, 0, fragmentHead)
	be := binary.BigEndian
	box := func(size int, name string) {
		b = be.AppendUint32(b, uint32(size))
		b = append(b, name...)
	}
	box(fragmentHead-8, "moof")
	box(16, "mfhd")
	b = be.AppendUint32(b, 0)
	b = be.AppendUint32(b, uint32(p.Sequence)+1)
	box(fragmentHead-8-8-16, "traf")
	box(16, "tfhd")
	b = be.AppendUint32(b, 0x020000) // default-base-is-moof
	b = be.AppendUint32(b, track)
	box(20, "tfdt")
	b = be.AppendUint32(b, 0x01000000)
	b = be.AppendUint64(b, uint64(Ticks(p.Time)))
	box(36, "trun")
	b = be.AppendUint32(b, 0x01000f01) // version 1: signed offsets; data offset, duration, size, flags, offset
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, fragmentHead)
	b = be.AppendUint32(b, uint32(Ticks(p.Time+p.Duration)-Ticks(p.Time))) // so that the ends of sound meet
	b = be.AppendUint32(b, uint32(len(p.Data)))
	b = be.AppendUint32(b, flags)
	b = be.AppendUint32(b, uint32(int32(Ticks(p.CompositionTime))))
	box(8+len(p.Data), "mdat")
	return b
}

// Ticks converts to the timescale, rounding to the nearest; seconds and rest apart, against overflow.
func Ticks(d time.Duration) int64 {
	return int64(d/time.Second)*timescale + int64((d%time.Second*timescale+time.Second/2)/time.Second)
}
