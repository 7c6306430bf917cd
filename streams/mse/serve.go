// Package mse plays a stream over a websocket for Media Source Extensions.
//
// A session: a text frame {"mime": …}, the initialization segment, then one fragment a frame, beginning with
// the cached group of pictures. When the camera is in trouble a text frame {"error": {code, zh, en}} says
// so, the socket stays open, and when pictures come again a new mime and initialization segment come before
// them. Fragments are made once a frame and shared by all viewers of a stream.
package mse

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/streams"
)

const (
	writeWait = 10 * time.Second // a browser that takes no byte for so long is gone
	pingEvery = 15 * time.Second
	pongWait  = 40 * time.Second
)

var upgrader = websocket.Upgrader{ReadBufferSize: 512, WriteBufferSize: 4096, CheckOrigin: func(*http.Request) bool { return true }} // the caller has looked

// Serve upgrades the request and plays camera until the browser leaves, ctx ends or the camera is removed; with its
// sound, if it is AAC and the request asks ?sound=1.
// Rights are the caller's; a websocket of another origin is refused here.
//
// The error is streams.ErrUnknownCamera with nothing written to w, or the upgrader's, which has answered.
// How a session ended is no error. r's own context does not end with a hijacked connection: give ctx.
func Serve(ctx context.Context, w http.ResponseWriter, r *http.Request, hub *streams.Hub, camera string) error {
	reader, err := hub.Open(camera)
	if err != nil {
		return err
	}
	defer reader.Close()
	sound := r.URL.Query().Get("sound") == "1"
	reader.Listen(sound)
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer cancel()
		listen(conn)
	}()
	code, text := play(ctx, conn, reader, sound)
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second))
	_ = conn.Close()
	cancel()
	<-gone
	return nil
}

// listen reads until the connection ends: for closes and pongs, nothing else is expected.
func listen(conn *websocket.Conn) {
	conn.SetReadLimit(512)
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(pongWait)) }
	_ = alive("")
	conn.SetPongHandler(alive)
	for {
		if _, _, err := conn.NextReader(); err != nil {
			return
		}
	}
}

type mimeFrame struct {
	Mime string `json:"mime"`
}

type errorFrame struct {
	Error struct {
		Code string `json:"code"`
		streams.Text
	} `json:"error"`
}

// play writes until something ends; it returns the close code and text for the browser.
func play(ctx context.Context, conn *websocket.Conn, reader *streams.Reader, sound bool) (int, string) {
	var told Codecs
	pinged := time.Now()
	for {
		wait, done := context.WithTimeoutCause(ctx, pingEvery, errPing)
		item, err := reader.Next(wait)
		done()
		now := time.Now()
		if err == nil || errors.Is(err, errPing) {
			if now.Sub(pinged) >= pingEvery {
				pinged = now
				if err := conn.WriteControl(websocket.PingMessage, nil, now.Add(writeWait)); err != nil {
					return websocket.CloseGoingAway, ""
				}
			}
			if err != nil {
				continue
			}
		}
		if err != nil {
			if errors.Is(err, streams.ErrUnknownCamera) {
				return websocket.ClosePolicyViolation, "camera removed"
			}
			return websocket.CloseGoingAway, ""
		}
		_ = conn.SetWriteDeadline(now.Add(writeWait))
		if p := item.Packet; p == nil {
			told = Codecs{}
			err = writeTrouble(conn, item.Status)
		} else {
			if now := CodecsOf(p, sound); !p.IsSound() && now != told {
				told = now
				err = writeInit(conn, told)
			}
			if err == nil && (!p.IsSound() || told.Sound != nil) {
				err = conn.WriteMessage(websocket.BinaryMessage, p.Fragment(Fragment))
			}
		}
		if err != nil {
			return websocket.CloseGoingAway, ""
		}
	}
}

var errPing = errors.New("time for a ping")

func writeInit(conn *websocket.Conn, c Codecs) error {
	mime, segment, err := c.Init()
	if err != nil {
		return err
	}
	text, err := json.Marshal(mimeFrame{mime})
	if err != nil {
		return err
	}
	if err := conn.WriteMessage(websocket.TextMessage, text); err != nil {
		return err
	}
	return conn.WriteMessage(websocket.BinaryMessage, segment)
}

// writeTrouble says why there is no picture; a restart without a reason is not worth a word.
func writeTrouble(conn *websocket.Conn, s streams.Status) error {
	if s.Reason == (streams.Text{}) {
		return nil
	}
	var f errorFrame
	f.Error.Code, f.Error.Text = string(s.State), s.Reason
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return conn.WriteMessage(websocket.TextMessage, text)
}
