package cases

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridwall/dashboard/live"
)

func atNight() *Room {
	from := time.Date(2018, 12, 24, 7, 0, 0, 0, time.UTC)
	return &Room{around: &around{since: from.Add(-day), young: newGeneration(from), old: newGeneration(from.Add(-day))}}
}

// Never is a report said to be alone that is not, over days that are forgotten and borders of squares.
func TestAReportThatIsAloneHasNoEqualOneAroundIt(t *testing.T) {
	lonely := 0
	rapid.Check(t, func(t *rapid.T) {
		r := atNight()
		at := r.around.young.from
		edition, south := "GB/T 47678.5-2026", float64(rapid.IntRange(-89, 89).Draw(t, "south"))
		var all []*Case
		for id := range int64(rapid.IntRange(1, 150).Draw(t, "reports")) {
			at = at.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, 13 * time.Hour}).Draw(t, "later"))
			class := rapid.SampledFrom([]string{"01001", "01002"}).Draw(t, "class")
			c := &Case{ID: id + 1, Class: &class, ClassEdition: &edition, ReportedAt: at,
				Location: Location{110 + float64(rapid.IntRange(0, 40).Draw(t, "x"))/10_000, south + float64(rapid.IntRange(0, 40).Draw(t, "y"))/10_000}}
			r.around.put(c)
			if r.around.alone(c, 0) {
				lonely++
				for _, o := range all {
					east := (c.Location.Lon - o.Location.Lon) * 111_320 * math.Cos(c.Location.Lat*math.Pi/180)
					north := (c.Location.Lat - o.Location.Lat) * 110_600
					if *o.Class == class && at.Sub(o.ReportedAt) <= day && math.Hypot(east, north) <= 50 {
						t.Fatalf("%d is said to be alone and has %d beside it", c.ID, o.ID)
					}
				}
			}
			all = append(all, c)
		}
	})
	if lonely < 100 {
		t.Errorf("only %d reports were alone: the database is asked about all", lonely)
	}
}

func TestWhatTheLogHasNotToldYetMayBeNear(t *testing.T) {
	r := atNight()
	class, edition := "01001", "GB/T 47678.5-2026"
	c := &Case{ID: 2, Class: &class, ClassEdition: &edition, ReportedAt: r.around.young.from, Location: Location{110.0049, 40.4}}
	if r.around.put(c); !r.around.alone(c, 0) {
		t.Fatal("the only one is not alone")
	}
	if r.around.alone(c, 7) {
		t.Error("alone, while another node may have written the events up to 7")
	}
	r.Heard(live.Event{Seq: 6, Type: "alarm.raised"})
	if r.around.alone(c, 7) {
		t.Error("alone, while the log was told up to 6")
	}
	elsewhere := `{"case":{"id":1,"class":"01001","class_edition":"GB/T 47678.5-2026","location":{"lon":%v,"lat":40.4},"reported_at":"2018-12-24T06:00:00Z"}}`
	r.Heard(live.Event{Seq: 7, Type: "case.reported", Data: fmt.Appendf(nil, elsewhere, 110.01)})
	if !r.around.alone(c, 7) {
		t.Error("what is 430 m away keeps it from being alone")
	}
	r.Heard(live.Event{Seq: 8, Type: "case.reported", Data: fmt.Appendf(nil, elsewhere, 110.0052)})
	if r.around.alone(c, 8) {
		t.Error("alone, 26 m beside what another node took an hour before")
	}
}

func TestADayThatIsForgottenIsAMaybe(t *testing.T) {
	r := atNight()
	class, edition := "01001", "GB/T 47678.5-2026"
	at := r.around.young.from
	for id := range int64(2*mostAround + 2) {
		c := &Case{ID: id + 1, Class: &class, ClassEdition: &edition, ReportedAt: at, Location: Location{float64(id%1700) / 10, float64(id/1700) / 10}}
		r.around.put(c)
	}
	if n := r.around.young.n + r.around.old.n; n > 2*mostAround {
		t.Errorf("%d are remembered", n)
	}
	c := &Case{ID: 1 << 40, Class: &class, ClassEdition: &edition, ReportedAt: at.Add(time.Minute), Location: Location{0, -80}}
	if r.around.alone(c, 0) {
		t.Error("alone, though a part of the day is forgotten")
	}
	if c.ReportedAt = at.Add(day + time.Minute); !r.around.alone(c, 0) {
		t.Error("not alone when all of the last day is remembered")
	}
}
