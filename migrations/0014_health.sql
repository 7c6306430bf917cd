-- Frozen and late cameras, and how long each camera was what, hour by hour. counted_at is how far a camera has been
-- counted; time in which no server looked (over 3 minutes) is not counted as anything.
ALTER TABLE camera DROP CONSTRAINT camera_state_check;
ALTER TABLE camera ADD CONSTRAINT camera_state_check CHECK (state IN ('unknown', 'online', 'connecting', 'live', 'offline', 'auth_failed', 'no_keyframe', 'wrong_codec', 'stalled', 'frozen', 'late'));
ALTER TABLE camera ADD COLUMN counted_at timestamptz;
UPDATE import_change SET before = left(before, -1) || ',)' WHERE layer = 'camera' AND before IS NOT NULL;

-- Of a disabled camera nothing is known, and it is no alarm.
CREATE FUNCTION camera_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.state := 'unknown';
    NEW.reason_zh := NULL;
    NEW.reason_en := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER camera_off BEFORE INSERT OR UPDATE ON camera FOR EACH ROW WHEN (NOT NEW.enabled) EXECUTE FUNCTION camera_off();

-- A row a camera and hour: as many as there are cameras and hours kept, however often a camera comes and goes.
CREATE TABLE camera_hour (
    camera    text NOT NULL REFERENCES camera (id) ON DELETE CASCADE,
    hour      timestamptz NOT NULL,
    up_s      real NOT NULL DEFAULT 0, -- online, live, connecting
    late_s    real NOT NULL DEFAULT 0,
    offline_s real NOT NULL DEFAULT 0,
    auth_s    real NOT NULL DEFAULT 0,
    picture_s real NOT NULL DEFAULT 0, -- no keyframe, wrong codec, stalled, frozen
    losses    integer NOT NULL DEFAULT 0, -- how often it stopped being up
    PRIMARY KEY (camera, hour)
);
CREATE INDEX camera_hour_hour ON camera_hour (hour);

-- Hours older than a fortnight are kept as days.
CREATE TABLE camera_day (
    camera    text NOT NULL REFERENCES camera (id) ON DELETE CASCADE,
    day       date NOT NULL, -- UTC
    up_s      real NOT NULL,
    late_s    real NOT NULL,
    offline_s real NOT NULL,
    auth_s    real NOT NULL,
    picture_s real NOT NULL,
    losses    integer NOT NULL,
    PRIMARY KEY (camera, day)
);

-- Counts cameras in the state that they have up to an instant; nodes that count the same time twice count it once.
CREATE FUNCTION camera_count(ids text[], until timestamptz) RETURNS void LANGUAGE sql AS $$
    WITH due AS (
        SELECT id, state, counted_at AS began FROM camera
        WHERE enabled AND (ids IS NULL OR id = ANY (ids)) AND (counted_at IS NULL OR counted_at < until)
        ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE camera AS c SET counted_at = until FROM due WHERE c.id = due.id
    ), parts AS (
        SELECT id, state, h AS hour, extract(epoch FROM LEAST(h + interval '1 hour', until) - GREATEST(h, began))::real AS s
        FROM due, generate_series(date_trunc('hour', began, 'UTC'), until, interval '1 hour') AS h
        WHERE began > until - interval '3 minutes' AND state <> 'unknown' AND h < until
    )
    INSERT INTO camera_hour AS t (camera, hour, up_s, late_s, offline_s, auth_s, picture_s)
    SELECT id, hour,
        CASE WHEN state IN ('online', 'live', 'connecting') THEN s ELSE 0 END,
        CASE WHEN state = 'late' THEN s ELSE 0 END,
        CASE WHEN state = 'offline' THEN s ELSE 0 END,
        CASE WHEN state = 'auth_failed' THEN s ELSE 0 END,
        CASE WHEN state IN ('no_keyframe', 'wrong_codec', 'stalled', 'frozen') THEN s ELSE 0 END
    FROM parts
    ON CONFLICT (camera, hour) DO UPDATE
    SET up_s = t.up_s + EXCLUDED.up_s, late_s = t.late_s + EXCLUDED.late_s, offline_s = t.offline_s + EXCLUDED.offline_s,
        auth_s = t.auth_s + EXCLUDED.auth_s, picture_s = t.picture_s + EXCLUDED.picture_s
$$;
