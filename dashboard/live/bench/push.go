package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
)

// contender is a server that pushes.
type contender struct {
	name    string
	start   func(ctx context.Context) (*server, error)
	target  func(addr string) target
	publish func(ctx context.Context, addr string, text []byte) error
}

// messageSize is what clients get of each message, in bytes; ours wraps it into an event's frame, about 90 bytes more.
const messageSize = 300

func (h *house) contenders() []contender {
	rival := func(name, kind string, to target, args ...string) contender {
		return contender{name,
			func(ctx context.Context) (*server, error) { return h.rival(ctx, kind, args...) },
			func(addr string) target { to.addr = addr; return to },
			func(ctx context.Context, addr string, text []byte) error {
				return post(ctx, "http://"+addr+"/publish", text)
			}}
	}
	centrifuge := target{path: "/ws", protocol: "centrifuge-json", hello: `{"id":1,"connect":{}}`}
	return []contender{
		{"ours", h.serve,
			func(addr string) target {
				return target{addr: addr, path: "/live?topics=wall", header: "Authorization: Bearer " + h.wall + "\r\n"}
			},
			func(ctx context.Context, _ string, text []byte) error { return h.write(ctx, text) }},
		rival("centrifuge", "serve-centrifuge", centrifuge),
		rival("centrifuge 20 ms", "serve-centrifuge", centrifuge, "-delay", "20ms"),
		rival("gorilla", "serve-gorilla", target{path: "/ws"}),
	}
}

// write brings a message into the log, as reports come into it: ours pays for PostgreSQL, the others do not.
func (h *house) write(ctx context.Context, text []byte) error {
	_, err := h.writer.Submit(ctx, &messages, json.RawMessage(text), true)
	return err
}

// messages needs to ask nothing.
var messages = live.Clerk{
	Take:  func(_ *pgx.Batch, entries []*live.Entry) func(*live.Batch) { return tell(entries) },
	Guess: func(_ []byte, entries []*live.Entry) func(*live.Batch) { return tell(entries) },
}

func tell(entries []*live.Entry) func(*live.Batch) {
	return func(b *live.Batch) {
		for _, e := range entries {
			b.Append(e, live.Draft{Type: "wall.bench", At: time.Now(), Data: e.Ask})
		}
	}
}

func post(ctx context.Context, url string, text []byte) error {
	req, err := http.NewRequestWithContext(ctx, "POST", url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	if answer.StatusCode >= 300 {
		return errors.New(answer.Status)
	}
	return nil
}

// next makes the next message; at is when it should have been sent.
func (h *house) next(at time.Time) []byte {
	h.seq++
	text := fmt.Sprintf(`{"ts":%d,"seq":%d,"text":"`, at.UnixNano(), h.seq)
	return []byte(text + strings.Repeat("x", max(0, messageSize-len(text)-2)) + `"}`)
}

// cell is one server with so many clients at one rate.
type cell struct {
	server  string
	clients int
	rate    int
}

// figures of a cell.
type figures struct {
	perSecond, p50, p99, last float64 // deliveries; ms; ms until the last client had a message, median
	cpu                       float64 // seconds per million deliveries
	kib                       float64 // a client
	complete                  float64 // part of all deliveries that were due, also of messages that a server was too busy to take
	closed                    int
	gaps                      int64
}

// numbers are those of a comma-separated list.
func numbers(list string) (all []int, err error) {
	for part := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("%q is no list of numbers like 2000,10000", list)
		}
		all = append(all, n)
	}
	return all, nil
}

func (h *house) push(ctx context.Context) error {
	fmt.Printf("\n# push: %d-byte messages, %d round(s) of %v a rate; ours through PostgreSQL with fsync, the others by a POST\n", messageSize, h.rounds, h.cell)
	all := map[cell][]figures{}
	for range h.rounds {
		for _, n := range h.sizes {
			for _, c := range h.contenders() {
				if err := h.measure(ctx, c, n, 0, h.rates, func(rate int, f figures) {
					all[cell{c.name, n, rate}] = append(all[cell{c.name, n, rate}], f)
				}); err != nil {
					return fmt.Errorf("%s, %d clients: %w", c.name, n, err)
				}
			}
		}
	}
	fmt.Println("clients rate  server            delivered/s complete   p50 ms    p99 ms   last ms  CPU-s/M  KiB/client  CPU of tuned")
	middle := map[cell]figures{}
	for k, v := range all {
		middle[k] = median(v)
	}
	for _, n := range h.sizes {
		for _, rate := range h.rates {
			tuned := middle[cell{"centrifuge 20 ms", n, rate}]
			for _, c := range h.contenders() {
				f := middle[cell{c.name, n, rate}]
				fmt.Printf("%7d %4d  %-17s %11.0f %7.1f%% %8.2f %9.1f %9.1f %8.2f %11.1f %13.2f\n", n, rate, c.name, f.perSecond, 100*f.complete, f.p50, f.p99, f.last, f.cpu, f.kib, f.cpu/tuned.cpu)
			}
		}
	}
	at := func(name string, n, rate int) figures { return middle[cell{name, n, rate}] }
	measured := func(n, rate int) bool { return slices.Contains(h.sizes, n) && slices.Contains(h.rates, rate) }
	best := func(n, rate int, of func(figures) float64) float64 {
		return min(of(at("centrifuge", n, rate)), of(at("centrifuge 20 ms", n, rate)))
	}
	if measured(10000, 50) {
		big := at("ours", 10000, 50)
		verdict("CPU per million at 10,000 × 50/s, of tuned centrifuge", big.cpu/at("centrifuge 20 ms", 10000, 50).cpu, "≤", 1.0/3)
		verdict("part delivered at 10,000 × 50/s", big.complete, "≥", 1)
		verdict("p99 at 10,000 × 50/s, ms", big.p99, "≤", 500)
		verdict("KiB a client", big.kib, "≤", 12)
	}
	if measured(2000, 10) {
		p99 := func(f figures) float64 { return f.p99 }
		verdict("p99 at 2,000 × 10/s, of the better centrifuge", at("ours", 2000, 10).p99/best(2000, 10, p99), "≤", 0.8)
	}
	if measured(10000, 1) {
		last := func(f figures) float64 { return f.last }
		verdict("one event to the last of 10,000, of the better centrifuge", at("ours", 10000, 1).last/best(10000, 1, last), "≤", 0.8)
	}
	return nil
}

// measure runs one server with n clients through the rates.
func (h *house) measure(ctx context.Context, c contender, n, stalled int, rates []int, take func(rate int, f figures)) error {
	s, err := c.start(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	before := rss(s.pid())
	crowd, err := connect(c.target(s.addr), n, stalled)
	if err != nil {
		return err
	}
	defer crowd.close()
	time.Sleep(time.Second)
	kib := (rss(s.pid()) - before) / float64(n)
	for range 3 { // warm
		if err := c.publish(ctx, s.addr, h.next(time.Now())); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
	crowd.take()
	for _, rate := range h.rates {
		f, err := h.rate(ctx, c, s, crowd, rate)
		if err != nil {
			return err
		}
		f.kib = kib
		take(rate, f)
	}
	return nil
}

// rate publishes at a fixed rate whether or not the server keeps up, then waits for what is left.
func (h *house) rate(ctx context.Context, c contender, s *server, crowd *clients, rate int) (figures, error) {
	total := max(2, int(float64(rate)*h.cell.Seconds()))
	k := &track{first: h.seq + 1, sent: make([]int64, total), count: make([]int32, total), last: make([]int64, total)}
	crowd.track.Store(k)
	cpu, began := cpuSeconds(s.pid()), time.Now()
	sent := 0
	for i := range total {
		at := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(at))
		if time.Since(began) > 3*h.cell+time.Second {
			break
		}
		k.sent[i] = at.UnixNano()
		if err := c.publish(ctx, s.addr, h.next(at)); err != nil {
			return figures{}, err
		}
		sent++
	}
	want := int64(sent) * int64(crowd.reading)
	for limit := time.Now().Add(h.drain); crowd.delivered() < want && time.Now().Before(limit); {
		time.Sleep(5 * time.Millisecond)
	}
	wall := time.Since(began).Seconds()
	cpu = cpuSeconds(s.pid()) - cpu
	crowd.track.Store(nil)
	delays, closed, gaps := crowd.take()
	var last []float64
	for i := range sent {
		if int(k.count[i]) >= crowd.reading {
			last = append(last, float64(k.last[i]-k.sent[i])/1e6)
		}
	}
	f := figures{perSecond: float64(delays.n) / wall, p50: delays.quantile(0.5), p99: delays.quantile(0.99), last: middleOf(last),
		cpu: cpu / float64(max(delays.n, 1)) * 1e6, complete: float64(delays.n) / float64(total*crowd.reading), closed: closed, gaps: gaps}
	return f, nil
}

// stalled says what 5 clients that never read do to 195 others.
func (h *house) stalled(ctx context.Context) error {
	fmt.Printf("\n# stalled: 200 clients, 5 of them never read; 50 messages a second\n")
	ours := h.contenders()[0]
	var with, without []figures
	for range max(3, h.rounds) {
		for _, stalled := range []int{0, 5} {
			if err := h.measure(ctx, ours, 200, stalled, []int{50}, func(_ int, f figures) {
				if stalled == 0 {
					without = append(without, f)
				} else {
					with = append(with, f)
				}
			}); err != nil {
				return err
			}
		}
	}
	a, b := median(without), median(with)
	fmt.Printf("all read: p50 %.2f ms, p99 %.2f ms; 5 stalled: p50 %.2f ms, p99 %.2f ms, delivered %.1f %%\n", a.p50, a.p99, b.p50, b.p99, 100*b.complete)
	verdict("p99 of the others, with and without stalled clients", b.p99/a.p99, "≤", 1.2)
	return nil
}

// comeBack lets 10,000 clients come at once for the snapshots of all topics. They take deflated frames, as every browser
// does, and do not inflate them: they stand for other machines.
func (h *house) comeBack(ctx context.Context) error {
	fmt.Printf("\n# return: 10,000 clients come at once, for all topics\n")
	ours := h.contenders()[0]
	s, err := ours.start(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	h.crew(ctx, s.addr, 4, time.Second, nil)
	made, err := h.metric(ctx, s, "gridwall_live_snapshots_total")
	if err != nil {
		return err
	}
	all := ours.target(s.addr)
	all.path = "/live"
	all.header += "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	began := time.Now()
	crowd, err := connect(all, 10000, 0)
	if err != nil {
		return err
	}
	defer crowd.close()
	for crowd.complete() < crowd.reading && time.Since(began) < time.Minute {
		time.Sleep(5 * time.Millisecond)
	}
	verdict("seconds until all have their snapshots", time.Since(began).Seconds(), "≤", 15)
	now, err := h.metric(ctx, s, "gridwall_live_snapshots_total")
	fmt.Printf("snapshots made for them, one a second at most: %.0f\n", now-made)
	return err
}

// metric reads one number of a node's metrics.
func (h *house) metric(ctx context.Context, s *server, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+h.tokens[0])
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}

func verdict(what string, got float64, sign string, want float64) {
	ok := got <= want
	if sign == "≥" {
		ok = got >= want
	}
	word := "ok"
	if !ok {
		word = "MISS"
	}
	fmt.Printf("%-70s %10.3f  %s %.3f  %s\n", what, got, sign, want, word)
}

func middleOf(v []float64) float64 {
	if len(v) == 0 {
		return math.Inf(1)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func median(rounds []figures) (m figures) {
	pick := func(of func(figures) float64) float64 {
		var v []float64
		for _, f := range rounds {
			v = append(v, of(f))
		}
		return middleOf(v)
	}
	m.perSecond, m.p50, m.p99 = pick(func(f figures) float64 { return f.perSecond }), pick(func(f figures) float64 { return f.p50 }), pick(func(f figures) float64 { return f.p99 })
	m.last, m.cpu, m.kib = pick(func(f figures) float64 { return f.last }), pick(func(f figures) float64 { return f.cpu }), pick(func(f figures) float64 { return f.kib })
	m.complete = pick(func(f figures) float64 { return f.complete })
	return m
}
