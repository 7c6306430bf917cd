package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/assets"
	"gridwall/dashboard"
	"gridwall/dashboard/access"
	"gridwall/dashboard/audit"
	"gridwall/migrations/dbtest"
)

// reporters serves a centre on the database; each call reports a case over HTTP and gives the number that it was acknowledged by.
func reporters(t *testing.T, pool *pgxpool.Pool) func() (string, error) {
	t.Helper()
	const ground = `
INSERT INTO grid (code, level, name, geom, label) VALUES
    ('150621901001001', 'grid', '一网格', ST_Multi(ST_MakeEnvelope(110.00, 40.40, 110.01, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.005, 40.405), 4326))`
	if _, err := pool.Exec(t.Context(), ground); err != nil {
		t.Fatal(err)
	}
	life, end := context.WithCancel(context.Background())
	d, err := dashboard.Open(life, dashboard.Config{Pool: pool, Catalogue: assets.Catalogue(), Pages: fstest.MapFS{}, WebRTCAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		end()
		t.Fatal(err)
	}
	server, done := httptest.NewServer(d.Handler()), make(chan error, 1)
	go func() { done <- d.Run(life) }()
	t.Cleanup(func() {
		end()
		server.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := d.Access.SaveAccount(t.Context(), access.Account{Username: "operator", Name: "值守员", Role: access.Operator}); err != nil {
		t.Fatal(err)
	}
	token, err := d.Access.NewToken(t.Context(), "operator", "test")
	if err != nil {
		t.Fatal(err)
	}
	return func() (string, error) {
		req, err := http.NewRequest(http.MethodPost, server.URL+"/api/v1/cases", strings.NewReader(`{"title":"备份期间上报","location":{"lon":110.005,"lat":40.405}}`))
		if err != nil {
			return "", err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		var made struct{ Number string }
		if err := json.NewDecoder(answer.Body).Decode(&made); err != nil || answer.StatusCode != http.StatusCreated {
			return "", fmt.Errorf("report: %d, %v", answer.StatusCode, err)
		}
		return made.Number, nil
	}
}

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
	var acknowledged, reported []string // ids of the audit, numbers of cases
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
	report := reporters(t, pool)
	for range 4 {
		writers.Go(func() {
			for load.Err() == nil {
				number, err := report()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				reported = append(reported, number)
				mu.Unlock()
			}
		})
	}
	wait := func(n int) (ids, numbers []string) {
		for until := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			mu.Lock()
			ids, numbers = slices.Clone(acknowledged), slices.Clone(reported)
			mu.Unlock()
			if len(ids) >= n && len(numbers) >= n || time.Now().After(until) {
				return ids, numbers
			}
		}
	}
	before, cases := wait(20)
	if err := signer.Sign(ctx); err != nil {
		t.Fatal(err)
	}
	before, cases = wait(max(len(before), len(cases)) + 20)
	folder := filepath.Join(dir, "backup")
	if err := takeBackup(ctx, from, url, folder); err != nil {
		t.Fatal(err)
	}
	wait(max(len(before), len(cases)) + 20)
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
	var found, files, told int
	var old, log string
	const count = `
SELECT (SELECT count(*) FROM audit_entry WHERE id = ANY($1::uuid[])), (SELECT count(*) FROM case_file WHERE number = ANY($2)),
    (SELECT count(DISTINCT data->'case'->>'number') FROM event WHERE type = 'case.reported' AND data->'case'->>'number' = ANY($2)), (SELECT log::text FROM event_head)`
	err = again.QueryRow(ctx, count, before, cases).Scan(&found, &files, &told, &log)
	if err != nil || found != len(before) || files != len(cases) || told != len(cases) {
		t.Errorf("%d of %d acknowledged rows, %d and %d of %d acknowledged cases came back, %v", found, len(before), files, told, len(cases), err)
	}
	t.Logf("%d rows of the audit and %d cases reported over HTTP were acknowledged before the backup began", len(before), len(cases))
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
