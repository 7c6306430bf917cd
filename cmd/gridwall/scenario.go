package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

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
