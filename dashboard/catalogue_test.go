package dashboard_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"gridwall/dashboard/access"
)

type catalogueClass struct {
	Code, Kind, Part, Priority string
	Listed                     bool
	Name                       struct{ ZH, EN string }
	Major                      struct {
		Code string
		Name struct{ ZH, EN string }
	}
	Conditions []struct{ Condition, Limit string }
}

func (h *house) catalogue(query string) (classes []catalogueClass) {
	h.t.Helper()
	var answer struct{ Classes []catalogueClass }
	h.must(access.Admin, "GET", "/api/v1/catalogue?"+query, nil, &answer)
	return answer.Classes
}

// workbook makes an Excel file of sheets, each a table.
func workbook(t *testing.T, sheets map[string][][]string) []byte {
	t.Helper()
	book := excelize.NewFile()
	for name, rows := range sheets {
		if _, err := book.NewSheet(name); err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			if err := book.SetSheetRow(name, fmt.Sprintf("A%d", i+1), &row); err != nil {
				t.Fatal(err)
			}
		}
	}
	var out bytes.Buffer
	if err := book.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type importReport struct {
	Report struct {
		Read, Written, Refused int
		Refusals               []struct {
			Line   int
			Key    string
			Reason struct{ Zh, En string }
		}
	}
}

func (h *house) takes(file []byte, query string, code int) (r importReport) {
	h.t.Helper()
	a := h.ask(access.Admin, "POST", "/api/v1/catalogue/import?"+query, file)
	if a.code != code || json.Unmarshal(a.body, &r) != nil {
		h.t.Fatalf("import: %d %s, want %d", a.code, a.body, code)
	}
	return r
}

func TestTheShippedCatalogueIsWhole(t *testing.T) {
	h := open(t)
	count := map[string]int{}
	for _, c := range h.catalogue("all=1") {
		local := c.Code[2:] >= "080"
		switch {
		case local && strings.Contains(c.Name.ZH, "(自定义)"):
			count["local"]++
		case !local:
			count["national"]++
		}
		if c.Part != "" {
			count["with a part"]++
		}
		if c.Major.Name.ZH == "" || c.Major.Name.EN == "" {
			t.Errorf("class %s: its major has no name", c.Code)
		}
		if c.Name.EN == "" {
			t.Errorf("class %s %s has no English name", c.Code, c.Name.ZH)
		}
		if c.Listed {
			count["listed "+c.Kind]++
			if len(c.Conditions) == 0 {
				t.Errorf("class %s %s has no conditions", c.Code, c.Name.ZH)
			}
		}
	}
	want := map[string]int{"national": 250, "with a part": 153, "local": 21, "listed part": 33, "listed matter": 112}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("want − got +:\n%s", diff)
	}
	if list := h.catalogue(""); len(list) != 145 {
		t.Errorf("the list has %d classes, want 145", len(list))
	}
	if a := h.ask(access.Admin, "GET", "/api/v1/catalogue?edition=nonesuch", nil); a.code != 400 {
		t.Errorf("an edition that is not there: %d", a.code)
	}
}

func TestACatalogueThatIsExportedAndImportedIsTheSame(t *testing.T) {
	h := open(t)
	for _, headings := range []string{"zh", "en"} {
		before := h.catalogue("all=1")
		file := h.ask(access.Operator, "GET", "/api/v1/catalogue.xlsx?headings="+headings, nil)
		if r := h.takes(file.body, "", 200).Report; r.Refused != 0 || r.Read != r.Written || r.Read != 271+342 {
			t.Errorf("%s: %+v", headings, r)
		}
		if diff := cmp.Diff(before, h.catalogue("all=1")); diff != "" {
			t.Errorf("%s, before − after +:\n%s", headings, diff)
		}
	}
	if a := h.ask(access.Operator, "POST", "/api/v1/catalogue/import", []byte("x")); a.code != 403 {
		t.Errorf("an operator imports: %d", a.code)
	}
	if a := h.ask(access.Admin, "POST", "/api/v1/catalogue/import", []byte("x")); a.code/100 != 4 {
		t.Errorf("no workbook: %d %s", a.code, a.body)
	}
}

func TestARowThatCannotBeIsNamedAndNothingIsWritten(t *testing.T) {
	h := open(t)
	head := map[string][]string{
		"类别":   {"版本", "代码", "种类", "大类代码", "大类", "名称", "等级", "列入清单"},
		"立案条件": {"版本", "类别代码", "条件代码", "条件", "时限"},
		"责任部门": {"类别代码", "网格", "部门"},
		"版本对照": {"原版本", "原代码", "新代码"},
	}
	for _, tc := range []struct {
		sheet string
		row   []string
		says  string
	}{
		{"类别", []string{"", "1000", "事项", "06", "市容", "新的", "一般", "是"}, "以大类代码 06 开头"},
		{"类别", []string{"", "06998", "动物", "06", "市容", "新的", "一般", "是"}, "种类"},
		{"类别", []string{"", "06998", "事项", "06", "市容", "", "一般", "是"}, "缺少名称"},
		{"类别", []string{"", "06998", "事项", "06", "市容", "新的", "马上", "是"}, "等级"},
		{"类别", []string{"Ed 1", "06998", "事项", "06", "市容", "新的", "一般", "是"}, "版本"},
		{"立案条件", []string{"", "99999", "plain", "一般", "3 working days"}, "没有类别 99999"},
		{"立案条件", []string{"", "06001", "plain", "一般", "3 days"}, "时限"},
		{"立案条件", []string{"", "06001", "Plain!", "一般", "3 working days"}, "条件代码"},
		{"责任部门", []string{"06001", "", "无此局"}, "没有部门"},
		{"责任部门", []string{"06001", "999", "D01"}, "没有网格"},
		{"版本对照", []string{"cjt214", "0101", "01001"}, "没有类别 0101"},
	} {
		r := h.takes(workbook(t, map[string][][]string{
			"责任部门":   append([][]string{head["责任部门"], {"01001", "", "环卫局"}}, map[bool][][]string{true: {tc.row}}[tc.sheet == "责任部门"]...),
			tc.sheet: append([][]string{head[tc.sheet], {}}, map[bool][][]string{true: {{"01001", "", "环卫局"}, tc.row}, false: {tc.row}}[tc.sheet == "责任部门"]...),
		}), "", 422).Report
		if r.Refused != 1 || r.Written != 0 || !strings.Contains(r.Refusals[0].Reason.Zh, tc.says) || r.Refusals[0].Reason.En == "" || r.Refusals[0].Line < 3 {
			t.Errorf("%v: %+v, want “%s”", tc.row, r, tc.says)
		}
	}
	var n int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM catalogue_duty`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d duties were written beside a refused row (%v)", n, err)
	}
	if r := h.takes(workbook(t, map[string][][]string{"责任部门": {head["责任部门"], {"01001", "", "环卫局"}}}), "dry_run=1", 200).Report; r.Written != 1 {
		t.Errorf("a dry run: %+v", r)
	}
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM catalogue_duty`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d duties were kept of a dry run (%v)", n, err)
	}
	twice := h.takes(workbook(t, map[string][][]string{"责任部门": {head["责任部门"], {"01001", "", "环卫局"}, {"01001", "", "城管局"}}}), "", 422).Report
	if !strings.Contains(twice.Refusals[0].Reason.Zh, "第 2 行重复") {
		t.Errorf("a double cell: %+v", twice)
	}
	if a := h.ask(access.Admin, "POST", "/api/v1/catalogue/import?sheet=duties", []byte("class,bureau\n01001,D01\n")); a.code/100 != 4 || !strings.Contains(string(a.body), "bureau") {
		t.Errorf("an unknown column: %d %s", a.code, a.body)
	}
}

func TestLocalItemsTakeTheNextCodeDownwardAndTheTag(t *testing.T) {
	h := open(t)
	h.takes([]byte("major,major_zh,zh,kind\n10,其他事项类,广场舞扰民,matter\n10,其他事项类,共享单车乱停(自定义),matter\n06,市容环境类,雪后结冰,matter\n"), "sheet=classes", 200)
	h.takes([]byte("edition,major,code,major_zh,zh\ncjt214,01,0101,公用设施,上水井盖\ncjt214,01,,公用设施,温泉井盖\n"), "sheet=classes", 200)
	got := map[string]string{}
	for _, edition := range []string{"gbt47678.5-2026", "cjt214"} {
		for _, c := range h.catalogue("all=1&edition=" + edition) {
			got[c.Code] = c.Name.ZH
		}
	}
	for code, want := range map[string]string{"10978": "广场舞扰民(自定义)", "10977": "共享单车乱停(自定义)", "06999": "雪后结冰(自定义)", "0199": "温泉井盖(自定义)"} {
		if got[code] != want {
			t.Errorf("%s is %q, want %q", code, got[code], want)
		}
	}
}

func TestTheBridgeListsWhatIsUnmapped(t *testing.T) {
	h := open(t)
	h.takes(workbook(t, map[string][][]string{
		"classes": {{"edition", "code", "zh"}, {"cjt214", "0101", "上水井盖"}, {"cjt214", "0102", "污水井盖"}, {"cjt214", "0122", "电话亭旧式"}},
		"bridge":  {{"from_edition", "from_code", "to_code"}, {"cjt214", "0101", "01001"}},
	}), "", 200)
	var answer struct {
		Unmapped int
		Classes  []struct{ Code, To, Same string }
	}
	h.must(access.Operator, "GET", "/api/v1/catalogue/bridge?from=cjt214", nil, &answer)
	want := []struct{ Code, To, Same string }{{"0101", "01001", ""}, {"0102", "", "01002"}, {"0122", "", ""}}
	if diff := cmp.Diff(want, answer.Classes); diff != "" || answer.Unmapped != 2 {
		t.Errorf("%d unmapped, want − got +:\n%s", answer.Unmapped, diff)
	}
	// A case of the present edition is none of an older one's.
	body := report("旧代码")
	body["class"] = "0101"
	if a := h.ask(access.Officer, "POST", "/api/v1/cases", body); a.code != 422 {
		t.Errorf("a case by a code of another edition: %d %s", a.code, a.body)
	}
}

func TestTheNearestGridSaysWhoAnswersAndTheConditionSaysByWhen(t *testing.T) {
	h := open(t)
	_, other := serve(t, h.pool) // another node
	assign := func(class, grid, department string) answer {
		return h.ask(access.DutyLeader, "PUT", "/api/v1/catalogue/duties", map[string]string{"class": class, "grid": grid, "department": department})
	}
	for _, duty := range [][3]string{{"01001", "", "D01"}, {"01001", "150621901001002", "D02"}, {"06001", "150621901", "D02"}} {
		if a := assign(duty[0], duty[1], duty[2]); a.code != 204 {
			t.Fatalf("%v: %d %s", duty, a.code, a.body)
		}
	}
	if a := assign("01001", "", "D77"); a.code != 400 {
		t.Errorf("a department that is not there: %d", a.code)
	}
	var c struct {
		Grids    []struct{ Code string }
		Coverage struct {
			Departments  []string
			Cells, Empty int
			Rows         []struct {
				Class string
				Cells []int
				Own   []int
			}
		}
	}
	h.must(access.Operator, "GET", "/api/v1/catalogue/coverage", nil, &c)
	if len(c.Grids) != 2 || c.Coverage.Cells != 290 || c.Coverage.Empty != 286 {
		t.Errorf("%d grids, %d cells, %d empty", len(c.Grids), c.Coverage.Cells, c.Coverage.Empty)
	}
	for _, row := range c.Coverage.Rows {
		if row.Class == "01001" && (c.Coverage.Departments[row.Cells[0]] != "D01" || c.Coverage.Departments[row.Cells[1]] != "D02" || len(row.Own) != 1) {
			t.Errorf("01001: %+v", row)
		}
	}
	type full struct {
		ID     int64
		Advice []struct {
			Department string
			Duty       bool
			DutyGrid   *string `json:"duty_grid"`
		}
		Clocks []struct {
			Stage     string
			Unit      string
			LimitS    int       `json:"limit_s"`
			StartedAt time.Time `json:"started_at"`
			DueAt     time.Time `json:"due_at"`
		}
	}
	begin := func(lon float64, class, condition string) full {
		var made full
		body := map[string]any{"flow": "incident", "title": "井盖", "class": class, "condition": condition, "location": map[string]float64{"lon": lon, "lat": 40.405}}
		h.must(access.Officer, "POST", "/api/v1/cases", body, &made)
		h.makes(made.ID, access.Specialist, "verify", nil)
		h.makes(made.ID, access.Operator, "file", nil)
		return made
	}
	if a := h.ask(access.Officer, "POST", "/api/v1/cases", map[string]any{"title": "x", "class": "01001", "condition": "nonesuch", "location": here}); a.code != 422 || !strings.Contains(string(a.body), "missing") {
		t.Errorf("a condition that the class has not: %d %s", a.code, a.body)
	}
	read := func(id int64) (f full) {
		h.must(access.Dispatcher, "GET", fmt.Sprintf("/api/v1/cases/%d", id), nil, &f)
		return f
	}
	h.url = other
	eventually(t, "the other node has heard of the duties", func() bool {
		h.must(access.Operator, "GET", "/api/v1/catalogue/coverage", nil, &c)
		return c.Coverage.Empty == 286
	})
	first := begin(110.003, "01001", "missing")
	if a := read(first.ID).Advice; len(a) != 1 || a[0].Department != "D01" || !a[0].Duty || a[0].DutyGrid != nil {
		t.Errorf("in the first grid: %+v", a)
	}
	if a := read(begin(110.015, "01001", "broken").ID).Advice; len(a) != 1 || a[0].Department != "D02" || a[0].DutyGrid == nil || *a[0].DutyGrid != "二网格" {
		t.Errorf("in the second grid: %+v", a)
	}
	if a := read(begin(110.003, "06001", "").ID).Advice; len(a) != 1 || a[0].Department != "D02" {
		t.Errorf("by the street's rule: %+v", a)
	}
	if a := read(begin(110.003, "06002", "").ID).Advice; len(a) > 0 {
		t.Errorf("nobody answers for it: %+v", a)
	}
	h.makes(first.ID, access.Dispatcher, "dispatch", map[string]any{"department": "D01"})
	found := false
	for _, k := range read(first.ID).Clocks {
		if k.Stage == "handle" {
			found = true
			if k.Unit != "emergency" || k.LimitS != 7200 || k.DueAt.Sub(k.StartedAt) != 2*time.Hour {
				t.Errorf("a missing cover is given two emergency hours: %+v", k)
			}
		}
	}
	if !found {
		t.Error("the clock of handling does not run")
	}
}
