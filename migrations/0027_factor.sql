-- A second factor of signing in (RFC 6238). The secret is sealed with the keys of the data folder, so that the database
-- alone makes no code.
CREATE TABLE factor (
    account      integer PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    secret       bytea NOT NULL,
    key_id       text,                      -- the key that sealed it; null: it lies open (tests)
    made_at      timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,               -- null: no code of it was shown yet, and none is asked for
    last_step    bigint NOT NULL DEFAULT 0  -- of the newest code that was taken: no code is good twice
);

-- For who lost the telephone: each is good once.
CREATE TABLE recovery_code (
    account integer NOT NULL REFERENCES factor (account) ON DELETE CASCADE,
    hash    bytea NOT NULL,
    PRIMARY KEY (account, hash)
);

-- How a session was opened: who signed in elsewhere (OIDC) was asked for the second factor there, or not.
ALTER TABLE session ADD COLUMN by text NOT NULL DEFAULT 'password' CHECK (by IN ('password', 'oidc'));
