package alarms

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed rules.yaml
var shippedRules []byte

// Text is said in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Priority is how soon somebody must answer. About 5, 15 and 80 of a hundred alarms should be high, medium and low.
type Priority string

const (
	High   Priority = "high"   // 高
	Medium Priority = "medium" // 中
	Low    Priority = "low"    // 低
)

// Priorities, the most pressing first.
var Priorities = []Priority{High, Medium, Low}

// Tones that a rule can have.
var tones = []string{"high", "medium", "low", "none"}

// Source is what a rule looks at.
type Source string

const (
	Overdue Source = "overdue" // cases with a running clock past due
	Group   Source = "group"   // cameras dark together
	Camera  Source = "camera"  // one camera on a wall's strip
	Screen  Source = "screen"  // a wall's screen
	Cases   Source = "cases"   // many cases of one class or in one grid
	Fence   Source = "fence"   // an officer outside the grid of his account
	SOS     Source = "sos"     // an officer calls for help
	Sensor  Source = "sensor"  // a program reports
)

// keys that a rule of each source can have beside rule, zh, en, source, priority, tone and escalate.
var keys = map[Source]string{
	Overdue: "cases off_delay",
	Group:   "at_least within off_delay",
	Camera:  "on_delay off_delay",
	Screen:  "silent off_delay",
	Cases:   "same at_least deadband within radius_m on_delay off_delay",
	Fence:   "radius_m on_delay off_delay",
	SOS:     "",
	Sensor:  "",
}

// Rule says what raises an alarm, and how pressing it is.
type Rule struct {
	Rule     string
	Name     Text
	Source   Source
	Priority Priority
	Tone     string
	Escalate time.Duration // unacknowledged for so long, it goes to the duty leader; 0: never

	AtLeast  int
	Deadband int // how far below AtLeast the number must fall
	Within   time.Duration
	RadiusM  float64
	Same     string   // class or grid
	Cases    []string // priorities of cases
	Silent   time.Duration
	OnDelay  time.Duration
	OffDelay time.Duration
}

// Rules are those of a site.
type Rules struct {
	Desks int // how many desks share the alarms
	list  []Rule
}

// Find is the rule of that name.
func (r *Rules) Find(name string) (Rule, bool) {
	i := slices.IndexFunc(r.list, func(rule Rule) bool { return rule.Rule == name })
	if i < 0 {
		return Rule{}, false
	}
	return r.list[i], true
}

// of are the names of the rules of a source.
func (r *Rules) of(s Source) (names []string) {
	for _, rule := range r.list {
		if rule.Source == s {
			names = append(names, rule.Rule)
		}
	}
	return names
}

// RuleError says what is wrong with a file of rules, and where.
type RuleError struct {
	File string
	Line int
	What string
}

func (e *RuleError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What) }

// duration is written like 30s, 5m or 1h.
type duration time.Duration

func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 || v > 24*time.Hour {
		return &RuleError{Line: n.Line, What: fmt.Sprintf("%q is not a time of at most 24 h like 30s, 5m or 1h", n.Value)}
	}
	*d = duration(v)
	return nil
}

type ruleFile struct {
	line                     int
	given                    []string
	Rule, ZH, EN, Tone, Same string
	Source                   Source
	Priority                 Priority
	Escalate, Within, Silent duration
	AtLeast                  int      `yaml:"at_least"`
	Deadband                 int      `yaml:"deadband"`
	RadiusM                  float64  `yaml:"radius_m"`
	OnDelay                  duration `yaml:"on_delay"`
	OffDelay                 duration `yaml:"off_delay"`
	Cases                    []string
}

func (f *ruleFile) UnmarshalYAML(n *yaml.Node) error {
	type plain ruleFile
	f.line = n.Line
	if n.Kind != yaml.MappingNode {
		return &RuleError{Line: n.Line, What: "a mapping {key: value} is expected here"}
	}
	for i := 0; i < len(n.Content); i += 2 {
		f.given = append(f.given, n.Content[i].Value)
	}
	return n.Decode((*plain)(f))
}

// ParseRules reads and checks a file of rules. Every error is a *RuleError with the file and the line.
func ParseRules(name string, text []byte) (*Rules, error) {
	rules, err := parseRules(text)
	if err == nil {
		return rules, nil
	}
	var fault *RuleError
	if !errors.As(err, &fault) {
		fault = &RuleError{What: err.Error()}
		fmt.Sscanf(fault.What, "yaml: line %d:", &fault.Line)
		fmt.Sscanf(fault.What, "yaml: unmarshal errors:\n  line %d:", &fault.Line)
	}
	fault.File = name
	return nil, fault
}

func parseRules(text []byte) (*Rules, error) {
	var file struct {
		Edition int
		Desks   int
		Rules   []ruleFile
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	if file.Edition < 1 || file.Desks < 1 || len(file.Rules) == 0 {
		return nil, &RuleError{Line: 1, What: "edition (from 1), desks (from 1) and rules must be given"}
	}
	rules := &Rules{Desks: file.Desks}
	for _, f := range file.Rules {
		rule, err := f.rule()
		if err != nil {
			return nil, err
		}
		if _, twice := rules.Find(rule.Rule); twice {
			return nil, f.fault("it is declared twice")
		}
		rules.list = append(rules.list, rule)
	}
	for _, source := range []Source{SOS, Sensor} {
		if rules.of(source) == nil {
			return nil, &RuleError{Line: 1, What: fmt.Sprintf("one rule of source %s is needed: what is reported must not be lost", source)}
		}
	}
	return rules, nil
}

func (f *ruleFile) fault(format string, args ...any) error {
	return &RuleError{Line: f.line, What: fmt.Sprintf("rule %s: ", f.Rule) + fmt.Sprintf(format, args...)}
}

// rule checks one rule.
func (f *ruleFile) rule() (Rule, error) {
	own, known := keys[f.Source]
	if f.Rule == "" || f.ZH == "" || f.EN == "" {
		return Rule{}, f.fault("rule, zh and en must be given")
	}
	if !known {
		return Rule{}, f.fault("source %q is none of overdue, group, camera, screen, cases, fence, sos, sensor", f.Source)
	}
	allowed := strings.Fields("rule zh en source priority tone escalate " + own)
	for _, key := range f.given {
		if !slices.Contains(allowed, key) {
			return Rule{}, f.fault("unknown key %q: the keys of source %s are %s", key, f.Source, strings.Join(allowed, " "))
		}
	}
	if f.Tone == "" {
		f.Tone = string(f.Priority)
	}
	needed := map[Source][]string{Overdue: {"cases"}, Group: {"at_least", "within"}, Screen: {"silent"}, Cases: {"same", "at_least", "within"}}[f.Source]
	for _, key := range needed {
		if !slices.Contains(f.given, key) {
			return Rule{}, f.fault("%s must be given for source %s", key, f.Source)
		}
	}
	switch {
	case !slices.Contains(Priorities, f.Priority):
		return Rule{}, f.fault("priority %q is none of high, medium, low", f.Priority)
	case !slices.Contains(tones, f.Tone):
		return Rule{}, f.fault("tone %q is none of high, medium, low, none", f.Tone)
	case f.Priority == High && f.Tone != "high":
		return Rule{}, f.fault("a high alarm has the tone high: it cannot be muted")
	case slices.Contains(needed, "at_least") && f.AtLeast < 2:
		return Rule{}, f.fault("at_least is 2 or more")
	case f.Deadband < 0 || f.Deadband >= max(f.AtLeast, 1):
		return Rule{}, f.fault("deadband is at least 0 and under at_least")
	case slices.Contains(needed, "within") && f.Within == 0, slices.Contains(needed, "silent") && f.Silent == 0:
		return Rule{}, f.fault("a time over 0 is needed")
	case f.Source == Cases && f.Same != "class" && f.Same != "grid":
		return Rule{}, f.fault("same is class or grid")
	case f.Source == Fence && (f.RadiusM < 0 || f.RadiusM > 1000):
		return Rule{}, f.fault("radius_m is at least 0 and at most 1000")
	case f.Source == Fence:
	case f.Same == "class" && (f.RadiusM <= 0 || f.RadiusM > 1000), f.Same == "grid" && f.RadiusM != 0:
		return Rule{}, f.fault("radius_m, over 0 and at most 1000, goes with same: class, and with nothing else")
	}
	for _, p := range f.Cases {
		if !slices.Contains([]string{"critical", "urgent", "normal", "advice"}, p) {
			return Rule{}, f.fault("cases of priority %q are not known: critical, urgent, normal, advice", p)
		}
	}
	return Rule{Rule: f.Rule, Name: Text{f.ZH, f.EN}, Source: f.Source, Priority: f.Priority, Tone: f.Tone, Escalate: time.Duration(f.Escalate),
		AtLeast: f.AtLeast, Deadband: f.Deadband, Within: time.Duration(f.Within), RadiusM: f.RadiusM, Same: f.Same, Cases: f.Cases,
		Silent: time.Duration(f.Silent), OnDelay: time.Duration(f.OnDelay), OffDelay: time.Duration(f.OffDelay)}, nil
}
