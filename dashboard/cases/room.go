package cases

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/catalogue"
	"gridwall/dashboard/clock"
	"gridwall/geo"
)

// Room holds what every case needs.
type Room struct {
	pool      *pgxpool.Pool
	places    *geo.Map
	clock     *clock.Clock
	catalogue *catalogue.Catalogue
	calendar  *Calendar
	flows     map[string]*Flow
}

// New is the room on a migrated database.
func New(pool *pgxpool.Pool, places *geo.Map, clock *clock.Clock, catalogue *catalogue.Catalogue) (*Room, error) {
	flows, err := shippedFlows()
	if err != nil {
		return nil, err
	}
	calendar, err := ParseCalendar(calendarFile)
	if err != nil {
		return nil, err
	}
	return &Room{pool: pool, places: places, clock: clock, catalogue: catalogue, calendar: calendar, flows: flows}, nil
}

// Flow is a declared flow by its name.
func (r *Room) Flow(name string) (*Flow, error) {
	f := r.flows[name]
	if f == nil {
		return nil, ErrNotFound
	}
	return f, nil
}

// Calendar is the site's working calendar.
func (r *Room) Calendar() *Calendar { return r.calendar }

// db is a pool or a transaction.
type db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// decorate adds the words that a case's codes stand for, and its light at the time.
func (r *Room) decorate(c *Case) {
	if c.Class != nil {
		if class, ok := r.catalogue.Class(*c.Class); ok {
			c.ClassName = &Text{class.Name.ZH, class.Name.EN}
		}
	}
	if c.Grid != nil {
		if cell := r.places.Grids().Cell(*c.Grid); cell != nil {
			c.GridName = &cell.Name
		}
	}
	if c.frozen != nil {
		c.Light = *c.frozen
	} else {
		c.Light = Worst(c.Clocks, r.clock.Now())
	}
}

// serial is how many cases one day can have with a number of 19 digits.
const serial = 99_999

const nextSerial = `
INSERT INTO case_serial (prefix, last) VALUES ($1, 1)
ON CONFLICT (prefix) DO UPDATE SET last = case_serial.last + 1
RETURNING last`

// number gives the next case number: county 6 (of the grid's code, else zeros), day 8, serial 5.
func (r *Room) number(ctx context.Context, tx pgx.Tx, grid string) (string, error) {
	county := "000000"
	if len(grid) >= 6 && digits(grid[:6]) {
		county = grid[:6]
	}
	prefix := county + r.clock.Now().In(r.calendar.Zone).Format("20060102")
	var last int
	if err := tx.QueryRow(ctx, nextSerial, prefix).Scan(&last); err != nil {
		return "", fmt.Errorf("case number: %w", err)
	}
	if last > serial {
		return "", fmt.Errorf("case number: more than %d cases in one day", serial)
	}
	return fmt.Sprintf("%s%05d", prefix, last), nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
