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
	about      string // a flag, or a key of parts
	what, mend both
	warning    bool
}

// both is a sentence in Chinese and in English.
type both struct{ zh, en string }

// saying fills the same values into both languages.
func saying(zh, en string, values ...any) both {
	return both{fmt.Sprintf(zh, values...), fmt.Sprintf(en, values...)}
}

// heard is what a system said, which is not translated.
func heard(err error) both { return both{"系统报告：" + err.Error(), err.Error()} }

// parts are the Chinese names of what is looked at.
var parts = map[string]string{
	"accounts": "账号", "cameras": "摄像机", "clocks": "时钟", "database": "数据库", "disk": "磁盘", "extensions": "扩展", "grids": "网格",
	"keys": "密钥", "log": "日志", "programs": "程序", "schema": "库结构", "settings": "设置",
}

// line is what is said of a thing, in both languages.
func line(about string, what both) string {
	return cmp.Or(parts[about], about) + "：" + what.zh + "\n  " + about + ": " + what.en
}

// examination gathers what one look found.
type examination struct {
	settings settings
	found    []ailment
	well     []string
}

func (x *examination) ill(about string, what, mend both) {
	x.found = append(x.found, ailment{about, what, mend, false})
}

func (x *examination) warn(about string, what, mend both) {
	x.found = append(x.found, ailment{about, what, mend, true})
}

func (x *examination) fine(about string, what both) {
	x.well = append(x.well, line(about, what))
}

func doctor(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("doctor", doctorUsage)
	if _, err := parse(flags, args); err != nil {
		return err
	}
	x := &examination{settings: s}
	err := x.run(ctx)
	for _, well := range x.well {
		fmt.Println("✔", well)
	}
	faults := 0
	for _, a := range x.found {
		sign := "!"
		if !a.warning {
			sign, faults = "✖", faults+1
		}
		fmt.Printf("%s %s\n    → %s\n    → %s\n", sign, line(a.about, a.what), a.mend.zh, a.mend.en)
	}
	fmt.Printf("须处理 %[1]d 项，提示 %[2]d 项 · %[1]d things to mend, %[2]d to think of\n", faults, len(x.found)-faults)
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
		x.warn("database", both{"尚无自带数据库，DATABASE_URL 也未指定", "there is no private one yet, and DATABASE_URL names none"}, firstStart)
		return nil
	}
	url, stop, err := x.cluster(ctx)
	if err != nil {
		x.ill("database", heard(err), startDatabase)
		return nil
	}
	x.database(ctx, url)
	return stop()
}

// What several findings are mended by.
var (
	startDatabase = both{"启动 PostgreSQL，或更正 DATABASE_URL", "start PostgreSQL, or correct DATABASE_URL"}
	firstStart    = both{"首次启动前无须处理：服务器会自行建立", "nothing to do before the first start: the server makes it"}
	restoreBackup = both{"恢复备份", "restore a backup"}
)

// configuration reads every setting as the server would.
func (x *examination) configuration() {
	s, before := &x.settings, len(x.found)
	if _, err := prefixes(s.proxies); err != nil {
		x.ill("--trusted-proxies", heard(err), both{"列出网段或地址，例如 10.1.0.0/24,10.1.9.2", "list networks or addresses, like 10.1.0.0/24,10.1.9.2"})
	}
	if _, err := prefixes(s.cameraNets); err != nil {
		x.ill("--camera-networks", heard(err), both{"列出网段或地址，例如 10.0.0.0/8,192.168.7.0/24", "list networks or addresses, like 10.0.0.0/8,192.168.7.0/24"})
	}
	if s.gridCodes != "" {
		if _, err := grid.ParseScheme(s.gridCodes); err != nil {
			x.ill("--grid-codes", heard(err), both{"写明每一级的位数，例如 6+3+3+3", "name the digits of each level, like 6+3+3+3"})
		}
	}
	if _, err := readRules(s.alarmRules); err != nil {
		x.ill("--alarm-rules", heard(err), both{"更正该行；不设此项则用随程序提供的规则", "correct that line, or leave the flag out: the rules that are shipped apply"})
	}
	if _, err := basemap.Open(s.basemap); err != nil {
		x.ill("--basemap", heard(err), both{"指定 .pmtiles 文件、{z}/{x}/{y} 目录或网址；不设此项则显示导入的底图", "name a .pmtiles file, a folder {z}/{x}/{y} or an address; without the flag the imported backdrop is shown"})
	}
	if len(x.found) == before {
		x.fine("settings", both{"各项均可读取", "every one can be read"})
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
		x.warn("--data-dir", both{dir + " 尚不存在", dir + " is not there yet"}, firstStart)
		return
	case err != nil:
		x.ill("--data-dir", heard(err), both{"给运行服务器的用户访问权限", "give the server's user the right to it"})
		return
	case !info.IsDir():
		x.ill("--data-dir", both{dir + " 不是目录", dir + " is no folder"}, both{"指定一个目录", "name a folder"})
		return
	}
	if file, err := os.CreateTemp(dir, ".doctor-*"); err != nil {
		x.ill("--data-dir", heard(err), both{"让运行服务器的用户可写：chown，或换用非只读磁盘", "let the server's user write there: chown, or a disk that is not read-only"})
	} else {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err == nil {
		free, all := int64(disk.Bavail)*disk.Bsize, int64(disk.Blocks)*disk.Bsize
		if free < leastFree || free*20 < all {
			x.ill("disk", saying("%[3]s 所在磁盘 %[2]d MiB 中仅余 %[1]d MiB", "%[1]d MiB of %[2]d are free where %[3]s is", free>>20, all>>20, dir),
				both{"清理、扩容或迁移目录：磁盘写满后无法上报", "free some room or move the folder: a full disk stops every report"})
		} else {
			x.fine("disk", saying("%[2]d GiB 中余 %[1]d GiB", "%[1]d GiB of %[2]d are free", free>>30, all>>30))
		}
	}
	checkpoints, signing := x.settings.checkpointPaths()
	for _, key := range []string{signing, x.keyFile()} {
		if info, err := os.Stat(key); err == nil && info.Mode().Perm()&0o077 != 0 {
			x.ill("keys", saying("%s 可被他人读取（%v）", "%s can be read by others (%v)", key, info.Mode().Perm()), both{"chmod 600 " + key, "chmod 600 " + key})
		}
	}
	if parent := filepath.Dir(checkpoints); parent != dir {
		if _, err := os.Stat(parent); err != nil {
			x.ill("--checkpoint-file", heard(err), both{"挂载该目录或另行指定：在此之前日志没有外部证明", "mount that folder, or name another: until then nothing outside proves the log"})
		}
	} else {
		x.warn("--checkpoint-file", both{"日志的签名检查点与日志放在一处", "the signed heads of the log are kept beside the log"},
			both{"指定另一台机器上的文件：能改日志者也能改检查点", "name a file on another machine: who can change the log could change both"})
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
		x.fine("--addr", saying("%s 空闲", "%s is free", x.settings.addr))
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
				x.fine("--addr", saying("服务器正在 %s 提供服务", "the server serves at %s", x.settings.addr))
				return
			}
		}
	}
	x.ill("--addr", heard(err), both{"停掉占用该端口的程序，或换一个地址", "stop what listens there, or choose another address"})
}

// programs are those that the server starts.
func (x *examination) programs() {
	for _, p := range []struct {
		name       string
		what, mend both
		needed     bool
	}{
		{"ffmpeg", both{"未安装 ffmpeg：摄像机快照以视频而非 JPEG 提供", "ffmpeg is not installed: snapshots of cameras are given as film, not as JPEG"}, both{"安装 ffmpeg", "install ffmpeg"}, false},
		{"pg_dump", both{"未安装 pg_dump：无法执行 gridwall backup", "pg_dump is not installed: gridwall backup cannot run"}, both{"安装 PostgreSQL 客户端程序", "install PostgreSQL's client programs"}, true},
	} {
		if path, err := exec.LookPath(p.name); err == nil {
			x.fine("programs", both{path, path})
		} else if p.needed {
			x.ill("programs", p.what, p.mend)
		} else {
			x.warn("programs", p.what, p.mend)
		}
	}
}

// certificates looks at the server's own and at those that sign rtsps cameras.
func (x *examination) certificates(now time.Time) {
	s := x.settings
	if _, err := openTLS(s.tlsCert, s.tlsKey, newLog()); err != nil {
		x.ill("--tls-cert", heard(err), both{"以 PEM 文件指定证书及其密钥，或自行生成：gridwall certificate HOST", "name a certificate and its key as PEM files, or make them: gridwall certificate HOST"})
	} else if s.tlsCert != "" {
		x.lasts("--tls-cert", s.tlsCert, now, both{"浏览器会拒绝所有页面", "pages are refused by every browser"})
	}
	if s.cameraCA != "" {
		x.lasts("--camera-ca", s.cameraCA, now, both{"由它签发的 rtsps 摄像机没有画面", "rtsps cameras that it signed are dark"})
	}
}

// lasts says which certificates of a file have ended, or soon will.
func (x *examination) lasts(about, name string, now time.Time, so both) {
	text, err := os.ReadFile(name)
	if err != nil {
		x.ill(about, heard(err), both{"指定服务器可读的 PEM 文件", "name a PEM file that the server can read"})
		return
	}
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			x.ill(about, heard(fmt.Errorf("%s: %w", name, err)), both{"放入完整的 CERTIFICATE 块", "put whole CERTIFICATE blocks in it"})
			return
		}
		switch n++; {
		case now.After(certificate.NotAfter):
			x.ill(about, saying("%s 已于 %s 到期", "%s has ended on %s", certificate.Subject, certificate.NotAfter.Format(time.DateOnly)),
				both{"把新证书放入 " + name + "：" + so.zh, "put the new one into " + name + ": " + so.en})
		case now.AddDate(0, 1, 0).After(certificate.NotAfter):
			x.warn(about, saying("%s 将于 %s 到期", "%s ends on %s", certificate.Subject, certificate.NotAfter.Format(time.DateOnly)), both{"备好新证书", "have the new one ready"})
		}
	}
	if n == 0 {
		x.ill(about, both{name + " 中没有证书", name + " holds no certificate"}, both{"放入 CERTIFICATE 块（PEM）", "put CERTIFICATE blocks (PEM) in it"})
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
		x.ill("database", heard(err), startDatabase)
		return
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var version, fsync, commit, pages, encoding, postgis string
	var major int
	var available, schema bool
	var at time.Time
	before := time.Now()
	if err := conn.QueryRow(ctx, askDatabase).Scan(&version, &major, &fsync, &commit, &pages, &encoding, &postgis, &available, &schema, &at); err != nil {
		x.ill("database", heard(err), both{"让 DATABASE_URL 的账号有权读取自己的数据库", "give the account of DATABASE_URL the right to read its own database"})
		return
	}
	drift := at.Sub(before.Add(time.Since(before) / 2)).Abs()
	if major < leastPostgres {
		x.ill("database", saying("PostgreSQL %s 过旧", "PostgreSQL %s is too old", version), saying("升级到 PostgreSQL %d 或更新版本", "move to PostgreSQL %d or newer", leastPostgres))
	}
	switch {
	case postgis == "" && !available:
		x.ill("extensions", both{"此 PostgreSQL 未安装 PostGIS", "PostGIS is not installed beside this PostgreSQL"}, saying("安装软件包 postgresql-%d-postgis-3", "install the package postgresql-%d-postgis-3", major))
	case postgis == "" && schema:
		x.ill("extensions", both{"数据库丢失了 postgis 扩展", "the database has lost the extension postgis"}, both{"恢复备份：几何数据已随之丢失", "restore a backup: its geometries are gone with it"})
	case postgis != "" && postgis < leastPostGIS:
		x.ill("extensions", saying("PostGIS %s 过旧", "PostGIS %s is too old", postgis), both{"安装 PostGIS 3 后执行 ALTER EXTENSION postgis UPDATE", "ALTER EXTENSION postgis UPDATE, after installing PostGIS 3"})
	}
	for name, value := range map[string]string{"fsync": fsync, "synchronous_commit": commit, "full_page_writes": pages} {
		if value == "off" {
			x.ill("database", saying("%s 已关闭：断电会丢失已受理的上报", "%s is off: reports that were acknowledged are lost when the machine stops", name),
				saying("ALTER SYSTEM SET %s = on; SELECT pg_reload_conf(); 并确认数据库与角色未另行设置", "ALTER SYSTEM SET %s = on; SELECT pg_reload_conf(); and see that neither database nor role overrides it", name))
		}
	}
	if encoding != "UTF8" {
		x.ill("database", saying("文本编码为 %s", "it stores text as %s", encoding), both{"以 ENCODING 'UTF8' 新建数据库并恢复备份", "make a database with ENCODING 'UTF8' and restore a backup into it"})
	}
	if drift > mostDrift {
		x.ill("clocks", saying("数据库时钟与本机相差 %v", "the database's clock differs by %v from this machine's", drift.Round(time.Millisecond)),
			both{"让两者跟随同一时间服务器（chrony）：时限据此计算", "let both follow the same time server (chrony): deadlines are counted by them"})
	}
	x.fine("database", saying("PostgreSQL %s，PostGIS %s", "PostgreSQL %s, PostGIS %s", version, cmp.Or(postgis, "+")))
	x.synchronised()
	if schema {
		x.schema(ctx, conn)
	} else {
		x.warn("schema", both{"数据库是空的", "the database is empty"}, firstStart)
	}
}

// synchronised asks the kernel whether something keeps its clock right.
func (x *examination) synchronised() {
	const unsynchronised = 0x40 // STA_UNSYNC of adjtimex(2)
	var t syscall.Timex
	if _, err := syscall.Adjtimex(&t); err != nil {
		x.warn("clocks", saying("内核未说明时钟是否同步：%v", "the kernel does not tell whether its clock is kept right: %v", err), both{"确认宿主机运行 chrony 或 ntpd", "see that the host runs chrony or ntpd"})
	} else if t.Status&unsynchronised != 0 {
		x.warn("clocks", both{"本机时钟未同步", "nothing keeps this machine's clock right"}, both{"启用 chrony 并指向本网时间服务器", "run chrony with the time server of your network"})
	} else {
		x.fine("clocks", both{"由时间服务器校准", "kept by a time server"})
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
		x.ill("schema", heard(err), restoreBackup)
		return
	}
	if at > last {
		x.ill("schema", saying("由更新版本的 gridwall 建立（%d，本程序只到 %d）", "it is of a newer gridwall (%d, this one knows %d)", at, last),
			both{"启动新版本，或恢复旧版本的备份", "start the newer version, or restore a backup of the older one"})
		return
	}
	if at < last {
		x.warn("schema", saying("由较早版本的 gridwall 建立（%d，最新 %d）", "it is of an older gridwall (%d of %d)", at, last), both{"先做备份：下次启动会自动升级", "make a backup: the next start brings it up to date"})
		return
	}
	x.fine("schema", saying("%d，与本程序一致", "%d, as this gridwall knows it", at))
	var head, newest, admins, cells int64
	err = errors.Join(conn.QueryRow(ctx, readHead).Scan(&head, &newest), conn.QueryRow(ctx, countAdmins).Scan(&admins), conn.QueryRow(ctx, countGrids).Scan(&cells))
	if err != nil {
		x.ill("schema", heard(err), restoreBackup)
		return
	}
	if head != newest {
		x.ill("log", saying("日志头为 %d，最后一条事件为 %d", "its head stands at %d and its last event is %d", head, newest),
			both{"有人绕过服务器写入：运行 gridwall verify 并恢复备份", "somebody wrote past the server: run gridwall verify, and restore a backup"})
	}
	if admins == 0 {
		x.warn("accounts", both{"没有管理员", "there is no administrator"}, both{"启动服务器：它会建立一个并一次性打印密码", "start the server: it makes one and prints its password once"})
	}
	if cells == 0 {
		x.warn("grids", both{"尚无网格，所有上报都会因“网格之外”被拒", "there are none, and every report is refused as outside"}, both{"gridwall import grids FILE", "gridwall import grids FILE"})
	}
	x.cameras(ctx, conn)
}

// cameras looks at the keys that open their credentials, and at what only somebody's hand can mend.
func (x *examination) cameras(ctx context.Context, conn *pgx.Conn) {
	used, err := cameras.SealedBy(ctx, conn)
	if err != nil {
		x.ill("cameras", heard(err), restoreBackup)
		return
	}
	if text := os.Getenv("GRIDWALL_CAMERA_KEYS"); text != "" {
		if _, err := seal.Parse(text); err != nil {
			x.ill("keys", heard(fmt.Errorf("GRIDWALL_CAMERA_KEYS: %w", err)), both{"按 gridwall camera rotate-key 的说明书写", "write it as gridwall camera rotate-key tells"})
		}
	} else if keys, err := seal.Open(x.keyFile(), false); err != nil && len(used) > 0 {
		x.ill("keys", saying("摄像机口令由密钥 %s 加密：%v", "cameras are sealed with key %s: %v", strings.Join(used, ", "), err),
			saying("从保有它的节点或备份复制 %s", "copy %s from the node or the backup that has it", seal.File))
	} else if err == nil {
		if missing := slices.DeleteFunc(used, keys.Has); len(missing) > 0 {
			x.ill("keys", saying("摄像机口令由密钥 %s 加密，而 %s 中没有", "cameras are sealed with key %s, which %s does not hold", strings.Join(missing, ", "), x.keyFile()),
				both{"从保有该密钥的节点或备份复制该文件", "copy the file from the node or the backup that has that key"})
		}
	}
	rows, err := conn.Query(ctx, countDark)
	if err != nil {
		x.ill("cameras", heard(err), restoreBackup)
		return
	}
	var state string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		x.warn("cameras", saying("%d 路为 %s", "%d are %s", n, state), map[string]both{
			"auth_failed": {"在 /cameras 的登记表中更正用户名和口令", "correct user and password in the registry at /cameras"},
			"wrong_codec": {"改为 H.264 或 H.265", "set them to H.264 or H.265"},
			"no_keyframe": {"把关键帧间隔缩短到 2 秒", "shorten their keyframe interval to 2 s"},
		}[state])
		return nil
	})
	if err != nil {
		x.ill("cameras", heard(err), restoreBackup)
	}
}
