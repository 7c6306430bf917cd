package cases

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
)

// Purged is what was taken out of old cases: whom they came from, their pictures, and the numbers of persons in what people
// wrote. What happened to a case stays.
type Purged struct {
	Before    time.Time `json:"before"` // the cases were closed before this instant
	Cases     int       `json:"cases"`
	Reporters int       `json:"reporters"`
	Photos    int       `json:"photos"`
	Texts     int       `json:"texts,omitempty"`  // of cases, moves, answers and events in which numbers were masked
	Events    int       `json:"events,omitempty"` // of the texts, those that are events of the log
	Digest    string    `json:"digest"`           // SHA-256 (hex) of a line for each: "reporter <case id>", "photo <id>", "case <id>", "move <case id> <n>", "answer <case id> <told by> <n>", "event <seq>"; sorted
}

const (
	// Parts and merged cases are cases of their own, and old by their own closing.
	purgeReporters = `UPDATE case_file SET reporter = NULL WHERE closed_at < $1 AND reporter IS NOT NULL RETURNING id`
	// What people wrote, by row, with what names the row.
	oldTexts = `
WITH c AS (SELECT id, title, description, address FROM case_file WHERE closed_at < $1 AND NOT purged)
SELECT 'case', id, 0::bigint, 0, ARRAY[title, description, address] FROM c
UNION ALL SELECT 'move', m.case_id, 0, m.n, ARRAY[m.note] FROM case_move AS m JOIN c ON c.id = m.case_id WHERE m.note IS NOT NULL
UNION ALL SELECT 'answer', a.case_id, a.told_by, a.n, ARRAY[a.zh, a.en] FROM case_answer AS a JOIN c ON c.id = a.case_id`
	oldEvents = `
SELECT e.seq, e.at, (e.data->'case'->>'id')::bigint, e.data FROM event AS e
WHERE e.type LIKE 'case.%' AND (e.data->'case'->>'id')::bigint = ANY(ARRAY(SELECT id FROM case_file WHERE closed_at < $1 AND NOT purged))
ORDER BY e.seq`
	maskCase   = `UPDATE case_file SET title = $2, description = $3, address = $4 WHERE id = $1`
	maskMove   = `UPDATE case_move SET note = $3 WHERE case_id = $1 AND n = $2`
	maskAnswer = `UPDATE case_answer SET zh = $4, en = $5 WHERE case_id = $1 AND told_by = $2 AND n = $3`
	markPurged = `UPDATE case_file SET purged = true WHERE closed_at < $1 AND NOT purged`

	purgePhotos = `DELETE FROM photo AS p USING case_file AS c WHERE c.id = p.case_id AND c.closed_at < $1 RETURNING p.case_id, p.id`
)

// Purge takes the personal data out of cases that were closed before an instant. Nothing brings it back but a backup.
func Purge(ctx context.Context, tx pgx.Tx, before time.Time) (Purged, error) {
	p := Purged{Before: before.UTC()}
	touched := map[int64]bool{}
	var lines []string
	take := func(sql string, kind string) (n int, err error) {
		rows, err := tx.Query(ctx, sql, before)
		if err != nil {
			return 0, fmt.Errorf("purge: %w", err)
		}
		defer rows.Close()
		for ; rows.Next(); n++ {
			values, err := rows.Values()
			if err != nil {
				return 0, fmt.Errorf("purge: %w", err)
			}
			touched[values[0].(int64)] = true
			lines = append(lines, fmt.Sprintf("%s %v\n", kind, values[len(values)-1]))
		}
		return n, rows.Err()
	}
	var err error
	if p.Reporters, err = take(purgeReporters, "reporter"); err != nil {
		return p, err
	}
	if p.Photos, err = take(purgePhotos, "photo"); err != nil {
		return p, err
	}
	if err := p.mask(ctx, tx, before, touched, &lines); err != nil {
		return p, err
	}
	p.Cases = len(touched)
	slices.Sort(lines)
	sum := sha256.New()
	for _, line := range lines {
		sum.Write([]byte(line))
	}
	p.Digest = hex.EncodeToString(sum.Sum(nil))
	return p, nil
}

// written is a row of texts that people wrote.
type written struct {
	Kind     string
	Case, By int64
	N        int
	Texts    []string
}

// mask takes the numbers of persons out of what people wrote about the cases, in the tables and in the log.
func (p *Purged) mask(ctx context.Context, tx pgx.Tx, before time.Time, touched map[int64]bool, lines *[]string) error {
	rows, err := tx.Query(ctx, oldTexts, before)
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[written])
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	var batch pgx.Batch
	for _, w := range list {
		var masked []string
		for _, text := range w.Texts {
			masked = append(masked, string(access.MaskNumbers([]byte(text))))
		}
		if slices.Equal(masked, w.Texts) {
			continue
		}
		switch w.Kind {
		case "case":
			batch.Queue(maskCase, w.Case, masked[0], masked[1], masked[2])
			*lines = append(*lines, fmt.Sprintf("case %d\n", w.Case))
		case "move":
			batch.Queue(maskMove, w.Case, w.N, masked[0])
			*lines = append(*lines, fmt.Sprintf("move %d %d\n", w.Case, w.N))
		case "answer":
			batch.Queue(maskAnswer, w.Case, w.By, w.N, masked[0], masked[1])
			*lines = append(*lines, fmt.Sprintf("answer %d %d %d\n", w.Case, w.By, w.N))
		}
		p.Texts++
		touched[w.Case] = true
	}
	if rows, err = tx.Query(ctx, oldEvents, before); err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	var events []live.Masked
	var e live.Masked
	var id int64
	_, err = pgx.ForEachRow(rows, []any{&e.Seq, &e.At, &id, &e.Data}, func() error {
		if now := access.MaskNumbers(bytes.Clone(e.Data)); !bytes.Equal(now, e.Data) {
			events = append(events, live.Masked{Seq: e.Seq, At: e.At, Data: now})
			*lines = append(*lines, fmt.Sprintf("event %d\n", e.Seq))
			p.Texts, p.Events = p.Texts+1, p.Events+1
			touched[id] = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	batch.Queue(markPurged, before)
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return live.Mask(ctx, tx, time.Now(), events)
}
