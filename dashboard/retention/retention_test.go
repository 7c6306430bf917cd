package retention_test

import (
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gridwall/dashboard/audit"
	"gridwall/dashboard/retention"
	"gridwall/migrations/dbtest"
)

const oldCases = `
INSERT INTO account (username, name, role) VALUES ('x', 'x', 'officer');
INSERT INTO case_file (number, flow, flow_edition, state, priority, title, description, geom, reporter, reported_at, updated_at, open, closed_at)
SELECT '15062120200101' || lpad(n::text, 5, '0'), 'incident', 1, 'closed', 'normal', 'x', 'x', ST_SetSRID(ST_MakePoint(110, 40), 4326), '{"name": "王某", "phone": "13800000000"}', at, at, closed IS NULL, closed
FROM (VALUES (1, timestamptz '2020-01-01 00:00+08', timestamptz '2020-02-01 00:00+08'), (2, '2020-01-01 00:00+08', '2024-02-01 00:00+08'), (3, '2020-01-01 00:00+08', NULL)) AS c (n, at, closed);
INSERT INTO photo (id, case_id, n, kind, at, account, jpeg)
SELECT 'p' || number, id, 1, 'near', now(), (SELECT id FROM account), 'x' FROM case_file`

func TestAPurgeTakesOldPersonalDataAndProvesIt(t *testing.T) {
	pool := dbtest.Open(t)
	ctx := t.Context()
	if _, err := pool.Exec(ctx, oldCases); err != nil {
		t.Fatal(err)
	}
	key, err := audit.OpenKey(filepath.Join(t.TempDir(), audit.KeyFile), true)
	if err != nil {
		t.Fatal(err)
	}
	left := func() (reporters, photos int) {
		if err := pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM case_file WHERE reporter IS NOT NULL), (SELECT count(*) FROM photo)`).Scan(&reporters, &photos); err != nil {
			t.Fatal(err)
		}
		return reporters, photos
	}
	before := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	dry, err := retention.Purge(ctx, pool, key, before, "console", true)
	if err != nil || dry.Cases != 1 || dry.Reporters != 1 || dry.Photos != 1 {
		t.Fatalf("%+v, %v", dry, err)
	}
	if reporters, photos := left(); reporters != 3 || photos != 3 {
		t.Fatalf("a dry run took something: %d reporters, %d photos are left", reporters, photos)
	}
	p, err := retention.Purge(ctx, pool, key, before, "console", false)
	if err != nil || p.Purged != dry.Purged {
		t.Fatalf("%+v, %v", p, err)
	}
	if reporters, photos := left(); reporters != 2 || photos != 2 {
		t.Errorf("%d reporters and %d photos are left of 3, want 2 each", reporters, photos)
	}
	file, err := p.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var onAudit []byte
	if err := pool.QueryRow(ctx, `SELECT detail FROM audit_entry WHERE act = 'purge'`).Scan(&onAudit); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"the file": text, "the audit": onAudit} {
		var read retention.Certificate
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		if !read.Holds(key.Public().(ed25519.PublicKey)) {
			t.Errorf("%s does not prove itself", name)
		}
		read.Photos++
		if read.Holds(key.Public().(ed25519.PublicKey)) {
			t.Errorf("%s proves what was not done", name)
		}
	}
	if _, err := audit.Verify(ctx, pool, nil); err != nil {
		t.Error(err)
	}
	if again, err := retention.Purge(ctx, pool, key, before, "console", true); err != nil || again.Cases != 0 {
		t.Errorf("there is something left: %+v, %v", again, err)
	}
}

// By itself: what is over goes without anybody's word, a case's reporter and photos after the months of the policy.
func TestWhatIsOverGoesByItself(t *testing.T) {
	pool := dbtest.Open(t)
	ctx := t.Context()
	if _, err := pool.Exec(ctx, oldCases); err != nil {
		t.Fatal(err)
	}
	const more = `
INSERT INTO photo (id, at, account, jpeg) SELECT 'waits', now() - interval '23 hours', id, 'x' FROM account LIMIT 1;
INSERT INTO photo (id, at, account, jpeg) SELECT 'forgotten', now() - interval '25 hours', id, 'x' FROM account LIMIT 1;
INSERT INTO session (hash, account, expires_at) SELECT 'good', id, now() + interval '1 hour' FROM account LIMIT 1;
INSERT INTO session (hash, account, expires_at) SELECT 'old', id, now() - interval '1 second' FROM account LIMIT 1;
INSERT INTO session (hash, account, expires_at, seen_at) SELECT 'idle', id, now() + interval '1 hour', now() - interval '3 hours' FROM account LIMIT 1;
INSERT INTO token (hash, name, account, expires_at) SELECT 'old', 'old', id, now() - interval '31 days' FROM account LIMIT 1;
INSERT INTO token (hash, name, account) SELECT 'good', 'good', id FROM account LIMIT 1`
	if _, err := pool.Exec(ctx, more); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key, err := audit.OpenKey(filepath.Join(dir, audit.KeyFile), true)
	if err != nil {
		t.Fatal(err)
	}
	left := func() string {
		var text string
		const all = `SELECT concat_ws(' ', (SELECT count(*) FROM case_file WHERE reporter IS NOT NULL),
			(SELECT string_agg(id, ',' ORDER BY id) FROM photo WHERE case_id IS NULL), (SELECT string_agg(convert_from(hash, 'UTF8'), ',' ORDER BY hash) FROM session),
			(SELECT string_agg(name, ',' ORDER BY name) FROM token), (SELECT count(*) FROM audit_entry WHERE act = 'purge' AND username = 'retention'))`
		if err := pool.QueryRow(ctx, all).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	keeper := retention.Keeper{Pool: pool, Key: key, Dir: filepath.Join(dir, "purges"), Log: slog.New(slog.DiscardHandler)}
	now := time.Now()
	if err := keeper.Tidy(ctx, now); err != nil {
		t.Fatal(err)
	}
	if got, want := left(), "3 waits good good 0"; got != want {
		t.Errorf("without a policy for cases: %q, want %q", got, want)
	}
	// Of two nodes at the same time, one purges: cases closed in February of 2020, and not those of 2024.
	keeper.Months = (now.Year()-2023)*12 + int(now.Month()) - 1
	var nodes sync.WaitGroup
	for range 2 {
		nodes.Go(func() {
			if err := keeper.Tidy(ctx, now); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	if got, want := left(), "2 waits good good 1"; got != want {
		t.Errorf("by a policy: %q, want %q", got, want)
	}
	before := left()
	if err := keeper.Tidy(ctx, now); err != nil || left() != before {
		t.Errorf("with nothing to do it did something: %q, %v", left(), err)
	}
	files, err := os.ReadDir(keeper.Dir)
	if err != nil || len(files) == 0 {
		t.Errorf("%d certificates, %v", len(files), err)
	}
}
