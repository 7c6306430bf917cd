package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gridwall/dashboard/audit"
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
	dry, err := purgeBefore(ctx, pool, key, before, true)
	if err != nil || dry.Cases != 1 || dry.Reporters != 1 || dry.Photos != 1 {
		t.Fatalf("%+v, %v", dry, err)
	}
	if reporters, photos := left(); reporters != 3 || photos != 3 {
		t.Fatalf("a dry run took something: %d reporters, %d photos are left", reporters, photos)
	}
	p, err := purgeBefore(ctx, pool, key, before, false)
	if err != nil || p.Purged != dry.Purged {
		t.Fatalf("%+v, %v", p, err)
	}
	if reporters, photos := left(); reporters != 2 || photos != 2 {
		t.Errorf("%d reporters and %d photos are left of 3, want 2 each", reporters, photos)
	}
	file, err := p.write(t.TempDir())
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
		var read proof
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		sig, _ := base64.StdEncoding.DecodeString(read.Sig)
		if !ed25519.Verify(key.Public().(ed25519.PublicKey), read.signed(), sig) {
			t.Errorf("%s does not prove itself", name)
		}
		read.Photos++
		if ed25519.Verify(key.Public().(ed25519.PublicKey), read.signed(), sig) {
			t.Errorf("%s proves what was not done", name)
		}
	}
	if _, err := audit.Verify(ctx, pool, nil); err != nil {
		t.Error(err)
	}
	if again, err := purgeBefore(ctx, pool, key, before, true); err != nil || again.Cases != 0 {
		t.Errorf("there is something left: %+v, %v", again, err)
	}
}
