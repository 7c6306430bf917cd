package rtpout

import (
	"net"
	"sync"
)

// gatherer makes connections that send a picture with one system call. A picture is twenty RTP packets, and a call
// for each costs four times what all else does.
type gatherer struct{ net.Listener }

func (g *gatherer) Accept() (net.Conn, error) {
	conn, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gathering{Conn: conn}, nil
}

// most bounds what is held back, in bytes.
const most = 32 << 10

type gathering struct {
	net.Conn
	mu   sync.Mutex
	held []byte
}

// Write holds back interleaved RTP (RFC 2326, 10.12) up to the packet that ends a picture, whose marker is set.
func (g *gathering) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.held) == 0 && !holds(b) {
		return g.Conn.Write(b)
	}
	g.held = append(g.held, b...)
	if holds(b) && len(g.held) < most {
		return len(b), nil
	}
	_, err := g.Conn.Write(g.held)
	g.held = g.held[:0]
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

// holds: an interleaved packet without a marker. RTCP's types have that bit set.
func holds(b []byte) bool { return len(b) >= 6 && b[0] == '$' && b[5]&0x80 == 0 }
