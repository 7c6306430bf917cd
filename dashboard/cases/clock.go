package cases

import (
	"fmt"
	"time"
)

// Unit is how a limit is counted.
type Unit string

const (
	Emergency Unit = "emergency" // 紧急工作时: through nights and holidays
	WorkHour  Unit = "workhour"  // 工作时: inside working hours only
	WorkDay   Unit = "workday"   // 工作日: by the calendar's reading
	Natural   Unit = "natural"   // 自然日
)

// Limit is what a stage is given.
type Limit struct {
	Unit Unit
	N    int
	Per  time.Duration // one emergency hour or minute; unused for working and natural days
}

// ParseLimit reads "30 emergency minutes", "2 emergency hours", "4 working hours", "3 working days" or "7 natural days".
func ParseLimit(text string) (Limit, error) {
	var l Limit
	var kind, unit string
	if n, _ := fmt.Sscanf(text, "%d %s %s", &l.N, &kind, &unit); n != 3 || l.N <= 0 {
		return l, fmt.Errorf("%q is not of the form “4 working hours”", text)
	}
	switch kind + " " + unit {
	case "emergency minutes":
		l.Unit, l.Per = Emergency, time.Minute
	case "emergency hours":
		l.Unit, l.Per = Emergency, time.Hour
	case "working hours":
		l.Unit, l.Per = WorkHour, time.Hour
	case "working days":
		l.Unit = WorkDay
	case "natural days":
		l.Unit, l.Per = Natural, 24*time.Hour
	default:
		return l, fmt.Errorf("%q: the units are emergency minutes, emergency hours, working hours, working days, natural days", text)
	}
	return l, nil
}

// CheckLimit says what is wrong with a limit as it is written.
func CheckLimit(text string) error {
	_, err := ParseLimit(text)
	return err
}

// Clock is one stage's time: verify, dispatch, sign, handle, check or total.
type Clock struct {
	Stage     string     `json:"stage"`
	Unit      Unit       `json:"unit"`
	LimitS    int        `json:"limit_s"` // with its extensions
	StartedAt time.Time  `json:"started_at"`
	WarnAt    time.Time  `json:"warn_at"` // 80 % of the limit is used
	DueAt     time.Time  `json:"due_at"`
	PausedAt  *time.Time `json:"paused_at"`
	PausedS   int        `json:"paused_s,omitempty"` // how long it stood before, in the time of its unit
	Extended  int        `json:"extended,omitempty"` // how many limits it was given more
}

// Finished is a clock that has stopped.
type Finished struct {
	Stage     string    `json:"stage"`
	Unit      Unit      `json:"unit"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	WarnAt    time.Time `json:"warn_at"`
	DueAt     time.Time `json:"due_at"`
	LimitS    int       `json:"limit_s"`
	UsedS     int       `json:"used_s"`
	LateS     int       `json:"late_s"`
	PausedS   int       `json:"paused_s,omitempty"`
	Extended  int       `json:"extended,omitempty"`
	Light     Light     `json:"light"`
}

// Light is how a clock stands.
type Light string

const (
	Green  Light = "green"
	Yellow Light = "yellow"
	Red    Light = "red"
	Grey   Light = "grey"
)

// warnShare of the limit is used when the light turns yellow.
const warnShare = 0.8

// Length is the limit in the time that its unit counts.
func (c *Calendar) Length(l Limit) time.Duration {
	if l.Unit == WorkDay {
		return time.Duration(l.N) * c.daily
	}
	return time.Duration(l.N) * l.Per
}

// Start sets a clock going at t.
func (c *Calendar) Start(stage string, l Limit, t time.Time) Clock {
	length := c.Length(l)
	clock := Clock{Stage: stage, Unit: l.Unit, LimitS: int(length / time.Second), StartedAt: t}
	warn := time.Duration(float64(length) * warnShare)
	switch {
	case l.Unit == Emergency || l.Unit == Natural:
		clock.WarnAt, clock.DueAt = t.Add(warn), t.Add(length)
	case l.Unit == WorkDay && c.ByClock:
		clock.DueAt = c.AddDays(t, l.N)
		clock.WarnAt = c.Add(t, time.Duration(float64(c.Between(t, clock.DueAt))*warnShare))
	default:
		clock.WarnAt, clock.DueAt = c.Add(t, warn), c.Add(t, length)
	}
	return clock
}

// Used is the time that the unit counts from a to b.
func (c *Calendar) Used(unit Unit, a, b time.Time) time.Duration {
	if unit == Emergency || unit == Natural {
		return max(b.Sub(a), 0)
	}
	return c.Between(a, b)
}

// Light at the instant now: green under 80 %, yellow up to the limit, red from there.
func (k Clock) Light(now time.Time) Light {
	switch {
	case k.PausedAt != nil:
		return Grey
	case now.Before(k.WarnAt):
		return Green
	case now.Before(k.DueAt):
		return Yellow
	}
	return Red
}

// finalLight judges a clock that stopped: in time to the last instant is not late.
func finalLight(warn, due, ended time.Time) Light {
	switch {
	case ended.After(due):
		return Red
	case ended.Before(warn):
		return Green
	}
	return Yellow
}

// Worst is the light of a case: that of its worst running clock, grey if none runs.
func Worst(clocks []Clock, now time.Time) Light {
	rank := map[Light]int{Grey: 0, Green: 1, Yellow: 2, Red: 3}
	worst := Grey
	for _, k := range clocks {
		if l := k.Light(now); rank[l] > rank[worst] {
			worst = l
		}
	}
	return worst
}

// advance is the instant at which d of the unit's time has passed since t.
func (c *Calendar) advance(unit Unit, t time.Time, d time.Duration) time.Time {
	if unit == Emergency || unit == Natural {
		return t.Add(d)
	}
	return c.Add(t, d)
}

// pause stops a running clock at now.
func (k *Clock) pause(now time.Time) { k.PausedAt = &now }

// resume lets a stopped clock go on: what was left of it is left from now.
func (c *Calendar) resume(k *Clock, now time.Time) {
	unit := k.Unit
	stood := c.Used(unit, *k.PausedAt, now)
	move := func(t time.Time) time.Time {
		if t.After(*k.PausedAt) {
			return c.advance(unit, now, c.Used(unit, *k.PausedAt, t))
		}
		return t
	}
	k.WarnAt, k.DueAt, k.PausedAt = move(k.WarnAt), move(k.DueAt), nil
	k.PausedS += int(stood / time.Second)
}

// given is the limit that a clock was started with.
func (c *Calendar) given(k Clock) Limit {
	first := k.LimitS / (k.Extended + 1)
	if k.Unit == WorkDay {
		return Limit{Unit: WorkDay, N: first / int(c.daily/time.Second)}
	}
	return Limit{Unit: k.Unit, N: first, Per: time.Second}
}

// extend gives a clock one original limit more; the light turns yellow at 80 % of the whole.
func (c *Calendar) extend(k *Clock) {
	l := c.given(*k)
	k.Extended++
	k.LimitS += int(c.Length(l) / time.Second)
	length := float64(c.Length(l))
	left := length * (warnShare*float64(k.Extended+1) - float64(k.Extended)) // of the added limit, until the warning
	if left > 0 {
		k.WarnAt = c.advance(l.Unit, k.DueAt, time.Duration(left))
	}
	if l.Unit == WorkDay && c.ByClock {
		k.DueAt = c.AddDays(k.DueAt, l.N)
	} else {
		k.DueAt = c.advance(l.Unit, k.DueAt, c.Length(l))
	}
}
