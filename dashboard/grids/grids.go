// Package grids is where grids are changed: borders moved, cells cut and joined, saved as a version from a date.
//
// The life of a change: a desk sends a draft, Try says what is wrong with it; Save writes it as a version. One of today
// comes into force in the same transaction: the cells as they were go to grid_past, codes that are no more to
// grid_retired, buildings, cameras and officers to the cells that follow, and grid.changed tells every node. One of a
// later day waits, and Run brings it into force on its day. Cases keep their cell and the version of their day.
package grids

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gridwall/dashboard/cameras"
	"gridwall/dashboard/clock"
	"gridwall/dashboard/live"
	"gridwall/geo"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
)

// Room changes grids.
type Room struct {
	Pool   *pgxpool.Pool
	Places *geo.Map
	Scheme grid.Scheme
	Clock  *clock.Clock
	// Zone is where a day begins; nil: UTC.
	Zone *time.Location
	Log  *slog.Logger
}

// FaultsError says that a draft was not saved because of what it would leave open or cover twice.
type FaultsError struct{ Faults []grid.Fault }

func (e *FaultsError) Error() string {
	return fmt.Sprintf("grids: the draft has %d faults", len(e.Faults))
}

// ErrNothing says that a draft changes nothing, ErrPast that its day has gone.
var (
	ErrNothing = errors.New("grids: the draft changes nothing")
	ErrPast    = errors.New("grids: the day has gone")
)

// Version is a change of the grids.
type Version struct {
	ID        int        `json:"id"`
	Number    *int       `json:"number"`     // null: not in force yet
	ValidFrom string     `json:"valid_from"` // day, 2006-01-02
	Note      string     `json:"note"`
	Author    string     `json:"author"`
	SavedAt   time.Time  `json:"saved_at"`
	AppliedAt *time.Time `json:"applied_at"`
	Refused   *string    `json:"refused"` // why it could not come into force on its day
}

// Saved is what Save has done.
type Saved struct {
	Version int         `json:"version"` // its id
	Number  *int        `json:"number"`  // null: it waits for its day
	Added   []grid.Code `json:"added"`
	Changed []grid.Code `json:"changed"`
	Retired []grid.Code `json:"retired"`
}

// Try says what a draft would come to, on the grids as this node has them.
func (r *Room) Try(ctx context.Context, d *grid.Draft) (*grid.Outcome, error) {
	given, err := retired(ctx, r.Pool)
	if err != nil {
		return nil, err
	}
	return d.Apply(r.Places.Grids(), r.Scheme, given)
}

// Design proposes cells for a community, of least to most households, along the streets of the backdrop. It returns a
// *grid.DraftError for what is none and for an area that cannot be divided.
func (r *Room) Design(ctx context.Context, cell *grid.Cell, least, most int) ([]grid.Proposed, error) {
	if cell.Level != grid.Community {
		return nil, &grid.DraftError{Zh: cell.Name + " 不是社区，不能在其下规划网格", En: cell.Name + " is no community: no grids can be planned below it"}
	}
	streets, err := r.Places.Streets(ctx, cell.Geometry)
	if err != nil {
		return nil, err
	}
	var houses []grid.House
	all := r.Places.AllBuildings()
	for i := range all {
		if cell.Bound.Contains(all[i].Point) {
			houses = append(houses, grid.House{At: all[i].Point, Households: all[i].Households})
		}
	}
	return grid.Propose(cell.Geometry, streets, houses, least, most)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// retired says which codes were given to cells that are no more.
func retired(ctx context.Context, db querier) (func(grid.Code) bool, error) {
	rows, err := db.Query(ctx, `SELECT code FROM grid_retired`)
	if err != nil {
		return nil, fmt.Errorf("retired codes: %w", err)
	}
	codes, err := pgx.CollectRows(rows, pgx.RowTo[grid.Code])
	if err != nil {
		return nil, fmt.Errorf("retired codes: %w", err)
	}
	gone := make(map[grid.Code]bool, len(codes))
	for _, c := range codes {
		gone[c] = true
	}
	return func(c grid.Code) bool { return gone[c] }, nil
}

const insertVersion = `
INSERT INTO grid_version (valid_from, note, author, saved_at, draft) VALUES ($1, $2, $3, $4, $5)
RETURNING id`

// Save writes a draft as a version from a day on (2006-01-02; empty: today). It returns a *grid.DraftError, a *FaultsError,
// ErrNothing or ErrPast for one that cannot be.
func (r *Room) Save(ctx context.Context, d *grid.Draft, from, note, author string) (saved Saved, err error) {
	today := r.today()
	if from == "" {
		from = today
	}
	if _, err := time.Parse(time.DateOnly, from); err != nil || from < today {
		return saved, fmt.Errorf("%q: %w", from, ErrPast)
	}
	text, err := json.Marshal(d)
	if err != nil {
		return saved, err
	}
	err = pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		outcome, err := r.judge(ctx, tx, d)
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, insertVersion, from, note, author, r.Clock.Now(), text).Scan(&saved.Version); err != nil {
			return err
		}
		saved.Added, saved.Changed, saved.Retired = []grid.Code{}, []grid.Code{}, []grid.Code{}
		for _, c := range outcome.Added {
			saved.Added = append(saved.Added, c.Code)
		}
		for _, c := range outcome.Changed {
			saved.Changed = append(saved.Changed, c.Code)
		}
		for code := range outcome.Retired {
			saved.Retired = append(saved.Retired, code)
		}
		if from > today {
			return nil
		}
		number, err := r.force(ctx, tx, saved.Version, outcome)
		saved.Number = &number
		return err
	})
	if err != nil {
		return saved, fmt.Errorf("save grids: %w", err)
	}
	return saved, nil
}

func (r *Room) today() string {
	zone := r.Zone
	if zone == nil {
		zone = time.UTC
	}
	return r.Clock.Now().In(zone).Format(time.DateOnly)
}

// judge applies a draft to the grids as the transaction sees them, which stay so until it ends.
func (r *Room) judge(ctx context.Context, tx pgx.Tx, d *grid.Draft) (*grid.Outcome, error) {
	if _, err := tx.Exec(ctx, `LOCK TABLE grid IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return nil, err
	}
	tree, err := grid.Load(ctx, tx)
	if err != nil {
		return nil, err
	}
	given, err := retired(ctx, tx)
	if err != nil {
		return nil, err
	}
	outcome, err := d.Apply(tree, r.Scheme, given)
	if err != nil {
		return nil, err
	}
	if len(outcome.Faults) > 0 {
		return nil, &FaultsError{outcome.Faults}
	}
	if len(outcome.Changed)+len(outcome.Added)+len(outcome.Retired) == 0 {
		return nil, ErrNothing
	}
	return outcome, nil
}

const (
	nextNumber = `
UPDATE grid_version SET number = (SELECT COALESCE(max(number), 0) + 1 FROM grid_version), applied_at = $2
WHERE id = $1
RETURNING number`

	keepPast = `
INSERT INTO grid_past (code, since, until, parent, level, kind, name, households, geom)
SELECT g.code, COALESCE((SELECT max(p.until) FROM grid_past AS p WHERE p.code = g.code), 0), $2, g.parent, g.level, g.kind, g.name, g.households, g.geom
FROM grid AS g
WHERE g.code = ANY ($1)`

	redraw = `
UPDATE grid SET geom = ST_Multi(ST_SetSRID(ST_GeomFromWKB($2), 4326)), label = (ST_MaximumInscribedCircle(ST_SetSRID(ST_GeomFromWKB($2), 4326))).center
WHERE code = $1`

	add = `
INSERT INTO grid (code, parent, level, kind, name, households, geom, label)
SELECT $1, NULLIF($2, ''), $3, $4, $5, NULLIF($6, -1), ST_Multi(g), (ST_MaximumInscribedCircle(g)).center
FROM ST_SetSRID(ST_GeomFromWKB($7), 4326) AS g`

	retire = `INSERT INTO grid_retired (code, version, became) VALUES ($1, $2, $3)`

	relocate = `
UPDATE building SET grid = grid_at(geom)
WHERE geom && ST_MakeEnvelope($1, $2, $3, $4, 4326) AND grid IS DISTINCT FROM grid_at(geom)`
)

// force brings a version into force and tells everyone; it comes last in tx.
func (r *Room) force(ctx context.Context, tx pgx.Tx, id int, o *grid.Outcome) (number int, err error) {
	if err := tx.QueryRow(ctx, nextNumber, id, r.Clock.Now()).Scan(&number); err != nil {
		return 0, err
	}
	var past []grid.Code
	var ground orb.Bound
	take := func(c *grid.Cell) {
		if c == nil {
			return
		}
		if ground.IsZero() {
			ground = c.Bound
		}
		ground = ground.Union(c.Bound)
	}
	tree, err := grid.Load(ctx, tx)
	if err != nil {
		return 0, err
	}
	for _, c := range o.Changed {
		past = append(past, c.Code)
		take(c)
		take(tree.Cell(c.Code))
	}
	for code := range o.Retired {
		past = append(past, code)
		take(tree.Cell(code))
	}
	if _, err := tx.Exec(ctx, keepPast, past, number); err != nil {
		return 0, err
	}
	var batch pgx.Batch
	for _, c := range o.Changed {
		shape, err := wkb.Marshal(c.Geometry)
		if err != nil {
			return 0, err
		}
		batch.Queue(redraw, c.Code, shape)
	}
	for _, c := range o.Added {
		shape, err := wkb.Marshal(c.Geometry)
		if err != nil {
			return 0, err
		}
		batch.Queue(add, c.Code, c.Parent, string(c.Level), string(c.Kind), c.Name, c.Households, shape)
	}
	for code, became := range o.Retired {
		batch.Queue(`UPDATE officer SET grid = $2 WHERE grid = $1`, code, became[0]) // until somebody says who serves which part
		batch.Queue(`UPDATE account SET grid = $2 WHERE grid = $1`, code, became[0])
		batch.Queue(`DELETE FROM grid WHERE code = $1`, code)
		batch.Queue(retire, code, number, became)
	}
	batch.Queue(relocate, ground.Min[0], ground.Min[1], ground.Max[0], ground.Max[1])
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return 0, err
	}
	if _, err := cameras.Relocate(ctx, tx); err != nil {
		return 0, err
	}
	if err := importer.Seal(ctx, tx); err != nil {
		return 0, err
	}
	change, err := geo.Changed(ctx, tx)
	if err != nil {
		return 0, err
	}
	if _, err := live.Append(ctx, tx, live.Draft{Type: "camera.changed", At: r.Clock.Now(), Data: struct{}{}}); err != nil {
		return 0, err
	}
	_, err = live.Append(ctx, tx, live.Draft{Type: "grid.changed", At: r.Clock.Now(), Data: change.Event()})
	return number, err
}

const versions = `
SELECT id, number, to_char(valid_from, 'YYYY-MM-DD'), note, author, saved_at, applied_at, refused
FROM grid_version
ORDER BY id DESC
LIMIT 200`

// Versions are the changes of the grids, the newest first.
func (r *Room) Versions(ctx context.Context) ([]Version, error) {
	rows, err := r.Pool.Query(ctx, versions)
	if err != nil {
		return nil, fmt.Errorf("grid versions: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v Version, err error) {
		err = row.Scan(&v.ID, &v.Number, &v.ValidFrom, &v.Note, &v.Author, &v.SavedAt, &v.AppliedAt, &v.Refused)
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("grid versions: %w", err)
	}
	return list, nil
}

// Past is a cell as it was.
type Past struct {
	Code  grid.Code       `json:"code"`
	Name  string          `json:"name"`
	Since int             `json:"since"` // first version, 0: from the beginning
	Until int             `json:"until"` // first version that it is not in any more
	Shape json.RawMessage `json:"geometry"`
	Turns []grid.Code     `json:"became"` // what it became, if it is no more
}

// Past is what a cell was in earlier versions, the newest first.
func (r *Room) Past(ctx context.Context, code grid.Code) ([]Past, error) {
	const past = `
SELECT p.code, p.name, p.since, p.until, ST_AsGeoJSON(p.geom, 9)::jsonb, COALESCE(CASE WHEN r.version = p.until THEN r.became END, '{}')
FROM grid_past AS p LEFT JOIN grid_retired AS r ON r.code = p.code
WHERE p.code = $1
ORDER BY p.until DESC`
	rows, err := r.Pool.Query(ctx, past, code)
	if err != nil {
		return nil, fmt.Errorf("past of grid %s: %w", code, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Past, err error) {
		err = row.Scan(&p.Code, &p.Name, &p.Since, &p.Until, &p.Shape, &p.Turns)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("past of grid %s: %w", code, err)
	}
	return list, nil
}

// Run brings versions into force on their day, until ctx ends.
func (r *Room) Run(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Second)
	defer tick.Stop()
	for {
		for more := true; more; {
			var err error
			if more, err = r.Due(ctx); err != nil && ctx.Err() == nil {
				r.Log.Warn("grid version not brought into force, trying again", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Due brings the oldest version whose day has come into force; more: it did, there may be another.
func (r *Room) Due(ctx context.Context) (more bool, err error) {
	err = pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		var id int
		var text []byte
		err := tx.QueryRow(ctx, `
SELECT id, draft FROM grid_version
WHERE number IS NULL AND refused IS NULL AND valid_from <= $1
ORDER BY valid_from, id
LIMIT 1
FOR UPDATE SKIP LOCKED`, r.today()).Scan(&id, &text)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		var d grid.Draft
		if err := json.Unmarshal(text, &d); err != nil {
			return err
		}
		outcome, err := r.judge(ctx, tx, &d)
		var faults *FaultsError
		var draft *grid.DraftError
		if errors.As(err, &faults) || errors.As(err, &draft) || errors.Is(err, ErrNothing) { // the grids are others by now
			r.Log.Warn("a grid version could not come into force: the grids have changed since it was saved", "version", id, "error", err)
			_, err = tx.Exec(ctx, `UPDATE grid_version SET refused = $2 WHERE id = $1`, id, err.Error())
			return err
		}
		if err != nil {
			return err
		}
		number, err := r.force(ctx, tx, id, outcome)
		if err == nil {
			r.Log.Info("grid version is in force", "version", id, "number", number)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("bring a grid version into force: %w", err)
	}
	return more, nil
}
