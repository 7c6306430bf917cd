package mse_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"gridwall/streams"
	"gridwall/streams/mse"
	"gridwall/streams/streamtest"
	"gridwall/streams/streamtest/film"
	"gridwall/streams/streamtest/foreign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type stage struct {
	room *streamtest.Server
	url  string // of the websocket
}

// play starts a camera, a hub and a web server with the websockets of the camera (C001) and of others.
func play(t *testing.T, others ...streams.Camera) stage {
	t.Helper()
	room, err := streamtest.New(streamtest.Config{
		Cameras: []streamtest.Camera{{ID: "C001", Name: "永来城西门", Scene: "street"}},
		Clips:   os.DirFS("../../assets/demo"),
	})
	if err != nil {
		t.Fatal(err)
	}
	hub := streams.New(streams.Config{Sweep: -1})
	hub.Set(append(others, streams.Camera{ID: "C001", URL: room.URL("C001")}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- room.Run(ctx) }()
	go func() { done <- hub.Run(ctx) }()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := mse.Serve(ctx, w, r, hub, strings.TrimPrefix(r.URL.Path, "/")); err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
		}
	}))
	t.Cleanup(func() {
		cancel()
		web.Close()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return stage{room, "ws" + strings.TrimPrefix(web.URL, "http") + "/"}
}

func (s stage) dial(t *testing.T, camera string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial(s.url+camera, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func read(t *testing.T, conn *websocket.Conn) (kind int, b []byte) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	kind, b, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return kind, b
}

// begin reads the mime type and the initialization segment.
func begin(t *testing.T, conn *websocket.Conn) (mime string, segment []byte) {
	t.Helper()
	kind, text := read(t, conn)
	var f struct{ Mime string }
	if kind != websocket.TextMessage || json.Unmarshal(text, &f) != nil || f.Mime == "" {
		t.Fatalf("first frame is not a mime type: %q", text)
	}
	kind, segment = read(t, conn)
	if kind != websocket.BinaryMessage || !bytes.Contains(segment[:16], []byte("ftyp")) {
		t.Fatalf("second frame is not an initialization segment: %.16q", segment)
	}
	return f.Mime, segment
}

// decodeTime of a fragment, 90 kHz.
func decodeTime(t *testing.T, fragment []byte) uint64 {
	t.Helper()
	at := bytes.Index(fragment, []byte("tfdt"))
	if at < 0 || len(fragment) < at+16 {
		t.Fatalf("no tfdt in %.80q", fragment)
	}
	return binary.BigEndian.Uint64(fragment[at+8:])
}

func TestWhatAPlayerGetsDecodesWithoutAnErrorInOrder(t *testing.T) {
	for _, tc := range []struct {
		name, camera string
		reordered    bool
	}{
		{"a camera of ours", "C001", false},
		{"a foreign one with B-frames and slices", "F1", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ffmpeg, err := exec.LookPath("ffmpeg")
			if err != nil {
				if os.Getenv("CI") != "" {
					t.Fatal("ffmpeg is missing: apt-get install ffmpeg")
				}
				t.Skip("ffmpeg is missing, so what the player gets is not decoded here: apt-get install ffmpeg")
			}
			var others []streams.Camera
			if tc.camera == "F1" {
				others = []streams.Camera{{ID: "F1", URL: foreign.Start(t, "6")}}
			}
			conn := play(t, others...).dial(t, tc.camera)
			mime, segment := begin(t, conn)
			if !strings.HasPrefix(mime, `video/mp4; codecs="avc1.`) {
				t.Errorf("mime %q", mime)
			}
			var movie bytes.Buffer
			movie.Write(segment)
			const frames = 110 // over two keyframes
			for range frames {
				kind, fragment := read(t, conn)
				if kind != websocket.BinaryMessage {
					t.Fatalf("text in the stream: %s", fragment)
				}
				movie.Write(fragment)
			}

			decode := exec.Command(ffmpeg, "-v", "error", "-i", "-", "-f", "null", "-")
			decode.Stdin = bytes.NewReader(movie.Bytes())
			if out, err := decode.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("ffmpeg: %v\n%s", err, out)
			}
			probe := exec.Command("ffprobe", "-v", "error", "-show_entries", "packet=dts,pts,duration,flags", "-of", "json", "-")
			probe.Stdin = bytes.NewReader(movie.Bytes())
			out, err := probe.Output()
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Packets []struct {
					DTS, PTS, Duration int64
					Flags              string
				}
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if len(got.Packets) != frames {
				t.Errorf("%d packets, sent %d", len(got.Packets), frames)
			}
			keys, back := 0, 0
			for i, p := range got.Packets {
				if strings.HasPrefix(p.Flags, "K") {
					keys++
				}
				if i == 0 {
					continue
				}
				last := got.Packets[i-1]
				if step := p.DTS - last.DTS; step <= 0 || step > 2*last.Duration+1 {
					t.Errorf("packet %d comes %d ticks after one of %d", i, step, last.Duration)
				}
				if p.PTS < last.PTS {
					back++
				}
			}
			if keys < 2 || keys > 4 {
				t.Errorf("%d of %d packets are keyframes; one in 50 is", keys, frames)
			}
			if tc.reordered != (back > 20) {
				t.Errorf("%d packets are shown before the one they follow", back)
			}
		})
	}
}

// TestEveryCodecDecodes is the matrix of what a player gets: each codec, with what it must find.
func TestEveryCodecDecodes(t *testing.T) {
	for _, tc := range []struct {
		name, mime string
		spec       film.Spec
		sound      bool // AAC comes
	}{
		{"H.264", "avc1.42c0", film.Spec{}, false},
		{"H.264, B-frames and slices", "avc1.4d40", film.Spec{BFrames: 2, Slices: 4}, false},
		{"H.265", "hvc1.1.6.L60.90", film.Spec{H265: true}, false},
		{"H.265, B-frames and CRA", "hvc1.1.6.L60.90", film.Spec{H265: true, BFrames: 2, OpenGOP: true}, false},
		{"H.264 and AAC", "mp4a.40.2", film.Spec{Sound: "aac"}, true},
		{"H.265 and AAC", "mp4a.40.2", film.Spec{H265: true, Sound: "aac"}, true},
		{"H.264 and G.711", "avc1.42c0", film.Spec{Sound: "pcma"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			camera := film.Serve(t, film.Habits{}, film.Draw(t, tc.spec))
			conn := play(t, streams.Camera{ID: "F", URL: camera.URL}).dial(t, "F?sound=1")
			mime, movie := begin(t, conn)
			if !strings.Contains(mime, tc.mime) || strings.Contains(mime, "mp4a") != tc.sound {
				t.Errorf("mime %q", mime)
			}
			const fragments = 160
			for range fragments {
				kind, fragment := read(t, conn)
				if kind != websocket.BinaryMessage {
					t.Fatalf("text in the stream: %s", fragment)
				}
				movie = append(movie, fragment...)
			}
			decode := exec.Command("ffmpeg", "-v", "error", "-i", "-", "-map", "0", "-f", "null", "-")
			decode.Stdin = bytes.NewReader(movie)
			if out, err := decode.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("ffmpeg: %v\n%s", err, out)
			}
			probe := exec.Command("ffprobe", "-v", "error", "-show_entries", "packet=codec_type,dts", "-of", "csv=p=0", "-")
			probe.Stdin = bytes.NewReader(movie)
			out, err := probe.Output()
			if err != nil {
				t.Fatal(err)
			}
			last := map[string]int{"video": -1, "audio": -1}
			count := map[string]int{}
			for line := range strings.Lines(string(out)) {
				kind, dts, _ := strings.Cut(strings.TrimSpace(line), ",")
				at, err := strconv.Atoi(strings.TrimSuffix(dts, ","))
				if err != nil || at <= last[kind] {
					t.Fatalf("%s at %q after %d", kind, dts, last[kind])
				}
				last[kind] = at
				count[kind]++
			}
			if count["video"]+count["audio"] != fragments || (count["audio"] > 0) != tc.sound {
				t.Errorf("%v packets of %d sent", count, fragments)
			}
		})
	}
}

func TestTheErrorIsToldTheSocketStaysAndPicturesComeBackWithAnewInit(t *testing.T) {
	s := play(t)
	conn := s.dial(t, "C001")
	begin(t, conn)
	_, fragment := read(t, conn)
	if err := s.room.Reboot("C001", 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	last := decodeTime(t, fragment)
	for {
		kind, b := read(t, conn)
		if kind == websocket.TextMessage {
			var f struct {
				Error struct{ Code, Zh, En string }
			}
			if err := json.Unmarshal(b, &f); err != nil || f.Error.Code != "offline" || f.Error.Zh == "" || f.Error.En == "" {
				t.Fatalf("told %s", b)
			}
			break
		}
		last = decodeTime(t, b)
	}
	begin(t, conn)
	_, fragment = read(t, conn)
	if at := decodeTime(t, fragment); at <= last || at > last+3*90000 {
		t.Errorf("decode time %d after the break, %d before", at, last)
	}
}

func TestAnUnknownCameraIsRefusedBeforeTheUpgrade(t *testing.T) {
	s := play(t)
	_, res, err := websocket.DefaultDialer.Dial(s.url+"C999", nil)
	if err == nil || res == nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("got %v, %v", res, err)
	}
}
