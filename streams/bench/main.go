// Command bench measures what a relay costs: CPU seconds a delivered Gbit, memory, and the time to the first keyframe, of
// each output beside a floor: the least that a relay can do, copying frames from one socket to another.
//
//	bench [--quick] [--only=A,B,D] [--outputs=floor,page,MSE]
//	bench --soak=10m
//
// Cameras and relay are processes of their own, started by this one; the viewers are here. Of the relay alone the CPU is
// counted, from /proc. BENCH_CPU_PROFILE=FILE keeps a profile of the last relay.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// load is one measurement's cameras and viewers.
type load struct {
	name    string
	about   string
	cameras int
	kbit    int // a camera
	viewers int
}

var loads = []load{
	{"A", "1 camera of 2 Mbit/s, 50 viewers", 1, 2000, 50},
	{"B", "50 cameras of 500 kbit/s, a viewer each", 50, 500, 50},
	{"D", "300 cameras of 500 kbit/s, a viewer each", 300, 500, 300},
}

// output is a way to the viewers.
type output struct {
	name   string
	role   string // of the relay process
	loads  string
	pages  int // sockets that the viewers share; 0: one each
	open   func(relay string, cameras []int) (*viewer, error)
	target map[string]float64 // CPU-s/Gbit by load
	rss    map[string]float64 // MiB by load
}

var outputs = []output{
	{name: "floor", role: "floor", loads: "ABD", open: openFloor},
	{name: "page", role: "relay", loads: "ABD", open: openPage, target: map[string]float64{"A": 0.20, "B": 2.6}, rss: map[string]float64{"B": 60}},
	{name: "10 pages", role: "relay", loads: "D", pages: 10, open: openPage, target: map[string]float64{"D": 1.0}, rss: map[string]float64{"D": 200}},
	{name: "MSE", role: "relay", loads: "AB", open: openMSE},
	{name: "RTSP", role: "relay", loads: "AB", open: openRTSP, target: map[string]float64{"A": 0.20}},
}

const firstP50, firstP95 = 10 * time.Millisecond, 25 * time.Millisecond

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		return role(ctx, os.Args[1:])
	}
	quick := flag.Bool("quick", false, "5 s a measurement instead of 20 s")
	only := flag.String("only", "A,B,D", "loads to measure")
	outs := flag.String("outputs", "floor,page,10 pages,MSE,RTSP", "outputs to measure")
	long := flag.Duration("soak", 0, "instead: pull 309 cameras for so long and count what is missing")
	flag.Parse()
	if *long > 0 {
		return soak(ctx, *long)
	}
	length := 20 * time.Second
	if *quick {
		length = 5 * time.Second
	}
	fmt.Println("| load | output | CPU-s/Gbit | × floor | target | RSS MiB | target | Mbit/s | first keyframe p50 / p95 | target |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, l := range loads {
		if !strings.Contains(*only, l.name) {
			continue
		}
		floor := 0.0
		for _, o := range outputs {
			if !strings.Contains(o.loads, l.name) || !slices.Contains(strings.Split(*outs, ","), o.name) {
				continue
			}
			r, err := measure(ctx, l, o, length)
			if err != nil {
				return fmt.Errorf("%s %s: %w", l.name, o.name, err)
			}
			if o.name == "floor" {
				floor = r.cpu
			}
			fmt.Printf("| %s | %s | %.2f | %.2f | %s | %.0f | %s | %.1f | %.1f / %.1f ms | %s |\n", l.name, o.name, r.cpu, r.cpu/floor, verdict(r.cpu, o.target[l.name]),
				r.rss, verdict(r.rss, o.rss[l.name]), r.mbit, ms(r.p50), ms(r.p95), first(r))
		}
	}
	for _, l := range loads {
		fmt.Printf("%s: %s\n", l.name, l.about)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func first(r result) string {
	word := "ok"
	if r.p50 > firstP50 || r.p95 > firstP95 {
		word = "MISS"
	}
	return fmt.Sprintf("%.0f / %.0f %s", ms(firstP50), ms(firstP95), word)
}

func verdict(got, target float64) string {
	switch {
	case target == 0:
		return ""
	case got <= target:
		return fmt.Sprintf("%.2f ok", target)
	}
	return fmt.Sprintf("%.2f MISS", target)
}
