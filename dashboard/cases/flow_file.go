package cases

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"gridwall/dashboard/access"
)

// where remembers the line of a YAML mapping and refuses keys that it does not know.
type where struct{ line int }

func (a *where) decode(n *yaml.Node, into any, keys string) error {
	a.line = n.Line
	if n.Kind != yaml.MappingNode {
		return &FlowError{Line: n.Line, What: "a mapping {key: value} is expected here"}
	}
	for i := 0; i < len(n.Content); i += 2 {
		if key := n.Content[i].Value; !slices.Contains(strings.Fields(keys), key) {
			return &FlowError{Line: n.Content[i].Line, What: fmt.Sprintf("unknown key %q: the keys here are %s", key, keys)}
		}
	}
	return n.Decode(into)
}

type stateFile struct {
	where
	ZH, EN       string
	Step         int
	Final, Fresh bool
	Paused       bool
}

func (s *stateFile) UnmarshalYAML(n *yaml.Node) error {
	type plain stateFile
	return s.decode(n, (*plain)(s), "step zh en final fresh paused")
}

type moveFile struct {
	where
	Move, ZH, EN, To  string
	Third, Auto       string
	From, Needs, Does []string
	When              []string
	Who               []access.Role
	Reply             *Text
}

func (m *moveFile) UnmarshalYAML(n *yaml.Node) error {
	type plain moveFile
	return m.decode(n, (*plain)(m), "move zh en from to who needs does when third auto reply")
}

type apartFile struct {
	where
	One, Other []string
}

func (f *apartFile) UnmarshalYAML(n *yaml.Node) error {
	type plain apartFile
	return f.decode(n, (*plain)(f), "one other")
}

type clockFile struct {
	where
	ZH, EN string
	In     []string
	Limit  string // for all priorities alike
	Limits map[Priority]string
}

func (c *clockFile) UnmarshalYAML(n *yaml.Node) error {
	type plain clockFile
	return c.decode(n, (*plain)(c), "zh en in limit limits")
}

type fieldFile struct {
	where
	ZH, EN, Unit string
	Persons      bool
}

func (f *fieldFile) UnmarshalYAML(n *yaml.Node) error {
	type plain fieldFile
	return f.decode(n, (*plain)(f), "zh en unit persons")
}

type ratingFile struct {
	Value  int
	ZH, EN string
}

type flowFile struct {
	where
	Flow    string
	Edition int
	Name    Text
	Steps   []Text
	Ratings []ratingFile
	States  yaml.Node // a mapping, kept in its order
	Fields  yaml.Node
	Start   moveFile
	Moves   []moveFile
	Apart   []apartFile
	Clocks  yaml.Node
	Matches []string
}

func (f *flowFile) UnmarshalYAML(n *yaml.Node) error {
	type plain flowFile
	return f.decode(n, (*plain)(f), "flow edition name steps ratings states fields start moves apart clocks matches")
}

// ParseFlow reads and checks a flow file. Every error is a *FlowError with the file and the line.
func ParseFlow(name string, text []byte) (*Flow, error) {
	var file flowFile
	err := yaml.Unmarshal(text, &file)
	if err == nil {
		var f *Flow
		if f, err = file.flow(); err == nil {
			f.text, f.file = text, name
			return f, nil
		}
	}
	var fault *FlowError
	if !errors.As(err, &fault) {
		fault = &FlowError{What: err.Error()}
		fmt.Sscanf(fault.What, "yaml: line %d:", &fault.Line)
		fmt.Sscanf(fault.What, "yaml: unmarshal errors:\n  line %d:", &fault.Line)
	}
	fault.File = name
	return nil, fault
}

// flow checks the file and makes the flow.
func (file *flowFile) flow() (*Flow, error) {
	f := &Flow{Flow: file.Flow, Edition: file.Edition, Name: file.Name, Steps: file.Steps, Matches: file.Matches, state: map[string]State{}, lines: map[string]int{}}
	if f.Flow == "" || f.Edition < 1 || f.Name.ZH == "" || f.Name.EN == "" {
		return nil, &FlowError{Line: file.line, What: "flow, edition (from 1) and name {zh, en} must be given"}
	}
	for _, r := range file.Ratings {
		f.Ratings = append(f.Ratings, Rating{r.Value, Text{r.ZH, r.EN}})
	}
	if err := f.readStates(&file.States); err != nil {
		return nil, err
	}
	if err := f.readFields(&file.Fields); err != nil {
		return nil, err
	}
	start, err := f.move(file.Start)
	if err != nil {
		return nil, err
	}
	f.Start = start
	for _, m := range file.Moves {
		move, err := f.move(m)
		if err != nil {
			return nil, err
		}
		if len(m.From) == 0 && m.Move != "" {
			return nil, &FlowError{Line: m.line, What: fmt.Sprintf("move %s leaves no state: give from", m.Move)}
		}
		if _, twice := f.find(m.Move); twice {
			return nil, &FlowError{Line: m.line, What: fmt.Sprintf("move %s is declared twice", m.Move)}
		}
		f.Moves = append(f.Moves, move)
		if move.does.claim && slices.Contains(move.Who, access.Department) {
			f.seenBy = []string{EveryLine}
		}
	}
	if err := f.checkGuards(file.Moves); err != nil {
		return nil, err
	}
	for _, a := range file.Apart {
		for _, name := range slices.Concat(a.One, a.Other) {
			if _, ok := f.find(name); !ok {
				return nil, &FlowError{Line: a.line, What: fmt.Sprintf("apart names move %s, which is not declared", name)}
			}
		}
		f.apart = append(f.apart, apart{a.One, a.Other})
	}
	if err := f.readClocks(&file.Clocks); err != nil {
		return nil, err
	}
	if err := f.checkStages(file.Moves); err != nil {
		return nil, err
	}
	return f, f.reachable()
}

func (f *Flow) readStates(n *yaml.Node) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		var s stateFile
		if err := n.Content[i+1].Decode(&s); err != nil {
			return err
		}
		name := n.Content[i].Value
		switch {
		case s.ZH == "" || s.EN == "":
			return &FlowError{Line: s.line, What: fmt.Sprintf("state %s needs its words in zh and en", name)}
		case s.Step < 1 || s.Step > len(f.Steps):
			return &FlowError{Line: s.line, What: fmt.Sprintf("state %s: step %d is not one of the %d steps", name, s.Step, len(f.Steps))}
		}
		state := State{name, Text{s.ZH, s.EN}, s.Step, s.Final, s.Fresh, s.Paused}
		if _, twice := f.state[name]; twice {
			return &FlowError{Line: s.line, What: fmt.Sprintf("state %s is declared twice", name)}
		}
		f.state[name], f.lines[name] = state, s.line
		f.States = append(f.States, state)
	}
	return nil
}

func (f *Flow) readFields(n *yaml.Node) error {
	f.Fields = []Field{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		var file fieldFile
		if err := n.Content[i+1].Decode(&file); err != nil {
			return err
		}
		if !stageWord.MatchString(name) || file.ZH == "" || file.EN == "" || f.field(name) != nil {
			return &FlowError{Line: n.Content[i].Line, What: fmt.Sprintf("field %q needs its words in zh and en, a name of a to z and _, and only one declaration", name)}
		}
		f.Fields = append(f.Fields, Field{name, Text{file.ZH, file.EN}, file.Unit, file.Persons})
	}
	return nil
}

func (f *Flow) move(m moveFile) (Move, error) {
	fault := func(format string, args ...any) (Move, error) {
		return Move{}, &FlowError{Line: m.line, What: fmt.Sprintf("move %s: ", m.Move) + fmt.Sprintf(format, args...)}
	}
	if m.Move == "" || m.ZH == "" || m.EN == "" {
		return fault("move, zh and en must be given")
	}
	named := slices.Clone(m.From)
	if m.To != "" || len(m.From) == 0 {
		named = append(named, m.To)
	}
	if m.Third != "" {
		named = append(named, m.Third)
	}
	for _, s := range named {
		if _, ok := f.state[s]; !ok {
			return fault("state %q is not declared: the states are %s", s, strings.Join(slices.Sorted(maps.Keys(f.state)), ", "))
		}
	}
	if len(m.Who) == 0 && m.Auto == "" {
		return fault("nobody may make it: give who")
	}
	for _, role := range m.Who {
		if !slices.Contains(access.Roles, role) {
			return fault("role %q is none of %v", role, access.Roles)
		}
	}
	move := Move{Move: m.Move, Name: Text{m.ZH, m.EN}, From: m.From, To: m.To, Who: m.Who, Third: m.Third, Auto: m.Auto, reply: m.Reply}
	move.words.needs, move.words.does, move.words.when = m.Needs, m.Does, m.When
	if move.Who == nil {
		move.Who = []access.Role{}
	}
	if r := m.Reply; r != nil && (r.ZH == "" || r.EN == "") {
		return fault("reply needs its words in zh and en")
	}
	if err := move.readDoes(m.Does); err != nil {
		return fault("%v", err)
	}
	for _, text := range m.When {
		g, err := parseGuard(text)
		if err != nil {
			return fault("%v", err)
		}
		move.when = append(move.when, g)
	}
	for _, need := range m.Needs {
		if field, ok := strings.CutPrefix(need, "field "); ok {
			if f.field(field) == nil {
				return fault("it needs field %q, which is not declared", field)
			}
			move.Needs.Fields = append(move.Needs.Fields, field)
			continue
		}
		switch need {
		case "note":
			move.Needs.Note = true
		case "department":
			move.Needs.Department = true
		case "rating":
			move.Needs.Rating = true
		case "departments":
			move.Needs.Departments = true
		case "until":
			move.Needs.Until = true
		case "case":
			move.Needs.Case = true
		case "photo near", "photo far", "photo before", "photo after":
			kind := strings.TrimPrefix(need, "photo ")
			move.Needs.Photo = &kind
		default:
			return fault("it cannot need %q: note, department, departments, until, case, rating, field FIELD, photo near, photo far, photo before or photo after", need)
		}
	}
	switch {
	case move.does.opens != "" && !move.Needs.Departments:
		return fault("it opens sub-cases and must need departments")
	case move.does.merge && !move.Needs.Case:
		return fault("it merges and must need case")
	case move.does.opens != "" && move.does.sends != "":
		return fault("it opens sub-cases for departments or sends one to an officer, not both")
	case move.does.standIn != (move.Auto == "absent"):
		return fault("stand in is what the engine does, and all that it does, where one is absent: say both, or neither")
	case move.Auto != "" && (len(m.Needs) > 0 || move.does.opens != "" || move.does.sends != ""):
		return fault("what the engine makes by itself can need nothing and open nothing")
	}
	if part := move.does.opens + move.does.sends; part != "" {
		f.opens = append(f.opens, opening{part, m.line})
	}
	return move, nil
}

// stageNames are the words of the usual clocks; others bring their own.
var stageNames = map[string]Text{
	"verify": {"核实", "Verify"}, "dispatch": {"派遣", "Dispatch"}, "sign": {"签收", "Sign"}, "handle": {"处置", "Handle"}, "check": {"核查", "Check"}, "total": {"全程", "Total"},
}

var stageWord = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)

func (f *Flow) readClocks(n *yaml.Node) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		stage := n.Content[i].Value
		var c clockFile
		if err := n.Content[i+1].Decode(&c); err != nil {
			return err
		}
		words := Text{c.ZH, c.EN}
		if words == (Text{}) {
			words = stageNames[stage]
		}
		if !stageWord.MatchString(stage) || words.ZH == "" || words.EN == "" {
			return &FlowError{Line: n.Content[i].Line, What: fmt.Sprintf("clock %q is none of %v: give it its words in zh and en, and a name of a to z and _", stage, slices.Sorted(maps.Keys(stageNames)))}
		}
		if slices.ContainsFunc(f.clocks, func(k flowClock) bool { return k.stage == stage }) {
			return &FlowError{Line: n.Content[i].Line, What: fmt.Sprintf("clock %s is declared twice", stage)}
		}
		f.Stages = append(f.Stages, Stage{stage, words})
		clock := flowClock{stage: stage, in: c.In, limits: map[Priority]Limit{}}
		for _, s := range c.In {
			if state, ok := f.state[s]; !ok || state.Final {
				return &FlowError{Line: c.line, What: fmt.Sprintf("clock %s runs in %q, which is not a declared state that can be left", stage, s)}
			}
		}
		for _, p := range Priorities {
			words, ok := c.Limits[p]
			if !ok {
				words = c.Limit
			}
			limit, err := ParseLimit(words)
			if err != nil {
				return &FlowError{Line: c.line, What: fmt.Sprintf("clock %s, limit of %s: %v", stage, p, err)}
			}
			clock.limits[p] = limit
		}
		f.clocks = append(f.clocks, clock)
	}
	return nil
}

// reachable checks that every state can be come to, and that every state that is not final can be left.
func (f *Flow) reachable() error {
	seen := map[string]bool{f.Start.To: true}
	for grew := true; grew; {
		grew = false
		for _, m := range f.Moves {
			for _, from := range m.From {
				for _, to := range []string{m.To, m.Third} {
					if to != "" && seen[from] && !seen[to] {
						seen[to], grew = true, true
					}
				}
			}
		}
	}
	for _, s := range f.States {
		if !seen[s.State] {
			return &FlowError{Line: f.lines[s.State], What: fmt.Sprintf("no move leads to state %s", s.State)}
		}
		leaves := slices.ContainsFunc(f.Moves, func(m Move) bool { return slices.Contains(m.From, s.State) && m.To != "" && m.To != s.State })
		if !s.Final && !leaves {
			return &FlowError{Line: f.lines[s.State], What: fmt.Sprintf("state %s cannot be left: give it a move, or say final: true", s.State)}
		}
	}
	return nil
}
