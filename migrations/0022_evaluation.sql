-- Evaluation: what each case counts for, and the counts by day. Days are those of the site's time zone.
CREATE TABLE case_fact (
    case_id        bigint PRIMARY KEY,
    grid           text NOT NULL DEFAULT '',
    department     text NOT NULL DEFAULT '',
    collector      integer NOT NULL DEFAULT 0, -- the account that reported
    posts          text[] NOT NULL,            -- roles that made a move of it
    kind           text NOT NULL,              -- part, matter or empty
    part           boolean NOT NULL,           -- of another case: counts for departments and posts alone
    accepted_on    date NOT NULL,
    filed_on       date,
    dispatched_on  date,
    sign_due_on    date,
    handle_due_on  date,
    due_on         date,
    finished_on    date,
    signed_on_time boolean NOT NULL,
    handled        boolean NOT NULL,
    closed         boolean NOT NULL,
    closed_on_time boolean NOT NULL,
    reworked       boolean NOT NULL,
    extended       boolean NOT NULL,
    local          boolean NOT NULL, -- settled without a department
    rated          boolean NOT NULL,
    satisfied      boolean NOT NULL
);
CREATE INDEX case_fact_accepted ON case_fact (accepted_on);
CREATE INDEX case_fact_filed ON case_fact (filed_on);
CREATE INDEX case_fact_dispatched ON case_fact (dispatched_on);
CREATE INDEX case_fact_sign_due ON case_fact (sign_due_on);
CREATE INDEX case_fact_handle_due ON case_fact (handle_due_on);
CREATE INDEX case_fact_due ON case_fact (due_on);
CREATE INDEX case_fact_finished ON case_fact (finished_on);

CREATE TABLE case_day (
    dim            text NOT NULL CHECK (dim IN ('town', 'grid', 'department', 'post', 'collector')),
    object         text NOT NULL,
    kind           text NOT NULL,
    day            date NOT NULL,
    accepted       integer NOT NULL,
    filed          integer NOT NULL,
    dispatched     integer NOT NULL,
    sign_due       integer NOT NULL,
    signed_on_time integer NOT NULL,
    handle_due     integer NOT NULL,
    handled        integer NOT NULL,
    due            integer NOT NULL,
    closed         integer NOT NULL,
    closed_on_time integer NOT NULL,
    reworked       integer NOT NULL,
    extended       integer NOT NULL,
    finished       integer NOT NULL,
    solved         integer NOT NULL,
    local          integer NOT NULL,
    rated          integer NOT NULL,
    satisfied      integer NOT NULL,
    PRIMARY KEY (dim, object, kind, day)
);

-- Which event the counts stand for; null: they were never made.
CREATE TABLE evaluation_mark (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint
);
INSERT INTO evaluation_mark (seq) VALUES (NULL);

-- The site's formulas and weights: every revision stays.
CREATE TABLE evaluation_plan (
    revision integer PRIMARY KEY CHECK (revision > 0),
    plan     jsonb NOT NULL,
    at       timestamptz NOT NULL,
    account  integer REFERENCES account (id)
);
