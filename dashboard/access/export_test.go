package access

import (
	"context"
	"fmt"
	"time"
)

// CodeAt is the code of a secret at an instant, as an authenticator shows it.
func CodeAt(secret string, at time.Time) string {
	raw, err := base32Plain.DecodeString(secret)
	if err != nil {
		panic(err)
	}
	return totp(raw, totpAt(at))
}

// Prices has a room tell what each key that it derived cost, since it was asked last.
func Prices(r *Room) func() []string {
	var told []string
	r.derive = func(password string, salt []byte, passes, memoryKiB uint32, lanes uint8) []byte {
		told = append(told, fmt.Sprintf("%d KiB, %d passes, %d lanes, salt of %d", memoryKiB, passes, lanes, len(salt)))
		return argonKey(password, salt, passes, memoryKiB, lanes)
	}
	return func() []string {
		defer func() { told = nil }()
		return told
	}
}

// Fits takes a code of a confirmed factor, on a transaction or the pool.
func (r *Room) Fits(ctx context.Context, q querier, account int, code string) error {
	return r.fits(ctx, q, account, code, true)
}
