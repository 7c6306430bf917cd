package cases

import (
	"encoding/binary"
	"image"
	"image/color"
)

// orientation is how a JPEG says it must be turned to be upright (Exif 2.32, tag 0x0112): 1 to 8, 1 where it says nothing.
// Phones turn the word and not the picture; once the EXIF is gone, nobody could know.
func orientation(data []byte) int {
	if len(data) < 4 || data[0] != 0xFF || data[1] != 0xD8 {
		return 1
	}
	for at := 2; at+4 <= len(data) && data[at] == 0xFF && data[at+1] != 0xDA; {
		end := at + 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		if end > len(data) || end < at+4 {
			return 1
		}
		if segment := data[at+4 : end]; data[at+1] == 0xE1 && len(segment) > 14 && string(segment[:6]) == "Exif\x00\x00" {
			return turned(segment[6:])
		}
		at = end
	}
	return 1
}

// turned reads the orientation of a TIFF's first directory.
func turned(tiff []byte) int {
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	n := int64(order.Uint16(tiff[at:]))
	for i := range n {
		entry := at + 2 + 12*i
		if entry+12 > int64(len(tiff)) {
			return 1
		}
		if order.Uint16(tiff[entry:]) != 0x0112 {
			continue
		}
		if o := int(order.Uint16(tiff[entry+8:])); o >= 1 && o <= 8 {
			return o
		}
		return 1
	}
	return 1
}

// upright turns a picture by its orientation.
func upright(p image.Image, orientation int) image.Image {
	if orientation == 1 {
		return p
	}
	return &turnedImage{p, orientation}
}

// turnedImage is a picture seen turned: 2 to 4 keep its width, 5 to 8 make it the height.
type turnedImage struct {
	image.Image
	orientation int
}

func (t *turnedImage) Bounds() image.Rectangle {
	b := t.Image.Bounds()
	if t.orientation >= 5 {
		return image.Rect(0, 0, b.Dy(), b.Dx())
	}
	return image.Rect(0, 0, b.Dx(), b.Dy())
}

func (t *turnedImage) At(x, y int) color.Color {
	b := t.Image.Bounds()
	right, bottom := b.Dx()-1, b.Dy()-1
	switch t.orientation {
	case 2:
		x = right - x
	case 3:
		x, y = right-x, bottom-y
	case 4:
		y = bottom - y
	case 5:
		x, y = y, x
	case 6:
		x, y = y, bottom-x
	case 7:
		x, y = right-y, bottom-x
	case 8:
		x, y = right-y, x
	}
	return t.Image.At(b.Min.X+x, b.Min.Y+y)
}
