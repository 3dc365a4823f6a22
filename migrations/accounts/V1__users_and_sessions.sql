-- Users and their log-ins. Names are unqualified: the schema is the first of the connection's search_path.
-- Times come from the service's clock.

CREATE TABLE users (
    id             bigint GENERATED ALWAYS AS IDENTITY,
    uuid           uuid NOT NULL DEFAULT gen_random_uuid(),
    -- Canonical form (composed, lower-case): what tells accounts apart.
    email          text COLLATE "C",
    email_as_typed text,
    first_name     text,
    last_name      text,
    -- What searches run over: the folded full name, and the folded last name. Folded by the service, because what
    -- lower() does depends on the locale of the database; compared by bytes, so that a prefix is a range.
    name_key       text COLLATE "C",
    last_name_key  text COLLATE "C",
    -- PHC string: algorithm, parameters and salt are part of it.
    password_hash  text,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    deleted_at     timestamptz,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_uuid_key UNIQUE (uuid),
    CONSTRAINT users_email_key UNIQUE (email),
    -- A user who is there can log in; of one who is gone nothing personal is left.
    CONSTRAINT users_present_or_anonymous CHECK (
        CASE WHEN deleted_at IS NULL
            THEN email IS NOT NULL AND email_as_typed IS NOT NULL AND password_hash IS NOT NULL
            ELSE num_nonnulls(email, email_as_typed, first_name, last_name, name_key, last_name_key, password_hash) = 0
        END
    )
);

CREATE INDEX users_name_key_idx ON users (name_key, id) WHERE name_key IS NOT NULL;
CREATE INDEX users_last_name_key_idx ON users (last_name_key, id) WHERE last_name_key IS NOT NULL;

CREATE TABLE sessions (
    id           uuid NOT NULL,
    user_id      bigint NOT NULL,
    -- SHA-256 of the opaque refresh token; a spent token seen again ends its whole family.
    refresh_hash bytea,
    family       uuid,
    rotated_from uuid,
    user_agent   text,
    ip           inet,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_refresh_hash_key UNIQUE (refresh_hash),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
);

CREATE INDEX sessions_user_id_idx ON sessions (user_id, created_at DESC, id);
CREATE INDEX sessions_family_idx ON sessions (family) WHERE family IS NOT NULL;
