package osd

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
)

// Font is a bitmap font with two bits of coverage a pixel.
//
// Its file: "GWF1", then deflated: size (1 byte), number of glyphs (2), then for each glyph in the order of
// code points its code point (3), width (1); then the bitmaps, size × size × 2
// bits each.
type Font struct {
	size   int
	runes  []rune
	widths []byte
	bits   []byte
}

const fontMagic = "GWF1"

type glyph struct {
	width int
	bits  []byte // nil: a box
}

// at is the coverage of a pixel, 0..3.
func (g glyph) at(f *Font, x, y int) int {
	if g.bits == nil {
		if x == 1 || x == g.width-2 || y == 2 || y == f.size-3 {
			return 3
		}
		return 0
	}
	i := y*f.size + x
	return int(g.bits[i/4]>>(6-i%4*2)) & 3
}

func (f *Font) glyph(r rune) glyph {
	i := sort.Search(len(f.runes), func(i int) bool { return f.runes[i] >= r })
	if i == len(f.runes) || f.runes[i] != r {
		return glyph{width: f.size}
	}
	n := f.glyphBytes()
	return glyph{width: int(f.widths[i]), bits: f.bits[i*n : (i+1)*n]}
}

func (f *Font) glyphBytes() int { return (f.size*f.size + 3) / 4 }

// Width is how wide text will be.
func (f *Font) Width(text string) int {
	n := 0
	for _, r := range text {
		n += f.glyph(r).width
	}
	return n
}

// Glyph is one character for WriteFont: coverage 0..3 a pixel, rows of the font's size.
type Glyph struct {
	Rune  rune
	Width int
	Pix   []byte
}

// WriteFont writes a font file of glyphs, which must be in the order of their code points.
func WriteFont(w io.Writer, size int, glyphs []Glyph) error {
	var body bytes.Buffer
	body.WriteByte(byte(size))
	body.Write(binary.BigEndian.AppendUint16(nil, uint16(len(glyphs))))
	for _, g := range glyphs {
		body.Write([]byte{byte(g.Rune >> 16), byte(g.Rune >> 8), byte(g.Rune), byte(g.Width)})
	}
	for _, g := range glyphs {
		packed := make([]byte, (size*size+3)/4)
		for i, v := range g.Pix {
			packed[i/4] |= v & 3 << (6 - i%4*2)
		}
		body.Write(packed)
	}
	if _, err := io.WriteString(w, fontMagic); err != nil {
		return err
	}
	z, err := flate.NewWriter(w, flate.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(body.Bytes()); err != nil {
		return err
	}
	return z.Close()
}

// ReadFont reads a font file of at most 4 MiB.
func ReadFont(b []byte) (*Font, error) {
	body, ok := bytes.CutPrefix(b, []byte(fontMagic))
	if !ok {
		return nil, errors.New("osd: not a font of ours")
	}
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body)), 4<<20))
	if err != nil {
		return nil, fmt.Errorf("read font: %w", err)
	}
	if len(b) < 3 || b[0] < 4 || b[0] > StripHeight {
		return nil, errors.New("osd: font without a usable size")
	}
	f := &Font{size: int(b[0])}
	n := int(binary.BigEndian.Uint16(b[1:]))
	b = b[3:]
	if len(b) != n*4+n*f.glyphBytes() {
		return nil, errors.New("osd: font is cut off")
	}
	for i := range n {
		g := b[i*4:]
		f.runes = append(f.runes, rune(g[0])<<16|rune(g[1])<<8|rune(g[2]))
		f.widths = append(f.widths, min(g[3], byte(f.size)))
	}
	f.bits = b[n*4:]
	return f, nil
}
