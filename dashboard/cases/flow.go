package cases

import (
	"embed"
	"fmt"
	"slices"

	"gridwall/dashboard/access"
)

//go:embed flows/*.yaml
var flowFiles embed.FS

// Text is said in both languages.
type Text struct {
	ZH string `json:"zh" yaml:"zh"`
	EN string `json:"en" yaml:"en"`
}

// Needs is what a move must bring.
type Needs struct {
	Note       bool    `json:"note"`
	Department bool    `json:"department"`
	Photo      *string `json:"photo"` // the kind, or null
	Rating     bool    `json:"rating"`
	// Departments: one or more, each gets a sub-case. Until: when a suspension ends. Case: the one that this is merged into.
	Departments bool `json:"departments,omitempty"`
	Until       bool `json:"until,omitempty"`
	Case        bool `json:"case,omitempty"`
	// Fields are the numbers that it fills in.
	Fields []string `json:"fields,omitempty"`
}

// State is where a case can be.
type State struct {
	State string `json:"state"`
	Name  Text   `json:"name"`
	Step  int    `json:"step"`  // 1 to 6 of the loop
	Final bool   `json:"final"` // nothing runs any more
	Fresh bool   `json:"fresh"` // nobody has looked at it yet
	// Paused states stop the clocks that run in them; they go on when the case leaves.
	Paused bool `json:"paused,omitempty"`
}

// Move is a way from one state to another; without To the case stays where it is.
type Move struct {
	Move  string        `json:"move"`
	Name  Text          `json:"name"`
	From  []string      `json:"from"`
	To    string        `json:"to"`
	Who   []access.Role `json:"who"`
	Needs Needs         `json:"needs"`
	Third string        `json:"third,omitempty"` // where the third return of a case leads
	Auto  string        `json:"auto,omitempty"`  // when the engine makes it: overdue STAGE, subcases closed, until, absent

	does  does
	when  []guard
	reply *Text
	words struct{ needs, does, when []string } // as the file has them
}

// Rating is one mark that can be given.
type Rating struct {
	Value int  `json:"value"`
	Name  Text `json:"name"`
}

// Flow is a declared flow: every permitted move comes from it and from nowhere else.
type Flow struct {
	Flow    string   `json:"flow"`
	Edition int      `json:"edition"`
	Name    Text     `json:"name"`
	Steps   []Text   `json:"steps"`
	States  []State  `json:"states"`
	Start   Move     `json:"start"`
	Moves   []Move   `json:"moves"`
	Ratings []Rating `json:"ratings"`

	// Fields are the numbers that cases of the flow carry.
	Fields []Field `json:"fields"`
	// Matches are the flows whose open cases of the same class in the same community are shown with a case.
	Matches []string `json:"matches,omitempty"`
	// Stages are the clocks in their order.
	Stages []Stage `json:"stages"`

	seenBy []string // the lines that see every case of it
	state  map[string]State
	lines  map[string]int // of states
	apart  []apart
	clocks []flowClock
	text   []byte
	file   string
	opens  []opening
}

// Field is a number that a case carries: whole, from 0, in its unit.
type Field struct {
	Field string `json:"field"`
	Name  Text   `json:"name"`
	Unit  string `json:"unit"` // CNY, m², … or empty: how many
	// Persons are counted: a sum under five tells who they are, and is hidden.
	Persons bool `json:"persons,omitempty"`
}

// Stage is a clock's name and words.
type Stage struct {
	Stage string `json:"stage"`
	Name  Text   `json:"name"`
}

type apart struct{ one, other []string }

type flowClock struct {
	stage  string
	in     []string
	limits map[Priority]Limit
}

// FlowError says what is wrong with a flow file, and where.
type FlowError struct {
	File string
	Line int
	What string
}

func (e *FlowError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What) }

// field is the declared field of that name; nil: there is none.
func (f *Flow) field(name string) *Field {
	i := slices.IndexFunc(f.Fields, func(d Field) bool { return d.Field == name })
	if i < 0 {
		return nil
	}
	return &f.Fields[i]
}

// find is the declared move of that name.
func (f *Flow) find(name string) (Move, bool) {
	i := slices.IndexFunc(f.Moves, func(m Move) bool { return m.Move == name })
	if i < 0 {
		return Move{}, false
	}
	return f.Moves[i], true
}
