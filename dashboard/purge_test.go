package dashboard_test

import (
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/audit"
	"gridwall/dashboard/live"
	"gridwall/dashboard/retention"
)

// The numbers of persons in what people wrote about a case are gone when its time is over: from every table and from the log,
// whose chain and checkpoints hold on, and whose certificate says so. What somebody else writes over an event is found.
func TestNumbersOfOldCasesAreGoneAndTheLogHolds(t *testing.T) {
	h := openWith(t, town)
	const mobile, identity = "13987651234", "110101199003071234"
	var old, young struct{ ID int64 }
	h.must(access.Operator, "POST", "/api/v1/cases", map[string]any{"title": "张某来电" + mobile, "description": "身份证" + identity, "address": "门牌" + mobile, "location": here}, &old)
	h.must(access.Operator, "POST", "/api/v1/cases", map[string]any{"title": "仍在办理" + mobile, "location": here}, &young)
	if a := h.move(access.Operator, old.ID, map[string]any{"move": "reject", "note": "机主" + mobile}); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	if a := h.ask(access.Operator, "GET", "/api/v1/cases?q=x", nil); a.code != 200 {
		t.Fatal(a.code)
	}
	dir := t.TempDir()
	key, err := audit.OpenKey(filepath.Join(dir, audit.KeyFile), true)
	if err != nil {
		t.Fatal(err)
	}
	signer := audit.Signer{Pool: h.pool, Key: key, File: filepath.Join(dir, "checkpoints.jsonl")}
	if err := signer.Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkpoints, err := audit.ReadCheckpoints(signer.File, key.Public().(ed25519.PublicKey))
	if err != nil || len(checkpoints) != 1 {
		t.Fatalf("%d checkpoints, %v", len(checkpoints), err)
	}
	told := func() (texts int) {
		t.Helper()
		const everywhere = `
SELECT (SELECT count(*) FROM case_file AS c WHERE c::text ~ $1) + (SELECT count(*) FROM case_move AS m WHERE m::text ~ $1) + (SELECT count(*) FROM case_answer AS a WHERE a::text ~ $1)
    + (SELECT count(*) FROM event WHERE data::text ~ $1)`
		if err := h.pool.QueryRow(t.Context(), everywhere, mobile+"|"+identity).Scan(&texts); err != nil {
			t.Fatal(err)
		}
		return texts
	}
	before := told()
	tomorrow := time.Now().Add(24 * time.Hour)
	dry, err := retention.Purge(t.Context(), h.pool, key, tomorrow, "console", true)
	if err != nil || dry.Events != 2 || told() != before {
		t.Fatalf("%+v, %v: a dry run left %d of %d texts", dry, err, told(), before)
	}
	c, err := retention.Purge(t.Context(), h.pool, key, tomorrow, "console", false)
	if err != nil || c.Purged != dry.Purged || !c.Holds(key.Public().(ed25519.PublicKey)) {
		t.Fatalf("%+v, %v", c, err)
	}
	t.Logf("%d texts told a number, %d of them in the log; %d do after the purge", before, c.Events, told())
	if left := told(); left != before-c.Texts || left != 2 { // the young case, and the event that tells of it
		t.Errorf("%d of %d texts tell a number, want those 2 of the young case", left, before)
	}
	var title, event string
	if err := h.pool.QueryRow(t.Context(), `SELECT title, (SELECT data->'case'->>'title' FROM event WHERE type = 'case.reported' AND (data->'case'->>'id')::bigint = $1) FROM case_file WHERE id = $1`, old.ID).Scan(&title, &event); err != nil || !strings.HasPrefix(title, "张某来电1") || event != title {
		t.Errorf("the case is %q, its event %q, %v", title, event, err)
	}
	holds, err := audit.Verify(t.Context(), h.pool, checkpoints)
	if err != nil || holds.Masked != 2 || holds.Checkpoints != 1 {
		t.Errorf("%+v, %v", holds, err)
	}
	if again, err := retention.Purge(t.Context(), h.pool, key, tomorrow, "console", false); err != nil || again.Cases != 0 {
		t.Errorf("a second purge found %+v, %v", again, err)
	}

	var seq int64
	if err := h.pool.QueryRow(t.Context(), `SELECT seq FROM event WHERE type = 'case.reported' AND (data->'case'->>'id')::bigint = $1`, old.ID).Scan(&seq); err != nil {
		t.Fatal(err)
	}
	names := func(what string, want int64) {
		t.Helper()
		var broken *live.BrokenError
		if _, err := audit.Verify(t.Context(), h.pool, checkpoints); !errors.As(err, &broken) || broken.Seq != want {
			t.Errorf("%s: %v, want event %d named", what, err, want)
		}
	}
	const swap = `UPDATE event SET data = replace(data::text, $2, $3)::json WHERE seq = $1`
	if _, err := h.pool.Exec(t.Context(), swap, seq, "张某", "李某"); err != nil {
		t.Fatal(err)
	}
	names("a masked event that was changed", seq)
	if _, err := h.pool.Exec(t.Context(), swap, seq, "李某", "张某"); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(t.Context(), h.pool, checkpoints); err != nil {
		t.Errorf("after it was put back: %v", err)
	}

	// Whoever can write into the database masks without a certificate.
	tx, err := h.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var e live.Masked
	if err := tx.QueryRow(t.Context(), `SELECT seq, at, data FROM event WHERE type = 'case.reported' AND (data->'case'->>'id')::bigint = $1`, young.ID).Scan(&e.Seq, &e.At, &e.Data); err != nil {
		t.Fatal(err)
	}
	e.Data = []byte(`{"case":null}`)
	if err := live.Mask(t.Context(), tx, time.Now(), []live.Masked{e}); err != nil {
		t.Fatal(err)
	}
	var head int64
	if err := tx.QueryRow(t.Context(), `SELECT seq FROM event_head`).Scan(&head); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	names("an event masked without a certificate", head)
}
