package dashboard_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/api"
)

var update = flag.Bool("update", false, "write the reviewed files anew")

// matrixFile is the reviewed matrix: who changes what one may do changes this file, and it is read in review.
const matrixFile = "access/rights.md"

// Thing names of the own grid and of the other one, for what the addresses name.
const (
	ownGrid   = "150621901001001"
	otherGrid = "150621901001002"
)

// town adds a camera of the other grid to places.
const town = places + `;
UPDATE camera SET grid = '150621901001001';
INSERT INTO camera (id, name, url, grid, geom) VALUES ('C3', '邻街', 'rtsp://127.0.0.1:9/c', '150621901001002', ST_SetSRID(ST_MakePoint(110.015, 40.405), 4326))`

// confined makes accounts of every role for the own grid and returns a house that asks with their tokens.
func (h *house) confined() *house {
	h.t.Helper()
	h2 := *h
	h2.tokens = map[access.Role]string{access.Wall: h.tokens[access.Wall]}
	for _, role := range access.Roles {
		a := access.Account{Username: "own-" + strings.ReplaceAll(string(role), "_", "-"), Name: "own", Role: role, Grid: ownGrid}
		if role == access.Department {
			a.Department = "D01"
		}
		if err := h.dash.Access.SaveAccount(h.t.Context(), a); err != nil {
			h.t.Fatal(err)
		}
		var err error
		if h2.tokens[role], err = h.dash.Access.NewToken(h.t.Context(), a.Username, "test"); err != nil {
			h.t.Fatal(err)
		}
	}
	return &h2
}

// things are what the addresses name: in the own grid, or in the other one.
type things struct{ grid, caseID, photo, alarm, camera string }

// plant puts a case with a photo and an alarm into the grid of a place.
func (h *house) plant(code, camera string, lon float64) things {
	h.t.Helper()
	at := map[string]float64{"lon": lon, "lat": 40.405}
	var up, made struct{ ID any }
	a := h.ask(access.Operator, "POST", "/api/v1/photos", photo(h.t))
	if err := json.Unmarshal(a.body, &up); err != nil {
		h.t.Fatalf("%s: %v", a.body, err)
	}
	h.must(access.Operator, "POST", "/api/v1/cases", map[string]any{"title": "marker-of-" + code, "location": at, "photos": []any{up.ID}}, &made)
	var alarm struct{ Alarm struct{ ID int64 } }
	h.must(access.Operator, "POST", "/api/v1/alarms", map[string]any{"rule": "sensor", "key": code, "active": true, "title": "marker-of-" + code, "location": at}, &alarm)
	return things{code, fmt.Sprintf("%.0f", made.ID), fmt.Sprint(up.ID), fmt.Sprint(alarm.Alarm.ID), camera}
}

// request fills a route's pattern in. What would destroy is aimed at nothing.
func (x things) request(l api.Line) (method, path string) {
	method, path, _ = strings.Cut(l.Pattern, " ")
	id := map[string]string{"case": x.caseID, "photo": x.photo, "alarm": x.alarm, "camera": x.camera}[l.Scope]
	switch {
	case strings.Contains(path, "/walls/"):
		id = "main"
	case id == "":
		id = "C1"
	}
	return method, strings.NewReplacer("{id}", id, "{code}", x.grid, "{$}", "", "{layer}", "grids", "{z}", "1", "{x}", "1", "{y}", "1", "{screen}", "1",
		"{flow}", "incident", "{collection}", "grids", "{item}", "x", "{session}", "none", "{profile}", "goroutine", "/{file}", fileOf(path)).Replace(path)
}

func fileOf(path string) string {
	switch {
	case strings.HasPrefix(path, "/api/v1/export"):
		return "/grids.csv"
	case path == "/tiles/{file}":
		return "/grids.json"
	case strings.Contains(path, "/hls/"):
		return "/index.m3u8"
	}
	return "/1.mvt"
}

// refused says whether the door refused; what a handler says of the request itself is not its matter.
func (a answer) refused() bool {
	code, _ := a.problem()
	return a.code == http.StatusUnauthorized || a.code == http.StatusForbidden && slices.Contains([]string{"not_permitted", "outside_jurisdiction"}, code)
}

// Every route is asked by every role: of the whole town, of one grid for a thing of that grid, and for one of another.
func TestTheMatrixOfRightsIsTheReviewedOne(t *testing.T) {
	h := openWith(t, town)
	confined := h.confined()
	foreign := h.plant(ownGrid, "C1", 110.004) // of no line
	own, other := h.plant(ownGrid, "C1", 110.005), h.plant(otherGrid, "C3", 110.015)
	if _, err := h.pool.Exec(t.Context(), `UPDATE case_file SET lines = '{D01}' WHERE id::text IN ($1, $2)`, own.caseID, other.caseID); err != nil {
		t.Fatal(err)
	}
	roles := append(slices.Clone(access.Roles), access.Wall)

	var text bytes.Buffer
	text.WriteString("# Who may do what\n\nWritten by `go test ./dashboard -run Matrix -update` from real requests, and reviewed: the test compares it with what the routes answer.\n\n" +
		"- `●` in the whole town, and for an account of one grid (its jurisdiction is that grid and all below it) nothing is kept back\n" +
		"- `◐` an account of one grid only for what lies in its grid\n" +
		"- `◇` a department only for cases of its line 条线: those that it is or was with, and those that departments claim; one of one grid only in its grid\n" +
		"- `○` accounts of the whole town only\n- `·` refused\n\nA scope of `rows` gives and takes rows of the jurisdiction alone.\n\n| route | right | scope |")
	for _, role := range roles {
		fmt.Fprintf(&text, " %s |", role)
	}
	text.WriteString("\n|---|---|---|" + strings.Repeat("---|", len(roles)) + "\n")
	table := h.dash.Table()
	slices.SortStableFunc(table, func(a, b api.Line) int { return strings.Compare(address(a), address(b)) })
	for _, l := range table {
		if l.Right == "" {
			fmt.Fprintf(&text, "| %s | open | |%s\n", l.Pattern, strings.Repeat(" ● |", len(roles)))
			continue
		}
		if l.Scope == "" {
			t.Errorf("%s has no scope: give it a line in dashboard/api/jurisdiction.go, and write the matrix anew", l.Pattern)
		}
		fmt.Fprintf(&text, "| %s | %s | %s |", l.Pattern, l.Right, l.Scope)
		for _, role := range roles {
			sign := "·"
			ask := func(h *house, x things) bool {
				method, path := x.request(l)
				if method == "DELETE" || strings.HasSuffix(path, "/moves") {
					path = strings.Replace(path, "/C1", "/absent", 1) // others still need it
				}
				return !h.ask(role, method, path, nil).refused()
			}
			switch {
			case !ask(h, own):
			case role == access.Wall:
				sign = "●"
			case role == access.Department && !ask(h, foreign):
				sign = "◇"
			case ask(confined, own) && ask(confined, other):
				sign = "●"
			case ask(confined, own):
				sign = "◐"
			default:
				sign = "○"
			}
			fmt.Fprintf(&text, " %s |", sign)
		}
		text.WriteString("\n")
	}
	if *update {
		if err := os.WriteFile(matrixFile, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	reviewed, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	want, got := strings.Split(string(reviewed), "\n"), strings.Split(text.String(), "\n")
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("not as reviewed in dashboard/%s: %s", matrixFile, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("reviewed in dashboard/%s, and no longer so: %s", matrixFile, line)
		}
	}
}

// address is a route's path before its method, so that the matrix reads by things.
func address(l api.Line) string {
	method, path, _ := strings.Cut(l.Pattern, " ")
	return path + " " + method
}

func TestRowsOfAnotherJurisdictionAreInNoList(t *testing.T) {
	h := openWith(t, town)
	h.plant(ownGrid, "C1", 110.005)
	h.plant(otherGrid, "C3", 110.015)
	confined := h.confined()
	for _, path := range []string{"/api/v1/cases", "/api/v1/alarms", "/api/v1/search?q=marker", "/api/v1/export/cases.geojson", "/ogc/collections/cases/items"} {
		a := confined.ask(access.Operator, "GET", path, nil)
		if a.code != 200 || !bytes.Contains(a.body, []byte("marker-of-"+ownGrid)) || bytes.Contains(a.body, []byte("marker-of-"+otherGrid)) {
			t.Errorf("%s: %d %s", path, a.code, a.body)
		}
		if a := h.ask(access.Operator, "GET", path, nil); !bytes.Contains(a.body, []byte("marker-of-"+otherGrid)) {
			t.Errorf("%s for the whole town: %d %s", path, a.code, a.body)
		}
	}
}

func TestFiveHundredCrossJurisdictionRequestsAreRefusedAndOnTheAudit(t *testing.T) {
	h := openWith(t, town)
	other := h.plant(otherGrid, "C3", 110.015)
	confined := h.confined()
	there := map[string]float64{"lon": 110.015, "lat": 40.405}
	kinds := []struct {
		method, path string
		body         any
	}{
		{"GET", "/api/v1/cases/" + other.caseID, nil},
		{"GET", "/api/v1/cases/" + other.caseID + "/timeline", nil},
		{"POST", "/api/v1/cases/" + other.caseID + "/moves", map[string]string{"move": "verify"}},
		{"GET", "/api/v1/photos/" + other.photo, nil},
		{"GET", "/api/v1/cases?grid=" + otherGrid, nil},
		{"POST", "/api/v1/cases", map[string]any{"title": "x", "location": there}},
		{"GET", "/api/v1/grids/" + otherGrid, nil},
		{"GET", "/api/v1/grids/150621901", nil}, // above the own one
		{"GET", "/api/v1/alarms?grid=" + otherGrid, nil},
		{"GET", "/api/v1/alarms/" + other.alarm, nil},
		{"POST", "/api/v1/alarms/" + other.alarm + "/moves", map[string]string{"move": "acknowledge"}},
		{"POST", "/api/v1/alarms", map[string]any{"rule": "sensor", "key": "k", "active": true, "title": "x", "location": there}},
		{"GET", "/api/v1/cameras/C3/snapshot.jpg", nil},
		{"POST", "/api/v1/cameras/C3/ptz", map[string]any{"take": true}},
		{"POST", "/api/v1/cameras/C3/links", nil},
		{"GET", "/streams/C3/hls/index.m3u8", nil},
		{"POST", "/streams/C3/whep", nil},
		{"GET", "/streams/C3/mse", nil},
	}
	roles := []access.Role{access.Operator, access.DutyLeader, access.Admin}
	line := h.department("D01") // of the whole town, and with no case there
	lined := []int{0, 1, 2, 3}
	random := rand.New(rand.NewPCG(8, 500))
	var before int
	if err := h.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM case_move) * 1000 + (SELECT count(*) FROM alarm)`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	const n = 500
	for range n {
		k := kinds[random.IntN(len(kinds))]
		role, from := roles[random.IntN(len(roles))], confined
		if random.IntN(4) == 0 {
			k, role, from = kinds[lined[random.IntN(len(lined))]], access.Department, line
		}
		if a := from.ask(role, k.method, k.path, k.body); a.code != http.StatusForbidden || !a.refused() {
			t.Errorf("%s %s by %s: %d %s", k.method, k.path, role, a.code, a.body)
		}
	}
	var after, told int
	if err := h.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM case_move) * 1000 + (SELECT count(*) FROM alarm)`).Scan(&after); err != nil || after != before {
		t.Errorf("refused writes left something: %d, %d, %v", before, after, err)
	}
	for until := time.Now().Add(time.Minute); told < n && time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM audit_entry WHERE act = 'refused' AND detail->>'why' = 'jurisdiction'`).Scan(&told); err != nil {
			t.Fatal(err)
		}
	}
	if told != n {
		t.Errorf("%d of %d refusals are on the audit", told, n)
	}
}

// department makes an account of a department and a house that asks as it.
func (h *house) department(code string) *house {
	h.t.Helper()
	h2 := *h
	a := access.Account{Username: "dept-" + strings.ToLower(code), Name: code, Role: access.Department, Department: code}
	if err := h.dash.Access.SaveAccount(h.t.Context(), a); err != nil {
		h.t.Fatal(err)
	}
	token, err := h.dash.Access.NewToken(h.t.Context(), a.Username, "test")
	if err != nil {
		h.t.Fatal(err)
	}
	h2.tokens = map[access.Role]string{access.Department: token}
	return &h2
}

// dispatched leads a planted case as far as its department.
func (h *house) dispatched(x things, department string) {
	h.t.Helper()
	for _, step := range []struct {
		role access.Role
		act  map[string]any
	}{
		{access.Operator, map[string]any{"move": "verify"}},
		{access.Operator, map[string]any{"move": "file"}},
		{access.Dispatcher, map[string]any{"move": "dispatch", "department": department}},
	} {
		if a := h.ask(step.role, "POST", "/api/v1/cases/"+x.caseID+"/moves", step.act); a.code != 200 {
			h.t.Fatalf("%v: %d %s", step.act, a.code, a.body)
		}
	}
}

// A department sees what it is or was with, and what it may claim; nothing of other lines is in any list, answer, photo or push.
func TestADepartmentSeesTheCasesOfItsLineAlone(t *testing.T) {
	h := openWith(t, town+`; INSERT INTO department (code, name) VALUES ('D02', '城管局') ON CONFLICT DO NOTHING`)
	mine, theirs := h.plant(ownGrid, "C1", 110.005), h.plant(otherGrid, "C3", 110.015)
	one, two := h.department("D01"), h.department("D02")
	hello := func(m told) bool { return m.Type == "snapshot" }
	follow := one.follow(h.url, access.Department, "cases", hello)
	h.dispatched(mine, "D01")
	h.dispatched(theirs, "D02")
	var wish struct{ ID int64 }
	h.must(access.Operator, "POST", "/api/v1/cases", map[string]any{"flow": "wish", "title": "marker-of-wish", "location": map[string]float64{"lon": 110.015, "lat": 40.405}}, &wish)

	for _, path := range []string{"/api/v1/cases", "/api/v1/search?q=marker", "/api/v1/export/cases.geojson", "/api/v1/export/cases.csv", "/ogc/collections/cases/items"} {
		a := one.ask(access.Department, "GET", path, nil)
		if a.code != 200 || !bytes.Contains(a.body, []byte("marker-of-"+ownGrid)) || !bytes.Contains(a.body, []byte("marker-of-wish")) || bytes.Contains(a.body, []byte("marker-of-"+otherGrid)) {
			t.Errorf("%s: %d %s", path, a.code, a.body)
		}
		if a := two.ask(access.Department, "GET", path, nil); !bytes.Contains(a.body, []byte("marker-of-"+otherGrid)) || bytes.Contains(a.body, []byte("marker-of-"+ownGrid)) {
			t.Errorf("%s by the other line: %d %s", path, a.code, a.body)
		}
	}
	if a := one.ask(access.Department, "GET", "/ogc/collections/cases/items/"+theirs.caseID, nil); a.code != 404 {
		t.Errorf("a feature of another line: %d %s", a.code, a.body)
	}
	for _, x := range []things{mine, theirs} {
		for _, path := range []string{"/api/v1/cases/" + x.caseID, "/api/v1/cases/" + x.caseID + "/timeline", "/api/v1/photos/" + x.photo} {
			if a := one.ask(access.Department, "GET", path, nil); (a.code == 200) != (x == mine) || (x == theirs) != a.refused() {
				t.Errorf("%s: %d", path, a.code)
			}
		}
	}
	var text strings.Builder
	one.until(follow, func(m told) bool {
		text.Write(m.Data.Case)
		return bytes.Contains(m.Data.Case, []byte("marker-of-wish"))
	})
	if !strings.Contains(text.String(), "marker-of-"+ownGrid) || strings.Contains(text.String(), "marker-of-"+otherGrid) {
		t.Errorf("the department was told %s", text.String())
	}
	_, second := serve(t, h.pool) // which reads what the first has heard
	var again string
	one.follow(second, access.Department, "cases", func(m told) bool { again = fmt.Sprintf("%s", m.Rows); return hello(m) })
	if !strings.Contains(again, "marker-of-"+ownGrid) || !strings.Contains(again, "marker-of-wish") || strings.Contains(again, "marker-of-"+otherGrid) {
		t.Errorf("who comes later is shown %s", again)
	}

	// What it gave back it goes on seeing; who gets it next sees it, too.
	if a := one.ask(access.Department, "POST", "/api/v1/cases/"+mine.caseID+"/moves", map[string]any{"move": "return", "note": "不属本部门"}); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	if a := h.ask(access.Dispatcher, "POST", "/api/v1/cases/"+mine.caseID+"/moves", map[string]any{"move": "dispatch", "department": "D02"}); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	for _, d := range []*house{one, two} {
		if a := d.ask(access.Department, "GET", "/api/v1/cases/"+mine.caseID, nil); a.code != 200 {
			t.Errorf("after it was given on: %d %s", a.code, a.body)
		}
	}
}

// Departments of a joint case see their part and the whole, and not one another's parts.
func TestAPartIsSeenByItsDepartment(t *testing.T) {
	h := openWith(t, town+`; INSERT INTO department (code, name) VALUES ('D02', '城管局') ON CONFLICT DO NOTHING`)
	one := h.department("D01")
	var joint struct{ ID int64 }
	h.must(access.Operator, "POST", "/api/v1/cases", map[string]any{"flow": "joint", "title": "whole", "location": map[string]float64{"lon": 110.005, "lat": 40.405}}, &joint)
	if a := one.ask(access.Department, "GET", fmt.Sprint("/api/v1/cases/", joint.ID), nil); a.code != 403 {
		t.Errorf("before it was split: %d", a.code)
	}
	if a := h.ask(access.Dispatcher, "POST", fmt.Sprint("/api/v1/cases/", joint.ID, "/moves"), map[string]any{"move": "split", "departments": []string{"D01", "D02"}}); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	var whole struct {
		Subcases []struct {
			ID         int64
			Department string
		}
	}
	h.must(access.Operator, "GET", fmt.Sprint("/api/v1/cases/", joint.ID), nil, &whole)
	if len(whole.Subcases) != 2 {
		t.Fatalf("%+v", whole)
	}
	for _, part := range whole.Subcases {
		if a := one.ask(access.Department, "GET", fmt.Sprint("/api/v1/cases/", part.ID), nil); (a.code == 200) != (part.Department == "D01") {
			t.Errorf("the part of %s: %d", part.Department, a.code)
		}
	}
	if a := one.ask(access.Department, "GET", fmt.Sprint("/api/v1/cases/", joint.ID), nil); a.code != 200 {
		t.Errorf("the whole: %d %s", a.code, a.body)
	}
}

func TestTheAuditorReadsTheAuditAndNothingElse(t *testing.T) {
	h := openWith(t, town)
	own := h.plant(ownGrid, "C1", 110.005)
	if a := h.ask(access.Operator, "GET", "/api/v1/cases/"+own.caseID, nil); a.code != 200 {
		t.Fatal(a.code)
	}
	if a := h.ask(access.Operator, "POST", "/api/v1/cases/"+own.caseID+"/moves", map[string]string{"move": "reject", "note": "重复"}); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	h.ask("", "POST", "/api/v1/session", map[string]string{"username": "operator", "password": "wrong"})
	h.ask("", "POST", "/api/v1/session", map[string]string{"username": "=my secret", "password": "wrong"})
	want := []string{"case.view", "case.move", "session.refused"}
	var entries struct {
		Entries []struct{ Username, Act, Object string }
	}
	for until := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		h.must(access.Auditor, "GET", "/api/v1/audit", nil, &entries)
		missing := slices.DeleteFunc(slices.Clone(want), func(act string) bool {
			return slices.ContainsFunc(entries.Entries, func(e struct{ Username, Act, Object string }) bool { return e.Act == act })
		})
		if len(missing) == 0 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("not on the audit: %v in %+v", missing, entries)
		}
	}
	a := h.ask(access.Auditor, "GET", "/api/v1/audit.csv?act=session.refused", nil)
	if a.code != 200 || !bytes.Contains(a.body, []byte(",operator,")) || bytes.Contains(a.body, []byte("secret")) {
		t.Errorf("%d %s", a.code, a.body)
	}
	if a := h.ask(access.Auditor, "GET", "/", nil); a.code != http.StatusSeeOther || a.header.Get("Location") != "/audit" {
		t.Errorf("the auditor's first page: %d %s", a.code, a.header.Get("Location"))
	}
	if a := h.ask(access.Auditor, "GET", "/api/v1/cases/"+own.caseID, nil); a.code != 403 {
		t.Errorf("the auditor reads a case: %d", a.code)
	}
}

func TestAnAddressSaysWhichMethodsItTakes(t *testing.T) {
	h := open(t)
	for path, allow := range map[string]string{"/api/v1/cases/1/moves": "POST", "/api/v1/cases": "GET, POST", "/streams/C1/whep/none": "DELETE"} {
		a := h.ask(access.Admin, "PATCH", path, nil)
		if code, detail := a.problem(); a.code != http.StatusMethodNotAllowed || code != "method_not_allowed" || a.header.Get("Allow") != allow || !strings.Contains(detail, allow) {
			t.Errorf("PATCH %s: %d %s, Allow %q", path, a.code, a.body, a.header.Get("Allow"))
		}
	}
	if a := h.ask(access.Admin, "PATCH", "/api/v1/nothing", nil); a.code != http.StatusNotFound {
		t.Errorf("an address that nobody knows: %d %s", a.code, a.body)
	}
}
