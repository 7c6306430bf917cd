package main

import (
	"context"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// rounds plays all rounds, prints a line for each, and returns how many violations there were.
func (h *house) rounds(ctx context.Context) (found int, err error) {
	disk := "a loop mount is filled"
	if !h.cluster.mounted {
		disk = "no mount is permitted here: a limit of file sizes stands in for the full disk"
	}
	fmt.Printf("seed %d, %d nodes, %d writers, %d readers, %v a round; %s\n", h.seed, nodeCount, h.writers, h.options.readers, h.length, disk)
	fmt.Println("round faults   acked   /s  p50 ms  p99 ms  repeats  events      seen  live replay resync holes  quiet s  node MiB  own MiB  found")
	answers := map[string]int{}
	began := time.Now()
	acked := 0
	for round := 1; round <= h.options.rounds || acked < h.cases; round++ {
		line, err := h.play(ctx, round)
		if err != nil {
			return found, err
		}
		for what, n := range line.posted.answers {
			answers[what] += n
		}
		acked += len(line.posted.acks)
		found += len(line.found)
		line.print(round)
		for i, v := range line.found {
			if i < 5 {
				fmt.Printf("      VIOLATION %v\n", v)
			}
		}
		if len(line.found) > 0 {
			break
		}
		if ctx.Err() != nil {
			return found, context.Cause(ctx)
		}
	}
	if found == 0 {
		if err := h.everyAck(ctx); err != nil {
			found++
			fmt.Printf("VIOLATION %v\n", err)
		}
	}
	fmt.Printf("%d cases acknowledged in %v, %d violations; other answers:", acked, time.Since(began).Round(time.Second), found)
	for _, what := range slices.Sorted(maps.Keys(answers)) {
		fmt.Printf(" %s ×%d;", what, answers[what])
	}
	fmt.Printf("\nthe database met a full disk %d times\n", h.cluster.fullDisk())
	fmt.Println("faults:")
	for _, l := range h.lanes {
		for _, name := range slices.Sorted(maps.Keys(l.done)) {
			fmt.Printf("  %-36s %d\n", name, l.done[name])
		}
	}
	return found, nil
}

// line is what a round came to.
type line struct {
	harms  int
	posted posted
	tables *tables
	seen   int
	modes  map[string]int
	holes  int
	quiet  time.Duration
	length time.Duration
	node   int // MiB
	found  []violation
}

func (h *house) play(ctx context.Context, round int) (*line, error) {
	harms := 0
	for _, l := range h.lanes {
		harms -= l.total()
	}
	began := time.Now()
	if err := h.harmed(ctx, round); err != nil {
		return nil, err
	}
	l := &line{harms: harms, modes: map[string]int{}, length: time.Since(began)}
	for _, lane := range h.lanes {
		l.harms += lane.total()
	}
	began = time.Now()
	quiet := h.quiet(ctx, time.Minute)
	l.quiet = time.Since(began)
	l.posted = h.desk.take()
	var err error
	if l.tables, err = readTables(ctx, h.cluster.url(), h.from); err != nil {
		return nil, err
	}
	hist := &history{from: h.from, tables: l.tables, tries: l.posted.tries, late: h.late, faults: l.posted.faults}
	if quiet != nil {
		hist.faults = append(hist.faults, quiet.Error())
	}
	for i, r := range h.readers {
		f := followed{name: r.name, audience: h.who[i], state: r.table(), seen: r.take(), reached: r.reached()}
		l.seen += len(f.seen.events)
		l.holes += f.seen.holes
		for mode, n := range f.seen.modes {
			l.modes[mode] += n
		}
		if err := h.look(ctx, r, &f); err != nil {
			hist.faults = append(hist.faults, fmt.Sprintf("%s: a fresh page: %v", r.name, err))
		}
		if len(f.seen.audiences) > 0 {
			h.audiences = true
		}
		hist.readers = append(hist.readers, f)
	}
	if !h.audiences {
		log.Print("the server tells no audiences: jurisdictions and tables are not checked")
		for i := range hist.readers {
			hist.readers[i].audience.under = nil
		}
	}
	l.found = check(hist, h.open)
	h.from = l.tables.end
	for _, t := range l.posted.tries {
		if t.acked {
			h.acked = append(h.acked, ack{t.id, t.number})
		} else {
			h.late[t.key] = true
		}
	}
	for _, n := range h.nodes {
		pid, _ := n.running()
		mib := rssMiB(pid)
		l.node = max(l.node, mib)
		if mib > h.rssMiB {
			l.found = append(l.found, violation{"memory", fmt.Sprintf("%s holds %d MiB", n.name, mib)})
		}
	}
	return l, nil
}

// look opens a page afresh beside the reader, on any node.
func (h *house) look(ctx context.Context, r *reader, f *followed) error {
	if !f.audience.holds("case.reported", "", "") {
		f.state = nil // it has no table of cases
		return nil
	}
	var err error
	for range 5 {
		if f.fresh, _, err = r.fresh(ctx, r.nodes[r.random.IntN(len(r.nodes))]); err == nil {
			break
		}
		pause(ctx, 200*time.Millisecond)
	}
	if err == nil && f.fresh == nil { // the protocol before snapshots
		f.state = nil
	}
	return err
}

// everyAck reads the whole table once more: what earlier rounds acknowledged is there still, with its number.
func (h *house) everyAck(ctx context.Context) error {
	numbers, err := query(ctx, h.cluster.url(), `SELECT id || ' ' || number FROM case_file`)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(numbers))
	for _, n := range numbers {
		there[n] = true
	}
	for _, a := range h.acked {
		if name := fmt.Sprintf("%d %s", a.id, a.number); !there[name] {
			return fmt.Errorf("lost: case %s of an earlier round is gone", name)
		}
	}
	broken, err := query(ctx, h.cluster.url(), `SELECT seq::text FROM (`+brokenAfter+`) AS b`, int64(0), make([]byte, 32))
	if err != nil {
		return err
	}
	if len(broken) > 0 {
		return fmt.Errorf("log: the chain does not hold at event %s", strings.Join(broken, ","))
	}
	log.Printf("all %d acknowledged cases are stored, and the whole chain holds", len(h.acked))
	return nil
}

func (l *line) print(round int) {
	ms := func(q float64) float64 { return float64(quantile(l.posted.acks, q)) / float64(time.Millisecond) }
	fmt.Printf("%5d %6d %7d %4.0f %7.1f %7.0f %8d %7d %9d %5d %6d %6d %5d %8.1f %9d %8d  %d\n", round, l.harms, len(l.posted.acks), float64(len(l.posted.acks))/l.length.Seconds(),
		ms(0.5), ms(0.99), l.posted.repeats, len(l.tables.log), l.seen, l.modes["live"], l.modes["replay"], l.modes["resync"], l.holes, l.quiet.Seconds(), l.node, rssMiB(os.Getpid()), len(l.found))
}
