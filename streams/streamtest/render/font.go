package main

import (
	"bytes"
	"fmt"
	"image"
	"log"
	"os"
	"slices"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/encoding/simplifiedchinese"

	"gridwall/streams/streamtest/osd"
)

const glyphSize = 20

// writeFont makes the bitmap font of the text in the picture: ASCII, some punctuation, and the 3,755 hanzi
// of GB 2312 level 1, from Noto Sans CJK SC.
func writeFont(path, typeface string) error {
	b, err := os.ReadFile(typeface)
	if err != nil {
		return fmt.Errorf("read typeface: %w", err)
	}
	collection, err := opentype.ParseCollection(b)
	if err != nil {
		return err
	}
	const simplified = 2 // JP, KR, SC, TC, HK
	f, err := collection.Font(simplified)
	if err != nil {
		return err
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: glyphSize, DPI: 72})
	if err != nil {
		return err
	}
	var glyphs []osd.Glyph
	for _, r := range fontRunes() {
		advance, ok := face.GlyphAdvance(r)
		if !ok {
			return fmt.Errorf("typeface has no %q", r)
		}
		m := image.NewAlpha(image.Rect(0, 0, glyphSize, glyphSize))
		d := font.Drawer{Dst: m, Src: image.Opaque, Face: face, Dot: fixed.P(0, glyphSize*88/100)}
		d.DrawString(string(r))
		g := osd.Glyph{Rune: r, Width: min(advance.Ceil(), glyphSize), Pix: make([]byte, glyphSize*glyphSize)}
		for i, v := range m.Pix {
			g.Pix[i] = byte((int(v)*3 + 127) / 255)
		}
		glyphs = append(glyphs, g)
	}
	var out bytes.Buffer
	if err := osd.WriteFont(&out, glyphSize, glyphs); err != nil {
		return err
	}
	log.Printf("%s: %d characters, %d bytes", path, len(glyphs), out.Len())
	return os.WriteFile(path, out.Bytes(), 0o644)
}

func fontRunes() []rune {
	runes := []rune("·—()、。《》：0-9号")
	for r := ' '; r <= '~'; r++ {
		runes = append(runes, r)
	}
	decoder := simplifiedchinese.GBK.NewDecoder()
	for row := 0xb0; row <= 0xd7; row++ {
		for cell := 0xa1; cell <= 0xfe; cell++ {
			s, err := decoder.Bytes([]byte{byte(row), byte(cell)})
			if r := []rune(string(s)); err == nil && len(r) == 1 && r[0] != '\ufffd' && r[0] < 0xe000 {
				runes = append(runes, r[0])
			}
		}
	}
	slices.Sort(runes)
	return slices.Compact(runes)
}
