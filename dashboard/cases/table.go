package cases

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/tidwall/gjson"

	"gridwall/dashboard/live"
)

const openCases = `
SELECT` + columns + from + `
WHERE c.open AND c.id > $1
ORDER BY c.id
LIMIT 1000`

// Table is the open cases as the log tells them: what a client has that has followed every event.
func (r *Room) Table() live.Table {
	return live.Table{Topic: "cases", Load: r.loadRows, Apply: applyRows, Lines: linesOf}
}

func (r *Room) loadRows(ctx context.Context, tx pgx.Tx) (table []live.Row, err error) {
	for last := int64(0); ; {
		rows, err := tx.Query(ctx, openCases, last)
		if err != nil {
			return nil, err
		}
		cases, err := pgx.CollectRows(rows, scan)
		if err != nil {
			return nil, err
		}
		if len(cases) == 0 {
			return table, nil
		}
		if err := r.complete(ctx, tx, cases); err != nil {
			return nil, err
		}
		for _, c := range cases {
			row, err := c.row()
			if err != nil {
				return nil, err
			}
			table = append(table, row)
			last = c.ID
		}
	}
}

// row is the case as an event tells it: with its light only if that is frozen, since the light of running clocks is a
// matter of when one looks.
func (c *Case) row() (live.Row, error) {
	told := *c
	told.Light = ""
	if c.frozen != nil {
		told.Light = *c.frozen
	}
	text, err := json.Marshal(&told)
	row := live.Row{Key: strconv.FormatInt(c.ID, 10), Lines: shownTo(told.Lines), Data: text}
	if c.Grid != nil {
		row.Grid = *c.Grid
	}
	return row, err
}

// shownTo are lines in the log's way: nil is everybody, and none is who sees all lines.
func shownTo(lines []string) []string {
	if slices.Contains(lines, EveryLine) {
		return nil
	}
	return append([]string{}, lines...)
}

// linesOf are the lines of an event that tells of a case. Events of before there were lines tell its department.
func linesOf(e live.Event) []string {
	told := gjson.GetManyBytes(e.Data, "case.lines", "case.department")
	return shownTo(append(words(told[0]), told[1].String()))
}

func words(list gjson.Result) (words []string) {
	for _, word := range list.Array() {
		words = append(words, word.String())
	}
	return words
}

// applyRows takes the case out of case.reported, case.moved and whatever else carries one. The log holds what encoding/json
// wrote: it is cut, not read again, as this is done for each event under the hub's lock.
func applyRows(e live.Event) []live.Row {
	told := gjson.GetBytes(e.Data, "case")
	if !told.IsObject() {
		return nil
	}
	fields := gjson.GetMany(told.Raw, "id", "closed_at", "lines")
	if fields[0].Int() == 0 {
		return nil
	}
	row := live.Row{Key: fields[0].Raw, Grid: e.Grid, Needs: e.Needs, Lines: shownTo(words(fields[2])), Data: json.RawMessage(told.Raw)}
	if fields[1].Type == gjson.String {
		row.Data = nil
	}
	return []live.Row{row}
}
