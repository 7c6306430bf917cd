package streams_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gridwall/streams"
	"gridwall/streams/hls"
	"gridwall/streams/rtpout"
	"gridwall/streams/streamtest/film"
)

// outputs starts the outputs that any player can read, on real sockets.
func outputs(t *testing.T, h *streams.Hub) (rtspURL, hlsURL string) {
	t.Helper()
	server, err := rtpout.New(rtpout.Config{Hub: h, Addr: "127.0.0.1:0", Allowed: func(_ context.Context, who rtpout.Credentials, camera string) (func(), error) {
		switch {
		case who.Token != "t" && (who.Username != "viewer" || who.Password != "p@ss"):
			return nil, rtpout.ErrNobody
		case camera == "secret":
			return nil, errors.New("not for you")
		}
		return nil, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	during(t, server.Run)
	films := hls.New(hls.Config{Hub: h})
	during(t, films.Run)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		camera, file, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if err := films.Serve(w, r, camera, file); err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
		}
	}))
	t.Cleanup(web.Close)
	return "rtsp://viewer:p%40ss@" + server.Addr().String() + "/", web.URL + "/"
}

// played is what ffprobe made of 4 seconds of an output: it decodes every picture.
type played struct {
	codecs          map[string]string // by video and audio
	packets, frames map[string]int
	trouble         []string
}

func play(url string) *played {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	args := []string{"-v", "error", "-read_intervals", "%+4", "-count_frames", "-of", "csv",
		"-show_entries", "stream=codec_name,codec_type,nb_read_frames:packet=codec_type,pts_time,dts_time"}
	if strings.HasPrefix(url, "rtsp") {
		args = append(args, "-rtsp_transport", "tcp")
	}
	p := &played{codecs: map[string]string{}, packets: map[string]int{}, frames: map[string]int{}}
	cmd := exec.CommandContext(ctx, "ffprobe", append(args, url)...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		p.trouble = append(p.trouble, fmt.Sprintf("ffprobe: %v: %s", err, said.String()))
	}
	last, shown := map[string]float64{}, map[string]bool{}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), ",")
		switch f[0] {
		case "packet":
			p.packets[f[1]]++
			if f[2] == "N/A" && p.packets[f[1]] == 1 {
				f[2] = "-1" // ffmpeg has no time for the first picture of any RTSP server
			}
			if shown[f[1]+f[2]] || f[2] == "N/A" {
				p.trouble = append(p.trouble, fmt.Sprintf("%s is shown at %s, again", f[1], f[2]))
			}
			shown[f[1]+f[2]] = true
			at, err := strconv.ParseFloat(f[3], 64)
			if err != nil {
				continue // RTSP tells no decode time of a stream with B-frames
			}
			if before, ok := last[f[1]]; ok && at <= before {
				p.trouble = append(p.trouble, fmt.Sprintf("%s at %v after %v", f[1], at, before))
			}
			last[f[1]] = at
		case "stream":
			p.codecs[f[2]] = f[1]
			p.frames[f[2]], _ = strconv.Atoi(f[3])
		}
	}
	return p
}

// check: no error, every picture decoded, time only goes forward.
func (p *played) check(t *testing.T, wantVideo, wantSound string) {
	t.Helper()
	for _, trouble := range p.trouble {
		t.Error(trouble)
	}
	if p.codecs["video"] != wantVideo || p.codecs["audio"] != wantSound {
		t.Errorf("codecs %v, want %q and %q", p.codecs, wantVideo, wantSound)
	}
	if n := p.packets["video"]; n < 80 || n > 130 || p.frames["video"] < n-3 || p.frames["video"] > n {
		t.Errorf("%d pictures of 4 s, %d decoded", n, p.frames["video"])
	}
	if n := p.packets["audio"]; wantSound != "" && (n < 100 || p.frames["audio"] < n-2) {
		t.Errorf("%d packets of sound, %d decoded", n, p.frames["audio"])
	}
}

// TestTenCamerasOfEveryCodecPlayOverRTSPAndHLSAtOnce is rows and columns of the matrix: all at the same time.
func TestTenCamerasOfEveryCodecPlayOverRTSPAndHLSAtOnce(t *testing.T) {
	rows := []struct {
		name         string
		habits       film.Habits
		spec         film.Spec
		video, sound string // as ffprobe calls them
	}{
		{"h264", film.Habits{}, film.Spec{}, "h264", ""},
		{"h264-b", film.Habits{}, film.Spec{BFrames: 2}, "h264", ""},
		{"h264-slices", film.Habits{}, film.Spec{Slices: 4}, "h264", ""},
		{"h264-in-band", film.Habits{InBandOnly: true}, film.Spec{}, "h264", ""},
		{"h265", film.Habits{}, film.Spec{H265: true}, "hevc", ""},
		{"h265-b", film.Habits{}, film.Spec{H265: true, BFrames: 2}, "hevc", ""},
		{"h264-aac", film.Habits{}, film.Spec{Sound: "aac"}, "h264", "aac"},
		{"h265-aac", film.Habits{}, film.Spec{H265: true, Sound: "aac"}, "hevc", "aac"},
		{"h264-pcma", film.Habits{}, film.Spec{Sound: "pcma"}, "h264", "pcm_alaw"},
		{"h264-pcmu", film.Habits{}, film.Spec{Sound: "pcmu"}, "h264", "pcm_mulaw"},
	}
	h := hub(t, streams.Config{Sweep: never})
	var known []streams.Camera
	for _, row := range rows {
		known = append(known, streams.Camera{ID: row.name, URL: film.Serve(t, row.habits, film.Draw(t, row.spec)).URL})
	}
	h.Set(known)
	rtspURL, hlsURL := outputs(t, h)
	for _, out := range []struct{ name, base, file string }{{"RTSP", rtspURL, ""}, {"HLS", hlsURL, "/index.m3u8"}} {
		t.Run(out.name, func(t *testing.T) {
			var work sync.WaitGroup
			results := make([]*played, len(rows))
			for i, row := range rows {
				work.Go(func() { results[i] = play(out.base + row.name + out.file) })
			}
			work.Wait()
			for i, row := range rows {
				t.Run(row.name, func(t *testing.T) {
					sound := row.sound
					if out.name == "HLS" && strings.HasPrefix(sound, "pcm") {
						sound = "" // fragments carry none of it
					}
					results[i].check(t, row.video, sound)
				})
			}
		})
	}
}

func TestRTSPAsksWhoYouAre(t *testing.T) {
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "F", URL: film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{})).URL}, {ID: "dark", URL: "rtsp://127.0.0.1:1/x"}})
	base, _ := outputs(t, h)
	for _, tc := range []struct{ url, want string }{
		{base + "F", ""},
		{strings.Replace(base, "viewer:p%40ss@", "", 1) + "F?token=t", ""},
		{strings.Replace(base, "p%40ss", "wrong", 1) + "F", "401"},
		{strings.Replace(base, "viewer:p%40ss@", "", 1) + "F", "401"},
		{base + "secret", "404"},
		{base + "nobody", "404"},
		{base + "dark", "503"},
	} {
		out, err := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", tc.url).CombinedOutput()
		text := fmt.Sprintf("%s%v", out, err)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(strings.ReplaceAll(text, "5XX Server Error", "503"), tc.want)) {
			t.Errorf("%s: %s", tc.url, text)
		}
	}
}

func TestARTSPViewerBeginsWithTheCachedPictures(t *testing.T) {
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "F", URL: film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{})).URL}})
	packet(t, open(t, h, "F")) // it runs
	base, _ := outputs(t, h)
	second := hub(t, streams.Config{Sweep: never})
	second.Set([]streams.Camera{{ID: "again", URL: base + "F"}})
	began := time.Now()
	if p := packet(t, open(t, second, "again")).Packet; !p.IsKeyFrame {
		t.Error("begins without a keyframe")
	}
	if took := time.Since(began); took > 600*time.Millisecond {
		t.Errorf("the first keyframe came after %v, one comes from the camera each second", took)
	}
}
