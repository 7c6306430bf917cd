-- What each import changed, so that the last one can be undone. Rows are kept as the text of the whole row: exact, and
-- cast back by their table's type.
CREATE TABLE import (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text NOT NULL CHECK (kind IN ('grids', 'buildings', 'cameras', 'backdrop')),
    file      text NOT NULL,
    datum     text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    written   integer NOT NULL DEFAULT 0,
    undone_at timestamptz
);

CREATE TABLE import_change (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    import     bigint NOT NULL REFERENCES import (id) ON DELETE CASCADE,
    layer      text NOT NULL,
    key        text NOT NULL,
    before     text -- null: the row is new
);
CREATE INDEX import_change_import ON import_change (import, id);

-- A transaction that has named its import (set_config 'gridwall.import') leaves the rows it touches here.
CREATE FUNCTION import_keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    n   bigint := NULLIF(current_setting('gridwall.import', true), '');
    key text := CASE TG_TABLE_NAME WHEN 'grid' THEN 'code' ELSE 'id' END;
BEGIN
    IF n IS NULL THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        EXECUTE format('INSERT INTO import_change (import, layer, key) SELECT $1, %L, r.%I FROM after AS r', TG_TABLE_NAME, key) USING n;
    ELSE
        EXECUTE format('INSERT INTO import_change (import, layer, key, before) SELECT $1, %L, r.%I, r::text FROM before AS r', TG_TABLE_NAME, key) USING n;
    END IF;
    RETURN NULL;
END
$$;

DO $$
DECLARE
    layer text;
BEGIN
    FOREACH layer IN ARRAY ARRAY['grid', 'building', 'camera', 'backdrop'] LOOP
        EXECUTE format('CREATE TRIGGER import_added AFTER INSERT ON %I REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION import_keep()', layer);
        EXECUTE format('CREATE TRIGGER import_changed AFTER UPDATE ON %I REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION import_keep()', layer);
    END LOOP;
END
$$;
