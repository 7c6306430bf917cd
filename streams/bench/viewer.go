package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/streams/page"
)

// viewer is one socket that takes video.
type viewer struct {
	conn net.Conn
	r    *bufio.Reader
	ws   *websocket.Conn // nil: none
	key  func(*viewer) (bool, error)
}

func (v *viewer) close() { _ = v.conn.Close() }

// drain counts what comes until the socket is closed.
func (v *viewer) drain(received *atomic.Int64) {
	b := make([]byte, 128<<10)
	for {
		n, err := v.conn.Read(b)
		received.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// keyframe reads until the first keyframe is complete.
func (v *viewer) keyframe() error {
	_ = v.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		if done, err := v.key(v); done || err != nil {
			return err
		}
	}
}

func dialSocket(url string) (*viewer, error) {
	conn, _, err := (&websocket.Dialer{ReadBufferSize: 64 << 10}).Dial(url, http.Header{})
	if err != nil {
		return nil, err
	}
	return &viewer{conn: conn.NetConn(), ws: conn}, nil
}

func openPage(relay string, cameras []int) (*viewer, error) {
	v, err := dialSocket("ws://" + relay + "/streams")
	if err != nil {
		return nil, err
	}
	var wishes []any
	for i, n := range cameras {
		wishes = append(wishes, map[string]any{"stream": i + 1, "id": cameraID(n), "priority": 1, "visible": true})
	}
	v.key = func(v *viewer) (bool, error) {
		_, b, err := v.ws.ReadMessage()
		for ; len(b) >= 20; b = b[20+binary.BigEndian.Uint32(b):] {
			if b[4] == page.Fragment && b[5]&page.KeyFrame != 0 {
				return true, nil
			}
		}
		return false, err
	}
	return v, v.ws.WriteJSON(map[string]any{"subscribe": wishes})
}

func openMSE(relay string, cameras []int) (*viewer, error) {
	v, err := dialSocket("ws://" + relay + "/mse/" + cameraID(cameras[0]))
	if err != nil {
		return nil, err
	}
	seen := 0
	v.key = func(v *viewer) (bool, error) {
		_, _, err := v.ws.ReadMessage()
		seen++
		return seen == 3, err // MIME type, init segment, keyframe
	}
	return v, nil
}

func openFloor(relay string, cameras []int) (*viewer, error) {
	conn, err := net.Dial("tcp", relay)
	if err != nil {
		return nil, err
	}
	v := &viewer{conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}
	v.key = func(v *viewer) (bool, error) {
		var head [4]byte
		if _, err := io.ReadFull(v.r, head[:]); err != nil {
			return false, err
		}
		_, err := io.CopyN(io.Discard, v.r, int64(binary.BigEndian.Uint32(head[:])))
		return true, err // the first is one
	}
	_, err = fmt.Fprintf(conn, "%s\n", cameraID(cameras[0]))
	return v, err
}

// openRTSP plays over the relay's RTSP port, which is the next line of what it says of itself.
func openRTSP(relay string, cameras []int) (*viewer, error) {
	resp, err := http.Get("http://" + relay + "/rtsp")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	addr, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	conn, r, err := dialRTSP(string(addr), cameraID(cameras[0]))
	if err != nil {
		return nil, err
	}
	v := &viewer{conn: conn, r: r}
	v.key = func(v *viewer) (bool, error) {
		b, err := interleaved(v.r)
		return len(b) > 1 && b[1]&0x80 != 0, err // the first picture is a keyframe: up to its marker
	}
	return v, nil
}

var errRefused = errors.New("rtsp: refused")

// dialRTSP asks for one camera's video by hand.
func dialRTSP(addr, camera string) (net.Conn, *bufio.Reader, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(conn, 64<<10)
	url := "rtsp://" + addr + "/" + camera
	session := ""
	for i, step := range []string{"DESCRIBE " + url, "SETUP " + url + "/trackID=0", "PLAY " + url + "/"} {
		head := ""
		switch i {
		case 1:
			head = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
		case 2:
			head = "Session: " + session + "\r\n"
		}
		if _, err := fmt.Fprintf(conn, "%s RTSP/1.0\r\nCSeq: %d\r\n%s\r\n", step, i+1, head); err != nil {
			return nil, nil, err
		}
		var err error
		if session, err = answer(r); err != nil {
			conn.Close()
			return nil, nil, fmt.Errorf("%s: %w", step, err)
		}
	}
	return conn, r, nil
}
