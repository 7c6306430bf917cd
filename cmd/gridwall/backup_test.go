package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
	"gridwall/dashboard/audit"
	"gridwall/migrations/dbtest"
)

// What was acknowledged before a backup began is in it, while writers go on; it comes back into an empty folder, verified,
// as a log of another name, and a backup that was touched does not come back at all.
func TestABackupTakenUnderLoadComesBackWhole(t *testing.T) {
	url := dbtest.URL(t)
	ctx := t.Context()
	pool, err := openPool(ctx, url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	dir := t.TempDir()
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) { // the user postgres must get in
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	from := settings{dataDir: filepath.Join(dir, "from"), database: url}
	file, keyFile := from.checkpointPaths()
	key, err := audit.OpenKey(keyFile, true)
	if err != nil {
		t.Fatal(err)
	}
	signer := audit.Signer{Pool: pool, Key: key, File: file}
	if err := os.WriteFile(filepath.Join(from.dataDir, "camera.keys"), []byte("a key\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	load, end := context.WithCancel(ctx)
	var mu sync.Mutex
	var acknowledged []string
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for load.Err() == nil {
				e, err := audit.New(access.Identity{Username: "writer"}, "case.view", "x", nil, time.Now())
				if err == nil {
					err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return audit.Append(ctx, tx, time.Now(), e) })
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, e.ID)
				mu.Unlock()
			}
		})
	}
	wait := func(n int) []string {
		for until := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			mu.Lock()
			ids := append([]string(nil), acknowledged...)
			mu.Unlock()
			if len(ids) >= n || time.Now().After(until) {
				return ids
			}
		}
	}
	before := wait(20)
	if err := signer.Sign(ctx); err != nil {
		t.Fatal(err)
	}
	before = wait(len(before) + 20)
	folder := filepath.Join(dir, "backup")
	if err := takeBackup(ctx, from, url, folder); err != nil {
		t.Fatal(err)
	}
	wait(len(before) + 20)
	end()
	writers.Wait()

	to := settings{dataDir: filepath.Join(dir, "to")}
	if err := os.MkdirAll(to.dataDir, 0o755); err != nil {
		t.Fatal(err)
	}
	holds, err := bringBack(ctx, to, folder)
	if err != nil {
		t.Fatal(err)
	}
	if holds.Entries < int64(len(before)) || holds.Checkpoints != 1 {
		t.Errorf("%+v; want %d rows or more, and a checkpoint", holds, len(before))
	}
	if text, err := os.ReadFile(filepath.Join(to.dataDir, "camera.keys")); err != nil || string(text) != "a key\n" {
		t.Errorf("the keys of cameras: %q, %v", text, err)
	}
	again, stop, err := reach(ctx, to, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var found int
	var old, log string
	err = again.QueryRow(ctx, `SELECT (SELECT count(*) FROM audit_entry WHERE id = ANY($1::uuid[])), (SELECT log::text FROM event_head)`, before).Scan(&found, &log)
	if err != nil || found != len(before) {
		t.Errorf("%d of %d acknowledged rows came back, %v", found, len(before), err)
	}
	if err := pool.QueryRow(ctx, `SELECT log::text FROM event_head`).Scan(&old); err != nil || old == log {
		t.Errorf("the restored log has the name of the old one: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := bringBack(ctx, to, folder); err == nil {
		t.Error("a backup came back over a centre that is there")
	}
	if err := os.WriteFile(filepath.Join(folder, "camera.keys"), []byte("another key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bringBack(ctx, settings{dataDir: filepath.Join(dir, "third")}, folder); err == nil {
		t.Error("a backup that was touched came back")
	}
}
