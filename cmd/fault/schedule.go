package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// harm is one kind of fault: it harms, waits, and heals.
type harm struct {
	name string
	do   func(ctx context.Context, random *rand.Rand) error
}

// between waits for a time between the two, in milliseconds, even when ctx ends later: harm is always healed.
func between(ctx context.Context, random *rand.Rand, least, most int) {
	pause(ctx, time.Duration(least+random.IntN(most-least+1))*time.Millisecond)
}

// machines are the harms to processes and the disk, one at a time.
func machines(c *cluster, nodes []*node) []harm {
	harms := []harm{
		{"kill -9 postgres", func(ctx context.Context, random *rand.Rand) error {
			c.hold()
			c.crash()
			between(ctx, random, 100, 2000)
			c.release()
			return nil
		}},
		{"kill -9 a backend", func(ctx context.Context, random *rand.Rand) error {
			c.crashBackend(random)
			between(ctx, random, 500, 1500)
			return nil
		}},
		{"disk full", func(ctx context.Context, random *rand.Rand) error {
			free, err := c.fill()
			if err != nil {
				return err
			}
			between(ctx, random, 2000, 5000)
			free()
			return nil
		}},
	}
	for _, n := range nodes {
		harms = append(harms, harm{"kill -9 " + n.name, func(ctx context.Context, random *rand.Rand) error {
			n.hold()
			n.signal(syscall.SIGKILL)
			between(ctx, random, 100, 2000)
			n.release()
			return nil
		}}, harm{"SIGSTOP " + n.name, func(ctx context.Context, random *rand.Rand) error {
			n.signal(syscall.SIGSTOP)
			between(ctx, random, 500, 6000)
			n.signal(syscall.SIGCONT)
			return nil
		}})
	}
	return harms
}

// wires are the harms to connections, one at a time: between a node and the database, and between clients and a node.
func wires(nodes []*node) (harms []harm) {
	for _, n := range nodes {
		for _, p := range []*proxy{n.db, n.web} {
			// What tells that the thing was done: a commit, or an insert outside a transaction; a case or a move that was stored.
			marks := `["COMMIT\u0000","INSERT 0 "]`
			if p == n.web {
				marks = `["HTTP/1.1 201","HTTP/1.1 200"]`
			}
			for _, h := range []struct {
				name, kind, stream, attributes string
				least, most                    int
			}{
				{"latency", "latency", "downstream", `{"latency":80,"jitter":60}`, 1000, 4000},
				{"reset", "reset_peer", "downstream", `{"timeout":0}`, 100, 800},
				{"black hole up", "timeout", "upstream", `{"timeout":0}`, 1000, 6000},
				{"black hole down", "timeout", "downstream", `{"timeout":0}`, 1000, 6000},
				{"answers lost", "lost_answer", "downstream", `{"one_in":20,"marks":` + marks + `}`, 1000, 4000},
			} {
				harms = append(harms, harm{h.name + " " + p.name, func(ctx context.Context, random *rand.Rand) error {
					heal, err := p.spoil(h.kind, h.stream, h.attributes)
					if err != nil {
						return err
					}
					between(ctx, random, h.least, h.most)
					heal()
					return nil
				}})
			}
		}
	}
	return harms
}

// lane does harms of a kind one after the other, each once before any comes again.
type lane struct {
	harms  []harm
	random *rand.Rand
	bag    []harm
	say    func(format string, args ...any) // for who watches
	mu     sync.Mutex
	done   map[string]int
}

func newLane(harms []harm, seed, n uint64, say func(format string, args ...any)) *lane {
	return &lane{harms: harms, say: say, random: rand.New(rand.NewPCG(seed, n)), done: map[string]int{}}
}

// run harms until ctx ends; what is under way is healed before it returns.
func (l *lane) run(ctx context.Context) error {
	for {
		between(ctx, l.random, 500, 3500)
		if ctx.Err() != nil {
			return nil
		}
		if len(l.bag) == 0 {
			l.bag = append(l.bag, l.harms...)
			l.random.Shuffle(len(l.bag), func(i, j int) { l.bag[i], l.bag[j] = l.bag[j], l.bag[i] })
		}
		h := l.bag[0]
		l.bag = l.bag[1:]
		l.say("%s …", h.name)
		if err := h.do(ctx, l.random); err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
		l.say("… %s is over", h.name)
		l.mu.Lock()
		l.done[h.name]++
		l.mu.Unlock()
	}
}

func (l *lane) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.done {
		n += k
	}
	return n
}
