package osd

import "errors"

// errShort: the data ends within a syntax element.
var errShort = errors.New("osd: data ends too early")

// reader reads the bits of an RBSP (ITU-T H.264, 7.2 and 9.1). After the end it gives zeros and remembers.
type reader struct {
	b     []byte
	at    int // bit
	short bool
}

func (r *reader) u(n int) (v uint32) {
	for range n {
		v <<= 1
		if r.at/8 >= len(r.b) {
			r.short = true
			continue
		}
		v |= uint32(r.b[r.at/8]>>(7-r.at%8)) & 1
		r.at++
	}
	return v
}

func (r *reader) flag() bool { return r.u(1) == 1 }

func (r *reader) ue() uint32 {
	zeros := 0
	for r.u(1) == 0 {
		if zeros++; zeros > 31 || r.short {
			r.short = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.u(zeros)
}

func (r *reader) err() error {
	if r.short {
		return errShort
	}
	return nil
}

// writer writes an RBSP.
type writer struct {
	b    []byte
	free int // unused bits of the last byte
}

func (w *writer) u(n int, v uint32) {
	for n--; n >= 0; n-- {
		if w.free == 0 {
			w.b = append(w.b, 0)
			w.free = 8
		}
		w.free--
		w.b[len(w.b)-1] |= byte(v>>n&1) << w.free
	}
}

func (w *writer) ue(v uint32) {
	n := 0
	for (v+1)>>(n+1) != 0 {
		n++
	}
	w.u(n, 0)
	w.u(n+1, v+1)
}

// copy appends the bits from..to of b.
func (w *writer) copy(b []byte, from, to int) {
	r := reader{b: b, at: from}
	for to-r.at >= 8 {
		w.u(8, r.u(8))
	}
	rest := to - r.at
	w.u(rest, r.u(rest))
}

// align writes zeros up to the next byte.
func (w *writer) align() { w.free = 0 }

// trailing ends the RBSP: a one, then zeros.
func (w *writer) trailing() {
	w.u(1, 1)
	w.align()
}

// unescape takes the emulation prevention bytes out of a NAL unit's payload.
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	zeros := 0
	for _, v := range b {
		if zeros >= 2 && v == 3 {
			zeros = 0
			continue
		}
		out = append(out, v)
		if v == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

// escape makes a NAL unit of its header byte and its RBSP.
func escape(header byte, rbsp []byte) []byte {
	out := make([]byte, 1, len(rbsp)+len(rbsp)/64+4)
	out[0] = header
	zeros := 0
	for _, v := range rbsp {
		if zeros >= 2 && v <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		out = append(out, v)
		if v == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}
