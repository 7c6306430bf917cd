// Command render makes the clips and the font of the demo's cameras. It is run at development time, needs
// ffmpeg with libx264 and Noto Sans CJK (fonts-noto-cjk), and its output is committed:
//
//	go run ./streams/streamtest/render -out assets/demo
//
// A scene is drawn without its top 32 rows, encoded on its own, and then moved below a strip that streamtest
// replaces (package osd). Each clip is checked: with any other strip the scene must decode to the same pixels.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/png"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"gridwall/streams/streamtest/osd"
)

const (
	rate     = 25
	pictures = 10 * rate
	encoded  = height - osd.StripHeight + 8 // rows of the scene, in whole macroblocks
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "assets/demo", "folder to write to")
	only := flag.String("scene", "", "render this scene only")
	still := flag.Bool("png", false, "write a PNG of each scene instead of clips")
	crf := flag.Int("crf", 28, "x264's quality, lower is better and larger")
	typeface := flag.String("font", "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "Noto Sans CJK; empty: no font file")
	flag.Parse()
	if err := os.MkdirAll(*out, 0o755); err != nil {
		log.Fatal(err)
	}
	for i, s := range scenes {
		if *only != "" && s.name != *only {
			continue
		}
		for _, l := range []light{daylight, dark} {
			name := s.name + "-day"
			if l.night {
				name = s.name + "-night"
			}
			path := filepath.Join(*out, name)
			var err error
			if *still {
				err = writePNG(path+".png", newStage(s, l, i).picture(.37))
			} else {
				err = writeClip(path, newStage(s, l, i), *crf)
			}
			if err != nil {
				log.Fatalf("%s: %v", name, err)
			}
		}
	}
	if *typeface != "" && !*still && *only == "" {
		if err := writeFont(filepath.Join(*out, "osd.font"), *typeface); err != nil {
			log.Fatal(err)
		}
	}
}

// stage is a scene in a light, its still part painted.
type stage struct {
	scene
	light
	still *canvas
}

func newStage(s scene, l light, number int) *stage {
	w := &world{newCanvas(), s.lens, l}
	s.still(w, newRandom(uint64(number)+11))
	return &stage{scene: s, light: l, still: w.canvas}
}

// picture draws the scene at t of its loop, 0 to 1.
func (s *stage) picture(t float64) *canvas {
	w := &world{s.still.clone(), s.lens, s.light}
	if s.before != nil {
		s.before(w, t)
	}
	var list []mover
	for _, l := range s.lanes {
		list = append(list, l.at(t)...)
	}
	if s.extra != nil {
		list = append(list, s.extra(t)...)
	}
	w.draw(list)
	if s.after != nil {
		s.after(w, t)
	}
	w.grain(.012, 3)
	return w.canvas
}

// planes converts to YCbCr 4:2:0, BT.709 limited range.
func planes(c *canvas) (y, cb, cr []byte) {
	y = make([]byte, width*height)
	cb, cr = make([]byte, width*height/4), make([]byte, width*height/4)
	var sumB, sumR [width / 2]float64
	for row := range height {
		for x := range width {
			p := c.Pix[c.PixOffset(x, row):]
			r, g, b := float64(p[0]), float64(p[1]), float64(p[2])
			l := .2126*r + .7152*g + .0722*b
			y[row*width+x] = byte(16.5 + l*219/255)
			sumB[x/2] += (b - l) / 1.8556 * 224 / 255
			sumR[x/2] += (r - l) / 1.5748 * 224 / 255
		}
		if row%2 == 1 {
			for x := range width / 2 {
				cb[row/2*width/2+x] = byte(128.5 + sumB[x]/4)
				cr[row/2*width/2+x] = byte(128.5 + sumR[x]/4)
				sumB[x], sumR[x] = 0, 0
			}
		}
	}
	return y, cb, cr
}

// writeClip writes path.h264 and path.png, the sky behind the text.
func writeClip(path string, s *stage, crf int) error {
	var raw bytes.Buffer
	var sky *osd.Image
	for n := range pictures {
		c := s.picture(float64(n) / pictures)
		y, cb, cr := planes(c)
		if n == 0 {
			sky = osd.FromYCbCr(y, cb, cr)
		} else if !bytes.Equal(osd.FromYCbCr(y, cb, cr).Grey().Pix, sky.Grey().Pix) {
			return fmt.Errorf("something moves behind the text in picture %d", n)
		}
		const top = osd.StripHeight
		raw.Write(pad(y[top*width:], width))
		raw.Write(pad(cb[top/2*width/2:], width/2))
		raw.Write(pad(cr[top/2*width/2:], width/2))
	}
	scene, err := encode(raw.Bytes(), crf)
	if err != nil {
		return err
	}
	clip, err := assemble(scene)
	if err != nil {
		return err
	}
	if err := check(scene, clip); err != nil {
		return err
	}
	if err := os.WriteFile(path+".h264", clip, 0o644); err != nil {
		return err
	}
	log.Printf("%s: %d kbit/s", path, len(clip)*8/1000*rate/pictures)
	return writePNG(path+".png", sky.Grey())
}

// pad repeats the last row to the encoded height.
func pad(plane []byte, stride int) []byte {
	rows := encoded
	if stride == width/2 {
		rows /= 2
	}
	for len(plane) < rows*stride {
		plane = append(plane[:len(plane):len(plane)], plane[len(plane)-stride:]...)
	}
	return plane
}

func encode(raw []byte, crf int) ([]byte, error) {
	cmd := exec.Command("ffmpeg", "-v", "error",
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", fmt.Sprintf("%dx%d", width, encoded), "-r", strconv.Itoa(rate), "-i", "-",
		// Nothing moves in the first row of macroblocks; coded nearly without loss it is a copy of itself in
		// the next picture, and no motion vector looks for anything better above it.
		"-vf", fmt.Sprintf("addroi=0:0:%d:16:-0.6", width),
		"-c:v", "libx264", "-preset", "veryslow", "-profile:v", "baseline", "-level", "3.0", "-crf", strconv.Itoa(crf), "-threads", "1",
		"-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv",
		"-x264-params", "keyint=50:min-keyint=50:scenecut=0:ref=1:bframes=0:weightp=0:cabac=0:stitchable=1:sliced-threads=0:slices=1",
		"-bsf:v", "filter_units=remove_types=6", "-f", "h264", "-")
	cmd.Stdin = bytes.NewReader(raw)
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

// assemble moves the scene's slices below blank strips.
func assemble(scene []byte) ([]byte, error) {
	var out bytes.Buffer
	put := func(nalu []byte) {
		out.Write([]byte{0, 0, 0, 1})
		out.Write(nalu)
	}
	var sps, pps []byte
	var parameters osd.Parameters
	for _, nalu := range split(scene) {
		switch nalu[0] & 0x1f {
		case 7, 8:
			if nalu[0]&0x1f == 7 {
				extended, err := osd.ExtendSPS(nalu)
				if err != nil {
					return nil, err
				}
				nalu, sps = extended, extended
			} else {
				pps = nalu
			}
			put(nalu)
		case 1, 5:
			var err error
			if parameters, err = osd.ReadParameters(sps, pps); err != nil {
				return nil, err
			}
			h, err := parameters.ReadHeader(nalu)
			if err != nil {
				return nil, err
			}
			moved, err := parameters.ShiftScene(nalu)
			if err != nil {
				return nil, err
			}
			put(parameters.Blank(h))
			put(moved)
		}
	}
	return out.Bytes(), nil
}

func split(b []byte) [][]byte {
	var list [][]byte
	for _, part := range bytes.Split(b, []byte{0, 0, 1}) {
		if part = bytes.TrimRight(part, "\x00"); len(part) > 0 {
			list = append(list, part)
		}
	}
	return list
}

// check decodes the scene alone, and the clip with strips of noise that changes in every picture, and
// compares the pixels below the strip. A motion vector into the strip, or a filter across its edge, shows.
func check(scene, clip []byte) error {
	var noisy bytes.Buffer
	var sps, pps []byte
	r := rand.New(rand.NewPCG(1, 2))
	noise := func() *osd.Image {
		y, c := make([]byte, width*osd.StripHeight), make([]byte, width*osd.StripHeight/4)
		for i := range y {
			y[i] = byte(16 + r.IntN(219))
		}
		for i := range c {
			c[i] = byte(16 + r.IntN(224))
		}
		return osd.FromYCbCr(y, c, c)
	}
	shown := noise()
	for _, nalu := range split(clip) {
		switch t := nalu[0] & 0x1f; {
		case t == 7:
			sps = nalu
		case t == 8:
			pps = nalu
		case nalu[1]&0x80 != 0: // the strip
			parameters, err := osd.ReadParameters(sps, pps)
			if err != nil {
				return err
			}
			h, err := parameters.ReadHeader(nalu)
			if err != nil {
				return err
			}
			next := noise()
			nalu = parameters.Slice(h, next, shown)
			shown = next
		}
		noisy.Write([]byte{0, 0, 0, 1})
		noisy.Write(nalu)
	}
	want, err := decode(scene)
	if err != nil {
		return err
	}
	got, err := decode(noisy.Bytes())
	if err != nil {
		return err
	}
	const visible = height - osd.StripHeight
	if len(want) != pictures*width*encoded || len(got) != pictures*width*height {
		return fmt.Errorf("decoded %d and %d bytes", len(want), len(got))
	}
	for n := range pictures {
		a := want[n*width*encoded:][:width*visible]
		b := got[n*width*height+osd.StripHeight*width:][:width*visible]
		if !bytes.Equal(a, b) {
			for i := range a {
				if a[i] != b[i] {
					return fmt.Errorf("picture %d depends on the strip at %d,%d: keep the rows below it still", n, i%width, i/width+osd.StripHeight)
				}
			}
		}
	}
	return nil
}

// decode gives the luma of a stream's pictures; ffmpeg must have nothing to say.
func decode(stream []byte) ([]byte, error) {
	cmd := exec.Command("ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-vf", "extractplanes=y", "-f", "rawvideo", "-")
	cmd.Stdin = bytes.NewReader(stream)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err == nil && complaints.Len() > 0 {
		err = fmt.Errorf("ffmpeg: %s", complaints.String())
	}
	return out, err
}

func writePNG(path string, m image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(f, m); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
