-- The small picture of a camera (子码流), for small tiles and for browsers that cannot decode the main one. Credentials
-- are in it as in url.
ALTER TABLE camera ADD COLUMN sub_url text NOT NULL DEFAULT '';
