package grid

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gridwall/geo/importer"
)

// ParentBy says how a cell finds its parent.
type ParentBy string

const (
	ByColumn ParentBy = "column" // the row's field parent holds the code
	ByPrefix ParentBy = "prefix" // the code begins with the parent's code (6+3+3+3)
	ByPlace  ParentBy = "within" // the cell above with which it overlaps most
)

// minInside is the least share of a cell's area that must lie in its parent: borders drawn twice differ by a hair.
const minInside = 0.999

// Options of Import.
type Options struct {
	Level    Level
	Kind     Kind     // of rows that do not say; default Service
	ParentBy ParentBy // default: ByColumn where the file has such a column, else ByPrefix where codes fit, else ByPlace
	Progress importer.Progress
}

// Import writes the rows of r as cells of one level, new or in place of those with the same code.
//
// Fields: code, name, parent, kind (service, unit), households. A row is refused for an empty or repeated code or name,
// a geometry that is no polygon or an invalid one, a parent that does not exist or is not above it, or less than 99.9 %
// of its area inside its parent. Buildings in the changed area are given their grid anew.
//
// All or nothing: with a refusal nothing is written, and the error is importer.ErrRefused beside the report.
// tx is the caller's, to append an event to and to commit, or to roll back for a dry run.
func Import(ctx context.Context, tx pgx.Tx, r *importer.Reader, o Options) (*importer.Report, error) {
	if o.Level.depth() < 0 {
		return nil, fmt.Errorf("import grids: unknown level %q: choose %s, %s or %s", o.Level, Street, Community, Lattice)
	}
	if o.Kind == "" {
		o.Kind = Service
	}
	report := importer.NewReport(r)
	if _, err := tx.Exec(ctx, createImport); err != nil {
		return nil, fmt.Errorf("import grids: %w", err)
	}
	columns := []string{"n", "line", "code", "name", "parent", "kind", "households", "wkb"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"grid_import"}, columns, r.Rows(report, o.Progress, func(rec *importer.Record) ([]any, error) {
		return row(rec, report.Read, o)
	}))
	if err != nil {
		return nil, fmt.Errorf("import grids: %w", err)
	}
	if err := judge(ctx, tx, r, report, o); err != nil {
		return nil, fmt.Errorf("import grids: %w", err)
	}
	if err := report.Verdict(); err != nil {
		return report, err
	}
	if err := write(ctx, tx, report, o); err != nil {
		return nil, fmt.Errorf("import grids: %w", err)
	}
	return report, nil
}

// row checks what can be seen in one row alone.
func row(rec *importer.Record, n int, o Options) ([]any, error) {
	code, name := rec.Text("code"), rec.Text("name")
	refuse := func(zh, en string) ([]any, error) {
		return nil, &importer.Refusal{Line: rec.Line, Key: code, Reason: importer.Text{Zh: zh, En: en}}
	}
	switch {
	case code == "":
		return refuse("没有编码 (用 --columns=code=列名 指明)", "no code (name its column: --columns=code=COLUMN)")
	case name == "":
		return refuse("没有名称 (用 --columns=name=列名 指明)", "no name (name its column: --columns=name=COLUMN)")
	}
	var wkb []byte
	var err error
	switch g := rec.Geometry.(type) {
	case orb.Polygon, orb.MultiPolygon:
		wkb, err = ewkb.Marshal(g, 4326)
	default:
		return refuse("几何是 "+g.GeoJSONType()+", 应为面 (Polygon, MultiPolygon)", "the geometry is a "+g.GeoJSONType()+", it must be a Polygon or MultiPolygon")
	}
	if err != nil {
		return nil, err
	}
	kind := o.Kind
	switch s := rec.Text("kind"); s {
	case "":
	case string(Service), "服务网格":
		kind = Service
	case string(Unit), "单元网格":
		kind = Unit
	default:
		return refuse(fmt.Sprintf("网格类型 %q 未知: service (服务网格) 或 unit (单元网格)", s), fmt.Sprintf("unknown kind %q: service or unit", s))
	}
	var households *int
	if n, ok, err := rec.Int("households"); err != nil {
		return nil, err
	} else if ok {
		households = &n
	}
	return []any{n, rec.Line, code, name, rec.Text("parent"), string(kind), households, wkb}, nil
}

const createImport = `
DROP TABLE IF EXISTS grid_import;
CREATE TEMP TABLE grid_import (
    n integer PRIMARY KEY, line integer, code text, name text, parent text, kind text, households integer,
    wkb bytea, geom geometry, zh text, en text, spot geometry -- why the row is refused, and where
) ON COMMIT DROP`

// Each check marks rows that no check before it has marked. $1 is the level.
const (
	readGeometry = `UPDATE grid_import SET geom = ST_Multi(ST_GeomFromEWKB(wkb)), wkb = NULL`

	checkValid = `
UPDATE grid_import AS i
SET zh = format('多边形无效: %s, 位于 %s, %s', bad.reason, bad.lon, bad.lat),
    en = format('invalid polygon: %s at %s, %s', bad.reason, bad.lon, bad.lat),
    spot = bad.location
FROM (
    SELECT n, d.reason, d.location, ST_X(d.location)::numeric(10, 7) AS lon, ST_Y(d.location)::numeric(10, 7) AS lat
    FROM grid_import, ST_IsValidDetail(geom) AS d
    WHERE NOT d.valid
) AS bad
WHERE bad.n = i.n`

	checkRepeated = `
UPDATE grid_import AS i
SET zh = format('编码重复: 第 %s 行已有', other.line), en = format('the code already stands in line %s', other.line)
FROM (SELECT n, code, line, row_number() OVER (PARTITION BY code ORDER BY n) AS nth FROM grid_import) AS other
WHERE other.code = i.code AND other.nth = 1 AND other.n < i.n AND i.zh IS NULL`

	checkLevel = `
UPDATE grid_import AS i
SET zh = format('编码已用于另一级 (%s %s)', g.level, g.name), en = format('the code belongs to another level (%s %s)', g.level, g.name)
FROM grid AS g
WHERE g.code = i.code AND g.level <> $1 AND i.zh IS NULL`

	checkRetired = `
UPDATE grid_import AS i
SET zh = format('编码已停用 (版本 %s), 不再启用', r.version), en = format('the code was retired by version %s and is not given again', r.version)
FROM grid_retired AS r
WHERE r.code = i.code AND i.zh IS NULL`

	parentByPrefix = `
UPDATE grid_import AS i
SET parent = COALESCE((
    SELECT g.code FROM grid AS g
    WHERE starts_with(i.code, g.code) AND g.code <> i.code AND g.level = ANY ($1)
    ORDER BY length(g.code) DESC
    LIMIT 1), '')`

	parentByPlace = `
UPDATE grid_import AS i
SET parent = COALESCE((
    SELECT g.code FROM grid AS g
    WHERE g.geom && i.geom AND g.level = $1
    ORDER BY ST_Area(ST_Intersection(g.geom, i.geom)) DESC, g.code COLLATE "C"
    LIMIT 1), '')
WHERE i.zh IS NULL`

	checkParent = `
UPDATE grid_import AS i
SET zh = CASE WHEN i.parent = '' THEN '没有上级' ELSE format('没有上级 %s: 请先导入上级', i.parent) END,
    en = CASE WHEN i.parent = '' THEN 'no parent' ELSE format('unknown parent %s: import the level above first', i.parent) END
WHERE i.zh IS NULL AND NOT EXISTS (SELECT FROM grid AS g WHERE g.code = i.parent AND g.level = ANY ($1))`

	checkInside = `
UPDATE grid_import AS i
SET zh = format('只有 %s %% 在上级 %s (%s) 之内', o.share, o.code, o.name),
    en = format('only %s %% of it lies inside its parent %s (%s)', o.share, o.code, o.name)
FROM (
    SELECT i.n, p.code, p.name, trunc((100 * ST_Area(ST_Intersection(i.geom, p.geom)) / ST_Area(i.geom))::numeric, 2) AS share
    FROM grid_import AS i JOIN grid AS p ON p.code = i.parent
    WHERE i.zh IS NULL AND NOT ST_CoveredBy(i.geom, p.geom)
) AS o
WHERE o.n = i.n AND o.share < 100 * $1::numeric`

	faults = `SELECT line, code, zh, en, ST_AsGeoJSON(COALESCE(spot, geom), 7)
FROM grid_import
WHERE zh IS NOT NULL
ORDER BY n`
)

// judge checks the rows together and against the cells that are there, and notes refusals.
func judge(ctx context.Context, tx pgx.Tx, r *importer.Reader, report *importer.Report, o Options) error {
	type step struct {
		sql  string
		args []any
	}
	steps := []step{{readGeometry, nil}, {checkValid, nil}, {checkRepeated, nil}, {checkRetired, nil}, {checkLevel, []any{string(o.Level)}}}
	if o.Level != Street {
		above := o.Level.above()
		by, err := parentBy(ctx, tx, r, o)
		if err != nil {
			return err
		}
		switch by {
		case ByColumn:
		case ByPrefix:
			steps = append(steps, step{parentByPrefix, []any{above}})
		case ByPlace:
			var next string
			if err := tx.QueryRow(ctx, `SELECT COALESCE((SELECT level FROM grid WHERE level = ANY ($1) ORDER BY level LIMIT 1), '')`, above).Scan(&next); err != nil {
				return err // 'community' sorts before 'street': the nearest level above
			}
			steps = append(steps, step{parentByPlace, []any{next}})
		default:
			return fmt.Errorf("unknown way to find parents %q: choose %s, %s or %s", by, ByColumn, ByPrefix, ByPlace)
		}
		steps = append(steps, step{checkParent, []any{above}}, step{checkInside, []any{minInside}})
	}
	for _, s := range steps {
		if _, err := tx.Exec(ctx, s.sql, s.args...); err != nil {
			return err
		}
	}
	rows, err := tx.Query(ctx, faults)
	if err != nil {
		return err
	}
	var f importer.Refusal
	var place *string
	_, err = pgx.ForEachRow(rows, []any{&f.Line, &f.Key, &f.Reason.Zh, &f.Reason.En, &place}, func() error {
		f.Geometry = nil
		if place != nil {
			f.Geometry = json.RawMessage(*place)
		}
		report.Add(f)
		return nil
	})
	return err
}

// parentBy settles the default: the file's column, else prefixes if every code has one, else the place.
func parentBy(ctx context.Context, tx pgx.Tx, r *importer.Reader, o Options) (ParentBy, error) {
	if o.ParentBy != "" {
		return o.ParentBy, nil
	}
	if r.Has("parent") {
		return ByColumn, nil
	}
	var fits bool
	err := tx.QueryRow(ctx, `
SELECT NOT EXISTS (
    SELECT FROM grid_import AS i
    WHERE NOT EXISTS (SELECT FROM grid AS g WHERE starts_with(i.code, g.code) AND g.code <> i.code AND g.level = ANY ($1)))`,
		o.Level.above()).Scan(&fits)
	if fits {
		return ByPrefix, err
	}
	return ByPlace, err
}

const (
	upsert = `
INSERT INTO grid (code, parent, level, kind, name, households, geom, label)
SELECT code, NULLIF(parent, ''), $1, kind, name, households, geom, (ST_MaximumInscribedCircle(geom)).center
FROM grid_import
ORDER BY n
ON CONFLICT (code) DO UPDATE
SET parent = EXCLUDED.parent, kind = EXCLUDED.kind, name = EXCLUDED.name, geom = EXCLUDED.geom, label = EXCLUDED.label,
    households = COALESCE(EXCLUDED.households, grid.households)`

	countLoose = `
SELECT count(*)
FROM grid_import AS i JOIN grid AS c ON c.parent = i.code
WHERE NOT ST_CoveredBy(c.geom, i.geom) AND ST_Area(ST_Intersection(c.geom, i.geom)) < $1 * ST_Area(c.geom)`

	countOverlaps = `
SELECT count(*)
FROM grid_import AS i JOIN grid AS s ON s.geom && i.geom AND s.level = $1 AND s.code <> i.code
WHERE ST_Intersects(s.geom, i.geom) AND ST_Relate(s.geom, i.geom, '2********')
  AND ST_Area(ST_Intersection(s.geom, i.geom)::geography) > 1`

	// The rule of grid_at for every building in the changed area, from the cells' side: each outline is read once.
	relocate = `
UPDATE building AS b
SET grid = new.code
FROM (
    SELECT p.id, at.code
    FROM building AS p LEFT JOIN (
        SELECT DISTINCT ON (q.id) q.id, g.code
        FROM grid AS g JOIN building AS q ON ST_Covers(g.geom, q.geom)
        WHERE q.geom && (SELECT ST_Extent(geom) FROM grid_import)
        ORDER BY q.id, CASE g.level WHEN 'grid' THEN 0 WHEN 'community' THEN 1 ELSE 2 END, g.code COLLATE "C"
    ) AS at ON at.id = p.id
    WHERE p.geom && (SELECT ST_Extent(geom) FROM grid_import)
) AS new
WHERE new.id = b.id AND b.grid IS DISTINCT FROM new.code`

	// A border that was drawn in leaves buildings behind, outside the new extent.
	relocateLeft = `
UPDATE building AS b
SET grid = grid_at(b.geom)
WHERE b.grid IN (SELECT code FROM grid_import) AND NOT b.geom && (SELECT ST_Extent(geom) FROM grid_import)`
)

// write puts the rows in place and notes what should be known of their neighbours.
func write(ctx context.Context, tx pgx.Tx, report *importer.Report, o Options) error {
	if o.Level == Street {
		if _, err := tx.Exec(ctx, `UPDATE grid_import SET parent = ''`); err != nil {
			return err
		}
	}
	done, err := tx.Exec(ctx, upsert, string(o.Level))
	if err != nil {
		return err
	}
	report.Written = int(done.RowsAffected())

	var loose, overlaps int
	if err := tx.QueryRow(ctx, countLoose, minInside).Scan(&loose); err != nil {
		return err
	}
	report.Warn(importer.Text{Zh: "下级网格不再完全在新边界之内: 请重新导入下级", En: "cells below do not lie inside the new borders any more: import their level again"}, loose)
	if err := tx.QueryRow(ctx, countOverlaps, string(o.Level)).Scan(&overlaps); err != nil {
		return err
	}
	report.Warn(importer.Text{Zh: "与同级网格重叠超过 1 平方米", En: "overlaps with a cell of its level by more than 1 m²"}, overlaps)
	for _, sql := range []string{relocate, relocateLeft} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
