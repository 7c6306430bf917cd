package cameras

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gridwall/geo/importer"
)

// Aliases are the usual headers of a camera list.
var Aliases = map[string][]string{
	"id":       {"id", "code", "编号", "编码", "设备编码", "国标编码", "摄像机编号"},
	"name":     {"name", "名称", "设备名称", "摄像机名称", "点位名称", "place"},
	"url":      {"url", "rtsp", "地址", "取流地址", "rtsp地址"},
	"sub_url":  {"sub_url", "子码流", "子码流地址", "辅码流地址"},
	"bearing":  {"bearing", "方位角", "监视方位", "朝向"},
	"angle":    {"angle", "张角", "视场角"},
	"range_m":  {"range_m", "range", "可视距离"},
	"height_m": {"height_m", "height", "高度", "安装高度"},
	"ptz":      {"ptz", "云台", "球机"},
	"indoor":   {"indoor", "室内", "室内外"},
	"secret":   {"secret", "保密", "保密属性"},
	"pinned":   {"pinned", "常开"},
	"switch":   {"switch", "交换机", "接入交换机", "上联交换机"},
	"purpose":  {"purpose", "用途", "type", "类型"},
}

// Import writes the rows of in as cameras, all or none; rows without an id get one from name and place.
//
// The caller owns tx: on importer.ErrRefused it rolls back, else it appends camera.changed last and commits.
func Import(ctx context.Context, tx pgx.Tx, in *importer.Reader, places Locator, progress importer.Progress) (*importer.Report, error) {
	report := importer.NewReport(in)
	var batch pgx.Batch
	lines := map[string]int{}
	outside, unnamed := 0, 0
	// A list without these columns, as an export is, must not empty the address of a camera nor open a secret one.
	var absent []string
	for _, column := range []string{"url", "secret", "pinned", "switch"} {
		if !in.Has(column) {
			absent = append(absent, column)
		}
	}
	sql := keeping(absent)
	for {
		row, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		report.Read++
		if progress != nil {
			progress(in.Done())
		}
		var refusal *importer.Refusal
		if errors.As(err, &refusal) {
			report.Refuse(refusal.Line, refusal.Key, refusal.Reason)
			continue
		}
		if err != nil {
			return report, err
		}
		d, refusal := draft(row)
		if refusal != nil {
			report.Refuse(refusal.Line, refusal.Key, refusal.Reason)
			continue
		}
		if d.ID == "" {
			d.ID = nameless(d, lines)
		}
		if first, twice := lines[d.ID]; twice {
			report.Refuse(row.Line, d.ID, importer.Text{Zh: fmt.Sprintf("编号与第 %d 行重复", first), En: fmt.Sprintf("the id stands in line %d already", first)})
			continue
		}
		lines[d.ID] = row.Line
		if d.Name == "" {
			d.Name = d.ID
			unnamed++
		}
		if fault := d.check(); fault != nil {
			report.Refuse(row.Line, d.ID, importer.Text{Zh: fault.ZH, En: fault.EN})
			continue
		}
		if _, err := places.Locate(orb.Point{d.Lon, d.Lat}); err != nil {
			outside++
		}
		queueUpsert(&batch, sql, d, places)
	}
	report.Warn(importer.Text{Zh: "不在任何网格内", En: "outside every grid"}, outside)
	report.Warn(importer.Text{Zh: "没有名称，以编号为名", En: "without a name, called by the id"}, unnamed)
	if err := report.Verdict(); err != nil {
		return report, err
	}
	if batch.Len() > 0 {
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return report, fmt.Errorf("write cameras: %w", err)
		}
	}
	report.Written = batch.Len()
	return report, nil
}

// Relocate gives cameras their grids anew after an import of grids; it returns how many changed.
func Relocate(ctx context.Context, tx pgx.Tx) (int64, error) {
	const relocate = `UPDATE camera SET grid = grid_at(geom) WHERE grid IS DISTINCT FROM grid_at(geom)`
	tag, err := tx.Exec(ctx, relocate)
	if err != nil {
		return 0, fmt.Errorf("relocate cameras: %w", err)
	}
	return tag.RowsAffected(), nil
}

// draft reads one row.
func draft(row *importer.Record) (*Draft, *importer.Refusal) {
	refuse := func(zh, en string) *importer.Refusal {
		return &importer.Refusal{Line: row.Line, Key: row.Text("id"), Reason: importer.Text{Zh: zh, En: en}}
	}
	p, ok := row.Geometry.(orb.Point)
	if !ok {
		return nil, refuse("摄像机应为点", "a camera is a point")
	}
	d := &Draft{ID: row.Text("id"), Name: row.Text("name"), URL: row.Text("url"), SubURL: row.Text("sub_url"), Lon: p[0], Lat: p[1], Purpose: row.Text("purpose"), Switch: row.Text("switch")}
	for field, into := range map[string]**float64{"bearing": &d.Bearing, "angle": &d.Angle, "range_m": &d.RangeM, "height_m": &d.HeightM} {
		v, given, err := row.Number(field)
		var refusal *importer.Refusal
		if errors.As(err, &refusal) {
			return nil, refusal
		}
		if given {
			*into = &v
		}
	}
	for field, into := range map[string]*bool{"ptz": &d.PTZ, "indoor": &d.Indoor, "secret": &d.Secret, "pinned": &d.Pinned} {
		switch text := strings.ToLower(row.Text(field)); text {
		case "", "0", "false", "no", "f", "n", "否", "室外":
		case "1", "true", "yes", "t", "y", "是", "室内":
			*into = true
		default:
			return nil, refuse(fmt.Sprintf("%s 应为 是 或 否，实为 %q", field, text), fmt.Sprintf("%s should be true or false, it is %q", field, text))
		}
	}
	return d, nil
}

// nameless makes an id of name and place, the same at every import; two alike get ids of their own.
func nameless(d *Draft, taken map[string]int) string {
	for n := 0; ; n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %.7f %.7f %d", d.Name, d.Lon, d.Lat, n))
		if id := "C-" + hex.EncodeToString(sum[:5]); taken[id] == 0 {
			return id
		}
	}
}
