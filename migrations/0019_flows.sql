-- Site flows in every edition that was read, and what declared flows need of a case.
CREATE TABLE flow_file (
    flow    text NOT NULL,
    edition integer NOT NULL CHECK (edition > 0),
    text    text NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (flow, edition)
);

ALTER TABLE case_file
    ADD COLUMN parent          bigint REFERENCES case_file (id), -- the case that this is a part of
    ADD COLUMN merged_into     bigint REFERENCES case_file (id), -- the case that answers for this one
    ADD COLUMN supervised      boolean NOT NULL DEFAULT false,
    ADD COLUMN exempt          boolean NOT NULL DEFAULT false,
    ADD COLUMN suspended_until timestamptz;
CREATE INDEX case_file_parent ON case_file (parent) WHERE parent IS NOT NULL;
CREATE INDEX case_file_merged ON case_file (merged_into) WHERE merged_into IS NOT NULL;

-- The engine moves by itself when a clock is overdue: no account.
ALTER TABLE case_move ALTER COLUMN account DROP NOT NULL;

ALTER TABLE case_clock
    DROP CONSTRAINT case_clock_stage_check,
    ADD CONSTRAINT case_clock_stage_check CHECK (stage ~ '^[a-z][a-z_]{0,31}$'), -- the flow names them
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN paused_s  integer NOT NULL DEFAULT 0, -- in the time of its unit
    ADD COLUMN extended  integer NOT NULL DEFAULT 0; -- original limits that were added

-- What the reporter of a case was told: by a move of it, or of the case that it was merged into.
CREATE TABLE case_answer (
    case_id bigint NOT NULL REFERENCES case_file (id),
    told_by bigint NOT NULL REFERENCES case_file (id),
    n       integer NOT NULL, -- the move
    at      timestamptz NOT NULL,
    zh      text NOT NULL,
    en      text NOT NULL,
    PRIMARY KEY (case_id, told_by, n)
);
