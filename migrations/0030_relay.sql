-- A relay is a gridwall beside the centre that pulls a share of the cameras and serves their pictures.
CREATE TABLE relay (
    id      text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,64}$'),
    url     text NOT NULL, -- where pages reach it: https://10.2.0.5:8443
    rtsp    text NOT NULL DEFAULT '', -- where other players do, host:port; empty: they do not
    seen_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE camera
    ADD COLUMN relay text REFERENCES relay (id); -- NULL: the centre pulls it
CREATE INDEX camera_relay ON camera (relay) WHERE relay IS NOT NULL;

-- Rows that imports kept are cast back by the table's type.
UPDATE import_change SET before = left(before, -1) || ',)' WHERE layer = 'camera' AND before IS NOT NULL;

DROP TRIGGER camera_changed ON camera;
CREATE TRIGGER camera_changed AFTER UPDATE OF name, url, sub_url, sealed, geom, bearing_deg, angle_deg, range_m, height_m, ptz, indoor, secret, purpose, pinned, switch,
    enabled, group_name, upstream, owner, maker, model, address, civil_code, ptz_type, position_type, use_type, light_type, sign, relay
    ON camera FOR EACH ROW EXECUTE FUNCTION camera_change_keep();
