package dashboard_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gridwall/dashboard"
	"gridwall/dashboard/access"
)

// caseFile is a case as the API tells it, as far as these tests ask.
type caseFile struct {
	ID          int64
	Number      string
	State       string
	Flow        string
	FlowEdition int `json:"flow_edition"`
	Department  *string
	Returns     int
	Supervised  bool
	Exempt      bool
	MergedInto  *int64 `json:"merged_into"`
	Parent      *int64
	Moves       []struct{ Move string }
	Subcases    []struct {
		ID         int64
		State      string
		Department string
		Open       bool
	}
	Answers []struct{ Text struct{ ZH, EN string } }
}

func (h *house) file(id int64) (c caseFile) {
	h.t.Helper()
	h.must(access.Admin, "GET", fmt.Sprintf("/api/v1/cases/%d", id), nil, &c)
	return c
}

func (h *house) begin(role access.Role, flow, title string) int64 {
	h.t.Helper()
	var made struct{ ID int64 }
	body := report(title)
	body["flow"] = flow
	h.must(role, "POST", "/api/v1/cases", body, &made)
	return made.ID
}

func (h *house) makes(id int64, role access.Role, move string, with map[string]any) {
	h.t.Helper()
	body := map[string]any{"move": move}
	for k, v := range with {
		body[k] = v
	}
	if a := h.move(role, id, body); a.code != 200 {
		h.t.Fatalf("%s by %s: %d %s", move, role, a.code, a.body)
	}
}

func (h *house) refuses(id int64, role access.Role, move string, with map[string]any, code int, says string) {
	h.t.Helper()
	body := map[string]any{"move": move}
	for k, v := range with {
		body[k] = v
	}
	a := h.move(role, id, body)
	if name, detail := a.problem(); a.code != code || !strings.Contains(name+" "+detail, says) {
		h.t.Fatalf("%s by %s: %d %s, want %d with %q", move, role, a.code, a.body, code, says)
	}
}

func after(t *testing.T) map[string]any {
	return map[string]any{"photos": []map[string]string{{"kind": "after", "data": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(photo(t))}}}
}

// eventually waits until ok, for what the engine does by itself.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestAParentClosesOnlyWhenAllItsPartsAreClosed(t *testing.T) {
	h := open(t)
	id := h.begin(access.Officer, "joint", "人货混居")
	h.refuses(id, access.Dispatcher, "split", nil, 422, "departments_missing")
	h.refuses(id, access.Dispatcher, "split", map[string]any{"departments": []string{"D01", "D77"}}, 422, "unknown_department")
	h.makes(id, access.Dispatcher, "split", map[string]any{"departments": []string{"D01", "D02"}})
	parts := h.file(id).Subcases
	if len(parts) != 2 || parts[0].Department != "D01" || parts[1].Department != "D02" {
		t.Fatalf("the parts: %+v", parts)
	}
	h.refuses(id, access.DutyLeader, "close", nil, 409, "move_refused")
	first := parts[0].ID
	if c := h.file(first); c.Parent == nil || *c.Parent != id || c.Flow != "task" {
		t.Fatalf("a part: %+v", c)
	}
	h.makes(first, access.Department, "sign", nil)
	h.makes(first, access.Department, "handle", after(t))
	h.makes(first, access.Operator, "close", nil)
	if c := h.file(id); c.State != "split" {
		t.Fatalf("with one part open the parent is %s", c.State)
	}
	h.makes(parts[1].ID, access.DutyLeader, "withdraw", map[string]any{"note": "不需要"})
	eventually(t, "the engine gathers the parts", func() bool { return h.file(id).State == "done" })
	h.makes(id, access.Operator, "close", nil)
	if c := h.file(id); c.State != "closed" || len(c.Answers) != 1 || !strings.Contains(c.Answers[0].Text.ZH, c.Number) {
		t.Errorf("in the end: %+v", c)
	}
}

func TestOfAHundredClaimsOneWinsAndTheOthersAreToldWho(t *testing.T) {
	h := open(t)
	id := h.begin(access.Officer, "wish", "一只书包")
	answers := make([]answer, 100)
	roles := []access.Role{access.Officer, access.Specialist, access.Department}
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = h.move(roles[i%3], id, map[string]any{"move": "claim"}) })
	}
	group.Wait()
	won, winner := 0, ""
	for i, a := range answers {
		if a.code == 200 {
			won++
			winner = string(roles[i%3])
		}
	}
	if won != 1 {
		t.Fatalf("%d of 100 won", won)
	}
	for _, a := range answers {
		if _, detail := a.problem(); a.code != 200 && (a.code != http.StatusConflict || !strings.Contains(detail, winner)) {
			t.Fatalf("%d %s does not say that %s has it", a.code, a.body, winner)
		}
	}
	for _, role := range roles {
		if string(role) != winner {
			h.refuses(id, role, "fulfil", after(t), 403, "not_permitted")
		}
	}
}

func TestNinetyNineReportsAtOnceAreAnsweredWithNumbersOfTheirOwn(t *testing.T) {
	h := open(t)
	body := report("违建")
	body["flow"] = "topic"
	numbers := make([]string, 99)
	slowest := make([]time.Duration, 99)
	var group sync.WaitGroup
	for i := range numbers {
		group.Go(func() {
			started := time.Now()
			var made struct{ Number string }
			if a := h.ask(access.Resident, "POST", "/api/v1/cases", body); a.code != http.StatusCreated || json.Unmarshal(a.body, &made) != nil {
				t.Errorf("%d %s", a.code, a.body)
			}
			numbers[i], slowest[i] = made.Number, time.Since(started)
		})
	}
	group.Wait()
	seen := map[string]bool{}
	var worst time.Duration
	for i, n := range numbers {
		if n == "" || seen[n] {
			t.Errorf("number %q twice or empty", n)
		}
		seen[n] = true
		worst = max(worst, slowest[i])
	}
	t.Logf("the slowest of 99 reports was answered after %s", worst)
	if worst > 2*time.Second {
		t.Errorf("the slowest of 99 reports was answered after %s, want 2 s at most", worst)
	}
}

func TestTheThirdReturnGoesToTheDutyLeader(t *testing.T) {
	h := open(t)
	id := h.report("退来退去")
	h.makes(id, access.Specialist, "verify", nil)
	h.makes(id, access.Operator, "file", nil)
	for n := range 3 {
		h.makes(id, access.Dispatcher, "dispatch", map[string]any{"department": "D01"})
		h.refuses(id, access.Department, "return", nil, 422, "note_missing")
		h.makes(id, access.Department, "return", map[string]any{"note": fmt.Sprintf("不属本部门 %d", n)})
	}
	c := h.file(id)
	if c.State != "stuck" || c.Returns != 3 || c.Department != nil {
		t.Fatalf("after three returns: %+v", c)
	}
	h.refuses(id, access.Dispatcher, "dispatch", map[string]any{"department": "D01"}, 409, "move_refused")
	h.makes(id, access.DutyLeader, "decide", map[string]any{"department": "D01", "note": "由你部门办理"})
	if c := h.file(id); c.State != "dispatched" {
		t.Errorf("decided: %+v", c)
	}
}

func TestEveryReporterOfMergedCasesIsAnswered(t *testing.T) {
	h := open(t)
	first, second, third := h.report("井盖缺失"), h.report("井盖没了"), h.report("路口井盖丢失")
	h.refuses(second, access.Operator, "merge", map[string]any{"case": second}, 422, "unknown_case")
	h.makes(third, access.Operator, "merge", map[string]any{"case": second})
	h.refuses(first, access.Operator, "merge", map[string]any{"case": third}, 422, "unknown_case")
	h.makes(second, access.Operator, "merge", map[string]any{"case": first}) // third goes with it
	h.makes(first, access.Specialist, "verify", nil)
	h.makes(first, access.Operator, "file", nil)
	h.makes(first, access.Dispatcher, "dispatch", map[string]any{"department": "D01"})
	h.makes(first, access.Department, "sign", nil)
	h.makes(first, access.Department, "handle", after(t))
	h.makes(first, access.Specialist, "check", nil)
	h.makes(first, access.Operator, "close", nil)
	for id, want := range map[int64]int{first: 1, second: 2, third: 2} {
		c := h.file(id)
		if len(c.Answers) != want || !strings.Contains(c.Answers[len(c.Answers)-1].Text.ZH, "环卫局") {
			t.Errorf("case %d was answered %d times, want %d: %+v", id, len(c.Answers), want, c.Answers)
		}
	}
	if c := h.file(third); c.MergedInto == nil || *c.MergedInto != first {
		t.Errorf("the third is merged into %v", c.MergedInto)
	}
}

func TestExtensionSuspensionSupervisionAndAppealGoByTheirRules(t *testing.T) {
	h := open(t)
	_, h.url = serveWith(t, h.pool, func(c *dashboard.Config) { c.SettableClock = true })
	now := time.Date(2018, 12, 24, 1, 0, 0, 0, time.UTC)
	stand := func(at time.Time) {
		now = at
		h.must(access.Admin, "PUT", "/api/v1/clock", map[string]time.Time{"now": now}, nil)
	}
	stand(now)
	id := h.report("挂账延期")
	h.makes(id, access.Specialist, "verify", nil)
	h.makes(id, access.Operator, "file", nil)
	h.makes(id, access.Dispatcher, "dispatch", map[string]any{"department": "D01"})
	h.makes(id, access.Department, "sign", nil)
	due := func() (at time.Time, paused bool) {
		var c struct {
			Clocks []struct {
				Stage    string
				DueAt    time.Time  `json:"due_at"`
				PausedAt *time.Time `json:"paused_at"`
			}
		}
		h.must(access.Admin, "GET", fmt.Sprintf("/api/v1/cases/%d", id), nil, &c)
		for _, k := range c.Clocks {
			if k.Stage == "handle" {
				return k.DueAt, k.PausedAt != nil
			}
		}
		t.Fatal("the clock handle does not run")
		return
	}
	before, _ := due()
	h.refuses(id, access.DutyLeader, "extend", nil, 409, "申请延期")
	for range 2 {
		h.makes(id, access.Department, "ask_extension", map[string]any{"note": "雨天"})
		h.makes(id, access.DutyLeader, "extend", nil)
		h.refuses(id, access.DutyLeader, "extend", nil, 409, "")
	}
	if extended, _ := due(); !extended.After(before) {
		t.Errorf("extended from %s to %s", before, extended)
	}
	h.makes(id, access.Department, "ask_extension", map[string]any{"note": "又一次"})
	h.refuses(id, access.DutyLeader, "extend", nil, 409, "最多 2 次")

	h.refuses(id, access.DutyLeader, "suspend", map[string]any{"note": "待开春", "until": now.AddDate(2, 0, 0)}, 422, "until_invalid")
	h.makes(id, access.DutyLeader, "suspend", map[string]any{"note": "待开春", "until": now.AddDate(0, 3, 0)})
	if _, paused := due(); !paused {
		t.Error("a suspended case's clock runs")
	}
	var answer struct{ Cases []struct{ ID int64 } }
	h.must(access.Leader, "GET", "/api/v1/cases?light=grey", nil, &answer)
	if len(answer.Cases) != 1 {
		t.Errorf("%d grey cases, want the suspended one", len(answer.Cases))
	}
	h.makes(id, access.DutyLeader, "resume", nil)
	if _, paused := due(); paused {
		t.Error("the clock of a resumed case stands")
	}
	h.makes(id, access.DutyLeader, "suspend", map[string]any{"note": "再挂", "until": now.AddDate(0, 1, 0)})
	stand(now.AddDate(0, 1, 0).Add(-time.Second))
	if state := h.file(id).State; state != "suspended" {
		t.Errorf("a second before its end the suspension is over: %s", state)
	}
	stand(now.Add(time.Second))
	eventually(t, "a suspension ends by itself", func() bool { return h.file(id).State == "signed" })

	h.makes(id, access.DutyLeader, "supervise", map[string]any{"note": "限期办结"})
	h.makes(id, access.Department, "handle", after(t))
	h.makes(id, access.Specialist, "check", nil)
	h.makes(id, access.Operator, "close", nil)
	h.refuses(id, access.DutyLeader, "grant_appeal", map[string]any{"note": "属实"}, 409, "申诉")
	h.makes(id, access.Department, "appeal", map[string]any{"note": "停工令"})
	h.makes(id, access.DutyLeader, "grant_appeal", map[string]any{"note": "属实"})
	if c := h.file(id); c.State != "closed" || !c.Supervised || !c.Exempt {
		t.Errorf("in the end: %+v", c)
	}
}

// V9, V10 and V11: sums that were published, from the fields that projects carry; what was not accepted comes to nothing.
func TestPublishedSumsComeOutOfTheFields(t *testing.T) {
	type row = map[string]int64
	rows := func(n int, of ...int64) (list []row) { // of, each shared out over n cases
		for _, sum := range of {
			for i := range int64(n) {
				share := sum / int64(n)
				if i == 0 {
					share += sum % int64(n)
				}
				list = append(list, row{"people": share})
			}
		}
		return list
	}
	for _, tc := range []struct {
		name  string
		cases []row
		want  row
	}{
		{"V9: seven levels, 36 teams", append(rows(5, 320, 226, 619, 1_502, 2_897, 989), rows(6, 4_144)...), row{"people": 10_697, "budget": 0, "granted": 0}},
		{"V10: who is on the grids", rows(1, 2, 8, 36, 104, 86, 11), row{"people": 247, "budget": 0, "granted": 0}},
		{"V11: 1,791 − 567 = 1,224 = 865 + 359 (万元)", []row{{"budget": 11_910_000, "granted": 3_260_000}, {"budget": 6_000_000, "granted": 2_410_000}},
			row{"people": 0, "budget": 17_910_000, "granted": 5_670_000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := open(t)
			picture := []map[string]string{{"kind": "before", "data": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(photo(t))}}
			make := func(title string, of row) int64 {
				id := h.begin(access.Officer, "project", title)
				h.makes(id, access.Officer, "visit", map[string]any{"note": "走访", "photos": picture, "fields": row{"people": of["people"]}})
				return id
			}
			for i, of := range tc.cases {
				id := make(fmt.Sprintf("项目 %d", i), of)
				if of["budget"] > 0 {
					h.makes(id, access.DutyLeader, "fund", map[string]any{"note": "到位", "fields": row{"budget": of["budget"], "granted": of["granted"]}})
				}
			}
			h.makes(make("不立项", row{"people": 1_000}), access.DutyLeader, "reject", map[string]any{"note": "不属本街道"})
			var answer struct {
				Sums []struct {
					Cases  int
					Fields []struct {
						Field string
						Sum   int64
					}
				}
			}
			h.must(access.Leader, "GET", "/api/v1/flows/project/sums", nil, &answer)
			if len(answer.Sums) != 1 || answer.Sums[0].Cases != len(tc.cases) {
				t.Fatalf("%+v, want one row of %d cases", answer.Sums, len(tc.cases))
			}
			got := row{}
			for _, f := range answer.Sums[0].Fields {
				if f.Field != "area" {
					got[f.Field] = f.Sum
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("want − got +:\n%s", diff)
			}
			if left := got["budget"] - got["granted"]; tc.want["budget"] > 0 && left != 8_650_000+3_590_000 {
				t.Errorf("%d are not granted yet", left)
			}
		})
	}
}

func TestAMoveBringsTheFieldsThatItNeedsAndNoOthers(t *testing.T) {
	h := open(t)
	id := h.begin(access.Officer, "project", "车棚")
	with := func(fields map[string]int64) map[string]any {
		return map[string]any{"note": "走访", "fields": fields, "photos": []map[string]string{{"kind": "before", "data": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(photo(t))}}}
	}
	h.refuses(id, access.Officer, "visit", with(nil), 422, "field_missing")
	h.refuses(id, access.Officer, "visit", with(map[string]int64{"people": -1}), 422, "field_invalid")
	h.refuses(id, access.Officer, "visit", with(map[string]int64{"people": 2_000_000_000_000}), 422, "field_invalid")
	h.refuses(id, access.Officer, "visit", with(map[string]int64{"people": 3, "budget": 4}), 422, "unknown_field")
	h.makes(id, access.Officer, "visit", with(map[string]int64{"people": 3}))
	if a := h.ask(access.Leader, "GET", "/api/v1/flows/project/sums?by=department", nil); a.code != 200 || !strings.Contains(string(a.body), `"people"`) {
		t.Errorf("%d %s", a.code, a.body)
	}
}

func TestWhoHandledMayNotCheckAndTheTryIsOnTheAudit(t *testing.T) {
	h := open(t)
	id := h.report("同一人")
	h.makes(id, access.Specialist, "verify", nil)
	h.makes(id, access.Operator, "file", nil)
	h.makes(id, access.Dispatcher, "dispatch", map[string]any{"department": "D01"})
	h.makes(id, access.Admin, "sign", nil)
	h.makes(id, access.Admin, "handle", after(t))
	h.refuses(id, access.Admin, "check", nil, 403, "同一人")
	eventually(t, "the refusal is on the audit", func() bool {
		var found struct {
			Entries []struct {
				Username string
				Detail   map[string]string
			}
		}
		h.must(access.Admin, "GET", "/api/v1/audit?act=refused", nil, &found)
		for _, e := range found.Entries {
			if e.Username == "admin" && e.Detail["move"] == "check" {
				return true
			}
		}
		return false
	})
}

// onThePage is the block of a language on the page that tells how to add a flow.
func onThePage(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("cases/flows/ADDING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```"+language+"\n")
	block, _, whole := strings.Cut(rest, "```")
	if !found || !whole {
		t.Fatalf("the page has no block of %s", language)
	}
	return block
}

// Who has read the page and nothing else has a flow that runs: 噪声扰民, two departments, 3 working days.
func TestThePageAloneLeadsToAFlowThatRuns(t *testing.T) {
	folder := t.TempDir()
	h := open(t)
	_, h.url = serveWith(t, h.pool, func(c *dashboard.Config) { c.Flows, c.SettableClock = os.DirFS(folder), true })
	h.must(access.Admin, "PUT", "/api/v1/clock", map[string]string{"now": "2018-12-24T15:15:00+08:00"}, nil)
	if err := os.WriteFile(filepath.Join(folder, "noise.yaml"), []byte(onThePage(t, "yaml")), 0o644); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", onThePage(t, "sh")+"\necho; echo CASE=$CASE")
	shell.Env = append(os.Environ(), "URL="+h.url, "TOKEN="+h.tokens[access.Admin])
	said, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var id int64
	_, last, _ := strings.Cut(string(said), "CASE=")
	if _, err := fmt.Sscan(last, &id); err != nil {
		t.Fatalf("the page's commands end without a case: %s", said)
	}
	var c struct {
		Flow, State string
		Clocks      []struct {
			Stage, Unit string
			DueAt       time.Time `json:"due_at"`
		}
	}
	h.must(access.Operator, "GET", fmt.Sprintf("/api/v1/cases/%d", id), nil, &c)
	due := time.Date(2018, 12, 27, 7, 15, 0, 0, time.UTC) // V3: three working days of seven hours
	if c.Flow != "noise" || c.State != "split" || len(c.Clocks) != 1 || c.Clocks[0].Unit != "workday" || !c.Clocks[0].DueAt.Equal(due) {
		t.Errorf("the case runs otherwise: %+v", c)
	}
	if err := h.dash.Access.SaveAccount(t.Context(), access.Account{Username: "d02", Name: "城管局经办", Role: access.Department, Department: "D02"}); err != nil {
		t.Fatal(err)
	}
	second, err := h.dash.Access.NewToken(t.Context(), "d02", "test")
	if err != nil {
		t.Fatal(err)
	}
	first := h.tokens[access.Department]
	for i, part := range h.file(id).Subcases {
		h.refuses(id, access.Operator, "close", nil, 409, "子案件")
		h.tokens[access.Department] = []string{first, second}[i]
		h.makes(part.ID, access.Department, "sign", nil)
		h.makes(part.ID, access.Department, "handle", after(t))
		h.makes(part.ID, access.Operator, "close", nil)
	}
	h.makes(id, access.Operator, "close", nil)
	if c := h.file(id); c.State != "closed" || len(c.Subcases) != 2 {
		t.Errorf("in the end: %+v", c)
	}
}

func TestAFlowOfTheSiteWorksAfterAReloadAndRunningCasesKeepTheirEdition(t *testing.T) {
	folder, siteFlow := t.TempDir(), onThePage(t, "yaml")
	h := open(t)
	_, h.url = serveWith(t, h.pool, func(c *dashboard.Config) { c.Flows = os.DirFS(folder) })
	_, other := serve(t, h.pool) // another node, without the folder
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	reload := func() answer { return h.ask(access.Admin, "POST", "/api/v1/flows/reload", nil) }
	write("noise.yaml", strings.Replace(siteFlow, "open task", "open tusk", 1))
	if a := reload(); a.code != 422 || !strings.Contains(string(a.body), "noise.yaml:13") || !strings.Contains(string(a.body), "tusk") {
		t.Fatalf("a faulty file: %d %s", a.code, a.body)
	}
	if a := h.ask(access.Operator, "POST", "/api/v1/flows/reload", nil); a.code != 403 {
		t.Errorf("an operator reloads: %d", a.code)
	}
	write("noise.yaml", siteFlow)
	if a := reload(); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	old := h.begin(access.Officer, "noise", "夜间施工")
	write("noise.yaml", strings.Replace(siteFlow, "who: [operator], when: [subcases closed]", "who: [duty_leader]", 1))
	if a := reload(); a.code != 422 || !strings.Contains(string(a.body), "edition: 2") {
		t.Fatalf("another text of the same edition: %d %s", a.code, a.body)
	}
	write("noise.yaml", strings.Replace(strings.Replace(siteFlow, "edition: 1", "edition: 2", 1), "who: [operator], when: [subcases closed]", "who: [duty_leader]", 1))
	if a := reload(); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	fresh := h.begin(access.Officer, "noise", "广场舞")
	for id, edition := range map[int64]int{old: 1, fresh: 2} {
		h.makes(id, access.Dispatcher, "assign", map[string]any{"departments": []string{"D01", "D02"}})
		if c := h.file(id); c.FlowEdition != edition || len(c.Subcases) != 2 {
			t.Errorf("case %d: %+v", id, c)
		}
	}
	h.refuses(old, access.Operator, "close", nil, 409, "子案件")
	h.refuses(fresh, access.Operator, "close", nil, 403, "值班长")
	h.makes(fresh, access.DutyLeader, "close", nil)
	h.url = other // it has heard of both editions through the log
	eventually(t, "the other node knows the flow", func() bool { return h.ask(access.Admin, "GET", "/api/v1/flows/noise", nil).code == 200 })
	h.refuses(old, access.Operator, "close", nil, 409, "子案件")
}

func TestASumOfFewerThanFivePersonsIsHidden(t *testing.T) {
	h := open(t)
	picture := []map[string]string{{"kind": "before", "data": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(photo(t))}}
	for _, tc := range []struct {
		people int64
		want   string
	}{{4, "null"}, {1, "5"}} { // 4, then 4 + 1
		id := h.begin(access.Officer, "project", "修缮")
		h.makes(id, access.Officer, "visit", map[string]any{"note": "走访", "photos": picture, "fields": map[string]int64{"people": tc.people}})
		var answer struct {
			Sums []struct {
				Fields []struct {
					Field string
					Sum   json.RawMessage
				}
			}
		}
		h.must(access.Leader, "GET", "/api/v1/flows/project/sums", nil, &answer)
		for _, f := range answer.Sums[0].Fields {
			want := tc.want
			if f.Field != "people" {
				want = "0"
			}
			if string(f.Sum) != want {
				t.Errorf("with %d more: %s is %s, want %s", tc.people, f.Field, f.Sum, want)
			}
		}
	}
}
