package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// database is the tests' own PostgreSQL.
func database(t *testing.T) *pgx.Conn {
	t.Helper()
	dir, err := os.MkdirTemp("", "gridwall-fault-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := newCluster(dir)
	if err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("no PostgreSQL that a cluster can be made with (make test installs it): %v", err)
		}
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := c.unmount(); err != nil {
			t.Error(err)
		}
	})
	start, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := c.ready(start); err != nil {
		t.Fatal(err)
	}
	return connect(t, c.url())
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// Why the log is not a plain sequence: a writer that pauses between its number and its commit makes everyone who reads
// on from the newest number skip it for good, and the checker says so. dashboard/live/late_test.go does the same to the
// product's log, where nobody skips.
func TestABigserialLogLosesWhatCommitsLateAndTheCheckerSaysSo(t *testing.T) {
	ctx := t.Context()
	reader := database(t)
	if _, err := reader.Exec(ctx, `CREATE TABLE plain_event (seq bigserial PRIMARY KEY, type text NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	late, prompt := connect(t, reader.Config().ConnString()), connect(t, reader.Config().ConnString())

	last, saw := int64(0), []event{}
	tail := func() {
		t.Helper()
		rows, err := reader.Query(ctx, `SELECT seq FROM plain_event WHERE seq > $1 ORDER BY seq`, last)
		if err != nil {
			t.Fatal(err)
		}
		seqs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			t.Fatal(err)
		}
		for _, seq := range seqs {
			saw, last = append(saw, event{seq: seq}), seq
		}
	}
	write := func(conn interface {
		QueryRow(context.Context, string, ...any) pgx.Row
	}) (seq int64) {
		t.Helper()
		if err := conn.QueryRow(ctx, `INSERT INTO plain_event (type) VALUES ('wall.changed') RETURNING seq`).Scan(&seq); err != nil {
			t.Fatal(err)
		}
		return seq
	}

	write(prompt)
	tail()
	paused, err := late.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	skipped := write(paused) // has its number …
	write(prompt)            // … and another goes past it
	tail()
	if err := paused.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	write(prompt)
	tail()

	h := &history{tables: &tables{}}
	rows, err := reader.Query(ctx, `SELECT seq FROM plain_event ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range stored {
		h.tables.log = append(h.tables.log, logged{event: event{seq: seq}, kind: "wall.changed"})
		h.tables.end.seq = seq
	}
	h.readers = []followed{{name: "tailer", audience: audience{rights: everything}, seen: seen{events: saw}, reached: last}}
	found := check(h, map[string]openCase{})
	if len(found) != 1 || found[0].kind != "skipped" {
		t.Fatalf("found %v, want event %d skipped and nothing else", found, skipped)
	}
	t.Logf("as it must: %v", found[0])
}
