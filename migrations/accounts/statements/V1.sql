-- What programs send whose newest migration is V1. Written by a test: see ../../README.md.

-- users.lock
-- takes (int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE;

-- users.set_profile
-- takes (int8, text, text, text, text, text, text, timestamptz) gives ()
UPDATE users SET email = coalesce($2, email), email_as_typed = $3, first_name = $4, last_name = $5, name_key = $6, last_name_key = $7, updated_at = $8 WHERE id = $1;

-- users.set_password
-- takes (int8, text, text, timestamptz) gives (id int8)
UPDATE users SET password_hash = $3, updated_at = $4 WHERE id = $1 AND password_hash = $2 AND deleted_at IS NULL RETURNING id;

-- users.remove
-- takes (int8, timestamptz) gives (id int8)
UPDATE users SET email = NULL, email_as_typed = NULL, first_name = NULL, last_name = NULL, name_key = NULL, last_name_key = NULL, password_hash = NULL, updated_at = $2, deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL RETURNING id;

-- sessions.revoke
-- takes (int8, uuid, timestamptz) gives ()
UPDATE sessions SET revoked_at = $3 WHERE user_id = $1 AND revoked_at IS NULL AND ($2::uuid IS NULL OR id <> $2);

-- users.page
-- takes (int8, int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users WHERE deleted_at IS NULL ORDER BY id LIMIT $1 OFFSET $2;

-- users.present
-- takes (int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users WHERE id = $1 AND deleted_at IS NULL;

-- users.by_ids
-- takes (_int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users WHERE id = ANY($1) ORDER BY id;

-- users.search
-- takes (text, text, text, int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users WHERE id IN ( (SELECT id FROM users WHERE name_key >= $1 AND name_key < $2 ORDER BY name_key, id LIMIT $4) UNION (SELECT id FROM users WHERE last_name_key >= $1 AND last_name_key < $2 ORDER BY last_name_key, id LIMIT $4) UNION (SELECT id FROM users WHERE email = $3) ) ORDER BY name_key, id LIMIT $4;

-- sessions.open
-- takes (uuid, int8, text, text, timestamptz, timestamptz, int8) gives (id uuid)
WITH present AS ( SELECT id FROM users WHERE id = $2 AND password_hash = $3 AND deleted_at IS NULL FOR SHARE ), oldest AS ( DELETE FROM sessions WHERE user_id = $2 AND id IN ( SELECT id FROM sessions WHERE user_id = $2 ORDER BY created_at DESC, id OFFSET $7 ) AND EXISTS (SELECT FROM present) ) INSERT INTO sessions (id, user_id, user_agent, created_at, last_seen_at, expires_at) SELECT $1, present.id, $4, $5, $5, $6 FROM present RETURNING id;

-- users.insert
-- takes (text, text, text, text, text, text, text, timestamptz) gives (id int8)
INSERT INTO users (email, email_as_typed, first_name, last_name, name_key, last_name_key, password_hash, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id;

-- users.by_email
-- takes (text) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz, password_hash text)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at, password_hash FROM users WHERE email = $1;

-- users.credentials
-- takes (int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz, password_hash text)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at, password_hash FROM users WHERE id = $1 AND deleted_at IS NULL;

-- users.of_bearer
-- takes (uuid, int8, uuid) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT u.id, u.uuid, u.email_as_typed, u.first_name, u.last_name, u.created_at, u.updated_at, u.deleted_at FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1 AND u.id = $2 AND u.uuid = $3 AND s.revoked_at IS NULL AND u.deleted_at IS NULL;
