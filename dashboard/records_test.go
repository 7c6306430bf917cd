package dashboard_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gridwall/dashboard"
	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras/seal"
	"gridwall/dashboard/persons"
)

// keysOf is a ring of one key.
func keysOf(t *testing.T, id string) *seal.Keyring {
	t.Helper()
	ring, err := seal.Parse(id + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte(id[:1]), 32)))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// caring is a house whose site keeps records of persons.
func caring(t *testing.T) *house {
	h := openWith(t, town)
	h.dash, h.url = serveWith(t, h.pool, func(c *dashboard.Config) { c.Persons, c.CameraKeys = true, keysOf(t, "k1") })
	return h
}

const (
	caredName  = "欧阳某某"
	caredPhone = "13987651234"
)

func draft(owner string) map[string]any {
	return map[string]any{"grid": ownGrid, "kind": "elderly_alone", "purpose": "每周入户探望", "owner": owner,
		"person": map[string]string{"name": caredName, "phone": caredPhone, "address": "永来城 3 号楼 502", "note": "听力不好，请多敲几下"}}
}

func (h *house) record(t *testing.T, owner string) string {
	t.Helper()
	var made struct{ ID int64 }
	h.must(access.DutyLeader, "POST", "/api/v1/persons", draft(owner), &made)
	return fmt.Sprintf("/api/v1/persons/%d", made.ID)
}

func TestASiteKeepsNoRecordsOfPersonsUnlessItSaysSo(t *testing.T) {
	h := openWith(t, town)
	tried := 0
	for _, l := range h.dash.Table() {
		if !strings.Contains(l.Pattern, "/persons") {
			continue
		}
		tried++
		method, path := things{}.request(l)
		body := draft("officer")
		a := h.ask(access.DutyLeader, method, strings.Replace(path, "/C1", "/1", 1), body)
		if code, _ := a.problem(); a.code != http.StatusNotFound || code != "persons_off" {
			t.Errorf("%s: %d %s", l.Pattern, a.code, a.body)
		}
	}
	if tried != 7 {
		t.Errorf("%d routes of records", tried)
	}
	if a := h.ask(access.DutyLeader, "GET", "/api/v1/session", nil); bytes.Contains(a.body, []byte("person.")) {
		t.Errorf("pages would show it: %s", a.body)
	}
	var n int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM person_record`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d records, %v", n, err)
	}
}

func TestARecordSaysWhatForWhoseAndUntilWhen(t *testing.T) {
	h := caring(t)
	day := func(days int) string {
		return time.Now().In(time.FixedZone("CST", 8*3600)).AddDate(0, 0, days).Format(time.DateOnly)
	}
	for name, tc := range map[string]struct {
		with map[string]any
		says string
	}{
		"no purpose":                   {map[string]any{"purpose": " "}, "purpose_missing"},
		"a kind that blames":           {map[string]any{"kind": "suspect"}, "kind_invalid"},
		"no owner":                     {map[string]any{"owner": ""}, "owner_invalid"},
		"an owner without the right":   {map[string]any{"owner": "operator"}, "owner_invalid"},
		"no grid":                      {map[string]any{"grid": ""}, "grid_invalid"},
		"a whole street":               {map[string]any{"grid": "150621901"}, "grid_invalid"},
		"a review in half a year":      {map[string]any{"review_on": day(180)}, "review_invalid"},
		"a review today":               {map[string]any{"review_on": day(0)}, "review_invalid"},
		"an identity number":           {map[string]any{"person": map[string]string{"name": caredName, "note": "身份证110101199003071234"}}, "number_refused"},
		"an identity number as phone":  {map[string]any{"person": map[string]string{"name": caredName, "phone": "110101199003071234"}}, "number_refused"},
		"a telephone in the purpose":   {map[string]any{"purpose": "回访" + caredPhone}, "number_refused"},
		"nobody":                       {map[string]any{"person": map[string]string{"name": ""}}, "person_invalid"},
		"an owner of another grid":     {map[string]any{"owner": "far-officer"}, "owner_invalid"},
		"an owner who is not there":    {map[string]any{"owner": "nobody"}, "owner_invalid"},
		"a day that is none":           {map[string]any{"review_on": "soon"}, "review_invalid"},
		"a grid that is not there":     {map[string]any{"grid": "999999999001001"}, "grid_invalid"},
		"a name with a NUL character ": {map[string]any{"person": map[string]string{"name": "a\x00"}}, "person_invalid"},
	} {
		if name == "an owner of another grid" {
			if err := h.dash.Access.SaveAccount(t.Context(), access.Account{Username: "far-officer", Name: "far", Role: access.Officer, Grid: otherGrid}); err != nil {
				t.Fatal(err)
			}
		}
		body := draft("officer")
		for k, v := range tc.with {
			body[k] = v
		}
		a := h.ask(access.DutyLeader, "POST", "/api/v1/persons", body)
		if code, _ := a.problem(); a.code != http.StatusUnprocessableEntity || code != tc.says {
			t.Errorf("%s: %d %s, want %s", name, a.code, a.body, tc.says)
		}
	}
	var made persons.Record
	h.must(access.DutyLeader, "POST", "/api/v1/persons", draft("officer"), &made)
	if made.ReviewOn != day(persons.Quarter) || made.Owner != "officer" || made.Overdue || made.Purpose != "每周入户探望" {
		t.Errorf("made %+v", made)
	}
	// The schema keeps the quarter, too, and there is nowhere to draw a dot.
	if _, err := h.pool.Exec(t.Context(), `UPDATE person_record SET review_on = reviewed_on + 93`); err == nil {
		t.Error("a review after more than a quarter was stored")
	}
	var places int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM information_schema.columns WHERE table_name = 'person_record' AND udt_name IN ('geometry', 'geography', 'point')`).Scan(&places); err != nil || places != 0 {
		t.Errorf("%d columns of places, %v", places, err)
	}
}

func TestAPersonIsShownToWhoAnswersAndSaysWhatFor(t *testing.T) {
	h := caring(t)
	confined := h.confined()
	path := h.record(t, "own-officer")
	var stored string
	if err := h.pool.QueryRow(t.Context(), `SELECT p::text || encode(sealed, 'escape') FROM person_record AS p`).Scan(&stored); err != nil || strings.Contains(stored, caredName) || strings.Contains(stored, caredPhone) {
		t.Errorf("the table tells %s, %v", stored, err)
	}
	if a := confined.ask(access.Officer, "GET", "/api/v1/persons", nil); a.code != 200 || !bytes.Contains(a.body, []byte("每周入户探望")) || bytes.Contains(a.body, []byte(caredName)) {
		t.Errorf("the owner's list: %d %s", a.code, a.body)
	}
	if a := h.ask(access.Officer, "GET", "/api/v1/persons", nil); a.code != 200 || bytes.Contains(a.body, []byte("每周入户探望")) {
		t.Errorf("another officer's list: %d %s", a.code, a.body)
	}
	for _, tc := range []struct {
		name    string
		house   *house
		role    access.Role
		purpose string
		code    int
		says    string
	}{
		{"the owner", confined, access.Officer, "visit", 200, ""},
		{"the duty leader", h, access.DutyLeader, "emergency", 200, ""},
		{"the owner, without a purpose", confined, access.Officer, "", 422, "purpose_missing"},
		{"the owner, out of curiosity", confined, access.Officer, "curiosity", 422, "purpose_missing"},
		{"another officer", h, access.Officer, "visit", 403, "outside_jurisdiction"},
		{"a specialist of the grid", confined, access.Specialist, "visit", 403, "outside_jurisdiction"},
		{"the administrator", h, access.Admin, "visit", 403, "not_permitted"},
		{"an operator", h, access.Operator, "visit", 403, "not_permitted"},
		{"a wall", h, access.Wall, "visit", 403, "not_permitted"},
	} {
		a := tc.house.ask(tc.role, "POST", path+"/open", map[string]string{"purpose": tc.purpose})
		code, _ := a.problem()
		if a.code != tc.code || code != tc.says || bytes.Contains(a.body, []byte(caredName)) != (tc.code == 200) {
			t.Errorf("%s: %d %s", tc.name, a.code, a.body)
		}
		if tc.code == 200 && a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: what was shown may be kept: %v", tc.name, a.header)
		}
	}
	for _, method := range []string{"POST", "DELETE"} {
		if a := h.ask(access.Officer, method, path+map[string]string{"POST": "/review", "DELETE": ""}[method], map[string]string{}); a.code != 403 {
			t.Errorf("%s by another officer: %d %s", method, a.code, a.body)
		}
	}
	h.onAudit("person.make", "person.view", "refused")
	var views int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM audit_entry WHERE act = 'person.view' AND detail->>'purpose' IN ('visit', 'emergency')`).Scan(&views); err != nil || views != 2 {
		t.Errorf("%d views on the audit, %v", views, err)
	}

	// Nobody is told a name by any other address: every route, every role.
	asked := 0
	for _, l := range h.dash.Table() {
		method, path := things{grid: ownGrid, caseID: "1", photo: "x", alarm: "1", camera: "C1"}.request(l)
		if method != "GET" || path == "/live" || strings.HasPrefix(path, "/streams") || strings.Contains(path, "/drive") || strings.HasPrefix(path, "/debug") {
			continue
		}
		for _, role := range append(access.Roles, access.Wall) {
			asked++
			if a := h.ask(role, method, path, nil); bytes.Contains(a.body, []byte(caredName)) || bytes.Contains(a.body, []byte(caredPhone)) {
				t.Errorf("%s tells %s: %s", l.Pattern, role, a.body)
			}
		}
	}
	if asked < 500 {
		t.Errorf("only %d requests", asked)
	}
	var events int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM event WHERE data::text LIKE '%' || $1 || '%'`, caredName).Scan(&events); err != nil || events != 0 {
		t.Errorf("%d events name the person, %v", events, err)
	}
}

func TestARecordThatNobodyReviewsIsShutAndThenGone(t *testing.T) {
	h := caring(t)
	path := h.record(t, "officer")
	late := func(reviewed, review int) {
		t.Helper()
		if _, err := h.pool.Exec(t.Context(), `UPDATE person_record SET reviewed_on = current_date - $1::int, review_on = current_date - $2::int`, reviewed, review); err != nil {
			t.Fatal(err)
		}
	}
	late(60, 3)
	open := func(want int, says string) {
		t.Helper()
		a := h.ask(access.Officer, "POST", path+"/open", map[string]string{"purpose": "visit"})
		if code, _ := a.problem(); a.code != want || code != says {
			t.Errorf("%d %s, want %d %s", a.code, a.body, want, says)
		}
	}
	open(409, "review_overdue")
	if a := h.ask(access.Officer, "POST", path+"/review", map[string]string{"owner": "specialist"}); a.code != 422 {
		t.Errorf("an officer names another owner: %d %s", a.code, a.body)
	}
	h.must(access.Officer, "POST", path+"/review", map[string]string{}, nil)
	open(200, "")

	off := &persons.Room{Pool: h.pool, Now: time.Now, Zone: time.UTC} // a site that has switched them off lets go, too
	late(100, 60)
	if n, err := off.Expire(t.Context()); n != 0 || err != nil {
		t.Errorf("%d gone before their time, %v", n, err)
	}
	late(200, 120)
	if n, err := off.Expire(t.Context()); n != 1 || err != nil {
		t.Errorf("%d gone, %v", n, err)
	}
	if a := h.ask(access.Officer, "POST", path+"/open", map[string]string{"purpose": "visit"}); a.code != 404 {
		t.Errorf("after that: %d %s", a.code, a.body)
	}
	h.onAudit("person.review", "person.expire")

	path = h.record(t, "officer")
	if a := h.ask(access.Officer, "DELETE", path, nil); a.code != 204 {
		t.Errorf("the owner deletes it: %d %s", a.code, a.body)
	}
	h.onAudit("person.remove")
}

func TestCountsOfPersonsUnderFiveAreNotTold(t *testing.T) {
	h := caring(t)
	path := h.record(t, "officer")
	if a := h.ask(access.Officer, "DELETE", path, nil); a.code != 204 {
		t.Fatal(a.code)
	}
	const plant = `
INSERT INTO person_record (grid, kind, purpose, owner, sealed, key_id, made_at, made_by, reviewed_on, review_on)
SELECT $1, $2, '每周入户探望', id, 'x', 'k1', now(), id, current_date, current_date + 30 FROM account, generate_series(1, $3::int) WHERE username = 'officer'`
	for _, p := range []struct {
		grid, kind string
		n          int
	}{{ownGrid, "disabled", 6}, {otherGrid, "disabled", 8}, {ownGrid, "elderly_alone", 3}, {otherGrid, "elderly_alone", 7}, {ownGrid, "illness", 2}} {
		if _, err := h.pool.Exec(t.Context(), plant, p.grid, p.kind, p.n); err != nil {
			t.Fatal(err)
		}
	}
	n := func(n int) *int { return &n }
	want := []persons.Count{
		{Grid: ownGrid, Kind: "disabled", Records: n(6)}, {Grid: otherGrid, Kind: "disabled", Records: n(8)}, {Kind: "disabled", Records: n(14)},
		{Grid: ownGrid, Kind: "elderly_alone"}, {Grid: otherGrid, Kind: "elderly_alone"}, {Kind: "elderly_alone", Records: n(10)}, // 10 − 7 would tell the 3
		{Grid: ownGrid, Kind: "illness"}, {Kind: "illness"},
	}
	var got struct{ Counts []persons.Count }
	h.must(access.DutyLeader, "GET", "/api/v1/persons/counts", nil, &got)
	if diff := cmp.Diff(want, got.Counts); diff != "" {
		t.Errorf("want −, got +:\n%s", diff)
	}
}

func TestRecordsOfPersonsOpenAfterTheKeysAreChanged(t *testing.T) {
	h := caring(t)
	path := h.record(t, "officer")
	both, err := seal.Parse("n2:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("n"), 32)) + ",k1:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32)))
	if err != nil {
		t.Fatal(err)
	}
	tx, err := h.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := persons.Reseal(t.Context(), tx, both); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if used, err := persons.SealedBy(t.Context(), h.pool); err != nil || cmp.Diff([]string{"n2"}, used) != "" {
		t.Errorf("sealed by %v, %v", used, err)
	}
	room := &persons.Room{Pool: h.pool, Sealer: keysOf(t, "n2"), Now: time.Now, Zone: time.UTC}
	var who access.Identity
	who.Role = access.DutyLeader
	var id int64
	fmt.Sscanf(path, "/api/v1/persons/%d", &id)
	p, err := room.Open(t.Context(), who, id, "review", "test")
	text, _ := json.Marshal(p)
	if err != nil || p.Name != caredName || p.Phone != caredPhone {
		t.Errorf("%s, %v", text, err)
	}
}
