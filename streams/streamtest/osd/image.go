package osd

import (
	"bytes"
	"fmt"
	stdimage "image"
)

// Image is the strip in YCbCr 4:2:0.
type Image struct {
	y      [StripHeight * Width]byte
	cb, cr [StripHeight / 2 * Width / 2]byte
}

// Grey lays the strip out as one grey picture for storing: luma, and below it Cb left of Cr.
func (m *Image) Grey() *stdimage.Gray {
	g := stdimage.NewGray(stdimage.Rect(0, 0, Width, StripHeight*3/2))
	copy(g.Pix, m.y[:])
	for row := range StripHeight / 2 {
		line := g.Pix[(StripHeight+row)*g.Stride:]
		copy(line, m.cb[row*Width/2:(row+1)*Width/2])
		copy(line[Width/2:], m.cr[row*Width/2:(row+1)*Width/2])
	}
	return g
}

// FromGrey is the way back.
func FromGrey(g *stdimage.Gray) (*Image, error) {
	if g.Rect.Dx() != Width || g.Rect.Dy() != StripHeight*3/2 {
		return nil, fmt.Errorf("osd: strip is %v, want %d x %d", g.Rect, Width, StripHeight*3/2)
	}
	m := &Image{}
	for row := range StripHeight {
		copy(m.y[row*Width:], g.Pix[row*g.Stride:][:Width])
	}
	for row := range StripHeight / 2 {
		line := g.Pix[(StripHeight+row)*g.Stride:]
		copy(m.cb[row*Width/2:], line[:Width/2])
		copy(m.cr[row*Width/2:], line[Width/2:Width])
	}
	return m, nil
}

// FromYCbCr takes the top of a picture.
func FromYCbCr(y, cb, cr []byte) *Image {
	m := &Image{}
	copy(m.y[:], y)
	copy(m.cb[:], cb)
	copy(m.cr[:], cr)
	return m
}

func (m *Image) same(other *Image, mb int) bool {
	x, y := mb%columns*16, mb/columns*16
	for row := y; row < y+16; row++ {
		at := row*Width + x
		if !bytes.Equal(m.y[at:at+16], other.y[at:at+16]) {
			return false
		}
	}
	for row := y / 2; row < y/2+8; row++ {
		at := row*Width/2 + x/2
		if !bytes.Equal(m.cb[at:at+8], other.cb[at:at+8]) || !bytes.Equal(m.cr[at:at+8], other.cr[at:at+8]) {
			return false
		}
	}
	return true
}

// appendMacroblock appends the 384 samples of an I_PCM macroblock.
func (m *Image) appendMacroblock(b []byte, mb int) []byte {
	x, y := mb%columns*16, mb/columns*16
	for row := y; row < y+16; row++ {
		b = append(b, m.y[row*Width+x:][:16]...)
	}
	for _, plane := range []*[StripHeight / 2 * Width / 2]byte{&m.cb, &m.cr} {
		for row := y / 2; row < y/2+8; row++ {
			b = append(b, plane[row*Width/2+x/2:][:8]...)
		}
	}
	return b
}

const (
	white = 235
	black = 16
)

// Draw writes text at x in the strip, white with a dark edge, and returns where it ends. A character that
// the font lacks is a box.
func (m *Image) Draw(f *Font, x int, text string) int {
	type placed struct {
		x int
		g glyph
	}
	var line []placed
	for _, r := range text {
		g := f.glyph(r)
		line = append(line, placed{x, g})
		x += g.width
	}
	cover := func(edge bool) {
		for _, p := range line {
			for gy := range f.size {
				for gx := range p.g.width {
					a := p.g.at(f, gx, gy)
					if a == 0 {
						continue
					}
					px, py := p.x+gx, gy+(StripHeight-f.size)/2
					if !edge {
						m.blend(px, py, white, a)
						continue
					}
					for dy := -1; dy <= 1; dy++ {
						for dx := -1; dx <= 1; dx++ {
							m.darken(px+dx, py+dy, a)
						}
					}
				}
			}
		}
	}
	cover(true)
	cover(false)
	return x
}

// blend mixes luma towards v and takes the colour out; a is 0..3.
func (m *Image) blend(x, y int, v, a int) {
	if x < 0 || x >= Width || y < 0 || y >= StripHeight {
		return
	}
	p := &m.y[y*Width+x]
	*p = byte((int(*p)*(3-a) + v*a) / 3)
	c := y/2*Width/2 + x/2
	m.cb[c] = byte((int(m.cb[c])*(6-a) + 128*a) / 6)
	m.cr[c] = byte((int(m.cr[c])*(6-a) + 128*a) / 6)
}

// darken lowers luma for the edge of text, to at most a quarter of what was there.
func (m *Image) darken(x, y, a int) {
	if x < 0 || x >= Width || y < 0 || y >= StripHeight {
		return
	}
	p := &m.y[y*Width+x]
	edge := byte(black + 30*(3-a)/2)
	*p = min(*p, edge)
}

// Clone copies the strip.
func (m *Image) Clone() *Image {
	n := *m
	return &n
}
