-- Verification 核实 and check 核查 are tasks of one officer, who signs in by an account; A/B: who is off duty is stood in for,
-- officers and departments alike.
ALTER TABLE account ADD COLUMN officer text REFERENCES officer (code) ON DELETE SET NULL; -- who of the roster this is
CREATE INDEX account_officer ON account (officer) WHERE officer IS NOT NULL;

ALTER TABLE department
    ADD COLUMN stand_in text REFERENCES department (code) DEFERRABLE INITIALLY DEFERRED,
    ADD COLUMN on_duty  boolean NOT NULL DEFAULT true;

ALTER TABLE case_file ADD COLUMN officer text REFERENCES officer (code); -- whose task it is
CREATE INDEX case_file_officer ON case_file (officer) WHERE open AND officer IS NOT NULL;
CREATE INDEX case_file_department ON case_file (department) WHERE open AND department IS NOT NULL;
