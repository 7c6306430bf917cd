package alarms

import (
	"log/slog"
	"testing"
	"time"

	"gridwall/dashboard/clock"
	"gridwall/migrations/dbtest"
)

// BenchmarkLook is one look, as each node does once a second: 20,000 open cases, 2,000 of them of the last ten minutes and of
// one class, 5,000 cameras with 50 dark ones, 500 alarms that stand.
func BenchmarkLook(b *testing.B) {
	pool := dbtest.Open(b)
	for _, sql := range []string{places, `
INSERT INTO case_file (number, flow, flow_edition, state, priority, class, class_edition, title, geom, grid, reported_at, updated_at)
SELECT lpad(i::text, 19, '0'), 'incident', 1, 'reported', CASE WHEN i % 20 = 0 THEN 'critical' ELSE 'normal' END, '0201', 'x', '案卷',
    ST_SetSRID(ST_MakePoint(110.0 + random() * 0.02, 40.40 + random() * 0.01), 4326), '15062190100100' || (1 + i % 2),
    CASE WHEN i <= 2000 THEN '2026-11-24T05:55:00Z'::timestamptz ELSE '2026-11-23T06:00:00Z' END, now()
FROM generate_series(1, 20000) AS i`, `
INSERT INTO case_clock (case_id, stage, n, unit, limit_s, started_at, warn_at, due_at)
SELECT id, 'total', 1, 'natural', 86400, reported_at, reported_at, '2026-12-24' FROM case_file`, `
INSERT INTO camera (id, name, geom, switch, state, since)
SELECT 'C' || i, '点位' || i, ST_SetSRID(ST_MakePoint(110.003, 40.405), 4326), 'SW-' || i % 200, CASE WHEN i % 100 = 0 THEN 'offline' ELSE 'online' END, now() - i * interval '1 hour'
FROM generate_series(1, 5000) AS i`, `
INSERT INTO alarm (key, rule, priority, tone, source, title_zh, title_en, state, active, first_at, raised_at, flapped_at, changed_at, told_at)
SELECT 'k' || i, 'sensor', 'low', 'low', 'sensor', '水', 'water', 'acknowledged', true, now(), now(), now(), now(), now() FROM generate_series(1, 500) AS i`, `ANALYZE`} {
		if _, err := pool.Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
	at := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	r, err := New(Config{Pool: pool, Clock: new(clock.Clock), Places: cellsOf(b, pool), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		at = at.Add(time.Second)
		if err := r.look(b.Context(), at); err != nil {
			b.Fatal(err)
		}
	}
}
