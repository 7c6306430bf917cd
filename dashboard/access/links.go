package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// LinkTTL is how long a link to a camera's pictures is good unless somebody says otherwise, MaxLinkTTL how long at most.
// RTSP and WebRTC look once, when play begins; HLS looks at each request, so a link for it must last as long as the play.
const (
	LinkTTL    = 5 * time.Minute
	MaxLinkTTL = 12 * time.Hour
)

// link is what a token of a link says. It is signed and not sealed: whoever has it may read it.
type link struct {
	Camera  string `json:"c"`
	Account int    `json:"a"` // 0: a device
	Name    string `json:"n"` // of the account or device
	Expires int64  `json:"e"` // Unix time, seconds
}

const linkKey = `
WITH made AS (INSERT INTO signing_key (name, key) VALUES ('link', $1) ON CONFLICT (name) DO NOTHING RETURNING key)
SELECT key FROM made UNION ALL SELECT key FROM signing_key WHERE name = 'link' LIMIT 1`

// signingKey is the centre's, made when it is first needed.
func (r *Room) signingKey(ctx context.Context) ([]byte, error) {
	r.mu.Lock()
	key := r.key
	r.mu.Unlock()
	if key != nil {
		return key, nil
	}
	fresh := make([]byte, 32)
	rand.Read(fresh)
	err := pgx.ErrNoRows
	for range 3 { // another node may make it at the same time
		if err = r.pool.QueryRow(ctx, linkKey, fresh).Scan(&key); !errors.Is(err, pgx.ErrNoRows) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("signing key of links: %w", err)
	}
	r.mu.Lock()
	r.key = key
	r.mu.Unlock()
	return key, nil
}

func sign(key []byte, body string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("link " + body))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// NewLink makes a token that plays one camera, in who's name and by who's rights, until it expires.
func (r *Room) NewLink(ctx context.Context, who Identity, camera string, ttl time.Duration) (token string, expires time.Time, err error) {
	key, err := r.signingKey(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	expires = time.Now().Add(ttl).UTC().Truncate(time.Second)
	text, err := json.Marshal(link{camera, who.Account, who.Username, expires.Unix()})
	if err != nil {
		return "", time.Time{}, err
	}
	body := base64.RawURLEncoding.EncodeToString(text)
	return body + "." + sign(key, body), expires, nil
}

const byName = `
SELECT a.id, a.username, a.name, a.role, COALESCE(a.department, ''), COALESCE(a.grid, '')
FROM account AS a
WHERE a.active AND a.id = $1 AND $1 <> 0
UNION ALL
SELECT 0, name, name, 'wall', '', '' FROM device WHERE $1 = 0 AND name = $2
LIMIT 1`

// Follow says in whose name a link's token plays camera now. ErrNobody for a token that is not ours, is over, is for
// another camera, or whose owner is no more; what the owner may is asked anew each time.
func (r *Room) Follow(ctx context.Context, token, camera string) (Identity, error) {
	body, signature, ok := strings.Cut(token, ".")
	if !ok || len(token) > 1024 {
		return Identity{}, ErrNobody
	}
	key, err := r.signingKey(ctx)
	if err != nil {
		return Identity{}, err
	}
	text, err := base64.RawURLEncoding.DecodeString(body)
	var l link
	if err != nil || !hmac.Equal([]byte(signature), []byte(sign(key, body))) || json.Unmarshal(text, &l) != nil {
		return Identity{}, ErrNobody
	}
	now := time.Now()
	if l.Camera != camera || !now.Before(time.Unix(l.Expires, 0)) {
		return Identity{}, ErrNobody
	}
	sum := sha256.Sum256([]byte("link " + body))
	r.mu.Lock()
	c, known := r.known[sum]
	r.mu.Unlock()
	if known && now.Before(c.until) {
		return c.identity, nil
	}
	var who Identity
	err = r.pool.QueryRow(ctx, byName, l.Account, l.Name).Scan(&who.Account, &who.Username, &who.Name, &who.Role, &who.Department, &who.Grid)
	if errors.Is(err, pgx.ErrNoRows) {
		return Identity{}, ErrNobody
	}
	if err != nil {
		return Identity{}, fmt.Errorf("follow a link: %w", err)
	}
	r.remember(sum, who, now)
	return who, nil
}
