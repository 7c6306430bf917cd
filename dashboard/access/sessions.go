package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Session is one sign-in of an account, as its owner sees it.
type Session struct {
	ID        int64     `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Address   string    `json:"address"`
	Agent     string    `json:"agent"`
	By        string    `json:"by"`      // password or oidc
	Current   bool      `json:"current"` // the one that asks
}

// Sessions are those of an account that still hold, the newest first; token is that of the one that asks, if it is one.
func (r *Room) Sessions(ctx context.Context, account int, token string) ([]Session, error) {
	sum := sha256.Sum256([]byte(token))
	rows, err := r.pool.Query(ctx, `
SELECT id, created_at, seen_at, expires_at, address, agent, by, hash = $3 FROM session
WHERE account = $1 AND expires_at > now() AND seen_at > now() - $2::interval ORDER BY id DESC`, account, IdleTTL, sum[:])
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Session])
}

// ErrNoSession says that the account has no such session.
var ErrNoSession = errors.New("access: no such session")

// Revoke ends a session of an account, on every node within identityTTL.
func (r *Room) Revoke(ctx context.Context, account int, id int64) error {
	tag, err := r.pool.Exec(ctx, `DELETE FROM session WHERE account = $1 AND id = $2`, account, id)
	if err != nil {
		return fmt.Errorf("revoke a session: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrNoSession
	}
	r.forgetAll()
	return nil
}

// RevokeOthers ends all sessions of an account but the one of a token, and says how many those were.
func (r *Room) RevokeOthers(ctx context.Context, account int, token string) (int64, error) {
	sum := sha256.Sum256([]byte(token))
	tag, err := r.pool.Exec(ctx, `DELETE FROM session WHERE account = $1 AND hash <> $2`, account, sum[:])
	if err != nil {
		return 0, fmt.Errorf("revoke sessions: %w", err)
	}
	r.forgetAll()
	return tag.RowsAffected(), nil
}

// Shut ends an account: its sessions and tokens are void, and nobody comes in by it until it is saved anew.
func (r *Room) Shut(ctx context.Context, username string) error {
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		var id int
		if err := tx.QueryRow(ctx, `UPDATE account SET active = false WHERE username = $1 RETURNING id`, username).Scan(&id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM session WHERE account = $1`, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM token WHERE account = $1`, id)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("there is no account %q", username)
	}
	if err != nil {
		return fmt.Errorf("shut account %s: %w", username, err)
	}
	r.forgetAll()
	return nil
}

// SignOutAll ends every session of an account.
func (r *Room) SignOutAll(ctx context.Context, username string) (int64, error) {
	tag, err := r.pool.Exec(ctx, `DELETE FROM session WHERE account = (SELECT id FROM account WHERE username = $1)`, username)
	if err != nil {
		return 0, fmt.Errorf("end sessions of %s: %w", username, err)
	}
	r.forgetAll()
	return tag.RowsAffected(), nil
}

// forgetAll drops what this node remembers of who showed what.
func (r *Room) forgetAll() {
	r.mu.Lock()
	clear(r.known)
	r.mu.Unlock()
}

// ChangePassword gives an account a new password and ends all its sessions: whoever knew the old one is out.
// ErrWrongCredentials or *LockedError where the old one is not shown.
func (r *Room) ChangePassword(ctx context.Context, who Identity, old, fresh string) error {
	if _, err := r.check(ctx, who.Username, old, nil); err != nil {
		return err
	}
	if old == fresh {
		return ErrSamePassword
	}
	if err := checkNew(who.Username, fresh); err != nil {
		return err
	}
	hash, err := HashPassword(fresh)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE account SET password = $2, once = false WHERE id = $1`, who.Account, hash); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM session WHERE account = $1`, who.Account)
		return err
	})
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	r.forgetAll()
	return nil
}

// FirstAdmin makes the account admin with a password that is good for one sign-in, where there is no account at all; empty
// where there is one. Of several nodes that start at once, one makes it.
func (r *Room) FirstAdmin(ctx context.Context) (password string, err error) {
	raw := make([]byte, 15)
	rand.Read(raw)
	text := strings.ToLower(base32.StdEncoding.EncodeToString(raw))
	password = text[:6] + "-" + text[6:12] + "-" + text[12:18] + "-" + text[18:]
	hash, err := HashPassword(password)
	if err != nil {
		return "", err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `INSERT INTO account (username, name, role, password, once) SELECT 'admin', '管理员', 'admin', $1, true WHERE NOT EXISTS (SELECT FROM account)`, hash)
		if err == nil && tag.RowsAffected() == 0 {
			password = ""
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("first administrator: %w", err)
	}
	return password, nil
}
