-- One row of sessions is one log-in that lives. What has ended is deleted there and told here, in the same transaction.

-- Who follows this log in the order of its key, from a position that no open transaction can still get behind, misses
-- nothing. Kept until the last access token of the session has expired.
CREATE TABLE ended_sessions (
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    session_id uuid NOT NULL,
    -- No foreign key: the log outlives whom it is about, and is written with every log-out.
    user_id    bigint NOT NULL,
    ended_at   timestamptz NOT NULL,
    CONSTRAINT ended_sessions_pkey PRIMARY KEY (xid, session_id)
);

CREATE INDEX ended_sessions_ended_at_idx ON ended_sessions (ended_at);

-- What no version has written.
ALTER TABLE sessions
    DROP COLUMN refresh_hash,
    DROP COLUMN family,
    DROP COLUMN rotated_from;

ALTER TABLE sessions
    -- SHA-256 of the secret that all refresh tokens of the session share; absent in a log-in that cannot be refreshed.
    ADD COLUMN family_hash   bytea,
    -- SHA-256 of the secret of the newest refresh token, and of the one before it.
    ADD COLUMN secret_hash   bytea,
    ADD COLUMN previous_hash bytea,
    -- What made the newest secret from the one before it.
    ADD COLUMN salt          bytea,
    ADD COLUMN rotated_at    timestamptz,
    ADD CONSTRAINT sessions_refresh_whole CHECK (
        num_nonnulls(family_hash, secret_hash) IN (0, 2)
        AND num_nonnulls(previous_hash, salt, rotated_at) IN (0, 3)
        AND (secret_hash IS NOT NULL OR salt IS NULL)
    );

CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- A version before this one marks what it ends, also while it is being replaced. Such rows count as gone, and are
-- deleted with the expired ones.
DELETE FROM sessions WHERE revoked_at IS NOT NULL;
