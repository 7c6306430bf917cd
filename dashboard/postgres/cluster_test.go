package postgres

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// start runs a cluster in a folder and returns it with the function that ends it.
func start(t *testing.T, dir string) (*Cluster, func()) {
	t.Helper()
	if _, err := programs(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c, err := Start(ctx, Config{Dir: dir, Volatile: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return c, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// folder is a place that the user postgres can reach: Go's test folders are, below an enterable temp folder.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cluster")
	if err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o755)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "postgres")
}

func ask(t *testing.T, url, sql string) (answer string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, sql).Scan(&answer)
	return answer, err
}

func TestAClusterIsMadeOnceAndKeepsItsRows(t *testing.T) {
	dir := folder(t)
	c, stop := start(t, dir)
	if tcp, err := ask(t, c.URL(), "SHOW listen_addresses"); err != nil || tcp != "" {
		t.Fatalf("listen_addresses = %q, %v; want none", tcp, err)
	}
	run(t, c.URL(), "CREATE TABLE kept AS SELECT 'row'::text AS word")
	stop()
	if pid := c.postmaster(); pid != 0 {
		t.Fatalf("postgres %d still runs after the stop", pid)
	}
	c, stop = start(t, dir)
	defer stop()
	if word, err := ask(t, c.URL(), "SELECT word FROM kept"); err != nil || word != "row" {
		t.Fatalf("got %q, %v", word, err)
	}
}

func run(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestPostgresKilledWithNineComesBack(t *testing.T) {
	c, stop := start(t, folder(t))
	defer stop()
	run(t, c.URL(), "CREATE TABLE kept AS SELECT 'row'::text AS word")
	pid := c.postmaster()
	if pid == 0 {
		t.Fatal("no postmaster.pid")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		word, err := ask(t, c.URL(), "SELECT word FROM kept")
		if err == nil && word == "row" && c.postmaster() != pid {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not back after 30 s: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A stop that comes while the killed server is being started again once waited for the dead one.
func TestAStopDuringARestartEnds(t *testing.T) {
	c, stop := start(t, folder(t))
	if err := syscall.Kill(c.postmaster(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	time.Sleep(30 * time.Millisecond) // Run has noticed and is launching; at any other moment the stop must end too
	ended := make(chan struct{})
	go func() {
		stop()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the stop did not end")
	}
}

// The test runs itself as a gridwall that starts a cluster and is then killed.
func TestGridwallKilledWithNineLeavesAClusterThatStartsAgain(t *testing.T) {
	if dir := os.Getenv("CLUSTER_TEST_DIR"); dir != "" {
		c, err := Start(t.Context(), Config{Dir: dir, Volatile: true, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		run(t, c.URL(), "CREATE TABLE kept AS SELECT 'row'::text AS word")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	dir := folder(t)
	_, stop := start(t, folder(t)) // skips where there is no server
	stop()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "CLUSTER_TEST_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the first run was to be killed, got %v: %s", err, out)
	}
	c, stop := start(t, dir)
	defer stop()
	if word, err := ask(t, c.URL(), "SELECT word FROM kept"); err != nil || word != "row" {
		t.Fatalf("got %q, %v", word, err)
	}
}

func TestALongPathGetsAShortSocket(t *testing.T) {
	dir := filepath.Join(folder(t), strings.Repeat("long-name/", 12))
	c, stop := start(t, dir)
	defer stop()
	if _, err := ask(t, c.URL(), "SELECT 'ok'"); err != nil {
		t.Fatal(err)
	}
}

func TestASecondGridwallAttachesInsteadOfStarting(t *testing.T) {
	dir := folder(t)
	_, stop := start(t, dir)
	defer stop()
	config := Config{Dir: dir, Volatile: true, Log: slog.New(slog.DiscardHandler)}
	if _, err := Start(t.Context(), config); err != ErrRunning {
		t.Fatalf("got %v, want ErrRunning", err)
	}
	url, err := Attach(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, url, "SELECT 'ok'"); err != nil {
		t.Fatal(err)
	}
}
