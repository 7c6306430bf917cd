-- The auditor 审计员 reads the audit and nothing else; who administers does not watch himself alone.
ALTER TABLE account DROP CONSTRAINT account_role_check;
ALTER TABLE account ADD CONSTRAINT account_role_check
    CHECK (role IN ('admin', 'operator', 'dispatcher', 'duty_leader', 'leader', 'integrator', 'officer', 'specialist', 'department', 'resident', 'auditor'));
