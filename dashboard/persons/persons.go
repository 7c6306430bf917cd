// Package persons keeps records of people who are cared for 关爱对象, where a site switches that on; it is off by default.
//
// The life of a record: the duty leader opens it for a purpose and gives it an owner and a day of review, at most a quarter
// away. Name, telephone and address lie sealed in one column. Who opens it says what for, which is on the audit first. When the
// day has come nobody opens it until somebody has said that it is still needed; a quarter later it is deleted (Expire). There
// is no place but the grid, and what is counted goes out with numbers under five hidden (Count).
package persons

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
	"gridwall/dashboard/audit"
)

var (
	// ErrOff says that the site has not switched the module on.
	ErrOff = errors.New("persons: records of persons are off")
	// ErrNotFound says that there is no such record for who asks.
	ErrNotFound = errors.New("persons: no such record")
	// ErrForeign says that a record is of another owner or jurisdiction.
	ErrForeign = errors.New("persons: a record of somebody else")
	// ErrOverdue says that the day of review has passed.
	ErrOverdue = errors.New("persons: the record is to be reviewed first")
)

// InvalidError says what is wrong with a request; Code is stable.
type InvalidError struct{ Code, ZH, EN string }

func (e *InvalidError) Error() string { return e.EN }

// Kinds are why somebody is cared for. None says what somebody has done, believes or is worth.
var Kinds = []string{"elderly_alone", "disabled", "child_alone", "hardship", "illness"}

// Purposes of opening a record.
var Purposes = []string{"visit", "call", "emergency", "review"}

// Quarter is the longest time from one review to the next, and from a missed one to the deletion, in days.
const Quarter = 92

// Least is the smallest count that is told.
const Least = 5

// Person is what is sealed.
type Person struct {
	Name    string `json:"name"`
	Phone   string `json:"phone"`
	Address string `json:"address"`
	Note    string `json:"note"`
}

// Record is what is known of a record without opening it: it names nobody.
type Record struct {
	ID         int64     `json:"id"`
	Grid       string    `json:"grid"`
	Kind       string    `json:"kind"`
	Purpose    string    `json:"purpose"`
	Owner      string    `json:"owner"` // username
	OwnerName  string    `json:"owner_name"`
	MadeAt     time.Time `json:"made_at"`
	ReviewedOn string    `json:"reviewed_on"` // days, like 2026-01-31
	ReviewOn   string    `json:"review_on"`
	Overdue    bool      `json:"overdue"`
}

// Draft is a new record.
type Draft struct {
	Grid, Kind, Purpose, Owner string
	ReviewOn                   string // a day; empty: a quarter from today
	Person                     Person
}

// Room keeps the records of a database. Without keys there are none: a nil Sealer is off.
type Room struct {
	Pool   *pgxpool.Pool
	Sealer access.Sealer
	// Under lists the cells of a jurisdiction with itself.
	Under func(grid string) []string
	Now   func() time.Time
	// Zone is whose days reviews are due by.
	Zone *time.Location
}

// On says whether the module is on.
func (r *Room) On() bool { return r != nil && r.Sealer != nil }

// sealOwner is a name that no camera can have; see access.Sealer.
func sealOwner(id int64) string { return fmt.Sprintf("person\x00%d", id) }

func (r *Room) today() time.Time {
	y, m, d := r.Now().In(r.Zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// grids are those whose records who may see; nil: all.
func (r *Room) grids(who access.Identity) []string {
	if who.Grid == "" {
		return nil
	}
	return append(r.Under(who.Grid), who.Grid)
}

// mine is the account whose records alone who may see; 0: those of everybody.
func mine(who access.Identity) int {
	if who.May(access.PersonManage) {
		return 0
	}
	return who.Account
}

const listed = `
SELECT p.id, p.grid, p.kind, p.purpose, a.username, a.name, p.made_at, to_char(p.reviewed_on, 'YYYY-MM-DD'), to_char(p.review_on, 'YYYY-MM-DD'), p.review_on < $3
FROM person_record AS p JOIN account AS a ON a.id = p.owner
WHERE ($1 = 0 OR p.owner = $1) AND ($2::text[] IS NULL OR p.grid = ANY($2)) AND ($4 = 0 OR p.id = $4)
ORDER BY p.review_on, p.id
LIMIT 1000`

// List is what who may see, the next review first: an owner's own records, and all of the jurisdiction for who manages.
func (r *Room) List(ctx context.Context, who access.Identity) ([]Record, error) {
	return r.list(ctx, who, 0)
}

func (r *Room) list(ctx context.Context, who access.Identity, id int64) ([]Record, error) {
	if !r.On() {
		return nil, ErrOff
	}
	rows, err := r.Pool.Query(ctx, listed, mine(who), r.grids(who), r.today(), id)
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Record, err error) {
		err = row.Scan(&p.ID, &p.Grid, &p.Kind, &p.Purpose, &p.Owner, &p.OwnerName, &p.MadeAt, &p.ReviewedOn, &p.ReviewOn, &p.Overdue)
		p.MadeAt = p.MadeAt.UTC()
		return p, err
	})
}

// one is a record that who may see.
func (r *Room) one(ctx context.Context, who access.Identity, id int64) (Record, error) {
	list, err := r.list(ctx, who, id)
	if err != nil {
		return Record{}, err
	}
	if len(list) == 1 && id != 0 {
		return list[0], nil
	}
	var there bool
	if err := r.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM person_record WHERE id = $1)`, id).Scan(&there); err != nil {
		return Record{}, err
	}
	if there {
		return Record{}, fmt.Errorf("record %d: %w", id, ErrForeign)
	}
	return Record{}, fmt.Errorf("record %d: %w", id, ErrNotFound)
}

// day reads a day of review: after today, at most a quarter away; empty: a quarter away.
func (r *Room) day(text string) (time.Time, error) {
	today := r.today()
	if text == "" {
		return today.AddDate(0, 0, Quarter), nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || !day.After(today) || day.After(today.AddDate(0, 0, Quarter)) {
		return day, &InvalidError{"review_invalid", fmt.Sprintf("复核日期应在今天之后、%d 天之内（如 2026-03-31）", Quarter), fmt.Sprintf("the day of review is after today and within %d days, like 2026-03-31", Quarter)}
	}
	return day, nil
}

// wrong says what a draft lacks. A record holds no identity number: it is no register of those.
func (d Draft) wrong() error {
	p := d.Person
	all := p.Name + p.Phone + p.Address + p.Note
	text := []byte(d.Purpose + "\n" + p.Name + "\n" + p.Address + "\n" + p.Note)
	switch {
	case !slices.Contains(Kinds, d.Kind):
		return &InvalidError{"kind_invalid", "类别应为 " + strings.Join(Kinds, "、"), "kind is " + strings.Join(Kinds, ", ")}
	case utf8.RuneCountInString(strings.TrimSpace(d.Purpose)) < 4 || utf8.RuneCountInString(d.Purpose) > 200:
		return &InvalidError{"purpose_missing", "请写明建档目的（4 至 200 字）", "say in 4 to 200 characters what the record is for"}
	case strings.TrimSpace(p.Name) == "" || utf8.RuneCountInString(all) > 2000 || strings.ContainsRune(all, 0):
		return &InvalidError{"person_invalid", "请填写姓名；全部内容不超过 2000 字", "give a name; at most 2,000 characters in all"}
	case !bytes.Equal(access.MaskNumbers(bytes.Clone(text)), text) || len(digits(p.Phone)) > 15:
		return &InvalidError{"number_refused", "不得登记身份证号；电话只填在电话栏", "identity numbers are not kept here; a telephone number has its own field"}
	}
	return nil
}

func digits(text string) string {
	return strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, text)
}

const ownerOf = `SELECT id, role, COALESCE(grid, '') FROM account WHERE username = $1 AND active`

// owner finds the account that is to answer for records of a grid.
func (r *Room) owner(ctx context.Context, tx pgx.Tx, name, grid string) (int, error) {
	var a access.Identity
	err := tx.QueryRow(ctx, ownerOf, name).Scan(&a.Account, &a.Role, &a.Grid)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("owner %s: %w", name, err)
	}
	if err != nil || !a.May(access.PersonRead) || a.Grid != "" && a.Grid != grid && !slices.Contains(r.Under(a.Grid), grid) {
		return 0, &InvalidError{"owner_invalid", "责任人应为该网格的网格员、网格专员或值班长", "the owner is an officer, specialist or duty leader of that grid"}
	}
	return a.Account, nil
}

// Owner is an account that may answer for records.
type Owner struct {
	Username string  `json:"username"`
	Name     string  `json:"name"`
	Grid     *string `json:"grid"` // its jurisdiction; null: the whole town
}

// Owners are the accounts that may answer for records, for who manages.
func (r *Room) Owners(ctx context.Context, who access.Identity) ([]Owner, error) {
	rows, err := r.Pool.Query(ctx, `SELECT username, name, grid FROM account WHERE active AND role = ANY($1) AND ($2::text[] IS NULL OR grid = ANY($2)) ORDER BY grid, username`, access.RolesWith(access.PersonRead), r.grids(who))
	if err != nil {
		return nil, fmt.Errorf("owners of records: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Owner])
}

// told writes an act on the audit, last in tx. The audit names the record and nobody in it.
func (r *Room) told(ctx context.Context, tx pgx.Tx, who access.Identity, act string, id int64, detail map[string]string) error {
	now := time.Now()
	e, err := audit.New(who, act, fmt.Sprint(id), detail, now)
	if err != nil {
		return err
	}
	return audit.Append(ctx, tx, now, e)
}

// Make opens a record.
//
// Errors: ErrOff, *InvalidError.
func (r *Room) Make(ctx context.Context, who access.Identity, d Draft) (rec Record, err error) {
	if !r.On() {
		return rec, ErrOff
	}
	if err := d.wrong(); err != nil {
		return rec, err
	}
	if grids := r.grids(who); d.Grid == "" || grids != nil && !slices.Contains(grids, d.Grid) {
		return rec, &InvalidError{"grid_invalid", "请选择管辖内的网格", "name a grid of your jurisdiction"}
	}
	review, err := r.day(d.ReviewOn)
	if err != nil {
		return rec, err
	}
	text, err := json.Marshal(d.Person)
	if err != nil {
		return rec, err
	}
	err = pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		var level string
		if err := tx.QueryRow(ctx, `SELECT level FROM grid WHERE code = $1`, d.Grid).Scan(&level); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if level != "grid" {
			return &InvalidError{"grid_invalid", "没有这个网格", "there is no such grid"}
		}
		owner, err := r.owner(ctx, tx, d.Owner, d.Grid)
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT nextval(pg_get_serial_sequence('person_record', 'id'))`).Scan(&rec.ID); err != nil {
			return err
		}
		sealed, key := r.Sealer.Seal(sealOwner(rec.ID), string(text))
		if key == nil {
			return ErrOff
		}
		const insert = `
INSERT INTO person_record (id, grid, kind, purpose, owner, sealed, key_id, made_at, made_by, reviewed_on, review_on) OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4, $5, $6, $7, now(), $8, $9, $10)`
		if _, err := tx.Exec(ctx, insert, rec.ID, d.Grid, d.Kind, strings.TrimSpace(d.Purpose), owner, sealed, *key, who.Account, r.today(), review); err != nil {
			return err
		}
		return r.told(ctx, tx, who, "person.make", rec.ID, map[string]string{"kind": d.Kind, "owner": d.Owner})
	})
	if err != nil {
		return rec, fmt.Errorf("open a record: %w", err)
	}
	return r.one(ctx, who, rec.ID)
}

// Open shows a person to who says what for; it is on the audit before it is shown, or it is not shown.
//
// Errors: ErrOff, ErrNotFound, ErrOverdue, *InvalidError.
func (r *Room) Open(ctx context.Context, who access.Identity, id int64, purpose, from string) (p Person, err error) {
	rec, err := r.one(ctx, who, id)
	if err != nil {
		return p, err
	}
	if !slices.Contains(Purposes, purpose) {
		return p, &InvalidError{"purpose_missing", "请说明查看目的（purpose）：" + strings.Join(Purposes, "、"), "say what for (purpose): " + strings.Join(Purposes, ", ")}
	}
	if rec.Overdue {
		return p, fmt.Errorf("record %d: %w", id, ErrOverdue)
	}
	err = pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		var sealed []byte
		var key string
		if err := tx.QueryRow(ctx, `SELECT sealed, key_id FROM person_record WHERE id = $1`, id).Scan(&sealed, &key); err != nil {
			return err
		}
		text, err := r.Sealer.Open(sealOwner(id), sealed, key)
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			return err
		}
		return r.told(ctx, tx, who, "person.view", id, map[string]string{"purpose": purpose, "from": from})
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Person{}, fmt.Errorf("record %d: %w", id, err)
	}
	return p, nil
}

// Review says that a record is still needed, until the next day of review; owner empty: as before.
func (r *Room) Review(ctx context.Context, who access.Identity, id int64, reviewOn, owner string) (Record, error) {
	rec, err := r.one(ctx, who, id)
	if err != nil {
		return rec, err
	}
	day, err := r.day(reviewOn)
	if err != nil {
		return rec, err
	}
	if owner != "" && owner != rec.Owner && !who.May(access.PersonManage) {
		return rec, &InvalidError{"owner_invalid", "责任人由值班长指定", "the duty leader names the owner"}
	}
	err = pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		account, err := r.owner(ctx, tx, cmp.Or(owner, rec.Owner), rec.Grid)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE person_record SET reviewed_on = $2, review_on = $3, owner = $4 WHERE id = $1`, id, r.today(), day, account); err != nil {
			return err
		}
		return r.told(ctx, tx, who, "person.review", id, map[string]string{"until": day.Format(time.DateOnly), "owner": cmp.Or(owner, rec.Owner)})
	})
	if err != nil {
		return rec, fmt.Errorf("review record %d: %w", id, err)
	}
	return r.one(ctx, who, id)
}

// Remove deletes a record that is not needed any more.
func (r *Room) Remove(ctx context.Context, who access.Identity, id int64) error {
	if _, err := r.one(ctx, who, id); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM person_record WHERE id = $1`, id); err != nil {
			return err
		}
		return r.told(ctx, tx, who, "person.remove", id, nil)
	})
	if err != nil {
		return fmt.Errorf("remove record %d: %w", id, err)
	}
	return nil
}

// Count is how many records there are of a kind in a grid; null: fewer than five, or one more could be worked out from it.
type Count struct {
	Grid    string `json:"grid"`
	Kind    string `json:"kind"`
	Records *int   `json:"records"`
}

const countAll = `SELECT grid, kind, count(*)::int FROM person_record WHERE $1::text[] IS NULL OR grid = ANY($1) GROUP BY grid, kind ORDER BY kind, count(*), grid`

// Counts are the counts of the jurisdiction, by grid and kind, and for each kind of all together (grid empty). A number under
// Least is hidden; where just one of a kind is, so is the next larger one: else the whole would tell it.
func (r *Room) Counts(ctx context.Context, who access.Identity) ([]Count, error) {
	if !r.On() {
		return nil, ErrOff
	}
	rows, err := r.Pool.Query(ctx, countAll, r.grids(who))
	if err != nil {
		return nil, fmt.Errorf("count records: %w", err)
	}
	type cell struct {
		Grid, Kind string
		N          int
	}
	cells, err := pgx.CollectRows(rows, pgx.RowToStructByPos[cell])
	if err != nil {
		return nil, fmt.Errorf("count records: %w", err)
	}
	counts := []Count{}
	for len(cells) > 0 { // of one kind, the smallest first
		kind, n := cells[0].Kind, 0
		for n < len(cells) && cells[n].Kind == kind {
			n++
		}
		hidden, sum := 0, 0
		for _, c := range cells[:n] {
			if c.N < Least {
				hidden++
			}
			sum += c.N
		}
		if hidden == 1 {
			hidden = min(2, n)
		}
		for i, c := range cells[:n] {
			counts = append(counts, Count{c.Grid, kind, told(c.N, i >= hidden)})
		}
		counts = append(counts, Count{"", kind, told(sum, sum >= Least)})
		cells = cells[n:]
	}
	return counts, nil
}

func told(n int, shown bool) *int {
	if !shown {
		return nil
	}
	return &n
}

const expired = `DELETE FROM person_record WHERE review_on < $1 RETURNING id`

// Expire deletes what nobody has reviewed for a quarter after its day, and puts that on the audit. It does so whether the
// module is on or not.
func (r *Room) Expire(ctx context.Context) (n int, err error) {
	err = pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, expired, r.today().AddDate(0, 0, -Quarter))
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if n = len(ids); err != nil || n == 0 {
			return err
		}
		now := time.Now()
		e, err := audit.New(access.Identity{Username: "retention"}, "person.expire", "", map[string]any{"records": ids}, now)
		if err != nil {
			return err
		}
		return audit.Append(ctx, tx, now, e)
	})
	if err != nil {
		return 0, fmt.Errorf("let go of records of persons: %w", err)
	}
	return n, nil
}

// SealedBy are the ids of the keys that records are sealed with.
func SealedBy(ctx context.Context, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}) ([]string, error) {
	rows, err := db.Query(ctx, `SELECT DISTINCT key_id FROM person_record ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("keys of records of persons: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Reseal seals every record with the first key of a ring that was rotated.
func Reseal(ctx context.Context, tx pgx.Tx, ring access.Sealer) error {
	rows, err := tx.Query(ctx, `SELECT id, sealed, key_id FROM person_record ORDER BY id FOR UPDATE`)
	if err != nil {
		return fmt.Errorf("reseal records of persons: %w", err)
	}
	type row struct {
		ID     int64
		Sealed []byte
		KeyID  string
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return fmt.Errorf("reseal records of persons: %w", err)
	}
	for _, p := range list {
		text, err := ring.Open(sealOwner(p.ID), p.Sealed, p.KeyID)
		if err != nil {
			return fmt.Errorf("reseal record %d: %w", p.ID, err)
		}
		sealed, key := ring.Seal(sealOwner(p.ID), text)
		if _, err := tx.Exec(ctx, `UPDATE person_record SET sealed = $2, key_id = $3 WHERE id = $1`, p.ID, sealed, key); err != nil {
			return fmt.Errorf("reseal record %d: %w", p.ID, err)
		}
	}
	return nil
}
