package cases

import (
	"fmt"
	"slices"
	"strings"

	"gridwall/dashboard/access"
)

// RefusedError says why a move is not permitted, in words for people.
type RefusedError struct {
	Move   string
	Reason Text
	// Role is set where another role or account may make it; otherwise the case is not in a state for it.
	Role bool
}

func (e *RefusedError) Error() string { return fmt.Sprintf("move %s refused: %s", e.Move, e.Reason.EN) }

// did is who made a move of a case before.
type did struct {
	move    string
	account int
	name    string
}

// System is who the engine is when it makes a move by itself.
var System = access.Identity{Name: "系统", Role: "system"}

// permit says whether who may make the move now. It is the only place that does: the desk, the API and scenarios ask it.
func (f *Flow) permit(m Move, c *Case, history []did, who access.Identity) *RefusedError {
	refuse := func(role bool, zh, en string) *RefusedError { return &RefusedError{m.Move, Text{zh, en}, role} }
	if !slices.Contains(m.From, c.State) {
		if m.does.claim { // who comes second is told who was first
			for _, d := range slices.Backward(history) {
				if d.move == m.Move {
					return refuse(false, fmt.Sprintf("已由%s%s", d.name, m.Name.ZH), fmt.Sprintf("%s was first: “%s”", d.name, m.Name.EN))
				}
			}
		}
		here := f.state[c.State].Name
		return refuse(false,
			fmt.Sprintf("案件现为“%s”，只有%s的案件可以%s", here.ZH, f.states(m.From, zh), m.Name.ZH),
			fmt.Sprintf("the case is “%s”; “%s” is possible only from %s", here.EN, m.Name.EN, f.states(m.From, en)))
	}
	if who.Role == System.Role {
		if m.Auto == "" {
			return refuse(true, "须由人办理", "a person must make it")
		}
		return nil // who asked has looked at its time
	}
	if len(m.Who) == 0 {
		return refuse(true, "到时由系统自动办理", "the engine makes it when its time has come")
	}
	if who.Role != access.Admin && !slices.Contains(m.Who, who.Role) {
		return refuse(true,
			fmt.Sprintf("%s由%s办理", m.Name.ZH, roles(m.Who, zh)),
			fmt.Sprintf("“%s” is for: %s", m.Name.EN, roles(m.Who, en)))
	}
	if who.Role == access.Department && !m.does.claim && (c.Department == nil || *c.Department != who.Department) {
		return refuse(true, "案件已派遣给其他部门", "the case is with another department")
	}
	if c.Officer != nil && (who.Role == access.Officer || who.Role == access.Specialist) && who.Officer != *c.Officer {
		return refuse(true, "任务派给了其他网格员", "it is the task of another officer")
	}
	for _, a := range f.apart {
		mine, theirs := a.one, a.other
		if slices.Contains(theirs, m.Move) {
			mine, theirs = theirs, mine
		}
		if !slices.Contains(mine, m.Move) {
			continue
		}
		for _, d := range history {
			if d.account == who.Account && slices.Contains(theirs, d.move) {
				before, _ := f.find(d.move)
				return refuse(true,
					fmt.Sprintf("您已办理本案的“%s”，同一人不能再办理“%s”", before.Name.ZH, m.Name.ZH),
					fmt.Sprintf("you made the move “%s” on this case; the same account may not also make “%s”", before.Name.EN, m.Name.EN))
			}
		}
	}
	return f.wait(m, c, history, who, refuse)
}

func zh(t Text) string { return t.ZH }
func en(t Text) string { return t.EN }

// states lists the names of states in a language.
func (f *Flow) states(names []string, in func(Text) string) string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = in(Text{"“" + f.state[n].Name.ZH + "”", "“" + f.state[n].Name.EN + "”"})
	}
	return strings.Join(words, in(Text{"、", ", "}))
}

var roleNames = map[access.Role]Text{
	access.Admin: {"管理员", "administrator"}, access.Operator: {"值守员", "operator"}, access.Dispatcher: {"派遣员", "dispatcher"},
	access.DutyLeader: {"值班长", "duty leader"}, access.Leader: {"领导", "leader"}, access.Integrator: {"摄像机集成员", "camera integrator"},
	access.Officer: {"网格员", "grid officer"}, access.Specialist: {"网格专员", "grid specialist"}, access.Department: {"职能部门", "department"},
	access.Resident: {"居民", "resident"}, System.Role: {"系统", "system"},
}

func roles(list []access.Role, in func(Text) string) string {
	words := make([]string, len(list))
	for i, r := range list {
		words[i] = in(roleNames[r])
	}
	return strings.Join(words, in(Text{"、", ", "}))
}
