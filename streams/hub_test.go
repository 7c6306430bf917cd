package streams_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridwall/streams"
	"gridwall/streams/streamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cameras starts a room of cameras for the length of the test.
func cameras(t *testing.T, c streamtest.Config) *streamtest.Server {
	t.Helper()
	c.Clips = os.DirFS("../assets/demo")
	room, err := streamtest.New(c)
	if err != nil {
		t.Fatal(err)
	}
	during(t, room.Run)
	return room
}

// hub starts a hub for the length of the test.
func hub(t *testing.T, c streams.Config) *streams.Hub {
	t.Helper()
	h := streams.New(c)
	during(t, h.Run)
	return h
}

func during(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func open(t *testing.T, h *streams.Hub, id string) *streams.Reader {
	t.Helper()
	r, err := h.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// next reads one item; what it takes to wait is given back at once, for some tests read for minutes and look at the heap.
func next(t *testing.T, r *streams.Reader) (streams.Item, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	return r.Next(ctx)
}

// packet reads until a packet comes.
func packet(t *testing.T, r *streams.Reader) streams.Item {
	t.Helper()
	for {
		item, err := next(t, r)
		if err != nil {
			t.Fatalf("no packet: %v", err)
		}
		if item.Packet != nil {
			return item
		}
	}
}

// trouble reads until the camera is in trouble.
func trouble(t *testing.T, r *streams.Reader) streams.Status {
	t.Helper()
	for {
		item, err := next(t, r)
		if err != nil {
			t.Fatalf("no trouble: %v", err)
		}
		if item.Packet == nil && item.Status.Reason != (streams.Text{}) {
			return item.Status
		}
	}
}

// reaches waits until camera id is in the state.
func reaches(t *testing.T, h *streams.Hub, id string, want streams.State) streams.Status {
	t.Helper()
	var got streams.Status
	eventually(t, 15*time.Second, func() bool {
		got, _ = h.Status(id)
		return got.State == want
	}, func() string { return "camera " + id + " is " + string(got.State) + ", want " + string(want) })
	return got
}

// eventually polls: the moment is the camera's, not the test's.
func eventually(t *testing.T, d time.Duration, ok func() bool, otherwise func() string) {
	t.Helper()
	ctx := within(t, d)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal(otherwise())
		case <-tick.C:
		}
	}
}

var one = []streamtest.Camera{{ID: "C001", Name: "永来城西门", Scene: "street"}}

const never = -1 // no sweeps

func TestTheFirstViewerStartsThePullAndTheSecondSeesAKeyframeAtOnce(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one, User: "admin", Password: "p@ss:w/rd"})
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})

	first := open(t, h, "C001")
	item := packet(t, first)
	if width, height := item.Packet.Size(); !item.Packet.IsKeyFrame || width != 640 || height != 360 {
		t.Fatalf("first packet: keyframe %v, %d x %d", item.Packet.IsKeyFrame, width, height)
	}
	for range 30 {
		packet(t, first)
	}

	began := time.Now()
	second := open(t, h, "C001")
	item = packet(t, second)
	took := time.Since(began)
	if !item.Packet.IsKeyFrame || !item.Cached {
		t.Errorf("second viewer begins with keyframe %v, cached %v", item.Packet.IsKeyFrame, item.Cached)
	}
	if took > 500*time.Millisecond {
		t.Errorf("second viewer waited %v for its keyframe", took)
	}
	last := item.Packet
	for last.Sequence < 40 {
		p := packet(t, second).Packet
		if p.Sequence != last.Sequence+1 || p.Time <= last.Time {
			t.Fatalf("packet %d at %v after %d at %v", p.Sequence, p.Time, last.Sequence, last.Time)
		}
		last = p
	}
	if got, _ := h.Status("C001"); got.State != streams.Live {
		t.Errorf("state %s while two watch", got.State)
	}
}

func TestFiftyViewersShareOnePull(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one})
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	var viewers sync.WaitGroup
	for range 50 {
		r := open(t, h, "C001")
		viewers.Go(func() {
			for range 60 {
				if _, err := r.Next(within(t, 20*time.Second)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	viewers.Wait()
	if n := room.Players("C001"); n != 1 {
		t.Errorf("%d pulls for 50 viewers", n)
	}
}

func TestThePullEndsAfterTheLastViewerAndTheLinger(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one})
	h := hub(t, streams.Config{Sweep: never, Linger: 300 * time.Millisecond})
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	r := open(t, h, "C001")
	packet(t, r)
	r.Close()
	again := open(t, h, "C001") // within the linger: the same pull, its pictures still there
	if item := packet(t, again); !item.Cached {
		t.Error("a viewer within the linger did not find the pull running")
	}
	again.Close()
	closed := time.Now()
	eventually(t, 5*time.Second, func() bool { return room.Players("C001") == 0 },
		func() string { return "the pull goes on without viewers" })
	if took := time.Since(closed); took < 250*time.Millisecond {
		t.Errorf("the pull ended %v after the last viewer, before the linger", took)
	}
	if got := reaches(t, h, "C001", streams.Online); got.Reason != (streams.Text{}) {
		t.Errorf("reason %v of a camera that is all right", got.Reason)
	}
}

func TestAPinnedCameraIsPulledWithoutViewers(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one})
	h := hub(t, streams.Config{Sweep: never, Linger: 50 * time.Millisecond})
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001"), Pinned: true}})
	reaches(t, h, "C001", streams.Live)
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	reaches(t, h, "C001", streams.Online)
}

func TestACameraThatWasKilledComesBackOnTheSameTimeLine(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one})
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	r := open(t, h, "C001")
	var last *streams.Packet
	for range 30 {
		last = packet(t, r).Packet
	}
	if err := room.Reboot("C001", 500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	status := trouble(t, r)
	if status.State != streams.Offline || status.Reason.Zh == "" || status.Reason.En == "" {
		t.Errorf("lost camera is %+v", status)
	}
	p := packet(t, r).Packet
	if !p.IsKeyFrame {
		t.Error("pictures come back without a keyframe")
	}
	if gap := p.Time - last.Time; gap <= 0 || gap > 3*time.Second {
		t.Errorf("time line jumps by %v over the reconnect", gap)
	}
	reaches(t, h, "C001", streams.Live)
}

func TestFaultsAreToldInWords(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault streamtest.Fault
		want  streams.State
	}{
		{"dark", streamtest.Dark, streams.Offline},
		{"stalled", streamtest.Stall, streams.Stalled},
		{"bad description", streamtest.BadSDP, streams.Offline},
		{"wrong password", streamtest.Refuse, streams.AuthFailed},
		{"no keyframe", streamtest.NoKeyframe, streams.NoKeyframe},
		{"MPEG-4", streamtest.OtherCodec, streams.WrongCodec},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			room := cameras(t, streamtest.Config{Cameras: one, User: "u", Password: "p"})
			if err := room.SetFault("C001", tc.fault); err != nil {
				t.Fatal(err)
			}
			h := hub(t, streams.Config{Sweep: never, Stall: time.Second, KeyframeWait: 2 * time.Second})
			h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
			r := open(t, h, "C001")
			got := trouble(t, r)
			if got.State != tc.want || got.Reason.Zh == "" || got.Reason.En == "" || got.Since.IsZero() {
				t.Errorf("got %+v, want %s with a reason", got, tc.want)
			}
		})
	}
}

func TestACameraThatOnlyKeepsItsConnectionIsAskedAgain(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one})
	if err := room.SetFault("C001", streamtest.Mute); err != nil {
		t.Fatal(err)
	}
	h := hub(t, streams.Config{Sweep: never, Stall: 500 * time.Millisecond})
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	r := open(t, h, "C001")
	for _, want := range []string{"connected, but the picture stands still", "connected, but no picture data for a long time"} {
		if got := trouble(t, r); got.State != streams.Stalled || got.Reason.En != want {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
	if err := room.SetFault("C001", streamtest.Healthy); err != nil {
		t.Fatal(err)
	}
	packet(t, r)
}

func TestARefusedHostSaysSo(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one})
	_ = room
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "C001", URL: "rtsp://127.0.0.1:1/C001"}})
	r := open(t, h, "C001")
	if got := trouble(t, r); got.State != streams.Offline || got.Reason.Zh != "连接被拒绝" {
		t.Errorf("got %+v", got)
	}
}

func TestThreeRefusalsStopTheTriesUntilTheAddressChanges(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one, User: "admin", Password: "right"})
	h := hub(t, streams.Config{Sweep: never})
	wrong := "rtsp://admin:wrong@" + room.Addr().String() + "/C001"
	h.Set([]streams.Camera{{ID: "C001", URL: wrong}})
	r := open(t, h, "C001")
	var got streams.Status
	for range 3 {
		got = trouble(t, r)
	}
	if got.State != streams.AuthFailed || got.Reason == (streams.Text{Zh: "用户名或密码不正确", En: "user name or password is wrong"}) {
		t.Errorf("after three refusals: %+v", got)
	}
	if _, err := r.Next(within(t, 3*time.Second)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("tries go on after three refusals: %v", err)
	}
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	packet(t, r)
	reaches(t, h, "C001", streams.Live)
}

func TestRetryLiftsTheLock(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one})
	_ = room.SetFault("C001", streamtest.Refuse)
	h := hub(t, streams.Config{Sweep: 20 * time.Millisecond, Look: never, ProbesPerSecond: 1000})
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	locked := func() bool {
		s, _ := h.Status("C001")
		return s.State == streams.AuthFailed && s.Reason.Zh != "用户名或密码不正确"
	}
	eventually(t, 5*time.Second, locked, func() string { return "probes never stop at a camera that refuses" })
	_ = room.SetFault("C001", streamtest.Healthy)
	if err := h.Retry("C001"); err != nil {
		t.Fatal(err)
	}
	reaches(t, h, "C001", streams.Online)
}

func TestASlowReaderLosesItsOwnFramesAndGoesOnAtAKeyframe(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one})
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	slow, fast := open(t, h, "C001"), open(t, h, "C001")
	at := packet(t, slow).Packet.Sequence
	for range 180 { // more than the two groups of pictures that are kept
		if lost := packet(t, fast).Lost; lost > 0 {
			t.Fatalf("the fast reader lost %d", lost)
		}
	}
	item := packet(t, slow)
	if !item.Packet.IsKeyFrame || item.Lost == 0 {
		t.Errorf("slow reader goes on with keyframe %v after %d lost", item.Packet.IsKeyFrame, item.Lost)
	}
	if want := item.Packet.Sequence - at - 1; item.Lost != want {
		t.Errorf("told %d lost, %d are missing", item.Lost, want)
	}
}

func TestReadersOfARemovedCameraAreTold(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one})
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	r := open(t, h, "C001")
	packet(t, r)
	h.Set(nil)
	for {
		_, err := r.Next(within(t, 5*time.Second))
		if errors.Is(err, streams.ErrUnknownCamera) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Open("C001"); !errors.Is(err, streams.ErrUnknownCamera) {
		t.Errorf("open a removed camera: %v", err)
	}
	eventually(t, 5*time.Second, func() bool { return room.Players("C001") == 0 },
		func() string { return "a removed camera is still pulled" })
}

func TestTheSweepOf309CamerasTellsOnlyChanges(t *testing.T) {
	list := make([]streamtest.Camera, 309)
	for i := range list {
		list[i] = streamtest.Camera{ID: id(i), Name: "摄像机"}
	}
	room := cameras(t, streamtest.Config{Cameras: list, User: "u", Password: "p"})
	var mu sync.Mutex
	told := map[string][]streams.State{}
	h := hub(t, streams.Config{
		Sweep: 3 * time.Second, Look: never, ProbesPerSecond: 400,
		OnStatus: func(id string, s streams.Status) {
			mu.Lock()
			defer mu.Unlock()
			told[id] = append(told[id], s.State)
		},
	})
	before := runtime.NumGoroutine()
	set := make([]streams.Camera, len(list))
	for i := range list {
		set[i] = streams.Camera{ID: id(i), URL: room.URL(id(i))}
	}
	_ = room.SetFault(id(0), streamtest.Dark)
	_ = room.SetFault(id(1), streamtest.OtherCodec)
	h.Set(set)
	eventually(t, 20*time.Second, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(told) == 309
	}, func() string { return "sweep incomplete" })
	_ = room.SetFault(id(2), streamtest.Refuse)
	reaches(t, h, id(2), streams.AuthFailed)
	eventually(t, 10*time.Second, func() bool { return runtime.NumGoroutine() < before+40 },
		func() string { return "309 unwatched cameras keep goroutines" })
	mu.Lock()
	defer mu.Unlock()
	for i := range list {
		want := map[int]string{0: "[offline]", 1: "[wrong_codec]", 2: "[online auth_failed]"}[i]
		if want == "" {
			want = "[online]"
		}
		if i == 2 {
			continue // the lock adds a second reason
		}
		if got := sprint(told[id(i)]); got != want {
			t.Errorf("camera %s told %s, want %s", id(i), got, want)
		}
	}
}

func id(i int) string { return fmt.Sprintf("C%03d", i) }

func sprint(v any) string { return fmt.Sprint(v) }

// safeBuffer is a log that the test reads while the hub writes.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestThePasswordIsInNoLogAndNoStatus(t *testing.T) {
	var log safeBuffer
	room := cameras(t, streamtest.Config{Cameras: one, User: "operator7", Password: "hunter2"})
	h := hub(t, streams.Config{Sweep: never, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	good := room.URL("C001")
	var told []string
	for _, url := range []string{
		strings.Replace(good, "hunter2", "hunter2x", 1),
		strings.Replace(good, "/C001", "/nowhere", 1),
		strings.Replace(good, room.Addr().String(), "127.0.0.1:1", 1),
		strings.Replace(good, room.Addr().String(), "no such host", 1),
		strings.Replace(good, "rtsp:", "http:", 1),
		"rtsp://operator7:hunter2%zz@127.0.0.1/x",
	} {
		h.Set([]streams.Camera{{ID: "C001", URL: url}})
		r := open(t, h, "C001")
		s := trouble(t, r)
		r.Close()
		told = append(told, (&streams.UnavailableError{Camera: "C001", Status: s}).Error(), s.Reason.Zh)
	}
	// Readers are told before the log is.
	eventually(t, 5*time.Second, func() bool { return strings.Count(log.String(), "camera lost") == 6 },
		func() string { return "not every loss is in the log:\n" + log.String() })
	for _, secret := range []string{"hunter2", "operator7"} {
		if all := log.String() + strings.Join(told, "\n"); strings.Contains(all, secret) {
			t.Errorf("%q in:\n%s", secret, all)
		}
	}
}
