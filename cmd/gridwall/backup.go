package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/audit"
	"gridwall/dashboard/cameras/seal"
	"gridwall/dashboard/postgres"
)

const backupUsage = `backup FOLDER [flags]

Writes a backup of the running centre into FOLDER, which must not exist: the database with its photos as of one moment, the
keys that seal the credentials of cameras, the key and file of the checkpoints. Whoever has the folder has everything: keep
it as safe as the server. Keys of GRIDWALL_CAMERA_KEYS are not in it.
`

const restoreUsage = `restore FOLDER --data-dir=EMPTY [flags]

Brings a backup back into an empty data folder (or into an empty database at DATABASE_URL), and verifies it.
`

// dumpFile is the database of a backup, in pg_dump's own format.
const dumpFile = "database.dump"

// manifest says what a backup is made of.
type manifest struct {
	TakenAt time.Time         `json:"taken_at"`
	Sums    map[string]string `json:"sha256"` // of each file, hex
}

// kept are the files beside the database: name in the backup, and where it lives.
func (s *settings) kept() map[string]string {
	file, key := s.checkpointPaths()
	keys := s.cameraKeys
	if keys == "" {
		keys = filepath.Join(s.dataDir, seal.File)
	}
	return map[string]string{seal.File: keys, audit.KeyFile: key, "checkpoints.jsonl": file}
}

func backup(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("backup", backupUsage)
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		flags.Usage()
		return exitStatus(2)
	}
	pool, stop, err := reach(ctx, s, newLog())
	if err != nil {
		return err
	}
	err = takeBackup(ctx, s, pool.Config().ConnString(), rest[0])
	if err == nil {
		err = record(ctx, pool, "backup", filepath.Base(rest[0]), nil)
	}
	if err == nil {
		fmt.Printf("the backup is in %s (备份完成)\n", rest[0])
	}
	return errors.Join(err, stop())
}

// takeBackup writes under another name and renames what is whole.
func takeBackup(ctx context.Context, s settings, url, folder string) error {
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: a backup goes into a folder of its own (目标文件夹已存在)", folder)
	}
	raw := folder + ".part"
	if err := os.RemoveAll(raw); err != nil {
		return err
	}
	if err := os.MkdirAll(raw, 0o700); err != nil {
		return err
	}
	m := manifest{TakenAt: time.Now().UTC(), Sums: map[string]string{}}
	// Checkpoints first: the database then holds all that they saw.
	for name, path := range s.kept() {
		if err := copyFile(path, filepath.Join(raw, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	program, err := postgres.Program("pg_dump")
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, program, "--format=custom", "--no-owner", "--no-privileges", "--file="+filepath.Join(raw, dumpFile), "--dbname="+url).CombinedOutput(); err != nil {
		return fmt.Errorf("pg_dump: %w: %s", err, out)
	}
	files, err := os.ReadDir(raw)
	if err != nil {
		return err
	}
	for _, f := range files {
		if m.Sums[f.Name()], err = sumOf(filepath.Join(raw, f.Name())); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(raw, "manifest.json"), text, 0o600); err != nil {
		return err
	}
	return os.Rename(raw, folder)
}

func restore(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("restore", restoreUsage)
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		flags.Usage()
		return exitStatus(2)
	}
	holds, err := bringBack(ctx, s, rest[0])
	if err == nil {
		fmt.Printf("restored and verified: %d events, %d rows of the audit (恢复完成并已校验)\n", holds.Events, holds.Entries)
	}
	return err
}

// bringBack checks the backup, fills the empty database, and verifies what it has become.
func bringBack(ctx context.Context, s settings, folder string) (holds audit.Holds, err error) {
	text, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		return holds, fmt.Errorf("this is no whole backup: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return holds, fmt.Errorf("manifest.json: %w", err)
	}
	if m.Sums[dumpFile] == "" {
		return holds, errors.New("manifest.json names no database")
	}
	for name, want := range m.Sums {
		if got, err := sumOf(filepath.Join(folder, filepath.Base(name))); err != nil || got != want {
			return holds, fmt.Errorf("%s of the backup is not what was written (备份文件已损坏): %v", name, err)
		}
	}
	places := s.kept()
	for name, path := range places {
		if _, err := os.Stat(path); err == nil && m.Sums[name] != "" {
			return holds, fmt.Errorf("%s is there already: restore into an empty data folder (请恢复到空文件夹)", path)
		}
	}
	db, err := openDatabase(ctx, s, newLog())
	if err != nil {
		return holds, err
	}
	defer func() { err = errors.Join(err, db.stop()) }()
	conn, err := pgx.Connect(ctx, db.url)
	if err != nil {
		return holds, err
	}
	var used bool
	err = conn.QueryRow(ctx, `SELECT to_regclass('event_head') IS NOT NULL OR to_regclass('migration') IS NOT NULL`).Scan(&used)
	conn.Close(ctx)
	if err != nil {
		return holds, err
	}
	if used {
		return holds, errors.New("the database is not empty: restore into an empty one (数据库非空)")
	}
	program, err := postgres.Program("pg_restore")
	if err != nil {
		return holds, err
	}
	if out, err := exec.CommandContext(ctx, program, "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--dbname="+db.url, filepath.Join(folder, dumpFile)).CombinedOutput(); err != nil {
		return holds, fmt.Errorf("pg_restore: %w: %s", err, out)
	}
	for name, path := range places {
		if m.Sums[name] == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return holds, err
		}
		if err := copyFile(filepath.Join(folder, name), path); err != nil {
			return holds, err
		}
	}
	pool, err := openPool(ctx, db.url, newLog())
	if err != nil {
		return holds, err
	}
	defer pool.Close()
	// Numbers after the backup will be given again: pages that followed the old log must begin anew.
	if _, err := pool.Exec(ctx, `UPDATE event_head SET log = gen_random_uuid()`); err != nil {
		return holds, err
	}
	if err := record(ctx, pool, "restore", filepath.Base(folder), map[string]any{"taken_at": m.TakenAt}); err != nil {
		return holds, err
	}
	return verifyAll(ctx, pool, s)
}

// copyFile copies with mode 0600: these are keys.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
