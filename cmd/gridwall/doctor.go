package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cameras/seal"
	"gridwall/dashboard/postgres"
	"gridwall/geo/basemap"
	"gridwall/geo/grid"
	"gridwall/migrations"
)

const doctorUsage = `doctor [flags]

Looks at everything that the server with these flags stands on, says what is wrong and what to do about it (体检：逐项说明问题与
处理办法). It changes nothing and can run beside the server. The status is 1 if something must be mended.
`

// ailment is what doctor found; about names the thing, and mend says what to do. A warning does not keep the server from serving.
type ailment struct {
	about, what, mend string
	warning           bool
}

// examination gathers what one look found.
type examination struct {
	settings settings
	found    []ailment
	well     []string
}

func (x *examination) ill(about, what, mend string) {
	x.found = append(x.found, ailment{about, what, mend, false})
}

func (x *examination) warn(about, what, mend string) {
	x.found = append(x.found, ailment{about, what, mend, true})
}

func (x *examination) fine(format string, args ...any) {
	x.well = append(x.well, fmt.Sprintf(format, args...))
}

func doctor(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("doctor", doctorUsage)
	if _, err := parse(flags, args); err != nil {
		return err
	}
	x := &examination{settings: s}
	err := x.run(ctx)
	for _, line := range x.well {
		fmt.Println("✔", line)
	}
	faults := 0
	for _, a := range x.found {
		sign := "!"
		if !a.warning {
			sign, faults = "✖", faults+1
		}
		fmt.Printf("%s %s: %s\n    → %s\n", sign, a.about, a.what, a.mend)
	}
	fmt.Printf("%d things to mend, %d to think of (须处理 %[1]d 项，提示 %[2]d 项)\n", faults, len(x.found)-faults)
	if err == nil && faults > 0 {
		return exitStatus(1)
	}
	return err
}

func (x *examination) run(ctx context.Context) error {
	x.configuration()
	x.folder()
	x.port(ctx)
	x.programs()
	x.certificates(time.Now())
	if _, err := os.Stat(clusterDir(x.settings)); x.settings.database == "" && errors.Is(err, fs.ErrNotExist) {
		x.warn("database", "there is no private one yet, and DATABASE_URL names none", "nothing to do before the first start: the server makes it")
		return nil
	}
	url, stop, err := x.cluster(ctx)
	if err != nil {
		x.ill("database", err.Error(), startDatabase)
		return nil
	}
	x.database(ctx, url)
	return stop()
}

const startDatabase = "start PostgreSQL, or correct DATABASE_URL (启动数据库，或更正 DATABASE_URL)"

// configuration reads every setting as the server would.
func (x *examination) configuration() {
	s, before := &x.settings, len(x.found)
	if _, err := prefixes(s.proxies); err != nil {
		x.ill("--trusted-proxies", err.Error(), "list networks or addresses, like 10.1.0.0/24,10.1.9.2")
	}
	if _, err := prefixes(s.cameraNets); err != nil {
		x.ill("--camera-networks", err.Error(), "list networks or addresses, like 10.0.0.0/8,192.168.7.0/24")
	}
	if s.gridCodes != "" {
		if _, err := grid.ParseScheme(s.gridCodes); err != nil {
			x.ill("--grid-codes", err.Error(), "name the digits of each level, like 6+3+3+3")
		}
	}
	if _, err := readRules(s.alarmRules); err != nil {
		x.ill("--alarm-rules", err.Error(), "correct that line, or leave the flag out: the rules that are shipped apply")
	}
	if _, err := basemap.Open(s.basemap); err != nil {
		x.ill("--basemap", err.Error(), "name a .pmtiles file, a folder {z}/{x}/{y} or an address; without the flag the imported backdrop is shown")
	}
	if len(x.found) == before {
		x.fine("settings: every one can be read")
	}
}

// leastFree is the room on the disk that a centre needs to go on for a while: photos, the log, a backup.
const leastFree = 2 << 30

// folder looks at the data folder, its disk and the keys in it.
func (x *examination) folder() {
	dir := x.settings.dataDir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.warn("--data-dir", dir+" is not there yet", "nothing to do before the first start: the server makes it")
		return
	case err != nil:
		x.ill("--data-dir", err.Error(), "give the server's user the right to it")
		return
	case !info.IsDir():
		x.ill("--data-dir", dir+" is no folder", "name a folder")
		return
	}
	if file, err := os.CreateTemp(dir, ".doctor-*"); err != nil {
		x.ill("--data-dir", err.Error(), "let the server's user write there: chown, or a disk that is not read-only")
	} else {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err == nil {
		free, all := int64(disk.Bavail)*disk.Bsize, int64(disk.Blocks)*disk.Bsize
		if free < leastFree || free*20 < all {
			x.ill("disk", fmt.Sprintf("%d MiB of %d are free where %s is", free>>20, all>>20, dir), "free some room or move the folder: a full disk stops every report (清理或扩容：磁盘写满后无法上报)")
		} else {
			x.fine("disk: %d GiB of %d are free", free>>30, all>>30)
		}
	}
	checkpoints, signing := x.settings.checkpointPaths()
	for _, key := range []string{signing, x.keyFile()} {
		if info, err := os.Stat(key); err == nil && info.Mode().Perm()&0o077 != 0 {
			x.ill("keys", fmt.Sprintf("%s can be read by others (%v)", key, info.Mode().Perm()), "chmod 600 "+key)
		}
	}
	if parent := filepath.Dir(checkpoints); parent != dir {
		if _, err := os.Stat(parent); err != nil {
			x.ill("--checkpoint-file", err.Error(), "mount that folder, or name another: until then nothing outside proves the log")
		}
	} else {
		x.warn("--checkpoint-file", "the signed heads of the log are kept beside the log", "name a file on another machine: who can change the log could change both")
	}
}

func (x *examination) keyFile() string {
	if x.settings.cameraKeys != "" {
		return x.settings.cameraKeys
	}
	return filepath.Join(x.settings.dataDir, seal.File)
}

// port says whether the server can listen, or already does.
func (x *examination) port(ctx context.Context) {
	listener, err := net.Listen("tcp", x.settings.addr)
	if err == nil {
		_ = listener.Close()
		x.fine("address: %s is free", x.settings.addr)
		return
	}
	ask, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	scheme, client := "http://", http.DefaultClient
	if x.settings.tlsCert != "" { // whose it is does not matter here
		scheme, client = "https://", &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	}
	req, bad := http.NewRequestWithContext(ask, http.MethodGet, scheme+x.settings.addr+"/healthz", nil)
	if bad == nil {
		if answer, err := client.Do(req); err == nil {
			text, _ := io.ReadAll(io.LimitReader(answer.Body, 16))
			_ = answer.Body.Close()
			if string(text) == "ok\n" {
				x.fine("address: Gridwall serves at %s", x.settings.addr)
				return
			}
		}
	}
	x.ill("--addr", err.Error(), "stop what listens there, or choose another address (端口被占用：停掉占用者或换一个地址)")
}

// programs are those that the server starts.
func (x *examination) programs() {
	for _, p := range []struct {
		name, what, mend string
		needed           bool
	}{
		{"ffmpeg", "snapshots of cameras are given as film, not as JPEG", "install ffmpeg", false},
		{"pg_dump", "gridwall backup cannot run", "install PostgreSQL's client programs", true},
	} {
		if path, err := exec.LookPath(p.name); err == nil {
			x.fine("programs: %s", path)
		} else if p.needed {
			x.ill("programs", p.name+" is not installed: "+p.what, p.mend)
		} else {
			x.warn("programs", p.name+" is not installed: "+p.what, p.mend)
		}
	}
}

// certificates looks at the server's own and at those that sign rtsps cameras.
func (x *examination) certificates(now time.Time) {
	s := x.settings
	if _, err := openTLS(s.tlsCert, s.tlsKey, newLog()); err != nil {
		x.ill("--tls-cert", err.Error(), "name a certificate and its key as PEM files, or make them: gridwall certificate HOST")
	} else if s.tlsCert != "" {
		x.lasts("--tls-cert", s.tlsCert, now, "pages are refused by every browser")
	}
	if s.cameraCA != "" {
		x.lasts("--camera-ca", s.cameraCA, now, "rtsps cameras that it signed are dark")
	}
}

// lasts says which certificates of a file have ended, or soon will.
func (x *examination) lasts(about, name string, now time.Time, so string) {
	text, err := os.ReadFile(name)
	if err != nil {
		x.ill(about, err.Error(), "name a PEM file that the server can read")
		return
	}
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			x.ill(about, name+": "+err.Error(), "put whole CERTIFICATE blocks in it")
			return
		}
		switch n++; {
		case now.After(certificate.NotAfter):
			x.ill(about, fmt.Sprintf("%s has ended on %s", certificate.Subject, certificate.NotAfter.Format(time.DateOnly)), "put the new one into "+name+": "+so)
		case now.AddDate(0, 1, 0).After(certificate.NotAfter):
			x.warn(about, fmt.Sprintf("%s ends on %s", certificate.Subject, certificate.NotAfter.Format(time.DateOnly)), "have the new one ready")
		}
	}
	if n == 0 {
		x.ill(about, name+" holds no certificate", "put CERTIFICATE blocks (PEM) in it")
	}
}

// cluster is the address of the database; the private one is started if it does not run.
func (x *examination) cluster(ctx context.Context) (url string, stop func() error, err error) {
	db, err := openDatabase(ctx, x.settings, newLog())
	if errors.Is(err, postgres.ErrRunning) {
		url, err = postgres.Attach(postgres.Config{Dir: clusterDir(x.settings), Log: newLog()})
		return url, func() error { return nil }, err
	}
	if err != nil {
		return "", nil, err
	}
	return db.url, db.stop, nil
}

const (
	leastPostgres = 14
	leastPostGIS  = "3"
	// mostDrift is by how much the clocks of server and database may differ: deadlines are told to the second.
	mostDrift = time.Second
)

const askDatabase = `
SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000, current_setting('fsync'), current_setting('synchronous_commit'),
    current_setting('full_page_writes'), pg_encoding_to_char(encoding), COALESCE((SELECT extversion FROM pg_extension WHERE extname = 'postgis'), ''),
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgis'), to_regclass('migration') IS NOT NULL, clock_timestamp()
FROM pg_database WHERE datname = current_database()`

// database asks PostgreSQL about itself, and the schema about what is in it.
func (x *examination) database(ctx context.Context, url string) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		x.ill("database", err.Error(), startDatabase)
		return
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var version, fsync, commit, pages, encoding, postgis string
	var major int
	var available, schema bool
	var at time.Time
	before := time.Now()
	if err := conn.QueryRow(ctx, askDatabase).Scan(&version, &major, &fsync, &commit, &pages, &encoding, &postgis, &available, &schema, &at); err != nil {
		x.ill("database", err.Error(), "give the account of DATABASE_URL the right to read its own database")
		return
	}
	drift := at.Sub(before.Add(time.Since(before) / 2)).Abs()
	if major < leastPostgres {
		x.ill("database", "PostgreSQL "+version+" is too old", fmt.Sprintf("move to PostgreSQL %d or newer", leastPostgres))
	}
	switch {
	case postgis == "" && !available:
		x.ill("extensions", "PostGIS is not installed beside this PostgreSQL", fmt.Sprintf("install the package postgresql-%d-postgis-3", major))
	case postgis == "" && schema:
		x.ill("extensions", "the database has lost the extension postgis", "restore a backup: its geometries are gone with it")
	case postgis != "" && postgis < leastPostGIS:
		x.ill("extensions", "PostGIS "+postgis+" is too old", "ALTER EXTENSION postgis UPDATE, after installing PostGIS 3")
	}
	for name, value := range map[string]string{"fsync": fsync, "synchronous_commit": commit, "full_page_writes": pages} {
		if value == "off" {
			x.ill("database", name+" is off: reports that were acknowledged are lost when the machine stops", "ALTER SYSTEM SET "+name+" = on; SELECT pg_reload_conf(); and see that neither database nor role overrides it")
		}
	}
	if encoding != "UTF8" {
		x.ill("database", "it stores text as "+encoding, "make a database with ENCODING 'UTF8' and restore a backup into it")
	}
	if drift > mostDrift {
		x.ill("clocks", fmt.Sprintf("the database's clock differs by %v from this machine's", drift.Round(time.Millisecond)), "let both follow the same time server (chrony): deadlines are counted by them")
	}
	x.fine("database: PostgreSQL %s, PostGIS %s", version, cmp.Or(postgis, "to be added by the first start"))
	x.synchronised()
	if schema {
		x.schema(ctx, conn)
	} else {
		x.warn("schema", "the database is empty", "nothing to do: the first start fills it")
	}
}

// synchronised asks the kernel whether something keeps its clock right.
func (x *examination) synchronised() {
	const unsynchronised = 0x40 // STA_UNSYNC of adjtimex(2)
	var t syscall.Timex
	if _, err := syscall.Adjtimex(&t); err != nil {
		x.warn("clocks", "the kernel does not tell whether its clock is kept right: "+err.Error(), "see that the host runs chrony or ntpd")
	} else if t.Status&unsynchronised != 0 {
		x.warn("clocks", "nothing keeps this machine's clock right", "run chrony with the time server of your network (本机时钟未同步：请启用 chrony 并指向本网时间服务器)")
	} else {
		x.fine("clocks: kept by a time server")
	}
}

const (
	readVersion = `SELECT COALESCE(max(version), 0) FROM migration`
	countAdmins = `SELECT count(*) FROM account WHERE role = 'admin' AND active`
	countDark   = `SELECT state, count(*) FROM camera WHERE enabled AND state IN ('auth_failed', 'wrong_codec', 'no_keyframe') GROUP BY state ORDER BY state`
	countGrids  = `SELECT count(*) FROM grid WHERE level = 'grid'`
	readHead    = `SELECT h.seq, COALESCE((SELECT max(seq) FROM event), h.kept_seq) FROM event_head AS h`
)

// schema looks at what the rooms keep.
func (x *examination) schema(ctx context.Context, conn *pgx.Conn) {
	at := 0
	last, err := migrations.Newest()
	if err := errors.Join(err, conn.QueryRow(ctx, readVersion).Scan(&at)); err != nil {
		x.ill("schema", err.Error(), "restore a backup")
		return
	}
	if at > last {
		x.ill("schema", fmt.Sprintf("it is of a newer gridwall (%d, this one knows %d)", at, last), "start the newer version, or restore a backup of the older one")
		return
	}
	if at < last {
		x.warn("schema", fmt.Sprintf("it is of an older gridwall (%d of %d)", at, last), "make a backup: the next start brings it up to date")
		return
	}
	x.fine("schema: %d, as this gridwall knows it", at)
	var head, newest, admins, cells int64
	err = errors.Join(conn.QueryRow(ctx, readHead).Scan(&head, &newest), conn.QueryRow(ctx, countAdmins).Scan(&admins), conn.QueryRow(ctx, countGrids).Scan(&cells))
	if err != nil {
		x.ill("schema", err.Error(), "restore a backup")
		return
	}
	if head != newest {
		x.ill("log", fmt.Sprintf("its head stands at %d and its last event is %d", head, newest), "somebody wrote past the server: run gridwall verify, and restore a backup")
	}
	if admins == 0 {
		x.warn("accounts", "there is no administrator", "start the server: it makes one and prints its password once")
	}
	if cells == 0 {
		x.warn("grids", "there are none, and every report is refused as outside", "gridwall import grids FILE")
	}
	x.cameras(ctx, conn)
}

// cameras looks at the keys that open their credentials, and at what only somebody's hand can mend.
func (x *examination) cameras(ctx context.Context, conn *pgx.Conn) {
	used, err := cameras.SealedBy(ctx, conn)
	if err != nil {
		x.ill("cameras", err.Error(), "restore a backup")
		return
	}
	if text := os.Getenv("GRIDWALL_CAMERA_KEYS"); text != "" {
		if _, err := seal.Parse(text); err != nil {
			x.ill("keys", "GRIDWALL_CAMERA_KEYS: "+err.Error(), "write it as gridwall camera rotate-key tells")
		}
	} else if keys, err := seal.Open(x.keyFile(), false); err != nil && len(used) > 0 {
		x.ill("keys", fmt.Sprintf("cameras are sealed with key %s: %v", strings.Join(used, ", "), err), "copy "+seal.File+" from the node or the backup that has it")
	} else if err == nil {
		if missing := slices.DeleteFunc(used, keys.Has); len(missing) > 0 {
			x.ill("keys", fmt.Sprintf("cameras are sealed with key %s, which %s does not hold", strings.Join(missing, ", "), x.keyFile()), "copy the file from the node or the backup that has that key")
		}
	}
	rows, err := conn.Query(ctx, countDark)
	if err != nil {
		x.ill("cameras", err.Error(), "restore a backup")
		return
	}
	var state string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		x.warn("cameras", fmt.Sprintf("%d are %s", n, state), map[string]string{
			"auth_failed": "correct user and password in the registry at /cameras",
			"wrong_codec": "set them to H.264 or H.265",
			"no_keyframe": "shorten their keyframe interval to 2 s",
		}[state])
		return nil
	})
	if err != nil {
		x.ill("cameras", err.Error(), "restore a backup")
	}
}
