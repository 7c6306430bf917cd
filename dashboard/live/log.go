// Package live is the ordered event log and its way to the screens. It knows no case: an event is a type, a time and
// JSON that others made.
//
// The life of an event: a room appends it, last, in the transaction that causes it (Append); COMMIT makes the row
// visible and wakes the tailer of every node (Log.Run), which reads on from the last number it saw; the hub keeps the
// newest events in a ring, and each websocket client walks the ring with a cursor of its own.
package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Event is a row of the log.
type Event struct {
	Seq   int64
	Type  string
	At    time.Time
	Grid  string // whom it is told: those whose jurisdiction holds this cell; empty: everyone
	Needs string // the right that one must have beside that of its topic; empty: none
	Data  json.RawMessage
}

// Draft is an event before it has its number.
type Draft struct {
	Type  string
	At    time.Time
	Grid  string
	Needs string
	Data  any // encoded as JSON
}

func (d Draft) event() (Event, error) {
	text, err := json.Marshal(d.Data)
	if err != nil {
		return Event{}, fmt.Errorf("event %s: %w", d.Type, err)
	}
	return Event{Type: d.Type, At: d.At.UTC().Truncate(time.Microsecond), Grid: d.Grid, Needs: d.Needs, Data: text}, nil
}

// Topic is what clients subscribe to: cases, alarms, cameras, geo or wall.
func (e Event) Topic() string {
	room, _, _ := strings.Cut(e.Type, ".")
	switch room {
	case "case":
		return "cases"
	case "camera":
		return "cameras"
	case "alarm":
		return "alarms"
	case "grid", "building", "backdrop":
		return "geo"
	}
	return room
}

const (
	lockHead = `SELECT seq, hash FROM event_head FOR UPDATE`
	moveHead = `UPDATE event_head SET seq = $1, hash = $2`
	// moveHeadFrom locks the head and moves it; it fails, by a division by zero, where the head has moved on.
	moveHeadFrom = `WITH h AS (UPDATE event_head SET seq = $3, hash = $4 WHERE seq = $1 AND hash = $2 RETURNING 1) SELECT 1 / count(*) FROM h`
	insertEvent  = `INSERT INTO event (seq, type, at, grid, needs, data, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	ensureMonth  = `SELECT event_month($1)`
	wake         = `SELECT pg_notify('event', '')`
	// hurry ends a transaction whose node stopped while it held the head: nobody could write until it went on.
	hurry = `SET LOCAL idle_in_transaction_session_timeout = '3s'`
)

// Append writes an event and returns its number. It comes last in tx: it locks the head of the log until the transaction
// ends, which is what keeps numbers without gaps and visible in their order. What happens often goes by the Writer.
func Append(ctx context.Context, tx pgx.Tx, d Draft) (int64, error) {
	e, err := d.event()
	if err != nil {
		return 0, err
	}
	var ask pgx.Batch
	ask.Queue(hurry)
	var h head
	ask.Queue(lockHead).QueryRow(func(row pgx.Row) error { return row.Scan(&h.seq, &h.hash) })
	ask.Queue(ensureMonth, e.At)
	if err := tx.SendBatch(ctx, &ask).Close(); err != nil {
		return 0, fmt.Errorf("append %s: %w", d.Type, err)
	}
	h.next(&e)
	var write pgx.Batch
	write.Queue(insertEvent, e.Seq, e.Type, e.At, e.Grid, e.Needs, e.Data, h.hash)
	write.Queue(moveHead, h.seq, h.hash)
	write.Queue(wake)
	if err := tx.SendBatch(ctx, &write).Close(); err != nil {
		return 0, fmt.Errorf("append %s: %w", d.Type, err)
	}
	return e.Seq, nil
}

const readAfter = `
SELECT seq, type, at, grid, needs, data
FROM event
WHERE seq > $1
ORDER BY seq
LIMIT $2`

// Log reads the events of a database in their order and hands them on.
type Log struct {
	Pool *pgxpool.Pool
	Hub  *Hub
	// From is the number that the rooms behind Heard stand at, when they were read before the hub was.
	From int64
	// Heard is called with each event, in order, before clients get it: rooms that keep a copy in memory follow here. May be nil.
	Heard func(ctx context.Context, e Event)
	Log   *slog.Logger

	mu  sync.Mutex
	own []Event // what this node's writer has committed and is not told yet
}

// mostOwn is how many events of the writer wait here; beyond it they are read.
const mostOwn = 10_000

// Told takes events that this node has committed, which need not be read then. They follow one another.
func (l *Log) Told(events []Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.own) > 0 && l.own[len(l.own)-1].Seq+1 != events[0].Seq || len(l.own) > mostOwn {
		l.own = nil
	}
	l.own = append(l.own, events...)
}

// next are the own events that follow a number; nil: what follows was written by others, or is not told yet.
func (l *Log) next(after int64) (events []Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.own) > 0 && l.own[0].Seq <= after {
		l.own = l.own[1:]
	}
	if len(l.own) > 0 && l.own[0].Seq == after+1 {
		events, l.own = l.own, nil
	}
	return events
}

const (
	poll         = time.Second     // how long a lost wake-up can delay an event
	batch        = 1000            // how many events one query brings
	queryTimeout = 5 * time.Second // a database that does not answer for so long is asked anew
)

// Head is the newest number in the database.
func Head(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (seq int64, err error) {
	err = db.QueryRow(ctx, `SELECT seq FROM event_head`).Scan(&seq)
	return seq, err
}

// Run follows the log until ctx ends, over every loss of the database.
func (l *Log) Run(ctx context.Context) error {
	last := l.From
	for ctx.Err() == nil {
		err := l.follow(ctx, &last)
		if ctx.Err() != nil {
			break
		}
		l.Log.Warn("event log lost, trying again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
	return nil
}

// follow listens on a connection of its own until that fails: those of the pool may be as dead as the last one.
func (l *Log) follow(ctx context.Context, last *int64) error {
	open, cancel := context.WithTimeoutCause(ctx, queryTimeout, errors.New("connect to the event log"))
	defer cancel()
	conn, err := pgx.ConnectConfig(open, l.Pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(ctx)
	}()
	if _, err := conn.Exec(open, "LISTEN event; LISTEN position; LISTEN canary"); err != nil {
		return err
	}
	l.Hub.places.moved() // what was told while nobody listened
	for {
		if err := l.drain(ctx, conn, last); err != nil {
			return err
		}
		for { // an event of our own needs no reading, and whatever follows it wakes us again
			if err := l.wait(ctx, conn); err != nil {
				return err
			}
			events := l.next(*last)
			if events == nil {
				break
			}
			l.tell(ctx, events, last)
		}
	}
}

// tell hands the events on.
func (l *Log) tell(ctx context.Context, events []Event, last *int64) {
	if l.Heard != nil {
		for _, e := range events {
			l.Heard(ctx, e)
		}
	}
	*last = events[len(events)-1].Seq
	l.Hub.publish(events)
}

// wait returns when there may be more events.
func (l *Log) wait(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, poll)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil
			}
			return err
		}
		switch n.Channel {
		case "event":
			return nil
		case "position":
			l.Hub.places.moved()
		case "canary":
			l.Hub.canary.heard(n.Payload)
		}
	}
}

// drain reads everything after last.
func (l *Log) drain(ctx context.Context, conn *pgx.Conn, last *int64) error {
	for {
		ask, cancel := context.WithTimeoutCause(ctx, queryTimeout, errors.New("read the event log"))
		events, err := read(ask, conn, *last, batch)
		cancel()
		if err != nil {
			return err
		}
		if len(events) > 0 {
			l.tell(ctx, events, last)
		}
		if len(events) < batch {
			return nil
		}
	}
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// errGap says that the log misses a number. It cannot happen while event_head is used; it is told and not passed over.
var errGap = errors.New("live: the log has a gap")

func read(ctx context.Context, db querier, after int64, limit int) ([]Event, error) {
	rows, err := db.Query(ctx, readAfter, after, limit)
	if err != nil {
		return nil, err
	}
	events, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Event])
	if err != nil {
		return nil, err
	}
	for i, e := range events {
		if e.Seq != after+int64(i)+1 {
			return nil, fmt.Errorf("%w: %d follows %d", errGap, e.Seq, after+int64(i))
		}
		events[i].At = e.At.UTC()
	}
	return events, nil
}
