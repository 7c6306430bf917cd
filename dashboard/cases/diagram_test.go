package cases

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the diagrams of the flows anew")

// diagram draws a flow for readers of the documents, as a Mermaid state diagram.
func diagram(f *Flow) string {
	var out strings.Builder
	fmt.Fprintf(&out, "## %s %s (`%s`, edition %d)\n\n```mermaid\nstateDiagram-v2\n", f.Name.ZH, f.Name.EN, f.Flow, f.Edition)
	for _, s := range f.States {
		fmt.Fprintf(&out, "    %s: %s %s\n", s.State, s.Name.ZH, s.Name.EN)
	}
	fmt.Fprintf(&out, "    [*] --> %s: %s %s\n", f.Start.To, f.Start.Name.ZH, f.Start.Name.EN)
	for _, m := range f.Moves {
		for _, from := range m.From {
			to := m.To
			if to == "" {
				to = from
			}
			fmt.Fprintf(&out, "    %s --> %s: %s %s\n", from, to, m.Name.ZH, m.Name.EN)
			if m.Third != "" {
				fmt.Fprintf(&out, "    %s --> %s: 第三次%s third time\n", from, m.Third, m.Name.ZH)
			}
		}
	}
	for _, s := range f.States {
		if s.Final {
			fmt.Fprintf(&out, "    %s --> [*]\n", s.State)
		}
	}
	out.WriteString("```\n\n| move | from | by | needs | does, waits for |\n|---|---|---|---|---|\n")
	for _, m := range f.Moves {
		by := make([]string, len(m.Who))
		for i, r := range m.Who {
			by[i] = string(r)
		}
		if m.Auto != "" {
			by = append(by, "engine: "+m.Auto)
		}
		fmt.Fprintf(&out, "| `%s` %s | %s | %s | %s | %s |\n", m.Move, m.Name.ZH, strings.Join(m.From, ", "), strings.Join(by, ", "), strings.Join(m.words.needs, ", "), strings.Join(append(m.words.does, m.words.when...), ", "))
	}
	return out.String()
}

func TestTheDocumentsDrawTheFlowsAsTheyAre(t *testing.T) {
	set, err := shippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	parts := []string{"# The flows\n\nDrawn from the files of this folder by `go test ./dashboard/cases -run Documents -update`; a test keeps them equal. How to add one: [ADDING.md](ADDING.md).\n"}
	room := &Room{}
	room.flows.Store(set)
	for _, f := range room.Flows() {
		parts = append(parts, diagram(f))
	}
	want := strings.Join(parts, "\n")
	const file = "flows/README.md"
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is not what the flows say (%v): run the test with -update", file, err)
	}
}
