package live

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Table is the state that a topic's events add up to: what a client loads that cannot go on from its number.
//
// It is loaded once, with the number of the log that it stands for, and follows the events from there in memory: what Apply
// makes of an event must be, byte for byte, what Load would find after it.
type Table struct {
	Topic string
	Load  func(ctx context.Context, tx pgx.Tx) ([]Row, error)
	Apply func(e Event) []Row
	// Lines are the lines of an event of the topic, as of the rows that Apply makes of it; nil: the topic has none.
	Lines func(e Event) []string
}

// Row is one thing of a table. Grid and Needs say whom it is told, as those of an event do.
type Row struct {
	Key   string
	Grid  string
	Needs string
	Lines []string        // who is of one line is told if it is one of these; nil: everyone is
	Data  json.RawMessage // nil: it is gone
}

// board is a table as it stands at the hub's head.
type board struct {
	table Table
	rows  map[string]Row
}

func load(ctx context.Context, tx pgx.Tx, t Table) (*board, error) {
	rows, err := t.Load(ctx, tx)
	if err != nil {
		return nil, fmt.Errorf("load table %s: %w", t.Topic, err)
	}
	b := &board{t, make(map[string]Row, len(rows))}
	b.put(rows)
	return b, nil
}

func (b *board) put(rows []Row) {
	for _, r := range rows {
		if r.Data == nil {
			delete(b.rows, r.Key)
		} else {
			b.rows[r.Key] = r
		}
	}
}

// of are the rows that an audience is told, in no order.
func (b *board) of(a *audience) []Row {
	var rows []Row
	for _, r := range b.rows {
		if a.admits(b.table.Topic, r.Grid, r.Needs) && a.follows(r.Lines) {
			rows = append(rows, r)
		}
	}
	return rows
}

// lines are those of an event; nil: all.
func (h *Hub) lines(e Event) []string {
	topic := e.Topic()
	for _, b := range h.boards {
		if b.table.Topic == topic && b.table.Lines != nil {
			return b.table.Lines(e)
		}
	}
	return nil
}

// snapshot is the text of a table's rows at number seq, by key: the same on every node.
func snapshot(topic string, seq int64, rows []Row) []byte {
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Key, b.Key) })
	var text bytes.Buffer
	fmt.Fprintf(&text, `{"type":"snapshot","seq":%d,"topic":%q,"rows":[`, seq, topic)
	for i, r := range rows {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(`{"key":`)
		text.Write(quote(r.Key))
		text.WriteString(`,"row":`)
		text.Write(r.Data)
		text.WriteByte('}')
	}
	text.WriteString(`]}`)
	return text.Bytes()
}
