package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// clients are many websockets read by two threads with epoll: the load must not cost more than what it measures. A thread
// that is woken by each message costs more than its writing, so they read what has come every 50 ms, and take
// the time of its arrival from the kernel (SO_TIMESTAMPNS). A delivery is one "ts": that a client receives; a frame of
// several messages counts each.
type clients struct {
	threads []*thread
	files   []*os.File
	reading int // how many read; the others are stalled
	track   atomic.Pointer[track]
	ended   atomic.Bool
	done    sync.WaitGroup
}

// thread reads the sockets of one epoll.
type thread struct {
	of    *clients
	epoll int

	mu     sync.Mutex
	conns  map[int32]*conn
	delays hist
	closed int
	gaps   int64
	whole  int
}

type conn struct {
	part  []byte // a frame's beginning
	skip  int    // bytes of a long frame that are still to come
	last  int64  // newest number
	dead  bool
	whole bool
}

// track counts for each message how many clients have it, and when the last of them had.
type track struct {
	first int64
	sent  []int64
	count []int32
	last  []int64
}

// hist counts microseconds in buckets of 1/64 of an octave.
type hist struct {
	buckets [64 * 40]int64
	n       int64
}

func (h *hist) add(us int64) {
	us = max(us, 0)
	i := int(us)
	if us >= 64 {
		e := bits.Len64(uint64(us)) - 1
		i = min((e-5)*64+int((us>>(e-6))&63), len(h.buckets)-1)
	}
	h.buckets[i]++
	h.n++
}

// quantile is in milliseconds.
func (h *hist) quantile(q float64) float64 {
	want := int64(float64(h.n) * q)
	var sum int64
	for i, n := range h.buckets {
		if sum += n; sum > want {
			if i < 64 {
				return float64(i) / 1000
			}
			return float64(int64(1)<<(i/64+5)) * (1 + float64(i%64)/64) / 1000
		}
	}
	return 0
}

// target is where clients connect to.
type target struct {
	addr, path, protocol string
	header               string // lines
	hello                string // what a client says first
}

// perAddress is how many clients come from one address of the loopback network.
const perAddress = 200

// connect opens n websockets, stalled of which never read.
func connect(to target, n, stalled int) (*clients, error) {
	c := &clients{reading: n - stalled, files: make([]*os.File, n)}
	for range 2 {
		fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
		if err != nil {
			return nil, err
		}
		t := &thread{of: c, epoll: fd, conns: map[int32]*conn{}}
		c.threads = append(c.threads, t)
		c.done.Go(t.loop)
	}
	tokens := make(chan struct{}, 64)
	failed := make(chan error, n)
	var dialling sync.WaitGroup
	for i := range n {
		tokens <- struct{}{}
		dialling.Go(func() {
			defer func() { <-tokens }()
			if err := c.dial(to, i, i < stalled); err != nil {
				failed <- err
			}
		})
	}
	dialling.Wait()
	select {
	case err := <-failed:
		c.close()
		return nil, fmt.Errorf("%d of %d clients did not connect: %w", len(failed)+1, n, err)
	default:
		return c, nil
	}
}

func (c *clients) dial(to target, i int, stalled bool) error {
	from := &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/perAddress), 1)}
	raw, err := (&net.Dialer{Timeout: 20 * time.Second, LocalAddr: from}).Dial("tcp", to.addr)
	if err != nil {
		return err
	}
	defer raw.Close()
	if stalled {
		raw.(*net.TCPConn).SetReadBuffer(4096)
	}
	raw.SetDeadline(time.Now().Add(30 * time.Second))
	var key [16]byte
	rand.Read(key[:])
	request := "GET " + to.path + " HTTP/1.1\r\nHost: " + to.addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
		base64.StdEncoding.EncodeToString(key[:]) + "\r\n" + to.header
	if to.protocol != "" {
		request += "Sec-WebSocket-Protocol: " + to.protocol + "\r\n"
	}
	if _, err := raw.Write([]byte(request + "\r\n")); err != nil {
		return err
	}
	var answer []byte
	buffer := make([]byte, 4096)
	end := -1
	for end < 0 {
		n, err := raw.Read(buffer)
		if err != nil {
			return err
		}
		answer = append(answer, buffer[:n]...)
		end = bytes.Index(answer, []byte("\r\n\r\n"))
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 101")) {
		return fmt.Errorf("%.200s", answer)
	}
	if to.hello != "" {
		if _, err := raw.Write(clientFrame(1, []byte(to.hello))); err != nil {
			return err
		}
	}
	file, err := raw.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	c.files[i] = file
	fd := int(file.Fd())
	if stalled {
		return nil
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1); err != nil {
		return err
	}
	t := c.threads[i%len(c.threads)]
	t.mu.Lock()
	k := &conn{}
	t.conns[int32(fd)] = k
	t.feed(fd, k, answer[end+4:], time.Now().UnixNano())
	t.mu.Unlock()
	return syscall.EpollCtl(t.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)})
}

func (t *thread) loop() {
	runtime.LockOSThread()
	events := make([]syscall.EpollEvent, 512)
	buffer, control := make([]byte, 256<<10), make([]byte, 64)
	more := false
	for !t.of.ended.Load() {
		if !more { // the first of a message's clients has it
			if n, err := syscall.EpollWait(t.epoll, events[:1], 100); n <= 0 && (err == nil || errors.Is(err, syscall.EINTR)) {
				continue
			}
			rest := syscall.NsecToTimespec(int64(gather))
			syscall.Nanosleep(&rest, nil)
		}
		n, err := syscall.EpollWait(t.epoll, events, 100)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		t.mu.Lock()
		for i := range max(n, 0) {
			fd := int(events[i].Fd)
			c := t.conns[events[i].Fd]
			if c == nil || c.dead {
				continue
			}
			got, beside, _, _, err := syscall.Recvmsg(fd, buffer, control, 0)
			if got <= 0 {
				if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
					continue
				}
				c.dead = true
				t.closed++
				syscall.EpollCtl(t.epoll, syscall.EPOLL_CTL_DEL, fd, nil)
				continue
			}
			t.feed(fd, c, buffer[:got], arrival(control[:beside]))
		}
		t.mu.Unlock()
		more = n == len(events)
	}
}

// gather is how long a thread waits after the first that came: longer than a server takes to write to everyone, so that reading
// does not take the processor from writing. Where several are read at once, all of them count as late as the last.
const gather = 50 * time.Millisecond

// arrival is when the last of what was read came in, in nanoseconds; now where the kernel does not say.
func arrival(control []byte) int64 {
	const head = 16 // of a control message: length, level, type
	if len(control) < head+16 {
		return time.Now().UnixNano()
	}
	return int64(binary.NativeEndian.Uint64(control[head:]))*int64(time.Second) + int64(binary.NativeEndian.Uint64(control[head+8:]))
}

// longFrame is a size from which a frame is a snapshot: it is counted, not looked at.
const longFrame = 64 << 10

// feed cuts frames out of the bytes; a server's are not masked.
func (t *thread) feed(fd int, c *conn, p []byte, now int64) {
	n := min(c.skip, len(p))
	c.skip, p = c.skip-n, p[n:]
	if len(c.part) > 0 {
		p = append(c.part, p...)
	}
	for len(p) >= 2 {
		size, head := int(p[1]&127), 2
		switch {
		case size == 126 && len(p) >= 4:
			size, head = int(binary.BigEndian.Uint16(p[2:])), 4
		case size == 127 && len(p) >= 10:
			size, head = int(binary.BigEndian.Uint64(p[2:])), 10
		case size >= 126:
			size = len(p) // wait for the rest of the head
		}
		if len(p) < head+size && size > longFrame {
			c.skip, p = head+size-len(p), nil
			break
		}
		if len(p) < head+size {
			break
		}
		payload := p[head : head+size]
		switch p[0] & 15 {
		case 9:
			syscall.Write(fd, clientFrame(10, payload))
		case 0, 1, 2:
			if !c.whole && bytes.HasPrefix(payload, []byte(`{"type":"beat"`)) { // it ends the snapshots
				c.whole = true
				t.whole++
			}
			if string(payload) == "{}" || bytes.HasPrefix(payload, []byte("{}\n")) || bytes.HasSuffix(payload, []byte("\n{}")) { // centrifuge's ping
				syscall.Write(fd, clientFrame(1, []byte("{}")))
			}
			t.scan(c, payload, now)
		}
		p = p[head+size:]
	}
	c.part = append(c.part[:0:0], p...)
}

func (t *thread) scan(c *conn, p []byte, now int64) {
	for {
		i := bytes.Index(p, []byte(`"ts":`))
		if i < 0 {
			return
		}
		ts, rest := number(p[i+5:])
		p = rest
		rest, ok := bytes.CutPrefix(rest, []byte(`,"seq":`))
		if !ok {
			continue
		}
		seq, rest := number(rest)
		p = rest
		if c.last != 0 && seq != c.last+1 {
			t.gaps++
		}
		c.last = seq
		k := t.of.track.Load()
		if k == nil || seq < k.first { // what is late belongs to the rate before
			continue
		}
		t.delays.add((now - ts) / 1000)
		if seq < k.first+int64(len(k.count)) {
			atomic.AddInt32(&k.count[seq-k.first], 1)
			atomic.StoreInt64(&k.last[seq-k.first], now)
		}
	}
}

func number(p []byte) (n int64, rest []byte) {
	i := 0
	for i < len(p) && p[i] >= '0' && p[i] <= '9' {
		n = n*10 + int64(p[i]-'0')
		i++
	}
	return n, p[i:]
}

// clientFrame masks with zeros, which leaves the payload as it is.
func clientFrame(opcode byte, payload []byte) []byte {
	b := []byte{0x80 | opcode}
	if len(payload) < 126 {
		b = append(b, 0x80|byte(len(payload)))
	} else {
		b = append(b, 0x80|126, byte(len(payload)>>8), byte(len(payload)))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// take returns what was counted since the last call.
func (c *clients) take() (delays hist, closed int, gaps int64) {
	for _, t := range c.threads {
		t.mu.Lock()
		for i, n := range t.delays.buckets {
			delays.buckets[i] += n
		}
		delays.n += t.delays.n
		closed += t.closed
		gaps += t.gaps
		t.delays, t.gaps = hist{}, 0
		t.mu.Unlock()
	}
	return delays, closed, gaps
}

func (c *clients) delivered() (n int64) {
	for _, t := range c.threads {
		t.mu.Lock()
		n += t.delays.n
		t.mu.Unlock()
	}
	return n
}

// complete counts the clients that have their snapshots.
func (c *clients) complete() (n int) {
	for _, t := range c.threads {
		t.mu.Lock()
		n += t.whole
		t.mu.Unlock()
	}
	return n
}

func (c *clients) close() {
	c.ended.Store(true)
	c.done.Wait()
	for _, f := range c.files {
		if f != nil {
			f.Close()
		}
	}
	for _, t := range c.threads {
		syscall.Close(t.epoll)
	}
}
