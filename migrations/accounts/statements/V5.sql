-- What programs send whose newest migration is V5. Written by a test: see ../../README.md.

-- known_addresses.known
-- takes (_text, inet, timestamptz) gives ()
SELECT FROM users u JOIN known_addresses k ON k.user_id = u.id WHERE u.email = ANY ($1) AND k.address = $2 AND k.seen_at >= $3;

-- known_addresses.remember
-- takes (int8, inet, timestamptz, timestamptz, int8) gives ()
WITH present AS ( SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL FOR SHARE ), old AS ( DELETE FROM known_addresses WHERE user_id = $1 AND address IN ( SELECT address FROM known_addresses WHERE user_id = $1 AND address <> $2 ORDER BY seen_at DESC, address OFFSET $5 ) ) INSERT INTO known_addresses AS known (user_id, address, seen_at) SELECT id, $2, $3 FROM present ON CONFLICT (user_id, address) DO UPDATE SET seen_at = excluded.seen_at WHERE known.seen_at < $4;

-- known_addresses.forget
-- takes (timestamptz, int8) gives (count int8)
WITH old AS ( SELECT user_id, address FROM known_addresses WHERE seen_at < $1 ORDER BY seen_at LIMIT $2 FOR UPDATE SKIP LOCKED ), gone AS ( DELETE FROM known_addresses k USING old WHERE k.user_id = old.user_id AND k.address = old.address RETURNING 1 ) SELECT count(*) FROM gone;

-- users.lock
-- takes (int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE;

-- users.taken
-- takes (_text, int8) gives ()
SELECT FROM users WHERE email = ANY ($1) AND id <> $2;

-- users.set_profile
-- takes (int8, text, text, text, text, text, text, timestamptz) gives ()
UPDATE users SET email = coalesce($2, email), email_as_typed = $3, first_name = $4, last_name = $5, name_key = $6, last_name_key = $7, updated_at = $8 WHERE id = $1;

-- users.set_password
-- takes (int8, text, text, timestamptz) gives (id int8)
UPDATE users SET password_hash = $3, updated_at = $4 WHERE id = $1 AND password_hash = $2 AND deleted_at IS NULL RETURNING id;

-- users.rehash
-- takes (int8, text, text) gives (id int8)
UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id;

-- users.remove
-- takes (int8, timestamptz) gives (id int8)
UPDATE users SET email = NULL, email_as_typed = NULL, first_name = NULL, last_name = NULL, name_key = NULL, last_name_key = NULL, password_hash = NULL, locked_at = NULL, lock_reason = NULL, updated_at = $2, deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL RETURNING id;

-- sessions.end_one
-- takes (int8, uuid, timestamptz) gives (session_id uuid)
WITH ended AS ( DELETE FROM sessions WHERE user_id = $1 AND id = $2 RETURNING id, user_id, revoked_at ) INSERT INTO ended_sessions (session_id, user_id, ended_at) SELECT id, user_id, $3 FROM ended WHERE revoked_at IS NULL RETURNING session_id;

-- sessions.end_all
-- takes (int8, uuid, timestamptz) gives (session_id uuid)
WITH chosen AS ( SELECT id FROM sessions WHERE user_id = $1 AND ($2::uuid IS NULL OR id <> $2) ORDER BY id FOR UPDATE ), ended AS ( DELETE FROM sessions s USING chosen WHERE s.id = chosen.id RETURNING s.id, s.user_id ) INSERT INTO ended_sessions (session_id, user_id, ended_at) SELECT id, user_id, $3 FROM ended RETURNING session_id;

-- sessions.end_some
-- takes (int8, timestamptz, int8) gives (count int8)
WITH chosen AS ( SELECT id FROM sessions WHERE $1::bigint IS NULL OR user_id = $1 ORDER BY id LIMIT $3 FOR UPDATE ), ended AS ( DELETE FROM sessions s USING chosen WHERE s.id = chosen.id RETURNING s.id, s.user_id ), told AS ( INSERT INTO ended_sessions (session_id, user_id, ended_at) SELECT id, user_id, $2 FROM ended RETURNING 1 ) SELECT count(*) FROM told;

-- ended_sessions.page
-- takes (text, uuid, timestamptz, int8) gives (floor text, ceiling text, xid text, session_id uuid, user_id int8, ended_at timestamptz)
SELECT seen.floor, seen.ceiling, e.xid::text AS xid, e.session_id, e.user_id, e.ended_at FROM ( SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS floor, pg_snapshot_xmax(pg_current_snapshot())::text AS ceiling ) seen LEFT JOIN LATERAL ( SELECT * FROM ended_sessions WHERE (xid, session_id) > ($1::text::xid8, $2) AND ended_at > $3 ORDER BY xid, session_id LIMIT $4 ) e ON true ORDER BY e.xid, e.session_id;

-- ended_sessions.forget
-- takes (timestamptz, int8) gives (count int8)
WITH old AS ( SELECT xid, session_id FROM ended_sessions WHERE ended_at < $1 ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED ), gone AS ( DELETE FROM ended_sessions e USING old WHERE e.xid = old.xid AND e.session_id = old.session_id RETURNING 1 ) SELECT count(*) FROM gone;

-- sessions.expire
-- takes (timestamptz, int8) gives (count int8)
WITH old AS ( SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED ), gone AS ( DELETE FROM sessions s USING old WHERE s.id = old.id RETURNING 1 ) SELECT count(*) FROM gone;

-- users.record
-- takes (int8, timestamptz) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz, email_unverified bool, locked_at timestamptz, lock_reason text, sessions int8)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at, email_unverified, locked_at, lock_reason, (SELECT count(*) FROM sessions s WHERE s.user_id = u.id AND s.expires_at > $2 AND s.revoked_at IS NULL) AS sessions FROM users u WHERE id = $1;

-- users.lock_out
-- takes (int8, text, timestamptz) gives (id int8)
UPDATE users SET locked_at = coalesce(locked_at, $3), lock_reason = coalesce($2, lock_reason) WHERE id = $1 AND deleted_at IS NULL RETURNING id;

-- users.let_in
-- takes (int8) gives (id int8)
UPDATE users SET locked_at = NULL, lock_reason = NULL WHERE id = $1 AND deleted_at IS NULL RETURNING id;

-- sessions.held
-- takes (int8) gives (id uuid, user_agent text, created_at timestamptz, last_seen_at timestamptz, expires_at timestamptz)
SELECT id, user_agent, created_at, last_seen_at, expires_at FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id;

-- known_addresses.held
-- takes (int8) gives (address inet, seen_at timestamptz)
SELECT address, seen_at FROM known_addresses WHERE user_id = $1 ORDER BY seen_at DESC, address;

-- mail_tokens.held
-- takes (int8) gives (purpose text, email_as_typed text, created_at timestamptz, expires_at timestamptz)
SELECT purpose, email_as_typed, created_at, expires_at FROM mail_tokens WHERE user_id = $1 ORDER BY purpose;

-- users.page
-- takes (int8, int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users WHERE deleted_at IS NULL AND id >= (SELECT id FROM users WHERE deleted_at IS NULL ORDER BY id LIMIT 1 OFFSET $2) ORDER BY id LIMIT $1;

-- users.present
-- takes (int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users WHERE id = $1 AND deleted_at IS NULL;

-- users.by_ids
-- takes (_int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users WHERE id = ANY($1) ORDER BY id;

-- users.search
-- takes (text, text, text, int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at FROM users WHERE id IN ( (SELECT id FROM users WHERE name_key >= $1 AND name_key < $2 ORDER BY name_key, id LIMIT $4) UNION (SELECT id FROM users WHERE last_name_key >= $1 AND last_name_key < $2 ORDER BY last_name_key, id LIMIT $4) UNION (SELECT id FROM users WHERE email = $3) ) ORDER BY name_key, id LIMIT $4;

-- mail_tokens.issue
-- takes (int8, text, bytea, text, text, timestamptz, timestamptz) gives (user_id int8)
INSERT INTO mail_tokens AS t (user_id, purpose, token_hash, email, email_as_typed, created_at, expires_at) SELECT id, $2, $3, coalesce($4, email), coalesce($5, email_as_typed), $6, $7 FROM users WHERE id = $1 AND deleted_at IS NULL FOR SHARE ON CONFLICT (user_id, purpose) DO UPDATE SET token_hash = excluded.token_hash, email = excluded.email, email_as_typed = excluded.email_as_typed, created_at = excluded.created_at, expires_at = excluded.expires_at RETURNING t.user_id;

-- mail_tokens.owner
-- takes (bytea, timestamptz) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT u.id, u.uuid, u.email_as_typed, u.first_name, u.last_name, u.created_at, u.updated_at, u.deleted_at FROM mail_tokens t JOIN users u ON u.id = t.user_id AND u.email = t.email WHERE t.token_hash = $1 AND t.purpose = 'reset_password' AND t.expires_at > $2 AND u.deleted_at IS NULL;

-- mail_tokens.reset_password
-- takes (bytea, text, timestamptz) gives (id int8)
WITH used AS ( DELETE FROM mail_tokens WHERE token_hash = $1 AND purpose = 'reset_password' AND expires_at > $3 RETURNING user_id, email ) UPDATE users u SET password_hash = $2, email_unverified = false, updated_at = $3 FROM used WHERE u.id = used.user_id AND u.email = used.email AND u.deleted_at IS NULL RETURNING u.id;

-- mail_tokens.verify_email
-- takes (bytea, timestamptz) gives (id int8)
WITH used AS ( DELETE FROM mail_tokens WHERE token_hash = $1 AND purpose = 'verify_email' AND expires_at > $2 RETURNING user_id, email, email_as_typed ) UPDATE users u SET email = used.email, email_as_typed = used.email_as_typed, email_unverified = false, updated_at = $2 FROM used WHERE u.id = used.user_id AND u.deleted_at IS NULL RETURNING u.id;

-- mail_tokens.expire
-- takes (timestamptz, int8) gives (count int8)
WITH old AS ( SELECT user_id, purpose FROM mail_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED ), gone AS ( DELETE FROM mail_tokens t USING old WHERE t.user_id = old.user_id AND t.purpose = old.purpose RETURNING 1 ) SELECT count(*) FROM gone;

-- sessions.lock
-- takes (uuid, timestamptz) gives (family_hash bytea, secret_hash bytea, previous_hash bytea, salt bytea, rotated_at timestamptz, expires_at timestamptz, logged_in_at timestamptz, id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
SELECT s.family_hash, s.secret_hash, s.previous_hash, s.salt, s.rotated_at, s.expires_at, s.created_at AS logged_in_at, u.id, u.uuid, u.email_as_typed, u.first_name, u.last_name, u.created_at, u.updated_at, u.deleted_at FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1 AND s.expires_at > $2 AND s.revoked_at IS NULL AND s.family_hash IS NOT NULL AND u.deleted_at IS NULL FOR UPDATE OF s;

-- sessions.rotate
-- takes (uuid, bytea, bytea, timestamptz, timestamptz) gives ()
UPDATE sessions SET previous_hash = secret_hash, secret_hash = $2, salt = $3, rotated_at = $4, last_seen_at = $4, expires_at = $5 WHERE id = $1;

-- sessions.open
-- takes (uuid, int8, text, text, timestamptz, timestamptz, int8, bytea, bytea) gives (ended _uuid)
WITH present AS ( SELECT id FROM users WHERE id = $2 AND password_hash = $3 AND deleted_at IS NULL AND locked_at IS NULL FOR SHARE ), oldest AS ( DELETE FROM sessions WHERE user_id = $2 AND id IN ( SELECT id FROM sessions WHERE user_id = $2 ORDER BY created_at DESC, id OFFSET $7 ) AND EXISTS (SELECT FROM present) RETURNING id, user_id ), ended AS ( INSERT INTO ended_sessions (session_id, user_id, ended_at) SELECT id, user_id, $5 FROM oldest RETURNING session_id ), opened AS ( INSERT INTO sessions (id, user_id, user_agent, created_at, last_seen_at, expires_at, family_hash, secret_hash) SELECT $1, present.id, $4, $5, $5, $6, $8, $9 FROM present RETURNING id ) SELECT array(SELECT session_id FROM ended) AS ended FROM opened;

-- sessions.of_bearer
-- takes (uuid, int8, uuid, timestamptz) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz, logged_in_at timestamptz)
SELECT u.id, u.uuid, u.email_as_typed, u.first_name, u.last_name, u.created_at, u.updated_at, u.deleted_at, s.created_at AS logged_in_at FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1 AND u.id = $2 AND u.uuid = $3 AND s.expires_at > $4 AND s.revoked_at IS NULL AND u.deleted_at IS NULL;

-- sessions.list
-- takes (int8, timestamptz) gives (id uuid, user_agent text, created_at timestamptz, last_seen_at timestamptz)
SELECT id, user_agent, created_at, last_seen_at FROM sessions WHERE user_id = $1 AND expires_at > $2 AND revoked_at IS NULL ORDER BY created_at DESC, id;

-- users.insert
-- takes (text, text, text, text, text, text, text, timestamptz, _text, bool) gives (id int8)
INSERT INTO users (email, email_as_typed, first_name, last_name, name_key, last_name_key, password_hash, created_at, updated_at, email_unverified) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $8, $10 WHERE NOT EXISTS (SELECT FROM users WHERE email = ANY ($9)) RETURNING id;

-- users.by_email
-- takes (_text) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz, password_hash text, email_unverified bool, locked bool)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at, password_hash, email_unverified, locked_at IS NOT NULL AS locked FROM users WHERE email = ANY ($1) ORDER BY array_position($1, email) LIMIT 1;

-- users.credentials
-- takes (int8) gives (id int8, uuid uuid, email_as_typed text, first_name text, last_name text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz, password_hash text, email_unverified bool, locked bool)
SELECT id, uuid, email_as_typed, first_name, last_name, created_at, updated_at, deleted_at, password_hash, email_unverified, locked_at IS NOT NULL AS locked FROM users WHERE id = $1 AND deleted_at IS NULL;
