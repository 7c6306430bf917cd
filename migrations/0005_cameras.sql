-- The camera registry. url carries credentials: it is read by the room cameras alone and given to nobody.
CREATE TABLE camera (
    n           integer GENERATED ALWAYS AS IDENTITY UNIQUE, -- the feature id in tiles
    id          text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9._-]{1,64}$'),
    name        text NOT NULL CHECK (name <> ''),
    url         text NOT NULL DEFAULT '',
    grid        text REFERENCES grid (code) ON DELETE SET NULL,
    geom        geometry(Point, 4326) NOT NULL,
    bearing_deg real CHECK (bearing_deg >= 0 AND bearing_deg < 360), -- clockwise from north; null: direction unknown
    angle_deg   real CHECK (angle_deg > 0 AND angle_deg <= 360),
    range_m     real CHECK (range_m > 0),
    height_m    real,
    ptz         boolean NOT NULL DEFAULT false,
    indoor      boolean NOT NULL DEFAULT false,
    secret      boolean NOT NULL DEFAULT false, -- 保密: never on a wall
    purpose     text NOT NULL DEFAULT '',
    pinned      boolean NOT NULL DEFAULT false,
    state       text NOT NULL DEFAULT 'unknown' CHECK (state IN ('unknown', 'online', 'connecting', 'live', 'offline', 'auth_failed', 'no_keyframe', 'wrong_codec', 'stalled')),
    reason_zh   text,
    reason_en   text,
    since       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX camera_geom ON camera USING gist (geom);
CREATE INDEX camera_grid ON camera (grid);

CREATE TABLE wall (
    id       text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,64}$'),
    revision integer NOT NULL DEFAULT 1,
    body     jsonb NOT NULL
);
INSERT INTO wall (id, body) VALUES ('main', '{"title": {"zh": "网格联动指挥调度中心", "en": "Grid Dispatch Centre"}, "subtitle": {"zh": "", "en": ""}, "strip": [], "dwell_s": 30}');
