package live

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

const (
	readLimit   = 4 << 10                // bytes of a client's message, which nobody reads
	readTimeout = 90 * time.Second       // a client that answers no ping for so long is gone
	mostFrames  = 60                     // frames that a client may send …
	mostBytes   = 32 << 10               // … and bytes, in fragments or not …
	framesFor   = 10 * time.Second       // … in this time
	mostQueued  = 64                     // frames of its own that wait for a client
	goodbye     = 500 * time.Millisecond // for the other end's answer to a close
)

// Limits are how many clients may follow at a time.
type Limits struct {
	// PerAddress bounds one address, behind which a whole hall may sit; default 256.
	PerAddress int
	// Clients bounds the node; default 20,000.
	Clients int
}

// Socket serves GET /live. The caller has checked the right to it.
type Socket struct {
	Hub    *Hub
	Limits Limits
	// Origins are those whose pages may follow beside the server's own, like https://wall.example.
	Origins []string
}

// Ask is what a client comes with.
type Ask struct {
	Since    int64    // the newest number that it has; -1: none
	Audience string   // the id of the audience that it had that number in
	Topics   []string // those it wants
}

// closing is why a client is closed: the code of RFC 6455, section 7.4, and a word.
type closing struct {
	code   int
	reason string
}

var (
	closeGone     = closing{0, "gone"} // the client left, or its connection failed: nothing is said
	closeSlow     = closing{0, "slow"}
	closeBehind   = closing{websocket.CloseTryAgainLater, "behind"}
	closeRights   = closing{websocket.ClosePolicyViolation, "rights"}  // come back: you are of another audience
	closeSession  = closing{websocket.ClosePolicyViolation, "session"} // sign in again
	closeFlood    = closing{websocket.ClosePolicyViolation, "flood"}
	closeStopping = closing{websocket.CloseGoingAway, "stopping"}
)

// client is one websocket. Reads go through gorilla's Conn, which has the client as its connection: what gorilla writes,
// pongs and closes, waits in private for the one who writes. That is the client's shard, or a goroutine while it is parked.
type client struct {
	net.Conn
	tcp      syscall.RawConn // nil: writes must wait
	hub      *Hub
	audience *audience
	session  *session
	shard    *shard
	topics   []string
	address  string
	inflates bool // it takes deflated frames
	since    time.Time

	pos     atomic.Int64 // in the audience's ring
	joined  atomic.Bool  // it has its opening: nobody else writes
	opening atomic.Bool  // its opening is not written yet
	parked  atomic.Bool
	queued  atomic.Bool // private is not empty, or closes
	dead    atomic.Bool
	index   int // in its group; the shard's own

	mu      sync.Mutex
	private [][]byte // whole frames, written before the ring goes on
	begun   bool     // the first of them is being written
	closes  bool     // nothing follows private
	why     closing
	said    chan struct{} // closed when all is written that ever will be

	// The reader's own.
	frames, bytes int
	window        time.Time
}

var upgrader = websocket.Upgrader{ReadBufferSize: 256, WriteBufferSize: 256, WriteBufferPool: new(sync.Pool), EnableCompression: true, CheckOrigin: func(*http.Request) bool { return true }}

// Serve upgrades, and leaves the client to the hub, whose Run closes it at the latest. It returns when the client has its
// opening; ErrFull or ErrOrigin before anything is answered, nil also where the client is gone.
func (s *Socket) Serve(w http.ResponseWriter, r *http.Request, v Viewer, ask Ask) error {
	h := s.Hub
	limits := s.Limits
	if limits.PerAddress == 0 {
		limits.PerAddress = 256
	}
	if limits.Clients == 0 {
		limits.Clients = 20_000
	}
	if !s.own(r) {
		return ErrOrigin
	}
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	c := &client{hub: h, shard: h.shards[int(h.next.Add(1))%len(h.shards)], address: address, since: time.Now(), said: make(chan struct{})}
	if err := h.join(c, v, ask.Topics, limits); err != nil {
		return err
	}
	if ask.Audience == c.audience.id && h.lags(r.Context(), ask.Since) {
		h.leave(c)
		return ErrBusy
	}
	conn, err := upgrader.Upgrade(&hijacker{w, c}, r, nil)
	if err != nil { // Upgrade has answered
		h.leave(c)
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(r.Context()), 10*time.Second, errors.New("open a live client"))
	defer cancel()
	o := h.enter(ctx, c.audience, ask.Since, ask.Audience)
	h.metrics.opens.WithLabelValues(o.mode).Inc()
	c.start(o)
	go c.read(conn)
	return nil
}

// own says whether the page that asks is the server's own, of a configured origin, or no page at all.
func (s *Socket) own(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(s.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// hijacker gives gorilla the client as the connection.
type hijacker struct {
	http.ResponseWriter
	c *client
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.c.Conn = conn
	if tcp, ok := conn.(*net.TCPConn); ok {
		h.c.tcp, err = tcp.SyscallConn()
	}
	return h.c, rw, err
}

// start hands the client with its opening to its shard.
func (c *client) start(o *opening) {
	hello := fmt.Appendf(nil, `{"type":"hello","mode":%q,"seq":%d,"audience":%q,"now":%q}`, o.mode, o.seq, c.audience.id, c.hub.config.Clock.Now().Format(time.RFC3339Nano))
	frames := o.bytes
	if c.inflates && o.deflated != nil {
		frames = o.deflated()
	}
	private := append([][]byte{frame(nil, opText, hello)}, frames...)
	if o.mode != "live" {
		// The end of a replay or of snapshots: who is cut off from those before it has nothing.
		private = append(private, frame(nil, opText, beat(o.seq, o.last, c.hub.config.Clock.Now())))
	}
	if text := c.hub.places.standing(c.audience); text != nil {
		private = append(private, text)
	}
	c.mu.Lock()
	if !c.closes {
		c.private = private
	}
	c.mu.Unlock()
	c.pos.Store(o.pos)
	c.opening.Store(true)
	c.queued.Store(true)
	c.joined.Store(true)
	c.shard.join(c)
}

// Write takes what gorilla writes: the handshake at once, later control frames, one a call.
func (c *client) Write(p []byte) (int, error) {
	if !c.joined.Load() {
		c.inflates = bytes.Contains(p, []byte("\r\nSec-WebSocket-Extensions: permessage-deflate"))
		return c.Conn.Write(p)
	}
	c.mu.Lock()
	full := len(c.private) >= mostQueued
	if !full && !c.closes {
		c.private = append(c.private, bytes.Clone(p))
		c.queued.Store(true)
	}
	c.mu.Unlock()
	if full {
		c.close(closeFlood)
		return 0, net.ErrClosed
	}
	c.shard.poke(c)
	return len(p), nil
}

// SetWriteDeadline is the writer's alone, not gorilla's.
func (c *client) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is what gorilla's handshake clears.
func (c *client) SetDeadline(t time.Time) error {
	if c.joined.Load() {
		return nil
	}
	return c.Conn.SetDeadline(t)
}

// close lets the client go with a reason, once what it is written now has ended. It drops what still waited.
func (c *client) close(why closing) {
	text := frame(nil, opClose, websocket.FormatCloseMessage(why.code, why.reason))
	c.mu.Lock()
	if c.closes {
		c.mu.Unlock()
		return
	}
	c.closes, c.why = true, why
	keep := 0
	if c.begun {
		keep = 1
	}
	c.private = append(c.private[:keep:keep], text)
	c.queued.Store(true)
	c.mu.Unlock()
	c.shard.poke(c)
}

// fail lets the client go at once.
func (c *client) fail(why closing) {
	c.mu.Lock()
	if !c.closes {
		c.closes, c.why = true, why
	}
	c.mu.Unlock()
	if c.dead.CompareAndSwap(false, true) {
		close(c.said)
		c.Conn.Close()
	}
}

// more is what to write next: at the boundary of a frame, which is where everybody who asks stands. Empty: nothing, for now
// or for ever.
func (c *client) more() (b []byte, own bool) {
	if c.queued.Load() {
		c.mu.Lock()
		if len(c.private) > 0 {
			b, c.begun = c.private[0], true
			c.mu.Unlock()
			return b, true
		}
		closes := c.closes
		if !closes {
			c.private = nil
			c.queued.Store(false)
			c.opening.Store(false)
		}
		c.mu.Unlock()
		if closes {
			return nil, true
		}
	}
	b, held := c.audience.ring.at(c.pos.Load())
	if !held {
		c.close(closeBehind)
		return c.more()
	}
	return b, false
}

// wrote moves the client on by n bytes; whole: what more returned is written to its end.
func (c *client) wrote(n int, own, whole bool) {
	if !own {
		c.pos.Add(int64(n))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !whole {
		c.private[0] = c.private[0][n:]
		return
	}
	c.private[0] = nil
	c.private, c.begun = c.private[1:], false
	if c.closes && len(c.private) == 0 && c.dead.CompareAndSwap(false, true) {
		close(c.said)
		c.Conn.SetReadDeadline(time.Now().Add(goodbye))
	}
}

// read takes what the client sends, which is answers to pings and its close, until it is gone, and counts it out.
func (c *client) read(conn *websocket.Conn) {
	defer c.hub.leave(c)
	c.listen(conn)
	c.end()
	c.fail(closeGone)
	c.Conn.Close()
	c.shard.leave(c)
	c.hub.metrics.closed.WithLabelValues(c.why.reason).Inc()
}

// end lets gorilla's answer to a close, or its word on a fault, go out.
func (c *client) end() {
	c.mu.Lock()
	c.closes = c.closes || len(c.private) > 0
	if c.why.reason == "" {
		c.why = closeGone
	}
	c.queued.Store(true)
	waits := c.closes
	c.mu.Unlock()
	if !waits {
		return
	}
	c.shard.poke(c)
	timer := time.NewTimer(goodbye)
	defer timer.Stop()
	select {
	case <-c.said:
	case <-timer.C:
	}
}

// listen reads until the connection fails, is closed, or sends more than a client has to say.
func (c *client) listen(conn *websocket.Conn) {
	conn.SetReadLimit(readLimit)
	answer := conn.PingHandler()
	conn.SetPingHandler(func(text string) error {
		if err := c.heard(1, 0); err != nil {
			return err
		}
		return answer(text)
	})
	conn.SetPongHandler(func(string) error { return c.heard(1, 0) })
	c.Conn.SetReadDeadline(time.Now().Add(readTimeout))
	for {
		if _, _, err := conn.NextReader(); err != nil || c.heard(1, 0) != nil {
			return
		}
	}
}

// Read is gorilla's.
func (c *client) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil {
		err = c.heard(0, n)
	}
	return n, err
}

var errFlood = errors.New("live: the client sends too much")

// heard counts what the client sends; errFlood closes it.
func (c *client) heard(frames, bytes int) error {
	now := time.Now()
	if !c.dead.Load() {
		c.Conn.SetReadDeadline(now.Add(readTimeout))
	}
	if now.Sub(c.window) > framesFor {
		c.frames, c.bytes, c.window = 0, 0, now
	}
	if c.frames, c.bytes = c.frames+frames, c.bytes+bytes; c.frames > mostFrames || c.bytes > mostBytes {
		c.close(closeFlood)
		return errFlood
	}
	return nil
}
