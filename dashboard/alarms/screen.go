package alarms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Heartbeat is what a screen of a wall says of itself every five seconds.
type Heartbeat struct {
	FPS *float64 `json:"fps"` // frames a second that the page painted
	// Report is what else it says: what it shows, how old its pictures are, what cannot be read on it. At most 16 KiB.
	Report json.RawMessage `json:"report"`
}

const beat = `
INSERT INTO wall_screen (wall, screen, seen_at, fps, report) VALUES ($1, $2, now(), $3, COALESCE($4::jsonb, '{}'))
ON CONFLICT (wall, screen) DO UPDATE SET seen_at = now(), fps = EXCLUDED.fps, report = EXCLUDED.report`

// Heard notes the heartbeat of a screen. ErrNotFound if there is no such wall, *InvalidError for a name that cannot be.
func (r *Room) Heard(ctx context.Context, wall, screen string, h Heartbeat) error {
	var report *string
	if text := string(h.Report); text != "" {
		report = &text
	}
	_, err := r.Pool.Exec(ctx, beat, wall, screen, h.FPS, report)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.ConstraintName == "wall_screen_wall_fkey":
		return ErrNotFound
	case errors.As(err, &pg) && pg.ConstraintName == "wall_screen_screen_check":
		return invalid("screen_invalid", "屏号应为 1 至 64 个小写字母、数字或横线", "a screen's name has 1 to 64 small letters, digits or hyphens")
	case err != nil:
		return fmt.Errorf("heartbeat of %s/%s: %w", wall, screen, err)
	}
	return nil
}
