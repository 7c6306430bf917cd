package live_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/clock"
	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

// note is a change of these tests: a row of its own, and an event.
type note struct {
	text string
	seen int64 // rows before it, as the clerk was told
}

// notes is a clerk of one writer.
type notes struct {
	live.Clerk
	head           []byte // the newest event when it knew …
	rows           int64  // … how many rows there are
	asked, guessed atomic.Int64
}

func newNotes() *notes {
	n := &notes{}
	n.Take = func(ask *pgx.Batch, entries []*live.Entry) func(*live.Batch) {
		n.asked.Add(1)
		var rows int64
		ask.Queue(`SELECT count(*) FROM note`).QueryRow(func(row pgx.Row) error { return row.Scan(&rows) })
		return func(b *live.Batch) { n.decide(b, entries, rows) }
	}
	n.Guess = func(head []byte, entries []*live.Entry) func(*live.Batch) {
		if !bytes.Equal(head, n.head) {
			return nil
		}
		n.guessed.Add(1)
		return func(b *live.Batch) { n.decide(b, entries, n.rows) }
	}
	return n
}

func (n *notes) decide(b *live.Batch, entries []*live.Entry, rows int64) {
	for _, e := range entries {
		note := e.Ask.(*note)
		if note.text == "refused" {
			e.Err = errRefused
			continue
		}
		note.seen = rows
		rows++
		b.Queue(`INSERT INTO note (text) VALUES ($1)`, note.text)
		b.Append(e, live.Draft{Type: "case.reported", At: time.Now(), Data: note.text})
	}
	n.head, n.rows = b.Head(), rows
}

var errRefused = errors.New("refused by the clerk")

// writer runs a writer on the pool's database. dial may be nil.
func writer(t *testing.T, pool *pgxpool.Pool, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *live.Writer {
	t.Helper()
	if _, err := pool.Exec(t.Context(), `CREATE TABLE IF NOT EXISTS note (text text PRIMARY KEY CHECK (text <> 'bad'))`); err != nil {
		t.Fatal(err)
	}
	config := pool.Config().ConnConfig
	if dial != nil {
		config.DialFunc = dial
	}
	w := live.NewWriter(config, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { w.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return w
}

func count(t *testing.T, pool *pgxpool.Pool, sql string) (n int) {
	t.Helper()
	if err := pool.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func holds(t *testing.T, pool *pgxpool.Pool, events int64) {
	t.Helper()
	if n, err := live.Verify(context.Background(), pool); err != nil || n != events {
		t.Errorf("%d events, %v; want %d that hold", n, err, events)
	}
	if n := count(t, pool, `SELECT count(*) FROM note`); int64(n) != events {
		t.Errorf("%d rows for %d events", n, events)
	}
}

func TestManyWritersOnThreeNodesMakeOneLog(t *testing.T) {
	pool := dbtest.Open(t)
	nodes := []*live.Writer{writer(t, pool, nil), writer(t, pool, nil), writer(t, pool, nil)}
	clerks := []*notes{newNotes(), newNotes(), newNotes()}
	const writers, each = 48, 50
	var seqs sync.Map
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			for j := range each {
				n := &note{text: fmt.Sprint(i, " ", j)}
				e, err := nodes[i%3].Submit(t.Context(), &clerks[i%3].Clerk, n, false)
				if err != nil {
					t.Error(err)
					return
				}
				if e.Seq != n.seen+1 {
					t.Errorf("event %d, though its clerk saw %d rows", e.Seq, n.seen)
				}
				if _, twice := seqs.LoadOrStore(e.Seq, true); twice {
					t.Errorf("event %d was given twice", e.Seq)
				}
			}
		})
	}
	group.Wait()
	holds(t, pool, writers*each)
}

// Two writers by turns: what one guesses from its last batch is right, or it is asked about after all.
func TestWhatIsGuessedIsNeverWrong(t *testing.T) {
	pool := dbtest.Open(t)
	nodes := []*live.Writer{writer(t, pool, nil), writer(t, pool, nil)}
	clerks := []*notes{newNotes(), newNotes()}
	random := rand.New(rand.NewPCG(1, 2))
	who, events := 0, int64(0)
	for i := range 300 {
		if random.IntN(4) == 0 {
			who = 1 - who
		}
		n := &note{text: fmt.Sprint(i)}
		bad := random.IntN(10) == 0
		if bad {
			n.text = "0" // is there already
		}
		e, err := nodes[who].Submit(t.Context(), &clerks[who].Clerk, n, false)
		if bad && i > 0 {
			if err == nil {
				t.Fatal("a row was stored that is there already")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if events++; e.Seq != events || n.seen != events-1 {
			t.Fatalf("change %d is event %d after %d rows, want %d", i, e.Seq, n.seen, events)
		}
	}
	holds(t, pool, events)
	for _, c := range clerks {
		if c.guessed.Load() < 50 || c.asked.Load() < 20 {
			t.Errorf("guessed %d times, asked %d times", c.guessed.Load(), c.asked.Load())
		}
	}
}

// Two nodes whose writers tell their own logs what they committed: each hears all events once and in order, with the data
// that is stored, whoever wrote them.
func TestANodeHearsItsOwnEventsAndThoseOfOthersInOrder(t *testing.T) {
	pool := dbtest.Open(t)
	const nodes, writers, each = 2, 12, 40
	type heard struct {
		mu     sync.Mutex
		events []live.Event
	}
	ears, works, clerks := make([]heard, nodes), make([]*live.Writer, nodes), make([]*notes, nodes)
	ctx, cancel := context.WithCancel(context.Background())
	var logs sync.WaitGroup
	defer logs.Wait()
	defer cancel()
	for i := range nodes {
		hub, err := live.Open(ctx, live.Config{Pool: pool, Clock: new(clock.Clock), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		log := &live.Log{Pool: pool, Hub: hub, Log: slog.New(slog.DiscardHandler), Heard: func(_ context.Context, e live.Event) {
			ears[i].mu.Lock()
			ears[i].events = append(ears[i].events, e)
			ears[i].mu.Unlock()
		}}
		works[i], clerks[i] = writer(t, pool, nil), newNotes()
		works[i].Told = log.Told
		logs.Go(func() { log.Run(ctx) })
	}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for j := range each {
				if j%10 == 9 {
					appendEvent(t, pool, "wall.bench", j) // past both writers
				}
				if _, err := works[w%nodes].Submit(t.Context(), &clerks[w%nodes].Clerk, &note{text: fmt.Sprint(w, " ", j)}, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	rows, err := pool.Query(t.Context(), `SELECT seq, type, at, grid, needs, data FROM event ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByPos[live.Event])
	if err != nil || len(stored) != writers*each*11/10 {
		t.Fatalf("%d events, %v", len(stored), err)
	}
	for i := range ears {
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			ears[i].mu.Lock()
			got := slices.Clone(ears[i].events)
			ears[i].mu.Unlock()
			if len(got) < len(stored) && time.Now().Before(end) {
				continue
			}
			for n, want := range stored {
				if n >= len(got) || got[n].Seq != want.Seq || got[n].Type != want.Type || !got[n].At.Equal(want.At) || string(got[n].Data) != string(want.Data) {
					t.Fatalf("node %d heard %d events; of number %d something else than what is stored", i, len(got), want.Seq)
				}
			}
			if len(got) != len(stored) {
				t.Errorf("node %d heard %d events of %d", i, len(got), len(stored))
			}
			break
		}
	}
}

func TestOneBadChangeDoesNotHarmItsBatch(t *testing.T) {
	pool := dbtest.Open(t)
	w := writer(t, pool, nil)
	clerk := &newNotes().Clerk
	// The head is held, so that all of them come into one batch.
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM event_head FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 20 {
		text := fmt.Sprint(i)
		switch i {
		case 7:
			text = "bad" // against the table's rule
		case 9:
			text = "refused"
		}
		group.Go(func() {
			_, err := w.Submit(context.Background(), clerk, &note{text: text}, false)
			if (text == "bad" || text == "refused") != (err != nil) || text == "refused" && !errors.Is(err, errRefused) {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	tx.Rollback(t.Context())
	group.Wait()
	holds(t, pool, 18)
}

// breaker is a way to the database that breaks once, at the COMMIT: before it arrives, or before its answer does.
type breaker struct {
	net.Conn
	armed  *atomic.Bool
	before bool
	cut    atomic.Bool
}

func (c *breaker) Write(p []byte) (int, error) {
	// The second round trip of the transaction is the one that carries the note's text.
	if !bytes.Contains(p, []byte("in doubt")) || !c.armed.CompareAndSwap(true, false) {
		return c.Conn.Write(p)
	}
	c.cut.Store(true)
	if !c.before {
		if n, err := c.Conn.Write(p); err != nil {
			return n, err
		}
		time.Sleep(100 * time.Millisecond) // it is committed by now
	}
	c.Conn.Close()
	return len(p), nil
}

func (c *breaker) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.cut.Load() {
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

func TestAnAnswerLostAtTheCommitIsFoundOut(t *testing.T) {
	for n := range 4 {
		before, guesses := n%2 == 0, n/2 == 0
		t.Run(fmt.Sprintf("before=%v guessed=%v", before, guesses), func(t *testing.T) {
			pool := dbtest.Open(t)
			var armed atomic.Bool
			var cuts atomic.Int32
			clerk := &newNotes().Clerk
			if !guesses {
				clerk.Guess = nil
			}
			w := writer(t, pool, func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				cuts.Add(1)
				return &breaker{Conn: conn, armed: &armed, before: before}, err
			})
			if _, err := w.Submit(t.Context(), clerk, &note{text: "first"}, false); err != nil { // statements are prepared
				t.Fatal(err)
			}
			armed.Store(true)
			e, err := w.Submit(t.Context(), clerk, &note{text: "in doubt"}, false)
			if err != nil || e.Seq != 2 {
				t.Fatalf("%+v, %v", e, err)
			}
			if armed.Load() || cuts.Load() < 2 {
				t.Fatal("the connection was not cut: nothing was shown")
			}
			holds(t, pool, 2)
		})
	}
}

func TestAFullQueueRefusesTheFieldLast(t *testing.T) {
	pool := dbtest.Open(t)
	w := writer(t, pool, nil)
	clerk := &newNotes().Clerk
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	if _, err := tx.Exec(t.Context(), `SELECT FROM event_head FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var busy atomic.Int32
	var accepted atomic.Int32
	submit := func(i int, field bool) {
		_, err := w.Submit(ctx, clerk, &note{text: fmt.Sprint(field, i)}, field)
		switch {
		case errors.Is(err, live.ErrBusy):
			busy.Add(1)
		case err == nil:
			accepted.Add(1)
		}
	}
	for i := range 5000 {
		group.Go(func() { submit(i, false) })
	}
	await(t, func() bool { return busy.Load() > 0 && w.Admit(false) != nil })
	if err := w.Admit(true); err != nil {
		t.Errorf("a report from the field is refused though the reserve is free: %v", err)
	}
	time.Sleep(50 * time.Millisecond)
	refused := busy.Load()
	for i := range 1500 {
		group.Go(func() { submit(i, true) })
	}
	await(t, func() bool { return w.Admit(true) != nil })
	if refused < 1000 {
		t.Errorf("only %d of 5000 were refused", refused)
	}
	tx.Rollback(t.Context()) // and all that was taken is written
	await(t, func() bool { return w.Admit(false) == nil })
	group.Wait()
	cancel()
	if accepted.Load()+busy.Load() != 6500 {
		t.Errorf("%d accepted and %d refused of 6500", accepted.Load(), busy.Load())
	}
	holds(t, pool, int64(accepted.Load()))
}

// Who gives up before the change is taken up finds it unwritten.
func TestAChangeWithdrawnIsNotWritten(t *testing.T) {
	pool := dbtest.Open(t)
	w := writer(t, pool, nil)
	clerk := &newNotes().Clerk
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM event_head FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() { w.Submit(context.Background(), clerk, &note{text: "first"}, false) })
	time.Sleep(100 * time.Millisecond) // it holds the writer up
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.Submit(ctx, clerk, &note{text: "gone"}, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the caller's deadline", err)
	}
	tx.Rollback(t.Context())
	group.Wait()
	if _, err := w.Submit(t.Context(), clerk, &note{text: "last"}, false); err != nil {
		t.Fatal(err)
	}
	holds(t, pool, 2)
}

// A node that stops between number and COMMIT holds the others up for seconds, not for ever.
func TestANodeThatStopsWithTheHeadLetsGoOfIt(t *testing.T) {
	pool := dbtest.Open(t)
	w := writer(t, pool, nil)
	clerk := &newNotes().Clerk
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := live.Append(t.Context(), tx, live.Draft{Type: "case.reported", At: time.Now(), Data: "stopped"}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := w.Submit(t.Context(), clerk, &note{text: "next"}, false); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second || took > 6*time.Second {
		t.Errorf("it took %v", took)
	}
	holds(t, pool, 1)
}
