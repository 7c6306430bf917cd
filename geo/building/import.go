package building

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gridwall/geo/importer"
)

// Options of Import.
type Options struct {
	Progress importer.Progress
}

// Import writes the rows of r as buildings, new or in place of those with the same code.
//
// Fields: code, name, address, kind, floors, units, households; a point, or a polygon, which becomes the footprint around a
// point. Buildings without a code are known by address, name and position, so that a file imported twice is there once.
// The grid comes from the place; outside every grid is allowed, with a warning.
//
// All or nothing: with a refusal nothing is written, and the error is importer.ErrRefused beside the report.
// tx is the caller's, to append an event to and to commit, or to roll back for a dry run.
func Import(ctx context.Context, tx pgx.Tx, r *importer.Reader, o Options) (*importer.Report, error) {
	report := importer.NewReport(r)
	if _, err := tx.Exec(ctx, createImport); err != nil {
		return nil, fmt.Errorf("import buildings: %w", err)
	}
	columns := []string{"n", "line", "code", "name", "address", "kind", "floors", "units", "households", "wkb"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"building_import"}, columns, r.Rows(report, o.Progress, func(rec *importer.Record) ([]any, error) {
		return row(rec, report.Read)
	}))
	if err != nil {
		return nil, fmt.Errorf("import buildings: %w", err)
	}
	if err := judge(ctx, tx, report); err != nil {
		return nil, fmt.Errorf("import buildings: %w", err)
	}
	if err := report.Verdict(); err != nil {
		return report, err
	}
	if err := write(ctx, tx, report); err != nil {
		return nil, fmt.Errorf("import buildings: %w", err)
	}
	return report, nil
}

// row checks what can be seen in one row alone.
func row(rec *importer.Record, n int) ([]any, error) {
	var code *string
	if s := rec.Text("code"); s != "" {
		code = &s
	}
	numbers := [3]*int{}
	for i, field := range []string{"floors", "units", "households"} {
		v, ok, err := rec.Int(field)
		if err != nil {
			return nil, err
		}
		if ok && (v > 0 || field == "households") { // many registers write 0 floors for "not known"
			numbers[i] = &v
		}
	}
	switch g := rec.Geometry.(type) {
	case orb.Point, orb.Polygon, orb.MultiPolygon:
	default:
		key := rec.Text("code")
		if key == "" {
			key = rec.Text("address")
		}
		return nil, &importer.Refusal{Line: rec.Line, Key: key, Reason: importer.Text{
			Zh: "几何是 " + g.GeoJSONType() + ", 应为点或面 (Point, Polygon, MultiPolygon)",
			En: "the geometry is a " + g.GeoJSONType() + ", it must be a Point, Polygon or MultiPolygon"}}
	}
	wkb, err := ewkb.Marshal(rec.Geometry, 4326)
	if err != nil {
		return nil, err
	}
	return []any{n, rec.Line, code, rec.Text("name"), rec.Text("address"), rec.Text("kind"), numbers[0], numbers[1], numbers[2], wkb}, nil
}

const createImport = `
DROP TABLE IF EXISTS building_import;
CREATE TEMP TABLE building_import (
    n integer, line integer, code text, name text, address text, kind text, floors integer, units integer, households integer,
    wkb bytea, geom geometry, footprint geometry, grid text, zh text, en text, spot geometry -- why the row is refused, and where
) ON COMMIT DROP`

const (
	readGeometry = `
UPDATE building_import AS i
SET wkb = NULL,
    footprint = CASE WHEN ST_Dimension(g.geom) = 2 THEN ST_Multi(g.geom) END,
    geom = CASE WHEN ST_Dimension(g.geom) = 0 THEN g.geom END
FROM (SELECT n, ST_GeomFromEWKB(wkb) AS geom FROM building_import) AS g
WHERE g.n = i.n`

	checkValid = `
UPDATE building_import AS i
SET zh = format('多边形无效: %s, 位于 %s, %s', bad.reason, bad.lon, bad.lat),
    en = format('invalid polygon: %s at %s, %s', bad.reason, bad.lon, bad.lat),
    spot = bad.location
FROM (
    SELECT n, d.reason, d.location, ST_X(d.location)::numeric(10, 7) AS lon, ST_Y(d.location)::numeric(10, 7) AS lat
    FROM building_import, ST_IsValidDetail(footprint) AS d
    WHERE footprint IS NOT NULL AND NOT d.valid
) AS bad
WHERE bad.n = i.n`

	checkRepeated = `
UPDATE building_import AS i
SET zh = format('编码重复: 第 %s 行已有', other.line), en = format('the code already stands in line %s', other.line)
FROM (SELECT n, code, line, row_number() OVER (PARTITION BY code ORDER BY n) AS nth FROM building_import WHERE code IS NOT NULL) AS other
WHERE other.code = i.code AND other.nth = 1 AND other.n < i.n AND i.zh IS NULL`

	faults = `SELECT line, COALESCE(code, NULLIF(address, ''), name), zh, en, ST_AsGeoJSON(COALESCE(spot, footprint, geom), 7)
FROM building_import
WHERE zh IS NOT NULL
ORDER BY n`
)

// judge checks the rows together and notes refusals.
func judge(ctx context.Context, tx pgx.Tx, report *importer.Report) error {
	for _, sql := range []string{readGeometry, checkValid, checkRepeated} {
		if _, err := tx.Exec(ctx, sql); err != nil {
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

const (
	place = `
UPDATE building_import SET geom = ST_PointOnSurface(footprint) WHERE geom IS NULL;
CREATE INDEX ON building_import USING gist (geom);
ANALYZE building_import`

	// The rule of grid_at, from the cells' side: each large outline is read once, and not once a point.
	assign = `
UPDATE building_import AS i
SET grid = at.code
FROM (
    SELECT DISTINCT ON (p.n) p.n, g.code
    FROM grid AS g JOIN building_import AS p ON ST_Covers(g.geom, p.geom)
    ORDER BY p.n, CASE g.level WHEN 'grid' THEN 0 WHEN 'community' THEN 1 ELSE 2 END, g.code COLLATE "C"
) AS at
WHERE at.n = i.n`

	countRepeats = `SELECT count(*) - count(DISTINCT (address, name, geom)) FROM building_import WHERE code IS NULL`

	// DISTINCT ON keeps the last of equal rows: one statement must not meet the same building twice.
	upsertCoded = `
INSERT INTO building (code, name, address, kind, floors, units, households, grid, geom, footprint)
SELECT code, name, address, kind, floors, units, households, grid, geom, footprint
FROM building_import
WHERE code IS NOT NULL
ORDER BY n
ON CONFLICT (code) DO UPDATE
SET name = EXCLUDED.name, address = EXCLUDED.address, kind = EXCLUDED.kind, floors = EXCLUDED.floors, units = EXCLUDED.units,
    households = EXCLUDED.households, grid = EXCLUDED.grid, geom = EXCLUDED.geom, footprint = EXCLUDED.footprint`

	upsertPlaced = `
INSERT INTO building (name, address, kind, floors, units, households, grid, geom, footprint)
SELECT name, address, kind, floors, units, households, grid, geom, footprint
FROM (SELECT DISTINCT ON (address, name, geom) * FROM building_import WHERE code IS NULL ORDER BY address, name, geom, n DESC) AS i
ORDER BY n
ON CONFLICT (address, name, geom) WHERE code IS NULL DO UPDATE
SET kind = EXCLUDED.kind, floors = EXCLUDED.floors, units = EXCLUDED.units, households = EXCLUDED.households,
    grid = EXCLUDED.grid, footprint = EXCLUDED.footprint`

	countOutside = `SELECT count(*) FROM building_import WHERE grid IS NULL`
	countNames   = `SELECT count(*) FROM building_import WHERE name = '' AND address = ''`
)

// write puts the rows in place and counts what should be known.
func write(ctx context.Context, tx pgx.Tx, report *importer.Report) error {
	for _, sql := range []string{place, assign} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	for _, sql := range []string{upsertCoded, upsertPlaced} {
		done, err := tx.Exec(ctx, sql)
		if err != nil {
			return err
		}
		report.Written += int(done.RowsAffected())
	}
	for _, w := range []struct {
		sql    string
		reason importer.Text
	}{
		{countRepeats, importer.Text{Zh: "与文件中另一行的地址、名称和位置相同: 只写入一次", En: "the same address, name and position as another row: written once"}},
		{countOutside, importer.Text{Zh: "不在任何网格之内", En: "outside every grid"}},
		{countNames, importer.Text{Zh: "没有名称和地址: 只能在地图上看到", En: "neither name nor address: to be seen on the map only"}},
	} {
		var n int
		if err := tx.QueryRow(ctx, w.sql).Scan(&n); err != nil {
			return err
		}
		report.Warn(w.reason, n)
	}
	return nil
}
