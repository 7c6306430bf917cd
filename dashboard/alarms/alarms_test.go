package alarms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
	"gridwall/dashboard/clock"
	"gridwall/dashboard/live"
	"gridwall/geo/grid"
	"gridwall/migrations/dbtest"
)

// One street with two cells, and four accounts.
const places = `
INSERT INTO grid (code, parent, level, name, geom, label) VALUES
    ('150621901', NULL, 'street', '试验街道', ST_Multi(ST_MakeEnvelope(110.00, 40.40, 110.02, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.01, 40.405), 4326)),
    ('150621901001001', '150621901', 'grid', '一网格', ST_Multi(ST_MakeEnvelope(110.00, 40.40, 110.01, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.005, 40.405), 4326)),
    ('150621901001002', '150621901', 'grid', '二网格', ST_Multi(ST_MakeEnvelope(110.01, 40.40, 110.02, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.015, 40.405), 4326));
INSERT INTO account (username, name, role) VALUES ('op', '王值守', 'operator'), ('off', '李网格', 'officer'), ('int', '赵集成', 'integrator'), ('lead', '孙班长', 'duty_leader')`

var (
	operator   = access.Identity{Account: 1, Username: "op", Name: "王值守", Role: access.Operator}
	officer    = access.Identity{Account: 2, Username: "off", Name: "李网格", Role: access.Officer}
	integrator = access.Identity{Account: 3, Username: "int", Name: "赵集成", Role: access.Integrator}
	leader     = access.Identity{Account: 4, Username: "lead", Name: "孙班长", Role: access.DutyLeader}
	device     = access.Identity{Username: "main", Name: "main", Role: access.Wall}
)

// centreRoom is a node's room on a clock that the test moves.
type centreRoom struct {
	*Room
	t *testing.T
}

var start = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func open(t *testing.T) *centreRoom {
	t.Helper()
	pool := dbtest.Open(t)
	if _, err := pool.Exec(t.Context(), places); err != nil {
		t.Fatal(err)
	}
	return node(t, pool)
}

func node(t *testing.T, pool *pgxpool.Pool) *centreRoom {
	t.Helper()
	c := new(clock.Clock)
	c.Set(start)
	r, err := New(Config{Pool: pool, Clock: c, Places: cellsOf(t, pool), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &centreRoom{r, t}
}

// cells are the grids of a database as they were.
type cells struct{ index *grid.Index }

func (c cells) Index() *grid.Index { return c.index }

func cellsOf(t testing.TB, pool *pgxpool.Pool) cells {
	t.Helper()
	tree, err := grid.Load(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	return cells{grid.NewIndex(tree)}
}

// pass lets time pass and looks.
func (r *centreRoom) pass(d time.Duration) {
	r.t.Helper()
	r.Clock.Set(r.Clock.Now().Add(d))
	if err := r.look(r.t.Context(), r.Clock.Now()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *centreRoom) sensor(key string, active bool, priority Priority) *Alarm {
	r.t.Helper()
	a, _, err := r.Report(r.t.Context(), operator, Report{Key: key, Active: active, Priority: priority, Title: Text{"水位高", "water is high"}, Location: &Location{110.003, 40.405}})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *centreRoom) move(who access.Identity, id int64, act Act) *Alarm {
	r.t.Helper()
	a, _, err := r.Move(r.t.Context(), who, id, act)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *centreRoom) standing() []*Alarm {
	r.t.Helper()
	list, err := r.List(r.t.Context(), Filter{})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func (r *centreRoom) get(id int64) *Alarm {
	r.t.Helper()
	a, _, err := r.Get(r.t.Context(), id, operator)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// moves are those of an alarm, oldest first.
func (r *centreRoom) moves(id int64) string {
	r.t.Helper()
	_, entries, err := r.Get(r.t.Context(), id, operator)
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, e := range slices.Backward(entries) {
		names = append(names, e.Move)
	}
	return strings.Join(names, " ")
}

func (r *centreRoom) exec(sql string, args ...any) {
	r.t.Helper()
	if _, err := r.Pool.Exec(r.t.Context(), sql, args...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *centreRoom) events(kind string) (n int) {
	r.t.Helper()
	if err := r.Pool.QueryRow(r.t.Context(), `SELECT count(*) FROM event WHERE type = $1`, kind).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func TestAnAlarmIsRaisedAcknowledgedReturnedAndOver(t *testing.T) {
	r := open(t)
	a := r.sensor("s1", true, "")
	if a.State != Unacknowledged || a.Priority != Medium || deref(a.GridName) != "一网格" || a.Count != 1 {
		t.Fatalf("raised: %+v", a)
	}
	if again := r.sensor("s1", true, ""); again.ID != a.ID || again.Count != 1 || r.events("alarm.changed") != 1 {
		t.Errorf("the same again: %+v, %d events", again, r.events("alarm.changed"))
	}
	if a = r.move(operator, a.ID, Act{Move: "acknowledge"}); a.State != Acknowledged || a.AcknowledgedAt == nil {
		t.Errorf("acknowledged: %+v", a)
	}
	if a = r.sensor("s1", false, ""); a.State != Normal || a.EndedAt == nil {
		t.Errorf("returned after it was acknowledged: %+v", a)
	}
	b := r.sensor("s1", true, "")
	if b.ID == a.ID {
		t.Error("what is over stands again")
	}
	if b = r.sensor("s1", false, ""); b.State != Returned {
		t.Errorf("returned before it was acknowledged: %+v", b)
	}
	if b = r.move(operator, b.ID, Act{Move: "acknowledge"}); b.State != Normal || len(r.standing()) != 0 {
		t.Errorf("acknowledged after it returned: %+v", b)
	}
	if got := r.moves(b.ID); got != "raise return acknowledge" {
		t.Errorf("its history: %s", got)
	}
	// The newest event is the alarm as it stands.
	var told Alarm
	if err := r.Pool.QueryRow(t.Context(), `SELECT data -> 'alarm' FROM event ORDER BY seq DESC LIMIT 1`).Scan(&told); err != nil || told.ID != b.ID || told.State != Normal || told.Version != b.Version {
		t.Errorf("the log says %+v (%v)", told, err)
	}
	if _, err := live.Verify(t.Context(), r.Pool); err != nil {
		t.Error(err)
	}
}

func TestComingBackClearsTheAcknowledgement(t *testing.T) {
	r := open(t)
	a := r.sensor("s1", true, High)
	r.sensor("s1", false, "")
	r.Clock.Set(start.Add(time.Minute / 2))
	b := r.sensor("s1", true, High)
	if b.ID != a.ID || b.State != Unacknowledged || b.Count != 2 || b.AcknowledgedAt != nil || b.ReturnedAt != nil || !b.RaisedAt.Equal(start.Add(time.Minute/2)) {
		t.Errorf("%+v", b)
	}
	r.exec(`UPDATE alarm SET state = 'acknowledged', acknowledged_at = $1, active = false`, start) // as if it chattered once
	if b = r.sensor("s1", true, High); b.State != Unacknowledged || b.AcknowledgedAt != nil {
		t.Errorf("acknowledged, gone and back: %+v", b)
	}
}

func TestAHighAlarmGoesToTheDutyLeaderAfterAMinuteOnce(t *testing.T) {
	r := open(t)
	a, low := r.sensor("s1", true, High), r.sensor("s2", true, Low)
	acknowledged := r.sensor("s3", true, High)
	r.move(operator, acknowledged.ID, Act{Move: "acknowledge"})
	r.pass(59 * time.Second)
	if r.get(a.ID).EscalatedAt != nil {
		t.Error("escalated after 59 s")
	}
	var group sync.WaitGroup
	for _, n := range []*centreRoom{r, node(t, r.Pool), node(t, r.Pool)} {
		n.Clock.Set(start.Add(time.Minute))
		group.Go(func() {
			for range 4 {
				if err := n.look(t.Context(), n.Clock.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if a = r.get(a.ID); a.EscalatedAt == nil || *a.EscalatedTo != "duty_leader" || a.State != Unacknowledged {
		t.Errorf("after 60 s: %+v", a)
	}
	if got := r.moves(a.ID); got != "raise escalate" {
		t.Errorf("its history: %s", got)
	}
	if r.get(low.ID).EscalatedAt != nil || r.get(acknowledged.ID).EscalatedAt != nil {
		t.Error("a low or an acknowledged alarm was escalated")
	}
}

func TestAShelfHasAReasonAndAnEnd(t *testing.T) {
	r := open(t)
	a, high := r.sensor("s1", true, ""), r.sensor("s2", true, High)
	until := func(d time.Duration) *time.Time { at := r.Clock.Now().Add(d); return &at }
	for _, tc := range []struct {
		name string
		who  access.Identity
		id   int64
		act  Act
		says string
	}{
		{"no reason", operator, a.ID, Act{"shelve", " ", until(time.Hour)}, "needs a reason"},
		{"no end", operator, a.ID, Act{"shelve", "校验", nil}, "needs until"},
		{"in the past", operator, a.ID, Act{"shelve", "校验", until(-time.Hour)}, "after now"},
		{"longer than 8 h", operator, a.ID, Act{"shelve", "校验", until(8*time.Hour + time.Second)}, "8 hours at most: until is no later than 2026-11-24T14:00:00Z"},
		{"a high alarm", operator, high.ID, Act{"shelve", "校验", until(time.Hour)}, "cannot be shelved or muted"},
		{"a high alarm out of service", operator, high.ID, Act{"out_of_service", "校验", nil}, "by the duty leader"},
		{"by an integrator", integrator, a.ID, Act{"shelve", "校验", until(time.Hour)}, "cameras and screens only"},
		{"an unknown move", operator, a.ID, Act{"mute", "", nil}, "there is no move"},
		{"off no shelf", operator, a.ID, Act{"unshelve", "", nil}, "the alarm is unacknowledged"},
		{"a sensor cleared by hand", operator, a.ID, Act{"clear", "没事", nil}, "only a call for help"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := r.Move(t.Context(), tc.who, tc.id, tc.act); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
	if _, _, err := r.Move(t.Context(), operator, 999, Act{Move: "acknowledge"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("an alarm that is not there: %v", err)
	}

	a = r.move(operator, a.ID, Act{"shelve", "传感器校验", until(8 * time.Hour)})
	if a.State != Shelved || !a.ShelvedUntil.Equal(start.Add(8*time.Hour)) {
		t.Fatalf("shelved: %+v", a)
	}
	r.sensor("s1", false, "")
	if a = r.sensor("s1", true, ""); a.State != Shelved || a.Count != 2 {
		t.Errorf("flapping on the shelf: %+v", a)
	}
	r.pass(8*time.Hour - time.Second)
	if r.get(a.ID).State != Shelved {
		t.Error("it left the shelf early")
	}
	r.pass(time.Second)
	if a = r.get(a.ID); a.State != Unacknowledged || a.ShelvedUntil != nil {
		t.Errorf("after the shelf: %+v", a)
	}
	r.move(operator, a.ID, Act{"shelve", "再校验", until(time.Minute)})
	r.sensor("s1", false, "")
	r.pass(time.Minute)
	if a = r.get(a.ID); a.State != Normal {
		t.Errorf("gone on the shelf: %+v", a)
	}
	out := r.move(leader, high.ID, Act{Move: "out_of_service", Reason: "传感器更换"})
	r.sensor("s2", false, "")
	if out = r.get(out.ID); out.State != OutOfService {
		t.Errorf("out of service: %+v", out)
	}
	if out = r.move(leader, out.ID, Act{Move: "return_to_service"}); out.State != Normal {
		t.Errorf("in service again: %+v", out)
	}
}

func TestTwoAcknowledgementsAreOne(t *testing.T) {
	r := open(t)
	a := r.sensor("s1", true, "")
	refused := make([]bool, 8)
	var group sync.WaitGroup
	for i := range refused {
		group.Go(func() {
			_, _, err := r.Move(t.Context(), operator, a.ID, Act{Move: "acknowledge"})
			var no *RefusedError
			refused[i] = errors.As(err, &no)
			if err != nil && !refused[i] {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(slices.DeleteFunc(refused, func(no bool) bool { return no })); n != 1 || r.moves(a.ID) != "raise acknowledge" {
		t.Errorf("%d of 8 acknowledged it: %s", n, r.moves(a.ID))
	}
}

func TestASensorThatFlapsIsOneAlarmWithACount(t *testing.T) {
	r := open(t)
	for i := range 40 {
		r.Clock.Set(r.Clock.Now().Add(50 * time.Millisecond))
		r.sensor("s1", i%2 == 0, "")
		if i%20 == 19 {
			r.pass(0)
		}
	}
	list := r.standing()
	if len(list) != 1 || list[0].Count != 20 || !list[0].Chattering || list[0].State != Unacknowledged {
		t.Fatalf("%d alarms stand, the first is %+v", len(list), list[0])
	}
	id := list[0].ID
	if got := r.moves(id); got != "raise return raise return raise return raise chatter" {
		t.Errorf("its history: %s", got)
	}
	// 7 moves are told, then a flap a second at most.
	if n := r.events("alarm.changed"); n < 7 || n > 7+3 {
		t.Errorf("%d events for 40 flaps", n)
	}
	r.move(operator, id, Act{Move: "acknowledge"})
	r.sensor("s1", true, "")
	r.sensor("s1", false, "")
	a := r.get(id)
	if a.State != Acknowledged || a.Count != 21 {
		t.Errorf("flapping on after it was acknowledged: %+v", a)
	}
	r.pass(quietFor - time.Second)
	if a = r.get(id); !a.Chattering {
		t.Error("quiet too early")
	}
	r.pass(time.Second)
	if a = r.get(id); a.State != Normal || a.Chattering {
		t.Errorf("after two quiet minutes: %+v", a)
	}
	// Acknowledged each time, it is a new alarm each time; ten in ten minutes is chattering too.
	for i := range 10 {
		r.Clock.Set(r.Clock.Now().Add(50 * time.Second))
		a = r.sensor("s2", true, "")
		if i < 9 {
			r.move(operator, a.ID, Act{Move: "acknowledge"})
			r.sensor("s2", false, "")
		}
	}
	if !r.get(a.ID).Chattering {
		t.Error("ten activations in ten minutes are told one by one")
	}
}

// register puts n cameras behind a switch, online.
func (r *centreRoom) register(n int, behind string) {
	r.exec(`INSERT INTO camera (id, name, url, grid, geom, state, since, switch, secret)
		SELECT $2 || '-' || i, '点位' || i, 'rtsp://u:geheim@10.1.2.' || i || ':554/a', '150621901001001', ST_SetSRID(ST_MakePoint(110.001 + i * 0.0001, 40.405), 4326), 'online', $3, $2, i = 1
		FROM generate_series(1, $1) AS i`, n, behind, start.Add(-time.Hour))
}

func (r *centreRoom) set(state, condition string, since time.Time, args ...any) {
	r.t.Helper()
	r.exec(`UPDATE camera SET state = $1, since = $2 WHERE `+condition, append([]any{state, since}, args...)...)
}

func TestTwentyThreeCamerasDarkBehindOneSwitchAreOneAlarmOnThreeNodes(t *testing.T) {
	r := open(t)
	r.register(23, "SW-07")
	r.register(5, "SW-08")
	r.exec(`UPDATE wall SET body = jsonb_set(body, '{strip}', '["SW-07-2", "SW-07-3"]') WHERE id = 'main'`)
	nodes := []*centreRoom{r, node(t, r.Pool), node(t, r.Pool)}
	look := func(at time.Time) {
		var group sync.WaitGroup
		for _, n := range nodes {
			group.Go(func() {
				n.Clock.Set(at)
				if err := n.look(t.Context(), at); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	// They are found one a second, as a sweep finds them.
	for i := range 23 {
		at := start.Add(time.Duration(i) * time.Second)
		r.set("offline", `id = $3`, at, fmt.Sprintf("SW-07-%d", i+1))
		look(at)
	}
	list := r.standing()
	if len(list) != 1 {
		t.Fatalf("%d alarms stand: %+v", len(list), list)
	}
	a := list[0]
	if a.Title.ZH != "23 路摄像机同时离线：交换机 SW-07" || a.ItemsTotal != 23 || len(a.Items) != 22 || a.Count != 1 || a.Source.ID != "switch:SW-07" {
		t.Errorf("%+v", a)
	}
	if r.moves(a.ID) != "raise" {
		t.Errorf("it was raised more than once: %s", r.moves(a.ID))
	}
	if text, _ := json.Marshal(a); strings.Contains(string(text), "SW-07-1\"") || strings.Contains(string(text), "geheim") {
		t.Errorf("it names a secret camera, or an address: %s", text)
	}
	look(start.Add(10 * time.Minute))
	if len(r.standing()) != 1 {
		t.Errorf("ten minutes later: %+v", r.standing())
	}
	r.move(integrator, a.ID, Act{Move: "acknowledge"})
	r.set("online", `switch = 'SW-07'`, start.Add(11*time.Minute))
	look(start.Add(11 * time.Minute))
	if r.get(a.ID).EndedAt != nil {
		t.Error("it returned before its delay")
	}
	look(start.Add(11*time.Minute + 5*time.Second))
	look(start.Add(11*time.Minute + 6*time.Second))
	if r.get(a.ID).State != Normal {
		t.Errorf("all are back: %+v", r.get(a.ID))
	}
}

func TestCamerasThatGoDarkApartAreNoGroup(t *testing.T) {
	r := open(t)
	r.register(6, "SW-07")
	for i := range 6 {
		r.set("offline", `id = $3`, start.Add(time.Duration(i)*time.Minute), fmt.Sprintf("SW-07-%d", i+1))
	}
	r.pass(10 * time.Minute)
	if list := r.standing(); len(list) != 0 {
		t.Errorf("%+v", list[0])
	}
}

func TestWithoutASwitchTheNetworkAndThenTheGridSayWhatFailsTogether(t *testing.T) {
	r := open(t)
	r.register(8, "SW-07")
	r.exec(`UPDATE camera SET switch = ''`)
	r.exec(`UPDATE camera SET url = 'rtsp://127.0.0.1:8554/' || id WHERE id > 'SW-07-4'`)
	r.set("stalled", `true`, start)
	r.pass(0)
	var titles []string
	for _, a := range r.standing() {
		titles = append(titles, a.Title.ZH)
	}
	slices.Sort(titles)
	if fmt.Sprint(titles) != "[4 路摄像机同时离线：一网格 4 路摄像机同时离线：网段 10.1.2.0/24]" {
		t.Errorf("%v", titles)
	}
}

func TestACameraAloneIsToldOnlyWhereAWallShowsIt(t *testing.T) {
	r := open(t)
	r.register(4, "SW-07")
	r.exec(`UPDATE wall SET body = jsonb_set(body, '{strip}', '["SW-07-1", "SW-07-2"]') WHERE id = 'main'`)
	r.set("offline", `id IN ('SW-07-1', 'SW-07-2')`, start) // the first is secret
	r.pass(0)
	r.pass(59 * time.Second)
	if len(r.standing()) != 0 {
		t.Error("told before a minute")
	}
	r.pass(time.Second)
	if list := r.standing(); len(list) != 1 || list[0].Priority != Low || list[0].Source != (Origin{Camera, "SW-07-2"}) {
		t.Fatalf("%+v", list)
	}
	// The rest of its group goes too: the group is the alarm, and the camera's own returns.
	r.set("offline", `true`, r.Clock.Now())
	r.pass(time.Second)
	r.pass(5 * time.Second)
	r.pass(5 * time.Second)
	list := r.standing()
	if len(list) != 2 || list[0].Source.Kind != Group || list[1].State != Returned {
		t.Errorf("%+v", list)
	}
}

func TestAnOverdueCriticalCaseIsAnAlarmUntilItIsMovedOn(t *testing.T) {
	r := open(t)
	r.exec(`INSERT INTO case_file (number, flow, flow_edition, state, priority, title, geom, grid, reported_at, updated_at)
		SELECT '15062120261124' || lpad(i::text, 5, '0'), 'incident', 1, 'filed', CASE i WHEN 3 THEN 'urgent' ELSE 'critical' END, '燃气泄漏' || i, ST_SetSRID(ST_MakePoint(110.003, 40.405), 4326), '150621901001001', $1, $1
		FROM generate_series(1, 3) AS i`, start)
	r.exec(`INSERT INTO case_clock (case_id, stage, n, unit, limit_s, started_at, warn_at, due_at) SELECT id, 'dispatch', 1, 'emergency', 600, $1, $1::timestamptz + interval '8 minutes', $1::timestamptz + id * interval '10 minutes' FROM case_file`, start)
	r.pass(9 * time.Minute)
	if len(r.standing()) != 0 {
		t.Fatal("early")
	}
	r.pass(time.Minute)
	list := r.standing()
	if len(list) != 1 || list[0].Title.ZH != "特急案卷超期：燃气泄漏1" || list[0].Priority != High || list[0].Source != (Origin{Overdue, "1"}) || deref(list[0].Grid) != "150621901001001" {
		t.Fatalf("%+v", list)
	}
	var grid string
	if err := r.Pool.QueryRow(t.Context(), `SELECT grid FROM event WHERE type = 'alarm.changed'`).Scan(&grid); err != nil || grid != "150621901001001" {
		t.Errorf("it is told to grid %q (%v)", grid, err)
	}
	r.exec(`INSERT INTO case_move (case_id, n, move, from_state, to_state, at, account, role) VALUES (1, 2, 'dispatch', 'filed', 'dispatched', $1, 1, 'operator')`, r.Clock.Now())
	r.exec(`UPDATE case_clock SET ended_at = $1, ended_by = 2, used_s = 600, late_s = 60 WHERE case_id = 1`, r.Clock.Now())
	r.pass(time.Second)
	if a := r.get(list[0].ID); a.State != Returned {
		t.Errorf("moved on: %+v", a)
	}
	r.pass(time.Hour)
	if list := r.standing(); len(list) != 2 {
		t.Errorf("an urgent case is no alarm; %d stand", len(list))
	}
}

func TestAScreenThatIsSilentForTenSecondsIsAnAlarm(t *testing.T) {
	r := open(t)
	fps := 59.5
	if err := r.Heard(t.Context(), "main", "1", Heartbeat{FPS: &fps}); err != nil {
		t.Fatal(err)
	}
	if err := r.Heard(t.Context(), "none", "1", Heartbeat{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a wall that is not there: %v", err)
	}
	var bad *InvalidError
	if err := r.Heard(t.Context(), "main", "屏", Heartbeat{}); !errors.As(err, &bad) {
		t.Errorf("a name that cannot be: %v", err)
	}
	r.pass(0)
	if len(r.standing()) != 0 {
		t.Fatal("it was heard of just now")
	}
	r.exec(`UPDATE wall_screen SET seen_at = now() - interval '11 seconds'`)
	r.pass(time.Second)
	if list := r.standing(); len(list) != 1 || list[0].Source != (Origin{Screen, "main/1"}) {
		t.Fatalf("%+v", list)
	}
	if err := r.Heard(t.Context(), "main", "1", Heartbeat{}); err != nil {
		t.Fatal(err)
	}
	r.pass(time.Second)
	if list := r.standing(); list[0].State != Returned {
		t.Errorf("it is back: %+v", list[0])
	}
	// A node that starts gives the screens time to find it.
	r.exec(`UPDATE wall_screen SET seen_at = now() - interval '1 hour'`)
	r.began = time.Now()
	r.pass(time.Second)
	if list := r.standing(); list[0].Active {
		t.Error("a node that has just started misses a screen")
	}
}

func TestACallForHelpNamesThePlaceAndNotThePerson(t *testing.T) {
	r := open(t)
	ask := Report{Active: true, Location: &Location{110.003, 40.405}}
	a, seq, err := r.SOS(t.Context(), officer, ask)
	if err != nil || seq == 0 {
		t.Fatal(seq, err)
	}
	if a.Priority != High || a.Title.ZH != "网格员求助：一网格" || a.Tone != "high" {
		t.Errorf("%+v", a)
	}
	if again, _, err := r.SOS(t.Context(), officer, ask); err != nil || again.ID != a.ID {
		t.Errorf("pressed twice: %+v %v", again, err)
	}
	var said string
	if err := r.Pool.QueryRow(t.Context(), `SELECT string_agg(data::text, ' ') FROM event`).Scan(&said); err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(r.standing())
	for _, name := range []string{"李网格", `"off"`, "officer\""} {
		if strings.Contains(said+string(text), name) {
			t.Errorf("%s stands in the alarm: %s", name, text)
		}
	}
	named := func(who access.Identity) bool {
		_, history, err := r.Get(t.Context(), a.ID, who)
		if err != nil || len(history) != 1 || history[0].By == nil {
			t.Fatal(history, err)
		}
		return history[0].By.Name != nil
	}
	if !named(operator) || named(device) || named(access.Identity{Role: access.Leader}) || named(integrator) {
		t.Error("whom the history names depends on who asks")
	}
	if a = r.move(operator, a.ID, Act{Move: "clear", Reason: "已到现场"}); a.State != Normal {
		t.Errorf("cleared: %+v", a)
	}
	if _, _, err := r.SOS(t.Context(), officer, Report{Active: true}); err == nil {
		t.Error("a call from nowhere was taken")
	}
}

func TestAWallReadsNoReasonAndASensorBringsNoPersonalData(t *testing.T) {
	r := open(t)
	a := r.sensor("s1", true, "")
	until := r.Clock.Now().Add(time.Hour)
	r.move(operator, a.ID, Act{"shelve", "张三电话里说的", &until})
	_, history, err := r.Get(t.Context(), a.ID, device)
	if err != nil || history[0].Note != nil || history[0].By.Name != nil {
		t.Errorf("the wall reads %+v (%v)", history, err)
	}
	var told int
	if err := r.Pool.QueryRow(t.Context(), `SELECT count(*) FROM event WHERE data::text LIKE '%张三%' OR data::text LIKE '%王值守%'`).Scan(&told); err != nil || told != 0 {
		t.Errorf("%d events name a person (%v)", told, err)
	}
	for _, title := range []string{"水位高，联系 138" + "00001234", "身份证 150621" + "19900101123X"} {
		_, _, err := r.Report(t.Context(), operator, Report{Key: "s2", Active: true, Title: Text{title, title}})
		var no *InvalidError
		if !errors.As(err, &no) || no.Code != "personal_data" {
			t.Errorf("%s: %v", title, err)
		}
	}
	if _, _, err := r.Report(t.Context(), operator, Report{Key: "s2", Rule: "sos", Active: true, Title: Text{"水", "water"}}); err == nil {
		t.Error("a sensor raised a call for help")
	}
}

func TestARepeatedReportIsOneReport(t *testing.T) {
	r := open(t)
	in := Report{Key: "s1", Active: true, Title: Text{"水位高", "water"}, Idempotency: "k1", Sum: [32]byte{1}}
	a, _, err := r.Report(t.Context(), operator, in)
	if err != nil {
		t.Fatal(err)
	}
	r.sensor("s1", false, "")
	again, seq, err := r.Report(t.Context(), operator, in)
	if err != nil || again.ID != a.ID || seq != 0 || again.State != Returned {
		t.Errorf("the report again: %+v, %d, %v", again, seq, err)
	}
	in.Sum = [32]byte{2}
	if _, _, err := r.Report(t.Context(), operator, in); !errors.Is(err, ErrKeyReused) {
		t.Errorf("the key with another report: %v", err)
	}
}

func TestMoreThanTenAlarmsInTenMinutesAreAFlood(t *testing.T) {
	r := open(t)
	for i := range 10 {
		r.sensor(fmt.Sprint("s", i), true, Low)
	}
	r.pass(time.Second)
	if f, err := r.Flood(t.Context()); f != nil || err != nil {
		t.Fatalf("ten are no flood: %+v %v", f, err)
	}
	for i := range 40 {
		r.sensor(fmt.Sprint("t", i), true, Low)
	}
	r.pass(time.Second)
	f, err := r.Flood(t.Context())
	if err != nil || f == nil || f.Worst != 50 {
		t.Fatalf("%+v %v", f, err)
	}
	if len(r.standing()) != 50 || r.events("alarm.changed") != 50 || r.events("alarm.flood") != 1 {
		t.Errorf("something is lost: %d stand, %d events", len(r.standing()), r.events("alarm.changed"))
	}
	r.pass(5 * time.Minute)
	if f, _ := r.Flood(t.Context()); f == nil {
		t.Error("it ended early")
	}
	r.pass(5 * time.Minute)
	if f, _ := r.Flood(t.Context()); f != nil || r.events("alarm.flood") != 2 {
		t.Errorf("ten minutes later: %+v, %d events", f, r.events("alarm.flood"))
	}
	c, err := r.Check(t.Context(), start.Add(-time.Hour), start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if c.Activations != 50 || c.Floods != 1 || c.FloodWorst != 50 || c.FloodMinutes != 10 || c.FloodShare.Light != Red || c.Rate.Light != Red || *c.Rate.Value != 50.0/12 || *c.Peak.Value != 50 ||
		c.Split[2].Count != 50 || *c.Split[2].Share != 100 || len(c.Slots) != 12 || !c.Slots[6].Flood || c.Slots[5].Flood || c.Rules[0].Name.ZH != "传感器报警" {
		t.Errorf("%+v", c)
	}
}

func TestTheSelfCheckCountsWhatHappened(t *testing.T) {
	r := open(t)
	a := r.sensor("s1", true, High)
	r.pass(61 * time.Second)
	r.pass(29 * time.Second)
	r.move(operator, a.ID, Act{Move: "acknowledge"})
	b := r.sensor("s2", true, "")
	until := r.Clock.Now().Add(8 * time.Hour)
	r.move(operator, b.ID, Act{"shelve", "校验", &until})
	r.pass(25 * time.Hour)
	c, err := r.Check(t.Context(), start, r.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if *c.AcknowledgeS.Value != 90 || c.AcknowledgeS.Light != Yellow || *c.Escalations.Value != 1 || *c.StandingLong.Value != 1 || fmt.Sprint(c.StandingOrder) != fmt.Sprint([]int64{a.ID}) ||
		*c.Shelved.Value != 0 || c.Rate.Light != Green || c.Split[0].Light != Grey {
		t.Errorf("%+v", c)
	}
	if _, err := r.Check(t.Context(), start, start); err == nil {
		t.Error("an empty time was counted")
	}
	empty, err := r.Check(t.Context(), start.Add(-48*time.Hour), start.Add(-47*time.Hour))
	if err != nil || empty.Activations != 0 || empty.AcknowledgeS.Light != Grey || empty.Split[0].Share != nil {
		t.Errorf("%+v %v", empty, err)
	}
}

func TestCasesOfOneClassInOnePlaceAndASurgeInAGridAreAlarms(t *testing.T) {
	r := open(t)
	report := func(n int, class any, lon float64, at time.Time) {
		r.exec(`INSERT INTO case_file (number, flow, flow_edition, state, priority, class, class_edition, title, geom, grid, reported_at, updated_at)
			SELECT lpad((SELECT count(*) + i FROM case_file)::text, 19, '0'), 'incident', 1, 'reported', 'normal', $2, CASE WHEN $2::text IS NOT NULL THEN 'x' END, '暴露垃圾', ST_SetSRID(ST_MakePoint($3 + i * 0.00005, 40.405), 4326), '150621901001001', $4, $4
			FROM generate_series(1, $1) AS i`, n, class, lon, at)
	}
	report(2, "0201", 110.003, start)
	report(1, "0202", 110.003, start)
	report(1, "0201", 110.006, start) // 250 m away
	r.pass(5 * time.Second)
	if list := r.standing(); len(list) != 0 {
		t.Fatalf("two here and one there: %+v", list[0])
	}
	report(1, "0201", 110.0031, start.Add(6*time.Second))
	r.pass(5 * time.Second)
	list := r.standing()
	if len(list) != 1 || list[0].Rule != "same_place" || list[0].ItemsTotal != 3 || list[0].Title.ZH != "同类案卷聚集：暴露垃圾" {
		t.Fatalf("%+v", list)
	}
	report(5, nil, 110.008, start.Add(12*time.Second))
	r.pass(5 * time.Second)
	list = r.standing()
	if len(list) != 2 || list[1].Rule != "grid_surge" || list[1].Priority != Low || list[1].Title.ZH != "网格案卷激增：一网格" {
		t.Fatalf("%+v", list)
	}
	r.pass(31 * time.Minute)
	r.pass(61 * time.Second)
	for _, a := range r.standing() {
		if a.State != Returned {
			t.Errorf("half an hour later: %+v", a)
		}
	}
}

func TestASnapshotAndItsEventsAreWhatStands(t *testing.T) {
	r := open(t)
	load := func() map[string]string {
		rows := map[string]string{}
		err := pgx.BeginFunc(t.Context(), r.Pool, func(tx pgx.Tx) error {
			list, err := r.Table().Load(t.Context(), tx)
			for _, row := range list {
				rows[row.Key] = row.Grid + string(row.Data)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	have := load()
	for i := range 12 {
		a := r.sensor(fmt.Sprint("s", i), true, "")
		if i%3 == 0 {
			r.move(operator, a.ID, Act{Move: "acknowledge"})
			r.sensor(fmt.Sprint("s", i), false, "")
		}
	}
	r.pass(time.Second)
	rows, err := r.Pool.Query(t.Context(), `SELECT seq, type, at, grid, needs, data FROM event ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	events, err := pgx.CollectRows(rows, pgx.RowToStructByPos[live.Event])
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		rows := r.Table().Apply(e)
		if len(rows) != 1 || e.Topic() != r.Table().Topic {
			t.Fatal(e, rows)
		}
		if rows[0].Data == nil {
			delete(have, rows[0].Key)
		} else {
			have[rows[0].Key] = rows[0].Grid + string(rows[0].Data)
		}
	}
	want := load()
	if len(want) != 9 || fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("the events make\n%v\nthe tables hold\n%v", have, want)
	}
	if rows := r.Table().Apply(live.Event{Type: "case.moved", Data: []byte(`{}`)}); rows != nil {
		t.Errorf("an event of another room makes %v", rows)
	}
}

func TestTheHistoryCannotBeChanged(t *testing.T) {
	r := open(t)
	r.sensor("s1", true, "")
	for _, sql := range []string{`UPDATE alarm_move SET move = 'none'`, `DELETE FROM alarm_move`} {
		if _, err := r.Pool.Exec(context.Background(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestAFenceIsLeftAfterItsDwellAndNotByAWobble(t *testing.T) {
	r := open(t)
	if _, err := r.Pool.Exec(t.Context(), `UPDATE account SET grid = '150621901001001' WHERE username = 'off'`); err != nil {
		t.Fatal(err)
	}
	stand := func() *Alarm {
		list, err := r.List(t.Context(), Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			if a.Rule == "officer_away" {
				return a
			}
		}
		return nil
	}
	at := func(lon float64) {
		if _, err := r.Pool.Exec(t.Context(), `
INSERT INTO position (object, geom, at, written_at) VALUES ('2', ST_SetSRID(ST_MakePoint($1, 40.405), 4326), $2, now())
ON CONFLICT (object) DO UPDATE SET geom = EXCLUDED.geom, at = EXCLUDED.at`, lon, r.Clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name  string
		lon   float64 // the border is at 110.01; 0.0001 is 8.5 m
		after time.Duration
		state State // empty: no alarm
	}{
		{"inside", 110.005, time.Second, ""},
		{"a wobble over the border", 110.0102, 3 * time.Minute, ""},
		{"far outside, but not for long", 110.012, time.Second, ""},
		{"inside again before the dwell is over", 110.0095, time.Minute, ""},
		{"far outside", 110.012, time.Second, ""},
		{"for two minutes", 110.013, 2 * time.Minute, Unacknowledged},
		{"nearly back", 110.0101, 3 * time.Minute, Unacknowledged},
		{"inside, not yet for long", 110.0099, time.Second, Unacknowledged},
		{"inside for a minute", 110.005, time.Minute, Returned},
	} {
		at(step.lon)
		r.pass(step.after)
		a := stand()
		if step.state == "" {
			if a != nil {
				t.Fatalf("%s: %+v", step.name, a)
			}
			continue
		}
		if a == nil || a.State != step.state {
			t.Fatalf("%s: %+v, want %s", step.name, a, step.state)
		}
		if text := fmt.Sprint(a.Title, a.Detail, a.Source); strings.Contains(text, "李") || a.Grid == nil || *a.Grid != "150621901001001" {
			t.Errorf("%s: %s, %v", step.name, text, a.Grid)
		}
	}

	at(110.012)
	r.pass(time.Second)
	r.pass(2 * time.Minute)
	second := node(t, r.Pool) // has seen nothing of it
	second.Clock.Set(r.Clock.Now())
	for _, step := range []struct {
		name  string
		lon   float64
		after time.Duration
		state State
	}{
		{"another node leaves it standing", 110.012, time.Second, Unacknowledged},
		{"and nearly back", 110.0101, 3 * time.Minute, Unacknowledged},
		{"inside", 110.005, time.Second, Unacknowledged},
		{"and ends it after its own dwell", 110.005, time.Minute, Returned},
	} {
		at(step.lon)
		second.pass(step.after)
		if a := stand(); a == nil || a.State != step.state {
			t.Fatalf("%s: %+v, want %s", step.name, a, step.state)
		}
	}
}
