-- The log, made to last: chained by hashes, told to audiences, one partition a month.
--
-- Whoever writes events locks the one row of event_head first: numbers have no gaps, become visible in their order, and
-- each hash covers the one before it:
--   hash = sha256(hash before || int8 seq || int8 microseconds of at || type || 00 || grid || 00 || needs || 00 || data)
-- with integers big-endian, and text and data as UTF-8.

ALTER TABLE event RENAME TO event_before;
ALTER TABLE event_before RENAME CONSTRAINT event_pkey TO event_before_pkey;

CREATE TABLE event (
    seq   bigint NOT NULL,
    type  text NOT NULL,
    at    timestamptz NOT NULL,
    grid  text NOT NULL DEFAULT '', -- whom it is told: those whose jurisdiction holds this cell; empty: everyone
    needs text NOT NULL DEFAULT '', -- the right that one must have beside that of its topic; empty: none
    data  json NOT NULL,            -- json, not jsonb: kept byte for byte
    hash  bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (seq, at)
) PARTITION BY RANGE (at);

ALTER TABLE event_head
    ADD COLUMN hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    ADD COLUMN log uuid NOT NULL DEFAULT gen_random_uuid(), -- which log this is: numbers of another one mean nothing here
    ADD COLUMN kept_seq bigint NOT NULL DEFAULT 0,          -- events up to this one are gone by policy …
    ADD COLUMN kept_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'); -- … and the chain goes on from this hash

-- event_month makes the partition that holds the time, if there is none. Creating apart and attaching lets others write on.
CREATE FUNCTION event_month(at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first timestamptz := date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    next  timestamptz := (date_trunc('month', at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
    name  text := 'event_' || to_char(at AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE event IN SHARE UPDATE EXCLUSIVE MODE; -- another node may be making it; writers are not kept out
    IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass(name)) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE event INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', name);
    EXECUTE format('ALTER TABLE event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first, next);
END
$$;

CREATE FUNCTION event_hash(before bytea, seq bigint, at timestamptz, type text, grid text, needs text, data json) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(before || int8send(seq) || int8send((extract(epoch FROM at) * 1000000)::bigint)
        || convert_to(type, 'UTF8') || '\x00' || convert_to(grid, 'UTF8') || '\x00' || convert_to(needs, 'UTF8') || '\x00' || convert_to(data::text, 'UTF8'))
$$;

DO $$
DECLARE
    e    record;
    last bytea := decode(repeat('00', 32), 'hex');
BEGIN
    FOR e IN SELECT * FROM event_before ORDER BY seq LOOP
        PERFORM event_month(e.at);
        last := event_hash(last, e.seq, e.at, e.type, '', '', e.data);
        INSERT INTO event (seq, type, at, data, hash) VALUES (e.seq, e.type, e.at, e.data, last);
    END LOOP;
    UPDATE event_head SET hash = last;
END
$$;
DROP TABLE event_before;

-- A case keeps the code of its grid whatever becomes of the grid: codes are never used again. Without the reference,
-- an import of grids and the writer of cases never wait for each other's rows.
ALTER TABLE case_file DROP CONSTRAINT case_file_grid_fkey;

-- A key stands with its case or not at all, as the writer stores both: checking that again cost as much as storing it.
ALTER TABLE idempotency DROP CONSTRAINT idempotency_account_fkey, DROP CONSTRAINT idempotency_case_id_fkey;

-- Open cases have no place in an index of closing times.
DROP INDEX case_file_closed;
CREATE INDEX case_file_closed ON case_file (closed_at) WHERE closed_at IS NOT NULL;
