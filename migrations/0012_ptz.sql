-- How a PTZ camera's head is mounted; without a row it is at the host of the camera's address, looking along its bearing.
CREATE TABLE ptz_head (
    camera        text PRIMARY KEY REFERENCES camera (id) ON DELETE CASCADE,
    address       text NOT NULL DEFAULT '',                             -- of the ONVIF device service, without credentials
    zero_deg      real CHECK (zero_deg >= 0 AND zero_deg < 360),        -- bearing at pan 0; null: the camera's bearing
    pan_deg       real NOT NULL CHECK (pan_deg > 0 AND pan_deg <= 360), -- pan at the head's position 1, to either side
    tilt_low_deg  real NOT NULL CHECK (tilt_low_deg >= -180),           -- elevation at the head's position -1
    tilt_high_deg real NOT NULL CHECK (tilt_high_deg <= 180),           -- … and at 1
    speed_deg     real NOT NULL CHECK (speed_deg > 0),                  -- degrees a second at full speed
    no_look       jsonb NOT NULL DEFAULT '[]',                          -- 禁视区: [{name, from_deg, to_deg, low_deg, high_deg}]
    CHECK (tilt_low_deg < tilt_high_deg)
);

-- Who turns a head. A row that was not renewed for 15 s is nobody's: its node is gone.
CREATE TABLE ptz_driver (
    camera   text PRIMARY KEY REFERENCES camera (id) ON DELETE CASCADE,
    session  text NOT NULL,
    username text NOT NULL,
    name     text NOT NULL,
    since    timestamptz NOT NULL,
    seen_at  timestamptz NOT NULL
);
