package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	freeFailures = 5                // wrong passwords that cost nothing yet
	firstLock    = 30 * time.Second // after the next one; each further doubles it …
	longestLock  = 15 * time.Minute // … to this: longer would lock a person out at an attacker's will
	forgetAfter  = 24 * time.Hour
)

// LockedError says that a name was tried too often, whether there is such an account or not.
type LockedError struct{ Until time.Time }

func (e *LockedError) Error() string {
	return "access: too many wrong passwords, locked until " + e.Until.Format(time.RFC3339)
}

// locked is how long a name stays locked after so many failures.
func locked(failures int) time.Duration {
	if failures <= freeFailures {
		return 0
	}
	return min(firstLock<<min(failures-freeFailures-1, 10), longestLock)
}

// lockName cuts what somebody typed to what the table takes.
func lockName(username string) string {
	r := []rune(username)
	return string(r[:min(len(r), 64)])
}

// mayTry says whether a name may be tried now: nil or *LockedError.
func (r *Room) mayTry(ctx context.Context, username string, now time.Time) error {
	var until time.Time
	err := r.pool.QueryRow(ctx, `SELECT locked_until FROM sign_in_failure WHERE username = $1`, lockName(username)).Scan(&until)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !now.Before(until) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return &LockedError{until.UTC()}
}

const countFailure = `
INSERT INTO sign_in_failure AS f (username, failures, last_at, locked_until) VALUES ($1, 1, $2, $2)
ON CONFLICT (username) DO UPDATE SET failures = CASE WHEN f.last_at < $3 THEN 1 ELSE f.failures + 1 END, last_at = $2
RETURNING failures`

// failed counts a wrong password and locks the name when there were too many.
func (r *Room) failed(ctx context.Context, username string, now time.Time) error {
	name := lockName(username)
	var n int
	if err := r.pool.QueryRow(ctx, countFailure, name, now, now.Add(-forgetAfter)).Scan(&n); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	if d := locked(n); d > 0 {
		if _, err := r.pool.Exec(ctx, `UPDATE sign_in_failure SET locked_until = $2 WHERE username = $1`, name, now.Add(d)); err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
	}
	_, err := r.pool.Exec(ctx, `DELETE FROM sign_in_failure WHERE last_at < $1`, now.Add(-forgetAfter))
	return err
}
