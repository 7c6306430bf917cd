// Package postgres runs the private PostgreSQL cluster that `serve` uses when no DATABASE_URL is given.
//
// Its life: Start finds the server's programs, makes the cluster once (initdb), starts postgres as a child on a unix
// socket without TCP, and waits until it answers. Run watches the child and starts it again when it dies, also by
// kill -9. When Run's context ends, the child is asked for a fast shutdown and waited for. When gridwall itself is
// killed, the kernel tells the child to shut down (parent-death signal); the next Start waits for that, or ends what
// is left. As root, the child runs as the user postgres (initdb refuses root).
package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoServer says that PostgreSQL's server programs are not on this machine.
var ErrNoServer = errors.New("PostgreSQL's server is not installed here: apt-get install postgresql postgresql-postgis, or set DATABASE_URL to a server with PostGIS")

// ErrRunning says that another gridwall runs this cluster: Attach reaches it.
var ErrRunning = errors.New("another gridwall is running with this data folder: stop it first, or choose another --data-dir")

// Config says where the cluster lives.
type Config struct {
	// Dir is the cluster's own folder; made when missing.
	Dir string
	// Volatile gives up durability (fsync, full page writes) for speed: for databases of tests only.
	Volatile bool
	Log      *slog.Logger
}

// Cluster is a running private server.
type Cluster struct {
	config   Config
	bin      string // folder of initdb and postgres
	data     string // PGDATA
	socket   string // folder of the unix socket
	owner    *syscall.Credential
	lock     *os.File // held while this process runs the cluster
	child    *exec.Cmd
	finished chan error // the child's end
}

// Start makes the cluster if there is none and starts it. It returns when the server answers, or with the reason why not:
// ErrNoServer, ErrRunning, or what postgres itself said.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	c, err := place(config)
	if err != nil {
		return nil, err
	}
	if c.bin, err = programs(); err != nil {
		return nil, err
	}
	if err := c.hold(); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{c.endOrphan, c.initdb, c.launch} {
		if err := step(ctx); err != nil {
			c.lock.Close()
			return nil, err
		}
	}
	return c, nil
}

// Attach is the address of the cluster that another gridwall runs in the folder.
func Attach(config Config) (url string, err error) {
	c, err := place(config)
	if err != nil {
		return "", err
	}
	return c.URL(), nil
}

// place finds out where everything of a cluster is, and makes its folder.
func place(config Config) (*Cluster, error) {
	c := &Cluster{config: config}
	var err error
	if c.config.Dir, err = filepath.Abs(config.Dir); err != nil {
		return nil, err
	}
	if err := c.own(); err != nil {
		return nil, err
	}
	c.data = filepath.Join(c.config.Dir, "data")
	c.socket, err = c.socketDir()
	return c, err
}

// hold keeps every other gridwall from running this cluster; the kernel lets go of it when the process ends, however it ends.
func (c *Cluster) hold() error {
	lock, err := os.OpenFile(filepath.Join(c.config.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return ErrRunning
	}
	c.lock = lock
	return nil
}

// URL is the connection string of the cluster's database gridwall.
func (c *Cluster) URL() string { return c.url("gridwall") }

// AdminURL is the connection string of the maintenance database.
func (c *Cluster) AdminURL() string { return c.url("postgres") }

func (c *Cluster) url(database string) string {
	return fmt.Sprintf("host=%s port=5432 user=postgres dbname=%s", c.socket, database)
}

// Run keeps the server running until ctx ends, then stops it cleanly.
func (c *Cluster) Run(ctx context.Context) error {
	defer c.lock.Close()
	for {
		select {
		case <-ctx.Done():
			return c.stop()
		case err := <-c.finished:
			c.config.Log.Error("private postgresql ended, starting it again", "error", err)
			for c.launch(ctx) != nil {
				if ctx.Err() != nil {
					return nil // launch has left no child behind
				}
				// After kill -9 the old backends need a moment to let go of the shared memory.
				select {
				case <-ctx.Done():
				case <-time.After(200 * time.Millisecond):
				}
			}
			c.config.Log.Info("private postgresql is back")
		}
	}
}

// programs finds the newest server on this machine: Debian keeps a folder a version, others have it in PATH.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", ErrNoServer
}

// Program is the path of one of PostgreSQL's programs, as pg_dump, of the newest server on this machine.
func Program(name string) (string, error) {
	if dir, err := programs(); err == nil {
		if path := filepath.Join(dir, name); exec.Command(path, "--version").Run() == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not on this machine: apt-get install postgresql-client", name)
	}
	return path, nil
}

// version is the major version in a path like /usr/lib/postgresql/15/bin/initdb.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// own makes the cluster's folder and gives it to the user that will run the server.
func (c *Cluster) own() error {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return errors.New("running as root needs a user postgres for the private cluster: install PostgreSQL's package, or run gridwall as an ordinary user")
		}
		uid, _ = strconv.Atoi(u.Uid)
		gid, _ = strconv.Atoi(u.Gid)
		c.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if !reachable(filepath.Dir(c.config.Dir), uid, gid) {
			// The data folder lies under a private home. A cluster of its own per data folder, where postgres can go.
			sum := sha256.Sum256([]byte(c.config.Dir))
			dir := filepath.Join("/var/lib/gridwall", hex.EncodeToString(sum[:6]))
			c.config.Log.Info("the user postgres cannot enter the data folder, keeping the cluster elsewhere", "data_dir", c.config.Dir, "cluster", dir)
			c.config.Dir = dir
		}
	}
	if err := os.MkdirAll(c.config.Dir, 0o755); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(c.config.Dir, uid, gid); err != nil {
			return fmt.Errorf("give the cluster's folder to postgres: %w", err)
		}
	}
	return os.Chmod(c.config.Dir, 0o700)
}

// reachable says whether uid may enter dir and every folder above it. Folders that do not exist yet will be made enterable.
func reachable(dir string, uid, gid int) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil {
			st := info.Sys().(*syscall.Stat_t)
			mode := info.Mode().Perm()
			switch {
			case int(st.Uid) == uid && mode&0o100 != 0:
			case int(st.Gid) == gid && mode&0o010 != 0:
			case mode&0o001 != 0:
			default:
				return false
			}
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// socketDir is the folder of the unix socket: the cluster's own, or a short one where that path is too long for a socket (107 bytes).
func (c *Cluster) socketDir() (string, error) {
	dir := c.config.Dir
	if len(dir)+len("/.s.PGSQL.5432") > 107 {
		sum := sha256.Sum256([]byte(dir))
		dir = filepath.Join(os.TempDir(), "gridwall-"+hex.EncodeToString(sum[:6]))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
		if c.owner != nil {
			if err := os.Chown(dir, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
				return "", err
			}
		}
	}
	return dir, nil
}

// endOrphan waits for a server that an earlier, killed gridwall left behind, and asks it to stop.
func (c *Cluster) endOrphan(ctx context.Context) error {
	for told := false; ; told = true {
		pid := c.postmaster()
		if pid == 0 {
			return nil
		}
		if !told {
			c.config.Log.Info("waiting for the postgresql of an earlier run to stop", "pid", pid)
			syscall.Kill(pid, syscall.SIGINT)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("postgresql of an earlier run (pid %d) still holds %s: %w", pid, c.data, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// postmaster is the pid of a live server on this cluster, 0 if none. A pid file is trusted only if that process is a
// postgres of this very folder: pids are used again.
func (c *Cluster) postmaster() int {
	text, err := os.ReadFile(filepath.Join(c.data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(cmdline), c.data) {
		return 0
	}
	return pid
}

// initdb makes the cluster once. It is made under another name and renamed when whole, so that a cut leaves nothing half.
func (c *Cluster) initdb(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(c.data, "PG_VERSION")); err == nil {
		return nil
	}
	c.config.Log.Info("making the private postgresql cluster", "folder", c.data)
	raw := c.data + ".new"
	if err := os.RemoveAll(raw); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), "-D", raw, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "--no-instructions")
	cmd.Dir = c.config.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return os.Rename(raw, c.data)
}

// launch starts the child and waits until it answers and has its database.
func (c *Cluster) launch(ctx context.Context) error {
	logfile, err := os.OpenFile(filepath.Join(c.config.Dir, "postgresql.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer logfile.Close()
	settings := []string{"-D", c.data, "-k", c.socket, "-c", "listen_addresses=", "-c", "max_connections=200", "-c", fmt.Sprintf("shared_buffers=%dMB", c.cache()), "-c", "log_min_messages=warning"}
	if c.config.Volatile {
		settings = append(settings, "-c", "fsync=off", "-c", "full_page_writes=off")
	} else {
		settings = append(settings, "-c", fmt.Sprintf("min_wal_size=%dMB", walFiles*16), "-c", "max_wal_size=2GB")
	}
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), settings...)
	cmd.Dir = c.config.Dir
	cmd.Stdout, cmd.Stderr = logfile, logfile
	// A session of its own: Ctrl-C at the terminal reaches gridwall alone, which then stops the child last.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner, Pdeathsig: syscall.SIGINT, Setsid: true}

	started := make(chan error)
	finished := make(chan error, 1)
	go func() {
		// The parent-death signal comes when the starting thread ends, so that thread is kept.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			finished <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	for {
		err := c.ready(ctx)
		if err == nil {
			c.child, c.finished = cmd, finished
			return nil
		}
		select {
		case ended := <-finished:
			return fmt.Errorf("postgres did not start (%v): %s", ended, c.lastLog())
		case <-ctx.Done():
			cmd.Process.Signal(syscall.SIGINT)
			<-finished
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ready connects once and makes the database gridwall if it is missing.
func (c *Cluster) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.AdminURL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'gridwall')`).Scan(&there); err != nil || there {
		return err
	}
	if _, err = conn.Exec(ctx, `CREATE DATABASE gridwall`); err != nil || c.config.Volatile {
		return err
	}
	return makeWAL(ctx, conn)
}

// cache is how much memory PostgreSQL keeps pages in, MB: an eighth of the machine's, from 256 to 1024. With too little a
// writer in a storm must write old pages out before it can make new ones.
func (c *Cluster) cache() uint64 {
	const least, most = 256, 1024
	var info syscall.Sysinfo_t
	if c.config.Volatile || syscall.Sysinfo(&info) != nil {
		return least
	}
	return min(max(uint64(info.Totalram)*uint64(info.Unit)>>20/8, least), most)
}

// walFiles is how many files of the write-ahead log, of 16 MB each, stand ready for a storm of cases: over 100,000 reports.
const walFiles = 32

// makeWAL makes them before anybody waits: a commit that must make one first takes 25 to 50 ms. The checkpoint keeps what was
// filled for use again, as every later one does.
func makeWAL(ctx context.Context, conn *pgx.Conn) error {
	for range walFiles {
		if _, err := conn.Exec(ctx, `SELECT pg_logical_emit_message(false, '', '')`); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, `SELECT pg_switch_wal()`); err != nil {
			return err
		}
	}
	_, err := conn.Exec(ctx, `CHECKPOINT`)
	return err
}

// stop asks for a fast shutdown (connections are closed, everything is written) and waits; after 30 s it insists.
func (c *Cluster) stop() error {
	c.child.Process.Signal(syscall.SIGINT)
	select {
	case <-c.finished:
		return nil
	case <-time.After(30 * time.Second):
		c.child.Process.Signal(syscall.SIGQUIT)
		<-c.finished
		return errors.New("postgres did not stop within 30 s and was told to quit at once; it recovers at the next start")
	}
}

// lastLog is the end of the server's log, for an error that says why.
func (c *Cluster) lastLog() string {
	f, err := os.Open(filepath.Join(c.config.Dir, "postgresql.log"))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 800 {
		f.Seek(-800, io.SeekEnd)
	}
	text, _ := io.ReadAll(f)
	return strings.TrimSpace(string(text))
}
