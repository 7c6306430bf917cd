package cases

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestTheShippedFlowsAreSound(t *testing.T) {
	flows, err := shippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	if f := flows.newest["incident"]; f == nil || len(f.Steps) != 6 || len(f.clocks) != 6 {
		t.Fatalf("the incident flow is not there whole: %+v", f)
	}
	for _, name := range []string{"self_handled", "joint", "task", "whistle", "checkin", "claim", "wish", "project", "topic", "deliberation", "resource"} {
		if flows.newest[name] == nil {
			t.Errorf("there is no flow %s", name)
		}
	}
	if flows.editions["incident"][1] == nil {
		t.Error("cases of the first edition have no flow")
	}
}

// Each fault is planted into the shipped file, and the line that it stands in must be named.
func TestAPlantedFaultIsNamedWithItsLine(t *testing.T) {
	text, err := flowFiles.ReadFile("flows/incident.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, old, planted, says string }{
		{"a state that is not declared", "to: filed,      who: [operator, duty_leader]}", "to: field,      who: [operator, duty_leader]}", `state "field" is not declared`},
		{"a role that does not exist", "who: [dispatcher, duty_leader]", "who: [dispatchers]", `role "dispatchers"`},
		{"nobody may", "to: signed,     who: [department]}", "to: signed,     who: []}", "nobody may make it"},
		{"an unknown need", "needs: [department]", "needs: [bureau]", `cannot need "bureau"`},
		{"an unknown key", "final: true}\n  rated", "fnal: true}\n  rated", `unknown key "fnal"`},
		{"a limit in no unit", "24 emergency hours, advice: 24 emergency hours", "24 hours, advice: 24 emergency hours", "limit of normal"},
		{"a clock of a closed case", "check:    {in: [handled]", "check:    {in: [closed]", `clock check runs in "closed"`},
		{"an unknown clock", "  sign:     {in", "  seal:     {in", `clock "seal"`},
		{"apart of what is no move", "{one: [sign, handle]", "{one: [sign, hand]", "apart names move hand"},
		{"a step too far", "rated:      {step: 6", "rated:      {step: 7", "step 7"},
		{"a state without words", "verified:   {step: 2, zh: 待立案, en: To file}", "verified:   {step: 2, zh: 待立案}", "needs its words"},
		{"a guard of no kind", "when: [after appeal, at most 1]", "when: [behind appeal]", "cannot wait for"},
		{"a guard on what is no move", "when: [after appeal, at most 1]", "when: [after apeal]", "waits for move apeal"},
		{"an extension of what is no clock", "does: [extend handle, extend total]", "does: [extend handel]", "names clock handel"},
		{"an effect that there is not", "does: [supervise]", "does: [oversee]", `cannot do "oversee"`},
		{"a suspended state that cannot be left", "from: [suspended], to: signed", "from: [suspended], to: suspended", ""},
		{"a reply in one language", `reply: {zh: "您反映的问题（{number}）不予受理：{note}", en: "What`, `reply: {zh: "您反映的问题（{number}）不予受理：{note}", no: "What`, ""},
		{"a field that is not declared", "needs: [department]", "needs: [department, field money]", `needs field "money"`},
		{"no YAML", "apart:\n", "apart: [\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := strings.Index(string(text), tc.old)
			if at < 0 {
				t.Fatalf("the file has no %q", tc.old)
			}
			line := strings.Count(string(text[:at]), "\n") + 1
			_, err := ParseFlow("incident.yaml", []byte(strings.Replace(string(text), tc.old, tc.planted, 1)))
			var fault *FlowError
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want a fault", err)
			}
			if fault.File != "incident.yaml" || !strings.Contains(fault.What, tc.says) {
				t.Errorf("says %q, want %q", err, tc.says)
			}
			if tc.says != "" && fault.Line != line {
				t.Errorf("names line %d, want %d: %v", fault.Line, line, err)
			}
		})
	}
	orphan := strings.Replace(string(text), "  rejected:", "  lost:       {step: 2, zh: 迷失, en: Lost}\n  rejected:", 1)
	if _, err := ParseFlow("incident.yaml", []byte(orphan)); err == nil || !strings.Contains(err.Error(), "no move leads to state lost") || !strings.Contains(err.Error(), fmt.Sprintf("yaml:%d:", strings.Count(orphan[:strings.Index(orphan, "lost:")], "\n")+1)) {
		t.Errorf("a state that nothing leads to: %v", err)
	}
}

func TestAFlowThatMatchesOneThatIsNotThereIsNamedWithItsLine(t *testing.T) {
	text, err := flowFiles.ReadFile("flows/claim.yaml")
	if err != nil {
		t.Fatal(err)
	}
	planted := strings.Replace(string(text), "matches: [resource, project]", "matches: [resource, projects]", 1)
	f, err := ParseFlow("claim.yaml", []byte(planted))
	if err != nil {
		t.Fatal(err)
	}
	known := must(shippedFlows()).newest
	_, err = newFlowSet([]*Flow{f, known["resource"], known["project"]})
	line := strings.Count(planted[:strings.Index(planted, "matches:")], "\n") + 1
	if want := fmt.Sprintf("claim.yaml:%d: ", line); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"projects"`) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func FuzzParseFlow(f *testing.F) {
	text, err := flowFiles.ReadFile("flows/incident.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("flow: x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		flow, err := ParseFlow("f.yaml", text)
		var fault *FlowError
		if err != nil && !errors.As(err, &fault) || err == nil && flow.Start.To == "" {
			t.Fatalf("%v, %+v", err, flow)
		}
	})
}
