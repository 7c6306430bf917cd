// Package retention lets go of personal data when its time is over, by command or by itself, and proves what it did.
//
// The life of a purge: Purge takes reporters, photos and numbers of persons out of cases that were closed before an instant, signs a certificate
// and puts it on the audit in one transaction; Keeper does that once an hour for the policy of the site, and removes what is
// nobody's any more: photos that no case claimed, sessions and tokens that are over.
package retention

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
	"gridwall/dashboard/audit"
	"gridwall/dashboard/cases"
)

// Certificate is the proof of a purge.
type Certificate struct {
	At time.Time `json:"at"`
	cases.Purged
	Sig string `json:"sig"` // Ed25519 over the text of signed, base64
}

func (c Certificate) signed() []byte {
	text := fmt.Appendf(nil, "gridwall purge\n%s\n%s\n%d\n%d\n%d\n%s", c.At.Format(time.RFC3339Nano), c.Before.Format(time.RFC3339Nano), c.Cases, c.Reporters, c.Photos, c.Digest)
	if c.Texts > 0 { // certificates of before say nothing of texts
		text = fmt.Appendf(text, "\n%d\n%d", c.Texts, c.Events)
	}
	return text
}

// Holds says whether the certificate is signed by the key and says what it said.
func (c Certificate) Holds(key ed25519.PublicKey) bool {
	sig, err := base64.StdEncoding.DecodeString(c.Sig)
	return err == nil && ed25519.Verify(key, c.signed(), sig)
}

// errDry ends a purge that is only tried.
var errDry = errors.New("dry run")

// Purge takes the personal data out of cases that were closed before an instant and puts the certificate on the audit, both
// or neither; dry, it only counts. Where there is nothing to take, nothing is certified. by is who asked: a username, console or retention.
func Purge(ctx context.Context, pool *pgxpool.Pool, key ed25519.PrivateKey, before time.Time, by string, dry bool) (c Certificate, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		c.At = time.Now().UTC()
		if c.Purged, err = cases.Purge(ctx, tx, before); err != nil {
			return err
		}
		if dry {
			return errDry
		}
		if c.Cases == 0 {
			return nil
		}
		c.Sig = base64.StdEncoding.EncodeToString(ed25519.Sign(key, c.signed()))
		e, err := audit.New(access.Identity{Username: by}, "purge", before.Format(time.DateOnly), c, c.At)
		if err != nil {
			return err
		}
		return audit.Append(ctx, tx, c.At, e)
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	return c, err
}

// Write keeps the certificate in a file of its own; the audit has the same text.
func (c Certificate) Write(dir string) (file string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, c.At.Format("20060102-150405.000")+".json")
	return file, os.WriteFile(file, append(text, '\n'), 0o600)
}

const (
	// unclaimedFor is how long an uploaded photo may wait for its case.
	unclaimedFor = 24 * time.Hour
	// tokensFor is how long a token that is over stays known by name.
	tokensFor = 30 * 24 * time.Hour
)

// Keeper carries the policy out, once an hour on every node; the second finds nothing left.
type Keeper struct {
	Pool *pgxpool.Pool
	// Months is after how many months from its closing a case loses reporter and photos; 0: never by itself.
	Months int
	Key    ed25519.PrivateKey // signs certificates; needed where Months is not 0
	Dir    string             // of the certificates; empty: the audit alone has them
	// Persons deletes records of persons that nobody has reviewed for too long, and says how many; nil: there are none.
	Persons func(ctx context.Context) (int, error)
	Log     *slog.Logger
}

// Run keeps house until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := k.Tidy(ctx, time.Now()); err != nil && ctx.Err() == nil {
			k.Log.Warn("personal data not let go, trying again in an hour", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

const nobodys = `
WITH p AS (DELETE FROM photo WHERE case_id IS NULL AND at < $1 RETURNING 1),
     s AS (DELETE FROM session WHERE expires_at < $2 OR seen_at < $2::timestamptz - $3::interval RETURNING 1),
     t AS (DELETE FROM token WHERE expires_at < $4 RETURNING 1),
     e AS (DELETE FROM enrolment WHERE expires_at < $2 RETURNING 1)
SELECT (SELECT count(*) FROM p), (SELECT count(*) FROM s), (SELECT count(*) FROM t) + (SELECT count(*) FROM e)`

// Tidy does one round.
func (k *Keeper) Tidy(ctx context.Context, now time.Time) error {
	var photos, sessions, tokens int
	if err := k.Pool.QueryRow(ctx, nobodys, now.Add(-unclaimedFor), now, access.IdleTTL, now.Add(-tokensFor)).Scan(&photos, &sessions, &tokens); err != nil {
		return fmt.Errorf("let go of what is nobody's: %w", err)
	}
	if photos > 0 {
		k.Log.Info("photos that no case claimed are deleted", "photos", photos)
	}
	if k.Persons != nil {
		n, err := k.Persons(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			k.Log.Info("records of persons that nobody reviewed are deleted", "records", n)
		}
	}
	if k.Months <= 0 {
		return nil
	}
	// Whole days, so that the nodes of a centre ask for the same.
	y, m, d := now.UTC().Date()
	before := time.Date(y, m-time.Month(k.Months), d, 0, 0, 0, 0, time.UTC)
	c, err := Purge(ctx, k.Pool, k.Key, before, "retention", false)
	if err != nil || c.Cases == 0 {
		return err
	}
	k.Log.Info("personal data let go by policy", "cases", c.Cases, "reporters", c.Reporters, "photos", c.Photos, "texts", c.Texts, "months", k.Months)
	if k.Dir == "" {
		return nil
	}
	_, err = c.Write(k.Dir)
	return err
}
