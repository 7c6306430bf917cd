package main

import (
	"context"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that is started again whenever it ends, until it is held or the run is over.
type process struct {
	name    string
	command func() *exec.Cmd
	end     syscall.Signal // asks it to stop
	logfile string

	mu     sync.Mutex
	pid    int // 0: it does not run
	held   bool
	starts int
}

// run keeps the program going until ctx ends, then asks it to stop, insists after 10 s, and waits.
func (p *process) run(ctx context.Context) error {
	// The parent-death signal comes when the starting thread ends, so that thread is kept.
	runtime.LockOSThread()
	for ctx.Err() == nil {
		if p.isHeld() {
			pause(ctx, 20*time.Millisecond)
			continue
		}
		if err := p.once(ctx); err != nil {
			return err
		}
		pause(ctx, 150*time.Millisecond)
	}
	return nil
}

func (p *process) once(ctx context.Context) error {
	out, err := os.OpenFile(p.logfile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := p.command()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return err
	}
	p.mu.Lock()
	p.pid = cmd.Process.Pid
	p.starts++
	p.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-ctx.Done():
		cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Signal(p.end)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			log.Printf("%s did not stop in 10 s and was killed", p.name)
			cmd.Process.Kill()
			<-ended
		}
	}
	p.mu.Lock()
	p.pid = 0
	p.mu.Unlock()
	return nil
}

func (p *process) isHeld() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

// hold keeps it from being started again; release lets it.
func (p *process) hold()    { p.setHeld(true) }
func (p *process) release() { p.setHeld(false) }

func (p *process) setHeld(held bool) {
	p.mu.Lock()
	p.held = held
	p.mu.Unlock()
}

// signal reaches the process if it runs.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid != 0 {
		syscall.Kill(p.pid, s)
	}
}

func (p *process) running() (pid, starts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid, p.starts
}

// rssMiB is the resident memory of a process.
func rssMiB(pid int) int {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib >> 10
		}
	}
	return 0
}

// children are the pids whose parent is pid.
func children(pid int) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		after := string(text[strings.LastIndexByte(string(text), ')')+1:])
		fields := strings.Fields(after)
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, child)
		}
	}
	return pids
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
