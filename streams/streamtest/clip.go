package streamtest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
)

// clip is a loop of pictures that begins with an IDR and may follow itself without a seam.
type clip struct {
	sps, pps []byte
	pictures []picture
}

type picture struct {
	idr   bool
	nalus [][]byte // slices only
}

const (
	nalSlice = 1
	nalIDR   = 5
	nalSPS   = 7
	nalPPS   = 8
)

// parseClip reads an H.264 byte stream (Annex B) of progressive pictures. Each slice whose
// first_mb_in_slice is 0 begins a picture.
func parseClip(b []byte) (*clip, error) {
	c := &clip{}
	for nalu := range splitAnnexB(b) {
		switch nalu[0] & 0x1f {
		case nalSPS:
			c.sps = nalu
		case nalPPS:
			c.pps = nalu
		case nalSlice, nalIDR:
			if len(nalu) < 2 {
				return nil, errors.New("clip: slice without a header")
			}
			first := nalu[1]&0x80 != 0 // ue(v) of 0 is one bit
			if first {
				c.pictures = append(c.pictures, picture{idr: nalu[0]&0x1f == nalIDR})
			}
			if len(c.pictures) == 0 {
				return nil, errors.New("clip: begins in the middle of a picture")
			}
			p := &c.pictures[len(c.pictures)-1]
			p.nalus = append(p.nalus, nalu)
		}
	}
	switch {
	case c.sps == nil || c.pps == nil:
		return nil, errors.New("clip: no parameter sets")
	case len(c.pictures) == 0 || !c.pictures[0].idr:
		return nil, errors.New("clip: does not begin with an IDR picture")
	}
	return c, nil
}

// splitAnnexB yields the NAL units between start codes, trailing zeros taken off.
func splitAnnexB(b []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		start := bytes.Index(b, []byte{0, 0, 1})
		for start >= 0 {
			rest := b[start+3:]
			end := bytes.Index(rest, []byte{0, 0, 1})
			nalu := rest
			if end >= 0 {
				nalu = rest[:end]
				start += 3 + end
			} else {
				start = -1
			}
			nalu = bytes.TrimRight(nalu, "\x00")
			if len(nalu) > 0 && !yield(nalu) {
				return
			}
		}
	}
}

// library reads clips when they are first shown: <scene>-day.h264 and <scene>-night.h264.
type library struct {
	fsys fs.FS

	mu    sync.Mutex
	clips map[string]*clip
}

func (l *library) clip(name string) (*clip, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.clips[name]; c != nil {
		return c, nil
	}
	b, err := fs.ReadFile(l.fsys, name+".h264")
	if err != nil {
		return nil, fmt.Errorf("read clip: %w", err)
	}
	c, err := parseClip(b)
	if err != nil {
		return nil, fmt.Errorf("clip %s: %w", name, err)
	}
	if l.clips == nil {
		l.clips = make(map[string]*clip)
	}
	l.clips[name] = c
	return c, nil
}

// scenes lists what the library can show.
func (l *library) scenes() ([]string, error) {
	names, err := fs.Glob(l.fsys, "*-day.h264")
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, "-day.h264")
	}
	return names, nil
}
