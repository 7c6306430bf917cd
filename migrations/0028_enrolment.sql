-- A screen without a keyboard asks to become a wall's: it shows a code, and somebody who may types that in elsewhere
-- (the way of RFC 8628).
CREATE TABLE enrolment (
    hash        bytea PRIMARY KEY,           -- of what the screen asks with
    code        text NOT NULL UNIQUE,        -- what it shows
    address     text NOT NULL,
    agent       text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    device      text,                        -- the name that it was given; null: nobody has answered
    wall        text REFERENCES wall (id) ON DELETE CASCADE,
    screen      text NOT NULL DEFAULT '',    -- of the wall
    answered_by text NOT NULL DEFAULT '',    -- username
    CHECK ((device IS NULL) = (wall IS NULL))
);
CREATE INDEX enrolment_expires_at ON enrolment (expires_at);

ALTER TABLE device
    ADD COLUMN wall text REFERENCES wall (id) ON DELETE SET NULL, -- that it was enrolled for
    ADD COLUMN made_by text NOT NULL DEFAULT '';                  -- username; empty: on the server's console
