package live

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// keysKept is how long a repeated report is known as such.
const keysKept = 90 * 24 * time.Hour

// Keeper lets go of what the policy does not keep: once an hour, on every node; the second finds nothing left.
type Keeper struct {
	Pool   *pgxpool.Pool
	Months int // whole months of the log that are kept beside the present one; 0: all
	Log    *slog.Logger
}

// Run keeps house until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := k.tidy(ctx, time.Now().UTC()); err != nil && ctx.Err() == nil {
			k.Log.Warn("retention not carried out, trying again in an hour", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (k *Keeper) tidy(ctx context.Context, now time.Time) error {
	if k.Months > 0 {
		dropped, err := Forget(ctx, k.Pool, time.Date(now.Year(), now.Month()-time.Month(k.Months), 1, 0, 0, 0, 0, time.UTC))
		if err != nil {
			return err
		}
		if len(dropped) > 0 {
			k.Log.Info("months of the log let go by policy", "partitions", dropped, "kept_months", k.Months)
		}
	}
	_, err := k.Pool.Exec(ctx, `DELETE FROM idempotency WHERE at < $1`, now.Add(-keysKept))
	return err
}
