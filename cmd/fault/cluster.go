package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// cluster is a PostgreSQL of our own, durable (fsync on), on loopback TCP so that a proxy can stand before it.
//
// As root its data lie on a loop mount that can be filled to the last byte. Where mounting is not permitted, a limit on
// the size of files stands in for the full disk (RLIMIT_FSIZE, taken back by its owner).
type cluster struct {
	process
	dir     string
	addr    string
	mounted bool
	owner   *syscall.Credential
}

// diskMiB is the size of the loop mount; the image is sparse.
const diskMiB = 12 << 10

func newCluster(dir string) (*cluster, error) {
	c := &cluster{dir: dir, addr: freeAddr()}
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(bins) == 0 {
		return nil, errors.New("PostgreSQL's server is not installed: apt-get install postgresql postgresql-postgis")
	}
	slices.SortFunc(bins, func(a, b string) int { return major(a) - major(b) })
	bin := filepath.Dir(bins[len(bins)-1])
	disk := filepath.Join(dir, "disk")
	if err := os.MkdirAll(disk, 0o755); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		c.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		c.mounted = c.mount(disk) == nil
		if err := os.Chown(disk, uid, gid); err != nil {
			return nil, errors.Join(err, c.unmount())
		}
	}
	data := filepath.Join(disk, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "--no-instructions")
	initdb.Dir = disk
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), c.unmount())
	}
	host, port, _ := net.SplitHostPort(c.addr)
	c.process = process{name: "postgres", end: syscall.SIGINT, logfile: filepath.Join(dir, "postgres.log"), command: func() *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", "", "-h", host, "-p", port, "-c", "max_connections=300",
			"-c", "shared_buffers=256MB", "-c", "max_wal_size=512MB", "-c", "recovery_init_sync_method=syncfs", "-c", "log_min_messages=warning")
		cmd.Dir = disk
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner}
		return cmd
	}}
	return c, nil
}

func major(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // no loopback, no test
	}
	defer l.Close()
	return l.Addr().String()
}

func (c *cluster) mount(disk string) error {
	image := filepath.Join(c.dir, "disk.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(image, diskMiB<<20); err != nil {
		return err
	}
	if err := exec.Command("mkfs.ext4", "-q", "-m", "0", image).Run(); err != nil {
		return err
	}
	return exec.Command("mount", "-o", "loop", image, disk).Run()
}

// unmount gives the disk back; the server has stopped.
func (c *cluster) unmount() error {
	if !c.mounted {
		return nil
	}
	return exec.Command("umount", filepath.Join(c.dir, "disk")).Run()
}

// url is the way to the database past every proxy; through is the way through one.
func (c *cluster) url() string { return c.through(c.addr) }

func (c *cluster) through(addr string) string {
	return "postgres://postgres@" + addr + "/gridwall?sslmode=disable"
}

// ready waits until the server takes connections, and makes the database the first time.
func (c *cluster) ready(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, "postgres://postgres@"+c.addr+"/postgres?sslmode=disable")
		if err == nil {
			_, err = conn.Exec(ctx, "CREATE DATABASE gridwall")
			conn.Close(ctx)
			if err == nil || pgCode(err) == "42P04" { // it is there
				return nil
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("postgres does not come up: %w", err)
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// crash kills the server and all its children with SIGKILL.
func (c *cluster) crash() {
	pid, _ := c.running()
	if pid == 0 {
		return
	}
	kids := children(pid)
	c.signal(syscall.SIGKILL)
	for _, kid := range kids {
		syscall.Kill(kid, syscall.SIGKILL)
	}
}

// crashBackend kills one child: the server throws out everyone and recovers by itself.
func (c *cluster) crashBackend(random *rand.Rand) {
	pid, _ := c.running()
	if kids := children(pid); pid != 0 && len(kids) > 0 {
		syscall.Kill(kids[random.IntN(len(kids))], syscall.SIGKILL)
	}
}

// fill leaves no room on the disk, and returns what gives it back.
func (c *cluster) fill() (free func(), err error) {
	if !c.mounted {
		return c.limit()
	}
	ballast := filepath.Join(c.dir, "disk", "ballast")
	f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var size int64
	for chunk := int64(1 << 30); chunk >= 4<<10; {
		if err := unix.Fallocate(int(f.Fd()), 0, size, chunk); err != nil {
			chunk /= 2
			continue
		}
		size += chunk
	}
	return func() { os.Remove(ballast) }, nil
}

// fullDisk is how often the server's log complains of no room.
func (c *cluster) fullDisk() int {
	text, err := os.ReadFile(c.logfile)
	if err != nil {
		return 0
	}
	return strings.Count(string(text), "No space left on device") + strings.Count(string(text), "File too large")
}

// limit lets no file of the server grow past 1 MiB.
func (c *cluster) limit() (free func(), err error) {
	var old unix.Rlimit
	set := func(soft uint64) {
		pid, _ := c.running()
		for _, p := range append(children(pid), pid) {
			if p != 0 && unix.Prlimit(p, unix.RLIMIT_FSIZE, nil, &old) == nil {
				unix.Prlimit(p, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: min(soft, old.Max), Max: old.Max}, nil)
			}
		}
	}
	set(1 << 20)
	return func() { set(unix.RLIM_INFINITY) }, nil
}
