package dashboard_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"gridwall/dashboard/access"
)

// An alert on a name that nobody tells never rings. Each alert says in both languages what is wrong, and what to do.
func TestAlertsNameWhatAServerTells(t *testing.T) {
	text, err := os.ReadFile("../.deploy/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	h := open(t)
	h.ask(access.Operator, "GET", "/api/v1/cases", nil)
	told := ""
	for until := time.Now().Add(time.Minute); !strings.Contains(told, "\ngridwall_live_canary_age_seconds ") && time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		told = string(h.ask(access.Admin, "GET", "/metrics", nil).body) // the first canary takes a while
	}
	names := regexp.MustCompile(`(?:gridwall|process|go)_[a-z_]+`)
	rules, named := 0, 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			rules++
			for _, name := range names.FindAllString(r.Expr, -1) {
				named++
				if !strings.Contains(told, "\n"+name+" ") && !strings.Contains(told, "\n"+name+"{") {
					t.Errorf("%s: no server tells %s", r.Alert, name)
				}
			}
			if r.Labels["severity"] == "" || !strings.Contains(r.Annotations["summary"], " / ") || r.Annotations["action"] == "" {
				t.Errorf("%s says too little: %v %v", r.Alert, r.Labels, r.Annotations)
			}
		}
	}
	if rules < 9 || named < 10 {
		t.Errorf("%d rules name %d metrics", rules, named)
	}

	if text, err = os.ReadFile("../.deploy/grafana.json"); err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	drawn := 0
	for _, p := range board.Panels {
		if !strings.Contains(p.Title, " / ") {
			t.Errorf("panel %q is in one language", p.Title)
		}
		for _, target := range p.Targets {
			for _, name := range names.FindAllString(target.Expr, -1) {
				drawn++
				if !strings.Contains(told, "\n"+name+" ") && !strings.Contains(told, "\n"+name+"{") {
					t.Errorf("panel %s: no server tells %s", p.Title, name)
				}
			}
		}
	}
	if drawn < 10 {
		t.Errorf("the board draws %d metrics", drawn)
	}
}
