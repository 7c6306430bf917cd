package cases

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
)

//go:embed calendar.yaml
var calendarFile []byte

// Plan is a calendar as it is written, told and saved.
type Plan struct {
	Zone    string          `yaml:"zone" json:"zone"`       // IANA name; a site keeps that of the shipped calendar
	Week    []string        `yaml:"week" json:"week"`       // the working ones of sun, mon, tue, wed, thu, fri, sat
	Hours   []string        `yaml:"hours" json:"hours"`     // of a working day, from early to late: 08:30-12:00
	Workday string          `yaml:"workday" json:"workday"` // hours or clock: Calendar.ByClock
	Days    map[string]bool `yaml:"-" json:"days"`          // exceptions to the week by date, 2018-12-29: true is a working day 调休

	SavedAt *time.Time `yaml:"-" json:"saved_at"` // null: as shipped
	SavedBy *string    `yaml:"-" json:"saved_by"`
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseCalendar reads a calendar file; errors name what is wrong with it.
func ParseCalendar(text []byte) (*Calendar, error) {
	var file struct {
		Plan     `yaml:",inline"`
		Holidays [][]string `yaml:"holidays"`
		Working  [][]string `yaml:"working"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	p := file.Plan
	p.Days = map[string]bool{}
	if err := errors.Join(p.except(file.Holidays, false), p.except(file.Working, true)); err != nil {
		return nil, err
	}
	c, err := p.calendar()
	if err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	return c, nil
}

// except notes days, "2018-12-29" or "2018-12-30..2019-01-01", that do not go by the week.
func (p *Plan) except(years [][]string, working bool) error {
	for _, text := range slices.Concat(years...) {
		first, last, long := strings.Cut(text, "..")
		from, err := time.Parse(time.DateOnly, first)
		to := from
		if long && err == nil {
			to, err = time.Parse(time.DateOnly, last)
		}
		if err != nil || to.Before(from) || to.Sub(from) > longest {
			return fmt.Errorf("calendar: %q is no day like 2018-12-29 and no days like 2018-12-30..2019-01-01, %d at most", text, longest/(24*time.Hour))
		}
		for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
			at := day.Format(time.DateOnly)
			if _, twice := p.Days[at]; twice {
				return fmt.Errorf("calendar: %s is listed twice", at)
			}
			p.Days[at] = working
		}
	}
	return nil
}

// longest is how long a stretch of listed days may be.
const longest = 60 * 24 * time.Hour

// mostDays is how many exceptions a calendar may have: those of half a century.
const mostDays = 2000

// calendar is what the plan says; an *InvalidError names what is wrong with it.
func (p *Plan) calendar() (*Calendar, error) {
	wrong := func(zh, en string, args ...any) error {
		return invalid("calendar_invalid", fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...))
	}
	c := &Calendar{plan: *p, days: map[civil]bool{}}
	var err error
	if c.Zone, err = time.LoadLocation(p.Zone); err != nil {
		return nil, wrong("时区 %q 不存在", "zone: %q is not known", p.Zone)
	}
	for _, name := range p.Week {
		i := slices.Index(weekdays, name)
		if i < 0 {
			return nil, wrong("星期 %q 应为 %v 之一", "week: %q is none of %v", name, weekdays)
		}
		c.week[i] = true
	}
	for _, text := range p.Hours {
		var h1, m1, h2, m2 int
		if n, _ := fmt.Sscanf(text, "%d:%d-%d:%d", &h1, &m1, &h2, &m2); n != 4 || h1 < 0 || h2 < 0 || m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59 {
			return nil, wrong("工作时段 %q 应写作 08:30-12:00", "hours: %q is not of the form 08:30-12:00", text)
		}
		s := span{time.Duration(h1)*time.Hour + time.Duration(m1)*time.Minute, time.Duration(h2)*time.Hour + time.Duration(m2)*time.Minute}
		if s.from >= s.to || s.to > 24*time.Hour || len(c.hours) > 0 && s.from < c.hours[len(c.hours)-1].to {
			return nil, wrong("工作时段 %q 的结束不晚于开始，或与前一段重叠", "hours: %q ends before it begins, or overlaps the one before", text)
		}
		c.hours = append(c.hours, s)
		c.daily += s.to - s.from
	}
	if c.daily == 0 || c.week == [7]bool{} {
		return nil, wrong("须有工作时段，且一周至少有一个工作日，否则期限永远不到", "without hours and working days of the week no deadline would ever come")
	}
	if len(p.Days) > mostDays {
		return nil, wrong("例外日不超过 %d 天", "at most %d days are exceptions", mostDays)
	}
	for text, working := range p.Days {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return nil, wrong("日期 %q 应写作 2018-12-29", "days: %q is no date like 2018-12-29", text)
		}
		c.days[civilOf(day.Date())] = working
	}
	switch p.Workday {
	case "hours", "":
	case "clock":
		c.ByClock = true
	default:
		return nil, wrong("工作日的算法 %q 应为 hours 或 clock", "workday: %q is neither hours nor clock", p.Workday)
	}
	return c, nil
}

const (
	newestPlan = `SELECT plan, saved_at, saved_by FROM calendar ORDER BY id DESC LIMIT 1`
	keepPlan   = `INSERT INTO calendar (plan, saved_at, saved_by) VALUES ($1, $2, $3)`
)

// LoadCalendar goes by the calendar that was saved last; by the shipped one where none was. It is called before the room is
// used, and again on every node when one was saved (the event calendar.changed).
func (r *Room) LoadCalendar(ctx context.Context) error {
	var p Plan
	var at time.Time
	var by string
	switch err := r.pool.QueryRow(ctx, newestPlan).Scan(&p, &at, &by); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("calendar: %w", err)
	}
	p.SavedAt, p.SavedBy = &at, &by
	c, err := p.calendar()
	if err != nil {
		return fmt.Errorf("calendar as saved: %w", err)
	}
	r.calendar.Store(c)
	return nil
}

// Plan is the site's calendar as it is written.
func (r *Room) Plan() Plan {
	p := r.calendar.Load().plan
	p.Days = maps.Clone(p.Days)
	return p
}

// SavePlan makes p the site's calendar: clocks that begin from now on, extensions, suspensions and what is counted as used go by
// it; deadlines that were told stand. An *InvalidError says what cannot be; the zone cannot change, since days that were counted
// were days of it.
func (r *Room) SavePlan(ctx context.Context, who access.Identity, p Plan) (Plan, error) {
	now := r.clock.Now()
	if zone := r.calendar.Load().plan.Zone; p.Zone != zone {
		return p, invalid("calendar_zone", "时区不能更改，应为 "+zone, "the zone cannot change: it is "+zone)
	}
	p.SavedAt, p.SavedBy = nil, nil
	kept := p
	p.SavedAt, p.SavedBy = &now, &who.Name
	c, err := p.calendar()
	if err != nil {
		return p, err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, keepPlan, kept, now, who.Name); err != nil {
			return err
		}
		_, err := live.Append(ctx, tx, live.Draft{Type: "calendar.changed", At: now, Data: map[string]any{"by": By{who.Name, who.Role}, "days": len(p.Days)}})
		return err
	})
	if err != nil {
		return p, fmt.Errorf("save calendar: %w", err)
	}
	r.calendar.Store(c)
	return p, nil
}
