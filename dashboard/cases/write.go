package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gridwall/dashboard/access"
	"gridwall/dashboard/catalogue"
	"gridwall/geo/grid"
)

// ErrKeyReused says that an Idempotency-Key came with another request before.
var ErrKeyReused = errors.New("cases: this Idempotency-Key was used for another report")

// Report opens a case and returns it with the number of its event. A report that repeats a key gives the first one's case.
//
// Errors: *InvalidError for what the request lacks, *RefusedError for a role that does not report, ErrKeyReused,
// live.ErrBusy, live.ErrUnknown.
func (r *Room) Report(ctx context.Context, who access.Identity, in Report) (*Case, int64, error) {
	if err := r.writer.Admit(fromField(who)); err != nil {
		return nil, 0, err
	}
	ask, err := r.check(who, in)
	if err != nil {
		if in.Key != "" { // what was taken once is taken, whatever the rules have become
			if c, seq, err := r.byKey(ctx, who, in); c != nil || err != nil {
				return c, seq, err
			}
		}
		return nil, 0, err
	}
	if ask.pictures, err = r.keep(ctx, who, in.Photos); err != nil {
		return nil, 0, err
	}
	entry, err := r.writer.Submit(ctx, &r.reports, ask, fromField(who))
	if err != nil || ask.repeats != 0 {
		r.drop(ctx, ask.pictures)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("report: %w", err)
	}
	if ask.repeats != 0 {
		c, err := r.get(ctx, r.pool, ask.repeats)
		return c, entry.Seq, err
	}
	r.decorate(ask.c)
	return ask.c, entry.Seq, nil
}

// fromField says whether the report or move comes from the street: it is the last to be refused.
func fromField(who access.Identity) bool {
	return who.Role == access.Officer || who.Role == access.Specialist || who.Role == access.Resident
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
	c, err := r.get(ctx, r.pool, id)
	return c, seq, err
}

// check makes a case of a report, or says what the report lacks.
func (r *Room) check(who access.Identity, in Report) (*reporting, error) {
	flow := r.flows.Load().newest[in.Flow]
	if flow == nil {
		return nil, invalid("unknown_flow", fmt.Sprintf("没有流程“%s”", in.Flow), fmt.Sprintf("there is no flow %q", in.Flow))
	}
	if who.Role != access.Admin && !slices.Contains(flow.Start.Who, who.Role) {
		return nil, &RefusedError{flow.Start.Move, Text{
			fmt.Sprintf("%s由%s办理", flow.Start.Name.ZH, roles(flow.Start.Who, zh)),
			fmt.Sprintf("“%s” is for: %s", flow.Start.Name.EN, roles(flow.Start.Who, en))}, true}
	}
	c := &Case{Flow: flow.Flow, FlowEdition: flow.Edition, Priority: in.Priority, Title: strings.TrimSpace(in.Title), Description: strings.TrimSpace(in.Description),
		Address: strings.TrimSpace(in.Address), Photos: []Photo{}, Clocks: []Clock{}}
	if c.Title == "" {
		return nil, invalid("title_missing", "请填写标题", "give the case a title")
	}
	if len([]rune(c.Title)) > 200 || len([]rune(c.Description)) > 10_000 || len([]rune(c.Address)) > 500 {
		return nil, invalid("text_too_long", "标题不超过 200 字，地址不超过 500 字，描述不超过 10000 字", "at most 200 characters of title, 500 of address, 10,000 of description")
	}
	if strings.ContainsRune(c.Title+c.Description+c.Address+in.Condition+in.Camera, 0) {
		return nil, invalid("text_invalid", "文字中含有空字符", "the text holds a NUL character")
	}
	if in.Class != "" {
		class, ok := r.catalogue.Class(catalogue.Edition, in.Class)
		if !ok {
			return nil, invalid("unknown_class", fmt.Sprintf("目录中没有类别 %s", in.Class), fmt.Sprintf("the catalogue has no class %q", in.Class))
		}
		edition := catalogue.Edition
		c.Class, c.ClassEdition = &class.Code, &edition
		if c.Priority == "" {
			c.Priority = Priority(class.Priority)
		}
		if _, known := class.Condition(in.Condition); in.Condition != "" && len(class.Conditions) > 0 && !known {
			names := make([]string, len(class.Conditions))
			for i, k := range class.Conditions {
				names[i] = k.Condition
			}
			return nil, invalid("unknown_condition", fmt.Sprintf("类别 %s 的立案条件应为 %s", in.Class, strings.Join(names, "、")), fmt.Sprintf("the conditions of class %s are %s", in.Class, strings.Join(names, ", ")))
		}
	}
	if c.Priority == "" {
		c.Priority = Normal
	}
	if !slices.Contains(Priorities, c.Priority) {
		return nil, invalid("unknown_priority", "优先级应为 critical、urgent、normal 或 advice", "priority is critical, urgent, normal or advice")
	}
	if in.Location == nil {
		return nil, invalid("location_missing", "请给出位置 location {lon, lat}", "give the location {lon, lat}")
	}
	c.Location = *in.Location
	if in.Condition != "" {
		c.Condition = &in.Condition
	}
	if in.Camera != "" {
		c.Camera = &in.Camera
	}
	if c.Location.Lon < -180 || c.Location.Lon > 180 || c.Location.Lat < -90 || c.Location.Lat > 90 {
		return nil, invalid("location_invalid", "经度在前，纬度在后，单位为度", "the location is not in degrees, longitude first")
	}
	path, err := r.places.Locate(orb.Point{c.Location.Lon, c.Location.Lat})
	if errors.Is(err, grid.ErrOutside) {
		return nil, invalid("outside_grids", "位置不在任何网格内", "the location lies outside every grid")
	}
	if err != nil {
		return nil, err
	}
	code := path.Cell().Code
	c.Grid = &code
	return &reporting{who: who, in: in, flow: flow, template: *c}, nil
}

// startClocks sets those clocks going that run in the case's state and did not run in the state before.
func (r *Room) startClocks(flow *Flow, c *Case, before string, now time.Time, store func(Clock)) {
	for _, k := range flow.clocks {
		if !slices.Contains(k.in, c.State) || slices.Contains(k.in, before) {
			continue
		}
		clock := r.Calendar().Start(k.stage, r.limit(c, k), now)
		store(clock)
		c.Clocks = append(c.Clocks, clock)
	}
	slices.SortFunc(c.Clocks, func(a, b Clock) int { return a.DueAt.Compare(b.DueAt) })
}

// handling is the clock whose limit the condition of a case carries.
const handling = "handle"

// limit is what the case is given for a clock: the flow says by priority, and for handling the condition, where there is one.
func (r *Room) limit(c *Case, k flowClock) Limit {
	if k.stage == handling && c.Class != nil && c.Condition != nil {
		if class, ok := r.catalogue.Class(*c.ClassEdition, *c.Class); ok {
			if condition, ok := class.Condition(*c.Condition); ok {
				if l, err := ParseLimit(condition.Limit); err == nil {
					return l
				}
			}
		}
	}
	return k.limits[c.Priority]
}

// Move makes one move of the case and returns the case after it with the number of its event. A move that repeats a key is
// not made again.
//
// Errors: ErrNotFound, *RefusedError where the flow does not permit it, *InvalidError where it lacks what the move needs,
// live.ErrBusy, live.ErrUnknown.
func (r *Room) Move(ctx context.Context, id int64, who access.Identity, act Act) (*Full, int64, error) {
	if err := r.writer.Admit(fromField(who)); err != nil {
		return nil, 0, err
	}
	pictures, err := r.keep(ctx, who, act.Photos)
	if err != nil {
		return nil, 0, err
	}
	ask := &moving{id: id, who: who, act: act, pictures: pictures}
	entry, err := r.writer.Submit(ctx, &r.moves, ask, fromField(who))
	if err != nil || ask.repeats != 0 {
		r.drop(ctx, pictures)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("case %d, %s: %w", id, act.Move, err)
	}
	if ask.repeats != 0 { // it was made before; the case may have moved on since
		full, err := r.Get(ctx, ask.repeats, who)
		return full, entry.Seq, err
	}
	r.decorate(ask.c)
	full, err := r.full(ctx, ask.c, who)
	return full, entry.Seq, err
}

// largestField keeps sums of a million cases exact in every client.
const largestField = 1_000_000_000_000

// lacks says what the move needs and the act does not bring.
func lacks(flow *Flow, m Move, act Act) error {
	for _, name := range m.Needs.Fields {
		n, ok := act.Fields[name]
		field := flow.field(name)
		if !ok {
			return invalid("field_missing", fmt.Sprintf("%s需要填写%s（fields.%s）", m.Name.ZH, field.Name.ZH, name), fmt.Sprintf("“%s” needs “%s” in fields.%s", m.Name.EN, field.Name.EN, name))
		}
		if n < 0 || n > largestField {
			return invalid("field_invalid", fmt.Sprintf("%s应为 0 至 %d 的整数", field.Name.ZH, largestField), fmt.Sprintf("“%s” is a whole number from 0 to %d", field.Name.EN, largestField))
		}
	}
	for name := range act.Fields {
		if !slices.Contains(m.Needs.Fields, name) {
			return invalid("unknown_field", fmt.Sprintf("“%s”不填写 fields.%s", m.Name.ZH, name), fmt.Sprintf("“%s” does not fill in fields.%s", m.Name.EN, name))
		}
	}
	switch {
	case m.Needs.Note && strings.TrimSpace(act.Note) == "":
		return invalid("note_missing", fmt.Sprintf("%s需要填写原因", m.Name.ZH), fmt.Sprintf("“%s” needs a reason in note", m.Name.EN))
	case m.Needs.Department && act.Department == "":
		return invalid("department_missing", fmt.Sprintf("%s需要选择部门", m.Name.ZH), fmt.Sprintf("“%s” needs a department", m.Name.EN))
	case m.Needs.Departments && len(act.Departments) == 0:
		return invalid("departments_missing", fmt.Sprintf("%s需要选择一个或多个部门", m.Name.ZH), fmt.Sprintf("“%s” needs departments", m.Name.EN))
	case len(act.Departments) > 50:
		return invalid("too_many_departments", "一次最多 50 个部门", "at most 50 departments at a time")
	case m.Needs.Until && act.Until == nil:
		return invalid("until_missing", fmt.Sprintf("%s需要给出截止时间 until", m.Name.ZH), fmt.Sprintf("“%s” needs until, the instant at which it ends", m.Name.EN))
	case m.Needs.Case && act.Case == 0:
		return invalid("case_missing", fmt.Sprintf("%s需要给出并入的案件 case", m.Name.ZH), fmt.Sprintf("“%s” needs case, the id of the one it is merged into", m.Name.EN))
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
