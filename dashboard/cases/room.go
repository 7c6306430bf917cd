package cases

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/catalogue"
	"gridwall/dashboard/clock"
	"gridwall/dashboard/live"
	"gridwall/geo"
)

// Room holds what every case needs.
type Room struct {
	pool      *pgxpool.Pool
	places    *geo.Map
	clock     *clock.Clock
	catalogue *catalogue.Room
	calendar  atomic.Pointer[Calendar]
	flows     atomic.Pointer[flowSet]
	writer    *live.Writer
	reports   live.Clerk
	moves     live.Clerk
	left      left // the clerk's of reports
	around    *around
}

// New is the room on a migrated database; what it changes goes by the writer.
func New(pool *pgxpool.Pool, places *geo.Map, clock *clock.Clock, catalogue *catalogue.Room, writer *live.Writer) (*Room, error) {
	shipped, err := shippedFlows()
	if err != nil {
		return nil, err
	}
	calendar, err := ParseCalendar(calendarFile)
	if err != nil {
		return nil, err
	}
	r := &Room{pool: pool, places: places, clock: clock, catalogue: catalogue, writer: writer,
		around: &around{since: time.Unix(1<<36, 0), young: newGeneration(time.Time{}), old: newGeneration(time.Time{})}} // until LoadAround it knows nothing
	r.flows.Store(shipped)
	r.calendar.Store(calendar)
	r.reports.Take, r.reports.Guess, r.moves.Take = r.takeReports, r.guessReports, r.takeMoves
	return r, nil
}

// Flow is a declared flow by its name.
func (r *Room) Flow(name string) (*Flow, error) {
	f := r.flows.Load().newest[name]
	if f == nil {
		return nil, ErrNotFound
	}
	return f, nil
}

// Steps are the flows that have a filing 立案, and those that dispatch to a department.
func (r *Room) Steps() (filing, dispatching []string) {
	filing, dispatching = []string{}, []string{}
	for name, f := range r.flows.Load().newest {
		if _, ok := f.find("file"); ok {
			filing = append(filing, name)
		}
		if slices.ContainsFunc(f.Moves, func(m Move) bool { return m.Needs.Department }) {
			dispatching = append(dispatching, name)
		}
	}
	return filing, dispatching
}

// Calendar is the site's working calendar.
func (r *Room) Calendar() *Calendar { return r.calendar.Load() }

// db is a pool or a transaction.
type db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// name adds the words that a case's codes stand for. Light stands only where it is frozen: this is the case as the log has it.
func (r *Room) name(c *Case) {
	if c.Class != nil {
		if class, ok := r.catalogue.Class(*c.ClassEdition, *c.Class); ok {
			c.ClassName = &Text{class.Name.ZH, cmp.Or(class.Name.EN, class.Name.ZH)}
		}
	}
	if c.Grid != nil {
		if cell := r.places.Grids().Cell(*c.Grid); cell != nil {
			c.GridName = &cell.Name
		}
	}
	c.Light = ""
	if c.frozen != nil {
		c.Light = *c.frozen
	}
}

// decorate adds words and the light at the time.
func (r *Room) decorate(c *Case) {
	r.name(c)
	if c.frozen == nil {
		c.Light = Worst(c.Clocks, r.clock.Now())
	}
}

// serial is how many cases one day can have with a number of 19 digits.
//
// The rest of the 99,999 are for sub-cases, which are numbered from the end.
const serial = 89_999

// prefix begins the numbers of a grid's cases of a day: county 6 (of the grid's code, else zeros), day 8.
func (r *Room) prefix(grid string, at time.Time) string {
	county := "000000"
	if len(grid) >= 6 && digits(grid[:6]) {
		county = grid[:6]
	}
	return county + at.In(r.Calendar().Zone).Format("20060102")
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
