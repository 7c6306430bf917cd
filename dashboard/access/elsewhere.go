package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrNameTaken says that an account of this centre's own has the name that somebody has elsewhere; they are not taken for one.
	ErrNameTaken = errors.New("access: the name belongs to another account")
	// ErrShut says that the account was shut here, whatever its provider says.
	ErrShut = errors.New("access: the account is shut")
)

// Person is who somebody is at the site's OpenID provider, with the role that the site's rules give.
type Person struct {
	Issuer, Subject  string // together: who it is, for ever
	Username         string // as the provider writes it; an account is named after it once
	Name             string
	Role             Role
	Grid, Department string
}

var notInUsernames = regexp.MustCompile(`[^a-z0-9._-]+`)

// username makes a name of an account from what the provider calls somebody.
func (p Person) username() string {
	name := strings.Trim(notInUsernames.ReplaceAllString(strings.ToLower(p.Username), "-"), "._-")
	if name == "" {
		sum := sha256.Sum256([]byte(p.Issuer + "\x00" + p.Subject))
		return "oidc-" + hex.EncodeToString(sum[:6])
	}
	return name[:min(len(name), 63)]
}

// SignInElsewhere opens a session for who signed in at the site's provider. The account is made at the first time; name,
// role and jurisdiction are those of today's rules. ErrNameTaken, ErrShut.
func (r *Room) SignInElsewhere(ctx context.Context, p Person, from From) (string, Identity, error) {
	if p.Issuer == "" || p.Subject == "" {
		return "", Identity{}, errors.New("access: who signs in elsewhere has an issuer and a subject")
	}
	who := Identity{Name: p.Name, Role: p.Role, Department: p.Department, Grid: p.Grid}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		const insert = `
INSERT INTO account (username, name, role, department, grid, issuer, subject)
SELECT $3, COALESCE(NULLIF($4, ''), $3), $5, NULLIF($6, ''), NULLIF($7, ''), $1, $2
WHERE NOT EXISTS (SELECT FROM account WHERE issuer = $1 AND subject = $2)`
		if _, err := tx.Exec(ctx, insert, p.Issuer, p.Subject, p.username(), p.Name, p.Role, p.Department, p.Grid); err != nil {
			return err
		}
		const update = `
UPDATE account SET name = COALESCE(NULLIF($3, ''), name), role = $4, department = NULLIF($5, ''), grid = NULLIF($6, '')
WHERE issuer = $1 AND subject = $2
RETURNING id, username, name, active`
		var active bool
		if err := tx.QueryRow(ctx, update, p.Issuer, p.Subject, p.Name, p.Role, p.Department, p.Grid).Scan(&who.Account, &who.Username, &who.Name, &active); err != nil {
			return err
		}
		if !active {
			return ErrShut
		}
		return nil
	})
	var stored *pgconn.PgError
	if errors.As(err, &stored) && stored.ConstraintName == "account_username_key" {
		return "", Identity{}, ErrNameTaken
	}
	if err != nil {
		return "", Identity{}, fmt.Errorf("sign in elsewhere: %w", err)
	}
	r.forgetAll() // the role may be another one
	token, err := r.openSession(ctx, who, "oidc", from)
	return token, who, err
}
