// Package roster knows the departments that cases go to and the officers of the grids.
package roster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Department is an office 职能部门.
type Department struct {
	Code    string  `json:"code"`
	Name    string  `json:"name"`
	OnDuty  bool    `json:"on_duty"`
	StandIn *string `json:"stand_in"` // the code of the one that has its cases while it is off duty
}

// Officer is a grid officer as the grid's card shows him: the phone is masked.
type Officer struct {
	Name    string `json:"name"`
	Post    string `json:"post"`
	Phone   string `json:"phone_masked"`
	OnDuty  bool   `json:"on_duty"`
	StandIn string `json:"stand_in"`
}

// Room reads the roster of a database.
type Room struct{ pool *pgxpool.Pool }

// New is the room on a migrated database.
func New(pool *pgxpool.Pool) *Room { return &Room{pool} }

// Departments are all, by code.
func (r *Room) Departments(ctx context.Context) ([]Department, error) {
	rows, err := r.pool.Query(ctx, `SELECT code, name, on_duty, stand_in FROM department ORDER BY code`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Department])
}

const officersOf = `
SELECT o.name, o.post, o.phone, o.on_duty, COALESCE(s.name, '')
FROM officer AS o LEFT JOIN officer AS s ON s.code = o.stand_in
WHERE o.grid = $1
ORDER BY o.code`

// Officers are those of one grid.
func (r *Room) Officers(ctx context.Context, grid string) ([]Officer, error) {
	rows, err := r.pool.Query(ctx, officersOf, grid)
	if err != nil {
		return nil, err
	}
	officers, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Officer])
	for i := range officers {
		officers[i].Phone = Mask(officers[i].Phone)
	}
	return officers, err
}

// Duty counts the officers and those on duty.
func (r *Room) Duty(ctx context.Context) (total, onDuty int, err error) {
	err = r.pool.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE on_duty) FROM officer`).Scan(&total, &onDuty)
	return total, onDuty, err
}

// Duty is what an officer on duty is there for, and where. It names nobody: a wall shows it.
type Duty struct {
	Post     string  `json:"post"`
	Grid     *string `json:"grid"` // its code; nil: of no grid
	GridName *string `json:"grid_name"`
}

const onDuty = `
SELECT o.post, g.code, g.name
FROM officer AS o LEFT JOIN grid AS g ON g.code = o.grid
WHERE o.on_duty
ORDER BY o.grid, o.code`

// OnDuty are the officers that Duty counts as on duty, by grid.
func (r *Room) OnDuty(ctx context.Context) ([]Duty, error) {
	rows, err := r.pool.Query(ctx, onDuty)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Duty])
}

// ErrNotFound says that there is no such officer or department.
var ErrNotFound = errors.New("roster: not found")

// SetDuty says whether an officer, or a department, is on duty. What lies with one who is off goes to who stands in.
func (r *Room) SetDuty(ctx context.Context, officer, department string, on bool) error {
	sql, code := `UPDATE officer SET on_duty = $2 WHERE code = $1`, officer
	if department != "" {
		sql, code = `UPDATE department SET on_duty = $2 WHERE code = $1`, department
	}
	done, err := r.pool.Exec(ctx, sql, code, on)
	if err == nil && done.RowsAffected() == 0 {
		err = ErrNotFound
	}
	return err
}

// Mask keeps the first three and the last four digits of a phone number: 138****1234.
func Mask(phone string) string {
	if len(phone) < 8 {
		return strings.Repeat("*", len(phone))
	}
	return phone[:3] + strings.Repeat("*", len(phone)-7) + phone[len(phone)-4:]
}

// ImportDepartments writes a CSV of code,name, or of code,name,stand_in,on_duty. It returns how many rows; an error names the
// line, and nothing is written.
func ImportDepartments(ctx context.Context, tx pgx.Tx, file io.Reader) (int, error) {
	const upsert = `INSERT INTO department (code, name) VALUES ($1, $2) ON CONFLICT (code) DO UPDATE SET name = EXCLUDED.name`
	const upsertDuty = `
INSERT INTO department (code, name, stand_in, on_duty) VALUES ($1, $2, NULLIF($3, ''), $4::text::boolean)
ON CONFLICT (code) DO UPDATE SET name = EXCLUDED.name, stand_in = EXCLUDED.stand_in, on_duty = EXCLUDED.on_duty`
	text := bufio.NewReader(file)
	if head, _ := text.Peek(100); bytes.Contains(bytes.SplitN(head, []byte("\n"), 2)[0], []byte("stand_in")) {
		return importCSV(ctx, tx, text, []string{"code", "name", "stand_in", "on_duty"}, upsertDuty)
	}
	return importCSV(ctx, tx, text, []string{"code", "name"}, upsert)
}

// ImportOfficers writes a CSV of code,name,post,phone,grid,stand_in,on_duty.
func ImportOfficers(ctx context.Context, tx pgx.Tx, file io.Reader) (int, error) {
	const upsert = `
INSERT INTO officer (code, name, post, phone, grid, stand_in, on_duty)
VALUES ($1, $2, $3, $4, NULLIF($5, ''), NULLIF($6, ''), $7::text::boolean)
ON CONFLICT (code) DO UPDATE
SET name = EXCLUDED.name, post = EXCLUDED.post, phone = EXCLUDED.phone, grid = EXCLUDED.grid, stand_in = EXCLUDED.stand_in, on_duty = EXCLUDED.on_duty`
	return importCSV(ctx, tx, file, []string{"code", "name", "post", "phone", "grid", "stand_in", "on_duty"}, upsert)
}

func importCSV(ctx context.Context, tx pgx.Tx, file io.Reader, header []string, upsert string) (int, error) {
	in := csv.NewReader(file)
	in.FieldsPerRecord = len(header)
	first, err := in.Read()
	if err != nil {
		return 0, fmt.Errorf("line 1: %w", err)
	}
	if strings.TrimPrefix(strings.Join(first, ","), "\ufeff") != strings.Join(header, ",") {
		return 0, fmt.Errorf("line 1: the columns must be %s", strings.Join(header, ","))
	}
	for n := 0; ; n++ {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err // it names the line
		}
		args := make([]any, len(row))
		for i, v := range row {
			args[i] = strings.TrimSpace(v)
		}
		if _, err := tx.Exec(ctx, upsert, args...); err != nil {
			line, _ := in.FieldPos(0)
			return 0, fmt.Errorf("line %d: %w", line, err)
		}
	}
}
