package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type result struct {
	cpu      float64 // s/Gbit delivered
	rss      float64 // MiB
	mbit     float64 // delivered a second
	p50, p95 time.Duration
}

const (
	warmUp  = 4 * time.Second
	samples = 20
)

func measure(ctx context.Context, l load, o output, length time.Duration) (result, error) {
	var r result
	room, err := start(ctx, "cameras", strconv.Itoa(l.cameras), strconv.Itoa(l.kbit))
	if err != nil {
		return r, err
	}
	defer room.stop()
	relay, err := start(ctx, o.role, room.addr, strconv.Itoa(l.cameras))
	if err != nil {
		return r, err
	}
	defer relay.stop()

	sockets := o.pages
	if sockets == 0 {
		sockets = l.viewers
	}
	var received atomic.Int64
	var work sync.WaitGroup
	var viewers []*viewer
	defer func() {
		for _, v := range viewers {
			v.close()
		}
		work.Wait()
	}()
	for i := range sockets {
		var watch []int
		for n := i; n < l.viewers; n += sockets {
			watch = append(watch, n%l.cameras)
		}
		v, err := o.open(relay.addr, watch)
		if err != nil {
			return r, err
		}
		viewers = append(viewers, v)
		work.Go(func() { v.drain(&received) })
	}
	if err := pause(ctx, warmUp+time.Duration(l.cameras)*20*time.Millisecond); err != nil {
		return r, err
	}
	began, spent, bytes := time.Now(), relay.cpu(), received.Load()
	if err := pause(ctx, length); err != nil {
		return r, err
	}
	took, cpu, got := time.Since(began), relay.cpu()-spent, received.Load()-bytes
	r.rss = relay.rss()
	gbit := float64(got) * 8 / 1e9
	if gbit < 0.7*float64(l.viewers*l.kbit)/1e6*took.Seconds() {
		return r, fmt.Errorf("only %.3f Gbit came in %v", gbit, took)
	}
	r.cpu, r.mbit = cpu.Seconds()/gbit, gbit*1000/took.Seconds()

	var firsts []time.Duration
	for i := range samples {
		began := time.Now()
		v, err := o.open(relay.addr, []int{i % l.cameras})
		if err != nil {
			return r, err
		}
		err = v.keyframe()
		firsts = append(firsts, time.Since(began))
		v.close()
		if err != nil {
			return r, fmt.Errorf("first keyframe: %w", err)
		}
		if err := pause(ctx, 37*time.Millisecond); err != nil { // another phase of the group of pictures
			return r, err
		}
	}
	slices.Sort(firsts)
	r.p50, r.p95 = firsts[samples/2], firsts[samples*95/100]
	return r, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// process is this binary in another role. It prints its address when it is ready and ends with its standard input.
type process struct {
	cmd  *exec.Cmd
	addr string
	end  func() error
}

func start(ctx context.Context, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%v did not start: %w", args, err), cmd.Wait())
	}
	return &process{cmd, strings.TrimSpace(line), in.Close}, nil
}

func (p *process) stop() {
	_ = p.end()
	_ = p.cmd.Wait()
}

// cpu is user and system time, from /proc/PID/stat in ticks of 1/100 s.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// rss is resident memory, MiB.
func (p *process) rss() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kib) / 1024
		}
	}
	return 0
}
