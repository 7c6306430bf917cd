-- What operators said a camera sees of a case's place: 看得见/看不见. It holds for places close by.
CREATE TABLE sight_answer (
    case_id bigint NOT NULL REFERENCES case_file (id) ON DELETE CASCADE,
    camera  text NOT NULL REFERENCES camera (id) ON DELETE CASCADE,
    geom    geometry(Point, 4326) NOT NULL,
    sees    boolean NOT NULL,
    account integer NOT NULL REFERENCES account (id),
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, camera)
);
CREATE INDEX sight_answer_geom ON sight_answer USING gist (geom);

-- A camera that was moved or turned sees something else.
CREATE FUNCTION forget_sight() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sight_answer WHERE camera = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER camera_forget_sight AFTER UPDATE ON camera FOR EACH ROW
    WHEN (NOT ST_Equals(OLD.geom, NEW.geom)
        OR (OLD.bearing_deg, OLD.angle_deg, OLD.range_m, OLD.height_m) IS DISTINCT FROM (NEW.bearing_deg, NEW.angle_deg, NEW.range_m, NEW.height_m))
    EXECUTE FUNCTION forget_sight();
