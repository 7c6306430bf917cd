-- How a head is mounted, and where it may not look, is on the camera's history like its other fields: one row a field.
CREATE FUNCTION mount_change_keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_row jsonb := '{}';
    new_row jsonb := to_jsonb(NEW) - 'camera';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        old_row := to_jsonb(OLD) - 'camera';
    END IF;
    INSERT INTO camera_change (camera, who, how, field, before, after)
    SELECT NEW.camera, COALESCE(current_setting('gridwall.who', true), ''), COALESCE(current_setting('gridwall.how', true), ''), 'mount_' || n.key,
           mount_shown(old_row -> n.key), mount_shown(n.value)
    FROM jsonb_each(new_row) AS n
    WHERE mount_shown(n.value) IS DISTINCT FROM mount_shown(old_row -> n.key)
    ORDER BY n.key;
    RETURN NULL;
END
$$;

-- A value as a person reads it: sectors by name, bearings and elevations; nothing where nothing was said.
CREATE FUNCTION mount_shown(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(value)
        WHEN 'array' THEN (
            SELECT string_agg(format('%s %s°–%s° / %s°–%s°', s ->> 'name', s ->> 'from_deg', s ->> 'to_deg', s ->> 'low_deg', s ->> 'high_deg'), '; ')
            FROM jsonb_array_elements(value) AS s)
        ELSE NULLIF(value #>> '{}', '')
    END
$$;

CREATE TRIGGER mount_changed AFTER INSERT OR UPDATE ON ptz_head FOR EACH ROW EXECUTE FUNCTION mount_change_keep();
