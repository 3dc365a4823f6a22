-- Where a user has logged in from, and what letters to him are good for.

-- Addresses of his latest log-ins: others' guesses at his password do not slow these.
CREATE TABLE known_addresses (
    user_id bigint NOT NULL,
    -- An IPv4 address, or the first 64 bits of an IPv6 address.
    address inet NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT known_addresses_pkey PRIMARY KEY (user_id, address),
    CONSTRAINT known_addresses_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
);

-- Tokens that letters bring: one of a kind for each user, the latest.
CREATE TABLE mail_tokens (
    user_id        bigint NOT NULL,
    purpose        text NOT NULL,
    -- SHA-256 of the token.
    token_hash     bytea NOT NULL,
    -- What is verified, or whose password is reset: of no use once the user has another address.
    email          text COLLATE "C" NOT NULL,
    email_as_typed text NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT mail_tokens_pkey PRIMARY KEY (user_id, purpose),
    CONSTRAINT mail_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT mail_tokens_purpose_known CHECK (purpose IN ('reset_password', 'verify_email')),
    CONSTRAINT mail_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
);

-- Whoever signed up before, or while nothing was verified, is not asked.
ALTER TABLE users ADD COLUMN email_unverified boolean NOT NULL DEFAULT false;

-- Of a user who is gone nothing personal is left. A trigger, because only a statement that begins after the user's row is
-- locked sees what log-ins have written that it has waited for.
CREATE FUNCTION forget_removed_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM known_addresses WHERE user_id = NEW.id;
    DELETE FROM mail_tokens WHERE user_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_forget_removed AFTER UPDATE OF deleted_at ON users
    FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION forget_removed_user();
