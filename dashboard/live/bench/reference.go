package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// reference takes reports as the product does (the same tables and rows, an event with the whole case, a token looked up
// every 5 s, an idempotency key), with a transaction of two round trips each. It differs in how an event gets its number; it hashes nothing, and checks less of the
// report than the product: what is compared is the way into the log.
type reference struct {
	pool   *pgxpool.Pool
	number func(b *pgx.Batch, c *reported)

	mu    sync.Mutex
	known map[string]identity
}

type identity struct {
	account int
	until   time.Time
}

// reported is a case on its way into the tables.
type reported struct {
	id      int64
	account int
	key     string
	sum     [32]byte
	grid    string
	data    []byte
	seq     int64
	at      time.Time
}

// serveCounter numbers events by a counter row, locked until the commit: no gaps, no late numbers, one writer at a time.
func serveCounter(ctx context.Context, args []string) error {
	return serveReference(ctx, args, func(b *pgx.Batch, c *reported) {
		b.Queue(`
WITH h AS (UPDATE event_head SET seq = seq + 1 RETURNING seq),
     e AS (INSERT INTO event (seq, type, at, grid, data, hash) SELECT seq, 'case.reported', $1, $2, $3, $4 FROM h RETURNING seq),
     k AS (INSERT INTO idempotency (account, key, sum, case_id, seq, at) SELECT $5, $6, $7, $8, seq, $1 FROM e)
SELECT seq FROM e`, c.at, c.grid, c.data, make([]byte, 32), c.account, c.key, c.sum[:], c.id).QueryRow(func(row pgx.Row) error { return row.Scan(&c.seq) })
	})
}

// serveNotify numbers events by a sequence and notifies in each transaction: what commits late is lost to readers.
func serveNotify(ctx context.Context, args []string) error {
	return serveReference(ctx, args, func(b *pgx.Batch, c *reported) {
		b.Queue(`
WITH e AS (INSERT INTO event (seq, type, at, grid, data, hash) VALUES (nextval('bench_seq'), 'case.reported', $1, $2, $3, $4) RETURNING seq),
     k AS (INSERT INTO idempotency (account, key, sum, case_id, seq, at) SELECT $5, $6, $7, $8, seq, $1 FROM e)
SELECT seq, pg_notify('bench', seq::text)::text FROM e`, c.at, c.grid, c.data, make([]byte, 32), c.account, c.key, c.sum[:], c.id).QueryRow(func(row pgx.Row) error { return row.Scan(&c.seq, nil) })
	})
}

func serveReference(ctx context.Context, args []string, number func(b *pgx.Batch, c *reported)) error {
	flags := flag.NewFlagSet("reference", flag.ContinueOnError)
	addr := flags.String("addr", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	config.MaxConns = 64
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `CREATE SEQUENCE IF NOT EXISTS bench_seq START 1000000000`); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, `SELECT event_month(now())`); err != nil {
		return err
	}
	r := &reference{pool: pool, number: number, known: map[string]identity{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/cases", func(w http.ResponseWriter, req *http.Request) {
		c, number, err := r.report(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		text, _ := json.Marshal(map[string]any{"id": c.id, "number": number, "state": "reported", "grid": c.grid, "seq": c.seq})
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		w.Write(text)
	})
	return listen(ctx, *addr, mux)
}

func (r *reference) who(req *http.Request) (int, error) {
	token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	r.mu.Lock()
	known, ok := r.known[token]
	r.mu.Unlock()
	if ok && time.Now().Before(known.until) {
		return known.account, nil
	}
	sum := sha256.Sum256([]byte(token))
	var account int
	if err := r.pool.QueryRow(req.Context(), `SELECT account FROM token WHERE hash = $1`, sum[:]).Scan(&account); err != nil {
		return 0, err
	}
	r.mu.Lock()
	r.known[token] = identity{account, time.Now().Add(5 * time.Second)}
	r.mu.Unlock()
	return account, nil
}

func (r *reference) report(req *http.Request) (*reported, string, error) {
	ctx := req.Context()
	account, err := r.who(req)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		return nil, "", err
	}
	var in struct {
		Title, Description, Priority string
		Location                     struct{ Lon, Lat float64 }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, "", err
	}
	c := &reported{account: account, key: req.Header.Get("Idempotency-Key"), sum: sha256.Sum256(body), at: time.Now().UTC()}
	c.grid = fmt.Sprintf("15%04d001001", int((in.Location.Lon-west)/0.01)+1)
	prefix := c.grid[:6] + c.at.Format("20060102")
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return nil, "", err
	}
	defer conn.Release()
	number, err := r.store(ctx, conn.Conn(), c, prefix, in.Priority, in.Title, in.Description, in.Location.Lon, in.Location.Lat)
	if err != nil {
		conn.Exec(ctx, "ROLLBACK")
	}
	return c, number, err
}

const firstInsert = `
WITH s AS (INSERT INTO case_serial (prefix, last) VALUES ($1, 1) ON CONFLICT (prefix) DO UPDATE SET last = case_serial.last + 1 RETURNING $1::text || lpad(last::text, 5, '0') AS number)
INSERT INTO case_file (number, flow, flow_edition, state, priority, title, description, geom, grid, grid_version, reported_at, updated_at)
SELECT number, 'incident', 1, 'reported', $2, $3, $4, ST_SetSRID(ST_MakePoint($5, $6), 4326), $7, (SELECT COALESCE(max(number), 0) FROM grid_version), $8, $8 FROM s
RETURNING id, number`

// store takes two round trips, as ours does: the case; the rest and the commit.
func (r *reference) store(ctx context.Context, conn *pgx.Conn, c *reported, prefix, priority, title, description string, lon, lat float64) (number string, err error) {
	var first pgx.Batch
	first.Queue("BEGIN")
	first.Queue(firstInsert, prefix, priority, title, description, lon, lat, c.grid, c.at).QueryRow(func(row pgx.Row) error { return row.Scan(&c.id, &number) })
	if err := conn.SendBatch(ctx, &first).Close(); err != nil {
		return "", err
	}
	clock := func(stage string) map[string]any {
		return map[string]any{"stage": stage, "unit": "natural", "limit_s": 86400, "started_at": c.at, "warn_at": c.at, "due_at": c.at}
	}
	file := map[string]any{"id": c.id, "number": number, "flow": "incident", "flow_edition": 1, "state": "reported", "priority": priority, "class": nil, "class_edition": nil,
		"class_name": nil, "condition": nil, "title": title, "description": description, "address": "", "location": map[string]float64{"lon": lon, "lat": lat},
		"grid": c.grid, "grid_name": c.grid, "department": nil, "department_name": nil, "camera": nil, "reported_at": c.at, "updated_at": c.at, "closed_at": nil, "rating": nil,
		"returns": 0, "photos": []any{}, "clocks": []any{clock("verify"), clock("total")}, "version": 1}
	move := map[string]any{"move": "report", "from": nil, "to": "reported", "by": map[string]any{"name": "bench", "role": "admin"}, "at": c.at, "note": nil}
	if c.data, err = json.Marshal(map[string]any{"case": file, "move": move}); err != nil {
		return "", err
	}
	var rest pgx.Batch
	rest.Queue(`INSERT INTO case_move (case_id, n, move, to_state, at, account, role) VALUES ($1, 1, 'report', 'reported', $2, $3, 'admin')`, c.id, c.at, c.account)
	rest.Queue(`INSERT INTO case_clock (case_id, stage, n, unit, limit_s, started_at, warn_at, due_at) SELECT $1, stage, 1, 'natural', 86400, $2, $2, $2 FROM unnest(ARRAY['verify', 'total']) AS stage`, c.id, c.at)
	r.number(&rest, c)
	rest.Queue("COMMIT")
	return number, conn.SendBatch(ctx, &rest).Close()
}
