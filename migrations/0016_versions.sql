-- Grids are changed in versions. One that is saved for a later day waits as a draft; it gets its number on its day.
CREATE TABLE grid_version (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number     integer UNIQUE, -- null: not in force yet
    valid_from date NOT NULL,
    note       text NOT NULL DEFAULT '',
    author     text NOT NULL,
    saved_at   timestamptz NOT NULL,
    draft      jsonb NOT NULL,
    applied_at timestamptz,
    refused    text, -- why it could not come into force on its day
    CHECK ((number IS NULL) = (applied_at IS NULL)),
    CHECK (refused IS NULL OR number IS NULL)
);

-- Cells as they were in the versions from since to until, until not included.
CREATE TABLE grid_past (
    code       text NOT NULL,
    since      integer NOT NULL,
    until      integer NOT NULL REFERENCES grid_version (number),
    parent     text,
    level      text NOT NULL,
    kind       text NOT NULL,
    name       text NOT NULL,
    households integer,
    geom       geometry(MultiPolygon, 4326) NOT NULL,
    PRIMARY KEY (code, until),
    CHECK (since < until)
);

-- Codes of cells that are no more: never given again.
CREATE TABLE grid_retired (
    code    text PRIMARY KEY,
    version integer NOT NULL REFERENCES grid_version (number),
    became  text[] NOT NULL
);

CREATE FUNCTION grid_version_now() RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT COALESCE(max(number), 0) FROM grid_version
$$;

-- A case keeps the cell that it lay in and the version of the day, also when the cell is no more.
ALTER TABLE case_file ADD grid_version integer NOT NULL DEFAULT 0;
ALTER TABLE case_file ALTER grid_version SET DEFAULT grid_version_now();

-- An import before a version cannot be undone after it: its rows are the version's by now.
ALTER TABLE import ADD sealed boolean NOT NULL DEFAULT false;
