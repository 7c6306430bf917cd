// Package foreign starts, for tests, an RTSP server that this project did not write: GStreamer's, by
// server.py, which also runs by itself.
package foreign

import (
	"bufio"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Start serves a film of seconds, 1280 x 720 with two B-frames and four slices a picture, behind Digest
// authentication, until the test ends. It returns the address with user and password. Without GStreamer or
// ffmpeg the test is skipped, or fails if CI is set.
func Start(t testing.TB, seconds string) string {
	t.Helper()
	film := filepath.Join(t.TempDir(), "film.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration="+seconds,
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "50", "-x264-params", "slices=4:b-adapt=0", film).CombinedOutput()
	if err != nil {
		missing(t, "ffmpeg with libx264 (apt-get install ffmpeg)", err, out)
	}
	_, here, _, _ := runtime.Caller(0)
	server := exec.Command("/usr/bin/python3", filepath.Join(filepath.Dir(here), "server.py"), film, "0", "viewer", "p@ss word")
	server.Stderr = os.Stderr
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		missing(t, "python3", err, nil)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = server.Wait()
		missing(t, "GStreamer's RTSP server (apt-get install --no-install-recommends python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good)", err, nil)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // its end is the server's
		_ = server.Wait()
	})
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("viewer", "p@ss word")
	return u.String()
}

func missing(t testing.TB, what string, err error, out []byte) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("missing: %s: %v\n%s", what, err, out)
	}
	t.Skipf("not tested against a foreign server, missing: %s: %v", what, err)
}
