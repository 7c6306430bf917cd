package cases

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Purged is what was taken out of old cases: whom they came from, and their pictures. What happened to a case stays.
type Purged struct {
	Before    time.Time `json:"before"` // the cases were closed before this instant
	Cases     int       `json:"cases"`
	Reporters int       `json:"reporters"`
	Photos    int       `json:"photos"`
	Digest    string    `json:"digest"` // SHA-256 (hex) of a line for each reporter and photo: "reporter <case id>", "photo <id>"; sorted
}

const (
	// Parts and merged cases are cases of their own, and old by their own closing.
	purgeReporters = `UPDATE case_file SET reporter = NULL WHERE closed_at < $1 AND reporter IS NOT NULL RETURNING id`
	purgePhotos    = `DELETE FROM photo AS p USING case_file AS c WHERE c.id = p.case_id AND c.closed_at < $1 RETURNING p.case_id, p.id`
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
	p.Cases = len(touched)
	slices.Sort(lines)
	sum := sha256.New()
	for _, line := range lines {
		sum.Write([]byte(line))
	}
	p.Digest = hex.EncodeToString(sum.Sum(nil))
	return p, nil
}
