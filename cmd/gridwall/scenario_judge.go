package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

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
