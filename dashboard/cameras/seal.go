package cameras

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/cameras/seal"
)

// quietly keeps what a transaction does to seals out of the history of changes.
const quietly = `SELECT set_config('gridwall.sealing', 'on', true)`

// sealOpen seals what is not: rows from before there were seals, and those that a script has written.
func sealOpen(ctx context.Context, pool *pgxpool.Pool, keys *seal.Keyring) error {
	if keys == nil {
		return nil
	}
	const unsealed = `SELECT id, url, sub_url FROM camera WHERE sealed IS NULL AND (url <> '' OR sub_url <> '') ORDER BY id`
	rows, err := pool.Query(ctx, unsealed)
	if err != nil {
		return err
	}
	var batch pgx.Batch
	var id, url, sub string
	_, err = pgx.ForEachRow(rows, []any{&id, &url, &sub}, func() error {
		if open(url) || open(sub) {
			shown, shownSub, sealed, keyID := addresses{address(url), address(sub)}.shut(keys, id)
			// Only what was read is sealed: a change in between is sealed by whoever made it, or by the next Load.
			batch.Queue(`UPDATE camera SET url = $2, sub_url = $3, sealed = $4, key_id = $5 WHERE id = $1 AND url = $6 AND sub_url = $7 AND sealed IS NULL`, id, shown, shownSub, sealed, keyID, url, sub)
		}
		return nil
	})
	if err != nil || batch.Len() == 0 {
		return err
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, quietly); err != nil {
			return err
		}
		return tx.SendBatch(ctx, &batch).Close()
	})
}

const keptRows = `
SELECT c.id, (c.row).id, COALESCE((c.row).url, ''), COALESCE((c.row).sub_url, ''), (c.row).sealed, (c.row).key_id
FROM (SELECT id, before::camera AS row FROM import_change WHERE layer = 'camera' AND before IS NOT NULL) AS c`

const keepRow = `
UPDATE import_change
SET before = jsonb_populate_record(before::camera, jsonb_build_object('url', $2::text, 'sub_url', $3::text, 'sealed', $4::bytea::text, 'key_id', $5::text))::text
WHERE id = $1`

// sealKept seals what imports kept for their undoing: all of it anew where renew is set, else what lies open.
func sealKept(ctx context.Context, tx pgx.Tx, keys *seal.Keyring, renew bool) error {
	rows, err := tx.Query(ctx, keptRows)
	if err != nil {
		return err
	}
	var batch pgx.Batch
	var n int64
	var id, url, sub string
	var sealed []byte
	var keyID *string
	_, err = pgx.ForEachRow(rows, []any{&n, &id, &url, &sub, &sealed, &keyID}, func() error {
		if (sealed == nil || !renew) && !open(url) && !open(sub) {
			return nil
		}
		a, err := unshut(keys, id, url, sub, sealed, keyID)
		if err != nil {
			return fmt.Errorf("kept for undo: %w", err)
		}
		url, sub, sealed, keyID := a.shut(keys, id)
		batch.Queue(keepRow, n, url, sub, sealed, keyID)
		return nil
	})
	if err != nil || batch.Len() == 0 {
		return err
	}
	return tx.SendBatch(ctx, &batch).Close()
}

// Seal brings the registry under the keys at the start of a server: rows and what imports keep of them. Where the
// database has credentials of keys that are not here, it says so and changes nothing: *seal.ErrNoKey wrapped.
func Seal(ctx context.Context, pool *pgxpool.Pool, keys *seal.Keyring) error {
	if err := sealOpen(ctx, pool, keys); err != nil {
		return fmt.Errorf("seal credentials: %w", err)
	}
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return sealKept(ctx, tx, keys, false) })
	if err != nil {
		return fmt.Errorf("seal credentials: %w", err)
	}
	return nil
}

// SealedBy are the keys that credentials in the database are sealed with.
func SealedBy(ctx context.Context, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}) ([]string, error) {
	const ids = `SELECT DISTINCT key_id FROM camera WHERE key_id IS NOT NULL ORDER BY 1`
	rows, err := db.Query(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read the keys of cameras: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Reseal seals every camera with the first key and returns how many there were. All or none; no camera may be sealed
// with a key that is not here.
func Reseal(ctx context.Context, tx pgx.Tx, keys *seal.Keyring) (int, error) {
	if _, err := tx.Exec(ctx, quietly); err != nil {
		return 0, err
	}
	const sealedRows = `SELECT id, url, sub_url, sealed, key_id FROM camera WHERE sealed IS NOT NULL ORDER BY id FOR UPDATE`
	rows, err := tx.Query(ctx, sealedRows)
	if err != nil {
		return 0, err
	}
	var batch pgx.Batch
	var id, url, sub string
	var sealed []byte
	var keyID *string
	_, err = pgx.ForEachRow(rows, []any{&id, &url, &sub, &sealed, &keyID}, func() error {
		a, err := unshut(keys, id, url, sub, sealed, keyID)
		if err != nil {
			return err
		}
		_, _, sealed, keyID := a.shut(keys, id)
		batch.Queue(`UPDATE camera SET sealed = $2, key_id = $3 WHERE id = $1`, id, sealed, keyID)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("seal anew: %w", err)
	}
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return 0, fmt.Errorf("seal anew: %w", err)
	}
	return batch.Len(), sealKept(ctx, tx, keys, true)
}
