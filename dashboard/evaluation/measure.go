package evaluation

import (
	"fmt"
	"strings"
)

// Text is said in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Measure is a number of cases that can be counted and listed: those whose day falls in the period.
type Measure struct {
	Measure string `json:"measure"`
	Name    Text   `json:"name"`

	day string // column of case_fact
	and string // a further condition on case_fact; empty: none
}

// Measures are all, in the order of the columns of case_day.
var Measures = []Measure{
	{"accepted", Text{"受理", "Accepted"}, "accepted_on", ""},
	{"filed", Text{"立案", "Filed"}, "filed_on", ""},
	{"dispatched", Text{"派遣", "Dispatched"}, "dispatched_on", ""},
	{"sign_due", Text{"应签收", "To be signed"}, "sign_due_on", ""},
	{"signed_on_time", Text{"按时签收", "Signed on time"}, "sign_due_on", "signed_on_time"},
	{"handle_due", Text{"应处置", "To be handled"}, "handle_due_on", ""},
	{"handled", Text{"处置", "Handled"}, "handle_due_on", "handled"},
	{"due", Text{"应结案", "To be closed"}, "due_on", ""},
	{"closed", Text{"结案", "Closed"}, "due_on", "closed"},
	{"closed_on_time", Text{"按期结案", "Closed on time"}, "due_on", "closed_on_time"},
	{"reworked", Text{"返工", "Sent back"}, "due_on", "reworked"},
	{"extended", Text{"延期", "Extended"}, "due_on", "extended"},
	{"finished", Text{"办理完毕", "Ended"}, "finished_on", ""},
	{"solved", Text{"办结", "Solved"}, "finished_on", "closed"},
	{"local", Text{"就地化解", "Solved on the spot"}, "finished_on", "closed AND local"},
	{"rated", Text{"评价", "Rated"}, "finished_on", "rated"},
	{"satisfied", Text{"满意", "Satisfied"}, "finished_on", "satisfied"},
}

func measure(name string) (Measure, bool) {
	for _, m := range Measures {
		if m.Measure == name {
			return m, true
		}
	}
	return Measure{}, false
}

// term is a measure with its sign.
type term struct {
	measure string
	sign    int
}

// parseSum reads “closed + handled - extended”.
func parseSum(text string) ([]term, error) {
	fields := strings.Fields(strings.NewReplacer("+", " + ", "-", " - ", "−", " - ").Replace(text))
	var terms []term
	sign := 1
	wanted := true
	for _, word := range fields {
		switch {
		case !wanted && word == "+":
			sign, wanted = 1, true
		case !wanted && word == "-":
			sign, wanted = -1, true
		case wanted:
			if _, ok := measure(word); !ok {
				return nil, fmt.Errorf("%q is no measure", word)
			}
			terms, wanted = append(terms, term{word, sign}), false
		default:
			return nil, fmt.Errorf("%q stands where + or - is expected", word)
		}
	}
	if wanted {
		return nil, fmt.Errorf("%q ends where a measure is expected", text)
	}
	return terms, nil
}

func sum(terms []term, counts map[string]int) int {
	n := 0
	for _, t := range terms {
		n += t.sign * counts[t.measure]
	}
	return n
}
