// Command bench measures the way of an event, ours beside others in one run: pushing it to many websockets, and taking
// reports in.
//
// Each server under test is a process of its own, whose CPU seconds and memory come from /proc; this process is the load:
// clients by epoll without a goroutine each, and writers over HTTP. Ours is the whole product: `gridwall serve` with
// sessions, rights and a PostgreSQL that syncs. Only ratios within one run mean something: machines are shared and noisy.
//
// It needs an administrator's DATABASE_URL, under which it makes databases of its own, and the built gridwall:
//
//	bin/gridwall postgres -- bench --gridwall=bin/gridwall all
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// scale is how long and how often things are measured.
type scale struct {
	rounds   int           // interleaved; medians are printed
	cell     time.Duration // one rate
	drain    time.Duration // what is left after that
	ingest   time.Duration // one number of writers
	overload time.Duration
}

var (
	quick = scale{1, 2 * time.Second, 4 * time.Second, 4 * time.Second, 15 * time.Second}
	full  = scale{3, 8 * time.Second, 12 * time.Second, 10 * time.Second, time.Minute}
)

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && servers[args[0]] != nil { // this very program as a server under test
		return servers[args[0]](ctx, args[1:])
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	bin := flags.String("gridwall", "../../../bin/gridwall", "the program under test")
	long := flags.Bool("full", false, "three interleaved rounds of longer measurements")
	sizes := flags.String("clients", "2000,10000", "numbers of clients to push to")
	rates := flags.String("rates", "1,10,50,200", "messages a second to push")
	rounds := flags.Int("rounds", 0, "rounds, interleaved (default 1, of the full measurement 3)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	h, err := open(ctx, *bin)
	if err != nil {
		return err
	}
	if h.sizes, err = numbers(*sizes); err != nil {
		return err
	}
	if h.rates, err = numbers(*rates); err != nil {
		return err
	}
	h.scale = quick
	if *long {
		h.scale = full
	}
	if *rounds > 0 {
		h.scale.rounds = *rounds
	}
	parts := flags.Args()
	if len(parts) == 0 || parts[0] == "all" {
		parts = []string{"push", "stalled", "return", "ingest", "rules", "overload"}
	}
	for _, part := range parts {
		do := map[string]func(context.Context) error{"push": h.push, "stalled": h.stalled, "return": h.comeBack, "ingest": h.ingest, "rules": h.rules, "alone": h.alone, "overload": h.overload, "profile": h.profile}[part]
		if do == nil {
			return errors.New("measure push, stalled, return, ingest, rules, alone, overload or all, or take a profile")
		}
		if err := do(ctx); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}
