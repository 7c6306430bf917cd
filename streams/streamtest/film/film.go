// Package film makes, for tests, cameras of every codec: small films drawn by ffmpeg when a test asks for them,
// and an RTSP server that plays them in a loop with the habits of real cameras.
package film

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// Spec of a film. The zero value is H.264 of 320 x 180, 25 fps, a keyframe a second, no B-frames, one slice, silent.
type Spec struct {
	H265    bool
	BFrames int
	Slices  int    // a picture; 0: one
	OpenGOP bool   // keyframes but the first are CRA with leading pictures (H.265)
	Sound   string // aac, pcma, pcmu or none
	Width   int    // pixels; the height is 9/16 of it, even. Default 320
	Seconds int    // default 2
}

// Film is what a camera sends.
type Film struct {
	Spec     Spec
	Pictures []Picture
	Sound    [][]byte                        // AAC frames of 1,024 samples, or G.711 of 20 ms
	AAC      *mpeg4audio.AudioSpecificConfig // 48 kHz, one channel
}

// Picture is an access unit with its parameter sets in it.
type Picture struct {
	NALUs [][]byte
	PTS   int64 // 1/90000 s from the first picture in decode order, which is at 0
}

const rate = 25 // pictures a second

var (
	mu    sync.Mutex
	drawn = map[Spec]*Film{}
)

// Draw makes a film, once a process. Without ffmpeg the test is skipped, or fails if CI is set.
func Draw(t testing.TB, s Spec) *Film {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if f := drawn[s]; f != nil {
		return f
	}
	f := &Film{Spec: s}
	f.pictures(t)
	f.sound(t)
	drawn[s] = f
	return f
}

func (s Spec) seconds() int {
	if s.Seconds == 0 {
		return 2
	}
	return s.Seconds
}

func (f *Film) pictures(t testing.TB) {
	s := f.Spec
	width := s.Width
	if width == 0 {
		width = 320
	}
	kind, aud := "h264", "h264_metadata=aud=insert"
	if s.H265 {
		kind, aud = "hevc", "hevc_metadata=aud=insert"
	}
	picture := fmt.Sprintf("testsrc2=size=%dx%d:rate=%d:duration=%d", width, width*9/16/2*2, rate, s.seconds())
	movie := filepath.Join(t.TempDir(), "film.mp4")
	args := []string{"-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p", "-g", strconv.Itoa(rate), "-preset", "ultrafast"}
	if s.H265 {
		params := fmt.Sprintf("log-level=none:bframes=%d:b-adapt=0:keyint=%d:min-keyint=%d:scenecut=0:slices=%d:repeat-headers=1:pools=1:frame-threads=1:open-gop=%d",
			s.BFrames, rate, rate, max(s.Slices, 1), map[bool]int{true: 1}[s.OpenGOP])
		args = append(args, "-c:v", "libx265", "-x265-params", params)
	} else {
		args = append(args, "-c:v", "libx264", "-bf", strconv.Itoa(s.BFrames), "-x264-params",
			fmt.Sprintf("slices=%d:b-adapt=0:scenecut=0:repeat-headers=1:threads=1", max(s.Slices, 1)))
	}
	run(t, "ffmpeg", append(args, movie)...)
	stream := run(t, "ffmpeg", "-i", movie, "-c", "copy", "-bsf:v", map[string]string{"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}[kind]+","+aud, "-f", kind, "-")
	var packets struct {
		Packets []struct {
			PTS int64 `json:"pts"`
			DTS int64 `json:"dts"`
		} `json:"packets"`
		Streams []struct {
			TimeBase string `json:"time_base"`
		} `json:"streams"`
	}
	out := run(t, "ffprobe", "-show_entries", "packet=pts,dts:stream=time_base", "-of", "json", movie)
	if err := json.Unmarshal(out, &packets); err != nil {
		t.Fatal(err)
	}
	base, err := strconv.ParseInt(strings.TrimPrefix(packets.Streams[0].TimeBase, "1/"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, nalu := range split(stream) {
		if delimiter(nalu, s.H265) {
			f.Pictures = append(f.Pictures, Picture{})
			continue
		}
		last := &f.Pictures[len(f.Pictures)-1]
		last.NALUs = append(last.NALUs, nalu)
	}
	if len(f.Pictures) != len(packets.Packets) || len(f.Pictures) != rate*s.seconds() {
		t.Fatalf("film of %d pictures, %d packets", len(f.Pictures), len(packets.Packets))
	}
	for i := range f.Pictures {
		f.Pictures[i].PTS = (packets.Packets[i].PTS - packets.Packets[0].PTS) * 90000 / base
	}
}

func delimiter(nalu []byte, hevc bool) bool {
	if hevc {
		return nalu[0]>>1&0x3f == 35
	}
	return nalu[0]&0x1f == 9
}

// split cuts a byte stream (Annex B).
func split(b []byte) (nalus [][]byte) {
	for part := range bytes.SplitSeq(b, []byte{0, 0, 1}) {
		if part = bytes.TrimRight(part, "\x00"); len(part) > 0 {
			nalus = append(nalus, part)
		}
	}
	return nalus
}

func (f *Film) sound(t testing.TB) {
	tone := fmt.Sprintf("sine=frequency=440:sample_rate=48000:duration=%d", f.Spec.seconds())
	switch f.Spec.Sound {
	case "aac":
		var packets mpeg4audio.ADTSPackets
		if err := packets.Unmarshal(run(t, "ffmpeg", "-f", "lavfi", "-i", tone, "-ac", "1", "-c:a", "aac", "-b:a", "64k", "-f", "adts", "-")); err != nil {
			t.Fatal(err)
		}
		f.AAC = &mpeg4audio.AudioSpecificConfig{Type: packets[0].Type, SampleRate: packets[0].SampleRate, ChannelConfig: packets[0].ChannelConfig}
		for _, p := range packets {
			f.Sound = append(f.Sound, p.AU)
		}
	case "pcma", "pcmu":
		codec := map[string]string{"pcma": "alaw", "pcmu": "mulaw"}[f.Spec.Sound]
		samples := run(t, "ffmpeg", "-f", "lavfi", "-i", tone, "-ac", "1", "-ar", "8000", "-c:a", "pcm_"+codec, "-f", codec, "-")
		for ; len(samples) >= 160; samples = samples[160:] {
			f.Sound = append(f.Sound, samples[:160])
		}
	}
}

// sets are the parameter sets of the first picture, in the order of their kinds.
func (f *Film) sets() (sets [][]byte) {
	for _, nalu := range f.Pictures[0].NALUs {
		if isSet(nalu, f.Spec.H265) {
			sets = append(sets, nalu)
		}
	}
	return sets
}

func isSet(nalu []byte, hevc bool) bool {
	if hevc {
		t := nalu[0] >> 1 & 0x3f
		return t >= 32 && t <= 34
	}
	t := h264.NALUType(nalu[0] & 0x1f)
	return t == h264.NALUTypeSPS || t == h264.NALUTypePPS
}

func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, append([]string{"-v", "error"}, args...)...)
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err == nil {
		return out
	}
	if _, missing := exec.LookPath(name); missing != nil && os.Getenv("CI") == "" {
		t.Skipf("not tested, %s is missing: apt-get install ffmpeg", name)
	}
	t.Fatalf("%s %v: %v\n%s", name, args, err, trouble.Bytes())
	return nil
}
