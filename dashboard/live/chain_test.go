package live_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

func appendAt(t *testing.T, pool *pgxpool.Pool, at time.Time) {
	t.Helper()
	if err := pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
		_, err := live.Append(context.Background(), tx, live.Draft{Type: "case.reported", At: at, Grid: "152701", Needs: "case.read", Data: map[string]string{"标题": "污水 “外溢”"}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// What a database's owner does to the log is found, and named.
func TestVerifyNamesTheFirstEventThatDoesNotHold(t *testing.T) {
	for _, tamper := range []struct {
		what, sql string
		at        int64
	}{
		{"nothing", `SELECT 1`, 0},
		{"content changed", `UPDATE event SET data = '{}' WHERE seq = 3`, 3},
		{"audience changed", `UPDATE event SET grid = '' WHERE seq = 4`, 4},
		{"deleted", `DELETE FROM event WHERE seq = 2`, 2},
		{"the newest deleted", `DELETE FROM event WHERE seq = 5`, 5},
		{"head set back", `UPDATE event_head SET seq = 4`, 6},
		{"changed and hashed anew", `UPDATE event SET data = '{}', hash = event_hash((SELECT hash FROM event WHERE seq = 2), seq, at, type, grid, needs, '{}') WHERE seq = 3`, 4},
	} {
		t.Run(tamper.what, func(t *testing.T) {
			pool := dbtest.Open(t)
			start := time.Date(2026, 11, 30, 23, 59, 58, 123456789, time.UTC)
			for i := range 5 { // over the turn of a month
				appendAt(t, pool, start.Add(time.Duration(i)*time.Second))
			}
			if _, err := pool.Exec(t.Context(), tamper.sql); err != nil {
				t.Fatal(err)
			}
			events, err := live.Verify(t.Context(), pool)
			var broken *live.BrokenError
			switch {
			case tamper.at == 0 && (err != nil || events != 5):
				t.Errorf("%d events, %v; want 5 that hold", events, err)
			case tamper.at != 0 && (!errors.As(err, &broken) || broken.Seq != tamper.at):
				t.Errorf("%v, want it broken at %d", err, tamper.at)
			}
		})
	}
}

func TestTheHashIsTheSameInSQL(t *testing.T) {
	pool := dbtest.Open(t)
	for i := range 3 {
		appendAt(t, pool, time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC).AddDate(30*i, 0, 0))
	}
	const wrong = `
SELECT count(*) FROM (SELECT *, lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER (ORDER BY seq) AS before FROM event) AS e
WHERE hash <> event_hash(before, seq, at, type, grid, needs, data)`
	var n int
	if err := pool.QueryRow(t.Context(), wrong).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d hashes differ, %v", n, err)
	}
}

// A month goes only as a whole, and the chain goes on from where it was cut.
func TestForgetDropsWholeMonthsAndTheChainHolds(t *testing.T) {
	pool := dbtest.Open(t)
	for month := range 4 {
		for day := range 3 {
			appendAt(t, pool, time.Date(2026, time.Month(1+month), 10+day, 8, 0, 0, 0, time.UTC))
		}
	}
	dropped, err := live.Forget(t.Context(), pool, time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC))
	if err != nil || fmt.Sprint(dropped) != "[event_2026_01 event_2026_02]" {
		t.Fatalf("dropped %v, %v", dropped, err)
	}
	if events, err := live.Verify(t.Context(), pool); err != nil || events != 6 {
		t.Errorf("%d events, %v; want 6 that hold", events, err)
	}
	appendAt(t, pool, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)) // a drill plays an old day again
	if dropped, err = live.Forget(t.Context(), pool, time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)); err != nil || len(dropped) != 0 {
		t.Errorf("dropped %v, %v: a newer month still holds older events", dropped, err)
	}
	if events, err := live.Verify(t.Context(), pool); err != nil || events != 7 {
		t.Errorf("%d events, %v; want 7 that hold", events, err)
	}
}
