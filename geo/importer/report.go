package importer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gridwall/geo/crs"
)

// MaxRefusals is how many refusals a Report keeps word for word; the rest are counted.
const MaxRefusals = 100

// ErrRefused says that at least one row was refused and so nothing was written; the Report says which and why.
var ErrRefused = errors.New("import: rows were refused, nothing was written")

// Text is one sentence in both languages of the product.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// In returns the sentence in lang: Chinese for zh…, else English.
func (t Text) In(lang string) string {
	if strings.HasPrefix(lang, "zh") {
		return t.Zh
	}
	return t.En
}

// Refusal is one row that cannot go in.
type Refusal struct {
	Line   int    `json:"line"`          // where the row begins in the file, from 1
	Key    string `json:"key,omitempty"` // the row's code or address, as far as it was read
	Reason Text   `json:"reason"`
	// Geometry (GeoJSON, WGS-84) is where the fault lies: the crossing point, else the row's own shape; nil without a place.
	Geometry json.RawMessage `json:"geometry,omitempty"`
}

// Error gives line, key and reason in English.
func (r *Refusal) Error() string { return r.In("en") }

// In writes the refusal on one line.
func (r *Refusal) In(lang string) string { return r.at(Lines, lang) }

func (r *Refusal) at(unit Unit, lang string) string {
	where := fmt.Sprintf("%s %d", unit, r.Line)
	if strings.HasPrefix(lang, "zh") {
		where = fmt.Sprintf("第 %d %s", r.Line, map[Unit]string{Lines: "行", Features: "个要素"}[unit])
	}
	if r.Key != "" {
		where += " " + r.Key
	}
	return where + ": " + r.Reason.In(lang)
}

// Warning is something that went in but should be known.
type Warning struct {
	Reason Text `json:"reason"`
	Count  int  `json:"count"`
}

// Report is what an import did, or in a dry run would do. All or nothing: Refused > 0 means Written == 0.
type Report struct {
	File     string    `json:"file"`
	Datum    crs.Datum `json:"datum"`
	Unit     Unit      `json:"unit"`  // what lines are counted in
	Shift    Shift     `json:"shift"` // what the datum moved
	Read     int       `json:"read"`
	Written  int       `json:"written"`
	Refused  int       `json:"refused"`  // rows; each counts once, with its first fault
	Refusals []Refusal `json:"refusals"` // the first MaxRefusals
	Warnings []Warning `json:"warnings"`
	DryRun   bool      `json:"dry_run"` // set by the caller, who rolls back

	reader *Reader
}

// NewReport begins the report of reading r.
func NewReport(r *Reader) *Report {
	report := &Report{File: r.Name(), Datum: r.Datum(), Unit: r.unit, Refusals: []Refusal{}, Warnings: []Warning{}, reader: r}
	for _, note := range r.notes {
		report.Warn(note, 1)
	}
	return report
}

// Refuse notes that the row at line cannot go in. Once a row.
func (r *Report) Refuse(line int, key string, reason Text) {
	r.Add(Refusal{Line: line, Key: key, Reason: reason})
}

// Add is Refuse for a fault whose place is known.
func (r *Report) Add(refusal Refusal) {
	r.Refused++
	if len(r.Refusals) < MaxRefusals {
		r.Refusals = append(r.Refusals, refusal)
	}
}

// Faults is the refusals that have a place, as a GeoJSON FeatureCollection to lay over a map.
func (r *Report) Faults() []byte {
	type feature struct {
		Type       string          `json:"type"`
		Properties map[string]any  `json:"properties"`
		Geometry   json.RawMessage `json:"geometry"`
	}
	all := struct {
		Type     string    `json:"type"`
		Features []feature `json:"features"`
	}{"FeatureCollection", []feature{}}
	for _, f := range r.Refusals {
		if f.Geometry != nil {
			all.Features = append(all.Features, feature{"Feature", map[string]any{string(r.Unit): f.Line, "key": f.Key, "zh": f.Reason.Zh, "en": f.Reason.En}, f.Geometry})
		}
	}
	text, _ := json.Marshal(all) // geometries were encoded by us
	return text
}

// Verdict is ErrRefused if any row was refused; it puts the refusals in the order of the file.
func (r *Report) Verdict() error {
	if r.reader != nil {
		r.Shift = r.reader.shift
	}
	slices.SortStableFunc(r.Refusals, func(a, b Refusal) int { return a.Line - b.Line })
	if r.Refused > 0 {
		return ErrRefused
	}
	return nil
}

// Warn counts n rows under one reason; none, and there is no warning.
func (r *Report) Warn(reason Text, n int) {
	if n == 0 {
		return
	}
	for i := range r.Warnings {
		if r.Warnings[i].Reason == reason {
			r.Warnings[i].Count += n
			return
		}
	}
	r.Warnings = append(r.Warnings, Warning{reason, n})
}

// OK says that no row was refused.
func (r *Report) OK() bool { return r.Refused == 0 }

// In writes the report for a terminal.
func (r *Report) In(lang string) string {
	var b strings.Builder
	zh := strings.HasPrefix(lang, "zh")
	say := func(en, cn string, a ...any) {
		if zh {
			en = cn
		}
		fmt.Fprintf(&b, en+"\n", a...)
	}
	say("%s (datum %s): read %d, written %d, refused %d", "%s (坐标系 %s): 读取 %d 行, 写入 %d 行, 拒绝 %d 行",
		r.File, r.Datum, r.Read, r.Written, r.Refused)
	if r.Shift.MaxM > 0 {
		say("  moved to WGS-84 by %.1f to %.1f m, as %.6f, %.6f → %.6f, %.6f", "  换算到 WGS-84 的偏移为 %.1f 至 %.1f 米, 如 %.6f, %.6f → %.6f, %.6f",
			r.Shift.MinM, r.Shift.MaxM, r.Shift.From[0], r.Shift.From[1], r.Shift.To[0], r.Shift.To[1])
	}
	for i := range r.Refusals {
		fmt.Fprintf(&b, "  ✗ %s\n", r.Refusals[i].at(cmp.Or(r.Unit, Lines), lang))
	}
	if more := r.Refused - len(r.Refusals); more > 0 {
		say("  … and %d more rows refused", "  … 另有 %d 行被拒绝", more)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "  ! %d × %s\n", w.Count, w.Reason.In(lang))
	}
	switch {
	case !r.OK():
		say("Nothing was written: correct the rows above and import the file again.", "未写入任何数据: 请改正以上各行后重新导入。")
	case r.DryRun:
		say("Dry run: nothing was kept. Without --dry-run these rows are written.", "试运行: 未保留任何数据。去掉 --dry-run 即可写入。")
	}
	return b.String()
}
