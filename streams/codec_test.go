package streams_test

import (
	"testing"
	"time"

	"github.com/deepch/vdk/av"

	"gridwall/streams"
	"gridwall/streams/streamtest/film"
)

// watch plays a camera with sound for n pictures.
func watch(t *testing.T, url string, n int) (pictures, sound []*streams.Packet) {
	t.Helper()
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "F", URL: url}})
	r := open(t, h, "F")
	r.Listen(true)
	for len(pictures) < n {
		item, err := r.Next(within(t, 15*time.Second))
		if err != nil {
			status, _ := h.Status("F")
			t.Fatalf("after %d pictures: %v, camera is %v", len(pictures), err, status)
		}
		switch p := item.Packet; {
		case p == nil:
			if item.Status.Reason != (streams.Text{}) {
				t.Fatalf("trouble after %d pictures: %v", len(pictures), item.Status)
			}
		case p.IsSound():
			sound = append(sound, p)
		default:
			pictures = append(pictures, p)
		}
	}
	return pictures, sound
}

func TestEveryCodecAndHabitOfACameraIsUnderstood(t *testing.T) {
	for _, tc := range []struct {
		name   string
		habits film.Habits
		spec   film.Spec
		codec  av.CodecType
		sound  av.CodecType // 0: none
		lasts  time.Duration
	}{
		{"H.264", film.Habits{}, film.Spec{}, av.H264, 0, 0},
		{"H.264 with two B-frames and four slices", film.Habits{}, film.Spec{BFrames: 2, Slices: 4}, av.H264, 0, 0},
		{"H.264 with parameter sets in band only", film.Habits{InBandOnly: true}, film.Spec{}, av.H264, 0, 0},
		{"H.264 with parameter sets in the description only", film.Habits{OutOfBandOnly: true}, film.Spec{}, av.H264, 0, 0},
		{"H.265", film.Habits{}, film.Spec{H265: true}, av.H265, 0, 0},
		{"H.265 with two B-frames and slices", film.Habits{}, film.Spec{H265: true, BFrames: 2, Slices: 2}, av.H265, 0, 0},
		{"H.265 with CRA and pictures that lead it", film.Habits{}, film.Spec{H265: true, BFrames: 2, OpenGOP: true}, av.H265, 0, 0},
		{"H.265 with parameter sets in band only", film.Habits{InBandOnly: true}, film.Spec{H265: true}, av.H265, 0, 0},
		{"H.265 with parameter sets in the description only", film.Habits{OutOfBandOnly: true}, film.Spec{H265: true}, av.H265, 0, 0},
		{"H.264 and AAC", film.Habits{}, film.Spec{Sound: "aac"}, av.H264, av.AAC, 1024 * time.Second / 48000},
		{"H.265 and AAC", film.Habits{}, film.Spec{H265: true, Sound: "aac"}, av.H265, av.AAC, 1024 * time.Second / 48000},
		{"G.711 A-law", film.Habits{}, film.Spec{Sound: "pcma"}, av.H264, av.PCM_ALAW, 20 * time.Millisecond},
		{"G.711 µ-law", film.Habits{}, film.Spec{Sound: "pcmu"}, av.H264, av.PCM_MULAW, 20 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			camera := film.Serve(t, tc.habits, film.Draw(t, tc.spec))
			const n = 60 // over two keyframes
			pictures, sound := watch(t, camera.URL, n)
			keys := 0
			for i, p := range pictures {
				if p.Codec.Type() != tc.codec {
					t.Fatalf("codec %v", p.Codec.Type())
				}
				if width, height := p.Size(); width != 320 || height != 180 {
					t.Fatalf("%d x %d pixels", width, height)
				}
				if i == 0 && !p.IsKeyFrame {
					t.Error("begins without a keyframe")
				}
				if p.IsKeyFrame {
					keys++
				}
				if i > 0 && (p.Time <= pictures[i-1].Time || p.Time-pictures[i-1].Time > 130*time.Millisecond) {
					t.Errorf("picture %d is decoded at %v after %v", i, p.Time, pictures[i-1].Time)
				}
				if slices := len(p.NALUs()); slices < max(tc.spec.Slices, 1) {
					t.Errorf("picture %d of %d NAL units", i, slices)
				}
				if tc.spec.BFrames == 0 && p.CompositionTime != pictures[0].CompositionTime || p.CompositionTime < 0 || p.CompositionTime > 300*time.Millisecond {
					t.Errorf("picture %d is shown %v after it is decoded", i, p.CompositionTime)
				}
			}
			if keys < 2 || keys > 4 {
				t.Errorf("%d of %d pictures are keyframes; one in 25 is", keys, n)
			}
			heard(t, sound, pictures, tc.sound, tc.lasts)
		})
	}
}

// heard looks at sound: of the right kind, without a seam, and on the time line of the pictures.
func heard(t *testing.T, sound, pictures []*streams.Packet, codec av.CodecType, lasts time.Duration) {
	t.Helper()
	if codec == 0 {
		if len(sound) != 0 {
			t.Errorf("%d packets of sound from a silent camera", len(sound))
		}
		return
	}
	span := pictures[len(pictures)-1].Time - pictures[0].Time
	if least := int(span / lasts * 8 / 10); len(sound) < least {
		t.Fatalf("%d packets of sound in %v, at least %d are right", len(sound), span, least)
	}
	for i, p := range sound {
		if p.Codec.Type() != codec || pictures[len(pictures)-1].With != p.Codec {
			t.Fatalf("sound is %v", p.Codec.Type())
		}
		if i > 0 && p.Time != sound[i-1].Time+sound[i-1].Duration {
			t.Errorf("sound at %v follows what ends at %v", p.Time, sound[i-1].Time+sound[i-1].Duration)
		}
	}
	last, seen := sound[len(sound)-1].Time, pictures[len(pictures)-1].Time
	if last < seen-400*time.Millisecond || last > seen+400*time.Millisecond {
		t.Errorf("sound is at %v when the picture is at %v", last, seen)
	}
}

func TestACameraThatChangesItsSizeIsFollowed(t *testing.T) {
	for _, hevc := range []bool{false, true} {
		camera := film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{H265: hevc}), film.Draw(t, film.Spec{H265: hevc, Width: 480}))
		pictures, _ := watch(t, camera.URL, 70)
		sizes := map[int]int{}
		for i, p := range pictures {
			width, _ := p.Size()
			sizes[width]++
			if i > 0 && p.Codec != pictures[i-1].Codec && !p.IsKeyFrame {
				t.Error("the codec changes between keyframes")
			}
		}
		// On a busy machine the first keyframe goes by before the camera knows whom to send it to.
		if first := sizes[320]; first != 50 && first != 25 || sizes[480] != 70-first {
			t.Errorf("H.265 %v: pictures by width: %v", hevc, sizes)
		}
	}
}

// A camera whose settings are changed from H.264 to H.265 in mid-play, and back: those who watch stay, on the same time line.
func TestACameraThatTurnsToAnotherCodecIsFollowed(t *testing.T) {
	camera := film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{Seconds: 4}))
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "F", URL: camera.URL}})
	r := open(t, h, "F")
	last := time.Duration(-1)
	for turn, want := range []av.CodecType{av.H264, av.H265, av.H264} {
		if turn > 0 {
			camera.Turn(t, film.Draw(t, film.Spec{H265: want == av.H265, Seconds: 4}))
		}
		for seen, began := 0, time.Now(); seen < 30; {
			item, err := r.Next(within(t, 30*time.Second))
			if err != nil {
				status, _ := h.Status("F")
				t.Fatalf("turn %d, after %d pictures: %v, camera is %v", turn, seen, err, status)
			}
			p := item.Packet
			if p == nil || p.Codec.Type() != want && time.Since(began) < 30*time.Second {
				continue // what was sent before, and the words about the cut
			}
			if p.Codec.Type() != want {
				t.Fatalf("turn %d: still %v", turn, p.Codec.Type())
			}
			if seen++; seen == 1 && !p.IsKeyFrame {
				t.Errorf("turn %d begins with a picture that needs others", turn)
			}
			if p.Time <= last {
				t.Errorf("turn %d: picture at %v after one at %v", turn, p.Time, last)
			}
			last = p.Time
		}
	}
	if s, _ := h.Status("F"); s.State != streams.Live {
		t.Errorf("the camera is %v", s)
	}
}

func TestALoudspeakerIsNeverSetUp(t *testing.T) {
	camera := film.Serve(t, film.Habits{BackChannel: true}, film.Draw(t, film.Spec{Sound: "pcmu"}))
	watch(t, camera.URL, 5)
	if got := camera.SetUp(); len(got) != 2 {
		t.Errorf("set up %v, the pictures and the sound are right", got)
	}
	camera = film.Serve(t, film.Habits{BackChannel: true}, film.Draw(t, film.Spec{}))
	watch(t, camera.URL, 5)
	if got := camera.SetUp(); len(got) != 1 {
		t.Errorf("set up %v, the pictures alone are right", got)
	}
}
