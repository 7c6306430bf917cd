package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	// ErrNobody says that a request carries no identity, or one that is no longer good.
	ErrNobody = errors.New("access: not signed in")
	// ErrWrongCredentials does not say which of the two was wrong.
	ErrWrongCredentials = errors.New("access: wrong username or password")
	// ErrSamePassword says that the new password is the old one.
	ErrSamePassword = errors.New("access: the new password is the old one")
)

// Cookies of a person's session and of a wall's device.
const (
	SessionCookie = "gridwall_session"
	DeviceCookie  = "gridwall_device"
)

const (
	// SessionTTL is how long a sign-in holds at most: one long shift.
	SessionTTL = 12 * time.Hour
	// IdleTTL is how long one holds that nobody uses; an open page uses it.
	IdleTTL = 2 * time.Hour
	// seenEvery is how exactly it is known when a session was used.
	seenEvery = time.Minute
)

// identityTTL is how long a looked-up identity is trusted without asking again.
const identityTTL = 5 * time.Second

// Room keeps accounts, sessions, tokens and devices.
type Room struct {
	// Sealer shuts the secrets of second factors; nil (tests): they lie open. It and FactorRoles are set before the room is used.
	Sealer Sealer
	// FactorRoles may do nothing but get a second factor until they have one.
	FactorRoles []Role

	pool   *pgxpool.Pool
	derive deriver

	mu    sync.Mutex
	known map[[sha256.Size]byte]cached
	key   []byte // signs links; nil: not read yet
}

type cached struct {
	identity Identity
	until    time.Time
}

// New is a room on a migrated database.
func New(pool *pgxpool.Pool) *Room {
	return &Room{pool: pool, derive: argonKey, known: map[[sha256.Size]byte]cached{}}
}

// newToken makes 256 random bits in text, and the hash that is stored.
func newToken() (token string, hash [sha256.Size]byte) {
	raw := make([]byte, 32)
	rand.Read(raw)
	token = base64.RawURLEncoding.EncodeToString(raw)
	return token, sha256.Sum256([]byte(token))
}

const accountByName = `
SELECT a.id, a.username, a.name, a.role, COALESCE(a.department, ''), COALESCE(a.grid, ''), COALESCE(a.officer, ''), a.once, COALESCE(a.password, ''), f.confirmed_at IS NOT NULL
FROM account AS a LEFT JOIN factor AS f ON f.account = a.id
WHERE a.username = $1 AND a.active`

// check says whose a username and password are, and with a code (nil: not asked for) the second factor of those who have
// one: ErrCodeRequired where it is empty. Where the account does not exist it still hashes, so that the time taken does not
// tell; a name that was tried too often is *LockedError, whether it exists or not. Wrong codes count as wrong passwords do,
// and what was counted is forgotten only when both were right: who knows the password does not get to try all codes.
func (r *Room) check(ctx context.Context, username, password string, code *string) (Identity, error) {
	now := time.Now()
	if err := r.mayTry(ctx, username, now); err != nil {
		return Identity{}, err
	}
	var who Identity
	var hash string
	var factor bool
	err := r.pool.QueryRow(ctx, accountByName, username).Scan(&who.Account, &who.Username, &who.Name, &who.Role, &who.Department, &who.Grid, &who.Officer, &who.Once, &hash, &factor)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Identity{}, fmt.Errorf("sign in: %w", err)
	}
	ok, err := checkPassword(cmp.Or(hash, decoy), password, r.derive)
	if err != nil {
		return Identity{}, fmt.Errorf("sign in: %w", err)
	}
	if !ok || hash == "" {
		if err := r.failed(ctx, username, now); err != nil {
			return Identity{}, err
		}
		return Identity{}, ErrWrongCredentials
	}
	who.Bare = !factor && r.asksFactor(who.Role)
	if factor && code != nil {
		if *code == "" {
			return Identity{}, ErrCodeRequired
		}
		switch err := r.fits(ctx, r.pool, who.Account, *code, true); {
		case errors.Is(err, ErrWrongCode):
			return Identity{}, cmp.Or(r.failed(ctx, username, now), err)
		case err != nil:
			return Identity{}, fmt.Errorf("sign in: %w", err)
		}
	}
	if code == nil && factor {
		return who, nil // one of the two: what was counted stands
	}
	if _, err := r.pool.Exec(ctx, `DELETE FROM sign_in_failure WHERE username = $1`, lockName(username)); err != nil {
		return Identity{}, fmt.Errorf("sign in: %w", err)
	}
	return who, nil
}

// asksFactor says whether a role may not do without a second factor.
func (r *Room) asksFactor(role Role) bool { return slices.Contains(r.FactorRoles, role) }

// From is where a sign-in comes from, for its owner to know it again.
type From struct {
	Address, Agent string
	// Code is of the second factor, or one of the recovery codes; empty: none was shown.
	Code string
	// Session is the token of the session that the browser had; it ends, so that nobody who planted it has the new one.
	Session string
}

// agentOf is the browser's own word for itself, cut to what is kept.
func agentOf(from From) string {
	return strings.ToValidUTF8(strings.ReplaceAll(from.Agent[:min(len(from.Agent), 200)], "\x00", ""), "")
}

// SignIn opens a session and returns its token for the cookie.
func (r *Room) SignIn(ctx context.Context, username, password string, from From) (string, Identity, error) {
	who, err := r.check(ctx, username, password, &from.Code)
	if err != nil {
		return "", Identity{}, err
	}
	token, err := r.openSession(ctx, who, "password", from)
	return token, who, err
}

// openSession opens one for whoever has shown who it is, and ends the one that the browser had.
func (r *Room) openSession(ctx context.Context, who Identity, by string, from From) (string, error) {
	if from.Session != "" {
		if err := r.end(ctx, from.Session); err != nil {
			return "", err
		}
	}
	token, sum := newToken()
	const insert = `INSERT INTO session (hash, account, expires_at, address, agent, by) VALUES ($1, $2, $3, $4, $5, $6)`
	if _, err := r.pool.Exec(ctx, insert, sum[:], who.Account, time.Now().Add(SessionTTL), from.Address, agentOf(from), by); err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	return token, nil
}

// SignOut ends the session of the request's cookie.
func (r *Room) SignOut(ctx context.Context, req *http.Request) error {
	if token := CookieOf(req, SessionCookie); token != "" {
		return r.end(ctx, token)
	}
	return nil
}

// end ends the session of a token, and forgets those that are over.
func (r *Room) end(ctx context.Context, token string) error {
	sum := sha256.Sum256([]byte(token))
	r.mu.Lock()
	delete(r.known, sum)
	r.mu.Unlock()
	_, err := r.pool.Exec(ctx, `DELETE FROM session WHERE hash = $1 OR expires_at < now()`, sum[:])
	return err
}

// HostPrefix stands before the name of a cookie that came over TLS: browsers take one of that name from this host alone, and
// from no page without TLS.
const HostPrefix = "__Host-"

// Secure says whether a request came by TLS, to this server or to a trusted proxy before it; who is not trusted has had the
// header taken off.
func Secure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// CookieOf is the value of one of our cookies; empty: none. Over TLS a session is taken from the protected name alone, so that
// no other host of the domain plants one; screens that came in before keep theirs.
func CookieOf(r *http.Request, name string) string {
	if c, err := r.Cookie(HostPrefix + name); err == nil {
		return c.Value
	}
	if Secure(r) && name != DeviceCookie {
		return ""
	}
	if c, err := r.Cookie(name); err == nil {
		return c.Value
	}
	return ""
}

// Identify says who the request is from: a bearer token first, then a person's session, then a wall's device.
// ErrNobody if it is nobody.
func (r *Room) Identify(req *http.Request) (Identity, error) {
	if bearer, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer "); ok {
		return r.find(req.Context(), bearer)
	}
	for _, name := range []string{SessionCookie, DeviceCookie} {
		if token := CookieOf(req, name); token != "" {
			who, err := r.find(req.Context(), token)
			if !errors.Is(err, ErrNobody) {
				return who, err
			}
		}
	}
	return Identity{}, ErrNobody
}

const byHash = `
WITH s AS (SELECT account, seen_at, by FROM session WHERE hash = $1 AND expires_at > now() AND seen_at > now() - $2::interval),
     t AS (SELECT account, scope FROM token WHERE hash = $1 AND (expires_at IS NULL OR expires_at > now()))
SELECT a.id, a.username, a.name, a.role, COALESCE(a.department, ''), COALESCE(a.grid, ''), COALESCE(a.officer, ''), a.once, t.scope, COALESCE(s.seen_at < now() - $3::interval, false),
    COALESCE(s.by = 'password' AND a.role = ANY($4) AND NOT EXISTS (SELECT FROM factor AS f WHERE f.account = a.id AND f.confirmed_at IS NOT NULL), false)
FROM account AS a LEFT JOIN s ON s.account = a.id LEFT JOIN t ON t.account = a.id
WHERE a.active AND (s.account IS NOT NULL OR t.account IS NOT NULL)
UNION ALL
SELECT 0, name, name, 'wall', '', '', '', false, NULL, false, false FROM device WHERE hash = $1
LIMIT 1`

// find looks a token up; good answers are kept for a few seconds, so that a burst of reports does not ask each time.
func (r *Room) find(ctx context.Context, token string) (Identity, error) {
	sum := sha256.Sum256([]byte(token))
	now := time.Now()
	r.mu.Lock()
	c, ok := r.known[sum]
	r.mu.Unlock()
	if ok && now.Before(c.until) {
		return c.identity, nil
	}
	var who Identity
	var unseen bool
	err := r.pool.QueryRow(ctx, byHash, sum[:], IdleTTL, seenEvery, r.FactorRoles).Scan(&who.Account, &who.Username, &who.Name, &who.Role, &who.Department, &who.Grid, &who.Officer, &who.Once, &who.Scope, &unseen, &who.Bare)
	if errors.Is(err, pgx.ErrNoRows) {
		return Identity{}, ErrNobody
	}
	if err == nil && unseen {
		_, err = r.pool.Exec(ctx, `UPDATE session SET seen_at = now() WHERE hash = $1`, sum[:])
	}
	if err != nil {
		return Identity{}, fmt.Errorf("identify: %w", err)
	}
	r.remember(sum, who, now)
	return who, nil
}

// remember keeps an identity for a few seconds.
func (r *Room) remember(sum [sha256.Size]byte, who Identity, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) > 10_000 {
		clear(r.known)
	}
	r.known[sum] = cached{who, now.Add(identityTTL)}
}

// Account is what CreateAccount needs.
type Account struct {
	Username   string
	Name       string
	Role       Role
	Password   string // empty: no sign-in by password
	Department string
	Grid       string
	Officer    string // code of the roster; empty: none
}

const upsertAccount = `
INSERT INTO account (username, name, role, password, department, grid, officer)
VALUES ($1, $2, $3, NULLIF($4, ''), NULLIF($5, ''), NULLIF($6, ''), NULLIF($7, ''))
ON CONFLICT (username) DO UPDATE
SET name = EXCLUDED.name, role = EXCLUDED.role, password = COALESCE(EXCLUDED.password, account.password),
    once = account.once AND EXCLUDED.password IS NULL, department = EXCLUDED.department, grid = EXCLUDED.grid, officer = EXCLUDED.officer, active = true`

// SaveAccount makes an account or changes the one of that username; an empty password leaves the old one.
func (r *Room) SaveAccount(ctx context.Context, a Account) error {
	if !slices.Contains(Roles, a.Role) {
		return fmt.Errorf("role %q is none of %v", a.Role, Roles)
	}
	hash := ""
	if a.Password != "" {
		var err error
		if err = checkNew(a.Username, a.Password); err != nil {
			return fmt.Errorf("save account %s: %w", a.Username, err)
		}
		if hash, err = HashPassword(a.Password); err != nil {
			return err
		}
	}
	if _, err := r.pool.Exec(ctx, upsertAccount, a.Username, a.Name, a.Role, hash, a.Department, a.Grid, a.Officer); err != nil {
		return fmt.Errorf("save account %s: %w", a.Username, err)
	}
	return nil
}

const upsertToken = `
INSERT INTO token (hash, name, account, expires_at, scope) SELECT $1, $2, id, $4, $5 FROM account WHERE username = $3
ON CONFLICT (account, name) DO UPDATE SET hash = EXCLUDED.hash, created_at = now(), expires_at = EXCLUDED.expires_at, scope = EXCLUDED.scope`

// NewToken makes a token of that name for an account, with all its rights and without an end; an older one of the same name
// is void.
func (r *Room) NewToken(ctx context.Context, username, name string) (string, error) {
	return r.NewScopedToken(ctx, username, name, time.Time{}, nil)
}

// NewScopedToken is NewToken for one that ends (zero: never) and has some of the account's rights (nil: all).
func (r *Room) NewScopedToken(ctx context.Context, username, name string, expires time.Time, scope []Right) (string, error) {
	for _, right := range scope {
		if !slices.Contains(rights[Admin], right) {
			return "", fmt.Errorf("there is no right %q: %v", right, rights[Admin])
		}
	}
	var until *time.Time
	if !expires.IsZero() {
		until = &expires
	}
	token, sum := newToken()
	tag, err := r.pool.Exec(ctx, upsertToken, sum[:], name, username, until, scope)
	if err != nil {
		return "", fmt.Errorf("new token for %s: %w", username, err)
	}
	if tag.RowsAffected() == 0 {
		return "", fmt.Errorf("there is no account %q", username)
	}
	return token, nil
}

// NewDevice makes the token of a wall; an older one of the same name is void.
func (r *Room) NewDevice(ctx context.Context, name string) (string, error) {
	token, sum := newToken()
	const upsert = `INSERT INTO device (hash, name) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET hash = EXCLUDED.hash, created_at = now()`
	if _, err := r.pool.Exec(ctx, upsert, sum[:], name); err != nil {
		return "", fmt.Errorf("new device %s: %w", name, err)
	}
	return token, nil
}
