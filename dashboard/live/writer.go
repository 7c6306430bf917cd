package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
)

var (
	// ErrBusy says that a change was not written, because too many wait already or the database was away: try again later.
	ErrBusy = errors.New("live: too many changes wait to be written")
	// ErrUnknown says that the connection was lost at the COMMIT and nobody could be asked since: the change is written or it is not.
	ErrUnknown = errors.New("live: it is not known whether the change was written")
)

const (
	queueSize = 4096
	// reserve is the part of the queue that is kept for reports from the field.
	reserve  = queueSize / 4
	maxBatch = 512
	// patience is how long a caller waits for its change.
	patience = 10 * time.Second
	// tryTimeout ends one attempt: the database does not answer, or another node holds the head.
	tryTimeout = 8 * time.Second
)

// Writer is the way into the log for what happens often: the group commit of a node. One goroutine takes what has queued up
// while the last COMMIT was under way and writes it in one transaction of two round trips: lock the head and ask; store and
// commit. Where nobody else has written since and nothing must be asked, one is enough: a change that comes alone costs no
// more than its own transaction would. Where other nodes write too, the head is locked by a round trip of its own, and what
// came in while it was waited for is taken along.
type Writer struct {
	// Told is called with events once they are committed: this node need not read them. May be nil.
	Told func(events []Event)

	config *pgx.ConnConfig
	log    *slog.Logger
	queue  chan *Entry
	newest atomic.Int64 // the newest number that this node has heard of
	bell   chan struct{}

	conn   *pgx.Conn // Run's, as is what follows
	months map[time.Time]bool
	shared bool // another node was met at the head
	last   head // the head after our last batch; without a hash: not known
	// foreign is the number of the newest event that another may have written.
	foreign int64

	batches prometheus.Histogram
	wait    prometheus.Histogram
	refused *prometheus.CounterVec
	doubts  prometheus.Counter
}

// NewWriter makes a writer that connects with config, by a connection of its own.
func NewWriter(config *pgx.ConnConfig, log *slog.Logger) *Writer {
	config = config.Copy()
	// A node that stops while it holds the head lets go of it: until then nobody could write.
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "3000"
	config.RuntimeParams["application_name"] = "gridwall writer"
	// The same few statements over and over: planning them anew would be a fifth of a lone change's time.
	config.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	// And each finds its rows by an index: a plan made while the tables were small must not be the plan when they are large.
	config.RuntimeParams["enable_seqscan"] = "off"
	config.RuntimeParams["jit"] = "off"
	return &Writer{
		config: config, log: log, queue: make(chan *Entry, queueSize), bell: make(chan struct{}, 1), months: map[time.Time]bool{},
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "gridwall_live_write_batch_size", Help: "Changes written by one transaction.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}}),
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "gridwall_live_write_duration_seconds", Help: "Time from a change's submission to its COMMIT.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 5}}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gridwall_live_write_refused_total", Help: "Changes not written, by the reason."}, []string{"reason"}),
		doubts:  prometheus.NewCounter(prometheus.CounterOpts{Name: "gridwall_live_write_doubts_total", Help: "Connections lost at a COMMIT, which the log was asked about afterwards."}),
	}
}

var queueDepth = prometheus.NewDesc("gridwall_live_write_queue", "Changes that wait to be written.", nil, nil)

// Describe and Collect make the writer a collector of metrics.
func (w *Writer) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(w, out) }

// Collect sends the metrics.
func (w *Writer) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(queueDepth, prometheus.GaugeValue, float64(len(w.queue)))
	for _, c := range []prometheus.Collector{w.batches, w.wait, w.refused, w.doubts} {
		c.Collect(out)
	}
}

// Admit says at the door whether a change would find room, before work is put into it. field marks reports from the
// field: they are the last to be refused.
func (w *Writer) Admit(field bool) error {
	if room := queueSize - len(w.queue); room == 0 || !field && room <= reserve {
		w.refused.WithLabelValues("queue_full").Inc()
		return ErrBusy
	}
	return nil
}

// Submit hands a change to its clerk and waits until it is in the log, or refused. The entry's Err is returned as it is.
//
// Errors: ErrBusy, ErrUnknown, what the clerk or the database said, and ctx's own: then the change was not written.
func (w *Writer) Submit(ctx context.Context, clerk *Clerk, ask any, field bool) (*Entry, error) {
	if err := w.Admit(field); err != nil {
		return nil, err
	}
	e := &Entry{Ask: ask, clerk: clerk, since: time.Now(), done: make(chan struct{})}
	select {
	case w.queue <- e:
	default:
		w.refused.WithLabelValues("queue_full").Inc()
		return nil, ErrBusy
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	var why error
	select {
	case <-e.done:
		return e, e.Err
	case <-ctx.Done():
		why = ctx.Err()
	case <-timeout.C:
		why = ErrBusy
	}
	if e.state.CompareAndSwap(waiting, withdrawn) {
		w.refused.WithLabelValues("too_slow").Inc()
		return nil, why
	}
	// It is on its way: a moment more, and it is known.
	timeout.Reset(tryTimeout)
	select {
	case <-e.done:
		return e, e.Err
	case <-timeout.C:
		w.refused.WithLabelValues("unknown").Inc()
		return nil, ErrUnknown
	}
}

// Heard tells the writer how far the log has come: where another node has written, it does not guess.
func (w *Writer) Heard(seq int64) { w.newest.Store(seq) }

// Run writes until ctx ends; what waits then is refused.
func (w *Writer) Run(ctx context.Context) error {
	var ringer sync.WaitGroup
	defer ringer.Wait()
	ringer.Go(func() { w.ring(ctx) })
	defer func() { hangUp(w.conn) }()
	for {
		entries := w.gather(ctx)
		if entries == nil {
			break
		}
		w.write(ctx, entries, false)
	}
	for {
		select {
		case e := <-w.queue:
			e.answer(ErrBusy)
		default:
			return nil
		}
	}
}

// ringPause is how long one call to the readers is for what is committed after it, too: to call costs more than to read.
const ringPause = 5 * time.Millisecond

// ring wakes the readers after a commit, by a connection of its own: within the transaction it would be a twentieth of a
// lone change's time. A call that is lost costs them the second until they look by themselves.
func (w *Writer) ring(ctx context.Context) {
	var conn *pgx.Conn
	defer func() { hangUp(conn) }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.bell:
		}
		call, cancel := context.WithTimeout(ctx, poll)
		var err error
		if conn == nil || conn.IsClosed() {
			conn, err = pgx.ConnectConfig(call, w.config)
		}
		if err == nil {
			_, err = conn.Exec(call, wake)
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			w.log.Warn("readers not woken, they look every second", "error", err)
		}
		rest(ctx, ringPause)
	}
}

// gather waits for a change and takes what else has come.
func (w *Writer) gather(ctx context.Context) []*Entry {
	var first *Entry
	select {
	case <-ctx.Done():
		return nil
	case first = <-w.queue:
	}
	return w.more([]*Entry{first})
}

// more adds what has come by now.
func (w *Writer) more(entries []*Entry) []*Entry {
	for len(entries) < maxBatch {
		select {
		case e := <-w.queue:
			entries = append(entries, e)
			continue
		default:
		}
		break
	}
	return entries
}

// take marks the entries as under way and leaves out those that nobody waits for.
func take(entries []*Entry) []*Entry {
	kept := entries[:0]
	for _, e := range entries {
		if e.state.CompareAndSwap(waiting, taken) || e.state.Load() == taken {
			kept = append(kept, e)
		}
	}
	return kept
}

func (e *Entry) answer(err error) {
	if err != nil {
		e.Err = err
	}
	close(e.done)
}

// write brings the entries into the log, over every loss of the database, as long as somebody waits for one of them.
func (w *Writer) write(ctx context.Context, entries []*Entry, alone bool) {
	var doubt *head // where a transaction ends of which nobody knows yet whether it was committed
	for pause := time.Duration(0); ; pause = min(2*pause+50*time.Millisecond, time.Second) {
		if doubt == nil {
			if entries = take(entries); len(entries) == 0 {
				return
			}
		}
		if !rest(ctx, pause) {
			why := ErrBusy
			if doubt != nil {
				why = ErrUnknown
			}
			for _, e := range entries {
				e.answer(why)
			}
			return
		}
		var err error
		if doubt != nil {
			var written bool
			if written, err = w.ask(ctx, *doubt); err == nil {
				if doubt = nil; written {
					w.settle(entries)
					return
				}
				err = errLost
			}
		} else {
			var b *Batch
			if b, err = w.try(ctx, &entries, alone); err == nil {
				w.settle(entries)
				return
			}
			gone := w.conn == nil || w.conn.IsClosed()
			switch {
			case gone && b != nil:
				doubt = &b.head
				w.doubts.Inc()
			case !gone && !passing(err) && len(entries) == 1:
				entries[0].answer(err)
				return
			case !gone && !passing(err): // one of them is to blame: each alone
				for i := range entries {
					w.write(ctx, entries[i:i+1], true)
				}
				return
			}
		}
		w.log.Warn("changes not written, trying again", "changes", len(entries), "in_doubt", doubt != nil, "error", err)
		if doubt == nil {
			for _, e := range entries { // known to be unwritten: who does not want to wait can go
				e.state.CompareAndSwap(taken, waiting)
			}
		}
	}
}

// rest waits; false: ctx has ended. Without a pause there is no timer: it would be a tenth of a lone change's time.
func rest(ctx context.Context, pause time.Duration) bool {
	if pause > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return ctx.Err() == nil
}

var errLost = errors.New("the connection was lost at the COMMIT, which did not come about")

// passing errors are not the change's fault and may be gone at the next attempt: deadlock, shutdown, recovery, lack of resources.
func passing(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains([]string{"40", "53", "55", "57", "58"}, pg.Code[:2])
}

func (w *Writer) settle(entries []*Entry) {
	for _, e := range entries {
		took := time.Since(e.since)
		e.answer(nil) // first of all: they wait
		w.wait.Observe(took.Seconds())
	}
	w.batches.Observe(float64(len(entries)))
	select {
	case w.bell <- struct{}{}:
	default: // one call is for all that came before it
	}
}

// appendEvents stores the events, as insertEvent does, in one statement.
const appendEvents = `
INSERT INTO event (seq, type, at, grid, needs, data, hash)
SELECT seq, type, at, grid, needs, data::json, hash
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::bytea[]) AS e (seq, type, at, grid, needs, data, hash)`

// unshared is how long a round trip to the head takes at most when nobody else holds it, and asking is what each change
// that is asked about by the same one adds.
const (
	unshared = 3 * time.Millisecond
	asking   = 100 * time.Microsecond
)

// try makes one transaction of the entries, and of those that it takes along unless they are to be alone. A batch beside the
// error says that the COMMIT was on its way.
func (w *Writer) try(ctx context.Context, entries *[]*Entry, alone bool) (*Batch, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryTimeout)
	defer cancel()
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	if b, done, err := w.guess(ctx, *entries); done {
		return b, err
	}
	b := &Batch{months: map[time.Time]bool{}}
	var ask pgx.Batch
	ask.Queue("BEGIN")
	ask.Queue(lockHead).QueryRow(func(row pgx.Row) error { return row.Scan(&b.head.seq, &b.head.hash) })
	began, quick := time.Now(), unshared+time.Duration(len(*entries))*asking
	locked := w.shared && !alone
	if locked {
		if err := w.conn.SendBatch(ctx, &ask).Close(); err != nil {
			return nil, w.rollback(ctx, err)
		}
		w.shared = time.Since(began) > unshared
		*entries, ask = take(w.more(*entries)), pgx.Batch{}
	}
	decisions := each(*entries, func(c *Clerk, entries []*Entry) func(*Batch) { return c.Take(&ask, entries) })
	if err := w.conn.SendBatch(ctx, &ask).Close(); err != nil {
		return nil, w.rollback(ctx, err)
	}
	if !locked {
		w.shared = time.Since(began) > quick
	}
	if !bytes.Equal(b.head.hash, w.last.hash) {
		w.foreign = b.head.seq
	}
	b.foreign = w.foreign
	for _, decide := range decisions {
		decide(b)
	}
	if len(b.rows.seqs) == 0 {
		return nil, w.rollback(ctx, nil)
	}
	b.Queue(moveHead, b.head.seq, b.head.hash)
	return w.store(ctx, b, "COMMIT")
}

// guess makes the transaction by one round trip, where every clerk can tell without asking what its entries become. Not
// done: nothing is written, and the clerks are to be asked.
func (w *Writer) guess(ctx context.Context, entries []*Entry) (b *Batch, done bool, err error) {
	if w.shared || w.last.hash == nil || w.newest.Load() > w.last.seq {
		return nil, false, nil
	}
	decisions := each(entries, func(c *Clerk, entries []*Entry) func(*Batch) {
		if c.Guess == nil {
			return nil
		}
		return c.Guess(w.last.hash, entries)
	})
	if slices.ContainsFunc(decisions, func(decide func(*Batch)) bool { return decide == nil }) {
		return nil, false, nil
	}
	b = &Batch{head: w.last, foreign: w.foreign, months: map[time.Time]bool{}}
	b.Queue(moveHeadFrom, w.last.seq, w.last.hash, nil, nil) // first of all; where to is known once all are decided
	for _, decide := range decisions {
		decide(b)
	}
	if len(b.rows.seqs) == 0 {
		return nil, false, nil
	}
	b.QueuedQueries[0].Arguments = []any{w.last.seq, w.last.hash, b.head.seq, b.head.hash}
	b, err = w.store(ctx, b)
	return b, err == nil || w.conn.IsClosed(), err
}

// store writes what was decided and what follows, by one round trip. What one round trip brings is one transaction, unless
// another was begun before.
func (w *Writer) store(ctx context.Context, b *Batch, after ...string) (*Batch, error) {
	w.last = head{}
	for m := range b.months {
		if !w.months[m] {
			b.Queue(ensureMonth, m)
		}
	}
	r := b.rows
	b.Queue(Few(appendEvents, len(r.seqs)), r.seqs, r.types, r.ats, r.grids, r.needs, r.data, r.hashes)
	for _, sql := range after {
		b.Queue(sql)
	}
	if err := w.conn.SendBatch(ctx, &b.Batch).Close(); err != nil {
		clear(w.months)
		if len(after) > 0 {
			err = w.rollback(ctx, err)
		}
		return b, err
	}
	for m := range b.months {
		w.months[m] = true
	}
	w.last = b.head
	if w.Told != nil {
		w.Told(b.events)
	}
	return nil, nil
}

// each asks each clerk about its entries, in the order of their arrival, for what decides them. What an attempt before came
// to is forgotten.
func each(entries []*Entry, ask func(*Clerk, []*Entry) func(*Batch)) (decisions []func(*Batch)) {
	var clerks []*Clerk
	of := map[*Clerk][]*Entry{}
	for _, e := range entries {
		e.Err, e.Seq = nil, 0
		if of[e.clerk] == nil {
			clerks = append(clerks, e.clerk)
		}
		of[e.clerk] = append(of[e.clerk], e)
	}
	for _, c := range clerks {
		decisions = append(decisions, ask(c, of[c]))
	}
	return decisions
}

// rollback ends the transaction where the connection still stands; it returns why.
func (w *Writer) rollback(ctx context.Context, why error) error {
	if w.conn.IsClosed() {
		return why
	}
	if _, err := w.conn.Exec(ctx, "ROLLBACK"); err != nil {
		w.conn.Close(ctx)
	}
	return why
}

// ask finds out whether the transaction that would have moved the head to h was committed. It locks the head first: that
// waits for the end of a transaction whose connection we lost.
func (w *Writer) ask(ctx context.Context, h head) (written bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	if err := w.connect(ctx); err != nil {
		return false, err
	}
	var question pgx.Batch
	question.Queue("BEGIN")
	question.Queue(lockHead)
	question.Queue(`SELECT EXISTS (SELECT FROM event WHERE seq = $1 AND hash = $2)`, h.seq, h.hash).QueryRow(func(row pgx.Row) error { return row.Scan(&written) })
	question.Queue("ROLLBACK")
	if err := w.conn.SendBatch(ctx, &question).Close(); err != nil {
		return false, w.rollback(ctx, err)
	}
	return written, nil
}

func (w *Writer) connect(ctx context.Context) error {
	if w.conn != nil && !w.conn.IsClosed() {
		return nil
	}
	conn, err := pgx.ConnectConfig(ctx, w.config)
	if err != nil {
		return fmt.Errorf("writer: %w", err)
	}
	w.conn = conn
	return nil
}

func hangUp(conn *pgx.Conn) {
	if conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		conn.Close(ctx)
	}
}
