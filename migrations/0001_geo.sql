-- Where things are. All geometry is WGS-84 (EPSG:4326), longitude first; CGCS2000 agrees with it within decimetres.
CREATE EXTENSION IF NOT EXISTS postgis;

CREATE TABLE grid (
    id         integer GENERATED ALWAYS AS IDENTITY UNIQUE, -- the feature id in tiles
    code       text PRIMARY KEY CHECK (code <> ''),
    parent     text REFERENCES grid (code) DEFERRABLE INITIALLY DEFERRED,
    level      text NOT NULL CHECK (level IN ('street', 'community', 'grid')),
    kind       text NOT NULL DEFAULT 'service' CHECK (kind IN ('service', 'unit')),
    name       text NOT NULL,
    households integer CHECK (households >= 0),
    geom       geometry(MultiPolygon, 4326) NOT NULL CHECK (ST_IsValid(geom)),
    label      geometry(Point, 4326) NOT NULL -- a point inside, for the name
);
CREATE INDEX grid_geom ON grid USING gist (geom);
CREATE INDEX grid_parent ON grid (parent);

-- The cell a point belongs to: of the cells that cover it, edges included, the lowest level present, then the lowest code.
CREATE FUNCTION grid_at(point geometry) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT code
    FROM grid
    WHERE ST_Covers(geom, point)
    ORDER BY CASE level WHEN 'grid' THEN 0 WHEN 'community' THEN 1 ELSE 2 END, code COLLATE "C"
    LIMIT 1
$$;

CREATE TABLE building (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text UNIQUE,
    name       text NOT NULL DEFAULT '',
    address    text NOT NULL DEFAULT '',
    kind       text NOT NULL DEFAULT '',
    floors     integer CHECK (floors > 0),
    units      integer CHECK (units > 0),
    households integer CHECK (households >= 0),
    grid       text REFERENCES grid (code) ON DELETE SET NULL,
    geom       geometry(Point, 4326) NOT NULL,
    footprint  geometry(MultiPolygon, 4326) CHECK (ST_IsValid(footprint))
);
CREATE INDEX building_geom ON building USING gist (geom);
CREATE INDEX building_grid ON building (grid);
CREATE UNIQUE INDEX building_place ON building (address, name, geom) WHERE code IS NULL; -- what has no code is known by its place

-- What lies under the grids on the map: land, water, streets. Carries no record, only a drawing.
CREATE TABLE backdrop (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind  text NOT NULL CHECK (kind IN ('land', 'water', 'green', 'block', 'road', 'place')),
    class text NOT NULL DEFAULT '',
    name  text NOT NULL DEFAULT '',
    geom  geometry(Geometry, 4326) NOT NULL
);
