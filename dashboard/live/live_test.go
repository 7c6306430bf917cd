package live_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func appendEvent(t testing.TB, pool *pgxpool.Pool, kind string, data any) (seq int64) {
	t.Helper()
	err := pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) (err error) {
		seq, err = live.Append(context.Background(), tx, live.Draft{Type: kind, At: time.Now(), Data: data})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return seq
}

// appendMany appends events of the numbers 0, 1, … in one transaction.
func appendMany(t testing.TB, pool *pgxpool.Pool, n int) {
	t.Helper()
	if err := pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
		for i := range n {
			if _, err := live.Append(context.Background(), tx, live.Draft{Type: "case.reported", At: time.Now(), Data: i}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestEveryReaderGetsEveryEventOnceInOrderWhileManyWrite(t *testing.T) {
	pool := dbtest.Open(t)
	n := serve(t, pool, options{})
	clients := []*client{dial(t, n.url), dial(t, n.url), dial(t, n.url)}
	const writers, each = 16, 40
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				appendEvent(t, pool, "case.reported", map[string]int{"writer": w, "i": i})
			}
		})
	}
	for _, c := range clients {
		for want := int64(1); want <= writers*each; want++ {
			if e := c.next(t); e.Seq != want {
				t.Fatalf("got event %d, want %d", e.Seq, want)
			}
		}
	}
	group.Wait()
}

func TestAClientThatComesBackMissesNothing(t *testing.T) {
	pool := dbtest.Open(t)
	n := serve(t, pool, options{})
	for i := range 5 {
		appendEvent(t, pool, "case.reported", i)
	}
	await(t, func() bool { return n.hub.Head() == 5 })

	audience := dial(t, n.url).audience
	c := dial(t, n.url, since(2, audience))
	if c.mode != "replay" {
		t.Fatalf("the mode is %s, want replay", c.mode)
	}
	for want := int64(3); want <= 5; want++ {
		if e := c.next(t); e.Seq != want {
			t.Fatalf("got %d, want %d", e.Seq, want)
		}
	}
	if c := dial(t, n.url, since(5, audience)); c.mode != "live" {
		t.Fatalf("at the head the mode is %s, want live", c.mode)
	}
	if c := dial(t, n.url, since(99, audience)); c.mode != "resync" {
		t.Fatalf("with a number of another world the mode is %s, want resync", c.mode)
	}
	if c := dial(t, n.url, since(4, "another")); c.mode != "resync" {
		t.Fatalf("with another audience the mode is %s, want resync", c.mode)
	}
}

func TestEventsFromBeforeTheStartComeFromTheDatabase(t *testing.T) {
	pool := dbtest.Open(t)
	const events = 2500 // more than a hub begins with, and than one query brings
	appendMany(t, pool, events)
	n := serve(t, pool, options{})
	c := dial(t, n.url, since(0, dial(t, n.url).audience))
	if c.mode != "replay" {
		t.Fatalf("the mode is %s, want replay", c.mode)
	}
	for want := int64(1); want <= events; want++ {
		if e := c.next(t); e.Seq != want || string(e.Data) != fmt.Sprint(want-1) {
			t.Fatalf("got %d %s, want %d", e.Seq, e.Data, want)
		}
	}
	appendEvent(t, pool, "case.reported", "after")
	if e := c.next(t); e.Seq != events+1 {
		t.Fatalf("got %d, want %d", e.Seq, events+1)
	}
}

// Who follows what seldom happens has last heard of an event that a node which has just started does not hold any more.
// Nothing follows it, and one is told so at once; the next event comes after it, not after the number from which the node
// holds events.
func TestAnEventAfterALongSilenceIsNoHole(t *testing.T) {
	pool := dbtest.Open(t)
	first := appendEvent(t, pool, "camera.state", "before")
	appendMany(t, pool, 2500)
	n := serve(t, pool, options{})
	c := dial(t, n.url, topics("cameras"))
	c = dial(t, n.url, topics("cameras"), since(first, c.audience))
	if c.mode != "replay" {
		t.Fatalf("the mode is %s, want replay", c.mode)
	}
	appendEvent(t, pool, "camera.state", "after")
	for {
		m, err := c.receive()
		if err != nil {
			t.Fatal(err)
		}
		if m.Prev > first {
			t.Fatalf("%s %d has %d before it, which is no event of the audience: the client has %d", m.Type, m.Seq, m.Prev, first)
		}
		if m.Type == "camera.state" {
			return
		}
	}
}

func TestAClientGetsOnlyItsTopics(t *testing.T) {
	pool := dbtest.Open(t)
	n := serve(t, pool, options{})
	c := dial(t, n.url, topics("cameras,geo"))
	appendEvent(t, pool, "case.reported", 1)
	appendEvent(t, pool, "camera.state", 2)
	appendEvent(t, pool, "wall.changed", 3)
	appendEvent(t, pool, "grid.changed", 4)
	for _, want := range []string{"camera.state", "grid.changed"} {
		if e := c.next(t); e.Type != want {
			t.Fatalf("got %s, want %s", e.Type, want)
		}
	}
}

func TestAnEventOfAnAbortedTransactionLeavesNoGap(t *testing.T) {
	pool := dbtest.Open(t)
	n := serve(t, pool, options{})
	c := dial(t, n.url)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := live.Append(t.Context(), tx, live.Draft{Type: "case.reported", At: time.Now(), Data: "lost"}); err != nil {
		t.Fatal(err)
	}
	tx.Rollback(t.Context())
	appendEvent(t, pool, "case.reported", "kept")
	if e := c.next(t); e.Seq != 1 || string(e.Data) != `"kept"` {
		t.Fatalf("got %d %s", e.Seq, e.Data)
	}
}

func TestTheLogGoesOnAfterItsConnectionIsCut(t *testing.T) {
	pool := dbtest.Open(t)
	n := serve(t, pool, options{})
	c := dial(t, n.url)
	appendEvent(t, pool, "case.reported", 1)
	c.next(t)
	if _, err := pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		_, err := pool.Exec(context.Background(), "SELECT 1")
		return err == nil
	})
	appendEvent(t, pool, "case.reported", 2)
	if e := c.next(t); e.Seq != 2 {
		t.Fatalf("got %d, want 2", e.Seq)
	}
}

func await(t interface {
	Helper()
	Fatal(...any)
}, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited 10 s in vain")
		}
	}
}
