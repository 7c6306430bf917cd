-- What a transaction changed of the map, feature by feature, so that every node reads again exactly that. It is kept in
-- settings of the transaction, gridwall.changed_grid and so on: gone with it, and no row is written for it. '*' is all.
CREATE FUNCTION map_note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    setting text := 'gridwall.changed_' || TG_TABLE_NAME;
    noted   text := COALESCE(current_setting(setting, true), '');
    ids     text;
BEGIN
    IF noted = '*' THEN
        RETURN NULL;
    END IF;
    SELECT string_agg(id::text, ',') INTO ids FROM (SELECT id FROM changed LIMIT 2001) AS r;
    IF ids IS NULL THEN
        RETURN NULL;
    END IF;
    noted := CASE WHEN noted = '' THEN ids ELSE noted || ',' || ids END;
    IF length(noted) - length(replace(noted, ',', '')) >= 2000 THEN
        noted := '*';
    END IF;
    PERFORM set_config(setting, noted, true);
    RETURN NULL;
END
$$;

DO $$
DECLARE
    layer text;
BEGIN
    FOREACH layer IN ARRAY ARRAY['grid', 'building', 'backdrop'] LOOP
        EXECUTE format('CREATE TRIGGER map_added AFTER INSERT ON %I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION map_note()', layer);
        EXECUTE format('CREATE TRIGGER map_changed AFTER UPDATE ON %I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION map_note()', layer);
        EXECUTE format('CREATE TRIGGER map_removed AFTER DELETE ON %I REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION map_note()', layer);
    END LOOP;
END
$$;
