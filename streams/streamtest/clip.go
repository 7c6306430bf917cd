package streamtest

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"strings"
	"sync"

	"gridwall/streams/streamtest/osd"
)

// clip is a loop of pictures that begins with an IDR and may follow itself without a seam.
type clip struct {
	sps, pps   []byte
	parameters osd.Parameters
	pictures   []picture
	sky        *osd.Image // behind the text
}

type picture struct {
	idr    bool
	header osd.Header
	slices [][]byte // of the scene; the strip's is made when it is shown
}

const (
	nalSlice = 1
	nalIDR   = 5
	nalSPS   = 7
	nalPPS   = 8
)

// parseClip reads an H.264 byte stream (Annex B) as the renderer makes it: each picture is a slice of the
// strip, which begins at macroblock 0 and is left out, and slices of the scene.
func parseClip(b []byte) (*clip, error) {
	c := &clip{}
	for nalu := range splitAnnexB(b) {
		switch nalu[0] & 0x1f {
		case nalSPS:
			c.sps = nalu
		case nalPPS:
			c.pps = nalu
			var err error
			if c.parameters, err = osd.ReadParameters(c.sps, c.pps); err != nil {
				return nil, err
			}
		case nalSlice, nalIDR:
			if c.pps == nil {
				return nil, errors.New("clip: no parameter sets before the first picture")
			}
			h, err := c.parameters.ReadHeader(nalu)
			if err != nil {
				return nil, err
			}
			if h.First == 0 {
				c.pictures = append(c.pictures, picture{idr: h.IDR, header: h})
				continue
			}
			if len(c.pictures) == 0 {
				return nil, errors.New("clip: begins in the middle of a picture")
			}
			p := &c.pictures[len(c.pictures)-1]
			p.slices = append(p.slices, nalu)
		}
	}
	if len(c.pictures) == 0 || !c.pictures[0].idr {
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

// library reads clips when they are first shown: <scene>-day.h264 and <scene>-night.h264, each with the
// sky behind its text in a .png.
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
	if c.sky, err = l.sky(name); err != nil {
		return nil, fmt.Errorf("clip %s: %w", name, err)
	}
	if l.clips == nil {
		l.clips = make(map[string]*clip)
	}
	l.clips[name] = c
	return c, nil
}

func (l *library) sky(name string) (*osd.Image, error) {
	b, err := fs.ReadFile(l.fsys, name+".png")
	if err != nil {
		return nil, err
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	grey, ok := m.(*image.Gray)
	if !ok {
		return nil, errors.New("its sky is not a grey picture")
	}
	return osd.FromGrey(grey)
}

func (l *library) font() (*osd.Font, error) {
	b, err := fs.ReadFile(l.fsys, "osd.font")
	if err != nil {
		return nil, err
	}
	return osd.ReadFont(b)
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
