package live

import (
	"encoding/json"
	"sync"
	"time"
)

// ringSize is how many events the hub keeps in memory. Who is further behind reads the database.
const ringSize = 1 << 14

// Hub keeps the newest events, encoded once, and wakes who waits for more.
type Hub struct {
	mu      sync.RWMutex
	ring    [ringSize]encoded // event n stands at n % ringSize
	head    int64             // newest number
	held    int64             // how many of the newest stand in the ring
	more    chan struct{}     // closed at the next publish
	clients int
}

type encoded struct {
	topic string
	text  []byte
}

// NewHub starts after event head: the ring holds what comes later.
func NewHub(head int64) *Hub { return &Hub{head: head, more: make(chan struct{})} }

// Head is the newest number that clients can have.
func (h *Hub) Head() int64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.head
}

// Clients is how many websockets follow.
func (h *Hub) Clients() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.clients
}

func (h *Hub) count(n int) {
	h.mu.Lock()
	h.clients += n
	h.mu.Unlock()
}

func (h *Hub) publish(events []Event) {
	texts := make([]encoded, len(events))
	for i, e := range events {
		texts[i] = encode(e)
	}
	h.mu.Lock()
	for i, e := range events {
		h.ring[e.Seq%ringSize] = texts[i]
	}
	h.head = events[len(events)-1].Seq
	h.held = min(h.held+int64(len(events)), ringSize)
	close(h.more)
	h.more = make(chan struct{})
	h.mu.Unlock()
}

func encode(e Event) encoded {
	text, err := json.Marshal(struct {
		Seq  int64           `json:"seq"`
		Type string          `json:"type"`
		At   time.Time       `json:"at"`
		Data json.RawMessage `json:"data"`
	}{e.Seq, e.Type, e.At, e.Data})
	if err != nil {
		panic(err) // Data came out of a json column
	}
	return encoded{e.Topic(), text}
}

// after returns up to limit events of the topics after number seq, the number reached, and a channel that is closed when
// there is more. behind says that the ring no longer holds seq+1.
func (h *Hub) after(seq int64, topics map[string]bool, limit int) (texts [][]byte, reached int64, more <-chan struct{}, behind bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if seq < h.head-h.held {
		return nil, seq, nil, true
	}
	reached = seq
	for reached < h.head && len(texts) < limit {
		reached++
		if e := h.ring[reached%ringSize]; topics[e.topic] {
			texts = append(texts, e.text)
		}
	}
	return texts, reached, h.more, false
}
