// Package alarms holds what needs somebody's answer in time (EEMUA 191, ISA-18.2); everything else is a notice.
//
// The life of an alarm: a condition comes (a declared rule finds it, a sensor reports it, an officer calls), and raise makes
// it the one alarm that stands for its key; people acknowledge or shelve it (Move); the condition goes and it returns, and
// ends once it was acknowledged. A condition that comes back clears the acknowledgement; one that flaps is collapsed into
// one standing alarm with a count. Every change is an event alarm.changed with the whole alarm.
//
// No node is a leader: each looks once a second under a lock that lasts one transaction, and what it writes is guarded by
// what stands. An alarm names no person, and no secret camera: it goes to walls.
package alarms

import (
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
	"gridwall/dashboard/clock"
	"gridwall/geo/grid"
)

// ErrNotFound says that there is no such alarm.
var ErrNotFound = errors.New("alarms: not found")

// ErrKeyReused says that an Idempotency-Key came with another request before.
var ErrKeyReused = errors.New("alarms: this Idempotency-Key was used for another report")

// InvalidError says what is wrong with a request and what to change; Code is stable.
type InvalidError struct {
	Code   string
	Reason Text
}

func (e *InvalidError) Error() string { return e.Reason.EN }

func invalid(code, zh, en string) error { return &InvalidError{code, Text{zh, en}} }

// RefusedError says why a move is not permitted. Role is set where another role may make it; otherwise the alarm is not in a
// state for it.
type RefusedError struct {
	Reason Text
	Role   bool
}

func (e *RefusedError) Error() string { return e.Reason.EN }

// State is where an alarm stands.
type State string

const (
	Unacknowledged State = "unacknowledged" // 未确认
	Acknowledged   State = "acknowledged"   // 已确认
	Returned       State = "returned"       // 已恢复, 未确认
	Shelved        State = "shelved"        // 搁置
	OutOfService   State = "out_of_service" // 停用
	Normal         State = "normal"         // ended
)

// States that an alarm can stand in.
var States = []State{Unacknowledged, Acknowledged, Returned, Shelved, OutOfService}

// Location is a point in degrees, WGS-84.
type Location struct {
	Lon float64 `json:"lon"`
	Lat float64 `json:"lat"`
}

// Item is one of the things that an alarm stands for.
type Item struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Origin is what an alarm is about: a case, a camera, …
type Origin struct {
	Kind Source `json:"kind"`
	ID   string `json:"id"`
}

// Alarm as everyone with alarm.read may see it: it names no person. Reasons that people gave stand in its history.
type Alarm struct {
	ID             int64      `json:"id"`
	Key            string     `json:"key"`
	Rule           string     `json:"rule"`
	RuleName       Text       `json:"rule_name"`
	Priority       Priority   `json:"priority"`
	Tone           string     `json:"tone"`
	Source         Origin     `json:"source"`
	Title          Text       `json:"title"`
	Detail         Text       `json:"detail"`
	Items          []Item     `json:"items"`
	ItemsTotal     int        `json:"items_total"` // more than the items where there are many, or secret ones
	Grid           *string    `json:"grid"`
	GridName       *string    `json:"grid_name"`
	Location       *Location  `json:"location"`
	State          State      `json:"state"`
	Active         bool       `json:"active"`
	Count          int        `json:"count"` // activations
	Chattering     bool       `json:"chattering"`
	FirstAt        time.Time  `json:"first_at"`
	RaisedAt       time.Time  `json:"raised_at"` // the newest activation that was told
	ChangedAt      time.Time  `json:"changed_at"`
	AcknowledgedAt *time.Time `json:"acknowledged_at"`
	ReturnedAt     *time.Time `json:"returned_at"`
	EscalatedAt    *time.Time `json:"escalated_at"`
	EscalatedTo    *string    `json:"escalated_to"` // a role
	ShelvedUntil   *time.Time `json:"shelved_until"`
	EndedAt        *time.Time `json:"ended_at"`
	Version        int        `json:"version"`
}

// Flood is more alarms than the desks can answer.
type Flood struct {
	Since time.Time `json:"since"`
	Worst int       `json:"-"` // the most alarms in 10 minutes of it so far; events do not follow it
}

const (
	floodWindow  = 10 * time.Minute
	floodBegins  = 10 // more than so many alarms a desk in the window
	floodEnds    = 5  // fewer than so many
	chatterFast  = 3  // more activations than so many in a minute
	chatterSlow  = 10 // so many in ten minutes
	quietFor     = 2 * time.Minute
	longestShelf = 8 * time.Hour
	// toldEvery is how often the flaps of a chattering alarm are told.
	toldEvery = time.Second
)

// escalatesTo is the role that a high alarm goes to when nobody acknowledges it.
var escalatesTo = string(access.DutyLeader)

// Config is what the room needs.
type Config struct {
	Pool  *pgxpool.Pool
	Clock *clock.Clock
	// Rules of the site; nil: those that are shipped.
	Rules *Rules
	// Places has the grids that officers belong to.
	Places interface{ Index() *grid.Index }
	Log    *slog.Logger
}

// Room keeps the alarms of a database.
type Room struct {
	Config
	holds   map[string]holds  // by rule
	patrols map[string]patrol // by rule
	casesAt time.Time         // when the rules over cases were looked at last
	began   time.Time         // machine time; screens are given a while to come back to a node that starts
}

// New is the room on a migrated database.
func New(c Config) (*Room, error) {
	if c.Rules == nil {
		var err error
		if c.Rules, err = ParseRules("rules.yaml", shippedRules); err != nil {
			return nil, err
		}
	}
	return &Room{Config: c, holds: map[string]holds{}, patrols: map[string]patrol{}}, nil
}
