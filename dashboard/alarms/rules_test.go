package alarms

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTheShippedRulesAreSound(t *testing.T) {
	rules, err := ParseRules("rules.yaml", shippedRules)
	if err != nil {
		t.Fatal(err)
	}
	if len(rules.list) != 10 || rules.Desks != 1 {
		t.Fatalf("%d rules for %d desks", len(rules.list), rules.Desks)
	}
	group, ok := rules.Find("camera_group")
	if !ok || group.AtLeast != 3 || group.Within != 30*time.Second || group.OffDelay != 5*time.Second || group.Tone != "medium" {
		t.Errorf("the rule of camera groups: %+v", group)
	}
}

// Each fault is planted into the shipped file, and the line that it stands in must be named.
func TestAPlantedFaultIsNamedWithItsLine(t *testing.T) {
	for _, tc := range []struct{ name, old, planted, says string }{
		{"an unknown source", "source: overdue,", "source: late,", `source "late"`},
		{"a key of another source", "source: screen, silent: 8s", "source: screen, at_least: 3, silent: 8s", `unknown key "at_least"`},
		{"a key that does not exist", "radius_m: 50", "radius: 50", `unknown key "radius"`},
		{"a priority that does not exist", "silent: 8s, priority: medium", "silent: 8s, priority: middle", `priority "middle"`},
		{"a time without a unit", "within: 30s", "within: 30", `"30" is not a time`},
		{"a time too long", "silent: 8s", "silent: 100h", "at most 24 h"},
		{"a muted high alarm", "source: sos, priority: high", "source: sos, tone: none, priority: high", "cannot be muted"},
		{"a group of one", "source: group, at_least: 3", "source: group, at_least: 1", "2 or more"},
		{"a deadband that is never reached", "deadband: 3", "deadband: 10", "deadband"},
		{"no radius", "radius_m: 50, ", "", "radius_m"},
		{"a priority of cases that does not exist", "cases: [critical]", "cases: [criticl]", `"criticl"`},
		{"a name twice", "rule: sensor_high", "rule: sensor", "declared twice"},
		{"no words", "zh: 大屏失联, ", "", "zh and en"},
		{"a needed key is missing", "silent: 8s, ", "", "silent must be given"},
		{"no desks", "desks: 1", "desks: 0", "desks"},
		{"no YAML", "rules:\n", "rules: [\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := strings.Index(string(shippedRules), tc.old)
			if at < 0 {
				t.Fatalf("the file has no %q", tc.old)
			}
			line := strings.Count(string(shippedRules[:at]), "\n") + 1
			_, err := ParseRules("rules.yaml", []byte(strings.Replace(string(shippedRules), tc.old, tc.planted, 1)))
			var fault *RuleError
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want a fault", err)
			}
			if fault.File != "rules.yaml" || !strings.Contains(fault.What, tc.says) {
				t.Errorf("it says %v, want %q", fault, tc.says)
			}
			if fault.Line != line && tc.name != "no YAML" && tc.name != "no desks" {
				t.Errorf("it names line %d, want %d: %v", fault.Line, line, fault)
			}
		})
	}
}

func TestWithoutARuleForCallsTheFileIsRefused(t *testing.T) {
	lines := strings.Split(string(shippedRules), "\n")
	var kept []string
	for _, l := range lines {
		if !strings.Contains(l, "source: sos") {
			kept = append(kept, l)
		}
	}
	if _, err := ParseRules("rules.yaml", []byte(strings.Join(kept, "\n"))); err == nil || !strings.Contains(err.Error(), "source sos") {
		t.Errorf("got %v", err)
	}
}

func TestADelayCountsFromTheLastChange(t *testing.T) {
	h := holds{}
	at := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		afterS  int
		on      bool
		settled bool
	}{{0, true, false}, {4, true, false}, {5, true, true}, {6, false, false}, {8, true, false}, {12, true, false}, {13, true, true}, {2, true, false}} {
		if got := h.settle("k", step.on, 5*time.Second, at.Add(time.Duration(step.afterS)*time.Second)); got != step.settled {
			t.Errorf("after %d s, on %t: %t, want %t", step.afterS, step.on, got, step.settled)
		}
	}
	h.keep(map[string]bool{})
	if len(h) != 0 {
		t.Error("it forgets nothing")
	}
}
