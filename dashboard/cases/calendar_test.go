package cases

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func calendar(t testing.TB) *Calendar {
	t.Helper()
	c, err := ParseCalendar(calendarFile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var shanghai = must(time.LoadLocation("Asia/Shanghai"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func at(text string) time.Time {
	return must(time.ParseInLocation("2006-01-02 15:04", text, shanghai)).UTC()
}

func limit(text string) Limit { return must(ParseLimit(text)) }

// Each arrangement gives as many days off the week as the law names: a holiday on a weekend is taken on another day, and a
// longer one is paid for by weekends.
func TestTheYearsHaveTheHolidaysOfTheLaw(t *testing.T) {
	c := calendar(t)
	for year, want := range map[int]int{2018: 11, 2019: 11, 2020: 13, 2021: 11, 2022: 11, 2023: 11, 2024: 11, 2025: 13, 2026: 13} {
		off := 0
		for day := time.Date(year, 1, 1, 0, 0, 0, 0, shanghai); day.Year() == year; day = tomorrow(day) {
			switch weekday := c.week[day.Weekday()]; {
			case weekday && !c.works(day):
				off++
			case !weekday && c.works(day):
				off--
			}
		}
		if off != want { // 2020: two more days for the spring festival
			t.Errorf("%d has %d days off the week, want %d", year, off, want)
		}
	}
}

func TestAFaultyCalendarSaysWhatIsWrong(t *testing.T) {
	const good = "zone: Asia/Shanghai\nweek: [mon]\nhours: [08:30-12:00]\n"
	for text, want := range map[string]string{
		good + "holidays: [[2018-13-01]]":                           `"2018-13-01" is no day`,
		good + "holidays: [[2019-01-02..2019-01-01]]":               `"2019-01-02..2019-01-01" is no day`,
		good + "holidays: [[2019-01-01..2029-01-01]]":               "60 at most",
		good + "holidays: [[2019-01-01]]\nworking: [[2019-01-01]]":  "2019-01-01 is listed twice",
		"zone: Asia/Shanghai\nweek: [mon]\nhours: [12:00-08:30]":    "ends before it begins",
		"zone: Asia/Shanghai\nweek: [monday]\nhours: [08:30-12:00]": `"monday" is none of`,
		"zone: Asia/Shanghai\nweek: [mon]":                          "no deadline would ever come",
		"zone: Asia/Nowhere\nweek: [mon]\nhours: [08:30-12:00]":     "zone",
		good + "workday: sometimes":                                 "neither hours nor clock",
	} {
		if _, err := ParseCalendar([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// The vectors are those of standards.md.
func TestDeadlines(t *testing.T) {
	for _, tc := range []struct {
		name, start, limit, due string
	}{
		{"V2: four working hours over the night", "2018-12-24 15:15", "4 working hours", "2018-12-25 10:15"},
		{"V3: three working days", "2018-12-24 15:15", "3 working days", "2018-12-27 15:15"},
		{"V4: a Saturday of 调休 is a working day", "2018-12-28 16:00", "4 working hours", "2018-12-29 11:00"},
		{"V5: emergency hours run through the night", "2018-12-28 23:10", "2 emergency hours", "2018-12-29 01:10"},
		{"over the new year's holidays", "2018-12-29 16:30", "2 working hours", "2019-01-02 09:30"},
		{"from the lunch break", "2018-12-24 12:30", "1 working hours", "2018-12-24 15:00"},
		{"a deadline may be the end of the day", "2018-12-24 16:30", "1 working hours", "2018-12-24 17:30"},
		{"natural days count every day", "2018-12-29 16:30", "2 natural days", "2018-12-31 16:30"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, byClock := range []bool{false, true} {
				c := calendar(t)
				c.ByClock = byClock
				if got := c.Start("handle", limit(tc.limit), at(tc.start)).DueAt; !got.Equal(at(tc.due)) {
					t.Errorf("by clock %t: due %s, want %s", byClock, got.In(shanghai), tc.due)
				}
			}
		})
	}
}

// V1: the intervals of SC-1, as the timeline counts them.
func TestTheIntervalsOfTheReferenceStory(t *testing.T) {
	for _, tc := range []struct{ name, from, to, is string }{
		{"report to dispatch", "2018-12-24 15:05", "2018-12-24 15:15", "10m"},
		{"dispatch to sign", "2018-12-24 15:15", "2018-12-25 15:12", "23h57m"},
		{"sign to handled", "2018-12-25 15:12", "2018-12-26 15:18", "24h6m"},
		{"report to handled", "2018-12-24 15:05", "2018-12-26 15:18", "48h13m"},
	} {
		if got := calendar(t).Used(Natural, at(tc.from), at(tc.to)); got != must(time.ParseDuration(tc.is)) {
			t.Errorf("V1, %s: %s, want %s", tc.name, got, tc.is)
		}
	}
}

func TestTheTwoReadingsOfAWorkingDayDifferAtLunch(t *testing.T) {
	c := calendar(t)
	start := at("2018-12-24 18:00") // after hours: both count from the next morning
	if got := c.Start("handle", limit("1 working days"), start).DueAt; !got.Equal(at("2018-12-25 17:30")) {
		t.Errorf("by hours: %s", got.In(shanghai))
	}
	c.ByClock = true
	if got := c.Start("handle", limit("1 working days"), start).DueAt; !got.Equal(at("2018-12-26 08:30")) {
		t.Errorf("by clock: %s", got.In(shanghai))
	}
}

func TestTheClocksOfTheReferenceStory(t *testing.T) {
	c := calendar(t)
	dispatched, signed, handled := at("2018-12-24 15:15"), at("2018-12-25 15:12"), at("2018-12-26 15:18")

	sign := c.Start("sign", limit("4 working hours"), dispatched)
	if late := c.Used(WorkHour, sign.DueAt, signed); late != 2*time.Hour+57*time.Minute {
		t.Errorf("V2: the claim is %s late, want 2h57m", late)
	}
	if l := sign.Light(at("2018-12-25 10:14")); l != Yellow {
		t.Errorf("at 10:14 the claim light is %s, want yellow", l)
	}
	if l := sign.Light(at("2018-12-25 10:15")); l != Red {
		t.Errorf("at 10:15 the claim light is %s, want red", l)
	}

	handle := c.Start("handle", limit("3 working days"), dispatched)
	if used := c.Used(WorkDay, dispatched, handled); used != 14*time.Hour+3*time.Minute {
		t.Errorf("V3: used %s, want 14h03m", used)
	}
	if share := float64(c.Used(WorkDay, dispatched, handled)) / float64(c.Length(limit("3 working days"))) * 100; math.Abs(share-66.9) > 0.05 {
		t.Errorf("V3: %.2f %% of the limit, want 66.9", share)
	}
	if length := c.Length(limit("3 working days")); length != 21*time.Hour {
		t.Errorf("V3: the limit is %s, want 21h", length)
	}
	if l := handle.Light(handled); l != Green {
		t.Errorf("V3: %s, want green", l)
	}
}

func anyInstant(t *rapid.T, label string) time.Time {
	base := at("2018-12-01 00:00")
	return base.Add(time.Duration(rapid.Int64Range(0, int64(60*24*time.Hour/time.Second)).Draw(t, label)) * time.Second)
}

func TestADeadlineNeverLiesOutsideWorkingTime(t *testing.T) {
	c := calendar(t)
	rapid.Check(t, func(t *rapid.T) {
		start := anyInstant(t, "start")
		d := time.Duration(rapid.Int64Range(1, 200*3600).Draw(t, "seconds")) * time.Second
		due := c.Add(start, d)
		if got := c.Between(start, due); got != d {
			t.Fatalf("from %s to %s are %s of working time, want %s", start, due, got, d)
		}
		if c.Between(due.Add(-time.Second), due) != time.Second {
			t.Fatalf("%s is outside working time", due.In(shanghai))
		}
	})
}

func TestAddingTimeIsMonotoneAndSplits(t *testing.T) {
	c := calendar(t)
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyInstant(t, "a"), anyInstant(t, "b")
		if b.Before(a) {
			a, b = b, a
		}
		d := time.Duration(rapid.Int64Range(1, 100*3600).Draw(t, "seconds")) * time.Second
		if c.Add(b, d).Before(c.Add(a, d)) {
			t.Fatalf("a later start (%s, %s) is due earlier", a, b)
		}
		mid := a.Add(b.Sub(a) / 2)
		if whole, parts := c.Between(a, b), c.Between(a, mid)+c.Between(mid, b); whole != parts {
			t.Fatalf("%s split at %s gives %s", whole, mid, parts)
		}
	})
}

func BenchmarkDeadline(b *testing.B) {
	c := calendar(b)
	l, start := limit("3 working days"), at("2018-12-28 16:00")
	for b.Loop() {
		c.Start("handle", l, start)
	}
}
