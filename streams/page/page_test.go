package page_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"gridwall/streams"
	"gridwall/streams/page"
	"gridwall/streams/streamtest"
	"gridwall/streams/streamtest/film"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play runs n cameras C000…, a hub and the websocket.
func play(t *testing.T, n int) (url string, hub *streams.Hub) {
	t.Helper()
	scenes := []string{"street", "street", "street"}
	config := streamtest.Config{Clips: os.DirFS("../../assets/demo")}
	for i := range n {
		config.Cameras = append(config.Cameras, streamtest.Camera{ID: fmt.Sprintf("C%03d", i), Name: "永来城西门", Scene: scenes[i%3]})
	}
	room, err := streamtest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	hub = streams.New(streams.Config{Sweep: -1})
	var list []streams.Camera
	for _, c := range config.Cameras {
		list = append(list, streams.Camera{ID: c.ID, URL: room.URL(c.ID)})
	}
	hub.Set(append(list, streams.Camera{ID: "dark", URL: "rtsp://127.0.0.1:1/dark"}, streams.Camera{ID: "secret", URL: room.URL("C000")}))
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { room.Run(ctx) })
	done.Go(func() { hub.Run(ctx) })
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page.Serve(ctx, w, r, hub, func(id, token string) (page.Leave, error) {
			switch {
			case id == "secret" && token != "let me in":
				return page.Leave{}, errors.New("not for this page")
			case id == "away":
				return page.Leave{At: "https://relay.example:8443", Token: "t0"}, nil
			}
			return page.Leave{}, nil
		})
	}))
	t.Cleanup(func() {
		cancel()
		web.Close()
		done.Wait()
	})
	return "ws" + strings.TrimPrefix(web.URL, "http"), hub
}

type record struct {
	kind, flags byte
	stream      uint16
	sequence    uint32
	payload     []byte
}

type client struct {
	t    *testing.T
	conn *websocket.Conn
	held []record
}

func dial(t *testing.T, url string) *client {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn}
}

func (c *client) say(wish map[string]any) {
	c.t.Helper()
	if err := c.conn.WriteJSON(wish); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) next() record {
	c.t.Helper()
	for len(c.held) == 0 {
		c.conn.SetReadDeadline(time.Now().Add(15 * time.Second))
		kind, b, err := c.conn.ReadMessage()
		if err != nil {
			c.t.Fatal(err)
		}
		if kind != websocket.BinaryMessage {
			c.t.Fatalf("message of kind %d", kind)
		}
		for len(b) > 0 {
			n := int(binary.BigEndian.Uint32(b))
			c.held = append(c.held, record{b[4], b[5], binary.BigEndian.Uint16(b[6:]), binary.BigEndian.Uint32(b[8:]), b[20 : 20+n]})
			b = b[20+n:]
		}
	}
	r := c.held[0]
	c.held = c.held[1:]
	return r
}

func sub(stream int, id string, priority int, visible bool) map[string]any {
	return map[string]any{"stream": stream, "id": id, "priority": priority, "visible": visible}
}

func TestManyCamerasPlayOverOneSocketWithoutAGap(t *testing.T) {
	const n = 12
	url, _ := play(t, n)
	c := dial(t, url)
	var wanted []any
	for i := range n {
		wanted = append(wanted, sub(i+1, fmt.Sprintf("C%03d", i), 0, true))
	}
	c.say(map[string]any{"subscribe": wanted})
	last := map[uint16]uint32{}
	seen := map[uint16]int{}
	started := map[uint16]bool{}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if time.Now().After(deadline) {
			t.Fatalf("frames by stream: %v", seen)
		}
		r := c.next()
		switch r.kind {
		case page.Init:
			mime := string(r.payload[2 : 2+binary.BigEndian.Uint16(r.payload)])
			if !strings.HasPrefix(mime, `video/mp4; codecs="avc1.`) {
				t.Fatalf("mime %q", mime)
			}
			started[r.stream] = true
		case page.Fragment:
			if !started[r.stream] {
				t.Fatal("a fragment before its initialization segment")
			}
			if at, ok := last[r.stream]; ok && r.sequence != at+1 {
				t.Fatalf("stream %d: frame %d after %d", r.stream, r.sequence, at)
			} else if !ok && r.flags&page.KeyFrame == 0 {
				t.Fatal("a stream began without a keyframe")
			}
			last[r.stream] = r.sequence
			seen[r.stream]++
		default:
			t.Fatalf("%s", r.payload)
		}
		enough := len(seen) == n
		for _, k := range seen {
			enough = enough && k >= 75
		}
		if enough {
			return
		}
	}
}

func TestAHiddenTileGetsKeyframesOnlyAndShowsAtOnceWhenItIsSeen(t *testing.T) {
	url, hub := play(t, 2)
	reader, err := hub.Open("C000") // it runs already
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	c := dial(t, url)
	c.say(map[string]any{"subscribe": []any{sub(1, "C000", 0, false), sub(2, "C001", 0, true)}})
	stills, moving := 0, 0
	for stills < 2 || moving < 60 {
		r := c.next()
		switch {
		case r.kind != page.Fragment:
		case r.stream == 1:
			if r.flags&page.KeyFrame == 0 || r.flags&page.Still == 0 {
				t.Fatalf("flags %b of a hidden tile's frame", r.flags)
			}
			stills++
		default:
			moving++
		}
	}
	c.say(map[string]any{"subscribe": []any{sub(1, "C000", 0, true)}})
	asked := time.Now()
	for {
		r := c.next()
		if r.kind == page.Fragment && r.stream == 1 && r.flags&page.Still == 0 {
			if r.flags&page.KeyFrame == 0 {
				t.Fatal("it goes on without a keyframe")
			}
			if took := time.Since(asked); took > 800*time.Millisecond {
				t.Errorf("it took %v", took)
			}
			return
		}
	}
}

func TestWhatCannotPlayIsSaidInWords(t *testing.T) {
	url, _ := play(t, 1)
	c := dial(t, url)
	c.say(map[string]any{"subscribe": []any{sub(1, "dark", 0, true), sub(2, "secret", 0, true), sub(3, "nowhere", 0, true), sub(4, "C000", 0, true)}})
	words := map[uint16]string{}
	playing := false
	for len(words) < 3 || !playing {
		r := c.next()
		if r.kind == page.Trouble {
			var why struct{ Code, Zh, En string }
			if err := json.Unmarshal(r.payload, &why); err != nil || why.Zh == "" || why.En == "" {
				t.Fatalf("%s, %v", r.payload, err)
			}
			words[r.stream] = why.Code
		}
		playing = playing || r.kind == page.Fragment
	}
	if words[1] != "offline" || words[2] != "not_found" || words[3] != "not_found" {
		t.Errorf("%v", words)
	}
	c.say(map[string]any{"unsubscribe": []int{4}})
	time.Sleep(300 * time.Millisecond)
	c.held = nil
	c.say(map[string]any{"subscribe": []any{sub(9, "C000", 0, true)}})
	for {
		if r := c.next(); r.kind == page.Fragment && r.stream == 9 {
			return
		}
	}
}

// slowPage reads at a tenth of what its cameras send.
func TestACameraThatPlaysElsewhereIsSentThere(t *testing.T) {
	url, _ := play(t, 1)
	c := dial(t, url)
	c.say(map[string]any{"subscribe": []any{sub(1, "away", 0, true)}})
	r := c.next()
	var to struct{ At, Token string }
	if err := json.Unmarshal(r.payload, &to); err != nil || r.kind != page.Moved || r.stream != 1 || to.At != "https://relay.example:8443" || to.Token != "t0" {
		t.Errorf("record %d of stream %d: %s", r.kind, r.stream, r.payload)
	}
	// A token opens what the page itself may not see.
	secret := sub(2, "secret", 0, true)
	secret["token"] = "let me in"
	c.say(map[string]any{"subscribe": []any{secret}})
	if r := c.next(); r.kind != page.Init || r.stream != 2 {
		t.Errorf("record %d of stream %d, not an init", r.kind, r.stream)
	}
}

func TestASlowPageLosesItsLeastImportantTilesFirstAndNoMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("twenty seconds")
	}
	const n = 12
	url, _ := play(t, n)
	conn, _, err := (&websocket.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		}
		return &slow{Conn: conn, perSecond: 60 << 10}, err
	}}).Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{t: t, conn: conn}
	var wanted []any
	for i := range n {
		wanted = append(wanted, sub(i+1, fmt.Sprintf("C%03d", i), n-i, true))
	}
	c.say(map[string]any{"subscribe": wanted})
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var before uint64
	moving, stills := map[uint16]int{}, map[uint16]int{}
	began := time.Now()
	for time.Since(began) < 20*time.Second {
		r := c.next()
		if since := time.Since(began); r.kind != page.Fragment || since < 8*time.Second {
			if before == 0 && since > 6*time.Second {
				before = heap()
			}
			continue
		}
		if r.flags&page.Still != 0 {
			stills[r.stream]++
		} else {
			moving[r.stream]++
		}
	}
	if after := heap(); after > before+before/5+4<<20 {
		t.Errorf("heap grew from %d to %d bytes", before, after)
	}
	if moving[1] == 0 || moving[n] > moving[1]/4 {
		t.Errorf("moving frames %v, stills %v: the first tile is the most important", moving, stills)
	}
}

type slow struct {
	net.Conn
	perSecond int
}

func (s *slow) Read(p []byte) (int, error) {
	p = p[:min(len(p), 4<<10)]
	n, err := s.Conn.Read(p)
	time.Sleep(time.Duration(n) * time.Second / time.Duration(s.perSecond))
	return n, err
}

// films plays cameras of films: the id of each is its name.
func films(t *testing.T, cameras ...streams.Camera) string {
	t.Helper()
	hub := streams.New(streams.Config{Sweep: -1})
	hub.Set(cameras)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { hub.Run(ctx) })
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page.Serve(ctx, w, r, hub, func(string, string) (page.Leave, error) { return page.Leave{}, nil })
	}))
	t.Cleanup(func() {
		cancel()
		web.Close()
		done.Wait()
	})
	return "ws" + strings.TrimPrefix(web.URL, "http")
}

// mime reads the MIME type of an init.
func mime(t *testing.T, r record) string {
	t.Helper()
	if r.kind != page.Init {
		t.Fatalf("record of kind %d is no init: %s", r.kind, r.payload)
	}
	return string(r.payload[2 : 2+binary.BigEndian.Uint16(r.payload)])
}

func TestATileThatSomebodyListensToGetsItsSound(t *testing.T) {
	for _, tc := range []struct {
		sound string
		codec string // of the init when somebody listens
		raw   bool   // sound comes beside the fragments
	}{
		{"aac", ",mp4a.40.2", false},
		{"pcma", "", true},
		{"pcmu", "", true},
	} {
		t.Run(tc.sound, func(t *testing.T) {
			camera := film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{Sound: tc.sound}))
			c := dial(t, films(t, streams.Camera{ID: "F", URL: camera.URL}))
			wish := map[string]any{"stream": 1, "id": "F", "priority": 1, "visible": true}
			c.say(map[string]any{"subscribe": []any{wish}})
			first := c.next()
			if got := mime(t, first); strings.Contains(got, "mp4a") || first.flags&page.HasSound == 0 {
				t.Errorf("before: %q, flags %d", got, first.flags)
			}
			wish["sound"] = true
			c.say(map[string]any{"subscribe": []any{wish}})
			heard, told := 0, tc.codec == ""
			for range 200 {
				r := c.next()
				switch {
				case r.kind == page.Init:
					told = true
					if got := mime(t, r); !strings.HasSuffix(got, tc.codec+`"`) {
						t.Fatalf("when somebody listens: %q", got)
					}
				case r.kind == page.Sound:
					heard++
					if law := tc.sound == "pcmu"; !tc.raw || (r.payload[0] == 1) != law || r.payload[1] != 1 || binary.BigEndian.Uint32(r.payload[2:]) != 8000 || len(r.payload) != 6+160 {
						t.Fatalf("sound %v", r.payload[:6])
					}
				case r.kind == page.Fragment && bytes.Contains(r.payload[:60], []byte("tfhd\x00\x02\x00\x00\x00\x00\x00\x02")):
					heard++
				}
			}
			if !told || heard < 30 {
				t.Errorf("told %v, heard %d", told, heard)
			}
		})
	}
}

func TestTheProfileOfATileChoosesTheSubStream(t *testing.T) {
	large := film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{H265: true}))
	small := film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{}))
	c := dial(t, films(t, streams.Camera{ID: "both", URL: large.URL, Sub: small.URL}, streams.Camera{ID: "one", URL: large.URL}))
	next := func(stream int, id, profile string) string {
		c.say(map[string]any{"subscribe": []any{map[string]any{"stream": stream, "id": id, "profile": profile, "priority": 1, "visible": true}}})
		for {
			if r := c.next(); r.kind == page.Init && int(r.stream) == stream {
				return mime(t, r)
			}
		}
	}
	if got := next(1, "both", "main"); !strings.Contains(got, "hvc1.1.6.L") {
		t.Errorf("main is %q", got)
	}
	if got := next(1, "both", "sub"); !strings.Contains(got, "avc1.") {
		t.Errorf("sub is %q", got)
	}
	if got := next(2, "one", "sub"); !strings.Contains(got, "hvc1.") {
		t.Errorf("sub of a camera without one is %q", got)
	}
}
