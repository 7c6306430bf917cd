-- The catalogue of parts and matters in its editions, what each condition of a class is given, and who answers for a class where.
CREATE TABLE catalogue_class (
    edition  text NOT NULL CHECK (edition ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    code     text NOT NULL CHECK (code ~ '^[0-9]{4,5}$'), -- major 2, minor 3; 2 in the older editions
    kind     text NOT NULL CHECK (kind IN ('part', 'matter')),
    major    text NOT NULL CHECK (major ~ '^[0-9]{2}$' AND code ^@ major),
    major_zh text NOT NULL,
    major_en text NOT NULL,
    zh       text NOT NULL CHECK (zh <> ''),
    en       text NOT NULL,
    part     text NOT NULL, -- what kind of part a case of it is about; empty: none
    priority text NOT NULL CHECK (priority IN ('critical', 'urgent', 'normal', 'advice')),
    listed   boolean NOT NULL, -- on the centre's list of responsibilities
    PRIMARY KEY (edition, code)
);

-- The condition carries the limit, not the class.
CREATE TABLE catalogue_condition (
    edition   text NOT NULL,
    class     text NOT NULL,
    condition text NOT NULL CHECK (condition ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
    n         integer NOT NULL, -- the order on the page
    zh        text NOT NULL CHECK (zh <> ''),
    en        text NOT NULL,
    given     text NOT NULL, -- "2 emergency hours", as in flows
    PRIMARY KEY (edition, class, condition),
    FOREIGN KEY (edition, class) REFERENCES catalogue_class (edition, code)
);

-- What a class of one edition is called in another.
CREATE TABLE catalogue_bridge (
    from_edition text NOT NULL,
    from_code    text NOT NULL,
    to_edition   text NOT NULL CHECK (to_edition <> from_edition),
    to_code      text NOT NULL,
    PRIMARY KEY (from_edition, from_code, to_edition),
    FOREIGN KEY (from_edition, from_code) REFERENCES catalogue_class (edition, code),
    FOREIGN KEY (to_edition, to_code) REFERENCES catalogue_class (edition, code)
);

-- 定人、定格、定责: which department answers for a class in a grid and all below it; the nearest grid decides. Empty: everywhere.
CREATE TABLE catalogue_duty (
    edition    text NOT NULL,
    class      text NOT NULL,
    grid       text NOT NULL DEFAULT '',
    department text NOT NULL REFERENCES department (code),
    PRIMARY KEY (edition, class, grid),
    FOREIGN KEY (edition, class) REFERENCES catalogue_class (edition, code)
);
