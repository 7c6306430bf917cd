package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/cameras"
	"gridwall/dashboard/live"
	"gridwall/geo"
	"gridwall/geo/importer"
)

// layers that an import can change, and the columns that undoing gives back; a camera's state stays as it is now.
var undoable = []struct{ table, key, columns string }{
	{"grid", "code", "parent, level, kind, name, households, geom, label"},
	{"building", "id", "code, name, address, kind, floors, units, households, grid, geom, footprint"},
	{"camera", "id", "name, url, grid, geom, bearing_deg, angle_deg, range_m, height_m, ptz, indoor, secret, purpose, pinned, switch, sub_url, sealed, key_id, enabled, group_name, upstream, owner, maker, model, address, civil_code, ptz_type, position_type, use_type, light_type, sign"},
	{"backdrop", "id", "kind, class, name, geom"},
}

// casesInTheWay says that cases lie in cells that would go.
type casesInTheWay struct{ cases int }

func (e *casesInTheWay) Error() string {
	return fmt.Sprintf("%d cases lie in grids of this import: nothing was undone; import corrected grids with the same codes instead (有案卷落在该批网格内, 未撤销: 请以相同编码重新导入)", e.cases)
}

// undo takes the last import back: rows that it added go, rows that it changed become what they were. Called again it
// takes back the one before. It returns importer.ErrNothing, or *casesInTheWay.
func undo(ctx context.Context, pool *pgxpool.Pool, dryRun bool) (past importer.Past, rows int64, err error) {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return past, 0, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if past, err = importer.Last(ctx, tx); err != nil {
		return past, 0, err
	}
	const inTheWay = `
SELECT count(*) FROM case_file
WHERE grid IN (SELECT key FROM import_change WHERE import = $1 AND layer = 'grid' AND before IS NULL)`
	var n int
	if err := tx.QueryRow(ctx, inTheWay, past.ID).Scan(&n); err != nil {
		return past, 0, err
	}
	if n > 0 {
		return past, 0, &casesInTheWay{n}
	}
	if err := (cameras.Act{How: "undo"}).Sign(ctx, tx); err != nil {
		return past, 0, err
	}
	// Of several changes to a row the first knows what stood before.
	const changes = `(SELECT DISTINCT ON (key) key, before FROM import_change WHERE import = $1 AND layer = '%s' ORDER BY key, id) AS c`
	var touched []string
	for _, l := range undoable {
		from := fmt.Sprintf(changes, l.table)
		done, err := tx.Exec(ctx, fmt.Sprintf(`
UPDATE %[1]s AS t
SET (%[3]s) = (SELECT %[4]s FROM (SELECT (old.before::%[1]s).*) AS r)
FROM (SELECT key, before FROM %[5]s WHERE before IS NOT NULL) AS old
WHERE t.%[2]s::text = old.key`, l.table, l.key, l.columns, "r."+strings.ReplaceAll(l.columns, ", ", ", r."), from), past.ID)
		if err != nil {
			return past, 0, fmt.Errorf("undo import %d: %w", past.ID, err)
		}
		if done.RowsAffected() > 0 {
			touched = append(touched, l.table)
		}
		rows += done.RowsAffected()
	}
	for i := len(undoable) - 1; i >= 0; i-- { // grids last: the others point to them
		l := undoable[i]
		done, err := tx.Exec(ctx, fmt.Sprintf(`DELETE FROM %s AS t USING %s WHERE t.%s::text = c.key AND c.before IS NULL`, l.table, fmt.Sprintf(changes, l.table), l.key), past.ID)
		if err != nil {
			return past, 0, fmt.Errorf("undo import %d: %w", past.ID, err)
		}
		if done.RowsAffected() > 0 {
			touched = append(touched, l.table)
		}
		rows += done.RowsAffected()
	}
	if _, err := tx.Exec(ctx, `UPDATE import SET undone_at = now() WHERE id = $1`, past.ID); err != nil {
		return past, 0, err
	}
	if dryRun {
		return past, rows, nil
	}
	change, err := geo.Changed(ctx, tx)
	if err != nil {
		return past, 0, err
	}
	for i, layer := range touched {
		if strings.Contains(strings.Join(touched[:i], " "), layer) {
			continue
		}
		if _, err := live.Append(ctx, tx, live.Draft{Type: layer + ".changed", At: time.Now(), Data: change.Event()}); err != nil {
			return past, 0, err
		}
	}
	return past, rows, tx.Commit(ctx)
}

func undoImport(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("import", "import undo [flags]\n\nTakes the last import back, and the one before when called again; as many as 10.")
	dryRun := flags.Bool("dry-run", false, "say what would be undone, change nothing")
	lang := flags.String("lang", env("LANG", "en"), "language: zh or en")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	pool, stop, err := reach(ctx, s, newLog())
	if err != nil {
		return err
	}
	past, rows, err := undo(ctx, pool, *dryRun)
	if err == nil {
		words := importer.Text{Zh: "已撤销: %s %s (%s), 涉及 %d 行\n", En: "undone: %s %s of %s, %d rows\n"}
		if *dryRun {
			words = importer.Text{Zh: "试运行, 将撤销: %s %s (%s), 涉及 %d 行\n", En: "dry run, would undo: %s %s of %s, %d rows\n"}
		}
		fmt.Printf(words.In(*lang), past.Kind, past.File, past.At.Local().Format("2006-01-02 15:04"), rows)
	}
	return errors.Join(err, stop())
}
