-- Who an account is at the site's OpenID provider: a name there may change hands, the subject does not.
ALTER TABLE account
    ADD COLUMN issuer text,
    ADD COLUMN subject text,
    ADD CONSTRAINT account_subject UNIQUE (issuer, subject),
    ADD CONSTRAINT account_subject_whole CHECK ((issuer IS NULL) = (subject IS NULL));
