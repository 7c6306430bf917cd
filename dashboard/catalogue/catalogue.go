// Package catalogue is the list of parts 部件 and matters 事项 that a case can be about, in its editions: classes, the
// conditions of each with the time that it is given, the bridge from one edition to another, and which department answers
// for a class in which grid.
//
// The life of the list: a first start puts the shipped edition into the database; after that the site's workbook changes it,
// all rows or none, and every node hears catalogue.changed and reads it anew. What a case needs is asked of memory.
//
// The shipped edition has the 153 parts and 250 matters of GB/T 47678.5-2026, from a secondary source (no conformance is
// claimed), and the local items of the demo, counted downward from 999 and tagged (自定义). The conditions are the product's own.
package catalogue

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/live"
)

// Edition is that of new cases; it is stored with each beside the code.
const Edition = "gbt47678.5-2026"

// Text is said in both languages; en may be empty in what a site brings.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Major is a main class 大类.
type Major struct {
	Code string `json:"code"`
	Name Text   `json:"name"`
}

// Condition is what is wrong with a thing of the class 立案条件; it carries the limit of handling.
type Condition struct {
	Condition string `json:"condition"`
	Name      Text   `json:"name"`
	Limit     string `json:"limit"` // "2 emergency hours", as in flows
}

// Class is one item of an edition.
type Class struct {
	Code       string      `json:"code"` // major 2, minor 3; minor 2 in the older editions
	Kind       string      `json:"kind"` // part or matter
	Major      Major       `json:"major"`
	Name       Text        `json:"name"`
	Part       string      `json:"part,omitempty"` // the kind of part that it is about
	Priority   string      `json:"priority"`       // what a case of this class has unless its report says otherwise
	Listed     bool        `json:"listed"`         // on the centre's list of responsibilities
	Conditions []Condition `json:"conditions"`
}

// list is everything at one moment. It does not change.
type list struct {
	editions map[string][]Class // by code
	duties   map[duty]string    // department
	bridge   map[crossing]string
}

type duty struct{ edition, class, grid string }

type crossing struct{ from, code, to string }

// Room keeps the list in memory.
type Room struct {
	pool    *pgxpool.Pool
	shipped fs.FS
	limit   func(string) error // says what is wrong with a limit
	now     atomic.Pointer[list]
}

// Open reads the catalogue; a database without the shipped edition gets it from the files <edition>.csv and conditions.csv.
func Open(ctx context.Context, pool *pgxpool.Pool, shipped fs.FS, limit func(string) error) (*Room, error) {
	r := &Room{pool: pool, shipped: shipped, limit: limit}
	var there bool
	if err := pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM catalogue_class WHERE edition = $1)`, Edition).Scan(&there); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if !there {
		if err := r.seed(ctx); err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
	}
	return r, r.load(ctx)
}

const (
	saveClass = `
INSERT INTO catalogue_class (edition, code, kind, major, major_zh, major_en, zh, en, priority, listed, part)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (edition, code) DO UPDATE SET kind = EXCLUDED.kind, major = EXCLUDED.major, major_zh = EXCLUDED.major_zh, major_en = EXCLUDED.major_en, zh = EXCLUDED.zh,
    en = EXCLUDED.en, priority = EXCLUDED.priority, listed = EXCLUDED.listed, part = EXCLUDED.part`
	saveCondition = `
INSERT INTO catalogue_condition (edition, class, condition, n, zh, en, given)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (edition, class, condition) DO UPDATE SET n = EXCLUDED.n, zh = EXCLUDED.zh, en = EXCLUDED.en, given = EXCLUDED.given`
)

// seed writes the shipped edition. Two nodes that start at once write the same.
func (r *Room) seed(ctx context.Context) error {
	read := func(name string, columns int) ([][]string, error) {
		text, err := fs.ReadFile(r.shipped, name)
		if err != nil {
			return nil, err
		}
		in := csv.NewReader(bytes.NewReader(text))
		in.FieldsPerRecord = columns
		rows, err := in.ReadAll()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return rows[1:], nil
	}
	classes, err := read(Edition+".csv", 10)
	if err != nil {
		return err
	}
	conditions, err := read("conditions.csv", 5)
	if err != nil {
		return err
	}
	var batch pgx.Batch
	for _, row := range classes {
		batch.Queue(saveClass, Edition, row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8] == "yes", row[9])
	}
	for i, row := range conditions {
		if err := r.limit(row[4]); err != nil {
			return fmt.Errorf("conditions.csv:%d: %w", i+2, err)
		}
		batch.Queue(saveCondition, Edition, row[0], row[1], i, row[2], row[3], row[4])
	}
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error { return tx.SendBatch(ctx, &batch).Close() })
}

func (r *Room) load(ctx context.Context) error {
	l := &list{editions: map[string][]Class{}, duties: map[duty]string{}, bridge: map[crossing]string{}}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, r.pool, options, func(tx pgx.Tx) error {
		conditions := map[[2]string][]Condition{}
		var edition, class string
		var k Condition
		rows, err := tx.Query(ctx, `SELECT edition, class, condition, zh, en, given FROM catalogue_condition ORDER BY edition, class, n, condition`)
		if err != nil {
			return err
		}
		if _, err := pgx.ForEachRow(rows, []any{&edition, &class, &k.Condition, &k.Name.ZH, &k.Name.EN, &k.Limit}, func() error {
			conditions[[2]string{edition, class}] = append(conditions[[2]string{edition, class}], k)
			return nil
		}); err != nil {
			return err
		}
		var c Class
		if rows, err = tx.Query(ctx, `SELECT edition, code, kind, major, major_zh, major_en, zh, en, part, priority, listed FROM catalogue_class ORDER BY edition, code`); err != nil {
			return err
		}
		if _, err := pgx.ForEachRow(rows, []any{&edition, &c.Code, &c.Kind, &c.Major.Code, &c.Major.Name.ZH, &c.Major.Name.EN, &c.Name.ZH, &c.Name.EN, &c.Part, &c.Priority, &c.Listed}, func() error {
			if c.Conditions = conditions[[2]string{edition, c.Code}]; c.Conditions == nil {
				c.Conditions = []Condition{}
			}
			l.editions[edition] = append(l.editions[edition], c)
			return nil
		}); err != nil {
			return err
		}
		var d duty
		var department string
		if rows, err = tx.Query(ctx, `SELECT edition, class, grid, department FROM catalogue_duty`); err != nil {
			return err
		}
		if _, err := pgx.ForEachRow(rows, []any{&d.edition, &d.class, &d.grid, &department}, func() error {
			l.duties[d] = department
			return nil
		}); err != nil {
			return err
		}
		var x crossing
		var to string
		if rows, err = tx.Query(ctx, `SELECT from_edition, from_code, to_edition, to_code FROM catalogue_bridge`); err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, []any{&x.from, &x.code, &x.to, &to}, func() error {
			l.bridge[x] = to
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("read the catalogue: %w", err)
	}
	r.now.Store(l)
	return nil
}

// Heard reads the list anew when another node has changed it.
func (r *Room) Heard(ctx context.Context, e live.Event) error {
	if e.Type != "catalogue.changed" {
		return nil
	}
	return r.load(ctx)
}

// Editions are the names of all.
func (r *Room) Editions() (names []string) {
	for name := range r.now.Load().editions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Classes are those of an edition, by code; of what there is not, none.
func (r *Room) Classes(edition string) []Class { return r.now.Load().editions[edition] }

// Listed are those of the edition of new cases that are on the centre's list.
func (r *Room) Listed() []Class {
	return slices.DeleteFunc(slices.Clone(r.Classes(Edition)), func(c Class) bool { return !c.Listed })
}

// Class is the item of an edition with that code.
func (r *Room) Class(edition, code string) (Class, bool) { return r.now.Load().class(edition, code) }

func (l *list) class(edition, code string) (Class, bool) {
	classes := l.editions[edition]
	i, ok := slices.BinarySearchFunc(classes, code, func(c Class, code string) int { return cmp.Compare(c.Code, code) })
	if !ok {
		return Class{}, false
	}
	return classes[i], true
}

// Condition is that of a class; false: it has none of the name.
func (c Class) Condition(name string) (Condition, bool) {
	i := slices.IndexFunc(c.Conditions, func(k Condition) bool { return k.Condition == name })
	if i < 0 {
		return Condition{}, false
	}
	return c.Conditions[i], true
}

// Duty is the department that answers for a class in a place, and the grid that says so (empty: it is the same everywhere).
// path are the codes of the grids that cover the place, the smallest first.
func (r *Room) Duty(edition, class string, path []string) (department, grid string, ok bool) {
	duties := r.now.Load().duties
	for _, code := range append(slices.Clone(path), "") {
		if department, ok = duties[duty{edition, class, code}]; ok {
			return department, code, true
		}
	}
	return "", "", false
}

// Crossing is a class of an edition with what it is in another.
type Crossing struct {
	Code string `json:"code"`
	Name Text   `json:"name"`
	To   string `json:"to,omitempty"` // empty: unmapped
	// Same is a class of the other edition that is called the same, for one that is unmapped.
	Same string `json:"same,omitempty"`
}

// Bridge says what each class of an edition is in another, and how many are unmapped.
func (r *Room) Bridge(from, to string) (all []Crossing, unmapped int) {
	l := r.now.Load()
	called := map[string]string{}
	for _, c := range l.editions[to] {
		called[c.Name.ZH] = c.Code
		if c.Part != "" {
			called[c.Part] = c.Code
		}
	}
	all = []Crossing{}
	for _, c := range l.editions[from] {
		x := Crossing{Code: c.Code, Name: c.Name, To: l.bridge[crossing{from, c.Code, to}]}
		if x.To == "" {
			unmapped++
			x.Same = called[c.Name.ZH]
		}
		all = append(all, x)
	}
	return all, unmapped
}
