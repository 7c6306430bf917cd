package cases

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/assets"
	"gridwall/dashboard/access"
	"gridwall/dashboard/catalogue"
	"gridwall/dashboard/clock"
	"gridwall/dashboard/live"
	"gridwall/geo"
	"gridwall/migrations/dbtest"
)

const town = `
INSERT INTO grid (code, parent, level, name, geom, label) VALUES
    ('150621901', NULL, 'street', '试验街道', ST_Multi(ST_MakeEnvelope(110.00, 40.40, 110.02, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.01, 40.405), 4326)),
    ('150621901001001', '150621901', 'grid', '一网格', ST_Multi(ST_MakeEnvelope(110.00, 40.40, 110.01, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.005, 40.405), 4326)),
    ('150621901001002', '150621901', 'grid', '二网格', ST_Multi(ST_MakeEnvelope(110.01, 40.40, 110.02, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.015, 40.405), 4326));
INSERT INTO department (code, name) VALUES ('D01', '环卫局'), ('D02', '城管局'), ('D03', '安监局');
UPDATE department SET stand_in = CASE code WHEN 'D01' THEN 'D02' ELSE 'D01' END;
INSERT INTO officer (code, name, grid, stand_in, on_duty) VALUES ('W1', '甲', '150621901001001', 'W2', true), ('W2', '乙', '150621901001002', 'W1', true)`

// openRoom is a room on a database of its own with its writer running; the clock stands at the beginning of a working day.
func openRoom(t *testing.T) *Room {
	t.Helper()
	pool := dbtest.Open(t)
	if _, err := pool.Exec(t.Context(), town); err != nil {
		t.Fatal(err)
	}
	places, err := geo.Open(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	classes := must(catalogue.Open(t.Context(), pool, assets.Catalogue(), CheckLimit))
	now := new(clock.Clock)
	now.Set(at("2018-12-24 09:00"))
	writer := live.NewWriter(pool.Config().ConnConfig, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- writer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return must(New(pool, places, now, classes, writer))
}

// people are accounts of every role that may have to do with cases, departments in each of two.
func people(t *testing.T, pool *pgxpool.Pool) (all []access.Identity) {
	t.Helper()
	room := access.New(pool)
	for i, role := range append(slices.Clone(access.Roles), access.Department, access.Officer) {
		a := access.Account{Username: fmt.Sprintf("p%d", i), Name: fmt.Sprintf("某%d", i), Role: role}
		if role == access.Department {
			a.Department = []string{"D01", "D02"}[i%2]
		}
		if role == access.Officer {
			a.Officer = []string{"W1", "W2"}[i%2]
		}
		if err := room.SaveAccount(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		who := access.Identity{Username: a.Username, Name: a.Name, Role: role, Department: a.Department, Officer: a.Officer}
		if err := pool.QueryRow(t.Context(), `SELECT id FROM account WHERE username = $1`, a.Username).Scan(&who.Account); err != nil {
			t.Fatal(err)
		}
		all = append(all, who)
	}
	return all
}

// crowd walks many cases at a time: whoever tries whatever, in every flow.
type crowd struct {
	*Room
	people  []access.Identity
	classes []catalogue.Class
	made    atomic.Int64 // moves
	mu      sync.Mutex   // of what follows, and of setting the clock
	met     []int64      // cases, for merges and to try moves on those of other walks
}

// pass lets a little time go by, and now and then a weekend.
func (w *crowd) pass(random *rand.Rand) {
	w.mu.Lock()
	defer w.mu.Unlock()
	by := time.Duration(random.IntN(5)) * time.Minute
	if random.IntN(500) == 0 {
		by = time.Duration(random.IntN(72)) * time.Hour
	}
	w.clock.Set(w.clock.Now().Add(by))
}

func (w *crowd) remember(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.met = append(w.met[max(0, len(w.met)-60):], id)
}

func (w *crowd) any(random *rand.Rand) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.met[random.IntN(len(w.met))]
}

// submit is Move without its answer: the case as it is after it, nil where it was refused.
func (w *crowd) submit(ctx context.Context, id int64, who access.Identity, act Act) (*Case, error) {
	var pictures []picture
	for _, p := range act.Photos {
		pic := picture{kind: p.Kind, id: fmt.Sprintf("%d-%d-%d", id, who.Account, w.made.Add(1))}
		if _, err := w.pool.Exec(ctx, insertPhoto, pic.id, nil, nil, nil, w.clock.Now(), who.Account, []byte{1}); err != nil {
			return nil, err
		}
		pictures = append(pictures, pic)
	}
	ask := &moving{id: id, who: who, act: act, pictures: pictures}
	_, err := w.writer.Submit(ctx, &w.Room.moves, ask, true)
	var refused *RefusedError
	var wrong *InvalidError
	if errors.As(err, &refused) || errors.As(err, &wrong) {
		return nil, nil
	}
	return ask.c, err
}

func (w *crowd) walk(ctx context.Context, f *Flow, random *rand.Rand) error {
	in := Report{Flow: f.Flow, Title: "随机", Location: &Location{110 + 0.02*random.Float64(), 40.4 + 0.01*random.Float64()}, Priority: Priorities[random.IntN(len(Priorities))]}
	if random.IntN(2) == 0 {
		class := w.classes[random.IntN(len(w.classes))]
		in.Class, in.Condition = class.Code, class.Conditions[random.IntN(len(class.Conditions))].Condition
	}
	c, _, err := w.Report(ctx, w.people[0], in)
	if err != nil {
		return err
	}
	w.remember(c.ID)
	return w.steps(ctx, c, f, 24, random)
}

// steps tries n moves on a case, mostly what is its turn by who may, and some on the parts that it gets.
func (w *crowd) steps(ctx context.Context, c *Case, f *Flow, n int, random *rand.Rand) error {
	for range n {
		w.pass(random)
		var m Move
		for range 30 {
			m = f.Moves[random.IntN(len(f.Moves))]
			if turn := slices.Contains(m.From, c.State); turn && (!f.state[m.To].Final || m.does.merge) || random.IntN(12) == 0 {
				break
			}
		}
		var who access.Identity
		for range 30 {
			who = w.people[random.IntN(len(w.people))]
			if slices.Contains(m.Who, who.Role) && (who.Department == "" || who.Department == cmp.Or(deref(c.Department), who.Department)) || random.IntN(12) == 0 {
				break
			}
		}
		if m.Auto != "" {
			who = System
		}
		rating, until := random.IntN(4), w.clock.Now().Add(time.Duration(1+random.IntN(500))*time.Hour)
		act := Act{Move: m.Move, Note: "随机", Department: []string{"D01", "D02", "D77"}[random.IntN(10)%3], Departments: []string{"D01", "D02"}, Rating: &rating, Until: &until, Case: w.any(random)}
		for _, field := range m.Needs.Fields {
			if act.Fields == nil {
				act.Fields = map[string]int64{}
			}
			act.Fields[field] = random.Int64N(1000)
		}
		if m.Needs.Photo != nil {
			act.Photos = []NewPhoto{{Kind: *m.Needs.Photo}}
		}
		id, other := c.ID, random.IntN(12) == 0 // a hand in another's case
		if other {
			id = w.any(random)
		}
		after, err := w.submit(ctx, id, who, act)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", m.Move, f.Flow, err)
		}
		if after == nil || after.ID != c.ID {
			continue
		}
		c = after
		if m.does.opens+m.does.sends == "" {
			continue
		}
		rows, err := w.pool.Query(ctx, `SELECT`+columns+from+` WHERE c.parent = $1 AND c.open`, c.ID)
		if err != nil {
			return err
		}
		parts, err := pgx.CollectRows(rows, scan)
		for _, part := range parts {
			err = cmp.Or(err, w.steps(ctx, part, w.flowOf(part), 8, random))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// muddle merges cases into each other at random, many at a time.
func (w *crowd) muddle(ctx context.Context, n int, random *rand.Rand) error {
	ids := make([]int64, n)
	for i := range ids {
		c, _, err := w.Report(ctx, w.people[0], Report{Flow: "incident", Title: "又一次", Location: &Location{110.01, 40.405}})
		if err != nil {
			return err
		}
		ids[i] = c.ID
	}
	errs := make(chan error, 2*n)
	for range cap(errs) {
		id, into := ids[random.IntN(n)], ids[random.IntN(n)]
		go func() {
			_, err := w.submit(ctx, id, w.people[0], Act{Move: "merge", Case: into})
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// record is one case as the log, or the tables, have it: every row of it.
type record struct {
	File    Case
	Moves   []moveRow
	Clocks  []clockRow
	Photos  []photoRow
	Answers []answerRow
}

type (
	moveRow struct {
		N          int
		Move       string
		From       *string
		To         string
		At         time.Time
		By, Role   string
		Note       *string
		Department *string
		Rating     *int
	}
	clockRow struct {
		Stage             string
		N                 int
		Unit              Unit
		LimitS            int
		Started, Warn     time.Time
		Due               time.Time
		Ended             *time.Time
		EndedBy           *int
		UsedS, LateS      *int
		Paused            *time.Time
		PausedS, Extended int
	}
	photoRow struct {
		ID   string
		N    int
		Kind string
		At   time.Time
	}
	answerRow struct {
		ToldBy int64
		N      int
		At     time.Time
		ZH, EN string
	}
)

// fold adds an event to what the log has said before.
func fold(all map[int64]*record, kind string, data []byte) error {
	var told struct {
		Case Case
		Move *madeNow
	}
	if err := json.Unmarshal(data, &told); err != nil {
		return err
	}
	c, m := told.Case, told.Move
	c.open = c.ClosedAt == nil
	if c.Light != "" {
		c.frozen = &c.Light
	}
	r := all[c.ID]
	switch {
	case (r == nil) != (kind == "case.reported"), (m == nil) != (kind == "case.merged" || kind == "case.followed"):
		return fmt.Errorf("%s of case %d out of turn", kind, c.ID)
	case r == nil:
		r = &record{}
		all[c.ID] = r
	case kind == "case.moved" && *m.From != r.File.State, m == nil && c.State != r.File.State:
		return fmt.Errorf("%s of case %d: it was in %s", kind, c.ID, r.File.State)
	}
	if c.Version != r.File.Version+1 {
		return fmt.Errorf("%s of case %d: version %d after %d", kind, c.ID, c.Version, r.File.Version)
	}
	r.File = c
	if m == nil {
		return nil
	}
	n := len(r.Moves) + 1
	r.Moves = append(r.Moves, moveRow{n, m.Move, m.From, m.To, m.At, m.By.Name, string(m.By.Role), m.Note, m.Department, m.Rating})
	stage := func(name string) (last *clockRow, count int) {
		for i := range r.Clocks {
			if r.Clocks[i].Stage == name {
				last, count = &r.Clocks[i], count+1
			}
		}
		return last, count
	}
	for _, k := range m.Stopped {
		row, _ := stage(k.Stage)
		if row == nil || row.Ended != nil {
			return fmt.Errorf("case %d: clock %s stopped that did not run", c.ID, k.Stage)
		}
		row.Warn, row.Due, row.LimitS, row.Paused, row.PausedS, row.Extended = k.WarnAt, k.DueAt, k.LimitS, nil, k.PausedS, k.Extended
		row.Ended, row.EndedBy, row.UsedS, row.LateS = &k.EndedAt, &n, &k.UsedS, &k.LateS
	}
	for _, k := range c.Clocks {
		row, count := stage(k.Stage)
		if row == nil || row.Ended != nil {
			r.Clocks = append(r.Clocks, clockRow{Stage: k.Stage, N: count + 1, Unit: k.Unit, Started: k.StartedAt})
			row = &r.Clocks[len(r.Clocks)-1]
		}
		row.Warn, row.Due, row.LimitS, row.Paused, row.PausedS, row.Extended = k.WarnAt, k.DueAt, k.LimitS, k.PausedAt, k.PausedS, k.Extended
	}
	for _, p := range c.Photos[len(r.Photos):] {
		r.Photos = append(r.Photos, photoRow{p.ID, n, p.Kind, p.At})
	}
	if m.Reply != nil {
		for id, other := range all {
			if id == c.ID || other.File.MergedInto != nil && *other.File.MergedInto == c.ID {
				other.Answers = append(other.Answers, answerRow{c.ID, n, m.At, m.Reply.ZH, m.Reply.EN})
			}
		}
	}
	return nil
}

const (
	storedCases   = `SELECT` + columns + from + ` WHERE c.id > $1 ORDER BY c.id`
	storedMoves   = `SELECT m.case_id, m.n, m.move, m.from_state, m.to_state, m.at, COALESCE(a.name, '系统'), m.role, m.note, m.department, m.rating FROM case_move AS m LEFT JOIN account AS a ON a.id = m.account WHERE m.case_id > $1 ORDER BY m.case_id, m.n`
	storedClocks  = `SELECT case_id, stage, n, unit, limit_s, started_at, warn_at, due_at, ended_at, ended_by, used_s, late_s, paused_at, paused_s, extended FROM case_clock WHERE case_id > $1`
	storedPhotos  = `SELECT case_id, id, n, kind, at FROM photo WHERE case_id > $1 ORDER BY case_id, n, at, id`
	storedAnswers = `SELECT case_id, told_by, n, at, zh, en FROM case_answer WHERE case_id > $1`
)

// stored are the rows of the tables.
func (w *crowd) stored(t *testing.T) map[int64]*record {
	t.Helper()
	all := map[int64]*record{}
	rows, err := w.pool.Query(t.Context(), storedCases, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range must(pgx.CollectRows(rows, scan)) {
		w.name(c)
		all[c.ID] = &record{File: *c}
	}
	eachOf(t, w.pool, storedMoves, func(id int64, m moveRow) { all[id].Moves = append(all[id].Moves, m) })
	eachOf(t, w.pool, storedClocks, func(id int64, k clockRow) { all[id].Clocks = append(all[id].Clocks, k) })
	eachOf(t, w.pool, storedPhotos, func(id int64, p photoRow) { all[id].Photos = append(all[id].Photos, p) })
	eachOf(t, w.pool, storedAnswers, func(id int64, a answerRow) { all[id].Answers = append(all[id].Answers, a) })
	return all
}

// fieldsOf are the addresses of a struct's fields.
func fieldsOf(row any) (into []any) {
	v := reflect.ValueOf(row).Elem()
	for i := range v.NumField() {
		into = append(into, v.Field(i).Addr().Interface())
	}
	return into
}

// eachOf reads rows of a case's id and a struct.
func eachOf[T any](t *testing.T, pool *pgxpool.Pool, sql string, take func(int64, T)) {
	t.Helper()
	rows, err := pool.Query(t.Context(), sql, 0)
	if err != nil {
		t.Fatal(err)
	}
	type keyedRow struct {
		ID  int64
		Row T
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k keyedRow, err error) {
		err = row.Scan(append([]any{&k.ID}, fieldsOf(&k.Row)...)...)
		return k, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		take(k.ID, k.Row)
	}
}

// Whatever many try at once on whatever flow, merges and sub-cases among it: what the log says of a case, from its first
// event to its last, is every row that the tables have of it.
func TestTheRowsRebuiltFromTheLogAreTheStoredOnes(t *testing.T) {
	r := openRoom(t)
	w := &crowd{Room: r, people: people(t, r.pool), classes: r.catalogue.Listed()}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	flows := r.Flows()
	var next atomic.Int64
	var group sync.WaitGroup
	started := time.Now()
	for lane := range 32 {
		random := rand.New(rand.NewPCG(seed, uint64(lane)))
		group.Go(func() {
			for i := next.Add(1); i <= int64(*walks); i = next.Add(1) {
				f := flows[int(i/2)%len(flows)]
				if i%2 == 0 { // the one with the most rules
					f = r.flows.Load().newest["incident"]
				}
				if err := w.walk(t.Context(), f, random); err != nil {
					t.Errorf("walk %d: %v", i, err)
					return
				}
				if i%50 == 0 { // who comes on duty and who goes
					if _, err := r.pool.Exec(t.Context(), []string{
						`UPDATE department SET on_duty = NOT on_duty WHERE code = 'D01'`, `UPDATE officer SET on_duty = NOT on_duty WHERE code = 'W1'`}[i/50%2]); err != nil {
						t.Error(err)
						return
					}
				}
				if i%100 == 0 {
					if err := r.makeDue(t.Context()); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	if err := w.muddle(t.Context(), 100, rand.New(rand.NewPCG(seed, 1000))); err != nil {
		t.Fatal(err)
	}

	logged := map[int64]*record{}
	rows, err := r.pool.Query(t.Context(), `SELECT type, data::text FROM event WHERE type LIKE 'case.%' ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	var kind, data string
	if _, err := pgx.ForEachRow(rows, []any{&kind, &data}, func() error {
		counts[kind]++
		return fold(logged, kind, []byte(data))
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d walks in %s: %v", *walks, time.Since(started).Round(time.Second), counts)
	if counts["case.merged"] == 0 || counts["case.moved"] < 3**walks {
		t.Errorf("the walks have not come far: %v", counts)
	}
	stored := w.stored(t)
	options := gocmp.Options{gocmp.AllowUnexported(Case{})}
	differing, resumed, extended, sent, stoodIn := 0, 0, 0, 0, 0
	for id := range stored {
		for _, k := range stored[id].Clocks {
			if k.PausedS > 0 {
				resumed++
			}
			if k.Extended > 0 {
				extended++
			}
		}
		if stored[id].File.Officer != nil {
			sent++
		}
		for _, m := range stored[id].Moves {
			if m.Move == "stand_in" {
				stoodIn++
			}
		}
		if logged[id] == nil {
			t.Fatalf("the log does not know case %d", id)
		}
		if into := stored[id].File.MergedInto; into != nil && stored[*into].File.MergedInto != nil {
			t.Errorf("case %d is merged into %d, which is merged itself: nobody answers", id, *into)
		}
		for _, of := range []*record{logged[id], stored[id]} {
			if len(of.File.Fields) == 0 {
				of.File.Fields = nil
			}
			of.File.Light, of.File.Photos, of.File.Clocks = "", nil, nil // they are rows of their own; the light is in frozen
			slices.SortFunc(of.Clocks, func(a, b clockRow) int {
				return cmp.Or(cmp.Compare(a.Stage, b.Stage), a.N-b.N)
			})
			slices.SortFunc(of.Answers, func(a, b answerRow) int { return cmp.Or(cmp.Compare(a.ToldBy, b.ToldBy), a.N-b.N) })
			slices.SortFunc(of.Photos, func(a, b photoRow) int { return cmp.Compare(a.ID, b.ID) })
		}
		if diff := gocmp.Diff(stored[id], logged[id], options); diff != "" {
			if differing++; differing <= 3 {
				t.Errorf("case %d, flow %s (seed %d), stored − logged +:\n%s", id, stored[id].File.Flow, seed, diff)
			}
		}
	}
	t.Logf("%d clocks went on after a pause, %d were extended; %d tasks of officers, %d times one stood in", resumed, extended, sent, stoodIn)
	if sent == 0 || stoodIn == 0 {
		t.Errorf("%d tasks of officers, %d times one stood in: the walks have not met them", sent, stoodIn)
	}
	if *walks >= 10_000 && (resumed == 0 || extended == 0) {
		t.Errorf("%d clocks went on after a pause, %d were extended: the walks have not come far", resumed, extended)
	}
	if differing > 0 || len(stored) != len(logged) {
		t.Errorf("%d of %d cases differ, the log knows %d", differing, len(stored), len(logged))
	}
}
