package main

import (
	"cmp"
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
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	"gridwall/assets"
	"gridwall/dashboard/access"
	"gridwall/geo/geotest"
)

const scenarioUsage = `scenario run FILE... [flags]

FILE is a scenario file, the name of a shipped one (sc-1), or all. Without --demo a server of its own is started with the demo
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
	if len(rest) < 2 || rest[0] != "run" {
		flags.Usage()
		return exitStatus(2)
	}
	names := rest[1:]
	if len(names) == 1 && names[0] == "all" {
		if names, err = fs.Glob(assets.Scenarios(), "*.yaml"); err != nil {
			return err
		}
	}
	stories := make([]*story, len(names))
	for i, name := range names {
		if stories[i], err = readStory(name); err != nil {
			return err
		}
	}
	play := func(w *world) (err error) {
		for _, s := range stories {
			err = errors.Join(err, s.run(ctx, w, os.Stdout))
		}
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
		return play(w)
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
		err = play(w)
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
	Of     string // the department whose account it is; empty: the one that demo.json names
	Camera *struct {
		Name, Near string
	} // one is put up that looks at the place
	Sees   string // a camera of this name is linked to the case: it shows the place
	Report *struct {
		Flow, Title, Description, Class, Priority, Near, Camera string
		Photos                                                  []string
		Times                                                   int // that many at once
	}
	Case                   string // the one that is meant, by the name that its report gave; empty: the last
	Part                   string // its sub-case of this department
	Each                   int    // the move is made on so many of the cases of the last report of many
	Move, Note, Department string
	Departments            []string // of the sub-cases that the move opens
	Until, Into            string
	Times                  int // that many at once: one wins, the others are told who
	Rating                 *int
	Photos                 []string
	Fields                 map[string]int64
	Refused                int
	Says                   string // what the refusal is to say
	Expect                 struct {
		State, Grid, Told string
		Lights            map[string]string
		Parts, Returns    *int
		Fields            map[string]int64
		Camera            string
		Repeat, Same      *int   // cases of the class at the place in 30 days; those that it may be merged into
		Advised           string // the department that it is for
		Officers          bool   // somebody on duty is near
		Matches           []string
		Sums              *struct{ Cases, Done int }
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
	State, Flow string
	Fields      map[string]int64
	Camera      *string
	Repeat      int
	Same        []struct{ ID int64 }
	Advice      []struct{ Name string }
	Officers    []struct{ Name string }
	Matches     []struct{ Title string }
	Number      string
	Returns     int
	GridName    string `json:"grid_name"`
	Subcases    []struct {
		ID         int64
		Department string
	}
	Answers []struct{ Text struct{ ZH string } }
	Clocks  []struct {
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
	clients map[string]*client // by username
	many    []int64            // the cases of the last report of many
	caseID  int64
	cases   map[string]int64  // by the names that the file gives them
	names   map[string]string // of moves and states, in Chinese
	photo   string
}

// run plays the story against a server, prints its timeline, and returns what was not as the file says.
func (s *story) run(ctx context.Context, w *world, out io.Writer) error {
	p := &player{story: s, world: w, admin: withToken(w.URL, w.Token), clients: map[string]*client{}, cases: map[string]int64{}, names: map[string]string{}}
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
	var all struct {
		Flows []struct {
			Flow          string
			States, Moves []named
			Start         named
		}
	}
	if err := p.admin.do(ctx, "GET", "/api/v1/flows", nil, &all); err != nil {
		return err
	}
	for _, f := range all.Flows {
		for _, n := range slices.Concat(f.States, f.Moves, []named{f.Start}) {
			p.names[f.Flow+" "+n.State+n.Move] = n.Name.ZH
		}
	}
	return nil
}

// as speaks as the account of a role, or of a department.
func (p *player) as(ctx context.Context, role access.Role, of string) (*client, error) {
	a, err := p.world.account(role)
	if err != nil {
		return nil, err
	}
	if of != "" && of != a.department {
		code, err := p.department(ctx, of)
		if err != nil {
			return nil, err
		}
		a.Username = handler(code)
	}
	if c := p.clients[a.Username]; c != nil {
		return c, nil
	}
	c, err := signIn(ctx, p.world.URL, a.Username, a.Password)
	if err != nil {
		return nil, err
	}
	p.clients[a.Username] = c
	return c, nil
}

// putUp puts up a camera beside a place that looks at it.
func (p *player) putUp(ctx context.Context, name, near string) error {
	at, err := p.find(ctx, near)
	if err != nil {
		return err
	}
	const south = 0.0003 // of latitude: about 33 m
	camera := map[string]any{"id": "scenario-" + p.Scenario, "name": name, "url": "rtsp://192.0.2.1/high", "lon": at["lon"], "lat": at["lat"] - south, "bearing": 0, "angle": 90, "range_m": 300, "height_m": 30}
	return p.admin.do(ctx, "POST", "/api/v1/cameras", camera, nil)
}

// link says that a camera shows the case's place.
func (p *player) link(ctx context.Context, s *storyStep) error {
	c, err := p.as(ctx, s.Who, s.Of)
	if err != nil {
		return err
	}
	var file struct{ Location map[string]float64 }
	if err := c.do(ctx, "GET", fmt.Sprintf("/api/v1/cases/%d", p.caseID), nil, &file); err != nil {
		return err
	}
	camera, err := p.seenBy(ctx, c, s.Sees, file.Location)
	if err != nil {
		return err
	}
	return c.do(ctx, "POST", fmt.Sprintf("/api/v1/cases/%d/cameras/%s", p.caseID, camera), map[string]bool{"sees": true}, nil)
}

// seenBy is the id of the camera of that name that shows the place.
func (p *player) seenBy(ctx context.Context, c *client, name string, at map[string]float64) (string, error) {
	var near struct {
		Cameras []struct{ ID, Name string }
	}
	if err := c.do(ctx, "GET", fmt.Sprintf("/api/v1/cameras/near?lon=%f&lat=%f&limit=50", at["lon"], at["lat"]), nil, &near); err != nil {
		return "", err
	}
	for _, camera := range near.Cameras {
		if camera.Name == name {
			return camera.ID, nil
		}
	}
	return "", fmt.Errorf("the server names %d cameras near the place, and not %s", len(near.Cameras), name)
}

func (p *player) step(ctx context.Context, s *storyStep) error {
	at, err := p.time(s.At)
	if err != nil {
		return err
	}
	if err := p.admin.do(ctx, "PUT", "/api/v1/clock", map[string]time.Time{"now": at}, nil); err != nil {
		return err
	}
	if s.Camera != nil {
		return p.putUp(ctx, s.Camera.Name, s.Camera.Near)
	}
	if err := p.mean(ctx, s); err != nil {
		return err
	}
	if s.Sees != "" {
		if err := p.link(ctx, s); err != nil {
			return err
		}
	}
	if s.Report != nil || s.Move != "" {
		err := p.act(ctx, s)
		var refused *answerError
		switch {
		case s.Refused != 0 && !errors.As(err, &refused):
			return fmt.Errorf("%s by %s was to be refused with %d, got: %v", s.Move, s.Who, s.Refused, err)
		case s.Refused != 0 && refused.Status != s.Refused:
			return fmt.Errorf("%s by %s was to be refused with %d, got: %w", s.Move, s.Who, s.Refused, err)
		case s.Refused != 0 && !strings.Contains(refused.Detail, s.Says):
			return fmt.Errorf("%s by %s was to be refused with “%s”, got: %w", s.Move, s.Who, s.Says, err)
		case s.Refused == 0 && err != nil:
			return err
		}
	}
	return p.look(ctx, at, s)
}

func (p *player) act(ctx context.Context, s *storyStep) error {
	c, err := p.as(ctx, s.Who, s.Of)
	if err != nil {
		return err
	}
	if s.Report != nil {
		location, err := p.find(ctx, s.Report.Near)
		if err != nil {
			return err
		}
		flow, camera := cmp.Or(s.Report.Flow, "incident"), ""
		if s.Report.Camera != "" {
			if camera, err = p.seenBy(ctx, c, s.Report.Camera, location); err != nil {
				return err
			}
		}
		body := map[string]any{"flow": flow, "camera": camera, "title": s.Report.Title, "description": s.Report.Description, "class": s.Report.Class,
			"priority": s.Report.Priority, "address": s.Report.Near, "location": location, "photos": p.pictures(s.Report.Photos)}
		var made struct{ ID int64 }
		if s.Report.Times > 1 {
			if p.many, err = atOnce(ctx, c, body, s.Report.Times); err != nil {
				return err
			}
			made.ID = p.many[0]
		} else if err := c.do(ctx, "POST", "/api/v1/cases", body, &made); err != nil {
			return err
		}
		p.caseID = made.ID
		if s.Case != "" {
			p.cases[s.Case] = made.ID
		}
		return nil
	}
	body := map[string]any{"move": s.Move, "note": s.Note, "rating": s.Rating, "photos": p.pictures(s.Photos), "fields": s.Fields}
	if s.Department != "" {
		if body["department"], err = p.department(ctx, s.Department); err != nil {
			return err
		}
	}
	if s.Into != "" {
		body["case"] = p.cases[s.Into]
	}
	if s.Until != "" {
		if body["until"], err = p.time(s.Until); err != nil {
			return err
		}
	}
	codes := make([]string, len(s.Departments))
	for i, name := range s.Departments {
		if codes[i], err = p.department(ctx, name); err != nil {
			return err
		}
	}
	body["departments"] = codes
	path := fmt.Sprintf("/api/v1/cases/%d/moves", p.caseID)
	if s.Each > 0 {
		return onEach(ctx, c, p.many[:min(s.Each, len(p.many))], body)
	}
	if s.Times > 1 {
		return raced(ctx, c, path, body, s.Times)
	}
	return c.do(ctx, "POST", path, body, nil)
}

// mean finds the case that the step is about.
func (p *player) mean(ctx context.Context, s *storyStep) error {
	if s.Report != nil {
		return nil
	}
	if s.Case != "" {
		id, ok := p.cases[s.Case]
		if !ok {
			return fmt.Errorf("no report before this step has the name %q", s.Case)
		}
		p.caseID = id
	}
	if s.Part == "" {
		return nil
	}
	code, err := p.department(ctx, s.Part)
	if err != nil {
		return err
	}
	var c told
	if err := p.admin.do(ctx, "GET", fmt.Sprintf("/api/v1/cases/%d", p.caseID), nil, &c); err != nil {
		return err
	}
	for _, part := range c.Subcases {
		if part.Department == code {
			p.caseID = part.ID
			return nil
		}
	}
	return fmt.Errorf("the case has no part of %s", s.Part)
}

const (
	// patience is how long the engine may take for what it does by itself.
	patience = 30 * time.Second
	// answered is how long a report among many may take.
	answered = 2 * time.Second
)

// onEach makes a move on many cases, some at a time.
func onEach(ctx context.Context, c *client, ids []int64, body any) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, id := range ids {
		group.Go(func() error { return c.do(ctx, "POST", fmt.Sprintf("/api/v1/cases/%d/moves", id), body, nil) })
	}
	return group.Wait()
}

// atOnce sends a report many times at once, and returns the cases; every one must have a number of its own.
func atOnce(ctx context.Context, c *client, body any, times int) (ids []int64, err error) {
	type answer struct {
		ID     int64
		Number string
	}
	answers := make([]answer, times)
	var group errgroup.Group
	for i := range answers {
		group.Go(func() error {
			within, cancel := context.WithTimeoutCause(ctx, answered, fmt.Errorf("a report among %d was not answered within %s", times, answered))
			defer cancel()
			if err := c.do(within, "POST", "/api/v1/cases", body, &answers[i]); err != nil {
				return cmp.Or(context.Cause(within), err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, a := range answers {
		if seen[a.Number] {
			return nil, fmt.Errorf("the number %s was given twice", a.Number)
		}
		seen[a.Number] = true
		ids = append(ids, a.ID)
	}
	return ids, nil
}

// raced makes a move many times at once: one wins, every other is told that it is taken.
func raced(ctx context.Context, c *client, path string, body any, times int) error {
	errs := make([]error, times)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { errs[i] = c.do(ctx, "POST", path, body, nil) })
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		var refused *answerError
		switch {
		case err == nil:
			won++
		case !errors.As(err, &refused) || refused.Status != 409 || !strings.HasPrefix(refused.Detail, "已由"):
			return fmt.Errorf("a claim that came second was not told who was first: %w", err)
		}
	}
	if won != 1 {
		return fmt.Errorf("%d of %d won, want one", won, times)
	}
	return nil
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
	// What the engine does by itself, it does within seconds.
	for waited := time.Duration(0); s.Expect.State != "" && c.State != s.Expect.State && s.Move == "" && waited < patience; waited += 100 * time.Millisecond {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		c = told{}
		if err := p.admin.do(ctx, "GET", fmt.Sprintf("/api/v1/cases/%d", p.caseID), nil, &c); err != nil {
			return err
		}
	}
	if n := s.Expect.Parts; n != nil && len(c.Subcases) != *n {
		return fmt.Errorf("it has %d parts, want %d", len(c.Subcases), *n)
	}
	if n := s.Expect.Returns; n != nil && c.Returns != *n {
		return fmt.Errorf("it was returned %d times, want %d", c.Returns, *n)
	}
	if s.Expect.Told != "" && !slices.ContainsFunc(c.Answers, func(a struct{ Text struct{ ZH string } }) bool { return strings.Contains(a.Text.ZH, s.Expect.Told) }) {
		return fmt.Errorf("the reporter was told %v, want “%s”", c.Answers, s.Expect.Told)
	}
	if err := p.lookCloser(ctx, s, &c); err != nil {
		return err
	}
	for field, want := range s.Expect.Fields {
		if got, ok := c.Fields[field]; !ok || got != want {
			return fmt.Errorf("%s is %d, want %d", field, got, want)
		}
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

// lookCloser compares what the server offers with a case.
func (p *player) lookCloser(ctx context.Context, s *storyStep, c *told) error {
	e := s.Expect
	if n := e.Repeat; n != nil && c.Repeat != *n {
		return fmt.Errorf("the place has %d of its class in 30 days, want %d", c.Repeat, *n)
	}
	if n := e.Same; n != nil && len(c.Same) != *n {
		return fmt.Errorf("it may be merged into %d, want %d", len(c.Same), *n)
	}
	if e.Advised != "" && (len(c.Advice) == 0 || c.Advice[0].Name != e.Advised) {
		return fmt.Errorf("it is advised for %v, want %s", c.Advice, e.Advised)
	}
	if e.Matches != nil {
		var got []string
		for _, m := range c.Matches {
			got = append(got, m.Title)
		}
		if !slices.Equal(got, e.Matches) {
			return fmt.Errorf("the other lists have %q for it, want %q", got, e.Matches)
		}
	}
	if e.Officers && len(c.Officers) == 0 {
		return errors.New("nobody on duty is near")
	}
	if e.Camera != "" {
		var camera struct{ Name string }
		if c.Camera == nil {
			return errors.New("no camera is on file")
		}
		if err := p.admin.do(ctx, "GET", "/api/v1/cameras/"+*c.Camera, nil, &camera); err != nil || camera.Name != e.Camera {
			return fmt.Errorf("camera %s (%w), want %s", camera.Name, err, e.Camera)
		}
	}
	if e.Sums == nil {
		return nil
	}
	var got struct{ Sums []struct{ Cases, Done int } }
	if err := p.admin.do(ctx, "GET", "/api/v1/flows/"+c.Flow+"/sums", nil, &got); err != nil {
		return err
	}
	if len(got.Sums) != 1 || got.Sums[0] != *e.Sums {
		return fmt.Errorf("the counter says %+v, want %+v", got.Sums, *e.Sums)
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
	var c told
	if err := p.admin.do(ctx, "GET", fmt.Sprintf("/api/v1/cases/%d", p.caseID), nil, &c); err != nil {
		return err
	}
	at := map[string]time.Time{}
	clocks := map[string]toldClock{}
	for _, e := range timeline.Entries {
		at[e.Move] = e.At
		fmt.Fprintf(out, "  %s  +%-8s %s → %s  %s", e.At.In(p.zone).Format("2006-01-02 15:04"), spoken(time.Duration(e.ElapsedS)*time.Second), p.names[c.Flow+" "+e.Move], p.names[c.Flow+" "+e.To], e.By.Name)
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
