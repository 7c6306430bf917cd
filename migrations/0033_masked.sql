-- Which closed cases have lost their reporter, photos and numbers of persons by retention.
ALTER TABLE case_file ADD COLUMN purged boolean NOT NULL DEFAULT false;
CREATE INDEX case_file_purge ON case_file (closed_at) WHERE NOT purged;
