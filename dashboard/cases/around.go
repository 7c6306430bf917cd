package cases

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/tidwall/gjson"

	"gridwall/dashboard/live"
)

// around remembers where which class was reported in the last day, so that most reports need not ask the database for equal
// cases: there are none. It says that there may be one; which, the database knows.
//
// This node's own reports are put in when they are decided, those of others when the log tells them. What the log has not told
// yet, and a day that it does not remember whole, is a maybe. Two generations of at most mostAround cases are kept: the older is
// thrown away when the younger is a day old, or full. Safe for concurrent use.
type around struct {
	mu         sync.Mutex
	heard      int64     // the number of the log up to which others' reports are in
	since      time.Time // all that was reported since is in
	young, old *generation
}

type generation struct {
	from, to time.Time // of its first report, and the latest
	n        int
	spots    map[spot][]seen
}

// spot is a class in a square of 0.001°, about 110 m from south to north.
type spot struct {
	edition, class string
	x, y           int
}

type seen struct {
	id  int64
	at  Location
	day int64 // when it was reported, in Unix seconds
}

const (
	squareDeg  = 0.001
	day        = 24 * time.Hour
	mostAround = 250_000
	// crowded is how many of a class a square remembers one by one; in a square with more there always may be one near.
	crowded = 64
)

func squareOf(deg float64) int { return int(math.Floor(deg / squareDeg)) }

// box are 50 m in degrees of longitude and latitude, and a little more, as in sameOf.
func box(at Location) (lon, lat float64) {
	return 0.00046 / max(math.Cos(at.Lat*math.Pi/180), 0.01), 0.00046
}

func newGeneration(from time.Time) *generation {
	return &generation{from: from, to: from, spots: map[spot][]seen{}}
}

func (g *generation) add(s spot, k seen, at time.Time) {
	list := g.spots[s]
	if len(list) == crowded || slices.ContainsFunc(list, func(o seen) bool { return o.id == k.id }) {
		return
	}
	g.spots[s] = append(list, k)
	g.n++
	if at.After(g.to) {
		g.to = at
	}
}

func (g *generation) has(s spot, k seen, lon, lat float64) bool {
	list := g.spots[s]
	return len(list) == crowded || slices.ContainsFunc(list, func(o seen) bool {
		return o.id != k.id && math.Abs(o.at.Lon-k.at.Lon) <= lon && math.Abs(o.at.Lat-k.at.Lat) <= lat && k.day-o.day <= int64(day/time.Second)+1
	})
}

// put takes a reported case in. It may be reported in vain: then there may be one where there is none.
func (a *around) put(c *Case) {
	if c.Class == nil || c.Parent != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.young.n >= mostAround || c.ReportedAt.Sub(a.young.from) >= day {
		if a.old.to.After(a.since) && a.old.n > 0 {
			a.since = a.old.to.Add(1)
		}
		a.young, a.old = newGeneration(c.ReportedAt), a.young
	}
	s := spot{*c.ClassEdition, *c.Class, squareOf(c.Location.Lon), squareOf(c.Location.Lat)}
	k := seen{c.ID, c.Location, c.ReportedAt.Unix()}
	if !slices.ContainsFunc(a.old.spots[s], func(o seen) bool { return o.id == k.id }) {
		a.young.add(s, k, c.ReportedAt)
	}
}

// alone says that no other case of the class was reported within 50 m and 24 hours before. foreign is the number of the newest
// event that another node may have written.
func (a *around) alone(c *Case, foreign int64) bool {
	if c.Class == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.heard < foreign || c.ReportedAt.Add(-day).Before(a.since) {
		return false
	}
	lon, lat := box(c.Location)
	k := seen{c.ID, c.Location, c.ReportedAt.Unix()}
	for x := squareOf(k.at.Lon - lon); x <= squareOf(k.at.Lon+lon); x++ {
		for y := squareOf(k.at.Lat - lat); y <= squareOf(k.at.Lat+lat); y++ {
			if s := (spot{*c.ClassEdition, *c.Class, x, y}); a.young.has(s, k, lon, lat) || a.old.has(s, k, lon, lat) {
				return false
			}
		}
	}
	return true
}

const reportedSince = `
SELECT id, class, class_edition, ST_X(geom), ST_Y(geom), reported_at
FROM case_file
WHERE reported_at >= $1 AND open AND class IS NOT NULL AND parent IS NULL
ORDER BY reported_at DESC
LIMIT $2`

// LoadAround reads the day's reports. seq is the number that the log had before; Heard follows from there.
func (r *Room) LoadAround(ctx context.Context, seq int64) error {
	now := r.clock.Now()
	a := &around{heard: seq, since: now.Add(-day), young: newGeneration(now), old: newGeneration(now.Add(-day))}
	rows, err := r.pool.Query(ctx, reportedSince, a.since, mostAround)
	if err != nil {
		return err
	}
	var c Case
	_, err = pgx.ForEachRow(rows, []any{&c.ID, &c.Class, &c.ClassEdition, &c.Location.Lon, &c.Location.Lat, &c.ReportedAt}, func() error {
		a.old.add(spot{*c.ClassEdition, *c.Class, squareOf(c.Location.Lon), squareOf(c.Location.Lat)}, seen{c.ID, c.Location, c.ReportedAt.Unix()}, c.ReportedAt)
		return nil
	})
	if a.old.n == mostAround {
		a.since = c.ReportedAt.Add(1)
	}
	r.around = a
	return err
}

// Heard takes in what was reported elsewhere. Events come in their order.
func (r *Room) Heard(e live.Event) {
	if e.Type == "case.reported" {
		told := gjson.GetBytes(e.Data, "case")
		f := gjson.GetMany(told.Raw, "id", "class", "class_edition", "parent", "location.lon", "location.lat", "reported_at")
		if class, edition := f[1].String(), f[2].String(); class != "" && f[3].Int() == 0 {
			r.around.put(&Case{ID: f[0].Int(), Class: &class, ClassEdition: &edition, Location: Location{f[4].Float(), f[5].Float()}, ReportedAt: f[6].Time()})
		}
	}
	r.around.mu.Lock()
	defer r.around.mu.Unlock()
	r.around.heard = max(r.around.heard, e.Seq)
}
