package cameras_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cameras/seal"
	"gridwall/dashboard/clock"
	"gridwall/geo"
	"gridwall/geo/crs"
	"gridwall/geo/importer"
	"gridwall/migrations/dbtest"
)

// desk is a registry on a database of its own, sealed with a key of its own.
type desk struct {
	*cameras.Room
	t      *testing.T
	pool   *pgxpool.Pool
	keys   *seal.Keyring
	path   string
	places *geo.Map
}

func open(t *testing.T) *desk {
	t.Helper()
	pool := dbtest.Open(t)
	path := filepath.Join(t.TempDir(), seal.File)
	keys, err := seal.Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	places, err := geo.Open(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{cameras.New(pool, keys, places.Tiles(), new(clock.Clock), slog.New(slog.DiscardHandler)), t, pool, keys, path, places}
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	hand = cameras.Act{Who: "li", How: "form"}
	list = cameras.Act{Who: "li", How: "import"}
)

func (d *desk) save(draft cameras.Draft) {
	d.t.Helper()
	if err := d.Save(d.t.Context(), hand, draft, d.places); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) take(text string, dry bool) (*importer.Report, error) {
	d.t.Helper()
	in, err := importer.NewReader("list.csv", strings.NewReader(text), int64(len(text)), importer.Options{Datum: crs.WGS84, Aliases: cameras.Aliases})
	if err != nil {
		d.t.Fatal(err)
	}
	defer in.Close()
	return d.Take(d.t.Context(), list, in, d.places, dry, nil)
}

// pulled is the address that a camera is pulled from, credentials and all: what only the hub is given.
func (d *desk) pulled(id string) string {
	d.t.Helper()
	url, err := cameras.Pulled(d.Room, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return url
}

// everything is all that the database knows of cameras, as text.
func (d *desk) everything() string {
	d.t.Helper()
	var text string
	err := d.pool.QueryRow(d.t.Context(), `
SELECT COALESCE(string_agg(t, E'\n'), '') FROM (
    SELECT c::text AS t FROM camera AS c UNION ALL SELECT c::text FROM import_change AS c UNION ALL SELECT c::text FROM camera_change AS c) AS rows`).Scan(&text)
	if err != nil {
		d.t.Fatal(err)
	}
	return text
}

func (d *desk) changes(id string) (lines []string) {
	d.t.Helper()
	list, err := d.Changes(d.t.Context(), id, 0, 100)
	if err != nil {
		d.t.Fatal(err)
	}
	or := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	for _, c := range list {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s > %s", c.Who, c.How, c.Field, or(c.Before), or(c.After)))
	}
	return lines
}

func TestCredentialsStandNowhereInTheDatabase(t *testing.T) {
	d := open(t)
	// A script, or a server from before there were seals, has written them open.
	_, err := d.pool.Exec(t.Context(), `
INSERT INTO camera (id, name, url, sub_url, geom) VALUES
    ('C1', '甲', 'rtsp://admin:geheim@10.0.0.1/1', 'rtsp://10.0.0.1/2?user=admin&password=geheim', ST_SetSRID(ST_MakePoint(110, 40), 4326)),
    ('C2', '乙', 'rtsp://admin:ge/heim#2@10.0.0.2/1', '', ST_SetSRID(ST_MakePoint(110, 40), 4326)),
    ('C3', '丙', 'rtsp://10.0.0.3/user=admin&password=geheim&channel=1.sdp', '', ST_SetSRID(ST_MakePoint(110, 40), 4326)),
    ('C4', '丁', 'rtsp://10.0.0.4/1', '', ST_SetSRID(ST_MakePoint(110, 40), 4326))`)
	if err != nil {
		t.Fatal(err)
	}
	// An import has kept rows as they were.
	if _, err := d.take("id,name,lon,lat\nC1,甲,110.1,40\n", false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(d.everything(), "geheim") {
		t.Fatal("the rows were not open: nothing is tested")
	}
	before := d.changes("C2")
	if err := cameras.Seal(t.Context(), d.pool, d.keys); err != nil {
		t.Fatal(err)
	}
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"geheim", "ge/heim", "heim#2", "password="} {
		if text := d.everything(); strings.Contains(text, secret) {
			t.Errorf("%s stands in %s", secret, text)
		}
	}
	for id, want := range map[string]string{
		"C1": "rtsp://admin:geheim@10.0.0.1/1", "C2": "rtsp://admin:ge/heim#2@10.0.0.2/1", "C3": "rtsp://10.0.0.3/user=admin&password=geheim&channel=1.sdp", "C4": "rtsp://10.0.0.4/1",
	} {
		if got := d.pulled(id); got != want {
			t.Errorf("%s is pulled from %s", id, got)
		}
	}
	if diff := cmp.Diff(before, d.changes("C2")); diff != "" {
		t.Errorf("sealing is told as a change: %s", diff)
	}
	records, _ := d.Registry(cameras.Filter{}, true)
	if text := fmt.Sprintf("%v %+v %#v", records, records, *records[0].Camera); strings.Contains(text, "heim") {
		t.Errorf("credentials are printed: %s", text)
	}
}

func TestRotationSealsAnewAndServersGoOn(t *testing.T) {
	d := open(t)
	d.save(cameras.Draft{ID: "C1", Name: "甲", URL: "rtsp://admin:geheim@10.0.0.1/1", Lon: 110, Lat: 40})
	if _, err := d.take("id,name,url,lon,lat\nC1,乙,rtsp://admin:other@10.0.0.1/1,110,40\n", false); err != nil {
		t.Fatal(err)
	}
	old := d.keys.Current()
	command, err := seal.Open(d.path, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Rotate(); err != nil {
		t.Fatal(err)
	}
	var n int
	err = pgx.BeginFunc(t.Context(), d.pool, func(tx pgx.Tx) error {
		n, err = cameras.Reseal(t.Context(), tx, command)
		return err
	})
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if strings.Contains(d.everything(), old) {
		t.Errorf("the old key %s still seals something: %s", old, d.everything())
	}
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := d.pulled("C1"); got != "rtsp://admin:other@10.0.0.1/1" {
		t.Error(got)
	}
	// Without the key it says what is wrong, and the camera is not tried with half an address.
	stranger, err := seal.Open(filepath.Join(t.TempDir(), seal.File), true)
	if err != nil {
		t.Fatal(err)
	}
	room := cameras.New(d.pool, stranger, d.places.Tiles(), new(clock.Clock), slog.New(slog.DiscardHandler))
	if err := room.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := room.Get("C1", true)
	if err != nil || c.Reason == nil || !strings.Contains(c.Reason.EN, "sealed with a key that is not here") {
		t.Error(c, err)
	}
}

func TestAnAddressWithoutCredentialsKeepsThoseThatStandOnItsHostAlone(t *testing.T) {
	d := open(t)
	base := cameras.Draft{ID: "C1", Name: "甲", Lon: 110, Lat: 40}
	for _, tc := range []struct{ name, url, user, password, want string }{
		{"a new one", "rtsp://admin:geheim@10.0.0.1:554/a?x=1", "", "", "rtsp://admin:geheim@10.0.0.1:554/a?x=1"},
		{"unchanged as shown", "rtsp://10.0.0.1:554/a", "", "", "rtsp://admin:geheim@10.0.0.1:554/a?x=1"},
		{"another path", "rtsp://10.0.0.1:554/b", "", "", "rtsp://admin:geheim@10.0.0.1:554/b"},
		{"a new password", "rtsp://10.0.0.1:554/b", "admin", "neu@1", "rtsp://admin:neu%401@10.0.0.1:554/b"},
		{"another user of the same form", "rtsp://10.0.0.1:554/b", "view", "", "rtsp://view:@10.0.0.1:554/b"},
		{"back", "rtsp://10.0.0.1:554/b", "admin", "neu", "rtsp://admin:neu@10.0.0.1:554/b"},
		{"another host", "rtsp://10.9.9.9:554/b", "", "", "rtsp://10.9.9.9:554/b"},
	} {
		draft := base
		draft.URL, draft.Username, draft.Password = tc.url, tc.user, tc.password
		d.save(draft)
		if got := d.pulled("C1"); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

const gbList = `DeviceID,Name,Longitude,Latitude,BusinessGroupID,Purpose,UseType,PositionType,RoomType,Secrecy,PTZType,DirectionType,Sign,ParentID,Owner,Manufacturer,Model,URL,Username,Password
34020000001320000001,东门,110.001,40.001,一组,防火,1,8,1,0,1,5,1,NVR-1,街道办,海康,DS-2,rtsp://10.0.0.1/1,admin,geheim
34020000001320000002,保密点,110.002,40.002,一组,,,,2,1,3,4,,NVR-1,,,,rtsp://10.0.0.2/1,admin,geheim
`

const zhList = `设备编码,设备名称,经度,纬度,分组,用途,用途属性,位置类型,室内外,保密属性,摄像机类型,监视方位,标志牌,上级设备,产权单位,厂商,型号,取流地址,用户名,密码
34020000001320000001,东门,110.001,40.001,一组,防火,治安,校园周边,室外,不涉密,球机,东南,有,NVR-1,街道办,海康,DS-2,rtsp://10.0.0.1/1,admin,geheim
34020000001320000002,保密点,110.002,40.002,一组,,,,室内,涉密,固定枪机,北,,NVR-1,,,,rtsp://10.0.0.2/1,admin,geheim
`

func TestAListInTheStandardsNamesOrInChineseIsTheSame(t *testing.T) {
	for name, text := range map[string]string{"GB/T 28181": gbList, "Chinese": zhList} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			if report, err := d.take(text, true); err != nil || !report.DryRun || report.Written != 2 {
				t.Fatal(report, err)
			}
			if _, total := d.Registry(cameras.Filter{}, true); total != 0 {
				t.Fatal("a dry run wrote")
			}
			if _, err := d.take(text, false); err != nil {
				t.Fatal(err)
			}
			c, err := d.Record("34020000001320000001", true)
			if err != nil {
				t.Fatal(err)
			}
			one, eight, yes := 1, 8, true
			want := cameras.Details{Group: "一组", Upstream: "NVR-1", Owner: "街道办", Maker: "海康", Model: "DS-2", PTZType: &one, PositionType: &eight, UseType: &one, Sign: &yes}
			if diff := cmp.Diff(want, c.Details); diff != "" {
				t.Error(diff)
			}
			if c.Purpose != "防火" || c.Secret || c.Indoor || !c.PTZ || *c.Bearing != 135 || c.URL != "rtsp://10.0.0.1/1" || !c.Credentials {
				t.Errorf("%+v", c)
			}
			hidden, err := d.Record("34020000001320000002", true)
			if err != nil || !hidden.Secret || !hidden.Indoor || hidden.PTZ || *hidden.Bearing != 0 {
				t.Errorf("%+v %v", hidden, err)
			}
			if got := d.pulled("34020000001320000001"); got != "rtsp://admin:geheim@10.0.0.1/1" {
				t.Error(got)
			}
			for _, english := range []bool{true, false} { // what is taken away and brought back changes nothing
				before := len(d.changes("34020000001320000001")) + len(d.changes("34020000001320000002"))
				var file strings.Builder
				if err := d.Export(&file, english); err != nil {
					t.Fatal(err)
				}
				if strings.Contains(file.String(), "geheim") || strings.Contains(file.String(), "admin") {
					t.Errorf("credentials are taken away: %s", file.String())
				}
				if _, err := d.take(file.String(), false); err != nil {
					t.Fatal(err)
				}
				if after := d.changes("34020000001320000001"); len(after)+len(d.changes("34020000001320000002")) != before {
					t.Errorf("the export changed something: %q", after)
				}
				if got := d.pulled("34020000001320000001"); got != "rtsp://admin:geheim@10.0.0.1/1" {
					t.Error(got)
				}
			}
		})
	}
}

func TestAListWithFaultsNamesLinesAndWritesNothing(t *testing.T) {
	d := open(t)
	report, err := d.take(`设备编码,设备名称,经度,纬度,位置类型,监视方位,地址,密码,方位角
C1,甲,110,40,,,rtsp://admin:geheim@10.0.0.1/1,geheim,
C2,乙,110,40,11,,rtsp://admin:geheim@10.0.0.1/1,geheim,
C3,丙,110,40,,9,rtsp://admin:geheim@10.0.0.1/1,geheim,
C4,丁,110,40,,,http://admin:geheim@10.0.0.1/1,geheim,
C5,戊,110,40,,,rtsp://10.0.0.1/1,geheim,geheim
C6,己,,40,,,rtsp://admin:geheim@10.0.0.1/1,geheim,
C7,rtsp://admin:geheim@10.0.0.1/1,110,40,,,rtsp://10.0.0.1/1,,
`, false)
	if !errors.Is(err, importer.ErrRefused) {
		t.Fatal(err)
	}
	var lines []int
	for _, r := range report.Refusals {
		lines = append(lines, r.Line)
	}
	if diff := cmp.Diff([]int{3, 4, 5, 6, 7, 8}, lines); diff != "" {
		t.Error(diff, report.In("en"))
	}
	if text := fmt.Sprintf("%+v %s %s", report, report.In("zh"), report.Faults()); strings.Contains(text, "geheim") {
		t.Errorf("the report repeats a password: %s", text)
	}
	if _, total := d.Registry(cameras.Filter{}, true); total != 0 {
		t.Error("something was written")
	}
}

func TestTheHistorySaysWhoChangedWhatAndNeverTheSecret(t *testing.T) {
	d := open(t)
	draft := cameras.Draft{ID: "C1", Name: "甲", URL: "rtsp://admin:geheim@10.0.0.1/1", Lon: 110, Lat: 40}
	d.save(draft)
	d.save(draft) // nothing changes
	draft.Name, draft.URL, draft.Location = "乙", "rtsp://admin:neu@10.0.0.1/1", &cameras.Location{Lon: 110.5, Lat: 40}
	d.save(draft)
	n, err := d.Apply(t.Context(), cameras.Act{Who: "wang", How: "bulk"}, cameras.Bulk{IDs: []string{"C1"}, Action: "group", Value: "一组"})
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if err := d.Remove(t.Context(), hand, "C1"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"li form : 乙 > -", "wang bulk group_name:  > 一组",
		"li form credentials: - > -", "li form name: 甲 > 乙", "li form location: 110.0000000, 40.0000000 > 110.5000000, 40.0000000",
		"li form : - > 甲",
	}
	if diff := cmp.Diff(want, d.changes("C1")); diff != "" {
		t.Error(diff)
	}
	if err := d.Remove(t.Context(), hand, "C1"); !errors.Is(err, cameras.ErrNotFound) {
		t.Error(err)
	}
}

func TestBulkActionsChangeAllOrNone(t *testing.T) {
	d := open(t)
	for i, url := range []string{"rtsp://a:b@10.0.0.1/Streaming/Channels/101", "rtsp://a:b@10.0.0.2/cam/realmonitor?channel=1&subtype=0", "rtsp://a:b@10.0.0.3/own"} {
		d.save(cameras.Draft{ID: fmt.Sprintf("C%d", i+1), Name: "甲", URL: url, Lon: 110, Lat: 40})
	}
	all := []string{"C1", "C2", "C3"}
	for _, tc := range []struct {
		action, value string
		n             int
	}{{"sub", "auto", 2}, {"sub", "auto", 0}, {"disable", "", 3}, {"disable", "", 0}, {"enable", "", 3}, {"pin", "", 3}, {"unpin", "", 3}, {"group", "东", 3}} {
		if n, err := d.Apply(t.Context(), hand, cameras.Bulk{IDs: all, Action: tc.action, Value: tc.value}); n != tc.n || err != nil {
			t.Errorf("%s: %d %v", tc.action, n, err)
		}
	}
	for id, want := range map[string]string{"C1": "rtsp://a:b@10.0.0.1/Streaming/Channels/102", "C2": "rtsp://a:b@10.0.0.2/cam/realmonitor?channel=1&subtype=1", "C3": ""} {
		if got := cameras.PulledSub(d.Room, id); got != want {
			t.Errorf("%s: %s", id, got)
		}
	}
	var invalid *cameras.InvalidError
	for _, b := range []cameras.Bulk{{}, {IDs: all, Action: "drop table"}, {IDs: all, Action: "sub", Value: "x"}, {IDs: all, Action: "group", Value: strings.Repeat("长", 101)}} {
		if _, err := d.Apply(context.Background(), hand, b); !errors.As(err, &invalid) {
			t.Errorf("%+v: %v", b, err)
		}
	}
	east := "东"
	if found, total := d.Registry(cameras.Filter{Group: &east, Match: geo.Matcher("jia")}, true); len(found) != 3 || total != 3 {
		t.Error(len(found), total)
	}
	if found, _ := d.Registry(cameras.Filter{Match: geo.Matcher("yi")}, true); len(found) != 0 {
		t.Error(len(found))
	}
}
