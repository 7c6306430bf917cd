-- Alarms (EEMUA 191, ISA-18.2): what needs somebody's answer in time. alarm holds what stands and what stood; alarm_move
-- says how it came to that and is never changed.
CREATE TABLE alarm (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key             text NOT NULL CHECK (key <> '' AND length(key) <= 200), -- what it is about: one alarm stands for a key
    rule            text NOT NULL,
    priority        text NOT NULL CHECK (priority IN ('high', 'medium', 'low')),
    tone            text NOT NULL CHECK (tone IN ('high', 'medium', 'low', 'none')),
    source          text NOT NULL,
    source_id       text NOT NULL DEFAULT '',
    title_zh        text NOT NULL CHECK (title_zh <> ''),
    title_en        text NOT NULL CHECK (title_en <> ''),
    detail_zh       text NOT NULL DEFAULT '',
    detail_en       text NOT NULL DEFAULT '',
    items           jsonb NOT NULL DEFAULT '[]', -- [{id, name}] of the things that it stands for; never secret cameras
    items_total     integer NOT NULL DEFAULT 0,
    grid            text,
    geom            geometry(Point, 4326),
    state           text NOT NULL CHECK (state IN ('unacknowledged', 'acknowledged', 'returned', 'shelved', 'out_of_service', 'normal')),
    active          boolean NOT NULL,                -- the condition is there now
    count           integer NOT NULL DEFAULT 1,      -- activations, those that were collapsed too
    chattering      boolean NOT NULL DEFAULT false,  -- flaps are counted and no longer told one by one
    first_at        timestamptz NOT NULL,
    raised_at       timestamptz NOT NULL,            -- the newest activation that was told
    flapped_at      timestamptz NOT NULL,            -- the newest activation or return, told or not
    changed_at      timestamptz NOT NULL,
    told_at         timestamptz NOT NULL,            -- the newest event
    acknowledged_at timestamptz,
    returned_at     timestamptz,
    escalate_at     timestamptz,                     -- unacknowledged then, it goes to the duty leader
    escalated_at    timestamptz,
    shelved_until   timestamptz,
    ended_at        timestamptz,
    version         integer NOT NULL DEFAULT 1,
    CHECK ((state = 'shelved') = (shelved_until IS NOT NULL)),
    CHECK ((state = 'normal') = (ended_at IS NOT NULL)),
    CHECK (state NOT IN ('returned', 'normal') OR NOT active)
);
CREATE UNIQUE INDEX alarm_standing ON alarm (key) WHERE ended_at IS NULL;
CREATE INDEX alarm_key ON alarm (key, id);
CREATE INDEX alarm_escalate ON alarm (escalate_at) WHERE escalate_at IS NOT NULL;

CREATE TABLE alarm_move (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm   bigint NOT NULL REFERENCES alarm (id),
    move    text NOT NULL, -- raise return chatter quiet escalate expire, and those that people make
    at      timestamptz NOT NULL,
    account integer REFERENCES account (id), -- null: the house itself
    role    text,
    note    text
);
CREATE INDEX alarm_move_alarm ON alarm_move (alarm, id);
CREATE INDEX alarm_move_at ON alarm_move (move, at);

CREATE FUNCTION alarm_move_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'alarm_move is append-only';
END
$$;
CREATE TRIGGER alarm_move_stands BEFORE UPDATE OR DELETE ON alarm_move FOR EACH ROW EXECUTE FUNCTION alarm_move_stands();

-- More alarms than a desk can answer. One flood at a time.
CREATE TABLE alarm_flood (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    worst    integer NOT NULL -- the most alarms that 10 minutes of it held
);
CREATE UNIQUE INDEX alarm_flood_standing ON alarm_flood ((true)) WHERE ended_at IS NULL;

-- A key answers a repeated report of a sensor with the first one's alarm.
CREATE TABLE alarm_report_key (
    account integer NOT NULL REFERENCES account (id),
    key     text NOT NULL CHECK (length(key) <= 255),
    sum     bytea NOT NULL, -- SHA-256 of the request
    alarm   bigint REFERENCES alarm (id), -- null: it said that something is over which did not stand
    at      timestamptz NOT NULL,
    PRIMARY KEY (account, key)
);

-- Screens of a wall by their heartbeats. The times are those of the database: nodes' clocks differ.
CREATE TABLE wall_screen (
    wall     text NOT NULL REFERENCES wall (id) ON DELETE CASCADE,
    screen   text NOT NULL CHECK (screen ~ '^[a-z0-9-]{1,64}$'),
    seen_at  timestamptz NOT NULL,
    fps      real, -- frames a second that the page painted
    PRIMARY KEY (wall, screen)
);

-- What cameras go dark together by: the switch if it is registered, else the network of the address, else the grid.
-- The loopback is no network: relays stand there.
ALTER TABLE camera ADD COLUMN switch text NOT NULL DEFAULT '' CHECK (length(switch) <= 100);
ALTER TABLE camera ADD COLUMN behind text GENERATED ALWAYS AS (
    CASE
        WHEN switch <> '' THEN 'switch:' || switch
        WHEN substring(url FROM '^rtsps?://(?:[^/]*@)?(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}(?::\d+)?(?:/|$)') NOT LIKE '127.%'
            THEN 'network:' || substring(url FROM '^rtsps?://(?:[^/]*@)?(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}(?::\d+)?(?:/|$)') || '.0/24'
        WHEN grid IS NOT NULL THEN 'grid:' || grid
        ELSE ''
    END) STORED;

-- Critical cases are few: whether one is late is asked every second.
CREATE INDEX case_file_critical ON case_file (id) WHERE open AND priority = 'critical';
