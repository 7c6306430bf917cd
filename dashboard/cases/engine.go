package cases

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// lookEvery is how often the engine asks whether it has to make a move by itself.
const lookEvery = time.Second

// Cases in a state that the engine may lead on, whose time has come: a clock is overdue, a suspension has ended, or all parts are closed.
const ripe = `
SELECT c.id, c.flow, c.flow_edition, c.state, COALESCE(c.suspended_until <= $1, false),
       EXISTS (SELECT FROM case_file AS s WHERE s.parent = c.id) AND NOT EXISTS (SELECT FROM case_file AS s WHERE s.parent = c.id AND s.open),
       ARRAY(SELECT k.stage FROM case_clock AS k WHERE k.case_id = c.id AND k.ended_at IS NULL AND k.paused_at IS NULL AND k.due_at <= $1)
FROM case_file AS c
WHERE c.open AND c.state = ANY($2)`

// Run makes the moves that flows leave to the engine, until ctx ends. Every node does; a second one is refused by the flow.
func (r *Room) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := r.makeDue(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			log.Error("moves of the engine not made", "error", err)
		}
		failing = err != nil
	}
}

// makeDue makes every move whose time has come once.
func (r *Room) makeDue(ctx context.Context) error {
	type found struct {
		id            int64
		flow          string
		edition       int
		state         string
		ended, closed bool
		overdue       []string
	}
	set := r.flows.Load()
	rows, err := r.pool.Query(ctx, ripe, r.clock.Now(), set.autos)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c found, err error) {
		err = row.Scan(&c.id, &c.flow, &c.edition, &c.state, &c.ended, &c.closed, &c.overdue)
		return c, err
	})
	if err != nil {
		return err
	}
	for _, c := range list {
		flow := set.editions[c.flow][c.edition]
		if flow == nil {
			continue
		}
		for _, m := range flow.Moves {
			stage, late := strings.CutPrefix(m.Auto, "overdue ")
			now := m.Auto == "until" && c.ended || m.Auto == "subcases closed" && c.closed || late && slices.Contains(c.overdue, stage)
			if !now || !slices.Contains(m.From, c.state) {
				continue
			}
			if err := r.moveDue(ctx, c.id, m.Move); err != nil {
				return err
			}
			break
		}
	}
	return r.standInDue(ctx)
}

// moveDue makes a move of the engine; where the flow refuses it another was first.
func (r *Room) moveDue(ctx context.Context, id int64, move string) error {
	_, _, err := r.Move(ctx, id, System, Act{Move: move})
	var refused *RefusedError
	if errors.As(err, &refused) {
		return nil
	}
	return err
}
