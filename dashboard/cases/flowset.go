package cases

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/live"
)

// flowSet is every flow in every edition that a case may run under. It does not change; a reload makes another.
type flowSet struct {
	newest   map[string]*Flow
	editions map[string]map[int]*Flow
	autos    []string // states in which the engine may have something to do, whoever is absent
}

// newFlowSet puts flows together and checks what they say of each other.
func newFlowSet(flows []*Flow) (*flowSet, error) {
	set := &flowSet{newest: map[string]*Flow{}, editions: map[string]map[int]*Flow{}}
	for _, f := range flows {
		if set.editions[f.Flow] == nil {
			set.editions[f.Flow] = map[int]*Flow{}
		}
		set.editions[f.Flow][f.Edition] = f
		if newest := set.newest[f.Flow]; newest == nil || f.Edition > newest.Edition {
			set.newest[f.Flow] = f
		}
	}
	autos := map[string]bool{}
	for _, f := range flows {
		for _, o := range f.opens {
			if set.newest[o.flow] == nil {
				return nil, &FlowError{f.file, o.line, fmt.Sprintf("it opens flow %q, which is not there: the flows are %v", o.flow, slices.Sorted(maps.Keys(set.newest)))}
			}
		}
		for _, other := range f.Matches {
			if set.newest[other] == nil {
				return nil, &FlowError{f.file, f.line("matches:"), fmt.Sprintf("it matches flow %q, which is not there: the flows are %v", other, slices.Sorted(maps.Keys(set.newest)))}
			}
		}
		for _, m := range f.Moves {
			for _, state := range m.From {
				autos[state] = autos[state] || m.Auto != "" && m.Auto != "absent"
			}
		}
	}
	for state, auto := range autos {
		if auto {
			set.autos = append(set.autos, state)
		}
	}
	return set, nil
}

// any says whether a move of that name does, in some flow: before the case is read it is not known in which.
func (s *flowSet) any(move string, is func(Move) bool) bool {
	for _, editions := range s.editions {
		for _, f := range editions {
			if m, ok := f.find(move); ok && is(m) {
				return true
			}
		}
	}
	return false
}

// line is that of the file which begins with a word, from 1.
func (f *Flow) line(word string) int {
	before, _, _ := bytes.Cut(f.text, []byte("\n"+word))
	return bytes.Count(before, []byte("\n")) + 2
}

// all are the flows of the set, by name and edition.
func (s *flowSet) all() (flows []*Flow) {
	for _, name := range slices.Sorted(maps.Keys(s.editions)) {
		for _, edition := range slices.Sorted(maps.Keys(s.editions[name])) {
			flows = append(flows, s.editions[name][edition])
		}
	}
	return flows
}

// readFlows reads the .yaml files of a folder.
func readFlows(folder fs.FS) ([]*Flow, error) {
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, err
	}
	var flows []*Flow
	files := map[string]string{} // of flow and edition
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		f, err := ParseFlow(name, text)
		if err != nil {
			return nil, err
		}
		key := fmt.Sprintf("flow %s, edition %d", f.Flow, f.Edition)
		if other, twice := files[key]; twice {
			return nil, &FlowError{name, 1, fmt.Sprintf("%s is in %s already", key, other)}
		}
		files[key] = name
		flows = append(flows, f)
	}
	return flows, nil
}

// shippedFlows reads the flows of the product.
func shippedFlows() (*flowSet, error) {
	folder, err := fs.Sub(flowFiles, "flows")
	if err != nil {
		return nil, err
	}
	flows, err := readFlows(folder)
	if err != nil {
		return nil, err
	}
	return newFlowSet(flows)
}

// flowOf is the flow of a case in the edition that it was opened under; nil if this node has not heard of it.
func (r *Room) flowOf(c *Case) *Flow { return r.flows.Load().editions[c.Flow][c.FlowEdition] }

const (
	knownFlows = `SELECT flow, edition, text FROM flow_file ORDER BY flow, edition`
	keepFlow   = `INSERT INTO flow_file (flow, edition, text, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
)

// LoadFlows adds the flows that the database keeps, those of the site, to the shipped ones. It is called before the room is
// used, and again on every node when a node has read new ones (the event flow.changed).
func (r *Room) LoadFlows(ctx context.Context) error {
	shipped, err := shippedFlows()
	if err != nil {
		return err
	}
	rows, err := r.pool.Query(ctx, knownFlows)
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	kept, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Flow, error) {
		var name, text string
		var edition int
		if err := row.Scan(&name, &edition, &text); err != nil {
			return nil, err
		}
		return ParseFlow(fmt.Sprintf("%s edition %d of the database", name, edition), []byte(text))
	})
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	set, err := newFlowSet(append(shipped.all(), kept...))
	if err != nil {
		return err
	}
	r.flows.Store(set)
	return nil
}

// ReloadFlows reads the site's flow files. All are taken or none: an error is a *FlowError with file and line. An edition
// that was read once never changes, since cases run under it; a change needs the next edition's number. What is no longer in
// the folder stays for the cases that run under it.
func (r *Room) ReloadFlows(ctx context.Context, folder fs.FS) ([]*Flow, error) {
	flows, err := readFlows(folder)
	if err != nil {
		return nil, err
	}
	known := r.flows.Load()
	shipped, err := shippedFlows()
	if err != nil {
		return nil, err
	}
	var fresh []*Flow
	for _, f := range flows {
		if shipped.newest[f.Flow] != nil {
			return nil, &FlowError{f.file, 1, fmt.Sprintf("flow %s is one of the product: give yours another name", f.Flow)}
		}
		switch before := known.editions[f.Flow][f.Edition]; {
		case before == nil:
			if newest := known.newest[f.Flow]; newest != nil && newest.Edition > f.Edition {
				return nil, &FlowError{f.file, 1, fmt.Sprintf("flow %s is at edition %d already: give it the next number", f.Flow, newest.Edition)}
			}
			fresh = append(fresh, f)
		case !bytes.Equal(before.text, f.text):
			return nil, &FlowError{f.file, 1, fmt.Sprintf("flow %s, edition %d, was read before with other words, and cases may run under it: say edition: %d", f.Flow, f.Edition, known.newest[f.Flow].Edition+1)}
		}
	}
	set, err := newFlowSet(append(known.all(), fresh...))
	if err != nil || len(fresh) == 0 {
		return flows, err
	}
	now := r.clock.Now()
	names := make([]string, len(fresh))
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		for i, f := range fresh {
			names[i] = f.Flow
			if _, err := tx.Exec(ctx, keepFlow, f.Flow, f.Edition, string(f.text), now); err != nil {
				return err
			}
		}
		_, err := live.Append(ctx, tx, live.Draft{Type: "flow.changed", At: now, Data: map[string]any{"flows": names}})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keep flows: %w", err)
	}
	r.flows.Store(set)
	return flows, nil
}

// Flows are all flows in their newest edition, by name.
func (r *Room) Flows() []*Flow {
	set := r.flows.Load()
	list := make([]*Flow, 0, len(set.newest))
	for _, name := range slices.Sorted(maps.Keys(set.newest)) {
		list = append(list, set.newest[name])
	}
	return list
}
