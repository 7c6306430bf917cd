package live_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

// A writer that has its number and does not commit makes others wait and makes nobody skip. The same on a plain bigserial
// loses the number for good: cmd/fault/late_test.go.
func TestAWriterThatPausesBeforeItsCommitMakesNobodySkip(t *testing.T) {
	pool := dbtest.Open(t)
	n := serve(t, pool, options{})
	clients := []*client{dial(t, n.url), dial(t, n.url)}
	ctx := t.Context()
	appendEvent(t, pool, "case.reported", 1)

	paused, err := connect(t, pool).Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	watch := connect(t, pool) // the pool is small
	number, err := live.Append(ctx, paused, live.Draft{Type: "case.reported", At: time.Now(), Data: 2})
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan int64, 2)
	for i := range 2 {
		go func() { written <- appendEvent(t, pool, "case.reported", 3+i) }()
	}
	await(t, func() bool { return waiters(t, watch) == 2 })
	if head, err := live.Head(ctx, watch); err != nil || head != number-1 || len(written) != 0 {
		t.Errorf("while the writer pauses the head stands at %d and %d others have written, %v", head, len(written), err)
	}
	if err := paused.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if seq := <-written; seq <= number {
			t.Errorf("one that waited has number %d, the one it waited for %d", seq, number)
		}
	}
	for _, c := range clients {
		for want := int64(1); want <= number+2; want++ {
			if e := c.next(t); e.Seq != want {
				t.Fatalf("got event %d, want %d", e.Seq, want)
			}
		}
	}
}

func connect(t *testing.T, pool *pgxpool.Pool) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// waiters is how many transactions wait for a lock in this database.
func waiters(t *testing.T, db *pgx.Conn) (n int) {
	t.Helper()
	const count = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
	if err := db.QueryRow(t.Context(), count).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
