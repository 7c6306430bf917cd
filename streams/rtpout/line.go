package rtpout

import (
	"net"
	"sync"
	"time"
)

// lines makes connections that viewers write their pictures to, beside the answers of the server.
type lines struct{ net.Listener }

func (l *lines) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &line{Conn: conn}, nil
}

// line is a connection on which answers and interleaved packets (RFC 2326, 10.12) do not cut each other.
type line struct {
	net.Conn
	mu    sync.Mutex
	after func()    // once, when the next answer is out
	until time.Time // the write deadline that stands
}

// Write sends an answer.
func (l *line) Write(b []byte) (int, error) {
	l.mu.Lock()
	n, err := l.Conn.Write(b)
	after := l.after
	l.after = nil
	l.mu.Unlock()
	if after != nil && err == nil {
		after()
	}
	return n, err
}

// afterAnswer has f called when the next answer is out: a client that reads packets before the answer to PLAY may
// throw them away.
func (l *line) afterAnswer(f func()) {
	l.mu.Lock()
	l.after = f
	l.mu.Unlock()
}

// writeWait is how long a viewer may take no byte before it counts as gone.
const writeWait = 10 * time.Second

// send writes packets with one system call: a picture is many of them, and a call for each costs four times what all
// else does.
func (l *line) send(packets net.Buffers) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.until.Sub(now) < writeWait/2 {
		l.until = now.Add(writeWait)
		if err := l.Conn.SetWriteDeadline(l.until); err != nil {
			return err
		}
	}
	_, err := packets.WriteTo(l.Conn)
	return err
}
