package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/paulmach/orb"

	"gridwall/dashboard/access"
	"gridwall/dashboard/catalogue"
	"gridwall/dashboard/live"
	"gridwall/geo/grid"
)

// ErrKeyReused says that an Idempotency-Key came with another request before.
var ErrKeyReused = errors.New("cases: this Idempotency-Key was used for another report")

// change is the data of case.reported and case.moved.
type change struct {
	Case *Case   `json:"case"`
	Move madeNow `json:"move"`
}

type madeNow struct {
	Move string    `json:"move"`
	From *string   `json:"from"`
	To   string    `json:"to"`
	By   By        `json:"by"`
	At   time.Time `json:"at"`
	Note *string   `json:"note"`
}

const insertCase = `
INSERT INTO case_file (number, flow, flow_edition, state, priority, class, class_edition, condition, title, description, address, geom, grid, camera, reporter, reported_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, NULLIF($8, ''), $9, $10, $11, ST_SetSRID(ST_MakePoint($12, $13), 4326), $14, NULLIF($15, ''), $16, $17, $17)
RETURNING id`

const insertMove = `
INSERT INTO case_move (case_id, n, move, from_state, to_state, at, account, role, note, department, rating)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULLIF($9, ''), NULLIF($10, ''), $11)`

const insertClock = `
INSERT INTO case_clock (case_id, stage, n, unit, limit_s, started_at, warn_at, due_at)
VALUES ($1, $2, 1 + (SELECT count(*) FROM case_clock WHERE case_id = $1 AND stage = $2), $3, $4, $5, $6, $7)`

const insertKey = `INSERT INTO idempotency (account, key, sum, case_id, seq, at) VALUES ($1, $2, $3, $4, $5, $6)`

// Report opens a case and returns it with the number of its event. A report that repeats a key gives the first one's case.
//
// Errors: *InvalidError for what the request lacks, *RefusedError for a role that does not report, ErrKeyReused.
func (r *Room) Report(ctx context.Context, who access.Identity, in Report) (*Case, int64, error) {
	if in.Key != "" {
		if c, seq, err := r.byKey(ctx, who, in); c != nil || err != nil {
			return c, seq, err
		}
	}
	flow, c, err := r.check(who, in)
	if err != nil {
		return nil, 0, err
	}
	pictures, err := prepare(in.Photos)
	if err != nil {
		return nil, 0, err
	}
	now := r.clock.Now()
	c.State, c.ReportedAt, c.UpdatedAt, c.open, c.Version = flow.Start.To, now, now, true, 1

	var seq int64
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		code := ""
		if c.Grid != nil {
			code = *c.Grid
		}
		if c.Number, err = r.number(ctx, tx, code); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, insertCase, c.Number, c.Flow, c.FlowEdition, c.State, c.Priority, c.Class, c.classEdition, in.Condition, c.Title, c.Description,
			c.Address, c.Location.Lon, c.Location.Lat, c.Grid, in.Camera, in.Reporter, now).Scan(&c.ID); err != nil {
			return err
		}
		var work pgx.Batch
		work.Queue(insertMove, c.ID, 1, flow.Start.Move, nil, c.State, now, who.Account, who.Role, "", "", nil)
		r.startClocks(&work, flow, c, "", now)
		if err := r.storePhotos(ctx, tx, &work, c, 1, who, pictures, now); err != nil {
			return err
		}
		if err := tx.SendBatch(ctx, &work).Close(); err != nil {
			return err
		}
		r.decorate(c)
		seq, err = live.Append(ctx, tx, live.Draft{Type: "case.reported", At: now, Grid: code, Data: change{c, madeNow{flow.Start.Move, nil, c.State, By{who.Name, who.Role}, now, nil}}})
		if err != nil || in.Key == "" {
			return err
		}
		_, err = tx.Exec(ctx, insertKey, who.Account, in.Key, in.Sum[:], c.ID, seq, now)
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.ConstraintName == "idempotency_pkey" {
		c, seq, err = r.byKey(ctx, who, in) // the same report was stored a moment before
	}
	if err != nil {
		return nil, 0, fmt.Errorf("report: %w", err)
	}
	return c, seq, nil
}

// byKey finds the case of an earlier report with the same key; nil if there is none.
func (r *Room) byKey(ctx context.Context, who access.Identity, in Report) (*Case, int64, error) {
	const find = `SELECT sum, case_id, seq FROM idempotency WHERE account = $1 AND key = $2`
	var sum []byte
	var id, seq int64
	err := r.pool.QueryRow(ctx, find, who.Account, in.Key).Scan(&sum, &id, &seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if !slices.Equal(sum, in.Sum[:]) {
		return nil, 0, ErrKeyReused
	}
	c, err := r.get(ctx, r.pool, id, "")
	return c, seq, err
}

// check makes a case of a report, or says what the report lacks.
func (r *Room) check(who access.Identity, in Report) (*Flow, *Case, error) {
	flow := r.flows[in.Flow]
	if flow == nil {
		return nil, nil, invalid("unknown_flow", fmt.Sprintf("没有流程“%s”", in.Flow), fmt.Sprintf("there is no flow %q", in.Flow))
	}
	if who.Role != access.Admin && !slices.Contains(flow.Start.Who, who.Role) {
		return nil, nil, &RefusedError{flow.Start.Move, Text{
			fmt.Sprintf("%s由%s办理", flow.Start.Name.ZH, roles(flow.Start.Who, zh)),
			fmt.Sprintf("“%s” is for: %s", flow.Start.Name.EN, roles(flow.Start.Who, en))}, true}
	}
	c := &Case{Flow: flow.Flow, FlowEdition: flow.Edition, Priority: in.Priority, Title: strings.TrimSpace(in.Title), Description: strings.TrimSpace(in.Description),
		Address: strings.TrimSpace(in.Address), Photos: []Photo{}, Clocks: []Clock{}}
	if c.Title == "" {
		return nil, nil, invalid("title_missing", "请填写标题", "give the case a title")
	}
	if len([]rune(c.Title)) > 200 || len([]rune(c.Description)) > 10_000 || len([]rune(c.Address)) > 500 {
		return nil, nil, invalid("text_too_long", "标题不超过 200 字，地址不超过 500 字，描述不超过 10000 字", "at most 200 characters of title, 500 of address, 10,000 of description")
	}
	if strings.ContainsRune(c.Title+c.Description+c.Address+in.Condition+in.Camera, 0) {
		return nil, nil, invalid("text_invalid", "文字中含有空字符", "the text holds a NUL character")
	}
	if in.Class != "" {
		class, ok := r.catalogue.Class(in.Class)
		if !ok {
			return nil, nil, invalid("unknown_class", fmt.Sprintf("目录中没有类别 %s", in.Class), fmt.Sprintf("the catalogue has no class %q", in.Class))
		}
		edition := catalogue.Edition
		c.Class, c.classEdition = &class.Code, &edition
		if c.Priority == "" {
			c.Priority = Priority(class.Priority)
		}
	}
	if c.Priority == "" {
		c.Priority = Normal
	}
	if !slices.Contains(Priorities, c.Priority) {
		return nil, nil, invalid("unknown_priority", "优先级应为 critical、urgent、normal 或 advice", "priority is critical, urgent, normal or advice")
	}
	if in.Location == nil {
		return nil, nil, invalid("location_missing", "请给出位置 location {lon, lat}", "give the location {lon, lat}")
	}
	c.Location = *in.Location
	if in.Condition != "" {
		c.Condition = &in.Condition
	}
	if in.Camera != "" {
		c.Camera = &in.Camera
	}
	if c.Location.Lon < -180 || c.Location.Lon > 180 || c.Location.Lat < -90 || c.Location.Lat > 90 {
		return nil, nil, invalid("location_invalid", "经度在前，纬度在后，单位为度", "the location is not in degrees, longitude first")
	}
	path, err := r.places.Locate(orb.Point{c.Location.Lon, c.Location.Lat})
	if errors.Is(err, grid.ErrOutside) {
		return nil, nil, invalid("outside_grids", "位置不在任何网格内", "the location lies outside every grid")
	}
	if err != nil {
		return nil, nil, err
	}
	code := path.Cell().Code
	c.Grid = &code
	return flow, c, nil
}

// startClocks sets those clocks going that run in the case's state and did not run in the state before.
func (r *Room) startClocks(work *pgx.Batch, flow *Flow, c *Case, before string, now time.Time) {
	for _, k := range flow.clocks {
		if !slices.Contains(k.in, c.State) || slices.Contains(k.in, before) {
			continue
		}
		limit := k.limits[c.Priority]
		clock := r.calendar.Start(k.stage, limit, now)
		work.Queue(insertClock, c.ID, k.stage, limit.Unit, int(r.calendar.Length(limit)/time.Second), now, clock.WarnAt, clock.DueAt)
		c.Clocks = append(c.Clocks, clock)
	}
	slices.SortFunc(c.Clocks, func(a, b Clock) int { return a.DueAt.Compare(b.DueAt) })
}

const stopClock = `
UPDATE case_clock SET ended_at = $3, ended_by = $4, used_s = $5, late_s = $6
WHERE case_id = $1 AND stage = $2 AND ended_at IS NULL`

// stopClocks stops those that do not run in the case's new state, which move n led to. It returns the light of the total clock, if that stopped.
func (r *Room) stopClocks(work *pgx.Batch, flow *Flow, c *Case, n int, now time.Time) (total *Light) {
	running := c.Clocks[:0]
	for _, k := range c.Clocks {
		i := slices.IndexFunc(flow.clocks, func(f flowClock) bool { return f.stage == k.Stage })
		if i < 0 || slices.Contains(flow.clocks[i].in, c.State) {
			running = append(running, k)
			continue
		}
		unit := flow.clocks[i].limits[c.Priority].Unit
		used, late := r.calendar.Used(unit, k.StartedAt, now), r.calendar.Used(unit, k.DueAt, now)
		work.Queue(stopClock, c.ID, k.Stage, now, n, int(used/time.Second), int(late/time.Second))
		if k.Stage == "total" {
			light := finalLight(k.WarnAt, k.DueAt, now)
			total = &light
		}
	}
	c.Clocks = running
	return total
}

const updateCase = `
UPDATE case_file
SET state = $2, department = $3, rating = $4, returns = $5, light = $6, open = $7, closed_at = $8, updated_at = $9, version = version + 1
WHERE id = $1`

// Move makes one move of the case and returns the case after it with the number of its event.
//
// Errors: ErrNotFound, *RefusedError where the flow does not permit it, *InvalidError where it lacks what the move needs.
func (r *Room) Move(ctx context.Context, id int64, who access.Identity, act Act) (*Full, int64, error) {
	pictures, err := prepare(act.Photos)
	if err != nil {
		return nil, 0, err
	}
	var c *Case
	var seq int64
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if c, err = r.get(ctx, tx, id, " FOR UPDATE OF c"); err != nil {
			return err
		}
		flow := r.flows[c.Flow]
		past, err := history(ctx, tx, id)
		if err != nil {
			return err
		}
		move, ok := flow.find(act.Move)
		if !ok {
			return invalid("unknown_move", fmt.Sprintf("流程中没有“%s”这一步", act.Move), fmt.Sprintf("the flow has no move %q", act.Move))
		}
		if refused := flow.permit(move, c, past, who); refused != nil {
			return refused
		}
		if err := lacks(flow, move, act); err != nil {
			return err
		}
		seq, err = r.apply(ctx, tx, flow, move, c, len(past)+1, who, act, pictures)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("case %d, %s: %w", id, act.Move, err)
	}
	full, err := r.full(ctx, c, who)
	return full, seq, err
}

// lacks says what the move needs and the act does not bring.
func lacks(flow *Flow, m Move, act Act) error {
	switch {
	case m.Needs.Note && strings.TrimSpace(act.Note) == "":
		return invalid("note_missing", fmt.Sprintf("%s需要填写原因", m.Name.ZH), fmt.Sprintf("“%s” needs a reason in note", m.Name.EN))
	case m.Needs.Department && act.Department == "":
		return invalid("department_missing", fmt.Sprintf("%s需要选择部门", m.Name.ZH), fmt.Sprintf("“%s” needs a department", m.Name.EN))
	case m.Needs.Photo != nil && !slices.ContainsFunc(act.Photos, func(p NewPhoto) bool { return p.Kind == *m.Needs.Photo }):
		return invalid("photo_missing", fmt.Sprintf("%s需要%s", m.Name.ZH, photoKinds[*m.Needs.Photo].ZH), fmt.Sprintf("“%s” needs a photo of kind %s", m.Name.EN, *m.Needs.Photo))
	case m.Needs.Rating && (act.Rating == nil || !slices.ContainsFunc(flow.Ratings, func(r Rating) bool { return r.Value == *act.Rating })):
		return invalid("rating_missing", "请给出评价（0 至 3 星）", "give a rating of 0 to 3 stars")
	case len([]rune(act.Note)) > 2000:
		return invalid("text_too_long", "说明不超过 2000 字", "at most 2,000 characters of note")
	case strings.ContainsRune(act.Note, 0):
		return invalid("text_invalid", "文字中含有空字符", "the text holds a NUL character")
	}
	return nil
}

// apply changes case and clocks, and appends the event last.
func (r *Room) apply(ctx context.Context, tx pgx.Tx, flow *Flow, m Move, c *Case, n int, who access.Identity, act Act, pictures []picture) (int64, error) {
	now := r.clock.Now()
	before := c.State
	c.State, c.UpdatedAt, c.Version = m.To, now, c.Version+1
	if !m.Needs.Department {
		act.Department = ""
	} else if err := tx.QueryRow(ctx, `SELECT code, name FROM department WHERE code = $1`, act.Department).Scan(&c.Department, &c.DepartmentName); errors.Is(err, pgx.ErrNoRows) {
		return 0, invalid("unknown_department", fmt.Sprintf("没有部门 %s", act.Department), fmt.Sprintf("there is no department %q", act.Department))
	} else if err != nil {
		return 0, err
	}
	if m.Move == "return" {
		c.Returns++
		c.Department, c.DepartmentName = nil, nil
	}
	if m.Needs.Rating {
		c.Rating = act.Rating
	} else {
		act.Rating = nil
	}
	var work pgx.Batch
	if light := r.stopClocks(&work, flow, c, n, now); light != nil {
		c.frozen = light
	}
	r.startClocks(&work, flow, c, before, now)
	if flow.state[c.State].Final && c.open {
		c.open, c.ClosedAt = false, &now
	}
	work.Queue(updateCase, c.ID, c.State, c.Department, c.Rating, c.Returns, c.frozen, c.open, c.ClosedAt, now)
	work.Queue(insertMove, c.ID, n, m.Move, before, c.State, now, who.Account, who.Role, strings.TrimSpace(act.Note), act.Department, act.Rating)
	if err := r.storePhotos(ctx, tx, &work, c, n, who, pictures, now); err != nil {
		return 0, err
	}
	if err := tx.SendBatch(ctx, &work).Close(); err != nil {
		return 0, err
	}
	r.decorate(c)
	var note *string
	if text := strings.TrimSpace(act.Note); text != "" {
		note = &text
	}
	return live.Append(ctx, tx, live.Draft{Type: "case.moved", At: now, Data: change{c, madeNow{m.Move, &before, c.State, By{who.Name, who.Role}, now, note}}})
}
