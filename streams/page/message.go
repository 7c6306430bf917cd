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
	size  int
	kept  int // of it, in bytes, what was there before the page asked
	pong  []byte
}

// burst says whether the message is for the most part what opens a tile: that it takes long says nothing about the page.
func (m *message) burst() bool { return 2*m.kept > m.size }

func (m *message) empty() bool { return m.size == 0 && m.pong == nil }

func (m *message) record(kind, flags byte, stream uint16, sequence uint32, at time.Duration, payload ...[]byte) {
	head := make([]byte, headSize)
	length := 0
	for _, p := range payload {
		length += len(p)
	}
	binary.BigEndian.PutUint32(head, uint32(length))
	head[4], head[5] = kind, flags
	binary.BigEndian.PutUint16(head[6:], stream)
	binary.BigEndian.PutUint32(head[8:], sequence)
	binary.BigEndian.PutUint64(head[12:], uint64(mse.Ticks(at)))
	m.parts = append(append(m.parts, head), payload...)
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
	m.record(Fragment, flags, stream, uint32(p.Sequence), p.Time, p.Fragment(mse.Fragment))
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

// write sends the message. Nobody else writes to the connection meanwhile.
func (m *message) write(conn *websocket.Conn, deadline time.Time) error {
	if m.pong != nil {
		if err := conn.WriteControl(websocket.PongMessage, m.pong, deadline); err != nil {
			return err
		}
	}
	if m.size == 0 {
		return nil
	}
	frame := append(make([]byte, 0, 10), 0x82) // FIN, binary
	switch {
	case m.size < 126:
		frame = append(frame, byte(m.size))
	case m.size < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 126), uint16(m.size))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 127), uint64(m.size))
	}
	raw := conn.NetConn()
	if err := raw.SetWriteDeadline(deadline); err != nil {
		return err
	}
	parts := append(net.Buffers{frame}, m.parts...)
	_, err := parts.WriteTo(raw)
	return err
}
