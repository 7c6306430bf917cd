package audit_test

import (
	"crypto/ed25519"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
	"gridwall/dashboard/audit"
	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

var zhang = access.Identity{Account: 7, Username: "zhang", Role: access.Operator}

// write puts n entries on the audit, the second of which comes to an end later, and returns their ids.
func write(t *testing.T, pool *pgxpool.Pool, n int) (ids []string) {
	t.Helper()
	at := time.Now()
	var second audit.Entry
	put := func(e audit.Entry) {
		if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return audit.Append(t.Context(), tx, at, e) }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		e, err := audit.New(zhang, "case.view", string(rune('A'+i)), map[string]any{"b": 1.5, "a": "网格"}, at.Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		put(e)
		ids = append(ids, e.ID)
		if i == 1 {
			second = e
		}
	}
	until := second.At.Add(time.Minute)
	second.Until = &until
	put(second)
	return ids
}

// What who may write the database does to the audit is found, and the row is named.
func TestVerifyNamesTheFirstRowOfTheAuditThatDoesNotHold(t *testing.T) {
	for _, tc := range []struct {
		what, sql string
		broken    int // which row is named; -1: none, -2: one that was put in, -3: an event
	}{
		{"nothing", `SELECT 1`, -1},
		{"deleted", `DELETE FROM audit_entry WHERE object = 'C'`, 2},
		{"several deleted", `DELETE FROM audit_entry WHERE object IN ('B', 'D')`, 1},
		{"another name", `UPDATE audit_entry SET username = 'li' WHERE object = 'D'`, 3},
		{"another time", `UPDATE audit_entry SET at = at - interval '1 hour' WHERE object = 'A'`, 0},
		{"another end", `UPDATE audit_entry SET until = until + interval '1 hour' WHERE object = 'B'`, 1},
		{"another detail", `UPDATE audit_entry SET detail = '{}' WHERE object = 'E'`, 4},
		{"two changed places", `UPDATE audit_entry AS a SET object = b.object, at = b.at FROM audit_entry AS b WHERE (a.object, b.object) IN (('C', 'D'), ('D', 'C'))`, 2},
		{"one put in", `INSERT INTO audit_entry (id, at, account, username, role, act, object) VALUES (gen_random_uuid(), now(), 1, 'li', 'admin', 'x', 'X')`, -2},
		{"its event deleted too", `WITH gone AS (DELETE FROM audit_entry WHERE object = 'C') DELETE FROM event WHERE seq = 3`, -3},
	} {
		t.Run(tc.what, func(t *testing.T) {
			pool := dbtest.Open(t)
			ids := write(t, pool, 5)
			if _, err := pool.Exec(t.Context(), tc.sql); err != nil {
				t.Fatal(err)
			}
			holds, err := audit.Verify(t.Context(), pool, nil)
			var row *audit.BrokenError
			var event *live.BrokenError
			switch {
			case tc.broken == -1:
				if err != nil || holds.Entries != 5 || holds.Events != 6 {
					t.Errorf("%+v, %v; want 5 rows and 6 events that hold", holds, err)
				}
			case tc.broken == -3:
				if !errors.As(err, &event) || event.Seq != 3 {
					t.Errorf("%v, want event 3 named", err)
				}
			case !errors.As(err, &row):
				t.Errorf("%v, want a row named", err)
			case tc.broken >= 0 && row.ID != ids[tc.broken], tc.broken == -2 && row.Seq != 0:
				t.Errorf("%v, want row %d of %v", err, tc.broken, ids)
			}
		})
	}
}

// Who can write the database can hash the log anew from any event on; a checkpoint has seen what stood there.
func TestACheckpointHoldsWhatTheDatabaseForgets(t *testing.T) {
	pool := dbtest.Open(t)
	write(t, pool, 3)
	dir := t.TempDir()
	key, err := audit.OpenKey(filepath.Join(dir, audit.KeyFile), true)
	if err != nil {
		t.Fatal(err)
	}
	again, err := audit.OpenKey(filepath.Join(dir, audit.KeyFile), true)
	if err != nil || !key.Equal(again) {
		t.Fatalf("the key is another one when it is read: %v", err)
	}
	file := filepath.Join(dir, "checkpoints")
	signer := audit.Signer{Pool: pool, Key: key, File: file, Log: slog.New(slog.DiscardHandler)}
	for range 2 { // the second has nothing new to say
		if err := signer.Sign(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	public := key.Public().(ed25519.PublicKey)
	list, err := audit.ReadCheckpoints(file, public)
	if err != nil || len(list) != 1 || list[0].Seq != 4 {
		t.Fatalf("%+v, %v; want one checkpoint at 4", list, err)
	}
	if holds, err := audit.Verify(t.Context(), pool, list); err != nil || holds.Checkpoints != 1 {
		t.Fatalf("%+v, %v", holds, err)
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), `"seq":4`, `"seq":3`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.ReadCheckpoints(file, public); err == nil {
		t.Error("a changed line was taken")
	}

	const cut = `DELETE FROM audit_entry WHERE object = 'C'; DELETE FROM event WHERE seq >= 3;
		UPDATE event_head SET seq = 2, hash = (SELECT hash FROM event WHERE seq = 2);
		DELETE FROM audit_entry WHERE object = 'B'; INSERT INTO audit_entry SELECT (e->>'id')::uuid, (e->>'at')::timestamptz, NULL, 7, e->>'username', e->>'role', e->>'act', e->>'object', (e->>'detail')::jsonb
		FROM event, json_array_elements(data->'entries') AS e WHERE seq = 2`
	if _, err := pool.Exec(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(t.Context(), pool, nil); err != nil {
		t.Fatalf("the cut was not clean: %v", err)
	}
	var broken *live.BrokenError
	if _, err := audit.Verify(t.Context(), pool, list); !errors.As(err, &broken) || broken.Seq != 3 {
		t.Errorf("%v, want event 3 missing", err)
	}
	write(t, pool, 2) // the log goes on over the cut
	if _, err := audit.Verify(t.Context(), pool, list); !errors.As(err, &broken) || broken.Seq != 4 {
		t.Errorf("%v, want event 4 not the one that was seen", err)
	}
}
