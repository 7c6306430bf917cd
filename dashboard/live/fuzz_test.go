package live

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/dashboard/clock"
)

// far is the other end of a connection whose bytes are given.
type far struct {
	*bytes.Reader
	wrote bytes.Buffer
}

func (f *far) Write(p []byte) (int, error)      { return f.wrote.Write(p) }
func (f *far) Close() error                     { return nil }
func (f *far) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (f *far) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (f *far) SetDeadline(time.Time) error      { return nil }
func (f *far) SetReadDeadline(time.Time) error  { return nil }
func (f *far) SetWriteDeadline(time.Time) error { return nil }

// Any frame that a ring holds is what gorilla reads, whatever its payload, and at a segment's edge too.
func FuzzFrame(f *testing.F) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		f.Add(bytes.Repeat([]byte("x"), n), []byte("y"), 4<<10)
	}
	f.Fuzz(func(t *testing.T, a, b []byte, limit int) {
		if limit < 64 || limit > 1<<20 {
			return
		}
		r := newRing(0, limit)
		payloads := [][]byte{a, b, slices.Concat(a, b), nil, b}
		var stream []byte
		for i, p := range payloads {
			from := r.end()
			if i == 3 {
				r.add(0, opPing, p)
				continue
			}
			r.add(int64(i+1), opText, p[:len(p)/2], p[len(p)/2:])
			text, ok := r.at(from)
			if !ok || int64(len(text)) != r.end()-from && len(text) != 0 {
				t.Fatalf("%d bytes at %d, the end is %d", len(text), from, r.end())
			}
			stream = append(stream, text...)
		}
		if runs, last, ok := r.after(r.floor); !ok || r.floor < 5 && last != 5 || len(runs) > len(payloads) {
			t.Fatalf("after the floor %d: %d runs up to %d, %v", r.floor, len(runs), last, ok)
		}
		conn := client4(t, stream)
		for i, want := range payloads {
			if i == 3 {
				continue
			}
			kind, got, err := conn.ReadMessage()
			if err != nil || kind != websocket.TextMessage || !bytes.Equal(got, want) {
				t.Fatalf("frame %d: %d bytes of kind %d, %v; want %d bytes", i, len(got), kind, err, len(want))
			}
		}
	})
}

// client4 is gorilla's client that reads a server's bytes.
func client4(t *testing.T, stream []byte) *websocket.Conn {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close(); there.Close() })
	go func() {
		r, err := http.ReadRequest(bufio.NewReader(there))
		if err != nil {
			return
		}
		conn, err := upgrader.Upgrade(pipe{conn: there}, r, nil)
		if err != nil {
			return
		}
		conn.NetConn().Write(stream)
	}()
	dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return here, nil }}
	conn, _, err := dialer.Dial("ws://live/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// Whatever bytes a client sends: the server ends it without a panic, and all that it writes are whole frames, the last of
// which is a close if any is.
func FuzzClientFrames(f *testing.F) {
	mask := []byte{1, 2, 3, 4}
	f.Add(slices.Concat([]byte{0x89, 0x80}, mask))                               // ping
	f.Add(slices.Concat([]byte{0x8a, 0x81}, mask, []byte("x")))                  // pong
	f.Add(slices.Concat([]byte{0x88, 0x82}, mask, []byte{3 ^ 1, 0xe8 ^ 2}))      // close 1000
	f.Add(slices.Concat([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0}, mask))       // 64 KiB to come
	f.Add(slices.Concat([]byte{0x01, 0x81}, mask, []byte("x"), []byte{0x80, 0})) // unmasked continuation
	f.Add(bytes.Repeat(slices.Concat([]byte{0x89, 0x80}, mask), 100))            // flood
	f.Add([]byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, sent []byte) {
		h := newHub(Config{Clock: new(clock.Clock), Log: slog.New(slog.DiscardHandler)})
		conn := &far{Reader: bytes.NewReader(sent)}
		r, err := http.NewRequest("GET", "http://live/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}}
		c := &client{hub: h, shard: h.shards[0], since: time.Now(), said: make(chan struct{})}
		if err := h.join(c, Viewer{Rights: []string{"case.read"}}, Topics, Limits{1, 1}); err != nil {
			t.Fatal(err)
		}
		ws, err := upgrader.Upgrade(&hijacker{pipe{conn: conn}, c}, r, nil)
		if err != nil {
			return // sent data was taken for the handshake's
		}
		conn.wrote.Reset()
		c.start(&opening{mode: "live"})
		c.listen(ws)
		c.mu.Lock()
		queued := slices.Concat(c.private...)
		n := len(c.private)
		c.mu.Unlock()
		if n > mostQueued+1 {
			t.Fatalf("%d frames wait", n)
		}
		h.leave(c)
		far := bufio.NewReader(bytes.NewReader(queued))
		for last := byte(0); ; {
			first, err := far.ReadByte()
			if err == io.EOF {
				break
			}
			if last == opClose {
				t.Fatalf("a frame %x after the close", first)
			}
			size, err := far.ReadByte()
			if err != nil || first&0x80 == 0 || size&0x80 != 0 {
				t.Fatalf("header %x %x, %v", first, size, err)
			}
			skip := int(size)
			if size == 126 {
				var long [2]byte
				io.ReadFull(far, long[:])
				skip = int(long[0])<<8 | int(long[1])
			}
			if k, err := far.Discard(skip); err != nil || k != skip {
				t.Fatalf("a frame of %d bytes has %d", skip, k)
			}
			last = first
		}
	})
}

// Whatever a client says it has: it is told everything once, from there or by a snapshot.
func FuzzResume(f *testing.F) {
	f.Add("since=3&audience=@&topics=cases")
	f.Add("since=0&audience=@")
	f.Add("since=99&audience=@&topics=cases,cases")
	f.Add("since=-1&audience=&topics=positions")
	f.Add("since=9223372036854775807&audience=@")
	f.Add("since=x&topics=,")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		topics, unknown := ParseTopics(q.Get("topics"))
		if unknown != "" || topics == nil {
			return
		}
		since, err := strconv.ParseInt(q.Get("since"), 10, 64)
		if err != nil {
			since = newcomer
		}
		if since > 10 { // waits a second for a node that is ahead
			since = 10 + since%2*(1<<40)
		}
		h := newHub(Config{Clock: new(clock.Clock), Log: slog.New(slog.DiscardHandler), RingBytes: 256, AllRings: 256})
		h.boards = []*board{{Table{Topic: "cases", Apply: func(e Event) []Row { return []Row{{Key: strconv.FormatInt(e.Seq, 10), Data: e.Data}} }}, map[string]Row{}}}
		c := &client{hub: h, shard: h.shards[0]}
		if err := h.join(c, Viewer{Rights: []string{"case.read", "map.read"}}, topics, Limits{1, 1}); err != nil {
			t.Fatal(err)
		}
		for seq := int64(1); seq <= 10; seq++ {
			kind := []string{"case.moved", "camera.state", "wall.changed"}[seq%3]
			h.publish([]Event{{Seq: seq, Type: kind, Data: json.RawMessage(`{"n":"` + strconv.Itoa(int(seq)) + `"}`)}})
		}
		id := q.Get("audience")
		if id == "@" {
			id = c.audience.id
		}
		if since >= 0 && id == c.audience.id && since < c.audience.ring.floor {
			return // from the database, which is not here
		}
		ctx := t.Context()
		if since > 10 {
			return
		}
		o := h.enter(ctx, c.audience, since, id)
		last := since
		if o.mode == "resync" {
			last = newcomer
		}
		if (o.mode == "resync") != (since < 0 || id != c.audience.id) {
			t.Fatalf("%q: mode %s", query, o.mode)
		}
		conn := client4(t, slices.Concat(slices.Concat(o.bytes...), frame(nil, opText, beat(o.seq, o.last, time.Now()))))
		want := o.seq
		for last < want {
			var m struct {
				Type      string
				Seq, Prev int64
			}
			if err := conn.ReadJSON(&m); err != nil {
				t.Fatalf("%q, %s, at %d: %v", query, o.mode, last, err)
			}
			if m.Type == "snapshot" {
				last = m.Seq
				continue
			}
			if o.mode == "resync" && last == newcomer {
				last = m.Seq
			}
			if m.Prev > last {
				t.Fatalf("%q, %s: %d has %d before it, not %d", query, o.mode, m.Seq, m.Prev, last)
			}
			last = max(last, m.Seq)
		}
		h.leave(c)
	})
}
