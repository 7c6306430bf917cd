package alarms

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
)

// floodKey is the row of the flood among those of alarms, whose keys are numbers.
const floodKey = "flood"

// Table is what stands: the alarms, and the flood if there is one.
func (r *Room) Table() live.Table {
	return live.Table{Topic: "alarms", Load: r.loadRows, Apply: applyRows}
}

func (r *Room) loadRows(ctx context.Context, tx pgx.Tx) ([]live.Row, error) {
	alarms, err := r.query(ctx, tx, columns+` WHERE a.ended_at IS NULL ORDER BY a.id`)
	if err != nil {
		return nil, err
	}
	var rows []live.Row
	for _, a := range alarms {
		text, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		rows = append(rows, live.Row{Key: strconv.FormatInt(a.ID, 10), Grid: deref(a.Grid), Data: text})
	}
	flood, err := floodOf(ctx, tx)
	if err != nil || flood == nil {
		return rows, err
	}
	text, err := json.Marshal(flood)
	return append(rows, live.Row{Key: floodKey, Data: text}), err
}

func applyRows(e live.Event) []live.Row {
	switch e.Type {
	case "alarm.changed":
		var told struct{ Alarm json.RawMessage }
		var a struct {
			ID      int64
			EndedAt *time.Time `json:"ended_at"`
		}
		if json.Unmarshal(e.Data, &told) != nil || json.Unmarshal(told.Alarm, &a) != nil {
			return nil
		}
		row := live.Row{Key: strconv.FormatInt(a.ID, 10), Grid: e.Grid, Needs: e.Needs, Data: told.Alarm}
		if a.EndedAt != nil {
			row.Data = nil
		}
		return []live.Row{row}
	case "alarm.flood":
		var told struct{ Flood json.RawMessage }
		if json.Unmarshal(e.Data, &told) != nil {
			return nil
		}
		if string(told.Flood) == "null" {
			told.Flood = nil
		}
		return []live.Row{{Key: floodKey, Data: told.Flood}}
	}
	return nil
}
