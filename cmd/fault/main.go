// Command fault proves from outside that the product keeps its word under faults: what was acknowledged is stored once,
// and every reader sees exactly its audience's events, once, in one order.
//
// A run: it starts a PostgreSQL of its own and three gridwall nodes, each behind two fault proxies (to the database, to
// its clients); 64 writers post and close cases over HTTP, 50 readers follow by websocket. In each round two lanes of
// faults run from a seed: kill -9, SIGSTOP and a full disk; latency, resets, black holes and lost answers on the wires.
// Then everything is healed, and once it is quiet the checker compares what was tried, answered, stored and seen. The
// first violation of a round is printed and the run fails.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetFlags(log.Ltime)
	var o options
	flag.StringVar(&o.bin, "gridwall", "../../bin/gridwall", "the program under test")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of faults")
	flag.IntVar(&o.cases, "cases", 0, "go on past the rounds until so many cases were acknowledged")
	flag.DurationVar(&o.length, "length", 25*time.Second, "length of a round's faults")
	flag.IntVar(&o.writers, "writers", 64, "writers")
	flag.IntVar(&o.readers, "readers", 50, "readers")
	flag.IntVar(&o.rssMiB, "rss", 768, "memory that a node may hold after a round, MiB")
	flag.StringVar(&o.haproxy, "haproxy", "", "haproxy configuration: clients know its address alone")
	flag.BoolVar(&o.calm, "calm", false, "no faults: what the machine can do")
	flag.BoolVar(&o.watched, "v", false, "tell each fault and each second")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()%1e6), "seed of the schedule")
	flag.StringVar(&o.dir, "dir", "", "folder for database and logs (default a temporary one, kept when something was found)")
	flag.Parse()
	found, err := play(ctx, o)
	if err != nil {
		log.Fatalf("fault: %v", err)
	}
	if found > 0 {
		os.Exit(1)
	}
}

type options struct {
	bin                      string
	rounds, cases            int
	length                   time.Duration
	writers, readers, rssMiB int
	seed                     uint64
	calm, watched            bool
	dir, haproxy             string
}

// play runs all rounds and returns how many violations were found.
func play(ctx context.Context, o options) (found int, err error) {
	temporary := o.dir == ""
	if temporary {
		if o.dir, err = os.MkdirTemp("", "gridwall-fault-"); err != nil {
			return 0, err
		}
	} else if err = os.MkdirAll(o.dir, 0o755); err != nil {
		return 0, err
	}
	if err := os.Chmod(o.dir, 0o755); err != nil { // the user postgres must get in
		return 0, err
	}
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return 0, err
	}
	if _, err := os.Stat(o.bin); err != nil {
		return 0, fmt.Errorf("build the program first: %w", err)
	}
	h, err := raise(ctx, o)
	if err != nil {
		return 0, err
	}
	found, err = h.rounds(ctx)
	err = errors.Join(err, h.lower())
	switch {
	case found > 0 || err != nil:
		log.Printf("logs are kept in %s", o.dir)
		os.Remove(filepath.Join(o.dir, "disk.img"))
	case temporary:
		err = os.RemoveAll(o.dir)
	}
	return found, err
}
