-- Users whom an operator has locked out.

ALTER TABLE users
    -- Since when nobody logs in.
    ADD COLUMN locked_at   timestamptz,
    -- Why, in an operator's words; the user is not told.
    ADD COLUMN lock_reason text CONSTRAINT users_lock_whole CHECK (lock_reason IS NULL OR locked_at IS NOT NULL);

-- What the housekeeping deletes.
CREATE INDEX mail_tokens_expires_at_idx ON mail_tokens (expires_at);
CREATE INDEX known_addresses_seen_at_idx ON known_addresses (seen_at);
