-- Sessions end by being idle, by age, or by being revoked; tokens of programs by their date; names that are tried are locked.
ALTER TABLE session
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN address text NOT NULL DEFAULT '',
    ADD COLUMN agent text NOT NULL DEFAULT '';
CREATE INDEX session_account ON session (account);

ALTER TABLE token
    ADD COLUMN expires_at timestamptz, -- null: never
    ADD COLUMN scope text[];           -- rights of the account that it has; null: all

-- A password that was given out is good for one thing: to be changed.
ALTER TABLE account ADD COLUMN once boolean NOT NULL DEFAULT false;

-- By the name that was tried, whether there is such an account or not: a lock tells nobody which names exist.
CREATE TABLE sign_in_failure (
    username     text PRIMARY KEY CHECK (length(username) <= 64),
    failures     integer NOT NULL,
    last_at      timestamptz NOT NULL,
    locked_until timestamptz NOT NULL
);
