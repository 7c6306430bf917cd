package streamtest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridwall/streams/streamtest/osd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var demo = os.DirFS("../../assets/demo")

func ffmpeg(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("ffmpeg is missing: apt-get install ffmpeg")
		}
		t.Skip("ffmpeg is missing, so the pictures are not decoded here: apt-get install ffmpeg")
	}
	return path
}

// decode gives the luma of pictures of a stream; ffmpeg must have nothing to say.
func decode(t *testing.T, stream []byte) [][]byte {
	t.Helper()
	cmd := exec.Command(ffmpeg(t), "-v", "warning", "-f", "h264", "-i", "-", "-vf", "extractplanes=y", "-f", "rawvideo", "-")
	cmd.Stdin = bytes.NewReader(stream)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, complaints.String())
	}
	var list [][]byte
	for ; len(out) >= osd.Width*osd.Height; out = out[osd.Width*osd.Height:] {
		list = append(list, out[:osd.Width*osd.Height])
	}
	return list
}

// camera makes one without a server.
func testCamera(t *testing.T, name, scene string) *camera {
	t.Helper()
	s := &Server{library: library{fsys: demo}, config: Config{Location: time.FixedZone("CST", 8*3600)}}
	var err error
	if s.font, err = s.library.font(); err != nil {
		t.Fatal(err)
	}
	return newCamera(s, Camera{ID: "C001", Name: name, Scene: scene}, 0)
}

func TestEveryClipDecodesWithNameAndTimeOverTheLoop(t *testing.T) {
	names, err := fs.Glob(demo, "*-day.h264")
	if err != nil || len(names) < 6 {
		t.Fatalf("%d scenes, %v", len(names), err)
	}
	for _, name := range names {
		scene := strings.TrimSuffix(name, "-day.h264")
		for _, hour := range []int{12, 22} {
			t.Run(fmt.Sprint(scene, " at ", hour), func(t *testing.T) {
				s := newShow(testCamera(t, "永来城西侧旱厕", scene))
				now := time.Date(2026, 11, 24, hour-8, 59, 58, 0, time.UTC)
				var stream bytes.Buffer
				var want []*osd.Image
				for n := range 280 { // the loop has 250
					nalus, err := s.next(now.Add(time.Duration(n) * frameInterval))
					if err != nil {
						t.Fatal(err)
					}
					for _, nalu := range nalus {
						stream.Write([]byte{0, 0, 0, 1})
						stream.Write(nalu)
					}
					want = append(want, s.shown)
				}
				pictures := decode(t, stream.Bytes())
				if len(pictures) != len(want) {
					t.Fatalf("%d pictures of %d", len(pictures), len(want))
				}
				for n, p := range pictures {
					if strip := want[n].Grey(); !bytes.Equal(p[:osd.Width*osd.StripHeight], strip.Pix[:osd.Width*osd.StripHeight]) {
						t.Fatalf("picture %d does not show the text that it should", n)
					}
				}
				if bytes.Equal(pictures[40], pictures[60]) {
					t.Error("nothing moves")
				}
			})
		}
	}
}

func TestTheDemoIsSmall(t *testing.T) {
	total := int64(0)
	err := fs.WalkDir(demo, ".", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			total += info.Size()
		}
		return err
	})
	if err != nil || total > 4_000_000 {
		t.Errorf("%d bytes, %v", total, err)
	}
}

func TestDayIsFromHalfPastSixToSix(t *testing.T) {
	c := testCamera(t, "", "street")
	for _, tc := range []struct{ clock, want string }{
		{"06:29", "street-night"}, {"06:30", "street-day"}, {"17:59", "street-day"}, {"18:00", "street-night"}, {"00:00", "street-night"},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", "2026-11-24 "+tc.clock, c.server.config.Location)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.clipName(at.UTC()); got != tc.want {
			t.Errorf("%s: %s", tc.clock, got)
		}
	}
}

func TestALongNameStopsBeforeTheClock(t *testing.T) {
	c := testCamera(t, strings.Repeat("永来城西侧旱厕", 20), "street")
	s := newShow(c)
	if _, err := s.next(time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	short := newShow(testCamera(t, "", "street"))
	if _, err := short.next(time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	a, b := s.shown.Grey(), short.shown.Grey()
	for y := range osd.StripHeight {
		for x := osd.Width * 2 / 3; x < osd.Width; x++ {
			if a.GrayAt(x, y) != b.GrayAt(x, y) {
				t.Fatalf("the name reaches the clock at %d,%d", x, y)
			}
		}
	}
}

func TestAForeignPlayerSeesTheCamera(t *testing.T) {
	path := ffmpeg(t)
	room, err := New(Config{Clips: demo, Cameras: []Camera{{ID: "C001", Name: "东门", Scene: "gate"}}, User: "admin", Password: "p@ss"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- room.Run(ctx) }()
	out, err := exec.Command(path, "-v", "error", "-rtsp_transport", "tcp", "-i", room.URL("C001"), "-frames:v", "75", "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("ffmpeg: %v\n%s", err, out)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func FuzzParseClip(f *testing.F) {
	b, err := fs.ReadFile(demo, "roofs-night.h264")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:3000])
	f.Add([]byte{0, 0, 1, 0x65, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseClip(b)
		if err == nil && (len(c.pictures) == 0 || !c.pictures[0].idr || len(c.sps) == 0) {
			t.Fatalf("%+v", c)
		}
	})
}
