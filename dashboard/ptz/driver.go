package ptz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
	"gridwall/dashboard/audit"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/live"
)

const (
	// leaseEvery is how often a driver's row is renewed, lease how long it holds without.
	leaseEvery = 5 * time.Second
	lease      = "15 seconds"
)

const driverOf = `
SELECT session, username, name, since FROM ptz_driver
WHERE camera = $1 AND seen_at > now() - interval '` + lease + `'`

// Driver is who drives a camera; nil: nobody.
func (r *Room) Driver(ctx context.Context, id string) (*Driver, error) {
	return driver(ctx, r.Pool, id, "")
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func driver(ctx context.Context, q querier, id, lock string) (*Driver, error) {
	var d Driver
	err := q.QueryRow(ctx, driverOf+lock, id).Scan(&d.session, &d.Username, &d.Name, &d.Since)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("driver of %s: %w", id, err)
	}
	d.Since = d.Since.UTC()
	return &d, nil
}

const seat = `
INSERT INTO ptz_driver (camera, session, username, name, since, seen_at)
VALUES ($1, $2, $3, $4, $5, now())
ON CONFLICT (camera) DO UPDATE
SET session = EXCLUDED.session, username = EXCLUDED.username, name = EXCLUDED.name, since = EXCLUDED.since, seen_at = now()`

// take gives the head to a session. If somebody else drives, over must be set, or it returns a *BusyError.
func (r *Room) take(ctx context.Context, c *cameras.Camera, who access.Identity, session string, over bool) error {
	now := time.Now().UTC().Truncate(time.Microsecond)
	d := driven{ID: c.ID, Driver: &Driver{who.Username, who.Name, now, session}, Session: session, By: who.Name}
	already := false
	err := pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM camera WHERE id = $1 FOR UPDATE`, c.ID); err != nil { // one at a time, also for the first
			return err
		}
		before, err := driver(ctx, tx, c.ID, "")
		if err != nil {
			return err
		}
		act, from := "ptz.take", ""
		switch {
		case before != nil && before.session == session:
			already = true
			return nil
		case before != nil && !over:
			return &BusyError{*before}
		case before != nil:
			act, from = "ptz.take_over", before.Username
		}
		if _, err := tx.Exec(ctx, seat, c.ID, session, who.Username, who.Name, now); err != nil {
			return err
		}
		return r.record(ctx, tx, c, who, act, from, d)
	})
	if err != nil {
		return fmt.Errorf("take %s: %w", c.ID, err)
	}
	if !already {
		r.tell(d)
	}
	return nil
}

// record writes who did what, tells everyone who drives, and comes last in tx.
func (r *Room) record(ctx context.Context, tx pgx.Tx, c *cameras.Camera, who access.Identity, act, from string, d driven) error {
	e, err := audit.New(who, act, c.ID, map[string]string{"from": from}, time.Now())
	if err != nil {
		return err
	}
	if err := audit.Append(ctx, tx, time.Now(), e); err != nil {
		return err
	}
	_, err = live.Append(ctx, tx, live.Draft{Type: "camera.driver", At: time.Now(), Needs: needs(c), Data: d})
	return err
}

// release gives the head back if the session has it.
func (r *Room) release(ctx context.Context, c *cameras.Camera, who access.Identity, session string) error {
	d := driven{ID: c.ID, By: who.Name}
	had := false
	err := pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM ptz_driver WHERE camera = $1 AND session = $2`, c.ID, session)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		had = true
		return r.record(ctx, tx, c, who, "ptz.release", "", d)
	})
	if err != nil {
		return fmt.Errorf("release %s: %w", c.ID, err)
	}
	if had {
		r.tell(d)
	}
	return nil
}

// renew keeps a seat; false: somebody else has it by now.
func (r *Room) renew(ctx context.Context, id, session string) (bool, error) {
	tag, err := r.Pool.Exec(ctx, `UPDATE ptz_driver SET seen_at = now() WHERE camera = $1 AND session = $2`, id, session)
	if err != nil {
		return true, fmt.Errorf("renew the seat at %s: %w", id, err)
	}
	return tag.RowsAffected() > 0, nil
}
