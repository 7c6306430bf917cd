-- Who did what to which thing, to be asked for. Each row is also told in an event audit.recorded, which the chain of the
-- log covers: a row that was changed later does not fit its event any more.
CREATE TABLE audit_entry (
    id       uuid PRIMARY KEY,
    at       timestamptz NOT NULL,
    until    timestamptz CHECK (until >= at), -- of what lasts; null: a moment, or its end is not known
    account  integer NOT NULL,                -- 0: a device. No reference: the entry outlives the account
    username text NOT NULL,
    role     text NOT NULL,
    act      text NOT NULL CHECK (act <> ''), -- camera.play, ptz.take, …
    object   text NOT NULL,                   -- of a camera: its id
    detail   jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_entry_at ON audit_entry (at);
CREATE INDEX audit_entry_object ON audit_entry (object, at);
CREATE INDEX audit_entry_account ON audit_entry (account, at);

-- What signs short-lived links; every node of the centre has the same key.
CREATE TABLE signing_key (
    name text PRIMARY KEY,
    key  bytea NOT NULL CHECK (length(key) = 32)
);
