// Package backdrop holds what lies under the grids on the map: land, water, green, blocks, streets, place names.
//
// It carries no record: nothing refers to it, and the map works without it.
package backdrop

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
	"github.com/paulmach/orb/encoding/wkb"

	"gridwall/geo/importer"
)

// Kinds of backdrop, from the ground up.
var Kinds = []string{"land", "water", "green", "block", "road", "place"}

// Feature is one row of table backdrop.
type Feature struct {
	ID       uint64
	Kind     string // one of Kinds
	Class    string // of a road: arterial, collector, local, lane; of a block or place: what it is
	Name     string
	Geometry orb.Geometry
}

// DB is what Load reads from: a pool, a connection or a transaction.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Load reads the whole backdrop, by id.
func Load(ctx context.Context, db DB) ([]Feature, error) {
	return query(ctx, db, load+` ORDER BY id`)
}

// LoadSome reads the features with those ids that are there, by id.
func LoadSome(ctx context.Context, db DB, ids []uint64) ([]Feature, error) {
	return query(ctx, db, load+` WHERE id = ANY ($1::bigint[]) ORDER BY id`, ids)
}

const load = `SELECT id, kind, class, name, ST_AsBinary(geom) FROM backdrop`

func query(ctx context.Context, db DB, sql string, args ...any) ([]Feature, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("load backdrop: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f Feature, err error) {
		var geom []byte
		if err := row.Scan(&f.ID, &f.Kind, &f.Class, &f.Name, &geom); err != nil {
			return f, err
		}
		f.Geometry, err = wkb.Unmarshal(geom)
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("load backdrop: %w", err)
	}
	return all, nil
}

const streets = `
SELECT ST_AsBinary(part.geom)
FROM (SELECT ST_GeomFromWKB($1, 4326) AS geom) AS area, backdrop AS b, ST_Dump(ST_CollectionExtract(ST_Intersection(b.geom, area.geom), 2)) AS part
WHERE b.kind = 'road' AND ST_Intersects(b.geom, area.geom)
ORDER BY b.id, part.path`

// Streets are the lines of the roads within an area, cut at its border; lon, lat.
func Streets(ctx context.Context, db DB, area orb.MultiPolygon) ([]orb.LineString, error) {
	shape, err := wkb.Marshal(area)
	if err != nil {
		return nil, fmt.Errorf("streets: %w", err)
	}
	rows, err := db.Query(ctx, streets, shape)
	if err != nil {
		return nil, fmt.Errorf("streets: %w", err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (orb.LineString, error) {
		var b []byte
		if err := row.Scan(&b); err != nil {
			return nil, err
		}
		g, err := wkb.Unmarshal(b)
		if err != nil {
			return nil, err
		}
		return g.(orb.LineString), nil // what dumped lines are
	})
	if err != nil {
		return nil, fmt.Errorf("streets: %w", err)
	}
	return lines, nil
}

// Options of Import.
type Options struct {
	Progress importer.Progress
}

const createImport = `
DROP TABLE IF EXISTS backdrop_import;
CREATE TEMP TABLE backdrop_import (n integer, kind text, class text, name text, wkb bytea, geom geometry) ON COMMIT DROP`

const (
	// A drawing need not be valid to be looked at, but to be cut into tiles: mend it.
	readGeometry = `
UPDATE backdrop_import SET wkb = NULL, geom = CASE WHEN ST_IsValid(g) THEN g ELSE ST_CollectionExtract(ST_MakeValid(g), ST_Dimension(g) + 1) END
FROM (SELECT n AS nth, ST_GeomFromEWKB(wkb) AS g FROM backdrop_import) AS read
WHERE nth = n`

	insert = `
INSERT INTO backdrop (kind, class, name, geom)
SELECT kind, class, name, geom
FROM backdrop_import AS i
WHERE NOT ST_IsEmpty(geom) AND NOT EXISTS (SELECT FROM backdrop AS b WHERE b.geom = i.geom AND b.kind = i.kind AND b.class = i.class AND b.name = i.name)
ORDER BY n`
)

// Import adds the rows of r to the backdrop; rows that are there already are not doubled.
//
// Fields: kind (one of Kinds), class, name; Options.Values of the reader gives a file without such columns one for all.
// All or nothing: with a refusal nothing is written, and the error is importer.ErrRefused beside the report.
func Import(ctx context.Context, tx pgx.Tx, r *importer.Reader, o Options) (*importer.Report, error) {
	report := importer.NewReport(r)
	if _, err := tx.Exec(ctx, createImport); err != nil {
		return nil, fmt.Errorf("import backdrop: %w", err)
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"backdrop_import"}, []string{"n", "kind", "class", "name", "wkb"},
		r.Rows(report, o.Progress, func(rec *importer.Record) ([]any, error) { return row(rec, report.Read) }))
	if err != nil {
		return nil, fmt.Errorf("import backdrop: %w", err)
	}
	if err := report.Verdict(); err != nil {
		return report, err
	}
	if _, err := tx.Exec(ctx, readGeometry); err != nil {
		return nil, fmt.Errorf("import backdrop: %w", err)
	}
	done, err := tx.Exec(ctx, insert)
	if err != nil {
		return nil, fmt.Errorf("import backdrop: %w", err)
	}
	report.Written = int(done.RowsAffected())
	report.Warn(importer.Text{Zh: "已经存在", En: "there already"}, report.Read-report.Written)
	return report, nil
}

// Clear empties the backdrop, for a new drawing in its place.
func Clear(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `DELETE FROM backdrop`)
	return err
}

// row checks one row.
func row(rec *importer.Record, n int) ([]any, error) {
	kind := rec.Text("kind")
	refuse := func(zh, en string) ([]any, error) {
		return nil, &importer.Refusal{Line: rec.Line, Key: rec.Text("name"), Reason: importer.Text{Zh: zh, En: en}}
	}
	if !slices.Contains(Kinds, kind) {
		return refuse(fmt.Sprintf("底图类别 %q 未知: %s", kind, strings.Join(Kinds, ", ")), fmt.Sprintf("unknown kind %q: choose one of %s", kind, strings.Join(Kinds, ", ")))
	}
	fits := "面"
	ok := rec.Geometry.Dimensions() == 2
	want := "polygon"
	switch kind {
	case "road":
		fits, want, ok = "线", "line", rec.Geometry.Dimensions() == 1
	case "water":
		fits, want, ok = "面或线", "polygon or line", rec.Geometry.Dimensions() >= 1
	case "place":
		_, ok = rec.Geometry.(orb.Point)
		fits, want = "点", "point"
	}
	if !ok {
		return refuse(fmt.Sprintf("%s 应为%s, 实为 %s", kind, fits, rec.Geometry.GeoJSONType()), fmt.Sprintf("a %s must be a %s, it is a %s", kind, want, rec.Geometry.GeoJSONType()))
	}
	b, err := ewkb.Marshal(rec.Geometry, 4326)
	if err != nil {
		return nil, err
	}
	return []any{n, kind, rec.Text("class"), rec.Text("name"), b}, nil
}
