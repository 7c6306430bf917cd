-- Who may come in. Secrets are kept as hashes: passwords by argon2id, random tokens by SHA-256.
CREATE TABLE department (
    code text PRIMARY KEY CHECK (code <> ''),
    name text NOT NULL CHECK (name <> '')
);

CREATE TABLE officer (
    code     text PRIMARY KEY CHECK (code <> ''),
    name     text NOT NULL CHECK (name <> ''),
    post     text NOT NULL DEFAULT '',
    phone    text NOT NULL DEFAULT '',
    grid     text REFERENCES grid (code) ON DELETE SET NULL,
    stand_in text REFERENCES officer (code) DEFERRABLE INITIALLY DEFERRED, -- A/B: who stands in
    on_duty  boolean NOT NULL DEFAULT false
);
CREATE INDEX officer_grid ON officer (grid);

CREATE TABLE account (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username   text NOT NULL UNIQUE CHECK (username ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    name       text NOT NULL CHECK (name <> ''),
    role       text NOT NULL CHECK (role IN ('admin', 'operator', 'dispatcher', 'duty_leader', 'leader', 'integrator', 'officer', 'specialist', 'department', 'resident')),
    password   text, -- argon2id in PHC form; null: no sign-in by password
    department text REFERENCES department (code),
    grid       text REFERENCES grid (code) ON DELETE SET NULL,
    active     boolean NOT NULL DEFAULT true,
    CHECK ((role = 'department') = (department IS NOT NULL))
);

CREATE TABLE session (
    hash       bytea PRIMARY KEY,
    account    integer NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- A token acts as its account.
CREATE TABLE token (
    hash       bytea PRIMARY KEY,
    name       text NOT NULL,
    account    integer NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account, name)
);

-- A wall is a device, not a person.
CREATE TABLE device (
    hash       bytea PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
