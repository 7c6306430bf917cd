-- The closed loop. case_file holds what the log says now; case_move says how it came to that.
CREATE TABLE case_file (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number        text NOT NULL UNIQUE CHECK (number ~ '^[0-9]{19}$'), -- county 6, day 8, serial 5
    flow          text NOT NULL,
    flow_edition  integer NOT NULL,
    state         text NOT NULL,
    priority      text NOT NULL CHECK (priority IN ('critical', 'urgent', 'normal', 'advice')),
    class         text,
    class_edition text,
    condition     text,
    title         text NOT NULL CHECK (title <> ''),
    description   text NOT NULL DEFAULT '',
    address       text NOT NULL DEFAULT '',
    geom          geometry(Point, 4326) NOT NULL,
    grid          text REFERENCES grid (code) ON DELETE SET NULL,
    camera        text,
    department    text REFERENCES department (code),
    reporter      jsonb, -- name and phone of a person: never in an event, never on a wall
    rating        integer,
    returns       integer NOT NULL DEFAULT 0,
    light         text CHECK (light IN ('green', 'yellow', 'red')), -- as frozen at close
    reported_at   timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    closed_at     timestamptz,
    open          boolean NOT NULL DEFAULT true,
    version       integer NOT NULL DEFAULT 1,
    CHECK ((class IS NULL) = (class_edition IS NULL)),
    CHECK (open = (closed_at IS NULL))
);
CREATE INDEX case_file_geom ON case_file USING gist (geom);
CREATE INDEX case_file_open ON case_file (id) WHERE open;
CREATE INDEX case_file_grid ON case_file (grid, state);
CREATE INDEX case_file_reported ON case_file (reported_at);
CREATE INDEX case_file_closed ON case_file (closed_at);

CREATE TABLE case_move (
    case_id    bigint NOT NULL REFERENCES case_file (id),
    n          integer NOT NULL, -- 1 is the report
    move       text NOT NULL,
    from_state text,
    to_state   text NOT NULL,
    at         timestamptz NOT NULL,
    account    integer NOT NULL REFERENCES account (id),
    role       text NOT NULL,
    note       text,
    department text REFERENCES department (code),
    rating     integer,
    PRIMARY KEY (case_id, n)
);

-- One row a clock that ran: stage, limit and, once it has stopped, what was used of it.
CREATE TABLE case_clock (
    case_id    bigint NOT NULL REFERENCES case_file (id),
    stage      text NOT NULL CHECK (stage IN ('verify', 'dispatch', 'sign', 'handle', 'check', 'total')),
    n          integer NOT NULL, -- how many times this stage was entered
    unit       text NOT NULL CHECK (unit IN ('emergency', 'workhour', 'workday', 'natural')),
    limit_s    integer NOT NULL CHECK (limit_s > 0),
    started_at timestamptz NOT NULL,
    warn_at    timestamptz NOT NULL, -- 80 % used: the light turns yellow
    due_at     timestamptz NOT NULL, -- 100 %: red
    ended_at   timestamptz,
    ended_by   integer, -- the move that stopped it
    used_s     integer,
    late_s     integer,
    PRIMARY KEY (case_id, stage, n),
    FOREIGN KEY (case_id, ended_by) REFERENCES case_move (case_id, n) DEFERRABLE INITIALLY DEFERRED,
    CHECK ((ended_at IS NULL) = (ended_by IS NULL) AND (ended_at IS NULL) = (used_s IS NULL) AND (ended_at IS NULL) = (late_s IS NULL))
);
CREATE INDEX case_clock_running ON case_clock (case_id) WHERE ended_at IS NULL;
CREATE INDEX case_clock_due ON case_clock (due_at) WHERE stage = 'total';

CREATE TABLE photo (
    id      text PRIMARY KEY,
    case_id bigint REFERENCES case_file (id), -- null: uploaded, not yet in a case
    n       integer,                          -- the move it came with
    kind    text CHECK (kind IN ('near', 'far', 'before', 'after')),
    at      timestamptz NOT NULL,
    account integer NOT NULL REFERENCES account (id),
    jpeg    bytea NOT NULL
);
CREATE INDEX photo_case ON photo (case_id, n);

-- Serial numbers of one day.
CREATE TABLE case_serial (
    prefix text PRIMARY KEY,
    last   integer NOT NULL
);

-- A key answers a repeated report with the first one's case.
CREATE TABLE idempotency (
    account integer NOT NULL REFERENCES account (id),
    key     text NOT NULL CHECK (length(key) <= 255),
    sum     bytea NOT NULL, -- SHA-256 of the request
    case_id bigint NOT NULL REFERENCES case_file (id),
    seq     bigint NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (account, key)
);
