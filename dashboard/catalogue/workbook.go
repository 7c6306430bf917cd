package catalogue

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/xuri/excelize/v2"

	"gridwall/dashboard/live"
	"gridwall/geo/importer"
)

// column is one of a sheet: its field and its heading.
type column struct{ field, zh string }

// sheets are those of the workbook, in the order in which they are written: each row rests on rows before it.
var sheets = []struct {
	name, zh string
	columns  []column
}{
	{"classes", "类别", []column{{"edition", "版本"}, {"code", "代码"}, {"kind", "种类"}, {"major", "大类代码"}, {"major_zh", "大类"}, {"major_en", "大类英文"}, {"zh", "名称"}, {"en", "英文"},
		{"part", "部件"}, {"priority", "等级"}, {"listed", "列入清单"}}},
	{"conditions", "立案条件", []column{{"edition", "版本"}, {"class", "类别代码"}, {"condition", "条件代码"}, {"zh", "条件"}, {"en", "英文"}, {"limit", "时限"}}},
	{"duties", "责任部门", []column{{"edition", "版本"}, {"class", "类别代码"}, {"grid", "网格"}, {"department", "部门"}}},
	{"bridge", "版本对照", []column{{"from_edition", "原版本"}, {"from_code", "原代码"}, {"to_edition", "新版本"}, {"to_code", "新代码"}}},
}

// Words of a workbook that stand for the product's own.
var words = map[string]string{
	"部件": "part", "事项": "matter", "事件": "matter", "特急": "critical", "紧急": "urgent", "一般": "normal", "咨询": "advice", "是": "yes", "否": "no", "true": "yes", "false": "no", "1": "yes", "0": "no",
}

// line is one row of a sheet by its fields.
type line struct {
	sheet string
	n     int // in the sheet, from 1
	cells map[string]string
}

func (l line) get(field, otherwise string) string { return cmp.Or(l.cells[field], otherwise) }

// word is a cell in the product's own word.
func (l line) word(field, otherwise string) string {
	text := l.get(field, otherwise)
	if own, ok := words[strings.ToLower(text)]; ok {
		return own
	}
	return strings.ToLower(text)
}

// readWorkbook reads the known sheets of an Excel workbook; others are left alone.
func readWorkbook(name string, file io.Reader) ([]line, error) {
	bad := func(err error) error {
		return &importer.FileError{File: name, Reason: importer.Text{Zh: "Excel 文件无法读取: " + err.Error(), En: "unreadable Excel file: " + err.Error()}}
	}
	book, err := excelize.OpenReader(file, excelize.Options{RawCellValue: true, UnzipSizeLimit: 256 << 20, UnzipXMLSizeLimit: 16 << 20})
	if err != nil {
		return nil, bad(err)
	}
	defer book.Close()
	var lines []line
	known := 0
	for _, sheet := range book.GetSheetList() {
		rows, err := book.GetRows(sheet)
		if err != nil {
			return nil, bad(err)
		}
		more, ok, err := readSheet(name, sheet, rows)
		if err != nil {
			return nil, err
		}
		if ok {
			known++
		}
		lines = append(lines, more...)
	}
	if known == 0 {
		return nil, unknownSheets(name)
	}
	return lines, nil
}

func unknownSheets(name string) error {
	var zh, en []string
	for _, s := range sheets {
		zh, en = append(zh, s.zh), append(en, s.name)
	}
	return &importer.FileError{File: name, Reason: importer.Text{Zh: "没有可用的工作表，应有: " + strings.Join(zh, "、"), En: "no sheet of it is known: " + strings.Join(en, ", ")}}
}

// readSheet takes the rows of one sheet; false: it is none of ours.
func readSheet(name, title string, rows [][]string) ([]line, bool, error) {
	i := slices.IndexFunc(sheets, func(s struct {
		name, zh string
		columns  []column
	}) bool {
		return s.name == title || s.zh == title
	})
	if i < 0 {
		return nil, false, nil
	}
	if len(rows) == 0 {
		return nil, true, nil
	}
	fields := make([]string, len(rows[0]))
	for n, heading := range rows[0] {
		heading = strings.TrimSpace(strings.TrimPrefix(heading, "\ufeff"))
		for _, c := range sheets[i].columns {
			if strings.EqualFold(heading, c.field) || heading == c.zh {
				fields[n] = c.field
			}
		}
		if fields[n] == "" && heading != "" {
			return nil, true, &importer.FileError{File: name, Line: 1, Reason: importer.Text{Zh: fmt.Sprintf("工作表“%s”有不认识的列“%s”", title, heading), En: fmt.Sprintf("sheet %q has the unknown column %q", title, heading)}}
		}
	}
	var lines []line
	for n, row := range rows[1:] {
		l := line{sheets[i].name, n + 2, map[string]string{}}
		for k, cell := range row {
			if k < len(fields) && fields[k] != "" && strings.TrimSpace(cell) != "" {
				l.cells[fields[k]] = strings.TrimSpace(cell)
			}
		}
		if len(l.cells) > 0 {
			lines = append(lines, l)
		}
	}
	return lines, true, nil
}

// Workbook writes the catalogue as Import reads it: with Chinese headings or with the fields' names.
func (r *Room) Workbook(w io.Writer, english bool) error {
	l := r.now.Load()
	book := excelize.NewFile()
	defer book.Close()
	lists := map[string][][]any{}
	for _, edition := range r.Editions() {
		for _, c := range l.editions[edition] {
			listed := map[bool]string{true: "yes", false: "no"}[c.Listed]
			lists["classes"] = append(lists["classes"], []any{edition, c.Code, c.Kind, c.Major.Code, c.Major.Name.ZH, c.Major.Name.EN, c.Name.ZH, c.Name.EN, c.Part, c.Priority, listed})
			for _, k := range c.Conditions {
				lists["conditions"] = append(lists["conditions"], []any{edition, c.Code, k.Condition, k.Name.ZH, k.Name.EN, k.Limit})
			}
		}
	}
	for d, department := range l.duties {
		lists["duties"] = append(lists["duties"], []any{d.edition, d.class, d.grid, department})
	}
	for x, to := range l.bridge {
		lists["bridge"] = append(lists["bridge"], []any{x.from, x.code, x.to, to})
	}
	for _, unordered := range []string{"duties", "bridge"} {
		slices.SortFunc(lists[unordered], func(a, b []any) int { return cmp.Compare(fmt.Sprint(a...), fmt.Sprint(b...)) })
	}
	for i, s := range sheets {
		title, headings := s.zh, make([]any, len(s.columns))
		for n, c := range s.columns {
			if headings[n] = c.zh; english {
				headings[n] = c.field
			}
		}
		if english {
			title = s.name
		}
		var err error
		if i == 0 {
			err = book.SetSheetName("Sheet1", title)
		} else {
			_, err = book.NewSheet(title)
		}
		if err != nil {
			return err
		}
		out, err := book.NewStreamWriter(title)
		if err != nil {
			return err
		}
		for n, row := range append([][]any{headings}, lists[s.name]...) {
			if err := out.SetRow("A"+strconv.Itoa(n+1), row); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return book.Write(w)
}

// errDry ends the transaction of a dry run.
var errDry = errors.New("dry run")

// Import takes an Excel workbook, or a CSV file of one sheet: all rows or none. Rows add and change; a duty without a
// department, a crossing without a new code and a condition without a limit are taken away. A class without a code gets its
// major's next local one, downward. importer.ErrRefused comes with the report that says why.
func (r *Room) Import(ctx context.Context, name, sheet string, file io.Reader, dry bool, at time.Time) (*importer.Report, error) {
	var lines []line
	var err error
	if sheet == "" {
		lines, err = readWorkbook(name, file)
	} else {
		var rows [][]string
		in := csv.NewReader(file)
		in.FieldsPerRecord = -1
		if rows, err = in.ReadAll(); err != nil {
			return nil, &importer.FileError{File: name, Reason: importer.Text{Zh: "CSV 文件无法读取: " + err.Error(), En: "unreadable CSV file: " + err.Error()}}
		}
		var ok bool
		if lines, ok, err = readSheet(name, sheet, rows); err == nil && !ok {
			err = unknownSheets(name)
		}
	}
	if err != nil {
		return nil, err
	}
	return r.take(ctx, name, lines, dry, at)
}

func (r *Room) take(ctx context.Context, name string, lines []line, dry bool, at time.Time) (*importer.Report, error) {
	report := &importer.Report{File: name, Unit: importer.Lines, Refusals: []importer.Refusal{}, Warnings: []importer.Warning{}, DryRun: dry}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		// One workbook at a time: the next local code and what rows rest on must not change under it.
		if _, err := tx.Exec(ctx, `LOCK TABLE catalogue_class, catalogue_duty IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		t := &taking{report: report, limit: r.limit}
		if err := t.known(ctx, tx); err != nil {
			return err
		}
		for _, s := range sheets { // what rows rest on comes first, however the sheets lie
			for _, l := range lines {
				if l.sheet == s.name {
					report.Read++
					t.take(l)
				}
			}
		}
		if err := report.Verdict(); err != nil {
			return err
		}
		report.Written = t.batch.Len()
		if t.batch.Len() == 0 {
			return nil
		}
		if err := tx.SendBatch(ctx, &t.batch).Close(); err != nil {
			return fmt.Errorf("write the catalogue: %w", err)
		}
		if dry {
			return errDry
		}
		_, err := live.Append(ctx, tx, live.Draft{Type: "catalogue.changed", At: at, Data: map[string]int{"rows": report.Written}})
		return err
	})
	if errors.Is(err, errDry) {
		return report, nil
	}
	if err != nil {
		return report, err
	}
	return report, r.load(ctx)
}

// Assign says which department answers for a class of the present edition in a grid and below it (grid empty: everywhere);
// without a department the grid above says.
func (r *Room) Assign(ctx context.Context, class, grid, department string, at time.Time) (*importer.Report, error) {
	cells := map[string]string{"edition": Edition, "class": class, "grid": grid, "department": department}
	return r.take(ctx, "duties", []line{{"duties", 1, cells}}, false, at)
}

// taking is a workbook on its way in.
type taking struct {
	report      *importer.Report
	limit       func(string) error
	batch       pgx.Batch
	classes     map[[2]string]bool // edition, code
	grids       map[string]bool
	departments map[string]string // code by code and by name
	twice       map[string]int
	n           int
}

func (t *taking) known(ctx context.Context, tx pgx.Tx) error {
	t.classes, t.grids, t.departments, t.twice = map[[2]string]bool{}, map[string]bool{"": true}, map[string]string{}, map[string]int{}
	for _, q := range []struct {
		sql  string
		take func(a, b string)
	}{
		{`SELECT edition, code FROM catalogue_class`, func(a, b string) { t.classes[[2]string{a, b}] = true }},
		{`SELECT code, '' FROM grid`, func(a, _ string) { t.grids[a] = true }},
		{`SELECT code, name FROM department ORDER BY code DESC`, func(a, b string) { t.departments[a], t.departments[b] = a, a }},
	} {
		rows, err := tx.Query(ctx, q.sql)
		if err != nil {
			return err
		}
		var a, b string
		if _, err := pgx.ForEachRow(rows, []any{&a, &b}, func() error { q.take(a, b); return nil }); err != nil {
			return err
		}
	}
	return nil
}

var (
	editionWord   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	conditionWord = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)
	majorDigits   = regexp.MustCompile(`^[0-9]{2}$`)
	codeDigits    = regexp.MustCompile(`^[0-9]{4,5}$`)
	priorities    = []string{"critical", "urgent", "normal", "advice"}
)

func (t *taking) take(l line) {
	refuse := func(key, zh, en string, args ...any) {
		t.report.Refuse(l.n, strings.TrimSpace(l.sheet+" "+key), importer.Text{Zh: fmt.Sprintf(zh, args...), En: fmt.Sprintf(en, args...)})
	}
	once := func(key string) bool {
		first, there := t.twice[l.sheet+" "+key]
		if there {
			refuse(key, "与第 %d 行重复", "it stands in line %d already", first)
			return false
		}
		t.twice[l.sheet+" "+key] = l.n
		return true
	}
	edition := l.get("edition", Edition)
	has := func(edition, code string) bool {
		ok := t.classes[[2]string{edition, code}]
		if !ok {
			refuse(code, "版本 %s 没有类别 %s", "edition %s has no class %s", edition, code)
		}
		return ok
	}
	switch l.sheet {
	case "classes":
		t.class(l, edition, refuse, once)
	case "conditions":
		class, condition, limit := l.cells["class"], l.cells["condition"], l.cells["limit"]
		key := class + " " + condition
		switch {
		case !has(edition, class) || !once(edition+" "+key):
		case !conditionWord.MatchString(condition):
			refuse(key, "条件代码应为小写字母、数字、- 和 _", "the condition's code is of a to z, 0 to 9, - and _")
		case limit == "":
			t.batch.Queue(`DELETE FROM catalogue_condition WHERE edition = $1 AND class = $2 AND condition = $3`, edition, class, condition)
		case t.limit(limit) != nil:
			refuse(key, "时限“%s”应如 4 working hours、2 emergency hours、3 working days、7 natural days", "limit: %[2]v", limit, t.limit(limit))
		case l.cells["zh"] == "":
			refuse(key, "缺少条件的文字", "the words of the condition (zh) are missing")
		default:
			t.n++
			t.batch.Queue(saveCondition, edition, class, condition, t.n, l.cells["zh"], l.cells["en"], limit)
		}
	case "duties":
		class, grid, name := l.cells["class"], l.cells["grid"], l.cells["department"]
		department, known := t.departments[name]
		key := strings.TrimSpace(class + " " + grid)
		switch {
		case !has(edition, class) || !once(edition+" "+key):
		case !t.grids[grid]:
			refuse(key, "没有网格 %s", "there is no grid %s", grid)
		case name == "":
			t.batch.Queue(`DELETE FROM catalogue_duty WHERE edition = $1 AND class = $2 AND grid = $3`, edition, class, grid)
		case !known:
			refuse(key, "没有部门 %s", "there is no department %s", name)
		default:
			t.batch.Queue(`INSERT INTO catalogue_duty (edition, class, grid, department) VALUES ($1, $2, $3, $4) ON CONFLICT (edition, class, grid) DO UPDATE SET department = EXCLUDED.department`,
				edition, class, grid, department)
		}
	case "bridge":
		from, code, to, toCode := l.cells["from_edition"], l.cells["from_code"], l.get("to_edition", Edition), l.cells["to_code"]
		switch {
		case !has(from, code) || !once(from+" "+code+" "+to):
		case from == to:
			refuse(code, "原版本与新版本相同", "from and to are the same edition")
		case toCode == "":
			t.batch.Queue(`DELETE FROM catalogue_bridge WHERE from_edition = $1 AND from_code = $2 AND to_edition = $3`, from, code, to)
		case has(to, toCode):
			t.batch.Queue(`INSERT INTO catalogue_bridge (from_edition, from_code, to_edition, to_code) VALUES ($1, $2, $3, $4) ON CONFLICT (from_edition, from_code, to_edition) DO UPDATE SET to_code = EXCLUDED.to_code`,
				from, code, to, toCode)
		}
	}
}

func (t *taking) class(l line, edition string, refuse func(key, zh, en string, args ...any), once func(string) bool) {
	code, major, name := l.cells["code"], l.cells["major"], l.cells["zh"]
	if major == "" && len(code) >= 2 {
		major = code[:2]
	}
	kind := l.word("kind", map[bool]string{true: "part", false: "matter"}[major <= "05"])
	priority, listed := l.word("priority", "normal"), l.word("listed", "yes")
	switch {
	case !editionWord.MatchString(edition):
		refuse(code, "版本“%s”应为小写字母、数字、. 和 -", "edition %q is of a to z, 0 to 9, . and -", edition)
		return
	case name == "":
		refuse(code, "缺少名称", "the name (zh) is missing")
		return
	case !majorDigits.MatchString(major):
		refuse(code, "大类代码应为 2 位数字", "the major's code has 2 digits")
		return
	case code == "":
		if code = t.local(edition, major); code == "" {
			refuse(name, "大类 %s 的自定义代码已用完", "major %s has no local code left", major)
			return
		}
		if !strings.Contains(name, "自定义") {
			name += "(自定义)"
		}
	}
	switch {
	case !codeDigits.MatchString(code) || !strings.HasPrefix(code, major):
		refuse(code, "代码应为 4 或 5 位数字，以大类代码 %s 开头", "the code has 4 or 5 digits and begins with its major %s", major)
	case kind != "part" && kind != "matter":
		refuse(code, "种类应为 部件 或 事项", "kind is part or matter")
	case !slices.Contains(priorities, priority):
		refuse(code, "等级应为 特急、紧急、一般 或 咨询", "priority is critical, urgent, normal or advice")
	case listed != "yes" && listed != "no":
		refuse(code, "列入清单应为 是 或 否", "listed is yes or no")
	case once(edition + " " + code):
		t.classes[[2]string{edition, code}] = true
		t.batch.Queue(saveClass, edition, code, kind, major, l.cells["major_zh"], l.cells["major_en"], name, l.cells["en"], priority, listed == "yes", l.cells["part"])
	}
}

// local is the next free local code of a major: downward from 999, in editions of two-digit minors from 99; empty: none is left.
func (t *taking) local(edition, major string) string {
	digits, least := 3, 80
	for c := range t.classes {
		if c[0] == edition && len(c[1]) == 4 {
			digits, least = 2, 50
			break
		}
	}
	for n := map[int]int{3: 999, 2: 99}[digits]; n >= least; n-- {
		if code := fmt.Sprintf("%s%0*d", major, digits, n); !t.classes[[2]string{edition, code}] {
			return code
		}
	}
	return ""
}
