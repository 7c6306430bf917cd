package cameras

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gridwall/geo/importer"
)

// fieldColumns are the columns that a list without the field must leave alone: an export without addresses must not empty
// them, nor a short list open a secret camera.
var fieldColumns = map[string]string{
	"secret": "secret", "pinned": "pinned", "switch": "switch", "enabled": "enabled", "group": "group_name", "upstream": "upstream", "owner": "owner", "maker": "maker", "model": "model",
	"address": "address", "civil_code": "civil_code", "position_type": "position_type", "use_type": "use_type", "light_type": "light_type", "sign": "sign",
}

var anAddress = regexp.MustCompile(`(?i)rtsps?://\S*`)

// Hush takes addresses out of a text: a list without a header has them where its columns' names should be.
func Hush(text string) string { return anAddress.ReplaceAllString(text, "rtsp://***") }

// hush takes out of a refusal what opens a camera: it may quote a column that holds another's values.
func hush(refusal importer.Refusal, password string) importer.Refusal {
	for _, text := range []*string{&refusal.Key, &refusal.Reason.Zh, &refusal.Reason.En} {
		*text = Hush(*text)
		if password != "" {
			*text = strings.ReplaceAll(*text, password, "***")
		}
	}
	return refusal
}

// absent are the columns that the file says nothing of.
func absent(in *importer.Reader) map[string]bool {
	keep := map[string]bool{}
	for field, column := range fieldColumns {
		keep[column] = !in.Has(field)
	}
	keep["ptz_type"] = !in.Has("ptz_type")
	return keep
}

// Import writes the rows of in as cameras, all or none; rows without an id get one from name and place.
//
// The caller owns tx: on importer.ErrRefused it rolls back, else it appends camera.changed last and commits.
func (r *Room) Import(ctx context.Context, tx pgx.Tx, in *importer.Reader, places Locator, progress importer.Progress) (*importer.Report, error) {
	report := importer.NewReport(in)
	var batch pgx.Batch
	lines := map[string]int{}
	outside, unnamed, keyless := 0, 0, 0
	now, err := r.addressesOf(ctx, tx, nil)
	if err != nil {
		return report, fmt.Errorf("read cameras: %w", err)
	}
	sql := upsert(absent(in))
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
			report.Add(hush(*refusal, ""))
			continue
		}
		if err != nil {
			return report, err
		}
		d, refusal := draft(row)
		if refusal != nil {
			report.Add(hush(*refusal, row.Text("password")))
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
		stands := now[d.ID]
		at := d.means(stands)
		if !in.Has("url") {
			at.url = stands.url
		}
		if !in.Has("sub_url") {
			at.sub = stands.sub
		}
		if strings.HasSuffix(string(at.url), "***") {
			keyless++
		}
		r.queue(&batch, sql, d, at, places)
	}
	report.Warn(importer.Text{Zh: "不在任何网格内", En: "outside every grid"}, outside)
	report.Warn(importer.Text{Zh: "没有名称，以编号为名", En: "without a name, called by the id"}, unnamed)
	report.Warn(importer.Text{Zh: "取流地址不完整（***），需在台账中补填", En: "with an address that is only shown (***): enter it in the registry"}, keyless)
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

// errDry ends the transaction of a dry run.
var errDry = errors.New("dry run")

// Take is Import in a transaction of its own, with its entry for undoing, told to everyone; a dry run leaves nothing.
// importer.ErrRefused comes with the report that says why.
func (r *Room) Take(ctx context.Context, act Act, in *importer.Reader, places Locator, dry bool, progress importer.Progress) (report *importer.Report, err error) {
	err = r.change(ctx, act, func(tx pgx.Tx) error {
		journal, err := importer.Begin(ctx, tx, "cameras", in.Name(), in.Datum())
		if err != nil {
			return err
		}
		if report, err = r.Import(ctx, tx, in, places, progress); err != nil {
			return err
		}
		if dry {
			return errDry
		}
		return importer.Finish(ctx, tx, journal, report.Written)
	})
	if report != nil {
		report.DryRun = dry
	}
	if errors.Is(err, errDry) {
		err = nil
	}
	return report, err
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

// truth reads yes and no; ok is false for anything else. Empty is no.
func truth(text string) (yes, ok bool) {
	switch strings.ToLower(text) {
	case "", "0", "false", "no", "f", "n", "否", "无", "不涉密", "未设置", "停用":
		return false, true
	case "1", "true", "yes", "t", "y", "是", "有", "涉密", "已设置", "启用":
		return true, true
	}
	return false, false
}

// draft reads one row. Its refusals never repeat an address or a password.
func draft(row *importer.Record) (*Draft, *importer.Refusal) {
	refuse := func(zh, en string) *importer.Refusal {
		return &importer.Refusal{Line: row.Line, Key: row.Text("id"), Reason: importer.Text{Zh: zh, En: en}}
	}
	p, ok := row.Geometry.(orb.Point)
	if !ok {
		return nil, refuse("摄像机应为点", "a camera is a point")
	}
	d := &Draft{ID: row.Text("id"), Name: row.Text("name"), URL: row.Text("url"), SubURL: row.Text("sub_url"), Username: row.Text("username"), Password: row.Text("password"),
		Lon: p[0], Lat: p[1], Purpose: row.Text("purpose"),
		Details: Details{Group: row.Text("group"), Upstream: row.Text("upstream"), Switch: row.Text("switch"), Owner: row.Text("owner"), Maker: row.Text("maker"), Model: row.Text("model"),
			Address: row.Text("address"), CivilCode: row.Text("civil_code")}}
	if d.Address == d.URL { // 地址 is both to some
		d.Address = ""
	}
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
	for field, into := range map[string]*bool{"ptz": &d.PTZ, "secret": &d.Secret, "pinned": &d.Pinned} {
		if *into, ok = truth(row.Text(field)); !ok {
			return nil, refuse(fmt.Sprintf("%s 应为 是 或 否，实为 %q", field, row.Text(field)), fmt.Sprintf("%s should be true or false, it is %q", field, row.Text(field)))
		}
	}
	for field, into := range map[string]**bool{"sign": &d.Sign, "enabled": &d.Enabled} {
		if row.Text(field) == "" {
			continue
		}
		yes, ok := truth(row.Text(field))
		if !ok {
			return nil, refuse(fmt.Sprintf("%s 应为 是 或 否，实为 %q", field, row.Text(field)), fmt.Sprintf("%s should be true or false, it is %q", field, row.Text(field)))
		}
		*into = &yes
	}
	for _, f := range []struct {
		field string
		names []Text
		into  **int
	}{{"ptz_type", PTZTypes, &d.PTZType}, {"position_type", PositionTypes, &d.PositionType}, {"use_type", UseTypes, &d.UseType}, {"light_type", LightTypes, &d.LightType}} {
		text := row.Text(f.field)
		if text == "" || text == "0" {
			continue
		}
		code := coded(text, f.names)
		if code == 0 {
			var zh, en []string
			for i, name := range f.names {
				zh, en = append(zh, fmt.Sprintf("%d %s", i+1, name.ZH)), append(en, fmt.Sprintf("%d %s", i+1, name.EN))
			}
			return nil, refuse(fmt.Sprintf("%s 应为 %s，实为 %q", f.field, strings.Join(zh, "、"), text), fmt.Sprintf("%s should be %s, it is %q", f.field, strings.Join(en, ", "), text))
		}
		*f.into = &code
	}
	if d.PTZType != nil && row.Text("ptz") == "" {
		d.PTZ = turns[*d.PTZType]
	}
	switch text := strings.ToLower(row.Text("room")); text { // GB/T 28181: 1 outdoors, 2 indoors
	case "", "1", "室外", "outdoors", "0", "false", "no", "否":
	case "2", "室内", "indoors", "true", "yes", "是":
		d.Indoor = true
	default:
		return nil, refuse(fmt.Sprintf("室内外应为 1 室外 或 2 室内，实为 %q", text), fmt.Sprintf("room should be 1 outdoors or 2 indoors, it is %q", text))
	}
	if text := row.Text("direction"); text != "" && d.Bearing == nil {
		code := coded(text, directions)
		if code == 0 {
			return nil, refuse(fmt.Sprintf("监视方位应为 1 至 8 或 东、西、南、北等，实为 %q（角度请用 方位角 列）", text), fmt.Sprintf("direction should be from 1 to 8, or east and so on, it is %q (degrees go into the column bearing)", text))
		}
		d.Bearing = &directionsAtDeg[code-1]
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
