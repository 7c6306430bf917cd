package live_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

// listener follows by raw reads: a client that costs little, for crowds.
type listener struct {
	net.Conn
	r *bufio.Reader
}

// greet dials and shakes hands.
func greet(address, query string) (*listener, error) {
	return greetBy(net.Dialer{Timeout: 15 * time.Second}, address, query)
}

func greetBy(dialer net.Dialer, address, query string) (*listener, error) {
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: live\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", query); err != nil {
		conn.Close()
		return nil, err
	}
	l := &listener{conn, bufio.NewReaderSize(conn, 512)}
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	resp, err := http.ReadResponse(l.r, nil)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		conn.Close()
		return nil, fmt.Errorf("the answer is %s", resp.Status)
	}
	return l, nil
}

// message reads a frame's payload; dst is reused.
func (l *listener) message(dst []byte) ([]byte, error) {
	var head [10]byte
	if _, err := l.full(head[:2]); err != nil {
		return nil, err
	}
	n := int(head[1])
	switch n {
	case 126:
		if _, err := l.full(head[:2]); err != nil {
			return nil, err
		}
		n = int(head[0])<<8 | int(head[1])
	case 127:
		if _, err := l.full(head[:8]); err != nil {
			return nil, err
		}
		n = 0
		for _, b := range head[:8] {
			n = n<<8 | int(b)
		}
	}
	dst = slices.Grow(dst[:0], n)[:n]
	_, err := l.full(dst)
	return dst, err
}

func (l *listener) full(p []byte) (int, error) {
	for n := 0; n < len(p); {
		k, err := l.r.Read(p[n:])
		if n += k; err != nil {
			return n, err
		}
	}
	return len(p), nil
}

// crowd follows with n clients; told is called for each message that carries a stamp, with that.
func crowd(t testing.TB, address string, n int, told func(client int, at time.Time)) (close func()) {
	t.Helper()
	var group sync.WaitGroup
	clients := make([]*listener, n)
	var ready sync.WaitGroup
	limit := make(chan struct{}, 64)
	for i := range n {
		ready.Add(1)
		group.Go(func() {
			limit <- struct{}{}
			l, err := greet(address, "")
			<-limit
			if err != nil {
				t.Error(err)
				ready.Done()
				return
			}
			clients[i] = l
			ready.Done()
			l.SetReadDeadline(time.Time{})
			var text []byte
			for {
				if text, err = l.message(text); err != nil {
					return
				}
				if _, stamp, ok := strings.Cut(string(text), `"stamp":`); ok {
					var at int64
					fmt.Sscanf(stamp, "%d", &at)
					told(i, time.Unix(0, at))
				}
			}
		})
	}
	ready.Wait()
	return func() {
		for _, l := range clients {
			if l != nil {
				l.Close()
			}
		}
		group.Wait()
	}
}

func hostOf(url string) string { return strings.TrimPrefix(url, "ws://") }

// stream publishes n stamped events at a rate a second.
func stream(n *node, from int64, count, rate, size int) int64 {
	ticks := time.NewTicker(time.Second / time.Duration(rate))
	defer ticks.Stop()
	for range count {
		<-ticks.C
		from++
		text := fmt.Appendf(nil, `{"pad":%q,"stamp":%d}`, strings.Repeat("x", size), time.Now().UnixNano())
		n.hub.Publish(live.Event{Seq: from, Type: "case.moved", At: time.Now().UTC(), Data: json.RawMessage(text)})
	}
	return from
}

func percentile(all []time.Duration, p float64) time.Duration {
	slices.Sort(all)
	return all[int(float64(len(all)-1)*p)]
}

// 5 clients of 200 that take nothing do not delay the others: who waited for them would wait for their sockets' time limits.
// The limit of 1.2 × is held by make bench-live, on a machine that does nothing else.
func TestStalledClientsDelayNobody(t *testing.T) {
	n := serve(t, dbtest.Open(t), options{Config: live.Config{RingBytes: 64 << 20}})
	seq := n.hub.Head()
	round := func(stalled int) time.Duration {
		var mu sync.Mutex
		var all []time.Duration
		var began time.Time
		var deaf []*listener
		for range stalled {
			l, err := greetBy(net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
				return c.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
			}}, hostOf(n.url), "")
			if err != nil {
				t.Fatal(err)
			}
			deaf = append(deaf, l)
		}
		for i := 0; n.hub.Parked() < stalled && i < 1000; i++ { // their sockets first
			seq = stream(n, seq, 1, 200, 60<<10)
		}
		done := crowd(t, hostOf(n.url), 200-stalled, func(_ int, at time.Time) {
			now := time.Now()
			mu.Lock()
			if !began.IsZero() && at.After(began) { // not what filled the sockets
				all = append(all, now.Sub(at))
			}
			mu.Unlock()
		})
		mu.Lock()
		began = time.Now()
		mu.Unlock()
		seq = stream(n, seq, 150, 50, 300)
		await(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(all) >= 150*(200-stalled) })
		if parked := n.hub.Parked(); parked < stalled {
			t.Errorf("%d clients are parked, want the %d that take nothing", parked, stalled)
		}
		done()
		for _, l := range deaf {
			l.Close()
		}
		await(t, func() bool { return n.hub.Clients() == 0 })
		t.Logf("%d stalled: p50 %v, p99 %v", stalled, percentile(all, .5), percentile(all, .99))
		return percentile(all, .99)
	}
	with, without := time.Hour, time.Hour
	for range 3 {
		without = min(without, round(0))
		with = min(with, round(5))
	}
	t.Logf("p99 without stalled clients %v, with %v: %.2f ×", without, with, float64(with)/float64(without))
	if with > 2*without && with > without+250*time.Millisecond {
		t.Errorf("p99 without stalled clients %v, with %v", without, with)
	}
}

// crowdVariable makes this test binary a crowd of its own, so that both ends do not share one limit of open files.
const crowdVariable = "GRIDWALL_LIVE_CROWD"

// TestCrowd is the child: all its clients come at once, and it says when all have everything.
func TestCrowd(t *testing.T) {
	given := os.Getenv(crowdVariable)
	if given == "" {
		t.Skip("the child of TestTenThousandReturnAtOnce")
	}
	var count int
	var address, query string
	fmt.Sscan(given, &count, &address, &query)
	var complete, told atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	limit := make(chan struct{}, 1000) // what a listening socket's queue holds
	stay, leave := context.WithCancel(t.Context())
	for range count {
		group.Go(func() {
			limit <- struct{}{}
			l, err := greet(address, query)
			var text []byte
			if err == nil {
				for {
					if text, err = l.message(text); err != nil || strings.HasPrefix(string(text[:min(len(text), 14)]), `{"type":"beat"`) {
						break
					}
				}
			}
			<-limit
			if err != nil {
				t.Error(err)
				return
			}
			complete.Add(1)
			l.SetReadDeadline(time.Time{})
			gone := context.AfterFunc(stay, func() { l.Close() })
			defer gone()
			for {
				if text, err = l.message(text); err != nil {
					return
				}
				if strings.HasPrefix(string(text[:min(len(text), 7)]), `{"seq":`) {
					told.Add(1)
				}
			}
		})
	}
	for complete.Load() < int64(count) && time.Since(began) < time.Minute && !t.Failed() {
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Printf("complete %d %d\n", complete.Load(), time.Since(began).Milliseconds())
	var events int64
	fmt.Scan(&events) // that the parent tells
	for began = time.Now(); told.Load() < events*int64(count) && time.Since(began) < 30*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Printf("told %d\n", told.Load())
	leave()
	group.Wait()
}

// Ten thousand clients that return at once are complete within 15 s, and share one snapshot.
func TestTenThousandReturnAtOnce(t *testing.T) {
	const long = "GRIDWALL_LONG"
	count := 10_000
	if os.Getenv(long) == "" {
		count = 1000 // all of them where GRIDWALL_LONG is set
	}
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); files.Cur < uint64(count+500) {
		t.Skipf("only %d files may be open", files.Cur)
	}
	pool := dbtest.Open(t)
	if _, err := pool.Exec(t.Context(), thingTable); err != nil {
		t.Fatal(err)
	}
	if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		for _, key := range thingKeys {
			if _, err := change(context.Background(), tx, "cases", key, strings.Repeat("x", 300)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	n := serve(t, pool, options{Config: live.Config{Tables: []live.Table{things("cases"), things("cameras")}}})
	before := memory()
	c := hire(t, count, hostOf(n.url), "?since=1&audience=old")
	complete, ms := c.complete, c.ms
	each := float64(memory()-before) / float64(count) / 1024
	t.Logf("%d of %d clients complete after %d ms, %d snapshots, %.1f KiB a client", complete, count, ms, n.hub.Snapshots(), each)
	if complete != count || ms > 15_000 {
		t.Errorf("%d of %d clients complete after %d ms", complete, count, ms)
	}
	if made := n.hub.Snapshots(); made != 1 {
		t.Errorf("%d snapshots were made", made)
	}
	if each > 12 && count >= 10_000 {
		t.Errorf("%.1f KiB a client", each)
	}
}

// child is a crowd in a process of its own.
type child struct {
	complete, ms int // clients that have everything, and how long that took

	in  io.WriteCloser
	out *bufio.Scanner
}

// hire starts a crowd and waits until it is complete.
func hire(t testing.TB, count int, address, query string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestCrowd$", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s %s", crowdVariable, count, address, query))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	c := &child{in: in, out: bufio.NewScanner(out)}
	for c.out.Scan() {
		if k, _ := fmt.Sscanf(c.out.Text(), "complete %d %d", &c.complete, &c.ms); k == 2 {
			return c
		}
	}
	t.Fatal("the crowd went away")
	return nil
}

// heard waits until everyone has heard the events, and returns how many messages that were.
func (c *child) heard(events int) (told int) {
	fmt.Fprintln(c.in, events)
	for c.out.Scan() {
		if k, _ := fmt.Sscanf(c.out.Text(), "told %d", &told); k == 1 {
			break
		}
	}
	return told
}

// memory is what the process holds after a collection: heap and stacks, in bytes.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// BenchmarkPush tells clients in another process 50 messages of 300 bytes a second.
func BenchmarkPush(b *testing.B) {
	for _, clients := range []int{2000, 10_000} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			n := serve(b, dbtest.Open(b), options{})
			c := hire(b, clients, hostOf(n.url), "?")
			b.ResetTimer()
			began := cpu()
			stream(n, n.hub.Head(), b.N, 50, 300)
			told := c.heard(b.N)
			b.StopTimer()
			if told != b.N*clients {
				b.Errorf("%d messages of %d arrived", told, b.N*clients)
			}
			b.ReportMetric((cpu()-began).Seconds()/float64(told)*1e6, "cpu-s/million")
		})
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
