package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// patience is how long a writer waits for an answer before it asks another node.
const patience = 4 * time.Second

// try is a report that a writer has sent, once or often, always with the same key.
type try struct {
	key    string
	acked  bool
	id     int64
	number string
	seq    int64
	moved  bool // its move was acknowledged
}

// posted is what the writers did in a round.
type posted struct {
	tries   []try
	acks    []time.Duration // from the first sending to the answer
	answers map[string]int  // what other than success came back: a status, or "cut"
	faults  []string
	repeats int // sendings after the first
}

// visitor is a writer's choice of a node: as clients do, it stays with one that answers, and now and then it comes to another.
// Were each request sent to a node by chance, all writers would soon wait at the one that is ill.
type visitor struct {
	*rand.Rand
	node, left int
}

const stay = 50

func (v *visitor) visit(nodes []string) string {
	if v.left--; v.left < 0 {
		v.node, v.left = v.IntN(len(nodes)), stay
	}
	return nodes[v.node]
}

func (v *visitor) leave(nodes []string) { v.node, v.left = (v.node+1)%len(nodes), stay }

// desk is where writers keep what they did.
type desk struct {
	client *http.Client
	nodes  []string
	token  string
	places []place

	mu sync.Mutex
	posted
}

func newDesk(nodes []string, token string) *desk {
	transport := &http.Transport{MaxIdleConnsPerHost: 96, ResponseHeaderTimeout: patience}
	d := &desk{client: &http.Client{Transport: transport, Timeout: patience}, nodes: nodes, token: token, places: places()}
	d.take()
	return d
}

func (d *desk) take() posted {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.posted
	d.posted = posted{answers: map[string]int{}}
	return was
}

// write posts one case after the other until stop is closed; what is under way is asked for until it is answered or ctx
// ends. All but the last case of a round are moved to their end, so that the table of open cases stays small.
func (d *desk) write(ctx context.Context, stop <-chan struct{}, name string, random *rand.Rand) {
	v := &visitor{Rand: random}
	for n := 0; ; n++ {
		at := d.places[random.IntN(len(d.places))]
		t := try{key: name + "-" + strconv.Itoa(n)}
		d.report(ctx, &t, at, v)
		select {
		case <-stop:
			d.keep(t)
			return
		default:
		}
		if t.acked {
			t.moved = d.move(ctx, t, v)
		}
		d.keep(t)
	}
}

func (d *desk) keep(t try) {
	d.mu.Lock()
	d.tries = append(d.tries, t)
	d.mu.Unlock()
}

func (d *desk) report(ctx context.Context, t *try, at place, v *visitor) {
	body, err := json.Marshal(map[string]any{"flow": "incident", "priority": "normal", "title": "污水外溢 " + at.cell, "description": t.key,
		"location": map[string]float64{"lon": at.lon, "lat": at.lat}})
	if err != nil {
		panic(err) // words and numbers
	}
	began := time.Now()
	var made struct {
		ID     int64
		Number string
		Seq    int64
	}
	status := d.insist(ctx, "/api/v1/cases", t.key, body, &made, v, nil)
	switch status {
	case 0: // never answered
	case http.StatusCreated:
		t.acked, t.id, t.number, t.seq = true, made.ID, made.Number, made.Seq
		d.mu.Lock()
		d.acks = append(d.acks, time.Since(began))
		d.mu.Unlock()
	default:
		d.fault("the report %s was answered %d", t.key, status)
	}
}

// move closes a case with one move. A repeated move is refused, and then the case shows that the first was done.
func (d *desk) move(ctx context.Context, t try, v *visitor) bool {
	path := fmt.Sprintf("/api/v1/cases/%d", t.id)
	status := d.insist(ctx, path+"/moves", t.key+"-move", []byte(`{"move":"reject","note":"不属于受理范围"}`), nil, v, func(node string) bool {
		var c struct{ State string }
		return d.send(ctx, node, "GET", path, "", nil, &c) == http.StatusOK && c.State == "rejected"
	})
	if status != 0 && status != http.StatusOK {
		d.fault("the move of %s (case %d) was answered %d", t.key, t.id, status)
	}
	return status == http.StatusOK
}

// insist sends a request with its key to one node after the other until it is answered for good, and returns the status;
// 0 when ctx ended before. done asks whether a refused repetition means that the first sending was carried out.
func (d *desk) insist(ctx context.Context, path, key string, body []byte, into any, v *visitor, done func(node string) bool) int {
	for n := 0; ctx.Err() == nil; n++ {
		if n > 0 {
			d.mu.Lock()
			d.repeats++
			d.mu.Unlock()
		}
		node := v.visit(d.nodes)
		status := d.send(ctx, node, "POST", path, key, body, into)
		switch {
		case status == http.StatusOK || status == http.StatusCreated:
			return status
		case status == http.StatusConflict && done != nil: // the transport repeats by itself what a reset cut, so the first may have been refused too
			if done(node) {
				return http.StatusOK
			}
			if n > 50 {
				return status
			}
		case status >= 400 && status < 500 && status != http.StatusTooManyRequests:
			return status
		}
		wait := time.Duration(20+v.IntN(100)) * time.Millisecond
		if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
			wait += time.Duration(v.IntN(900)) * time.Millisecond // Retry-After is 1 s; the nodes are three
		}
		pause(ctx, wait)
		v.leave(d.nodes)
	}
	return 0
}

// send asks once. It returns the status, 0 when there was no answer or not a whole one.
func (d *desk) send(ctx context.Context, node, method, path, key string, body []byte, into any) (status int) {
	req, err := http.NewRequestWithContext(ctx, method, node+path, bytes.NewReader(body))
	if err != nil {
		panic(err) // our own addresses
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
		req.Header.Set("Content-Type", "application/json")
	}
	what := "cut"
	defer func() {
		if status != http.StatusOK && status != http.StatusCreated {
			d.mu.Lock()
			d.answers[what]++
			d.mu.Unlock()
		}
	}()
	answer, err := d.client.Do(req)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0
	}
	what = strconv.Itoa(answer.StatusCode)
	if answer.StatusCode >= 300 {
		var problem struct{ Code string }
		if json.Unmarshal(text, &problem) == nil && problem.Code != "" {
			what += " " + problem.Code
		}
		return answer.StatusCode
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			return 0
		}
	}
	return answer.StatusCode
}

func (d *desk) acked() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.acks)
}

func (d *desk) fault(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.faults) < 20 {
		d.faults = append(d.faults, fmt.Sprintf(format, args...))
	}
}

// putter changes a camera and the wall now and then, so that other topics than cases have events.
func (d *desk) putter(ctx context.Context, stop <-chan struct{}, random *rand.Rand) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(500 * time.Millisecond):
		}
		at := d.places[random.IntN(len(d.places))]
		body, _ := json.Marshal(map[string]any{"id": fmt.Sprintf("fault-%d", random.IntN(20)), "name": fmt.Sprintf("摄像机 %d", n), "lon": at.lon, "lat": at.lat})
		d.send(ctx, d.nodes[random.IntN(len(d.nodes))], "POST", "/api/v1/cameras", "camera", body, nil)
	}
}

// quantile of durations; they are sorted in place.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, int(q*float64(len(d))))]
}
