package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// intake is a server that takes reports.
type intake struct {
	name  string
	start func(ctx context.Context) (*server, error)
}

func (h *house) intakes() []intake {
	return []intake{
		{"ours", h.serve},
		{"counter row", func(ctx context.Context) (*server, error) { return h.rival(ctx, "serve-counter") }},
		{"NOTIFY each", func(ctx context.Context) (*server, error) { return h.rival(ctx, "serve-notify") }},
	}
}

// taken is what writers came to.
type taken struct {
	perSecond, p50, p99 float64 // acknowledged; ms
	refused             int     // 503
	failed              int     // everything else
}

var crews = []int{1, 16, 64}

// ingest posts the same reports to ours and to the other designs, on the same PostgreSQL with fsync.
func (h *house) ingest(ctx context.Context) error {
	fmt.Printf("\n# ingest: POST /api/v1/cases with token and key, PostgreSQL with fsync, %d round(s) of %v; one node\n", h.rounds, h.scale.ingest)
	all := map[string]map[int][]taken{}
	for range h.rounds {
		for _, in := range h.intakes() {
			if err := h.checkpoint(ctx); err != nil {
				return err
			}
			s, err := in.start(ctx)
			if err != nil {
				return err
			}
			if all[in.name] == nil {
				all[in.name] = map[int][]taken{}
			}
			h.crew(ctx, s.addr, 4, time.Second, nil) // warm
			for _, n := range crews {
				all[in.name][n] = append(all[in.name][n], h.crew(ctx, s.addr, n, h.scale.ingest, nil))
			}
			s.stop()
		}
		if err := h.clear(ctx); err != nil {
			return err
		}
	}
	fmt.Println("writers  design          tx/s   ack p50 ms   p99 ms  refused  failed")
	middle := map[string]map[int]taken{}
	for _, in := range h.intakes() {
		middle[in.name] = map[int]taken{}
	}
	for _, n := range crews {
		for _, in := range h.intakes() {
			var m taken
			var speed, p50, p99 []float64
			for _, r := range all[in.name][n] {
				speed, p50, p99 = append(speed, r.perSecond), append(p50, r.p50), append(p99, r.p99)
				m.refused, m.failed = m.refused+r.refused, m.failed+r.failed
			}
			m.perSecond, m.p50, m.p99 = middleOf(speed), middleOf(p50), middleOf(p99)
			middle[in.name][n] = m
			fmt.Printf("%7d  %-12s %7.0f %12.2f %8.1f %8d %7d  p99 of the rounds %.1f\n", n, in.name, m.perSecond, m.p50, m.p99, m.refused, m.failed, p99)
		}
	}
	ours := middle["ours"]
	verdict("tx/s at 64 writers, of the counter row", ours[64].perSecond/middle["counter row"][64].perSecond, "≥", 4)
	verdict("tx/s at 64 writers, of NOTIFY in each transaction", ours[64].perSecond/middle["NOTIFY each"][64].perSecond, "≥", 2)
	verdict("ack p99 at 64 writers, ms", ours[64].p99, "≤", 20)
	if err := h.alone(ctx); err != nil {
		return err
	}
	return h.across(ctx)
}

// alone compares one writer's answers with those of a plain transaction, in pairs that follow one another: the machine
// changes more from minute to minute than the two differ.
func (h *house) alone(ctx context.Context) error {
	const pairs = 9
	var ours, plain, ratios []float64
	for range pairs {
		var p50 [2]float64
		for i, in := range h.intakes()[:2] {
			s, err := in.start(ctx)
			if err != nil {
				return err
			}
			h.crew(ctx, s.addr, 1, time.Second, nil) // warm
			p50[i] = h.crew(ctx, s.addr, 1, 2*time.Second, nil).p50
			s.stop()
		}
		ours, plain, ratios = append(ours, p50[0]), append(plain, p50[1]), append(ratios, p50[0]/p50[1])
		if err := h.clear(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("a writer alone, %d pairs: ack p50 %.2f ms, counter row %.2f ms; ratios %.2f\n", pairs, middleOf(ours), middleOf(plain), ratios)
	verdict("a writer alone: ack p50, of the counter row's plain transaction", middleOf(ratios), "≤", 1)
	return nil
}

// clear empties what the designs wrote, so that no round pays for the one before.
func (h *house) clear(ctx context.Context) error {
	if _, err := h.pool.Exec(ctx, `TRUNCATE case_file, case_serial, idempotency, photo, event CASCADE`); err != nil {
		return err
	}
	_, err := h.pool.Exec(ctx, `UPDATE event_head SET seq = 0, hash = decode(repeat('00', 32), 'hex'), kept_seq = 0, kept_hash = decode(repeat('00', 32), 'hex'), log = gen_random_uuid()`)
	return err
}

// checkpoint frees the log's files for what is measured next: who fills more than the half gigabyte that is kept ready waits
// for new ones to be made, and pays for those who wrote before.
func (h *house) checkpoint(ctx context.Context) error {
	_, err := h.pool.Exec(ctx, "CHECKPOINT")
	return err
}

var keys atomic.Int64

// crew lets n writers post for a time, each waiting for its answer; acked hears of each number of an event.
func (h *house) crew(ctx context.Context, addr string, n int, length time.Duration, acked func(seq int64)) taken {
	transport := &http.Transport{MaxIdleConnsPerHost: n, MaxConnsPerHost: 0}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	ctx, cancel := context.WithTimeout(ctx, length+30*time.Second)
	defer cancel()
	var mu sync.Mutex
	var acks []float64
	var t taken
	began := time.Now()
	end := began.Add(length)
	var crew sync.WaitGroup
	for i := range n {
		crew.Go(func() {
			var mine []float64
			refused, failed := 0, 0
			for time.Now().Before(end) {
				sent := time.Now()
				status, seq := h.report(ctx, client, addr, h.tokens[i%len(h.tokens)])
				switch {
				case status == http.StatusCreated:
					mine = append(mine, float64(time.Since(sent))/float64(time.Millisecond))
					if acked != nil {
						acked(seq)
					}
				case status == http.StatusServiceUnavailable: // Retry-After: 1
					refused++
					time.Sleep(time.Second)
				default:
					failed++
					time.Sleep(10 * time.Millisecond)
				}
			}
			mu.Lock()
			acks, t.refused, t.failed = append(acks, mine...), t.refused+refused, t.failed+failed
			mu.Unlock()
		})
	}
	crew.Wait()
	wall := time.Since(began).Seconds()
	slices.Sort(acks)
	t.perSecond = float64(len(acks)) / wall
	if len(acks) > 0 {
		t.p50, t.p99 = acks[len(acks)/2], acks[len(acks)*99/100]
	}
	return t
}

func (h *house) report(ctx context.Context, client *http.Client, addr, token string) (status int, seq int64) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+addr+"/api/v1/cases", bytes.NewReader(h.body()))
	if err != nil {
		return 0, 0
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", strconv.FormatInt(keys.Add(1), 10))
	answer, err := client.Do(req)
	if err != nil {
		return 0, 0
	}
	defer answer.Body.Close()
	var made struct{ Seq int64 }
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, 0
	}
	json.Unmarshal(text, &made)
	return answer.StatusCode, made.Seq
}

// across is the time from a 201 of one node until a wall on another node has the case.
func (h *house) across(ctx context.Context) error {
	fmt.Printf("\n# across nodes: 16 writers at one node, a wall at another\n")
	one, err := h.serve(ctx)
	if err != nil {
		return err
	}
	defer one.stop()
	two, err := h.serve(ctx)
	if err != nil {
		return err
	}
	defer two.stop()
	conn, _, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+two.addr+"/live?topics=cases", http.Header{"Authorization": {"Bearer " + h.wall}})
	if err != nil {
		return err
	}
	defer conn.Close()
	var mu sync.Mutex
	answered, seen := map[int64]time.Time{}, map[int64]time.Time{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			_, text, err := conn.ReadMessage()
			if err != nil {
				return
			}
			now := time.Now()
			if text[0] != '[' {
				text = append(append([]byte{'['}, text...), ']')
			}
			var events []struct {
				Seq  int64
				Type string
			}
			json.Unmarshal(text, &events)
			mu.Lock()
			for _, e := range events {
				if e.Type == "case.reported" {
					seen[e.Seq] = now
				}
			}
			mu.Unlock()
		}
	}()
	t := h.crew(ctx, one.addr, 16, h.scale.ingest, func(seq int64) {
		mu.Lock()
		answered[seq] = time.Now()
		mu.Unlock()
	})
	time.Sleep(2 * time.Second)
	conn.Close()
	<-read
	var delays []float64
	missing := 0
	for seq, at := range answered {
		if s, ok := seen[seq]; ok {
			delays = append(delays, float64(s.Sub(at))/float64(time.Millisecond))
		} else {
			missing++
		}
	}
	slices.Sort(delays)
	if len(delays) == 0 {
		return fmt.Errorf("the wall saw none of %d cases", len(answered))
	}
	fmt.Printf("%.0f tx/s; %d of %d seen; from the 201 (below zero: the wall was first): p50 %.2f ms, p99 %.2f ms\n", t.perSecond, len(delays), len(answered), delays[len(delays)/2], delays[len(delays)*99/100])
	verdict("cases that the wall never saw", float64(missing), "≤", 0)
	verdict("from the 201 to a wall on another node, p99 ms", delays[len(delays)*99/100], "≤", 50)
	return nil
}

// overload sends three times what the queue takes: 4,096 changes wait at most.
func (h *house) overload(ctx context.Context) error {
	const queue, times = 4096, 3
	fmt.Printf("\n# overload: %d writers at once for %v, a queue of %d\n", times*queue, h.scale.overload, queue)
	s, err := h.serve(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	h.crew(ctx, s.addr, 64, 3*time.Second, nil)
	before := rss(s.pid()) / 1024
	var peak atomic.Int64
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		for watching.Err() == nil {
			peak.Store(max(peak.Load(), int64(rss(s.pid())/1024)))
			time.Sleep(200 * time.Millisecond)
		}
	})
	t := h.crew(ctx, s.addr, times*queue, h.scale.overload, nil)
	stop()
	watch.Wait()
	// What was accepted is kept, the open cases in memory too: a node that has just started says what they need.
	fresh, err := h.serve(ctx)
	if err != nil {
		return err
	}
	defer fresh.stop()
	after, needed := 0.0, 0.0
	for began := time.Now(); time.Since(began) < 90*time.Second; {
		h.crew(ctx, s.addr, 4, time.Second, nil) // a little work, so that the runtime collects
		h.crew(ctx, fresh.addr, 4, time.Second, nil)
		if after, needed = rss(s.pid())/1024, rss(fresh.pid())/1024; after <= 1.5*needed && time.Since(began) > 10*time.Second {
			break
		}
	}
	fmt.Printf("%.0f tx/s accepted, p50 %.0f ms, p99 %.0f ms; %d × 503, %d other; node %.0f MiB before, %d at most, %.0f afterwards, where one just started has %.0f\n", t.perSecond, t.p50, t.p99, t.refused, t.failed, before, peak.Load(), after, needed)
	verdict("answers that are neither 201 nor 503", float64(t.failed), "≤", 0)
	verdict("p99 of what was accepted, ms", t.p99, "≤", 10_000)
	verdict("memory afterwards, of a node just started", after/needed, "≤", 1.5)
	return nil
}

// profile shows where a node's processor time goes while 64 writers report with every rule on; the profile is left in the folder for temporary files.
func (h *house) profile(ctx context.Context) error {
	s, err := h.serve(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := h.withRules(ctx, s.addr); err != nil {
		return err
	}
	defer func() { h.ruled = nil }()
	h.crew(ctx, s.addr, 64, 3*time.Second, nil)
	length, file := 2*h.scale.ingest, filepath.Join(os.TempDir(), "gridwall-cpu.pprof")
	taken := make(chan error, 1)
	go func() {
		taken <- h.download(ctx, fmt.Sprintf("http://%s/debug/pprof/cpu?seconds=%.0f", s.addr, length.Seconds()-1), file)
	}()
	t := h.crew(ctx, s.addr, 64, length, nil)
	if err := <-taken; err != nil {
		return err
	}
	fmt.Printf("\n# profile: 64 writers with every rule, %.0f tx/s, ack p50 %.1f ms, p99 %.1f ms\n", t.perSecond, t.p50, t.p99)
	top := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-cum", "-nodecount", "60", file)
	top.Stdout, top.Stderr = os.Stdout, os.Stderr
	return top.Run()
}

func (h *house) download(ctx context.Context, url, name string) error {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+h.tokens[0])
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d %s", url, answer.StatusCode, text)
	}
	return os.WriteFile(name, text, 0o644)
}
