package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"gridwall/dashboard/access"
)

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
