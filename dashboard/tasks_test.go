package dashboard_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"testing"

	"gridwall/dashboard"
	"gridwall/dashboard/access"
)

const roster = places + `;
INSERT INTO officer (code, name, post, grid, stand_in, on_duty) VALUES
    ('W1', '甲', '网格员', '150621901001001', 'W2', true), ('W2', '乙', '网格员', '150621901001002', NULL, true), ('W3', '丙', '网格员', '150621901001001', NULL, false);
UPDATE department SET stand_in = 'D02' WHERE code = 'D01'`

// officer is a house that asks as an officer of the roster.
func (h *house) officer(code, grid string) *house {
	h.t.Helper()
	h2 := *h
	a := access.Account{Username: "officer-" + code[1:], Name: code, Role: access.Officer, Grid: grid, Officer: code}
	if err := h.dash.Access.SaveAccount(h.t.Context(), a); err != nil {
		h.t.Fatal(err)
	}
	token, err := h.dash.Access.NewToken(h.t.Context(), a.Username, "test")
	if err != nil {
		h.t.Fatal(err)
	}
	h2.tokens = map[access.Role]string{access.Officer: token}
	return &h2
}

func (h *house) mine() (ids []int64) {
	h.t.Helper()
	var got struct{ Cases []struct{ ID int64 } }
	h.must(access.Officer, "GET", "/api/v1/cases?mine=true&open=true", nil, &got)
	for _, c := range got.Cases {
		ids = append(ids, c.ID)
	}
	return ids
}

func kind(t *testing.T, kind string) map[string]any {
	return map[string]any{"photos": []map[string]string{{"kind": kind, "data": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(photo(t))}}}
}

// standIns are the notes of what was handed on by the engine.
func (h *house) standIns(id int64) (notes []string) {
	h.t.Helper()
	var told struct {
		Entries []struct {
			Move, Note string
			By         struct{ Role string }
		}
	}
	h.must(access.Admin, "GET", fmt.Sprintf("/api/v1/cases/%d/timeline", id), nil, &told)
	for _, e := range told.Entries {
		if e.Move == "stand_in" && e.By.Role == "system" {
			notes = append(notes, e.Note)
		}
	}
	return notes
}

func TestVerificationIsATaskThatTheNearestOfficerSeesAndAnswers(t *testing.T) {
	h := openWith(t, roster)
	id := h.report("井盖破损")
	h.refuses(id, access.Operator, "ask_verify", nil, 422, "nobody_on_duty") // no officer has an account
	far, near := h.officer("W2", "150621901001002"), h.officer("W1", "150621901001001")
	h.makes(id, access.Operator, "ask_verify", nil)
	parts := h.file(id).Subcases
	if len(parts) != 1 || near.mine() == nil || near.mine()[0] != parts[0].ID || far.mine() != nil {
		t.Fatalf("the task: %+v, of the near officer %v, of the far one %v", parts, near.mine(), far.mine())
	}
	task := parts[0].ID
	h.refuses(id, access.Operator, "verify", nil, 409, "子案件")
	h.refuses(id, access.Operator, "ask_verify", nil, 409, "子案件")
	h.officer("W2", "").refuses(task, access.Officer, "confirm", kind(t, "near"), 403, "其他网格员")
	near.refuses(task, access.Officer, "confirm", nil, 422, "photo_missing")
	near.makes(task, access.Officer, "confirm", kind(t, "near"))
	if c := h.file(task); c.State != "confirmed" || c.Flow != "verification" || c.Parent == nil || *c.Parent != id {
		t.Errorf("answered: %+v", c)
	}
	if left := near.mine(); left != nil {
		t.Errorf("still to do: %v", left)
	}
	h.makes(id, access.Operator, "verify", nil)
}

func TestACheckIsATaskAndNobodyOfTheDepartmentSeesIt(t *testing.T) {
	h := openWith(t, roster)
	near := h.officer("W1", "")
	id := h.report("井盖破损")
	for _, step := range []struct {
		role access.Role
		move string
		with map[string]any
	}{{access.Operator, "verify", nil}, {access.Operator, "file", nil}, {access.Dispatcher, "dispatch", map[string]any{"department": "D01"}}, {access.Department, "sign", nil}, {access.Department, "handle", after(t)},
		{access.Operator, "ask_check", nil}} {
		h.makes(id, step.role, step.move, step.with)
	}
	task := h.file(id).Subcases[0].ID
	if a := h.ask(access.Department, "GET", fmt.Sprintf("/api/v1/cases/%d", task), nil); a.code == 200 {
		t.Errorf("the department reads who checks it: %s", a.body)
	}
	h.refuses(id, access.Operator, "check", nil, 409, "子案件")
	near.makes(task, access.Officer, "fail", map[string]any{"note": "井盖仍松动"})
	h.makes(id, access.Operator, "rework", map[string]any{"note": "现场核查未办好"})
}

func TestWhatLiesWithOneWhoIsOffDutyGoesToTheStandInAndIsRecorded(t *testing.T) {
	h := openWith(t, roster)
	first, second := h.officer("W1", ""), h.officer("W2", "")
	duty := func(body map[string]any) {
		t.Helper()
		h.must(access.DutyLeader, "PUT", "/api/v1/duty", body, nil)
	}
	id := h.report("井盖破损")
	h.makes(id, access.Operator, "ask_verify", nil)
	task := h.file(id).Subcases[0].ID
	duty(map[string]any{"officer": "W1", "on_duty": false})
	eventually(t, "乙 has the task", func() bool { return len(second.mine()) == 1 && first.mine() == nil })
	first.refuses(task, access.Officer, "deny", map[string]any{"note": "没有"}, 403, "其他网格员")
	second.makes(task, access.Officer, "deny", map[string]any{"note": "到场未见"})
	if notes := h.standIns(task); len(notes) != 1 || notes[0] != "W1 → W2" {
		t.Errorf("on record: %q", notes)
	}

	h.makes(id, access.Operator, "verify", nil)
	h.makes(id, access.Operator, "file", nil)
	duty(map[string]any{"department": "D01", "on_duty": false})
	h.makes(id, access.Dispatcher, "dispatch", map[string]any{"department": "D01"})
	eventually(t, "城管局 has the case", func() bool { c := h.file(id); return c.Department != nil && *c.Department == "D02" })
	if notes := h.standIns(id); len(notes) != 1 || notes[0] != "环卫局 → 城管局" {
		t.Errorf("on record: %q", notes)
	}
	h.refuses(id, access.Department, "sign", nil, 403, "其他部门")
	h.department("D02").makes(id, access.Department, "sign", nil)

	for body, code := range map[string]int{`{"officer":"W9","on_duty":true}`: 404, `{"on_duty":true}`: 400, `{"officer":"W1","department":"D01","on_duty":true}`: 400, `{"officer":"W1"}`: 400} {
		if a := h.ask(access.DutyLeader, "PUT", "/api/v1/duty", []byte(body)); a.code != code {
			t.Errorf("%s: %d %s", body, a.code, a.body)
		}
	}
}

const handed = `flow: handed
edition: 1
name: {zh: 转办, en: Handed}
steps: [{zh: 办理, en: Handle}]
states:
  raised: {step: 1, zh: 待派, en: Raised, fresh: true}
  given:  {step: 1, zh: 办理中, en: Given}
  closed: {step: 1, zh: 已结, en: Closed, final: true}
start: {move: report, zh: 上报, en: Report, to: raised, who: [officer, operator]}
moves:
  - {move: give,  zh: 派遣, en: Give,  from: [raised, given], to: given, who: [dispatcher], needs: [department]}
  - {move: split, zh: 分拨, en: Split, from: [given], who: [dispatcher], needs: [departments], does: [open task]}
  - {move: close, zh: 结案, en: Close, from: [given], to: closed, who: [operator], when: [subcases closed]}
clocks:
  total: {in: [raised, given], limit: 5 working days}
`

func TestThePartsOfACaseGoWhereTheWholeIsHanded(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(folder+"/handed.yaml", []byte(handed), 0o644); err != nil {
		t.Fatal(err)
	}
	h := openWith(t, places+`; INSERT INTO department (code, name) VALUES ('D03', '安监局')`)
	_, h.url = serveWith(t, h.pool, func(c *dashboard.Config) { c.Flows = os.DirFS(folder) })
	id := h.begin(access.Officer, "handed", "转办")
	h.makes(id, access.Dispatcher, "give", map[string]any{"department": "D01"})
	h.makes(id, access.Dispatcher, "split", map[string]any{"departments": []string{"D01", "D03"}})
	h.makes(id, access.Dispatcher, "give", map[string]any{"department": "D02"})
	parts := h.file(id).Subcases
	if parts[0].Department != "D02" || parts[1].Department != "D03" {
		t.Fatalf("after the whole went from D01 to D02: %+v", parts)
	}
	for _, part := range parts {
		h.department("D02").must(access.Department, "GET", fmt.Sprintf("/api/v1/cases/%d", part.ID), nil, nil)
	}
	h.department("D02").makes(parts[0].ID, access.Department, "sign", nil)
	h.refuses(parts[0].ID, access.Department, "handle", after(t), 403, "其他部门") // D01
}
