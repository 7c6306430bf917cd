package geo

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/paulmach/orb/maptile"

	"gridwall/geo/backdrop"
	"gridwall/geo/tile"
)

// Budget is what the tiles may cost.
type Budget struct {
	// TileBytes is how much memory the features behind the tiles may take, in all; 0: as much as they need. A layer that
	// does not fit beside those before it (grids, buildings, backdrop) is asked of the database, tile by tile.
	TileBytes int64
	Log       *slog.Logger // told which layers do not fit; nil: nobody is
}

// What a set's features take in memory, roughly: an item with its place in the tree, 8 bytes a corner, and the texts.
const (
	sizeGrids     = `SELECT COALESCE(sum(500 + 8 * ST_NPoints(geom) + octet_length(name) + octet_length(code)), 0)::bigint FROM grid`
	sizeBuildings = `SELECT COALESCE(sum(250 + 8 * COALESCE(ST_NPoints(footprint), 0) + octet_length(name) + octet_length(address)), 0)::bigint FROM building`
	sizeBackdrop  = `SELECT COALESCE(sum(250 + 8 * ST_NPoints(geom) + octet_length(name)), 0)::bigint FROM backdrop`
)

// fits says that a set's features may be held in memory; if not, its tiles are the database's from now on.
func (m *Map) fits(ctx context.Context, set string) (bool, error) {
	if m.budget.TileBytes <= 0 {
		return true, nil
	}
	size := map[string]string{"grids": sizeGrids, "buildings": sizeBuildings, "backdrop": sizeBackdrop}[set]
	var bytes int64
	if err := m.pool.QueryRow(ctx, size).Scan(&bytes); err != nil {
		return false, fmt.Errorf("size of %s: %w", set, err)
	}
	delete(m.sizes, set)
	free := m.budget.TileBytes
	for _, taken := range m.sizes {
		free -= taken
	}
	if bytes <= free {
		m.sizes[set] = bytes
		return true, nil
	}
	if !m.tiles.Delegated(set) && m.budget.Log != nil {
		m.budget.Log.Warn("a layer of the map is too large for the memory that tiles may take: the database makes its tiles, which is slower",
			"layer", set, "needs_mib", bytes>>20, "free_mib", free>>20, "flag", "--tile-memory")
	}
	return false, m.tiles.Delegate(set, m.fromDatabase(set))
}

// The tiles of a set as PostGIS makes them, with the fields that tile has. $1, $2, $3 are z, x and y, $4 is true for a desk.
const (
	gridsAsMVT = `
SELECT (
    SELECT COALESCE(ST_AsMVT(q, 'grids', 4096, 'geom', 'id'), '') FROM (
        SELECT id, code, name, level, kind, parent, ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
        FROM grid WHERE geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 1.0/64), 4326)) AS q
) || (
    SELECT COALESCE(ST_AsMVT(l, 'grid_labels', 4096, 'geom', 'id'), '') FROM (
        SELECT id, code, name, level, ST_AsMVTGeom(ST_Transform(label, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
        FROM grid WHERE label && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 1.0/64), 4326)) AS l)
WHERE $4::boolean IS NOT NULL`

	// A footprint reaches at most half a kilometre from its point: the index is that of the points.
	nearBuildingsAsMVT = `
SELECT COALESCE(ST_AsMVT(q, 'buildings', 4096, 'geom', 'fid'), '') FROM (
    SELECT id AS fid, id, NULLIF(name, '') AS name, NULLIF(address, '') AS address, NULLIF(kind, '') AS kind, floors, CASE WHEN $4 THEN households END AS households,
           ST_AsMVTGeom(ST_Transform(COALESCE(footprint, geom), 3857), ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
    FROM building
    WHERE geom && ST_Expand(ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 1.0/64), 4326), 0.005)
      AND COALESCE(footprint, geom) && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 1.0/64), 4326)) AS q`

	// From afar one point in each square of 1/64 tile.
	farBuildingsAsMVT = `
SELECT COALESCE(ST_AsMVT(q, 'buildings', 4096, 'geom', 'fid'), '') FROM (
    SELECT DISTINCT ON (floor(ST_X(p.geom) / side), floor(ST_Y(p.geom) / side))
           id AS fid, id, NULLIF(name, '') AS name, NULLIF(address, '') AS address, NULLIF(kind, '') AS kind, floors, CASE WHEN $4 THEN households END AS households,
           ST_AsMVTGeom(p.geom, ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
    FROM building AS b, ST_Transform(b.geom, 3857) AS p(geom), (SELECT 40075016.6855785 / (1 << $1) / 64) AS s(side)
    WHERE b.geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 1.0/64), 4326)
    ORDER BY floor(ST_X(p.geom) / side), floor(ST_Y(p.geom) / side), id) AS q`

	// $5 is the kind; the zooms are those of minZoom.
	backdropAsMVT = `
SELECT COALESCE(ST_AsMVT(q, $5::text, 4096, 'geom', 'id'), '') FROM (
    SELECT id, CASE WHEN kind <> 'land' THEN NULLIF(name, '') END AS name, CASE WHEN kind = 'road' THEN NULLIF(class, '') END AS class,
           CASE WHEN kind IN ('block', 'place') THEN NULLIF(class, '') END AS kind,
           ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
    FROM backdrop
    WHERE kind = $5 AND geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 1.0/64), 4326) AND $4::boolean IS NOT NULL
      AND $1 >= CASE WHEN kind = 'block' OR kind = 'road' AND class = 'collector' THEN 12 WHEN kind = 'road' AND class = 'local' THEN 13 WHEN kind = 'road' AND class = 'lane' THEN 14 ELSE 0 END) AS q`
)

// fromDatabase makes a set's tiles by ST_AsMVT.
func (m *Map) fromDatabase(set string) tile.Source {
	one := func(ctx context.Context, sql string, at maptile.Tile, view tile.View, more ...any) (b []byte, err error) {
		err = m.pool.QueryRow(ctx, sql, append([]any{int(at.Z), int(at.X), int(at.Y), view == tile.Desk}, more...)...).Scan(&b)
		return b, err
	}
	return func(ctx context.Context, at maptile.Tile, view tile.View) ([]byte, error) {
		switch {
		case set == "grids":
			return one(ctx, gridsAsMVT, at, view)
		case set == "buildings" && at.Z >= farBuildings:
			return one(ctx, nearBuildingsAsMVT, at, view)
		case set == "buildings":
			return one(ctx, farBuildingsAsMVT, at, view)
		}
		var all []byte
		for _, kind := range backdrop.Kinds {
			b, err := one(ctx, backdropAsMVT, at, view, kind)
			if err != nil {
				return nil, err
			}
			all = append(all, b...)
		}
		return all, nil
	}
}
