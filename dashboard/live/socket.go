package live

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/clock"
)

const (
	beatEvery    = 5 * time.Second  // half of what a page takes for silence
	writeTimeout = 10 * time.Second // a client that takes nothing for so long is let go; it comes back with its number
	maxReplay    = 20_000           // further behind, a snapshot is cheaper than the events
	perMessage   = 256
)

// Topics are all there is to follow.
var Topics = []string{"cases", "alarms", "cameras", "geo", "wall"}

// Socket serves GET /live. The caller has checked the right to it.
type Socket struct {
	Hub   *Hub
	Pool  *pgxpool.Pool
	Clock *clock.Clock
	Log   *slog.Logger
}

// hello is the first message: which way the client goes on from its number.
type hello struct {
	Type string    `json:"type"`
	Seq  int64     `json:"seq"`
	Now  time.Time `json:"now"`
	Mode string    `json:"mode"` // live: nothing was missed; replay: since+1…seq follow; resync: load the snapshots again
}

type beat struct {
	Type string    `json:"type"`
	Seq  int64     `json:"seq"`
	Now  time.Time `json:"now"`
}

var upgrader = websocket.Upgrader{ReadBufferSize: 1 << 10, WriteBufferSize: 4 << 10}

// Serve upgrades and follows until the client is gone or ctx ends (the request's own does not end with a hijacked
// connection). since is the newest number that the client has, -1 for none; topics are those it wants and may have.
func (s *Socket) Serve(ctx context.Context, w http.ResponseWriter, r *http.Request, since int64, topics map[string]bool) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	defer conn.Close()
	s.Hub.count(1)
	defer s.Hub.count(-1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go drainReads(conn, cancel)
	if err := s.follow(ctx, conn, since, topics); err != nil && ctx.Err() == nil {
		s.Log.Debug("live client gone", "error", err)
	}
}

// drainReads takes what the client sends (nothing but pongs and the close is expected) and ends when it is gone.
func drainReads(conn *websocket.Conn, gone context.CancelFunc) {
	defer gone()
	conn.SetReadLimit(4 << 10)
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return
		}
	}
}

// follow writes from one goroutine alone: hello, replay, then the ring as it grows.
func (s *Socket) follow(ctx context.Context, conn *websocket.Conn, since int64, topics map[string]bool) error {
	head := s.Hub.Head()
	mode, at := "live", head
	switch {
	case since < 0 || since == head:
	case since > head || head-since > maxReplay:
		mode = "resync"
	default:
		mode, at = "replay", since
	}
	if err := send(conn, hello{"hello", head, s.Clock.Now(), mode}); err != nil {
		return err
	}
	beats := time.NewTicker(beatEvery)
	defer beats.Stop()
	for {
		texts, reached, more, behind := s.Hub.after(at, topics, perMessage)
		if behind {
			var err error
			if texts, reached, err = s.stored(ctx, at, topics); err != nil {
				return err
			}
		}
		if reached > at {
			at = reached
			if err := sendTexts(conn, texts); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second))
			return ctx.Err()
		case <-more:
		case <-beats.C:
			if err := send(conn, beat{"beat", at, s.Clock.Now()}); err != nil {
				return err
			}
		}
	}
}

// stored reads events that the ring no longer holds.
func (s *Socket) stored(ctx context.Context, after int64, topics map[string]bool) (texts [][]byte, reached int64, err error) {
	events, err := read(ctx, s.Pool, after, perMessage)
	if err != nil {
		return nil, after, err
	}
	for _, e := range events {
		after = e.Seq
		if topics[e.Topic()] {
			texts = append(texts, encode(e).text)
		}
	}
	return texts, after, nil
}

func send(conn *websocket.Conn, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	return conn.WriteMessage(websocket.TextMessage, text)
}

// sendTexts writes one event as an object, several as an array.
func sendTexts(conn *websocket.Conn, texts [][]byte) error {
	if len(texts) == 0 {
		return nil
	}
	text := texts[0]
	if len(texts) > 1 {
		text = append(append([]byte{'['}, bytes.Join(texts, []byte{','})...), ']')
	}
	conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	return conn.WriteMessage(websocket.TextMessage, text)
}

// ParseTopics reads a list like "cases,cameras"; empty means all. Unknown names are returned as they stand.
func ParseTopics(list string) (topics map[string]bool, unknown string) {
	topics = map[string]bool{}
	if list == "" {
		for _, t := range Topics {
			topics[t] = true
		}
		return topics, ""
	}
	for t := range strings.SplitSeq(list, ",") {
		if !slices.Contains(Topics, t) {
			return nil, t
		}
		topics[t] = true
	}
	return topics, ""
}
