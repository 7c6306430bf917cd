// Package audit keeps who did what: one table to be asked, and the same words in the chained log, so that a row that was
// changed afterwards can be told from its event.
//
// What changes something writes its entry in its own transaction (Append). Plays come and go by the hundred, so they are
// gathered for a second (Plays) and written together.
package audit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
)

// Entry is one line of the audit.
type Entry struct {
	ID       string          `json:"id"`
	At       time.Time       `json:"at"`
	Until    *time.Time      `json:"until"` // of what lasts; null: a moment, or its end is not known
	Account  int             `json:"account"`
	Username string          `json:"username"`
	Role     access.Role     `json:"role"`
	Act      string          `json:"act"`
	Object   string          `json:"object"`
	Detail   json.RawMessage `json:"detail"`
}

// New is an entry about what who does now; detail must be JSON's kind of thing and hold no personal data.
func New(who access.Identity, act, object string, detail any, at time.Time) (Entry, error) {
	text, err := json.Marshal(detail)
	if err != nil {
		return Entry{}, fmt.Errorf("audit %s: %w", act, err)
	}
	return Entry{newID(), at.UTC().Truncate(time.Microsecond), nil, who.Account, who.Username, who.Role, act, object, text}, nil
}

// newID is a random UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

const write = `
INSERT INTO audit_entry (id, at, until, account, username, role, act, object, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (id) DO UPDATE SET until = EXCLUDED.until`

// Append writes entries, and what came to an end, into table and log. It comes last in tx, as live.Append does.
func Append(ctx context.Context, tx pgx.Tx, at time.Time, entries ...Entry) error {
	var batch pgx.Batch
	for _, e := range entries {
		batch.Queue(write, e.ID, e.At, e.Until, e.Account, e.Username, e.Role, e.Act, e.Object, e.Detail)
	}
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	_, err := live.Append(ctx, tx, live.Draft{Type: "audit.recorded", At: at, Needs: string(access.AuditRead), Data: map[string]any{"entries": entries}})
	return err
}

const newest = `
SELECT id, at, until, account, username, role, act, object, detail
FROM audit_entry
WHERE ($1 = '' OR object = $1) AND ($2 = '' OR username = $2) AND ($3 = '' OR act = $3) AND at >= $4 AND at < $5
ORDER BY at DESC, id
LIMIT $6`

// Wanted narrows a search; empty fields do not.
type Wanted struct {
	Object, Username, Act string
	From, To              time.Time
}

// Find lists the newest entries first.
func Find(ctx context.Context, pool *pgxpool.Pool, w Wanted, limit int) ([]Entry, error) {
	rows, err := pool.Query(ctx, newest, w.Object, w.Username, w.Act, w.From, w.To, limit)
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Entry, error) {
		var e Entry
		err := row.Scan(&e.ID, &e.At, &e.Until, &e.Account, &e.Username, &e.Role, &e.Act, &e.Object, &e.Detail)
		e.At = e.At.UTC()
		if e.Until != nil {
			until := e.Until.UTC()
			e.Until = &until
		}
		return e, err
	})
}
