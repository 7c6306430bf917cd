package cases

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"runtime"
	"testing"
)

// pngOf is a PNG that says it has so many pixels; its rows are black, packed to almost nothing.
func pngOf(t *testing.T, w, h uint32, rows int) []byte {
	t.Helper()
	out := bytes.NewBufferString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, body []byte) {
		binary.Write(out, binary.BigEndian, uint32(len(body)))
		out.WriteString(kind)
		out.Write(body)
		binary.Write(out, binary.BigEndian, crc32.ChecksumIEEE(append([]byte(kind), body...)))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	chunk("IHDR", append(head, 16, 6, 0, 0, 0)) // 16 bits, RGBA: 8 bytes a pixel
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	row := make([]byte, 1+8*int(w))
	for range rows {
		if _, err := z.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	z.Close()
	chunk("IDAT", packed.Bytes())
	chunk("IEND", nil)
	return out.Bytes()
}

// A small file that unpacks to gigabytes is refused before it is unpacked.
func TestADecompressionBombIsRefusedBeforeItIsUnpacked(t *testing.T) {
	gif := "GIF89a\xff\xff\xff\xff\x00\x00\x00;"
	for name, tc := range map[string]struct {
		data []byte
		code string
	}{
		"one pixel too many in each row": {pngOf(t, 50_001, 1000, 8), "photo_too_large"},
		"the largest that a PNG can say": {pngOf(t, 1, 1, 1)[:8], "photo_invalid"},
		"sides whose product wraps":      {binaryHead(t, 1<<31-1, 1<<31-1), "photo_invalid"},
		"no rows":                        {pngOf(t, 7000, 7000, 0), "photo_invalid"},
		"another format":                 {[]byte(gif), "photo_invalid"},
		"a page that calls itself one":   {[]byte("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"), "photo_invalid"},
		"too many bytes":                 {make([]byte, MaxPhoto+1), "photo_too_large"},
		"nothing":                        {nil, "photo_invalid"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := encode(tc.data)
		runtime.ReadMemStats(&after)
		var refused *InvalidError
		if !errors.As(err, &refused) || refused.Code != tc.code {
			t.Errorf("%s: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; tc.code == "photo_too_large" && used > 64<<20 {
			t.Errorf("%s: %d MiB were allocated for it", name, used>>20)
		}
	}
}

func binaryHead(t *testing.T, w, h uint32) []byte {
	small := pngOf(t, 1, 1, 1)
	binary.BigEndian.PutUint32(small[16:], w)
	binary.BigEndian.PutUint32(small[20:], h)
	binary.BigEndian.PutUint32(small[29:], crc32.ChecksumIEEE(small[12:29]))
	return small
}

// exif is a JPEG with an EXIF part that tells its orientation, its owner and its place.
func exif(t *testing.T, p image.Image, orientation byte) []byte {
	t.Helper()
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, p, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	tiff := append([]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), orientation, 0, 0, 0, 0, 0, 0)
	body := append(append([]byte("Exif\x00\x00"), tiff...), "GPSLatitude 40.4 Owner ZHANG"...)
	part := append([]byte{0xFF, 0xE1, 0, byte(len(body) + 2)}, body...)
	return append(append(append([]byte{}, plain.Bytes()[:2]...), part...), plain.Bytes()[2:]...)
}

// A photo keeps its picture, upright, within its bounds, and nothing of what the phone wrote beside it.
func TestAPhotoIsUprightAndTellsNothingOfItsOwner(t *testing.T) {
	p := image.NewRGBA(image.Rect(0, 0, 2400, 120))
	for y := range 120 {
		for x := range 2400 {
			c := color.RGBA{0, 0, 255, 255}
			if x < 1200 && y < 60 {
				c = color.RGBA{255, 0, 0, 255} // red: the corner that comes first
			}
			p.SetRGBA(x, y, c)
		}
	}
	for orientation, corner := range map[byte]image.Point{0: {0, 0}, 1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1}, 9: {0, 0}} {
		raw := exif(t, p, orientation)
		got, err := encode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(got, []byte("Exif")) || bytes.Contains(got, []byte("ZHANG")) || !bytes.Contains(raw, []byte("ZHANG")) {
			t.Errorf("orientation %d: what the phone wrote is still there", orientation)
		}
		q, err := jpeg.Decode(bytes.NewReader(got))
		if err != nil {
			t.Fatal(err)
		}
		size := q.Bounds().Size()
		want := image.Pt(1920, 96)
		if orientation >= 5 && orientation <= 8 {
			want = image.Pt(96, 1920)
		}
		if size != want {
			t.Errorf("orientation %d: %v, want %v", orientation, size, want)
			continue
		}
		for _, at := range []image.Point{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
			r, _, b, _ := q.At(size.X/4+at.X*size.X/2, size.Y/4+at.Y*size.Y/2).RGBA()
			if (r > b) != (at == corner) {
				t.Errorf("orientation %d: the corner %v is wrong", orientation, at)
			}
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00MM\x00*\x00\x00\x00\x08"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x22Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := orientation(data); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}
