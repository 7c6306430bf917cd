// Package page brings many cameras to one page over one websocket.
//
// The page sends what it wants, as text: {"subscribe": [{"stream": 1, "id": "C001", "profile": "sub", "priority": 5, "visible": true, "sound": false, "token": ""}, …],
// "unsubscribe": [2, …]}; a stream that is subscribed again only changes its priority and visibility. The server answers in
// binary messages of one or more records (see Record): what plays (init), a frame each (fragment), why nothing does
// (trouble), or which server it is to be asked of (moved).
//
// A session: one goroutine reads what the page wants, one takes what the cameras have, in the order of priority, and writes
// it with one system call. Frames are the streams' own fragments, made once for all pages. A tile that is not visible gets
// keyframes only. When the page takes less than its cameras send, tiles are lowered to keyframes one by one, the least
// important first, and raised again as it recovers: nothing is queued here but the one message that is being written.
package page

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/streams"
	"gridwall/streams/mse"
	"gridwall/streams/rtsp"
)

const (
	// MaxStreams is how many cameras one page can follow.
	MaxStreams = 128

	writeWait = 10 * time.Second // a page that takes no byte for so long is gone
	pingEvery = 15 * time.Second
	pongWait  = 40 * time.Second
	// gather is how long a frame waits for those of other cameras: one write for all of them is what makes many cheap.
	gather = 10 * time.Millisecond
	// maxMessage bounds one message, in bytes (a frame more may come): pings and changes of mind get between.
	maxMessage = 64 << 10
	// sendBuffer bounds what waits in the kernel, in bytes, where nothing can be left out any more.
	sendBuffer = 256 << 10
)

var upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024, CheckOrigin: func(*http.Request) bool { return true }} // the caller has looked

// wish is what the page sends.
type wish struct {
	Subscribe []struct {
		Stream   uint16 `json:"stream"`
		ID       string `json:"id"`
		Profile  string `json:"profile"`  // sub: the small picture, where the camera has one; else the main one
		Priority int    `json:"priority"` // the higher, the longer it keeps all its frames
		Visible  bool   `json:"visible"`
		Sound    bool   `json:"sound"` // of the tile that somebody listens to
		Token    string `json:"token"` // what lets it in where the page itself is not known: at a relay
	} `json:"subscribe"`
	Unsubscribe []uint16 `json:"unsubscribe"`
}

// Leave is what a page may see of a camera: it plays here, or At another server, or there is a reason Why not.
type Leave struct {
	Ended func() // called when the page has seen enough; may be nil
	At    string // where it plays, scheme and host; empty: here
	Token string // and what lets the page in there
	Why   streams.Status
}

// Serve upgrades the request and plays until the page leaves or ctx ends (the request's own does not end with a hijacked
// connection). allowed says for each camera what this page, or whoever has the token, may see of it; an error: it is as if
// there were none. Whether the page's origin may open a websocket here is decided before.
func Serve(ctx context.Context, w http.ResponseWriter, r *http.Request, hub *streams.Hub, allowed func(id, token string) (Leave, error)) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	if tcp, ok := conn.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{hub: hub, conn: conn, allowed: allowed, wake: make(chan struct{}, 1), of: map[uint16]*subscription{}}
	defer s.close()
	var reading sync.WaitGroup
	reading.Go(func() {
		defer cancel()
		s.listen()
	})
	s.play(ctx)
	conn.Close()
	reading.Wait()
}

type session struct {
	hub     *streams.Hub
	conn    *websocket.Conn
	allowed func(id, token string) (Leave, error)
	wake    chan struct{} // something to write, or to look at

	mu   sync.Mutex
	of   map[uint16]*subscription
	list []*subscription // the most important first
	pong []byte          // of a ping that waits for its answer

	load load
}

// subscription is one camera of the page. Its fields but reader are the session's.
type subscription struct {
	stream   uint16
	reader   *streams.Reader
	profile  string
	priority int
	visible  bool
	sound    bool
	refused  *streams.Status // why there is no reader
	moved    *Leave          // where it plays instead
	ended    func()          // told when this is over; may be nil

	told    mse.Codecs // what the page was told that it plays
	lowered bool       // keyframes only
	waitKey bool       // frames were left out: go on at a keyframe
}

// listen takes the page's wishes until it is gone.
func (s *session) listen() {
	s.conn.SetReadLimit(64 << 10)
	alive := func() { _ = s.conn.SetReadDeadline(time.Now().Add(pongWait)) }
	alive()
	s.conn.SetPongHandler(func(string) error { alive(); return nil })
	// What answers goes through the one writer.
	s.conn.SetPingHandler(func(data string) error {
		alive()
		s.mu.Lock()
		s.pong = append([]byte{}, data...)
		s.mu.Unlock()
		s.poke()
		return nil
	})
	s.conn.SetCloseHandler(func(int, string) error { return nil })
	for {
		kind, text, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		var w wish
		if kind != websocket.TextMessage || json.Unmarshal(text, &w) != nil {
			return
		}
		alive()
		s.want(w)
		s.poke()
	}
}

func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// want carries out a wish.
func (s *session) want(w wish) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range w.Unsubscribe {
		if sub := s.of[n]; sub != nil {
			sub.close()
			delete(s.of, n)
		}
	}
	for _, in := range w.Subscribe {
		sub := s.of[in.Stream]
		if sub == nil {
			sub = &subscription{stream: in.Stream, profile: in.Profile, waitKey: true}
			s.of[in.Stream] = sub
			s.open(sub, in.ID, in.Profile, in.Token)
		} else if in.Profile != sub.profile {
			sub.close() // the last picture stays until the other one comes
			sub.profile, sub.told, sub.waitKey, sub.sound = in.Profile, mse.Codecs{}, true, false
			s.open(sub, in.ID, in.Profile, in.Token)
		}
		if in.Visible && !sub.visible && sub.reader != nil && sub.waitKey {
			sub.reader.Rewind() // it shows at once and plays on
		}
		sub.priority, sub.visible = in.Priority, in.Visible
		if sub.sound != in.Sound && sub.reader != nil {
			sub.sound = in.Sound
			sub.reader.Listen(in.Sound)
			sub.reader.Rewind() // what plays is told anew, before a keyframe
			sub.waitKey = true
		}
	}
	s.list = s.list[:0]
	for _, sub := range s.of {
		s.list = append(s.list, sub)
	}
	slices.SortFunc(s.list, func(a, b *subscription) int {
		return cmp.Or(compareBool(b.visible, a.visible), b.priority-a.priority, int(a.stream)-int(b.stream))
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

var (
	tooMany  = streams.Status{State: "too_many", Reason: streams.Text{Zh: "本页面的摄像机已达上限", En: "this page shows as many cameras as it can"}}
	notFound = streams.Status{State: "not_found", Reason: streams.Text{Zh: "没有这路摄像机，或无权查看", En: "there is no such camera, or you may not see it"}}
)

// open gives a subscription its reader, or says why there is none.
func (s *session) open(sub *subscription, id, profile, token string) {
	sub.reader, sub.refused, sub.moved, sub.ended = nil, &notFound, nil, nil
	if len(s.of) > MaxStreams {
		sub.refused = &tooMany
		return
	}
	leave, err := s.allowed(id, token)
	switch {
	case err != nil:
		return
	case leave.At != "":
		sub.refused, sub.moved = nil, &leave
		return
	case leave.Why.State != "":
		sub.refused = &leave.Why
		return
	}
	ended := leave.Ended
	err = streams.ErrUnknownCamera
	if profile == "sub" {
		sub.reader, err = s.hub.OpenWoken(streams.SubID(id), s.wake)
	}
	if err != nil {
		sub.reader, err = s.hub.OpenWoken(id, s.wake)
	}
	if err != nil {
		sub.reader = nil
		if ended != nil {
			ended()
		}
		return
	}
	sub.refused, sub.ended = nil, ended
}

func (sub *subscription) close() {
	if sub.reader != nil {
		sub.reader.Close()
	}
	if sub.ended != nil {
		sub.ended()
		sub.ended = nil
	}
}

func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.of {
		sub.close()
	}
	clear(s.of)
	s.list = nil
}

// play writes until ctx ends or the page takes nothing any more.
func (s *session) play(ctx context.Context) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	var last time.Time
	m := &message{}
	for {
		select {
		case <-ctx.Done():
			_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second))
			return
		case <-ping.C:
			if s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait)) != nil {
				return
			}
			continue
		case <-s.wake:
		}
		if rest := gather - time.Since(last); rest > 0 && s.many() {
			time.Sleep(rest)
		}
		last = time.Now()
		for more := true; more; more = m.full() { // what comes meanwhile wakes again
			m.reset()
			s.collect(m)
			if m.empty() {
				break
			}
			began := time.Now()
			if err := m.write(s.conn, began); err != nil {
				return
			}
			s.weigh(m, time.Since(began))
		}
	}
}

// many says whether there are frames to gather: one camera alone has nothing to wait for.
func (s *session) many() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.list) > 1
}

// collect takes what the cameras have, the most important first.
func (s *session) collect(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.pong = s.pong
	s.pong = nil
	s.lower()
	for _, sub := range s.list {
		for m.size < maxMessage {
			if !sub.next(m) {
				break
			}
		}
	}
}

// next puts the subscription's next record into m; false: there is none now.
func (sub *subscription) next(m *message) bool {
	if sub.reader == nil {
		if sub.refused != nil {
			m.trouble(sub.stream, *sub.refused)
			sub.refused = nil
		}
		if sub.moved != nil {
			m.moved(sub.stream, sub.moved)
			sub.moved = nil
		}
		return false
	}
	item, ok, err := sub.reader.Take()
	if errors.Is(err, streams.ErrUnknownCamera) {
		m.trouble(sub.stream, notFound)
		sub.reader.Close()
		sub.reader = nil
		return false
	}
	if !ok {
		return false
	}
	p := item.Packet
	if p == nil {
		sub.told, sub.waitKey = mse.Codecs{}, true
		if item.Status.Reason != (streams.Text{}) { // a restart without a reason is not worth a word
			m.trouble(sub.stream, item.Status)
		}
		return true
	}
	still := sub.lowered || !sub.visible
	if p.IsSound() {
		sub.hear(m, p)
		return true
	}
	if !p.IsKeyFrame && (still || sub.waitKey) {
		sub.waitKey = true
		return true
	}
	if p.IsKeyFrame {
		sub.waitKey = false
	}
	if now := mse.CodecsOf(p, sub.sound); now != sub.told {
		mime, segment, err := now.Init()
		if err != nil {
			return true // no camera is pulled whose pictures fragments do not carry
		}
		sub.told = now
		m.init(sub.stream, p.With != nil, mime, segment)
	}
	var flags byte
	if p.IsKeyFrame {
		flags |= KeyFrame
	}
	if item.Cached {
		flags |= Cached
	}
	if item.Lost > 0 {
		flags |= Lost
	}
	if still {
		flags |= Still
	}
	m.fragment(sub.stream, flags, p)
	return true
}

// hear puts sound into m, as a fragment, or as it came where the page has to decode it.
func (sub *subscription) hear(m *message, p *streams.Packet) {
	if !sub.sound || sub.told.Video == nil {
		return
	}
	if sub.told.Sound == p.Codec {
		m.fragment(sub.stream, 0, p)
		return
	}
	if g, ok := p.Codec.(*rtsp.G711); ok {
		m.g711(sub.stream, g, p)
	}
}
