package cameras_test

import (
	"testing"
	"time"

	"gridwall/dashboard/cameras"
)

func TestHoursSayHowLongACameraWasWhatAndStayBounded(t *testing.T) {
	d := open(t)
	d.save(cameras.Draft{ID: "C1", Name: "甲", Lon: 110, Lat: 40})
	d.save(cameras.Draft{ID: "C2", Name: "乙", Lon: 110, Lat: 40})
	now := time.Now().UTC().Truncate(time.Hour)
	do := func(sql string, args ...any) {
		t.Helper()
		if _, err := d.pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	set := func(state string, at time.Time) {
		t.Helper()
		do(`SELECT camera_count(ARRAY['C1'], $1)`, at)
		do(`UPDATE camera SET state = $1 WHERE id = 'C1'`, state)
	}
	// From 70 minutes ago: 20 min up over the hour's end, 10 min dark, then an hour of which nothing is known, 2 min frozen.
	at := now.Add(-70 * time.Minute)
	set("online", at)
	for range 10 {
		at = at.Add(2 * time.Minute)
		do(`SELECT camera_count(NULL, $1)`, at)
		do(`SELECT camera_count(NULL, $1)`, at) // another node counts the same time
	}
	set("offline", at)
	for range 5 {
		at = at.Add(2 * time.Minute)
		do(`SELECT camera_count(NULL, $1)`, at)
	}
	at = now
	set("frozen", at)
	do(`SELECT camera_count(NULL, $1)`, at.Add(2*time.Minute))
	a, err := d.Availability(t.Context(), "C1", now.Add(-24*time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Spans) != 3 || a.Spans[0].UpS != 600 || a.Spans[1].UpS != 600 || a.Spans[1].OfflineS != 600 || a.Spans[2].PictureS != 120 || a.KnownS != 1920 || *a.Share != 1200.0/1920 {
		t.Errorf("%+v", a)
	}
	strips, err := d.Strips(t.Context(), now, 3)
	if err != nil || strips["C1"].Hours != "uop" || len(strips) != 1 {
		t.Errorf("%+v %v", strips, err)
	}
	// Old hours become days, and give the same sum.
	do(`INSERT INTO camera_hour (camera, hour, up_s, offline_s, losses) SELECT 'C2', h, 1800, 1800, 1 FROM generate_series($1::timestamptz, $2::timestamptz, interval '1 hour') AS h`, now.Add(-30*24*time.Hour), now)
	before, err := d.Availability(t.Context(), "C2", now.Add(-40*24*time.Hour), now)
	if err != nil {
		t.Fatal(err)
	}
	if err := cameras.Keep(d.Room, t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	after, err := d.Availability(t.Context(), "C2", now.Add(-40*24*time.Hour), now)
	if err != nil || after.KnownS != before.KnownS || after.Losses != before.Losses || after.StepS != 86400 || len(after.Spans) != len(before.Spans) {
		t.Errorf("%+v, before %+v, %v", after, before, err)
	}
	var hours int
	if err := d.pool.QueryRow(t.Context(), `SELECT count(*) FROM camera_hour WHERE camera = 'C2'`).Scan(&hours); err != nil || hours > 15*24 {
		t.Errorf("%d hours are kept, %v", hours, err)
	}
	// A disabled camera is not counted, and nothing is known of it.
	if _, err := d.Apply(t.Context(), hand, cameras.Bulk{IDs: []string{"C1"}, Action: "disable"}); err != nil {
		t.Fatal(err)
	}
	do(`SELECT camera_count(NULL, $1)`, at.Add(4*time.Minute))
	var state string
	if err := d.pool.QueryRow(t.Context(), `SELECT state FROM camera WHERE id = 'C1'`).Scan(&state); err != nil || state != "unknown" {
		t.Error(state, err)
	}
	again, err := d.Availability(t.Context(), "C1", now.Add(-24*time.Hour), now.Add(time.Hour))
	if err != nil || again.KnownS != a.KnownS {
		t.Errorf("%+v %v", again, err)
	}
}
