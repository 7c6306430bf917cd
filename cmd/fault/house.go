package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// node is a gridwall process with a proxy on either side.
type node struct {
	process
	db, web *proxy
}

// house is everything that runs: the database, the nodes, those who write and those who read.
type house struct {
	options
	cluster *cluster
	nodes   []*node
	desk    *desk
	readers []*reader
	lanes   []*lane
	who     []audience // of the readers
	end     context.CancelFunc
	running *errgroup.Group
	reading *errgroup.Group
	unread  context.CancelFunc

	audiences bool // the server tells them

	from  mark
	open  map[string]openCase
	late  map[string]bool
	acked []ack
}

// ack is a case that must be there at the end.
type ack struct {
	id     int64
	number string
}

// nodeCount is how many nodes there are.
const nodeCount = 3

// raise starts the database, fills it, and starts the nodes and the readers.
func raise(ctx context.Context, o options) (*house, error) {
	h := &house{options: o, open: map[string]openCase{}, late: map[string]bool{}}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	h.end = end
	h.running = new(errgroup.Group)
	var err error
	if h.cluster, err = newCluster(o.dir); err != nil {
		return nil, err
	}
	h.running.Go(func() error { return h.cluster.run(life) })
	if err := h.settle(ctx, life); err != nil {
		return nil, errors.Join(err, h.lower())
	}
	return h, nil
}

func (h *house) settle(ctx, life context.Context) error {
	start, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("start"))
	defer cancel()
	if err := h.cluster.ready(start); err != nil {
		return err
	}
	town := town{h.bin, h.cluster.url(), h.dir}
	if err := town.settle(ctx); err != nil {
		return err
	}
	operator, err := town.account(ctx, "admin", "admin", "")
	if err != nil {
		return err
	}
	server := newProxyServer()
	var web []string
	for i := range nodeCount {
		n, err := h.newNode(fmt.Sprintf("node %d", i+1), func(name, upstream string) (*proxy, error) { return newProxy(server, name, upstream) })
		if err != nil {
			return err
		}
		h.nodes = append(h.nodes, n)
		web = append(web, n.web.Listen)
		h.running.Go(func() error { return n.run(life) })
	}
	var addresses, sockets []string
	for _, a := range web {
		addresses, sockets = append(addresses, "http://"+a), append(sockets, "ws://"+a)
	}
	if err := h.await(start, addresses); err != nil {
		return err
	}
	if h.haproxy != "" {
		front := h.front(web)
		h.running.Go(func() error { return front.run(life) })
		addresses, sockets = []string{"http://" + front.addr}, []string{"ws://" + front.addr}
		if err := h.await(start, addresses); err != nil {
			return err
		}
	}
	h.desk = newDesk(addresses, operator)
	if err := h.admit(ctx, town, addresses[0], sockets); err != nil {
		return err
	}
	first, err := readTables(ctx, h.cluster.url(), mark{hash: make([]byte, 32)})
	if err != nil {
		return err
	}
	h.from = first.end
	if !h.calm {
		h.lanes = []*lane{newLane(machines(h.cluster, h.nodes), h.seed, 1, h.say), newLane(wires(h.nodes), h.seed, 2, h.say)}
	}
	return h.read(life)
}

func (h *house) newNode(name string, wire func(name, upstream string) (*proxy, error)) (*node, error) {
	addr := freeAddr()
	n := &node{}
	var err error
	if n.db, err = wire(name+" to the database", h.cluster.addr); err != nil {
		return nil, err
	}
	if n.web, err = wire("clients to "+name, addr); err != nil {
		return nil, err
	}
	base := filepath.Join(h.dir, strings.ReplaceAll(name, " ", "-"))
	n.process = process{name: name, end: syscall.SIGTERM, logfile: base + ".log", command: func() *exec.Cmd {
		cmd := exec.Command(h.bin, "serve", "--addr="+addr, "--data-dir="+base)
		cmd.Env = append(os.Environ(), "DATABASE_URL="+h.cluster.through(n.db.Listen))
		return cmd
	}}
	return n, nil
}

// front is one address before all nodes, as .deploy has it.
type front struct {
	process
	addr string
}

func (h *house) front(nodes []string) *front {
	f := &front{addr: freeAddr()}
	f.process = process{name: "haproxy", end: syscall.SIGTERM, logfile: filepath.Join(h.dir, "haproxy.log"), command: func() *exec.Cmd {
		cmd := exec.Command("haproxy", "-db", "-f", h.haproxy)
		cmd.Env = append(os.Environ(), "PROXY="+f.addr)
		for i, n := range nodes {
			cmd.Env = append(cmd.Env, fmt.Sprintf("NODE%d=%s", i+1, n))
		}
		return cmd
	}}
	return f
}

// await waits until every node answers.
func (h *house) await(ctx context.Context, addresses []string) error {
	for _, a := range addresses {
		for {
			answer, err := http.Get(a + "/healthz")
			if err == nil {
				answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					break
				}
			}
			if ctx.Err() != nil {
				return fmt.Errorf("%s does not come up: %w", a, context.Cause(ctx))
			}
			pause(ctx, 50*time.Millisecond)
		}
	}
	return nil
}

// admit makes the readers: those who see all, walls, officers of streets and of cells, and some who want only some topics.
func (h *house) admit(ctx context.Context, t town, address string, sockets []string) error {
	var kinds []who
	add := func(name, role, grid string, topics ...string) error {
		token, err := "", error(nil)
		if role == "wall" {
			token, err = t.wall(ctx, name)
		} else {
			token, err = t.account(ctx, name, role, grid)
		}
		if err != nil {
			return err
		}
		rights, err := rightsOf(address, token)
		if err != nil {
			return err
		}
		for _, topic := range topics {
			kinds = append(kinds, who{name: name + " " + topic, token: token, topics: topic, grid: grid, rights: rights})
		}
		return nil
	}
	for _, a := range []struct{ name, role, grid, topics string }{
		{"operator", "operator", "", " ,cases"}, {"wall-1", "wall", "", " ,cases"}, {"leader", "leader", "", "cameras+geo+wall"}, {"integrator", "integrator", "", " "},
		{"officer-1", "officer", street(0), " "}, {"officer-2", "officer", street(1), "cases"}, {"officer-3", "officer", cell(2, 0), " ,cases"},
		{"specialist-1", "specialist", street(3), " ,cameras"}, {"officer-4", "officer", cell(4, 3), "cases+cameras"}, {"officer-5", "officer", street(5), " "},
	} {
		var topics []string
		for topic := range strings.SplitSeq(a.topics, ",") {
			topics = append(topics, strings.TrimSpace(strings.ReplaceAll(topic, "+", ",")))
		}
		if err := add(a.name, a.role, a.grid, topics...); err != nil {
			return err
		}
	}
	// Each kind once; who else follows is of those who see a part, or following itself would be what the machine does.
	narrow := slices.DeleteFunc(slices.Clone(kinds), func(w who) bool {
		return w.grid == "" && w.rights["case.read"] && (w.topics == "" || strings.Contains(w.topics, "cases"))
	})
	cache := new(caseCache)
	for i := range h.options.readers {
		w := kinds[min(i, len(kinds)-1)]
		if i >= len(kinds) {
			w = narrow[i%len(narrow)]
		}
		a := audience{rights: w.rights}
		if w.topics != "" {
			a.topics = map[string]bool{}
			for topic := range strings.SplitSeq(w.topics, ",") {
				a.topics[topic] = true
			}
		}
		if w.grid != "" {
			codes, err := query(ctx, h.cluster.url(), subtree, w.grid)
			if err != nil {
				return err
			}
			a.under = map[string]bool{}
			for _, code := range codes {
				a.under[code] = true
			}
		}
		w.name = fmt.Sprintf("reader %d (%s)", i+1, strings.TrimSpace(w.name))
		h.readers = append(h.readers, newReader(w, sockets, h.seed+uint64(i), cache))
		h.who = append(h.who, a)
	}
	return nil
}

func rightsOf(address, token string) (map[string]bool, error) {
	req, err := http.NewRequest("GET", address+"/api/v1/session", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var in struct{ Account struct{ Rights []string } }
	if err := json.NewDecoder(answer.Body).Decode(&in); err != nil || len(in.Account.Rights) == 0 {
		return nil, fmt.Errorf("session: %s, %v", answer.Status, err)
	}
	rights := map[string]bool{}
	for _, r := range in.Account.Rights {
		rights[r] = true
	}
	return rights, nil
}

// read starts the readers; they follow over all rounds.
func (h *house) read(life context.Context) error {
	ctx, unread := context.WithCancel(life)
	h.unread, h.reading = unread, new(errgroup.Group)
	for _, r := range h.readers {
		h.reading.Go(func() error { return r.run(ctx) })
	}
	return h.quiet(life, 20*time.Second)
}

// quiet waits until every reader knows the log to its end.
func (h *house) quiet(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		head, err := heads(ctx, h.cluster.url())
		if err == nil {
			behind := 0
			for _, r := range h.readers {
				if r.reached() < head {
					behind++
				}
			}
			if behind == 0 {
				return nil
			}
			err = fmt.Errorf("%d readers are behind event %d", behind, head)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("no quiet in %v: %w", limit, err)
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// lower stops everything, readers first.
func (h *house) lower() error {
	if h.unread != nil {
		h.unread()
		h.reading.Wait()
	}
	h.end()
	err := h.running.Wait()
	for _, n := range h.nodes {
		n.db.Stop()
		n.web.Stop()
	}
	return errors.Join(err, h.cluster.unmount())
}

// harmed writes while the lanes harm, then heals and waits for the writers to have their answers.
func (h *house) harmed(ctx context.Context, round int) error {
	stop := make(chan struct{})
	insisting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var writers sync.WaitGroup
	for w := range h.options.writers {
		writers.Go(func() {
			h.desk.write(insisting, stop, fmt.Sprintf("%d-%d-%d", h.seed, round, w), rand.New(rand.NewPCG(h.seed, uint64(round<<16|w))))
		})
	}
	writers.Go(func() { h.desk.putter(insisting, stop, rand.New(rand.NewPCG(h.seed, uint64(round)))) })
	harming, heal := context.WithTimeout(ctx, h.length)
	defer heal()
	go h.watch(harming)
	var lanes errgroup.Group
	for _, l := range h.lanes {
		lanes.Go(func() error { return l.run(harming) })
	}
	err := lanes.Wait()
	<-harming.Done()
	close(stop)
	answered := make(chan struct{})
	go func() { writers.Wait(); close(answered) }()
	select {
	case <-answered:
	case <-time.After(time.Minute):
		log.Print("some writers have had no answer for a minute after healing")
		giveUp()
		<-answered
	}
	return err
}

// watch tells each second how many cases were acknowledged.
func (h *house) watch(ctx context.Context) {
	for before := h.desk.acked(); ctx.Err() == nil; {
		pause(ctx, time.Second)
		now := h.desk.acked()
		h.say("%d cases acknowledged in a second", now-before)
		before = now
	}
}

// say tells who watches what happens.
func (h *house) say(format string, args ...any) {
	if h.watched {
		log.Printf(format, args...)
	}
}
