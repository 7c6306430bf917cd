-- The registry as GB/T 28181 describes a camera, its credentials sealed, and who changed what.
-- url and sub_url keep what can be shown; user, password and query are in sealed, as JSON of both addresses, by the key
-- of key_id, which is not in the database. Rows from before are sealed at the next start.
ALTER TABLE camera
    ADD COLUMN sealed        bytea,
    ADD COLUMN key_id        text,
    ADD COLUMN enabled       boolean NOT NULL DEFAULT true,
    ADD COLUMN group_name    text NOT NULL DEFAULT '' CHECK (length(group_name) <= 100),
    ADD COLUMN upstream      text NOT NULL DEFAULT '' CHECK (length(upstream) <= 100), -- ParentID: recorder or platform
    ADD COLUMN owner         text NOT NULL DEFAULT '' CHECK (length(owner) <= 100),
    ADD COLUMN maker         text NOT NULL DEFAULT '' CHECK (length(maker) <= 100),
    ADD COLUMN model         text NOT NULL DEFAULT '' CHECK (length(model) <= 100),
    ADD COLUMN address       text NOT NULL DEFAULT '' CHECK (length(address) <= 200),
    ADD COLUMN civil_code    text NOT NULL DEFAULT '' CHECK (length(civil_code) <= 20),
    ADD COLUMN ptz_type      smallint CHECK (ptz_type BETWEEN 1 AND 7),
    ADD COLUMN position_type smallint CHECK (position_type BETWEEN 1 AND 10),
    ADD COLUMN use_type      smallint CHECK (use_type BETWEEN 1 AND 3),
    ADD COLUMN light_type    smallint CHECK (light_type BETWEEN 1 AND 3),
    ADD COLUMN sign          boolean, -- a sign tells people of the camera; null: not known
    ADD CONSTRAINT camera_sealed CHECK ((sealed IS NULL) = (key_id IS NULL));

-- Rows that imports kept are cast back by the table's type: they get the new columns' defaults.
UPDATE import_change
SET before = left(before, -1) || ',,,t,"","","","","","","",,,,,)'
WHERE layer = 'camera' AND before IS NOT NULL;

-- One row a field that changed; the empty field is the camera itself, added (before is null) or removed. What opens a
-- camera is never here: the field credentials has neither before nor after.
CREATE TABLE camera_change (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    camera text NOT NULL, -- outlives its camera
    at     timestamptz NOT NULL DEFAULT now(),
    who    text NOT NULL DEFAULT '', -- user name; empty: a command on the server
    how    text NOT NULL DEFAULT '',
    field  text NOT NULL,
    before text,
    after  text
);
CREATE INDEX camera_change_camera ON camera_change (camera, id);

-- An address that a script wrote with what opens the camera in it is not shown at all until it has been sealed.
CREATE FUNCTION camera_shown(address text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN address ~ '[@?#]' OR address ~* '(pass|pwd|psw|token|auth|secret)' THEN 'rtsp://***' ELSE address END
$$;

-- A transaction says who acts (gridwall.who) and how (gridwall.how); sealing anew (gridwall.sealing) is no change.
CREATE FUNCTION camera_change_keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    actor text := COALESCE(current_setting('gridwall.who', true), '');
    way   text := COALESCE(current_setting('gridwall.how', true), '');
    gone  CONSTANT text[] := ARRAY['n', 'geom', 'grid', 'behind', 'sealed', 'key_id', 'state', 'reason_zh', 'reason_en', 'since', 'counted_at'];
    old_row jsonb;
    new_row jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO camera_change (camera, who, how, field, after) VALUES (NEW.id, actor, way, '', NEW.name);
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        INSERT INTO camera_change (camera, who, how, field, before) VALUES (OLD.id, actor, way, '', OLD.name);
        RETURN NULL;
    END IF;
    IF COALESCE(current_setting('gridwall.sealing', true), '') = 'on' THEN
        RETURN NULL;
    END IF;
    old_row := (to_jsonb(OLD) - gone) || jsonb_build_object('location', format('%s, %s', round(ST_X(OLD.geom)::numeric, 7), round(ST_Y(OLD.geom)::numeric, 7)));
    new_row := (to_jsonb(NEW) - gone) || jsonb_build_object('location', format('%s, %s', round(ST_X(NEW.geom)::numeric, 7), round(ST_Y(NEW.geom)::numeric, 7)));
    INSERT INTO camera_change (camera, who, how, field, before, after)
    SELECT NEW.id, actor, way, o.key,
           CASE WHEN o.key IN ('url', 'sub_url') THEN camera_shown(o.value) ELSE o.value END,
           CASE WHEN o.key IN ('url', 'sub_url') THEN camera_shown(new_row ->> o.key) ELSE new_row ->> o.key END
    FROM jsonb_each_text(old_row) AS o
    WHERE o.value IS DISTINCT FROM new_row ->> o.key
    ORDER BY o.key;
    IF OLD.sealed IS DISTINCT FROM NEW.sealed THEN
        INSERT INTO camera_change (camera, who, how, field) VALUES (NEW.id, actor, way, 'credentials');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER camera_added AFTER INSERT OR DELETE ON camera FOR EACH ROW EXECUTE FUNCTION camera_change_keep();
CREATE TRIGGER camera_changed AFTER UPDATE OF name, url, sub_url, sealed, geom, bearing_deg, angle_deg, range_m, height_m, ptz, indoor, secret, purpose, pinned, switch,
    enabled, group_name, upstream, owner, maker, model, address, civil_code, ptz_type, position_type, use_type, light_type, sign
    ON camera FOR EACH ROW EXECUTE FUNCTION camera_change_keep();
