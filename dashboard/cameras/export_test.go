package cameras

import (
	"context"
	"time"
)

// Pulled is the address that a camera is pulled from.
func Pulled(r *Room, id string) (string, error) {
	c, err := r.Get(id, true)
	if err != nil {
		return "", err
	}
	return string(c.stream.url), nil
}

// PulledSub is that of its sub-stream.
func PulledSub(r *Room, id string) string {
	c, err := r.Get(id, true)
	if err != nil {
		return err.Error()
	}
	return string(c.stream.sub)
}

// Keep makes days of old hours.
func Keep(r *Room, ctx context.Context, now time.Time) error { return r.keep(ctx, now) }
