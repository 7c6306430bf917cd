package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func pgCode(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// stored is a case as the tables have it.
type stored struct {
	id      int64
	number  string
	key     string // its description: each try writes its key there
	keys    int    // idempotency rows of reports that lead to it
	keySeq  int64
	open    bool
	rejects int
}

// logged is a row of the log.
type logged struct {
	event
	kind, grid, needs string
	caseID            int64 // of case.reported and case.moved
	change            change
}

// mark is a place in the tables: what comes after it belongs to the next round.
type mark struct {
	seq    int64
	hash   []byte
	caseID int64
}

const (
	storedAfter = `
SELECT c.id, c.number, c.description, count(i.key), COALESCE(max(i.seq), 0), c.open,
       (SELECT count(*) FROM case_move AS m WHERE m.case_id = c.id AND m.move = 'reject')
FROM case_file AS c LEFT JOIN idempotency AS i ON i.case_id = c.id AND i.key NOT LIKE '%-move' -- moves have keys of their own
WHERE c.id > $1
GROUP BY c.id
ORDER BY c.id`

	loggedAfter = `SELECT seq, type, grid, needs, data::text FROM event WHERE seq > $1 ORDER BY seq`

	// brokenAfter finds the first event whose number or hash does not follow from the one before.
	brokenAfter = `
SELECT seq, was FROM (
    SELECT e.*, lag(e.seq, 1, $1::bigint) OVER (ORDER BY e.seq) AS was, lag(e.hash, 1, $2::bytea) OVER (ORDER BY e.seq) AS before
    FROM event AS e WHERE e.seq > $1) AS e
WHERE seq <> was + 1 OR hash <> event_hash(before, seq, at, type, grid, needs, data)
ORDER BY seq LIMIT 1`

	newest = `SELECT h.seq, h.hash, (SELECT COALESCE(max(seq), 0) FROM event), (SELECT COALESCE(max(id), 0) FROM case_file) FROM event_head AS h`

	subtree = `
WITH RECURSIVE under AS (
    SELECT code FROM grid WHERE code = $1
    UNION ALL SELECT g.code FROM grid AS g JOIN under ON g.parent = under.code)
SELECT code FROM under`
)

// tables is what the database holds after a mark.
type tables struct {
	cases  []stored
	log    []logged
	end    mark
	broken string // where the chain does not hold; empty: it does
}

func readTables(ctx context.Context, url string, from mark) (*tables, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	t := &tables{}
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var last int64
		if err := tx.QueryRow(ctx, newest).Scan(&t.end.seq, &t.end.hash, &last, &t.end.caseID); err != nil {
			return err
		}
		if last != t.end.seq {
			t.broken = fmt.Sprintf("the head stands at %d, the newest event is %d", t.end.seq, last)
		}
		var seq, was int64
		switch err := tx.QueryRow(ctx, brokenAfter, from.seq, from.hash).Scan(&seq, &was); {
		case err == nil:
			t.broken = fmt.Sprintf("event %d, after %d: number or hash does not follow", seq, was)
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		rows, err := tx.Query(ctx, storedAfter, from.caseID)
		if err != nil {
			return err
		}
		var s stored
		if _, err := pgx.ForEachRow(rows, []any{&s.id, &s.number, &s.key, &s.keys, &s.keySeq, &s.open, &s.rejects}, func() error {
			t.cases = append(t.cases, s)
			return nil
		}); err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, loggedAfter, from.seq); err != nil {
			return err
		}
		var l logged
		var data string
		_, err = pgx.ForEachRow(rows, []any{&l.seq, &l.kind, &l.grid, &l.needs, &data}, func() error {
			l.sum, l.caseID, l.change = sum([]byte(data)), 0, change{}
			if topicOf(l.kind) == "cases" {
				var err error
				if l.change, err = changeOf([]byte(data)); err != nil {
					return fmt.Errorf("event %d: %w", l.seq, err)
				}
				fmt.Sscan(l.change.key, &l.caseID)
			}
			t.log = append(t.log, l)
			return nil
		})
		return err
	})
	return t, err
}

// query reads one column of texts.
func query(ctx context.Context, url, sql string, args ...any) ([]string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// heads is the newest number of the log.
func heads(ctx context.Context, url string) (seq int64, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `SELECT seq FROM event_head`).Scan(&seq)
	return seq, err
}
