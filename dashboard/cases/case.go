// Package cases is the closed loop: a report becomes a case file, declared moves drive it from state to state under
// running clocks until it is closed and rated, and every change is an event of the log.
//
// The life of a case: Report checks and finds the grid, Move brings an act; both submit to the log's writer. The clerks of
// this room (clerk*.go) decide there, while nobody else writes: number, state, clocks, and the event that tells it. What the
// log says and what the tables say is written together or not at all. List, Get and Timeline read.
package cases

import (
	"errors"
	"slices"
	"time"

	"gridwall/dashboard/access"
)

// Priority is how pressing a case is.
type Priority string

const (
	Critical Priority = "critical" // 特急
	Urgent   Priority = "urgent"   // 紧急
	Normal   Priority = "normal"   // 一般
	Advice   Priority = "advice"   // 咨询
)

// Priorities, the most pressing first.
var Priorities = []Priority{Critical, Urgent, Normal, Advice}

// ErrNotFound says that there is no such case, or photo.
var ErrNotFound = errors.New("cases: not found")

// InvalidError says what is wrong with a request; Code is stable.
type InvalidError struct {
	Code   string
	Reason Text
}

func (e *InvalidError) Error() string { return e.Reason.EN }

func invalid(code, zh, en string) error { return &InvalidError{code, Text{zh, en}} }

// Location is a point in degrees, WGS-84.
type Location struct {
	Lon float64 `json:"lon"`
	Lat float64 `json:"lat"`
}

// Photo is a picture of a case.
type Photo struct {
	ID   string    `json:"id"`
	Kind string    `json:"kind"` // near, far, before or after
	URL  string    `json:"url"`
	At   time.Time `json:"at"`
}

// Case is a case file 案卷 as everyone may see it: it names no person.
type Case struct {
	ID             int64      `json:"id"`
	Number         string     `json:"number"` // 19 digits
	Flow           string     `json:"flow"`
	FlowEdition    int        `json:"flow_edition"`
	State          string     `json:"state"`
	Priority       Priority   `json:"priority"`
	Class          *string    `json:"class"`
	ClassEdition   *string    `json:"class_edition"` // of the catalogue
	ClassName      *Text      `json:"class_name"`
	Condition      *string    `json:"condition"`
	Title          string     `json:"title"`
	Description    string     `json:"description"`
	Address        string     `json:"address"`
	Location       Location   `json:"location"`
	Grid           *string    `json:"grid"`
	GridName       *string    `json:"grid_name"`
	Department     *string    `json:"department"`
	DepartmentName *string    `json:"department_name"`
	Camera         *string    `json:"camera"`
	ReportedAt     time.Time  `json:"reported_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
	ClosedAt       *time.Time `json:"closed_at"`
	Rating         *int       `json:"rating"`
	Returns        int        `json:"returns"`
	Photos         []Photo    `json:"photos"`
	Clocks         []Clock    `json:"clocks"`          // the running ones
	Light          Light      `json:"light,omitempty"` // as of the answer; in the log only once it is frozen
	Version        int        `json:"version"`
	Parent         *int64     `json:"parent,omitempty"`          // the case that this is a part of
	Officer        *string    `json:"officer,omitempty"`         // whose task it is, by the roster's code
	MergedInto     *int64     `json:"merged_into,omitempty"`     // the case that answers for this one
	Supervised     bool       `json:"supervised,omitempty"`      // 督办
	Exempt         bool       `json:"exempt,omitempty"`          // 申诉成立: statistics leave it out
	SuspendedUntil *time.Time `json:"suspended_until,omitempty"` // 挂账
	// Lines 条线 are the departments that see the case, sorted: those that it is or was with, those of its parts and of the case
	// that it is a part of. EveryLine: all of them.
	Lines []string `json:"lines,omitempty"`
	// Fields are the numbers that the flow declares, as far as moves have filled them in.
	Fields map[string]int64 `json:"fields,omitempty"`

	open     bool
	alone    bool // no equal case is near, as the clerk of reports has seen
	frozen   *Light
	openSubs int
	now      time.Time // when it is judged
}

// EveryLine among the lines of a case says that any department may claim it, and sees it.
const EveryLine = "*"

// Of says whether a case is shown to a line; empty: who sees all lines.
func (c *Case) Of(line string) bool {
	return line == "" || slices.Contains(c.Lines, line) || slices.Contains(c.Lines, EveryLine)
}

// show adds lines to those that see the case. What was told before keeps its own.
func (c *Case) show(lines ...string) {
	c.Lines = slices.Compact(slices.Sorted(slices.Values(slices.Concat(c.Lines, lines))))
}

// Reporter is the person who told the centre. Never in an event, never on a wall.
type Reporter struct {
	Name  string `json:"name,omitempty"`
	Phone string `json:"phone,omitempty"`
	// Masked: name and number are shown in part; who needs them says what for.
	Masked bool `json:"masked,omitempty"`
}

// NewPhoto is a picture that comes with a report or a move: uploaded before (ID), or inline (JPEG or PNG bytes).
type NewPhoto struct {
	Kind string
	ID   string
	Data []byte
}

// Report is what a case begins with.
type Report struct {
	Flow        string
	Class       string
	Condition   string
	Priority    Priority // empty: that of the class
	Title       string
	Description string
	Address     string
	Location    *Location
	Camera      string
	Photos      []NewPhoto
	Reporter    *Reporter
	// Key makes a repeated report the same report; empty: none. Sum is the checksum of the request that the key stands for.
	Key string
	Sum [32]byte
}

// Act is one move with what it brings.
type Act struct {
	Move       string
	Note       string
	Department string
	Rating     *int
	Photos     []NewPhoto
	// Departments get a sub-case each; Until ends a suspension; Case is the one that this is merged into.
	Departments []string
	Until       *time.Time
	Case        int64
	Fields      map[string]int64 // the numbers that the move needs
	// Key makes a repeated move the same move; empty: none. Sum is the checksum of the request that the key stands for.
	Key string
	Sum [32]byte
}

// By is who made a move.
type By struct {
	Name string      `json:"name"`
	Role access.Role `json:"role"`
}

// Entry is one line of a case's timeline.
type Entry struct {
	N              int        `json:"n"`
	At             time.Time  `json:"at"`
	Move           string     `json:"move"`
	From           *string    `json:"from"`
	To             string     `json:"to"`
	By             By         `json:"by"`
	Note           *string    `json:"note"`
	Department     *string    `json:"department"`
	DepartmentName *string    `json:"department_name"`
	Rating         *int       `json:"rating"`
	Photos         []Photo    `json:"photos"`
	ElapsedS       int64      `json:"elapsed_s"` // since the entry before
	Clocks         []Finished `json:"clocks"`    // those that this move stopped
}
