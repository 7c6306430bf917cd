-- The ordered log of everything that happened. event_head holds the newest number: taking the next one locks that row
-- until the transaction ends, so numbers have no gaps and become visible in their order.
CREATE TABLE event_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint NOT NULL
);
INSERT INTO event_head (seq) VALUES (0);

CREATE TABLE event (
    seq  bigint PRIMARY KEY,
    type text NOT NULL,
    at   timestamptz NOT NULL,
    data json NOT NULL -- json, not jsonb: kept byte for byte
);
