package audit

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/live"
)

// Holds is what a verification found in order.
type Holds struct {
	Events      int64 // of the log
	Entries     int64 // of the audit, each equal to its event
	Older       int64 // entries whose events the policy has let go
	Masked      int   // events whose numbers of persons were masked when their time was over, each by a certificate
	Checkpoints int   // that the log passes through
	Earlier     int   // checkpoints of a log that this one was restored from and that are beyond it
}

// BrokenError names the first row of the audit that is not what was written.
type BrokenError struct {
	ID  string
	Seq int64 // of the event that tells of it; 0: none does
	Why string
}

func (e *BrokenError) Error() string {
	if e.Seq == 0 {
		return fmt.Sprintf("audit: row %s %s", e.ID, e.Why)
	}
	return fmt.Sprintf("audit: row %s %s (event %d tells of it)", e.ID, e.Why, e.Seq)
}

// told is what the log says of an entry.
type told struct {
	seq int64
	sum [sha256.Size]byte
	e   *Entry // what was done, for the words about one that is gone
}

// Verify reads the whole log, every row of the audit and the checkpoints, all of one moment. The error is a
// *live.BrokenError or a *BrokenError that names the first that does not hold.
func Verify(ctx context.Context, pool *pgxpool.Pool, checkpoints []Checkpoint) (holds Holds, err error) {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, pool, options, func(tx pgx.Tx) error {
		var log string
		var end, kept int64
		if err := tx.QueryRow(ctx, `SELECT log::text, seq, kept_seq FROM event_head`).Scan(&log, &end, &kept); err != nil {
			return err
		}
		signed := map[int64]Checkpoint{}
		for _, c := range checkpoints {
			switch {
			case c.Seq <= kept:
			case c.Seq <= end:
				if before, twice := signed[c.Seq]; twice && before.Hash != c.Hash && c.Log != log {
					continue // another branch, before the restore
				}
				signed[c.Seq] = c
			case c.Log == log:
				return &live.BrokenError{Seq: end + 1, Why: fmt.Sprintf("it is missing: a checkpoint of %s saw the log at %d", c.At.Format(time.RFC3339), c.Seq)}
			default:
				holds.Earlier++
			}
		}
		all := map[string]told{}
		oldest := time.Time{}
		uncertified, since := 0, int64(0) // masked events, and who said so
		err := live.Walk(ctx, tx, func(e live.Event, hash []byte) error {
			holds.Events++
			if c, ok := signed[e.Seq]; ok {
				switch {
				case c.Hash == hex.EncodeToString(hash):
					holds.Checkpoints++
				case c.Log == log:
					return &live.BrokenError{Seq: e.Seq, Why: fmt.Sprintf("it is not the one that the checkpoint of %s saw", c.At.Format(time.RFC3339))}
				default:
					holds.Earlier++
				}
			}
			if n := live.MaskedBy(e); n > 0 {
				if uncertified == 0 {
					since = e.Seq
				}
				holds.Masked, uncertified = holds.Masked+n, uncertified+n
			}
			if e.Type != "audit.recorded" {
				return nil
			}
			if oldest.IsZero() {
				oldest = e.At
			}
			var data struct{ Entries []Entry }
			if err := json.Unmarshal(e.Data, &data); err != nil {
				return &live.BrokenError{Seq: e.Seq, Why: "it does not read as entries of the audit"}
			}
			for _, entry := range data.Entries {
				sum, err := entry.sum()
				if err != nil {
					return err
				}
				uncertified = max(0, uncertified-entry.masked())
				if before, known := all[entry.ID]; known {
					all[entry.ID] = told{before.seq, sum, before.e}
				} else {
					all[entry.ID] = told{e.Seq, sum, &Entry{At: entry.At, Username: entry.Username, Act: entry.Act, Object: entry.Object}}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if uncertified > 0 {
			return &live.BrokenError{Seq: since, Why: fmt.Sprintf("it masks events and no certificate of a purge says so: %d", uncertified)}
		}
		return compare(ctx, tx, all, oldest, kept, &holds)
	})
	return holds, err
}

// masked is how many events the certificate of a purge says it has masked.
func (e Entry) masked() int {
	var certificate struct{ Events int }
	if e.Act != "purge" || json.Unmarshal(e.Detail, &certificate) != nil {
		return 0
	}
	return certificate.Events
}

const everyRow = `SELECT id, at, until, account, username, role, act, object, detail FROM audit_entry`

// compare holds the table against what the log tells of it.
func compare(ctx context.Context, tx pgx.Tx, all map[string]told, oldest time.Time, kept int64, holds *Holds) error {
	rows, err := tx.Query(ctx, everyRow)
	if err != nil {
		return err
	}
	var broken []*BrokenError
	var e Entry
	_, err = pgx.ForEachRow(rows, []any{&e.ID, &e.At, &e.Until, &e.Account, &e.Username, &e.Role, &e.Act, &e.Object, &e.Detail}, func() error {
		sum, err := e.sum()
		if err != nil {
			return err
		}
		t, known := all[e.ID]
		switch {
		case known && t.sum == sum:
			holds.Entries++
		case known:
			broken = append(broken, &BrokenError{e.ID, t.seq, fmt.Sprintf("was changed: %s %s %q at %s was written", t.e.Username, t.e.Act, t.e.Object, t.e.At.Format(time.RFC3339))})
		case kept > 0 && (oldest.IsZero() || e.At.Before(oldest)):
			holds.Older++
		default:
			broken = append(broken, &BrokenError{e.ID, 0, "was put in: no event tells of it"})
		}
		delete(all, e.ID)
		return nil
	})
	if err != nil {
		return err
	}
	for id, t := range all {
		broken = append(broken, &BrokenError{id, t.seq, fmt.Sprintf("was deleted: %s %s %q at %s", t.e.Username, t.e.Act, t.e.Object, t.e.At.Format(time.RFC3339))})
	}
	if len(broken) == 0 {
		return nil
	}
	return slices.MinFunc(broken, func(a, b *BrokenError) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID)) })
}

// sum is the same for the same entry, however the database writes its JSON.
func (e Entry) sum() (sum [sha256.Size]byte, err error) {
	var detail any
	d := json.NewDecoder(bytes.NewReader(e.Detail))
	d.UseNumber()
	if err := d.Decode(&detail); err != nil {
		return sum, fmt.Errorf("detail of audit row %s: %w", e.ID, err)
	}
	if e.Detail, err = json.Marshal(detail); err != nil {
		return sum, err
	}
	e.At = e.At.UTC()
	if e.Until != nil {
		until := e.Until.UTC()
		e.Until = &until
	}
	text, err := json.Marshal(e)
	return sha256.Sum256(text), err
}
