-- The last cases of a class say who deals with it; the last of a camera what it sees.
CREATE INDEX case_file_class ON case_file (class, class_edition, id DESC) WHERE department IS NOT NULL;
CREATE INDEX case_file_camera ON case_file (camera, id DESC) WHERE camera IS NOT NULL;
