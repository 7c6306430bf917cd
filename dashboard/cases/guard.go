package cases

import (
	"fmt"
	"slices"
	"strings"

	"gridwall/dashboard/access"
)

// does is what a move changes beside the state.
type does struct {
	back      bool     // 退回: it counts as a return and takes the case from its department
	rework    bool     // 返工: it counts as a return
	claim     bool     // the case becomes that of the account's department
	supervise bool     // 督办
	exempt    bool     // 申诉成立: the fact stays, statistics leave it out
	merge     bool     // the reporter is answered by the case that this one is merged into
	extend    []string // 延期: one original limit more for these clocks
	opens     string   // a sub-case of this flow for every department
	sends     string   // a sub-case of this flow for the nearest officer on duty
	standIn   bool     // 代办: who stands in for the one that is off duty has it from now on
}

// opening is a line that opens sub-cases of a flow.
type opening struct {
	flow string
	line int
}

func (m *Move) readDoes(list []string) error {
	for _, text := range list {
		switch word, arg, _ := strings.Cut(text, " "); {
		case text == "return":
			m.does.back = true
		case text == "rework":
			m.does.rework = true
		case text == "claim":
			m.does.claim = true
		case text == "supervise":
			m.does.supervise = true
		case text == "exempt":
			m.does.exempt = true
		case text == "merge":
			m.does.merge = true
		case word == "extend" && arg != "":
			m.does.extend = append(m.does.extend, arg)
		case word == "open" && arg != "":
			m.does.opens = arg
		case word == "send" && arg != "":
			m.does.sends = arg
		case text == "stand in":
			m.does.standIn = true
		default:
			return fmt.Errorf("it cannot do %q: return, rework, claim, supervise, exempt, merge, stand in, extend CLOCK, open FLOW or send FLOW", text)
		}
	}
	return nil
}

// guard is a condition of a move beside state and role.
type guard struct {
	kind string // after, same, before due, overdue, at most, subcases closed
	arg  string // a move, or a clock
	n    int
}

func parseGuard(text string) (g guard, err error) {
	if text == "subcases closed" {
		return guard{kind: text}, nil
	}
	if n, _ := fmt.Sscanf(text, "at most %d", &g.n); n == 1 && g.n > 0 {
		g.kind = "at most"
		return g, nil
	}
	for _, kind := range []string{"after", "same", "before due", "overdue"} {
		if arg, ok := strings.CutPrefix(text, kind+" "); ok && arg != "" {
			return guard{kind: kind, arg: arg}, nil
		}
	}
	return g, fmt.Errorf("it cannot wait for %q: after MOVE, same MOVE, before due CLOCK, overdue CLOCK, at most N or subcases closed", text)
}

// checkGuards checks that guards name moves of the flow.
func (f *Flow) checkGuards(files []moveFile) error {
	for i, m := range f.Moves {
		for _, g := range m.when {
			if _, ok := f.find(g.arg); (g.kind == "after" || g.kind == "same") && !ok {
				return &FlowError{Line: files[i].line, What: fmt.Sprintf("move %s waits for move %s, which is not declared", m.Move, g.arg)}
			}
		}
	}
	return nil
}

// checkStages checks that guards, extensions and what the engine does by itself name clocks of the flow.
func (f *Flow) checkStages(files []moveFile) error {
	for i, m := range f.Moves {
		named := slices.Clone(m.does.extend)
		for _, g := range m.when {
			if g.kind == "before due" || g.kind == "overdue" {
				named = append(named, g.arg)
			}
		}
		if stage, ok := strings.CutPrefix(m.Auto, "overdue "); ok {
			named = append(named, stage)
		} else if m.Auto != "" && m.Auto != "subcases closed" && m.Auto != "until" && m.Auto != "absent" {
			return &FlowError{Line: files[i].line, What: fmt.Sprintf("move %s: the engine cannot make it on %q: overdue CLOCK, subcases closed, until or absent", m.Move, m.Auto)}
		}
		for _, stage := range named {
			if !slices.ContainsFunc(f.clocks, func(k flowClock) bool { return k.stage == stage }) {
				return &FlowError{Line: files[i].line, What: fmt.Sprintf("move %s names clock %s, which is not declared", m.Move, stage)}
			}
		}
	}
	return nil
}

// wait says why the guards of a move do not let it happen now; nil: they do.
func (f *Flow) wait(m Move, c *Case, history []did, who access.Identity, refuse func(role bool, zh, en string) *RefusedError) *RefusedError {
	name := func(move string) Text {
		before, _ := f.find(move)
		return before.Name
	}
	stage := func(clock string) Text {
		i := slices.IndexFunc(f.Stages, func(s Stage) bool { return s.Stage == clock })
		return f.Stages[i].Name
	}
	for _, g := range m.when {
		switch g.kind {
		case "after":
			made := func(move string) int {
				for i, d := range slices.Backward(history) {
					if d.move == move {
						return i
					}
				}
				return -1
			}
			if made(g.arg) < 0 || made(g.arg) < made(m.Move) {
				return refuse(false, fmt.Sprintf("须先“%s”", name(g.arg).ZH), fmt.Sprintf("“%s” must come first", name(g.arg).EN))
			}
		case "same":
			for _, d := range slices.Backward(history) {
				if d.move != g.arg {
					continue
				}
				if d.account != who.Account && who.Role != access.Admin {
					return refuse(true, fmt.Sprintf("由办理“%s”的人办理", name(g.arg).ZH), fmt.Sprintf("only who made “%s” may", name(g.arg).EN))
				}
				break
			}
		case "at most":
			n := 0
			for _, d := range history {
				if d.move == m.Move {
					n++
				}
			}
			if n >= g.n {
				return refuse(false, fmt.Sprintf("“%s”最多 %d 次", m.Name.ZH, g.n), fmt.Sprintf("“%s” is possible %d times at most", m.Name.EN, g.n))
			}
		case "before due", "overdue":
			late := slices.ContainsFunc(c.Clocks, func(k Clock) bool { return k.Stage == g.arg && !c.now.Before(k.DueAt) })
			if late && g.kind == "before due" {
				return refuse(false, fmt.Sprintf("“%s”时限已过", stage(g.arg).ZH), fmt.Sprintf("the clock “%s” is overdue", stage(g.arg).EN))
			}
			if !late && g.kind == "overdue" {
				return refuse(false, fmt.Sprintf("“%s”时限未到", stage(g.arg).ZH), fmt.Sprintf("the clock “%s” is not overdue", stage(g.arg).EN))
			}
		case "subcases closed":
			if c.openSubs > 0 {
				return refuse(false, fmt.Sprintf("还有 %d 个子案件未结案", c.openSubs), fmt.Sprintf("%d sub-cases are still open", c.openSubs))
			}
		}
	}
	return nil
}
