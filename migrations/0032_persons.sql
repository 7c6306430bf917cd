-- Records of persons who are cared for; the module is off unless the site switches it on. What names a person is sealed in one
-- column; there is no place but the grid, so nothing can be drawn as a dot.
CREATE TABLE person_record (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    grid        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('elderly_alone', 'disabled', 'child_alone', 'hardship', 'illness')),
    purpose     text NOT NULL CHECK (length(purpose) BETWEEN 4 AND 200),
    owner       integer NOT NULL REFERENCES account (id),
    sealed      bytea NOT NULL,
    key_id      text NOT NULL,
    made_at     timestamptz NOT NULL,
    made_by     integer NOT NULL REFERENCES account (id),
    reviewed_on date NOT NULL,
    review_on   date NOT NULL,
    CHECK (review_on > reviewed_on AND review_on <= reviewed_on + 92) -- once a quarter
);
CREATE INDEX person_record_owner ON person_record (owner);
CREATE INDEX person_record_grid ON person_record (grid, kind);
