package still

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"os/exec"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridwall/streams"
	"gridwall/streams/streamtest/film"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func taker(t *testing.T, cameras ...streams.Camera) *Taker {
	t.Helper()
	hub := streams.New(streams.Config{Sweep: -1})
	hub.Set(cameras)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = hub.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return New(hub)
}

func TestAPictureIsTakenOfEachCodec(t *testing.T) {
	for _, hevc := range []bool{false, true} {
		camera := film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{H265: hevc}))
		k := taker(t, streams.Camera{ID: "F", URL: camera.URL})
		p, err := k.Take(t.Context(), "F")
		if err != nil {
			t.Fatal(err)
		}
		picture, err := jpeg.Decode(bytes.NewReader(p.Data))
		if err != nil || p.Type != "image/jpeg" {
			t.Fatalf("%s: %v", p.Type, err)
		}
		if size := picture.Bounds().Size(); size.X != 320 || size.Y != 180 {
			t.Errorf("%v pixels", size)
		}
		// The second of a burst is the same picture.
		var work sync.WaitGroup
		for range 20 {
			work.Go(func() {
				if again, err := k.Take(t.Context(), "F"); err != nil || again.At.Before(p.At) {
					t.Errorf("again: %v", err)
				}
			})
		}
		work.Wait()
		if len(k.taken) != 1 {
			t.Errorf("%d pictures are kept", len(k.taken))
		}
	}
}

func TestWithoutFfmpegItIsAFilmOfOnePicture(t *testing.T) {
	camera := film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{}))
	k := taker(t, streams.Camera{ID: "F", URL: camera.URL})
	k.ffmpeg = ""
	p, err := k.Take(t.Context(), "F")
	if err != nil || p.Type != "video/mp4" {
		t.Fatalf("%s: %v", p.Type, err)
	}
	probe := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", "-")
	probe.Stdin = bytes.NewReader(p.Data)
	if out, err := probe.CombinedOutput(); err != nil || string(bytes.TrimSpace(out)) != "1" {
		t.Errorf("%v frames: %s", err, out)
	}
}

func TestADarkCameraIsSaidInWordsAndAStrangerIsUnknown(t *testing.T) {
	k := taker(t, streams.Camera{ID: "dark", URL: "rtsp://127.0.0.1:1/x"})
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	var dark *streams.UnavailableError
	if _, err := k.Take(ctx, "dark"); !errors.As(err, &dark) || dark.Status.Reason.Zh == "" {
		t.Errorf("got %v", err)
	}
	if _, err := k.Take(ctx, "nobody"); !errors.Is(err, streams.ErrUnknownCamera) {
		t.Errorf("got %v", err)
	}
	if len(k.taken) != 0 {
		t.Errorf("%d entries stay", len(k.taken))
	}
}
