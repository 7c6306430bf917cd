package cases

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"gridwall/dashboard/live"
)

// reportRows are the rows of a batch of reports, by columns.
type reportRows struct {
	ids                                                                        []int64
	numbers, flows, states, priorities, titles, descriptions, addresses, lines []string
	editions                                                                   []int
	classes, classEditions, conditions, grids, cameras, reporters              []*string
	lons, lats                                                                 []float64
	at                                                                         time.Time

	moves, roles []string
	accounts     []int

	clocks struct {
		ids                      []int64
		stages, units            []string
		limits                   []int
		startedAt, warnAt, dueAt []time.Time
	}
	keys struct {
		accounts  []int
		keys      []string
		sums      [][]byte
		ids, seqs []int64
	}
}

func (r *reportRows) add(c *Case, in *reporting, seq int64, now time.Time) {
	r.at = now
	r.ids, r.numbers, r.flows, r.states = append(r.ids, c.ID), append(r.numbers, c.Number), append(r.flows, c.Flow), append(r.states, c.State)
	r.priorities, r.titles = append(r.priorities, string(c.Priority)), append(r.titles, c.Title)
	r.descriptions, r.addresses, r.editions = append(r.descriptions, c.Description), append(r.addresses, c.Address), append(r.editions, c.FlowEdition)
	r.classes, r.classEditions, r.conditions = append(r.classes, c.Class), append(r.classEditions, c.ClassEdition), append(r.conditions, c.Condition)
	r.grids, r.cameras = append(r.grids, c.Grid), append(r.cameras, c.Camera)
	r.lines = append(r.lines, "{"+strings.Join(c.Lines, ",")+"}")
	var person *string
	if in.in.Reporter != nil {
		text, _ := json.Marshal(in.in.Reporter) // two strings
		words := string(text)
		person = &words
	}
	r.reporters = append(r.reporters, person)
	r.lons, r.lats = append(r.lons, c.Location.Lon), append(r.lats, c.Location.Lat)
	r.moves, r.roles, r.accounts = append(r.moves, in.flow.Start.Move), append(r.roles, string(in.who.Role)), append(r.accounts, in.who.Account)
	if in.in.Key != "" {
		k := &r.keys
		k.accounts, k.keys, k.sums = append(k.accounts, in.who.Account), append(k.keys, in.in.Key), append(k.sums, in.in.Sum[:])
		k.ids, k.seqs = append(k.ids, c.ID), append(k.seqs, seq)
	}
}

func (r *reportRows) clock(c *Case, k Clock) {
	t := &r.clocks
	t.ids, t.stages, t.units = append(t.ids, c.ID), append(t.stages, k.Stage), append(t.units, string(k.Unit))
	t.limits = append(t.limits, k.LimitS)
	t.startedAt, t.warnAt, t.dueAt = append(t.startedAt, k.StartedAt), append(t.warnAt, k.WarnAt), append(t.dueAt, k.DueAt)
}

// storeReports fills five tables by one statement: a report that comes alone would pay for each. The version of the grids is
// asked once for all of them: the column's default, a function, is planned anew for each, a sixth of the whole.
const storeReports = `
WITH cases AS (
    INSERT INTO case_file (id, number, flow, flow_edition, state, priority, class, class_edition, condition, title, description, address, geom, grid, grid_version, camera, reporter, lines, reported_at, updated_at)
    OVERRIDING SYSTEM VALUE
    SELECT id, number, flow, edition, state, priority, class, class_edition, condition, title, description, address, ST_SetSRID(ST_MakePoint(lon, lat), 4326), grid, (SELECT COALESCE(max(number), 0) FROM grid_version), camera, reporter::jsonb, lines::text[], $1, $1
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
        $14::float8[], $15::float8[], $16::text[], $17::text[], $18::text[], $37::text[])
        AS c (id, number, flow, edition, state, priority, class, class_edition, condition, title, description, address, lon, lat, grid, camera, reporter, lines)),
moves AS (
    INSERT INTO case_move (case_id, n, move, to_state, at, account, role)
    SELECT id, 1, move, state, $1, account, role
    FROM unnest($2::bigint[], $19::text[], $6::text[], $20::int[], $21::text[]) AS m (id, move, state, account, role)),
clocks AS (
    INSERT INTO case_clock (case_id, stage, n, unit, limit_s, started_at, warn_at, due_at)
    SELECT id, stage, 1, unit, limit_s, started_at, warn_at, due_at
    FROM unnest($22::bigint[], $23::text[], $24::text[], $25::int[], $26::timestamptz[], $27::timestamptz[], $28::timestamptz[])
        AS k (id, stage, unit, limit_s, started_at, warn_at, due_at)),
keys AS (
    INSERT INTO idempotency (account, key, sum, case_id, seq, at)
    SELECT account, key, sum, id, seq, $1
    FROM unnest($29::int[], $30::text[], $31::bytea[], $32::bigint[], $33::bigint[]) AS k (account, key, sum, id, seq))
INSERT INTO case_serial (prefix, last) SELECT * FROM unnest($34::text[], $35::int[]) AS s (prefix, last)
ON CONFLICT (prefix) DO UPDATE SET last = EXCLUDED.last
RETURNING setval('case_file_id_seq', GREATEST($36, (SELECT last_value FROM case_file_id_seq)))` // ids that were guessed are taken

// queue stores the rows, and the last serial number of each prefix.
func (r *reportRows) queue(b *live.Batch, serials map[string]int) {
	t, k := r.clocks, r.keys
	n := len(r.ids)
	b.Queue(live.Few(storeReports, n, n, len(t.ids), len(k.ids), len(serials)), r.at, r.ids, r.numbers, r.flows, r.editions, r.states, r.priorities, r.classes, r.classEditions, r.conditions, r.titles, r.descriptions, r.addresses,
		r.lons, r.lats, r.grids, r.cameras, r.reporters,
		r.moves, r.accounts, r.roles,
		t.ids, t.stages, t.units, t.limits, t.startedAt, t.warnAt, t.dueAt,
		k.accounts, k.keys, k.sums, k.ids, k.seqs,
		mapKeys(serials), mapValues(serials), slices.Max(r.ids), r.lines)
}

func mapKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }

func mapValues(m map[string]int) []int {
	values := make([]int, 0, len(m))
	for _, k := range mapKeys(m) {
		values = append(values, m[k])
	}
	return values
}
