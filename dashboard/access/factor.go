package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	// ErrCodeRequired says that the password is right and a code of the second factor is wanted with it.
	ErrCodeRequired = errors.New("access: a code of the second factor is required")
	// ErrWrongCode says that the code is not the one of now, or was used before.
	ErrWrongCode = errors.New("access: wrong code")
	// ErrNoFactor says that there is no second factor to confirm or to remove.
	ErrNoFactor = errors.New("access: no second factor")
	// ErrFactorStands says that there is one already: it is removed before another one is begun.
	ErrFactorStands = errors.New("access: there is a second factor already")
)

// recoveryCodes is how many are given out, for who lost the telephone.
const recoveryCodes = 10

// Sealer shuts the secrets of second factors with keys that are not in the database: the keyring of the data folder.
type Sealer interface {
	// Seal shuts a secret for one owner; what it gives opens for no other.
	Seal(owner, secret string) (sealed []byte, keyID *string)
	Open(owner string, sealed []byte, keyID string) (string, error)
}

// Factor is the second factor of an account, as its owner sees it.
type Factor struct {
	On       bool       `json:"on"`
	Since    *time.Time `json:"since"`
	Recovery int        `json:"recovery"` // codes that are left
	Required bool       `json:"required"` // the role may not do without
}

// FactorOf tells of an account's second factor.
func (r *Room) FactorOf(ctx context.Context, who Identity) (Factor, error) {
	f := Factor{Required: r.asksFactor(who.Role)}
	const read = `SELECT confirmed_at, (SELECT count(*) FROM recovery_code AS c WHERE c.account = f.account) FROM factor AS f WHERE account = $1`
	err := r.pool.QueryRow(ctx, read, who.Account).Scan(&f.Since, &f.Recovery)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Factor{}, fmt.Errorf("second factor: %w", err)
	}
	f.On = f.Since != nil
	return f, nil
}

// BeginFactor makes a secret for who shows the password once more, and the address that an authenticator reads. It is not
// asked for until ConfirmFactor has seen a code of it.
func (r *Room) BeginFactor(ctx context.Context, who Identity, password string) (secret, uri string, err error) {
	if _, err := r.check(ctx, who.Username, password, nil); err != nil {
		return "", "", err
	}
	raw := make([]byte, totpSecretLen)
	rand.Read(raw)
	secret = base32Plain.EncodeToString(raw)
	sealed, keyID := r.seal(who.Account, secret)
	const begin = `
INSERT INTO factor AS f (account, secret, key_id) VALUES ($1, $2, $3)
ON CONFLICT (account) DO UPDATE SET secret = EXCLUDED.secret, key_id = EXCLUDED.key_id, made_at = now(), last_step = 0 WHERE f.confirmed_at IS NULL`
	tag, err := r.pool.Exec(ctx, begin, who.Account, sealed, keyID)
	if err != nil {
		return "", "", fmt.Errorf("begin a second factor: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return "", "", ErrFactorStands
	}
	return secret, totpURI("Gridwall", who.Username, raw), nil
}

// ConfirmFactor takes the first code: from then on signing in asks for one. It gives the recovery codes, which are told
// this once, and ends the account's other sessions.
func (r *Room) ConfirmFactor(ctx context.Context, who Identity, code, session string) (recovery []string, err error) {
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := r.fits(ctx, tx, who.Account, code, false); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE factor SET confirmed_at = now() WHERE account = $1`, who.Account); err != nil {
			return err
		}
		for range recoveryCodes {
			raw := make([]byte, 10)
			rand.Read(raw)
			text := strings.ToLower(base32Plain.EncodeToString(raw))
			recovery = append(recovery, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
			sum := sha256.Sum256([]byte(text))
			if _, err := tx.Exec(ctx, `INSERT INTO recovery_code (account, hash) VALUES ($1, $2)`, who.Account, sum[:]); err != nil {
				return err
			}
		}
		sum := sha256.Sum256([]byte(session))
		_, err := tx.Exec(ctx, `DELETE FROM session WHERE account = $1 AND hash <> $2`, who.Account, sum[:])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("confirm a second factor: %w", err)
	}
	r.forgetAll()
	return recovery, nil
}

// RemoveFactor takes the second factor away from who shows the password and a code.
func (r *Room) RemoveFactor(ctx context.Context, who Identity, password, code string) error {
	if _, err := r.check(ctx, who.Username, password, &code); err != nil {
		return err
	}
	return r.DropFactor(ctx, who.Username)
}

// DropFactor takes it away from an account without a code: an administrator's act, for who lost telephone and recovery codes.
func (r *Room) DropFactor(ctx context.Context, username string) error {
	tag, err := r.pool.Exec(ctx, `DELETE FROM factor WHERE account = (SELECT id FROM account WHERE username = $1) AND confirmed_at IS NOT NULL`, username)
	if err != nil {
		return fmt.Errorf("remove a second factor: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrNoFactor
	}
	r.forgetAll()
	return nil
}

// querier is the pool or a transaction on it.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// fits takes a code of an account's factor, confirmed or not, so that it is good no second time: nil, ErrNoFactor or
// ErrWrongCode. Recovery codes fit where the factor is confirmed.
func (r *Room) fits(ctx context.Context, q querier, account int, code string, confirmed bool) error {
	var sealed []byte
	var keyID *string
	var last int64
	err := q.QueryRow(ctx, `SELECT secret, key_id, last_step FROM factor WHERE account = $1 AND (confirmed_at IS NOT NULL) = $2`, account, confirmed).Scan(&sealed, &keyID, &last)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNoFactor
	}
	if err != nil {
		return err
	}
	secret, err := r.unseal(account, sealed, keyID)
	if err != nil {
		return err
	}
	code = strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(code))
	var one int
	if step, ok := totpFits(secret, code, time.Now(), last); ok {
		err = q.QueryRow(ctx, `UPDATE factor SET last_step = $2 WHERE account = $1 AND last_step < $2 RETURNING 1`, account, step).Scan(&one)
	} else if sum := sha256.Sum256([]byte(code)); confirmed {
		err = q.QueryRow(ctx, `DELETE FROM recovery_code WHERE account = $1 AND hash = $2 RETURNING 1`, account, sum[:]).Scan(&one)
	} else {
		return ErrWrongCode
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrWrongCode
	}
	return err
}

// factorOwner is a name that no camera can have: the same ring seals those, and no text of the database holds a NUL.
func factorOwner(account int) string { return fmt.Sprintf("factor\x00%d", account) }

func (r *Room) seal(account int, secret string) ([]byte, *string) {
	if r.Sealer == nil {
		return []byte(secret), nil
	}
	return r.Sealer.Seal(factorOwner(account), secret)
}

func (r *Room) unseal(account int, sealed []byte, keyID *string) ([]byte, error) {
	secret := string(sealed)
	if keyID != nil {
		if r.Sealer == nil {
			return nil, errors.New("access: second factors are sealed, and there are no keys")
		}
		var err error
		if secret, err = r.Sealer.Open(factorOwner(account), sealed, *keyID); err != nil {
			return nil, fmt.Errorf("open a second factor: %w", err)
		}
	}
	return base32Plain.DecodeString(secret)
}

// ResealFactors seals all second factors with the first key of a ring that was rotated.
func ResealFactors(ctx context.Context, tx pgx.Tx, ring Sealer) error {
	rows, err := tx.Query(ctx, `SELECT account, secret, key_id FROM factor WHERE key_id IS NOT NULL ORDER BY account FOR UPDATE`)
	if err != nil {
		return fmt.Errorf("reseal second factors: %w", err)
	}
	type row struct {
		Account int
		Secret  []byte
		KeyID   string
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return fmt.Errorf("reseal second factors: %w", err)
	}
	for _, f := range list {
		secret, err := ring.Open(factorOwner(f.Account), f.Secret, f.KeyID)
		if err != nil {
			return fmt.Errorf("reseal the second factor of account %d: %w", f.Account, err)
		}
		sealed, keyID := ring.Seal(factorOwner(f.Account), secret)
		if _, err := tx.Exec(ctx, `UPDATE factor SET secret = $2, key_id = $3 WHERE account = $1`, f.Account, sealed, keyID); err != nil {
			return fmt.Errorf("reseal second factors: %w", err)
		}
	}
	return nil
}

// FactorsSealedBy are the ids of the keys that second factors are sealed with.
func FactorsSealedBy(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	rows, err := pool.Query(ctx, `SELECT DISTINCT key_id FROM factor WHERE key_id IS NOT NULL ORDER BY key_id`)
	if err != nil {
		return nil, fmt.Errorf("keys of second factors: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
