package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"gridwall/assets"
	"gridwall/dashboard/access"
	"gridwall/geo/geotest"
)

const scenarioUsage = `scenario run FILE [flags]

FILE is a scenario file, or the name of a shipped one (sc-1). Without --demo a server of its own is started with the demo
town and an empty desk; with --demo=DATA-DIR/demo.json the server of that file is used. Its clock must be settable.
`

func scenario(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("scenario", scenarioUsage)
	demoFile := flags.String("demo", "", "demo.json of a running server")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 2 || rest[0] != "run" {
		flags.Usage()
		return exitStatus(2)
	}
	story, err := readStory(rest[1])
	if err != nil {
		return err
	}
	if *demoFile != "" {
		w, err := readWorld(*demoFile)
		if err != nil {
			return err
		}
		if w == nil {
			return fmt.Errorf("there is no file %s: start a demo first", *demoFile)
		}
		return story.run(ctx, w, os.Stdout)
	}
	dir, err := os.MkdirTemp("", "gridwall-scenario-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the user postgres must get in
		return err
	}
	s.dataDir, s.addr, s.rtspAddr, s.database = dir, "127.0.0.1:0", "off", ""
	server, err := start(ctx, s, true, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	w, _, err := settle(ctx, server, geotest.New(townSeed), func(string) {})
	if err == nil {
		err = story.run(ctx, w, os.Stdout)
	}
	return errors.Join(err, server.halt())
}

// story is a scenario file.
type story struct {
	Scenario  string
	Title     struct{ ZH, EN string }
	Zone      string
	Steps     []storyStep
	Intervals []struct{ From, To, Is string }
	Clocks    []struct {
		Stage, Due, Limit, Used, Late, Light string
		Share                                float64 // per cent of the limit that was used
	}

	file string
	zone *time.Location
}

type storyStep struct {
	At     string
	Who    access.Role
	Report *struct {
		Title, Description, Class, Priority, Near string
		Photos                                    []string
	}
	Move, Note, Department string
	Rating                 *int
	Photos                 []string
	Refused                int
	Expect                 struct {
		State, Grid string
		Lights      map[string]string
	}

	line int
}

func (s *storyStep) UnmarshalYAML(n *yaml.Node) error {
	type plain storyStep
	s.line = n.Line
	return n.Decode((*plain)(s))
}

// readStory reads a file, or the shipped scenario of that name.
func readStory(name string) (*story, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if shipped, found := fs.ReadFile(assets.Scenarios(), strings.TrimSuffix(filepath.Base(name), ".yaml")+".yaml"); found == nil {
			text, err = shipped, nil
		}
	}
	if err != nil {
		return nil, err
	}
	s := &story{file: name}
	if err := yaml.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if s.zone, err = time.LoadLocation(s.Zone); err != nil {
		return nil, fmt.Errorf("%s: zone: %w", name, err)
	}
	return s, nil
}

func (s *story) time(text string) (time.Time, error) {
	for _, form := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(form, text, s.zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time like 2018-12-24 15:05", text)
}

// told is a case as the API tells it.
type told struct {
	State    string
	GridName string `json:"grid_name"`
	Clocks   []struct {
		Stage  string
		WarnAt time.Time `json:"warn_at"`
		DueAt  time.Time `json:"due_at"`
	}
}

// player is a run of a story.
type player struct {
	*story
	world   *world
	admin   *client
	clients map[access.Role]*client
	caseID  int64
	names   map[string]string // of moves and states, in Chinese
	photo   string
}

// run plays the story against a server, prints its timeline, and returns what was not as the file says.
func (s *story) run(ctx context.Context, w *world, out io.Writer) error {
	p := &player{story: s, world: w, admin: withToken(w.URL, w.Token), clients: map[access.Role]*client{}, names: map[string]string{}}
	var err error
	if p.photo, err = plainPhoto(); err != nil {
		return err
	}
	if err := p.learnNames(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %s\n", s.Scenario, s.Title.ZH)
	err = func() error {
		for i := range s.Steps {
			if err := p.step(ctx, &s.Steps[i]); err != nil {
				return fmt.Errorf("%s:%d: %w", s.file, s.Steps[i].line, err)
			}
		}
		return p.judge(ctx, out)
	}()
	return errors.Join(err, p.admin.do(context.WithoutCancel(ctx), "DELETE", "/api/v1/clock", nil, nil))
}

func (p *player) learnNames(ctx context.Context) error {
	type named struct {
		State, Move string
		Name        struct{ ZH string }
	}
	var flow struct {
		States, Moves []named
		Start         named
	}
	if err := p.admin.do(ctx, "GET", "/api/v1/flows/incident", nil, &flow); err != nil {
		return err
	}
	for _, n := range slices.Concat(flow.States, flow.Moves, []named{flow.Start}) {
		p.names[n.State+n.Move] = n.Name.ZH
	}
	return nil
}

// as speaks as the account of a role.
func (p *player) as(ctx context.Context, role access.Role) (*client, error) {
	if c := p.clients[role]; c != nil {
		return c, nil
	}
	a, err := p.world.account(role)
	if err != nil {
		return nil, err
	}
	c, err := signIn(ctx, p.world.URL, a.Username, a.Password)
	p.clients[role] = c
	return c, err
}

func (p *player) step(ctx context.Context, s *storyStep) error {
	at, err := p.time(s.At)
	if err != nil {
		return err
	}
	if err := p.admin.do(ctx, "PUT", "/api/v1/clock", map[string]time.Time{"now": at}, nil); err != nil {
		return err
	}
	if s.Report != nil || s.Move != "" {
		err := p.act(ctx, s)
		var refused *answerError
		switch {
		case s.Refused != 0 && !errors.As(err, &refused):
			return fmt.Errorf("%s by %s was to be refused with %d, got: %v", s.Move, s.Who, s.Refused, err)
		case s.Refused != 0 && refused.Status != s.Refused:
			return fmt.Errorf("%s by %s was to be refused with %d, got: %w", s.Move, s.Who, s.Refused, err)
		case s.Refused == 0 && err != nil:
			return err
		}
	}
	return p.look(ctx, at, s)
}

func (p *player) act(ctx context.Context, s *storyStep) error {
	c, err := p.as(ctx, s.Who)
	if err != nil {
		return err
	}
	if s.Report != nil {
		location, err := p.find(ctx, s.Report.Near)
		if err != nil {
			return err
		}
		body := map[string]any{"flow": "incident", "title": s.Report.Title, "description": s.Report.Description, "class": s.Report.Class,
			"priority": s.Report.Priority, "address": s.Report.Near, "location": location, "photos": p.pictures(s.Report.Photos)}
		var made struct{ ID int64 }
		err = c.do(ctx, "POST", "/api/v1/cases", body, &made)
		p.caseID = made.ID
		return err
	}
	body := map[string]any{"move": s.Move, "note": s.Note, "rating": s.Rating, "photos": p.pictures(s.Photos)}
	if s.Department != "" {
		if body["department"], err = p.department(ctx, s.Department); err != nil {
			return err
		}
	}
	return c.do(ctx, "POST", fmt.Sprintf("/api/v1/cases/%d/moves", p.caseID), body, nil)
}

func (p *player) pictures(kinds []string) []map[string]string {
	out := []map[string]string{}
	for _, kind := range kinds {
		out = append(out, map[string]string{"kind": kind, "data": p.photo})
	}
	return out
}

// find asks the server where a place is.
func (p *player) find(ctx context.Context, name string) (map[string]float64, error) {
	var answer struct {
		Results []struct {
			Name     string
			Location map[string]float64
		}
	}
	if err := p.admin.do(ctx, "GET", "/api/v1/search?q="+url.QueryEscape(name), nil, &answer); err != nil {
		return nil, err
	}
	for _, r := range answer.Results {
		if r.Name == name {
			return r.Location, nil
		}
	}
	return nil, fmt.Errorf("the server knows no place %q", name)
}

func (p *player) department(ctx context.Context, name string) (string, error) {
	var answer struct {
		Departments []struct{ Code, Name string }
	}
	if err := p.admin.do(ctx, "GET", "/api/v1/departments", nil, &answer); err != nil {
		return "", err
	}
	for _, d := range answer.Departments {
		if d.Name == name {
			return d.Code, nil
		}
	}
	return "", fmt.Errorf("the server knows no department %q", name)
}

// look compares the case with what the step expects.
func (p *player) look(ctx context.Context, at time.Time, s *storyStep) error {
	var c told
	if err := p.admin.do(ctx, "GET", fmt.Sprintf("/api/v1/cases/%d", p.caseID), nil, &c); err != nil {
		return err
	}
	if s.Expect.State != "" && c.State != s.Expect.State {
		return fmt.Errorf("the state is %s, want %s", c.State, s.Expect.State)
	}
	if !strings.Contains(c.GridName, s.Expect.Grid) {
		return fmt.Errorf("the grid is %s, want %s", c.GridName, s.Expect.Grid)
	}
	for stage, want := range s.Expect.Lights {
		got := "no such clock runs"
		for _, k := range c.Clocks {
			if k.Stage != stage {
				continue
			}
			switch {
			case at.Before(k.WarnAt):
				got = "green"
			case at.Before(k.DueAt):
				got = "yellow"
			default:
				got = "red"
			}
		}
		if got != want {
			return fmt.Errorf("at %s the light of %s is %s, want %s", s.At, stage, got, want)
		}
	}
	return nil
}

type toldEntry struct {
	At       time.Time
	Move, To string
	By       struct{ Name string }
	Note     *string
	ElapsedS int64 `json:"elapsed_s"`
	Clocks   []toldClock
}

type toldClock struct {
	Stage, Light string
	DueAt        time.Time `json:"due_at"`
	LimitS       int64     `json:"limit_s"`
	UsedS        int64     `json:"used_s"`
	LateS        int64     `json:"late_s"`
}

// judge prints the timeline and compares intervals and clocks.
func (p *player) judge(ctx context.Context, out io.Writer) error {
	var timeline struct{ Entries []toldEntry }
	if err := p.admin.do(ctx, "GET", fmt.Sprintf("/api/v1/cases/%d/timeline", p.caseID), nil, &timeline); err != nil {
		return err
	}
	at := map[string]time.Time{}
	clocks := map[string]toldClock{}
	for _, e := range timeline.Entries {
		at[e.Move] = e.At
		fmt.Fprintf(out, "  %s  +%-8s %s → %s  %s", e.At.In(p.zone).Format("2006-01-02 15:04"), spoken(time.Duration(e.ElapsedS)*time.Second), p.names[e.Move], p.names[e.To], e.By.Name)
		if e.Note != nil {
			fmt.Fprintf(out, "  “%s”", *e.Note)
		}
		fmt.Fprintln(out)
		for _, k := range e.Clocks {
			clocks[k.Stage] = k
			fmt.Fprintf(out, "      clock %-8s %-6s used %s of %s (%.1f %%), due %s, late %s\n", k.Stage, k.Light, spoken(seconds(k.UsedS)), spoken(seconds(k.LimitS)),
				share(k), k.DueAt.In(p.zone).Format("2006-01-02 15:04"), spoken(seconds(k.LateS)))
		}
	}
	var wrong []error
	check := func(what, got, want string) {
		mark := "✓"
		if got != want {
			mark = "✗"
			wrong = append(wrong, fmt.Errorf("%s: %s is %s, want %s", p.file, what, got, want))
		}
		fmt.Fprintf(out, "  %s %s: %s\n", mark, what, got)
	}
	for _, i := range p.Intervals {
		want, err := time.ParseDuration(i.Is)
		if err != nil {
			return fmt.Errorf("%s: intervals: %w", p.file, err)
		}
		check(i.From+" to "+i.To, spoken(at[i.To].Sub(at[i.From])), spoken(want))
	}
	for _, k := range p.Clocks {
		got := clocks[k.Stage]
		check(k.Stage+" light", got.Light, k.Light)
		due, err := p.time(k.Due)
		if err != nil {
			return fmt.Errorf("%s: clocks: %w", p.file, err)
		}
		check(k.Stage+" due", got.DueAt.In(p.zone).Format(time.DateTime), due.Format(time.DateTime))
		for _, d := range []struct {
			what, want string
			got        int64
		}{{"limit", k.Limit, got.LimitS}, {"used", k.Used, got.UsedS}, {"late", k.Late, got.LateS}} {
			if d.want == "" {
				continue
			}
			want, err := time.ParseDuration(d.want)
			if err != nil {
				return fmt.Errorf("%s: clocks: %w", p.file, err)
			}
			check(k.Stage+" "+d.what, spoken(seconds(d.got)), spoken(want))
		}
		if k.Share != 0 {
			check(k.Stage+" share", fmt.Sprintf("%.1f %%", share(got)), fmt.Sprintf("%.1f %%", k.Share))
		}
	}
	return errors.Join(wrong...)
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

func share(k toldClock) float64 { return float64(k.UsedS) * 100 / float64(max(k.LimitS, 1)) }

// spoken writes a duration as the centre says it: 2 d 0 h 13 min.
func spoken(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	minutes := int(d.Minutes())
	switch {
	case minutes >= 48*60:
		return fmt.Sprintf("%d d %d h %d min", minutes/1440, minutes/60%24, minutes%60)
	case minutes >= 60:
		return fmt.Sprintf("%d h %02d min", minutes/60, minutes%60)
	}
	return fmt.Sprintf("%d min", minutes)
}
