package page

import (
	"encoding/binary"
	"encoding/json"
	"net"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/streams"
	"gridwall/streams/mse"
	"gridwall/streams/rtsp"
)

// Kinds of records.
const (
	Init     = 1 // payload: length of the MIME type in 2 bytes, MIME type, initialization segment
	Fragment = 2 // payload: one frame as a fragment
	Trouble  = 3 // payload: {"code", "zh", "en"}; an Init comes before the next Fragment
	Sound    = 4 // payload: law (0 A, 1 µ), channels, sample rate in Hz (4), G.711 samples
	Moved    = 5 // payload: {"at", "token"}: the stream is to be asked of that server, and comes no more from here
)

// HasSound is the flag of an Init whose camera has sound, whether it was asked for or not.
const HasSound = 1

// Flags of a Fragment.
const (
	KeyFrame = 1 << iota
	Cached   // was there before the page asked
	Lost     // frames before it were lost, because the page was slow
	Still    // only keyframes come for now: nobody looks, or the page is slow
)

// headSize is the length of a record's head, big-endian: length of the payload (4), kind (1), flags (1), stream (2), number
// of the frame in the stream (4, wraps), decode time in 1/90000 s (8).
const headSize = 20

// message is one websocket message of records, written with one system call and without a copy of the frames.
type message struct {
	parts net.Buffers
	heads []byte    // of the records; what parts point into does not move, a new piece is begun instead
	until time.Time // the write deadline that stands
	size  int
	kept  int // of it, in bytes, what was there before the page asked
	pong  []byte
}

// burst says whether the message is for the most part what opens a tile: that it takes long says nothing about the page.
func (m *message) burst() bool { return 2*m.kept > m.size }

// full says that there may be more.
func (m *message) full() bool { return m.size >= maxMessage }

// reset empties the message for the next one; what it is made of is used again.
func (m *message) reset() {
	clear(m.parts)
	m.parts, m.heads, m.size, m.kept, m.pong = append(m.parts[:0], nil), m.heads[:0], 0, 0, nil
}

// head is room for n bytes.
func (m *message) head(n int) []byte {
	if cap(m.heads)-len(m.heads) < n {
		m.heads = make([]byte, 0, max(n, 16*headSize))
	}
	at := len(m.heads)
	m.heads = m.heads[:at+n]
	return m.heads[at : at+n : at+n]
}

func (m *message) empty() bool { return m.size == 0 && m.pong == nil }

func (m *message) record(kind, flags byte, stream uint16, sequence uint32, at time.Duration, payload ...[]byte) {
	head := m.head(headSize)
	length := 0
	for _, p := range payload {
		length += len(p)
	}
	binary.BigEndian.PutUint32(head, uint32(length))
	head[4], head[5] = kind, flags
	binary.BigEndian.PutUint16(head[6:], stream)
	binary.BigEndian.PutUint32(head[8:], sequence)
	binary.BigEndian.PutUint64(head[12:], uint64(mse.Ticks(at)))
	m.parts = append(append(m.parts, head), payload...) // the first part is the frame's head
	m.size += headSize + length
}

func (m *message) init(stream uint16, sound bool, mime string, segment []byte) {
	var flags byte
	if sound {
		flags = HasSound
	}
	m.record(Init, flags, stream, 0, 0, binary.BigEndian.AppendUint16(nil, uint16(len(mime))), []byte(mime), segment)
}

func (m *message) fragment(stream uint16, flags byte, p *streams.Packet) {
	before := m.size
	m.record(Fragment, flags, stream, uint32(p.Sequence), p.Time, p.Head(mse.Head), p.Data)
	if flags&Cached != 0 {
		m.kept += m.size - before
	}
}

func (m *message) g711(stream uint16, g *rtsp.G711, p *streams.Packet) {
	head := []byte{0, byte(g.Channels)}
	if g.MuLaw {
		head[0] = 1
	}
	m.record(Sound, 0, stream, uint32(p.Sequence), p.Time, binary.BigEndian.AppendUint32(head, uint32(g.Rate)), p.Data)
}

func (m *message) trouble(stream uint16, s streams.Status) {
	text, err := json.Marshal(struct {
		Code string `json:"code"`
		streams.Text
	}{string(s.State), s.Reason})
	if err != nil {
		panic(err) // three strings
	}
	m.record(Trouble, 0, stream, 0, 0, text)
}

func (m *message) moved(stream uint16, to *Leave) {
	text, err := json.Marshal(struct {
		At    string `json:"at"`
		Token string `json:"token"`
	}{to.At, to.Token})
	if err != nil {
		panic(err) // two strings
	}
	m.record(Moved, 0, stream, 0, 0, text)
}

// write sends the message. Nobody else writes to the connection meanwhile.
func (m *message) write(conn *websocket.Conn, now time.Time) error {
	if m.pong != nil {
		if err := conn.WriteControl(websocket.PongMessage, m.pong, now.Add(writeWait)); err != nil {
			return err
		}
	}
	if m.size == 0 {
		return nil
	}
	frame := append(m.head(10)[:0], 0x82) // FIN, binary
	switch {
	case m.size < 126:
		frame = append(frame, byte(m.size))
	case m.size < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 126), uint16(m.size))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 127), uint64(m.size))
	}
	m.parts[0] = frame
	raw := conn.NetConn()
	if m.until.Sub(now) < writeWait/2 || m.pong != nil { // a deadline for each message would cost as much as a tenth of it
		m.until = now.Add(writeWait)
		if err := raw.SetWriteDeadline(m.until); err != nil {
			return err
		}
	}
	parts := m.parts // WriteTo eats what it is given
	_, err := parts.WriteTo(raw)
	return err
}
