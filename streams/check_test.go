package streams_test

import (
	"testing"
	"time"

	"gridwall/streams"
	"gridwall/streams/rtsp"
	"gridwall/streams/streamtest"
)

// TestALookAtThePicturesOf309CamerasTakesUnderAMinute is the whole sweep: not only who answers, but whose pictures are good.
func TestALookAtThePicturesOf309CamerasTakesUnderAMinute(t *testing.T) {
	list := make([]streamtest.Camera, 309)
	for i := range list {
		list[i] = streamtest.Camera{ID: id(i), Name: "摄像机"}
	}
	room := cameras(t, streamtest.Config{Cameras: list, User: "u", Password: "p"})
	h := hub(t, streams.Config{Sweep: never, Look: time.Hour, LookFor: 8 * time.Second})
	want := map[string]streams.State{}
	set := make([]streams.Camera, len(list))
	for i := range list {
		set[i] = streams.Camera{ID: id(i), URL: room.URL(id(i))}
		want[id(i)] = streams.Online
	}
	for i, trouble := range []struct {
		fault streamtest.Fault
		state streams.State
	}{{streamtest.Dark, streams.Offline}, {streamtest.OtherCodec, streams.WrongCodec}, {streamtest.Refuse, streams.AuthFailed}, {streamtest.NoKeyframe, streams.NoKeyframe}, {streamtest.Stall, streams.Stalled}} {
		for n := range 5 {
			_ = room.SetFault(id(20*n+i), trouble.fault)
			want[id(20*n+i)] = trouble.state
		}
	}
	h.Set(set)
	began := time.Now()
	h.Sweep(t.Context())
	took := time.Since(began)
	t.Logf("309 cameras were looked at in %v", took.Round(100*time.Millisecond))
	if took > time.Minute {
		t.Errorf("the sweep took %v", took)
	}
	for id, s := range h.Statuses() {
		if s.State == streams.Late {
			t.Logf("%s: %s", id, s.Reason.En)
		}
		if s.State != want[id] && !(want[id] == streams.Online && s.State == streams.Late) { // a machine that is busy makes cameras late
			t.Errorf("%s is %s (%s), want %s", id, s.State, s.Reason.En, want[id])
		}
	}
}

func TestAFrozenPictureIsFoundWatchedOrNot(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: []streamtest.Camera{{ID: "C001"}, {ID: "C002"}}})
	h := hub(t, streams.Config{Sweep: never, Look: time.Hour, Frozen: 10 * time.Millisecond})
	for _, id := range []string{"C001", "C002"} {
		_ = room.SetFault(id, streamtest.Freeze)
	}
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}, {ID: "C002", URL: room.URL("C002"), Pinned: true}})
	reaches(t, h, "C002", streams.Frozen)
	for range 3 { // frozen is what stays the same for three looks
		h.Sweep(t.Context())
	}
	s := reaches(t, h, "C001", streams.Frozen)
	if s.Reason.Zh == "" || s.Reason.En == "" {
		t.Error("frozen, and no word of why")
	}
	_ = room.SetFault("C002", streamtest.Healthy)
	reaches(t, h, "C002", streams.Live)
}

func TestALookSaysWhatItFound(t *testing.T) {
	room := cameras(t, streamtest.Config{Cameras: one, User: "u", Password: "p"})
	found, err := rtsp.Look(t.Context(), room.URL("C001"), rtsp.Net{}, time.Second, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if found.Codec != "H.264" || found.Width == 0 || found.Height == 0 || found.FPS < 5 || found.FPS > 61 || found.GOP < 2 || found.GOPTime <= 0 || found.BitsPerSecond < 1000 || found.KeySize == 0 || found.Between < 1 {
		t.Errorf("%+v", found)
	}
	h := hub(t, streams.Config{Sweep: never})
	_ = room.SetFault("C001", streamtest.Refuse)
	if found, state, reason := h.Examine(t.Context(), room.URL("C001")); found != nil || state != streams.AuthFailed || reason.En == "" {
		t.Error(found, state, reason)
	}
	if found, state, reason := h.Examine(t.Context(), "rtsp://u:geheim@127.0.0.1:1/x"); found != nil || state != streams.Offline || reason.En == "" {
		t.Error(found, state, reason)
	}
}
