package live_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
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

// crowd follows with n clients; each message that carries a stamp gives a delay.
func crowd(t testing.TB, address string, n int, delays func(client int, d time.Duration)) (close func()) {
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
					delays(i, time.Duration(time.Now().UnixNano()-at)) // stamp is the last member
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

// 5 clients of 200 that take nothing do not delay the others: their p99 is at most 1.2 × what it is without them, in the
// best of three rounds of each (the machine is shared).
func TestStalledClientsDelayNobody(t *testing.T) {
	n := serve(t, dbtest.Open(t), options{Config: live.Config{RingBytes: 64 << 20}})
	seq := n.hub.Head()
	round := func(stalled int) time.Duration {
		var mu sync.Mutex
		var all []time.Duration
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
		done := crowd(t, hostOf(n.url), 200-stalled, func(_ int, d time.Duration) {
			mu.Lock()
			all = append(all, d)
			mu.Unlock()
		})
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
	if with > without*12/10 && with > without+5*time.Millisecond {
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
	var complete atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	limit := make(chan struct{}, 1000) // what a listening socket's queue holds
	stay := make(chan struct{})
	for range count {
		group.Go(func() {
			limit <- struct{}{}
			l, err := greet(address, query)
			if err == nil {
				var text []byte
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
			<-stay
			l.Close()
		})
	}
	for complete.Load() < int64(count) && time.Since(began) < time.Minute && !t.Failed() {
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Printf("complete %d %d\n", complete.Load(), time.Since(began).Milliseconds())
	bufio.NewReader(os.Stdin).ReadString('\n') // the parent measures
	close(stay)
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
	child := exec.Command(os.Args[0], "-test.run", "^TestCrowd$", "-test.v")
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s ?since=1&audience=old", crowdVariable, count, hostOf(n.url)))
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer in.Close()
	var complete, ms int
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if k, _ := fmt.Sscanf(lines.Text(), "complete %d %d", &complete, &ms); k == 2 {
			break
		}
	}
	each := float64(memory()-before) / float64(count) / 1024
	t.Logf("%d of %d clients complete after %d ms, %d snapshots, %.1f KiB a client", complete, count, ms, n.hub.Snapshots(), each)
	if complete != count || ms > 15_000 {
		t.Errorf("%d of %d clients complete after %d ms", complete, count, ms)
	}
	if made := n.hub.Snapshots(); made > 1+ms/1000 { // one a second at most; within one, one
		t.Errorf("%d snapshots were made in %d ms", made, ms)
	}
	if each > 12 && count >= 10_000 {
		t.Errorf("%.1f KiB a client", each)
	}
}

// memory is what the process holds after a collection: heap and stacks, in bytes.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// BenchmarkPush tells 2,000 clients 50 messages a second; CPU is that of both ends.
func BenchmarkPush(b *testing.B) {
	n := serve(b, dbtest.Open(b), options{})
	const clients = 2000
	var got atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	done := crowd(b, hostOf(n.url), clients, func(i int, d time.Duration) {
		got.Add(1)
		if i%20 == 0 {
			mu.Lock()
			all = append(all, d)
			mu.Unlock()
		}
	})
	defer done()
	seq := n.hub.Head()
	b.ResetTimer()
	began := cpu()
	for range b.N {
		seq = stream(n, seq, 1, 50, 300)
	}
	await(b, func() bool { return got.Load() >= int64(b.N)*clients })
	b.StopTimer()
	b.ReportMetric((cpu()-began).Seconds()/float64(b.N*clients)*1e6, "cpu-s/million")
	mu.Lock()
	b.ReportMetric(float64(percentile(all, .5).Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(percentile(all, .99).Microseconds())/1000, "p99-ms")
	mu.Unlock()
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
