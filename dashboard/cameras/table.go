package cameras

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
	"gridwall/streams"
)

const states = `
SELECT id, state, reason_zh, reason_en, since, secret FROM camera
WHERE state <> 'unknown'`

// Table is the states of cameras as camera.state tells them; a camera of which nothing is known has no row.
func Table() live.Table {
	return live.Table{Topic: "cameras", Load: loadRows, Apply: applyRows}
}

func loadRows(ctx context.Context, tx pgx.Tx) (table []live.Row, err error) {
	rows, err := tx.Query(ctx, states)
	if err != nil {
		return nil, err
	}
	var c change
	var zh, en *string
	var secret bool
	_, err = pgx.ForEachRow(rows, []any{&c.ID, &c.State, &zh, &en, &c.Since, &secret}, func() error {
		c.Since, c.Reason = c.Since.UTC(), nil
		if zh != nil && en != nil {
			c.Reason = &Text{*zh, *en}
		}
		text, err := json.Marshal(c)
		table = append(table, live.Row{Key: c.ID, Needs: needs(secret), Data: text})
		return err
	})
	return table, err
}

func applyRows(e live.Event) (table []live.Row) {
	var told struct {
		Cameras []json.RawMessage `json:"cameras"`
	}
	if e.Type != "camera.state" || json.Unmarshal(e.Data, &told) != nil {
		return nil
	}
	for _, text := range told.Cameras {
		var c change
		if json.Unmarshal(text, &c) != nil || c.ID == "" {
			continue
		}
		row := live.Row{Key: c.ID, Grid: e.Grid, Needs: e.Needs, Data: text}
		if c.State == streams.Unknown {
			row.Data = nil
		}
		table = append(table, row)
	}
	return table
}
