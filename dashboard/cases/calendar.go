package cases

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Calendar knows when the site works: the hours of a working day, the days of the week, holidays and 调休 days.
type Calendar struct {
	Zone *time.Location
	// ByClock chooses the reading of 工作日: false, N days are N times the daily hours; true, the same clock time N working days later.
	ByClock bool

	week  [7]bool
	hours []span
	days  map[civil]bool // exceptions to the week: true is a working day
	daily time.Duration
}

// span is a stretch of a day, from midnight.
type span struct{ from, to time.Duration }

// civil is a day of the calendar as yyyymmdd.
type civil int

func civilOf(year int, month time.Month, day int) civil {
	return civil(year*10000 + int(month)*100 + day)
}

// ParseCalendar reads a calendar file; errors name what is wrong with it.
func ParseCalendar(text []byte) (*Calendar, error) {
	var file struct {
		Zone     string     `yaml:"zone"`
		Week     []string   `yaml:"week"`
		Hours    []string   `yaml:"hours"`
		Workday  string     `yaml:"workday"`
		Holidays [][]string `yaml:"holidays"`
		Working  [][]string `yaml:"working"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	c := &Calendar{days: map[civil]bool{}}
	var err error
	if c.Zone, err = time.LoadLocation(file.Zone); err != nil {
		return nil, fmt.Errorf("calendar: zone: %w", err)
	}
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	for _, day := range file.Week {
		i := slices.Index(names, day)
		if i < 0 {
			return nil, fmt.Errorf("calendar: week: %q is none of %v", day, names)
		}
		c.week[i] = true
	}
	for _, text := range file.Hours {
		var h1, m1, h2, m2 int
		if n, _ := fmt.Sscanf(text, "%d:%d-%d:%d", &h1, &m1, &h2, &m2); n != 4 {
			return nil, fmt.Errorf("calendar: hours: %q is not of the form 08:30-12:00", text)
		}
		s := span{time.Duration(h1)*time.Hour + time.Duration(m1)*time.Minute, time.Duration(h2)*time.Hour + time.Duration(m2)*time.Minute}
		if s.from >= s.to || s.to > 24*time.Hour || len(c.hours) > 0 && s.from < c.hours[len(c.hours)-1].to {
			return nil, fmt.Errorf("calendar: hours: %q ends before it begins, or overlaps the one before", text)
		}
		c.hours = append(c.hours, s)
		c.daily += s.to - s.from
	}
	if c.daily == 0 || c.week == [7]bool{} {
		return nil, errors.New("calendar: without hours and working days of the week no deadline would ever come")
	}
	if err := errors.Join(c.except(file.Holidays, false), c.except(file.Working, true)); err != nil {
		return nil, err
	}
	switch file.Workday {
	case "hours", "":
	case "clock":
		c.ByClock = true
	default:
		return nil, fmt.Errorf("calendar: workday: %q is neither hours nor clock", file.Workday)
	}
	return c, nil
}

// except notes days, "2018-12-29" or "2018-12-30..2019-01-01", that do not go by the week.
func (c *Calendar) except(years [][]string, working bool) error {
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
			at := civilOf(day.Date())
			if _, twice := c.days[at]; twice {
				return fmt.Errorf("calendar: %s is listed twice", day.Format(time.DateOnly))
			}
			c.days[at] = working
		}
	}
	return nil
}

// longest is how long a stretch of listed days may be.
const longest = 60 * 24 * time.Hour

// works says whether the day that begins at midnight is a working day.
func (c *Calendar) works(midnight time.Time) bool {
	if on, ok := c.days[civilOf(midnight.Date())]; ok {
		return on
	}
	return c.week[midnight.Weekday()]
}

// midnight is the beginning of t's day in the site's zone.
func (c *Calendar) midnight(t time.Time) time.Time {
	y, m, d := t.In(c.Zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, c.Zone)
}

// tomorrow is the next midnight, also over a change of summer time.
func tomorrow(midnight time.Time) time.Time { return midnight.AddDate(0, 0, 1) }

// Add is the instant at which d of working time has passed since t. It never lies outside working time.
func (c *Calendar) Add(t time.Time, d time.Duration) time.Time {
	for day := c.midnight(t); ; day = tomorrow(day) {
		if !c.works(day) {
			continue
		}
		for _, s := range c.hours {
			from, to := day.Add(s.from), day.Add(s.to)
			if from.Before(t) {
				from = t
			}
			left := to.Sub(from)
			if left <= 0 {
				continue
			}
			if d <= left {
				return from.Add(d).UTC()
			}
			d -= left
		}
	}
}

// AddDays is the same clock time n working days later; from outside working time it counts from the next working instant.
func (c *Calendar) AddDays(t time.Time, n int) time.Time {
	t = c.Add(t, 0)
	day := c.midnight(t)
	clock := t.Sub(day)
	for n > 0 {
		if day = tomorrow(day); c.works(day) {
			n--
		}
	}
	return day.Add(clock).UTC()
}

// Between is the working time from a to b, 0 if b is not after a.
func (c *Calendar) Between(a, b time.Time) (sum time.Duration) {
	for day := c.midnight(a); day.Before(b); day = tomorrow(day) {
		if !c.works(day) {
			continue
		}
		for _, s := range c.hours {
			from, to := day.Add(s.from), day.Add(s.to)
			if from.Before(a) {
				from = a
			}
			if to.After(b) {
				to = b
			}
			if to.After(from) {
				sum += to.Sub(from)
			}
		}
	}
	return sum
}
