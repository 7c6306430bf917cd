package rtsp

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/deepch/vdk/av"
)

// units turns access units with a presentation time (90 kHz) into packets with a decode time.
type units struct {
	source *Source
	syntax *syntax
	sets   [][]byte
	ready  bool // codec told
	open   bool // a keyframe was seen and nothing lost since
	begun  bool // something was shown
	fresh  bool // since the keyframe that opened it only leading pictures came: they need what was never received
	dts    extractor
}

func newUnits(s *Source, syntax *syntax) *units {
	return &units{source: s, syntax: syntax, sets: make([][]byte, syntax.sets), dts: syntax.timing()}
}

// parameters takes parameter sets when they are new and good; each may be nil.
func (u *units) parameters(sets ...[]byte) {
	changed := false
	for i, s := range sets {
		if s == nil || bytes.Equal(s, u.sets[i]) {
			sets[i] = u.sets[i]
			continue
		}
		changed = true
		sets[i] = bytes.Clone(s)
	}
	if !changed {
		return
	}
	u.sets = sets
	codec, err := u.syntax.codec(sets)
	u.ready = err == nil
	if u.ready && u.source.OnCodec != nil {
		u.source.OnCodec(codec)
	}
}

// loss is what was lost before an access unit was complete.
type loss int

const (
	whole  loss = iota
	before      // some access unit before it
	torn        // perhaps a part of it
)

// write takes one access unit.
func (u *units) write(au [][]byte, pts int64, lost loss) {
	sets := make([][]byte, u.syntax.sets)
	var keyframe, picture, leads bool
	size := 0
	kept := au[:0:0]
	for _, nalu := range au {
		if len(nalu) == 0 {
			continue
		}
		c, n := u.syntax.sort(nalu)
		switch c {
		case set:
			sets[n] = nalu
			continue
		case filler:
			continue
		case key:
			keyframe, picture = true, true
		case slice:
			picture = true
		case leading:
			picture, leads = true, true
		}
		kept = append(kept, nalu)
		size += 4 + len(nalu)
	}
	u.parameters(sets...)
	if !picture {
		return // parameter sets or SEI on their own
	}
	switch {
	case lost == torn, lost == before && !keyframe:
		u.open = false
	case keyframe && u.ready:
		u.fresh = !u.open
		u.open = true
	case leads && u.fresh:
		return
	case !leads:
		u.fresh = false
	}
	if !u.open || !u.ready {
		if lost != whole || u.begun {
			u.damaged()
		}
		return
	}
	u.begun = true
	dts, ok := u.decodeTime(kept, pts, keyframe)
	if !ok {
		u.damaged()
		return
	}
	data := make([]byte, 0, size)
	for _, nalu := range kept {
		data = binary.BigEndian.AppendUint32(data, uint32(len(nalu)))
		data = append(data, nalu...)
	}
	u.source.OnPacket(av.Packet{
		IsKeyFrame:      keyframe,
		Idx:             Video,
		Time:            ticks(dts, 90000),
		CompositionTime: ticks(pts, 90000) - ticks(dts, 90000),
		Data:            data,
	})
}

func (u *units) damaged() {
	if u.source.OnDamage != nil {
		u.source.OnDamage()
	}
}

// decodeTime of the access unit; when it cannot be told the stream is closed until a keyframe that can.
func (u *units) decodeTime(kept [][]byte, pts int64, keyframe bool) (int64, bool) {
	timed := make([][]byte, 0, len(kept)+u.syntax.sets)
	if keyframe { // the extractors want the parameter sets in the access unit that they start with
		timed = append(timed, u.sets...)
	}
	for _, nalu := range kept {
		timed = append(timed, u.syntax.timed(nalu))
	}
	dts, err := u.dts.Extract(timed, pts)
	if err != nil && keyframe {
		// The clock went back, or the order makes no sense: start again here.
		u.dts = u.syntax.timing()
		u.fresh = true
		dts, err = u.dts.Extract(timed, pts)
	}
	if err != nil {
		u.dts = u.syntax.timing()
		u.open = false
	}
	return dts, err == nil
}

// ticks converts n/rate seconds without overflow for any run time: seconds and rest apart.
func ticks(n int64, rate int) time.Duration {
	r := int64(rate)
	return time.Duration(n/r)*time.Second + time.Duration(n%r)*time.Second/time.Duration(r)
}

// follow tells from RTP headers what was lost.
type follow struct {
	started bool
	next    uint16
	stamp   uint32
	marked  bool // the last packet ended an access unit
	lost    loss
}

// see takes the header of each packet in order of arrival.
func (f *follow) see(sequence uint16, stamp uint32, marker bool) {
	if f.started && sequence != f.next {
		f.lost = max(f.lost, before)
		if stamp == f.stamp || !f.marked {
			f.lost = torn
		}
	}
	f.started, f.next, f.stamp, f.marked = true, sequence+1, stamp, marker
}

// take returns what was lost up to now and begins anew.
func (f *follow) take() loss {
	lost := f.lost
	f.lost = whole
	return lost
}
