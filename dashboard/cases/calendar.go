package cases

import "time"

// Calendar knows when the site works: the hours of a working day, the days of the week, holidays and 调休 days.
type Calendar struct {
	Zone *time.Location
	// ByClock chooses the reading of 工作日: false, N days are N times the daily hours; true, the same clock time N working days later.
	ByClock bool

	plan  Plan // as it was written
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
