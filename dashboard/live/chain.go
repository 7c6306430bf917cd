package live

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"time"

	"github.com/jackc/pgx/v5"
)

// head is the end of the log: the newest number and its hash.
type head struct {
	seq  int64
	hash []byte
}

// next takes the event as the one after h: it gives it its number, and moves h on to it.
func (h *head) next(e *Event) {
	h.seq++
	e.Seq = h.seq
	h.hash = sum(h.hash, *e)
}

// sum is the hash of an event that follows one with the hash before; migrations/0006_live.sql says the same in SQL.
func sum(before []byte, e Event) []byte {
	s := sha256.New()
	s.Write(before)
	writeInt(s, e.Seq)
	writeInt(s, e.At.UnixMicro())
	for _, part := range []string{e.Type, e.Grid, e.Needs} {
		s.Write([]byte(part))
		s.Write([]byte{0})
	}
	s.Write(e.Data)
	return s.Sum(nil)
}

func writeInt(s hash.Hash, n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	s.Write(b[:])
}

// BrokenError names the first event where the chain does not hold.
type BrokenError struct {
	Seq int64
	Why string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("live: the log is broken at event %d: %s", e.Seq, e.Why)
}

const (
	keptHead = `SELECT kept_seq, kept_hash, seq, hash FROM event_head`
	chain    = `SELECT seq, type, at, grid, needs, data, hash FROM event WHERE seq > $1 ORDER BY seq`
)

// Verify reads the whole log and says how many events hold; *BrokenError names the first that does not: changed, deleted,
// put in or out of place.
func Verify(ctx context.Context, db interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}) (events int64, err error) {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, db, options, func(tx pgx.Tx) error {
		return Walk(ctx, tx, func(Event, []byte) error {
			events++
			return nil
		})
	})
	return events, err
}

// Walk gives each event that holds, with its hash, to each, in their order, and ends with each's error or, as Verify does,
// with *BrokenError. An event that was masked holds by its hash and by what masked it. tx sees one state of the database.
func Walk(ctx context.Context, tx pgx.Tx, each func(e Event, hash []byte) error) error {
	var at, end head
	if err := tx.QueryRow(ctx, keptHead).Scan(&at.seq, &at.hash, &end.seq, &end.hash); err != nil {
		return err
	}
	sums, err := masked(ctx, tx)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, chain, at.seq)
	if err != nil {
		return err
	}
	var e Event
	var stored []byte
	_, err = pgx.ForEachRow(rows, []any{&e.Seq, &e.Type, &e.At, &e.Grid, &e.Needs, &e.Data, &stored}, func() error {
		if e.Seq != at.seq+1 {
			return &BrokenError{at.seq + 1, fmt.Sprintf("it is missing, %d follows", e.Seq)}
		}
		if now, ok := sums[e.Seq]; ok { // its hash is held by what follows, its data by the event that masked it
			if sum := sha256.Sum256(e.Data); hex.EncodeToString(sum[:]) != now {
				return &BrokenError{e.Seq, "its content is not what it was masked to"}
			}
			at = head{e.Seq, bytes.Clone(stored)}
			return each(e, stored)
		}
		if at.next(&e); string(at.hash) != string(stored) {
			return &BrokenError{e.Seq, "its content is not what was written"}
		}
		return each(e, stored)
	})
	if err == nil && (at.seq != end.seq || string(at.hash) != string(end.hash)) {
		err = &BrokenError{at.seq + 1, fmt.Sprintf("it is missing, the head stands at %d", end.seq)}
	}
	return err
}

const dropMonths = `
SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'event'::regclass AND c.relname < 'event_' || to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY_MM')
ORDER BY c.relname`

// Forget drops the months of the log that ended before the time, oldest first, as long as nothing older stands in a newer
// month, and notes where the chain goes on. It returns the partitions that it dropped.
func Forget(ctx context.Context, db interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}, before time.Time) (dropped []string, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		dropped = nil
		if _, err := tx.Exec(ctx, `SELECT seq FROM event_head FOR UPDATE`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, dropMonths, before)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range names {
			table := pgx.Identifier{name}.Sanitize()
			// Drills and scenarios write with clocks of their own: a month goes only when the log begins with all of it.
			var whole bool
			const begins = `SELECT NOT EXISTS (SELECT FROM event WHERE tableoid <> $1::regclass AND seq < (SELECT COALESCE(max(seq), 0) FROM %s))`
			if err := tx.QueryRow(ctx, fmt.Sprintf(begins, table), name).Scan(&whole); err != nil {
				return err
			}
			if !whole {
				break
			}
			const keep = `UPDATE event_head SET kept_seq = e.seq, kept_hash = e.hash FROM (SELECT seq, hash FROM %s ORDER BY seq DESC LIMIT 1) AS e`
			if _, err := tx.Exec(ctx, fmt.Sprintf(keep, table)); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "DROP TABLE "+table); err != nil {
				return err
			}
			dropped = append(dropped, name)
		}
		return nil
	})
	return dropped, err
}
