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
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// EnrolTTL is how long a screen's code is good, EnrolInterval how often the screen asks.
	EnrolTTL      = 10 * time.Minute
	EnrolInterval = 3 * time.Second
	// mostEnrolments bounds how many screens may wait: anybody can ask for a code.
	mostEnrolments = 500
)

var (
	// ErrNoEnrolment says that there is no screen that waits with this code, or no longer.
	ErrNoEnrolment = errors.New("access: no such screen waits")
	// ErrPending says that nobody has typed a screen's code in yet.
	ErrPending = errors.New("access: the screen's code was not typed in yet")
	// ErrTooManyWait says that more screens wait than ever hang in one centre.
	ErrTooManyWait = errors.New("access: too many screens wait")
	// ErrNoDevice says that there is no such device.
	ErrNoDevice = errors.New("access: no such device")
	// ErrNoWall says that a screen is to show a wall that there is not.
	ErrNoWall = errors.New("access: no such wall")
)

// codeLetters are those of a screen's code: no vowels, so that it spells nothing, and nothing that looks like a digit
// (RFC 8628, section 6.1). Eight of them are 34 bits, for ten minutes.
const codeLetters = "BCDFGHJKLMNPQRSTVWXZ"

// Enrolment is a screen that waits to become a wall's.
type Enrolment struct {
	Code      string    `json:"code"`
	Address   string    `json:"address"`
	Agent     string    `json:"agent"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Device is a wall's screen that came in, or one whose token was made on the console.
type Device struct {
	Name      string    `json:"name"`
	Wall      *string   `json:"wall"`
	CreatedAt time.Time `json:"created_at"`
	MadeBy    string    `json:"made_by"`
}

// Enrol begins: the screen keeps secret and shows the code.
func (r *Room) Enrol(ctx context.Context, from From) (secret string, e Enrolment, err error) {
	secret, sum := newToken()
	raw := make([]byte, 8)
	for i := range raw {
		raw[i] = codeLetters[draw(len(codeLetters))]
	}
	now := time.Now().UTC().Truncate(time.Second)
	e = Enrolment{string(raw[:4]) + "-" + string(raw[4:]), from.Address, agentOf(from), now, now.Add(EnrolTTL)}
	if _, err := r.pool.Exec(ctx, `DELETE FROM enrolment WHERE expires_at < now()`); err != nil {
		return "", Enrolment{}, fmt.Errorf("enrol a screen: %w", err)
	}
	const insert = `
INSERT INTO enrolment (hash, code, address, agent, created_at, expires_at)
SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM enrolment) < $7`
	tag, err := r.pool.Exec(ctx, insert, sum[:], e.Code, e.Address, e.Agent, e.CreatedAt, e.ExpiresAt, mostEnrolments)
	if err != nil {
		return "", Enrolment{}, fmt.Errorf("enrol a screen: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return "", Enrolment{}, ErrTooManyWait
	}
	return secret, e, nil
}

// draw is a random number below n ≤ 256, each as likely as the other.
func draw(n int) int {
	for b := make([]byte, 1); ; {
		rand.Read(b)
		if int(b[0]) < 256/n*n {
			return int(b[0]) % n
		}
	}
}

// enrolCode is a screen's code as it is kept, however it was typed.
func enrolCode(typed string) string {
	var letters []byte
	for _, c := range []byte(strings.ToUpper(typed)) {
		if strings.IndexByte(codeLetters, c) >= 0 {
			letters = append(letters, c)
		}
	}
	if len(letters) != 8 {
		return ""
	}
	return string(letters[:4]) + "-" + string(letters[4:])
}

// Waiting is the screen that shows a code, so that who answers sees whose it is. ErrNoEnrolment if none does.
func (r *Room) Waiting(ctx context.Context, code string) (Enrolment, error) {
	var e Enrolment
	err := r.pool.QueryRow(ctx, `SELECT code, address, agent, created_at, expires_at FROM enrolment WHERE code = $1 AND device IS NULL AND expires_at > now()`, enrolCode(code)).
		Scan(&e.Code, &e.Address, &e.Agent, &e.CreatedAt, &e.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Enrolment{}, ErrNoEnrolment
	}
	if err != nil {
		return Enrolment{}, fmt.Errorf("find a screen: %w", err)
	}
	return e, nil
}

// Admit answers a screen's code: it becomes the device of that name, of a wall's screen. A device of the same name is void
// once the screen has come in.
func (r *Room) Admit(ctx context.Context, who Identity, code, device, wall, screen string) error {
	const answer = `UPDATE enrolment SET device = $2, wall = $3, screen = $4, answered_by = $5 WHERE code = $1 AND device IS NULL AND expires_at > now()`
	tag, err := r.pool.Exec(ctx, answer, enrolCode(code), device, wall, screen, who.Username)
	var stored *pgconn.PgError
	switch {
	case errors.As(err, &stored) && stored.Code == "23503":
		return ErrNoWall
	case err != nil:
		return fmt.Errorf("admit a screen: %w", err)
	case tag.RowsAffected() == 0:
		return ErrNoEnrolment
	}
	return nil
}

// Refuse sends a screen away: it shows a new code.
func (r *Room) Refuse(ctx context.Context, code string) error {
	tag, err := r.pool.Exec(ctx, `DELETE FROM enrolment WHERE code = $1 AND device IS NULL`, enrolCode(code))
	if err == nil && tag.RowsAffected() == 0 {
		return ErrNoEnrolment
	}
	return err
}

// Collect gives a screen that was admitted its device's token and where to go, once. ErrPending while nobody has answered,
// ErrNoEnrolment when it was refused, is over, or was collected before.
func (r *Room) Collect(ctx context.Context, secret string) (token, wall, screen string, err error) {
	sum := sha256.Sum256([]byte(secret))
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		var device *string
		var by string
		const read = `SELECT device, COALESCE(wall, ''), screen, answered_by FROM enrolment WHERE hash = $1 AND expires_at > now() FOR UPDATE`
		err := tx.QueryRow(ctx, read, sum[:]).Scan(&device, &wall, &screen, &by)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNoEnrolment
		case err != nil:
			return err
		case device == nil:
			return ErrPending
		}
		var hash [sha256.Size]byte
		token, hash = newToken()
		const upsert = `
INSERT INTO device (hash, name, wall, made_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET hash = EXCLUDED.hash, created_at = now(), wall = EXCLUDED.wall, made_by = EXCLUDED.made_by`
		if _, err := tx.Exec(ctx, upsert, hash[:], *device, wall, by); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM enrolment WHERE hash = $1`, sum[:])
		return err
	})
	if err != nil {
		return "", "", "", fmt.Errorf("collect a screen's token: %w", err)
	}
	r.forgetAll()
	return token, wall, screen, nil
}

// Devices are all that may come in as walls.
func (r *Room) Devices(ctx context.Context) ([]Device, error) {
	rows, err := r.pool.Query(ctx, `SELECT name, wall, created_at, made_by FROM device ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Device])
}

// RevokeDevice voids a device's token, on every node within identityTTL.
func (r *Room) RevokeDevice(ctx context.Context, name string) error {
	tag, err := r.pool.Exec(ctx, `DELETE FROM device WHERE name = $1`, name)
	if err != nil {
		return fmt.Errorf("revoke a device: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrNoDevice
	}
	r.forgetAll()
	return nil
}
