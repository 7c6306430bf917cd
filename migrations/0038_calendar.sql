-- The site's working calendar as it was saved, the last row counts; without one the shipped calendar does.
CREATE TABLE calendar (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan     jsonb NOT NULL, -- {zone, week, hours, workday, days}
    saved_at timestamptz NOT NULL,
    saved_by text NOT NULL
);
