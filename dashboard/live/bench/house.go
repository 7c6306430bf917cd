package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/live"
)

// house is what all measurements share.
type house struct {
	scale
	bin      string
	self     string
	admin    string // connection string of the maintenance database
	database string // that of the product
	pool     *pgxpool.Pool
	tokens   []string // each writer is a person of its own, with every right
	wall     string   // of a wall's device
	writer   *live.Writer
	seq      int64   // the newest message
	sizes    []int   // numbers of clients to push to
	rates    []int   // messages a second
	ruled    []ruled // what reports name; none: no class
}

const database = "gridwall_bench"

func open(ctx context.Context, bin string) (*house, error) {
	h := &house{admin: os.Getenv("DATABASE_URL")}
	if h.admin == "" {
		return nil, errors.New("give DATABASE_URL: bin/gridwall postgres -- bench …")
	}
	var err error
	if h.bin, err = filepath.Abs(bin); err != nil {
		return nil, err
	}
	if h.self, err = os.Executable(); err != nil {
		return nil, err
	}
	h.database, err = h.fresh(ctx, database)
	if err != nil {
		return nil, err
	}
	for _, step := range [][]string{
		{"import", "grids", "-", "--datum=wgs84", "--level=street"}, {"account", "wall", "bench"},
	} {
		if step[2] == "-" {
			file, err := cells()
			if err != nil {
				return nil, err
			}
			defer os.Remove(file)
			step[2] = file
		}
		said, err := h.gridwall(ctx, step...)
		if err != nil {
			return nil, err
		}
		h.wall = said // the last one's
	}
	config, err := pgxpool.ParseConfig(h.database)
	if err != nil {
		return nil, err
	}
	if h.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	h.writer = live.NewWriter(h.pool.Config().ConnConfig, slog.New(slog.DiscardHandler))
	go h.writer.Run(ctx)
	return h, h.hire(ctx, 64)
}

const insertWriter = `
WITH a AS (INSERT INTO account (username, name, role) VALUES ($1, $1, 'admin') RETURNING id)
INSERT INTO token (hash, name, account) SELECT $2, 'bench', id FROM a`

// hire makes accounts for the writers.
func (h *house) hire(ctx context.Context, n int) error {
	for i := range n {
		token := rand.Text()
		sum := sha256.Sum256([]byte(token))
		if _, err := h.pool.Exec(ctx, insertWriter, fmt.Sprintf("writer-%d", i+1), sum[:]); err != nil {
			return err
		}
		h.tokens = append(h.tokens, token)
	}
	return nil
}

// cells is a file of a few grids, each in a county of its own: a county has 99,999 case numbers a day.
func cells() (file string, err error) {
	var b bytes.Buffer
	b.WriteString(`{"type":"FeatureCollection","features":[`)
	for c := range counties {
		if c > 0 {
			b.WriteByte(',')
		}
		w, s := west+float64(c)*0.01, south
		fmt.Fprintf(&b, `{"type":"Feature","properties":{"code":"15%04d001001","name":"%d"},"geometry":{"type":"Polygon","coordinates":[[[%f,%f],[%f,%f],[%f,%f],[%f,%f],[%f,%f]]]}}`,
			c+1, c, w, s, w+0.01, s, w+0.01, s+0.01, w, s+0.01, w, s)
	}
	b.WriteString("]}")
	f, err := os.CreateTemp("", "bench-*.geojson")
	if err != nil {
		return "", err
	}
	_, err = f.Write(b.Bytes())
	return f.Name(), errors.Join(err, f.Close())
}

const (
	counties = 32
	west     = 110.0
	south    = 40.0
)

// fresh makes an empty database with the product's schema and returns its address.
func (h *house) fresh(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, h.admin)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "CREATE DATABASE " + name} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", err
		}
	}
	c := conn.Config()
	url := fmt.Sprintf("host=%s port=%d user=%s dbname=%s", c.Host, c.Port, c.User, name)
	if c.Password != "" {
		url += " password=" + c.Password
	}
	cmd := exec.CommandContext(ctx, h.bin, "migrate")
	cmd.Env = append(os.Environ(), "DATABASE_URL="+url)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("migrate: %w: %s", err, out)
	}
	return url, nil
}

func (h *house) gridwall(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.bin, args...)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+h.database)
	cmd.Stdin = strings.NewReader("\n")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("gridwall %s: %w: %s%s", strings.Join(args, " "), err, said.String(), out.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// server is a process under test.
type server struct {
	cmd  *exec.Cmd
	addr string
	log  bytes.Buffer
	done chan error
}

// serve starts the product on the database.
func (h *house) serve(ctx context.Context) (*server, error) {
	addr := freeAddr()
	return h.start(ctx, addr, h.database, h.bin, "serve", "--addr="+addr)
}

// rival starts this program as one of the other servers.
func (h *house) rival(ctx context.Context, name string, args ...string) (*server, error) {
	addr := freeAddr()
	return h.start(ctx, addr, h.database, h.self, append([]string{name, "-addr", addr}, args...)...)
}

func (h *house) start(ctx context.Context, addr, database, bin string, args ...string) (*server, error) {
	s := &server{cmd: exec.Command(bin, args...), addr: addr, done: make(chan error, 1)}
	s.cmd.Env = append(os.Environ(), "DATABASE_URL="+database)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.done <- s.cmd.Wait() }()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get("http://" + addr + "/healthz")
		if err == nil {
			answer.Body.Close()
			return s, nil
		}
		if time.Since(began) > 20*time.Second || ctx.Err() != nil {
			s.stop()
			return nil, fmt.Errorf("%s does not come up: %s", bin, s.log.String())
		}
	}
}

func (s *server) pid() int { return s.cmd.Process.Pid }

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		s.cmd.Process.Kill()
		<-s.done
	}
}

func freeAddr() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // no loopback, no measurement
	}
	defer l.Close()
	return l.Addr().String()
}

// cpuSeconds is what a process has used, user and system.
func cpuSeconds(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // USER_HZ
}

// rss is the resident memory of a process in KiB.
func rss(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib
		}
	}
	return 0
}
