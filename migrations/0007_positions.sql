-- Where officers and vehicles are by now: one row each, never in the log. What a crash of the server empties is reported
-- anew within seconds.
CREATE UNLOGGED TABLE position (
    object     text PRIMARY KEY CHECK (object <> ''),
    geom       geometry(Point, 4326) NOT NULL,
    at         timestamptz NOT NULL, -- when it was there
    written_at timestamptz NOT NULL  -- by the server's clock: what nodes read on from
);
CREATE INDEX position_written ON position (written_at);
