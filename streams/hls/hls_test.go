package hls

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridwall/streams"
	"gridwall/streams/streamtest/film"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cut makes a film of n pictures of a real camera.
func cut(t *testing.T, n int) *movie {
	t.Helper()
	hub := streams.New(streams.Config{Sweep: -1})
	hub.Set([]streams.Camera{{ID: "F", URL: film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{})).URL}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = hub.Run(ctx) }()
	defer func() { cancel(); <-done }()
	reader, err := hub.Open("F")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	f := newMovie("F")
	for n > 0 {
		item, err := reader.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if item.Packet != nil {
			f.mu.Lock()
			f.take(item.Packet)
			f.mu.Unlock()
			n--
		}
	}
	return f
}

func TestAPlaylistHoldsWhatTheDraftAsks(t *testing.T) {
	f := cut(t, 130) // five groups of a second and a bit
	text, err := f.playlist(t.Context(), position{segment: -1})
	if err != nil {
		t.Fatal(err)
	}
	sum, target := 0.0, 0.4
	parts := regexp.MustCompile(`EXT-X-PART:DURATION=([0-9.]+)`).FindAllStringSubmatch(text, -1)
	for _, m := range parts {
		d, err := strconv.ParseFloat(m[1], 64)
		if err != nil || d > target+0.001 {
			t.Errorf("part of %v s", d)
		}
		sum += d
	}
	if len(parts) < 8 || sum < 2.9 {
		t.Errorf("%d parts of %v s in all:\n%s", len(parts), sum, text)
	}
	for _, want := range []string{"#EXTM3U\n#EXT-X-VERSION:9\n", "#EXT-X-TARGETDURATION:1\n", "CAN-BLOCK-RELOAD=YES", "#EXT-X-MEDIA-SEQUENCE:0\n",
		"#EXT-X-MAP:URI=\"init-0.mp4\"\n", "INDEPENDENT=YES", "#EXTINF:1.0", "\nseg-4.m4s\n", "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"seg-5."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestAClientThatAsksForTheNextPartWaitsForItAndNoLonger(t *testing.T) {
	f := cut(t, 60)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.playlist(ctx, position{2, 3}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the next part: %v", err)
	}
	if _, err := f.playlist(t.Context(), position{99, 0}); !errors.Is(err, ErrNoFile) {
		t.Errorf("one far away: %v", err)
	}
	if _, err := f.file(t.Context(), fmt.Sprintf("seg-%d.m4s", f.first)); err != nil {
		t.Errorf("the first segment: %v", err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := f.playlist(t.Context(), position{3, -1})
		waiting <- err
	}()
	f.over()
	if err := <-waiting; !errors.Is(err, ErrNoFile) {
		t.Errorf("when the film ends: %v", err)
	}
}

func FuzzName(f *testing.F) {
	for _, file := range []string{"init-0.mp4", "seg-12.m4s", "seg-12.4.m4s", "seg--1.m4s", "../x", "seg-1.-1.m4s"} {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file string) {
		kind, n, part, err := name(file)
		if err != nil {
			return
		}
		if n < 0 || part < -1 || kind != "init" && kind != "seg" || kind == "init" && part != -1 {
			t.Fatalf("%q is %s %d %d", file, kind, n, part)
		}
	})
}
