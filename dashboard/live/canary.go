package live

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	canaryEvery = 10 * time.Second
	canaryLost  = 5 * time.Second
)

// canary is a client within the process that goes the way of every event but the table: NOTIFY, the log's connection, a
// ring, a shard, a loopback socket. What it measures says whether this node's clients would hear of anything.
type canary struct {
	mu      sync.Mutex
	waits   string // the word that is on its way
	arrived chan struct{}
	client  *client
	took    time.Duration
	at      time.Time
}

// last is how long the last one that arrived took, and when that was.
func (k *canary) last() (took time.Duration, at time.Time, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.took, k.at, !k.at.IsZero()
}

// heard takes a word from the log's connection; those of other nodes are not waited for.
func (k *canary) heard(word string) {
	k.mu.Lock()
	c := k.client
	mine := c != nil && word == k.waits
	k.mu.Unlock()
	if mine {
		c.audience.ring.add(0, opText, []byte(word))
		c.shard.ring()
	}
}

// run sends one every ten seconds until ctx ends.
func (k *canary) run(ctx context.Context, h *Hub) {
	here, there, err := loopback()
	if err != nil {
		h.config.Log.Warn("no canary", "error", err)
		return
	}
	raw, err := there.SyscallConn()
	if err != nil {
		h.config.Log.Warn("no canary", "error", err)
		return
	}
	c := &client{Conn: there, tcp: raw, hub: h, shard: h.shards[0], since: time.Now(), said: make(chan struct{}),
		audience: newAudience(spec{}, 0, 64<<10)}
	c.joined.Store(true)
	k.mu.Lock()
	k.client = c
	k.mu.Unlock()
	c.shard.join(c)
	var reader sync.WaitGroup
	reader.Go(func() { k.receive(here) })
	defer func() {
		c.fail(closeStopping)
		here.Close()
		reader.Wait()
		c.shard.leave(c)
	}()
	next := time.NewTimer(time.Second) // the log's connection is to listen by then
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		next.Reset(canaryEvery)
		if err := k.send(ctx, h); err != nil && ctx.Err() == nil {
			h.config.Log.Warn("the canary was lost", "error", err)
		}
	}
}

// send waits until one has arrived.
func (k *canary) send(ctx context.Context, h *Hub) error {
	ctx, cancel := context.WithTimeoutCause(ctx, canaryLost, errors.New("canary"))
	defer cancel()
	word, arrived, sent := rand.Text(), make(chan struct{}), time.Now()
	k.mu.Lock()
	k.waits, k.arrived = word, arrived
	k.mu.Unlock()
	if _, err := h.config.Pool.Exec(ctx, `SELECT pg_notify('canary', $1)`, word); err != nil {
		return err
	}
	select {
	case <-arrived:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	k.mu.Lock()
	k.at = time.Now()
	k.took = k.at.Sub(sent)
	k.mu.Unlock()
	return nil
}

// receive is the far end: it reads frames of a word each.
func (k *canary) receive(conn net.Conn) {
	word := make([]byte, 2+len(rand.Text()))
	for {
		if _, err := io.ReadFull(conn, word); err != nil {
			return
		}
		k.mu.Lock()
		if string(word[2:]) == k.waits {
			k.waits = ""
			close(k.arrived)
		}
		k.mu.Unlock()
	}
}

// loopback are the two ends of a TCP connection within the process.
func loopback() (here, there *net.TCPConn, err error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if here, err = net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr)); err != nil {
		return nil, nil, err
	}
	for {
		if there, err = l.AcceptTCP(); err != nil {
			here.Close()
			return nil, nil, fmt.Errorf("accept: %w", err)
		}
		if there.RemoteAddr().String() == here.LocalAddr().String() {
			return here, there, nil
		}
		there.Close() // somebody else
	}
}
