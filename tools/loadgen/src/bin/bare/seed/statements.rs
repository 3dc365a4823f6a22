//! The SQL of the large log. Rows are what the functions of the schema would have written.

/// `$1` how many users, `$2` the run, `$3` how many of them are readers, `$4` the hash of the readers' password. Nobody knows
/// a password of the others.
pub(super) const USERS: &str = "
    WITH made AS (
        INSERT INTO users (email, email_as_typed, first_name, last_name, name_key, last_name_key, password_hash,
            created_at, updated_at)
        SELECT e, e, 'Seed ' || n, $2::text, 'seed ' || n || ' ' || $2::text, $2::text,
            CASE WHEN n <= $3::bigint THEN $4::text ELSE '' END, now(), now()
        FROM generate_series(1, $1::bigint) n, format('seed-%s-%s@example.com', $2::text, n) e
        ORDER BY n RETURNING id)
    SELECT min(id), max(id) FROM made";
pub(super) const ANALYZE_USERS: &str = "ANALYZE users";

/// Of this connection alone. That a commit is on the disk is waited for by the next checkpoint.
pub(super) const SETTINGS: &str = "
    SET synchronous_commit = off; SET work_mem = '256MB'; SET maintenance_work_mem = '512MB'; SET statement_timeout = 0;
    SET timezone = 'UTC'; SELECT setseed(0.5)";

pub(super) const PLAN_TABLE: &str = "
    CREATE TEMPORARY TABLE plan (id bigint, i bigint, kind smallint, a bigint, b bigint, other bigint, others bigint, n bigint,
        ended timestamptz, began timestamptz) ON COMMIT DROP";
/// The conversations to come, in the order in which they began. `$1` entries, `$2` conversations, `$3` readers, `$4` chats of
/// each, `$5` other users, `$6` the first user, `$7` members of a group.
///
/// One of a hundred conversations is long and has its share of half of the entries. The last messages lie as much as two
/// years back, the more of them the nearer to now.
pub(super) const PLAN: &str = "
    INSERT INTO plan
    SELECT nextval(pg_get_serial_sequence('conversations', 'id')), y.* FROM (
        SELECT p.i, p.kind, $6::bigint + p.a, $6 + $3::bigint + p.b, $6 + $3, $5::bigint, p.n, p.ended,
            p.ended - random() * interval '365 days' AS began
        FROM (
            SELECT i, (i % 10 = 9)::int::smallint AS kind,
                CASE WHEN i < $3 * $4::bigint THEN i / $4 ELSE $3 + i % $5 END AS a,
                CASE WHEN i < $3 * $4 THEN i % $4 ELSE (i + 1 + i / $5) % $5 END AS b,
                greatest($1::bigint / 2 / $2 + CASE WHEN i % 100 = 0 THEN $1 / 2 / ($2 / 100) ELSE 0 END,
                    CASE WHEN i % 10 = 9 THEN $7::bigint ELSE 1 END) AS n,
                now() - interval '1 minute' - interval '730 days' * power(random(), 2) AS ended
            FROM generate_series(0, $2::bigint - 1) i) p
        ORDER BY began) y";
pub(super) const PLANNED: &str = "ANALYZE plan";

/// `$1` members of a group: as many entries tell of them.
pub(super) const CONVERSATIONS: &str = "
    INSERT INTO conversations (id, kind, name, low_user, high_user, last_seq, last_message_seq, last_entry_at,
        last_message_at, noticed_on, last_xid, created_by, created_at)
    OVERRIDING SYSTEM VALUE
    SELECT id, kind, CASE kind WHEN 1 THEN 'Group ' || i END, CASE kind WHEN 0 THEN least(a, b) END,
        CASE kind WHEN 0 THEN greatest(a, b) END, n, CASE WHEN kind = 0 OR n > $1::bigint THEN n ELSE 0 END, ended,
        CASE WHEN kind = 0 OR n > $1::bigint THEN ended END,
        CASE WHEN kind = 1 AND n <= $1::bigint THEN (ended AT TIME ZONE 'UTC')::date END, pg_current_xact_id(), a, began
    FROM plan ORDER BY id";

/// Most have read most of it.
pub(super) const MEMBERS: &str = "
    INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at, delivered_seq, read_seq)
    SELECT id, u, role, joined, began + (ended - began) * joined / n, n, greatest(n - floor(power(random(), 4) * 200), joined)
    FROM (
        SELECT plan.*, u, 0 AS role, 0 AS joined FROM plan, unnest(ARRAY[a, b]) u WHERE kind = 0
        UNION ALL
        SELECT plan.*, CASE m WHEN 1 THEN a ELSE other + (b - other + m) % others END,
            CASE m WHEN 1 THEN 2 ELSE 0 END, m
        FROM plan, generate_series(1, $1::bigint) m WHERE kind = 1) x
    ORDER BY id, joined";

/// In the order of time, as they would have come: those of a conversation lie far from each other. `$1` members of a group,
/// `$2` bytes of a text on average.
pub(super) const ENTRIES: &str = "
    INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, created_at)
    SELECT id, seq, gen_random_uuid(), nextval('entry_ids'), kind, sender, recipient, gen_random_uuid(),
        CASE kind WHEN 0 THEN repeat('x', 1 + (random() * 2 * ($2::bigint - 1))::int) WHEN 1 THEN 'Group ' || i ELSE '' END, at
    FROM (
        SELECT p.id, p.i, s AS seq, 0::smallint AS kind, CASE WHEN forth THEN a ELSE b END AS sender,
            CASE WHEN forth THEN b ELSE a END AS recipient, began + (ended - began) * s / n AS at
        FROM plan p, generate_series(1, p.n) s, LATERAL (SELECT random() < 0.5 + 0 * s AS forth) turn WHERE p.kind = 0
        UNION ALL
        SELECT p.id, p.i, s, CASE WHEN s = 1 THEN 1 WHEN s <= $1::bigint THEN 2 ELSE 0 END,
            CASE WHEN s <= $1::bigint OR m = 1 THEN a ELSE other + (b - other + m) % others END,
            CASE WHEN s = 1 THEN a WHEN s <= $1::bigint THEN other + (b - other + s) % others END,
            began + (ended - began) * s / n
        FROM plan p, generate_series(1, p.n) s, LATERAL (SELECT 1 + floor(random() * $1::bigint + 0 * s)::int AS m) turn
        WHERE p.kind = 1
        ORDER BY at) x";

/// One row: what drops the indexes of the log, and what makes them.
pub(super) const INDEXES: &str = "
    SELECT string_agg(CASE WHEN c.oid IS NULL THEN format('DROP INDEX %I', i.relname)
            ELSE format('ALTER TABLE entries DROP CONSTRAINT %I', c.conname) END, '; ' ORDER BY i.relname),
        string_agg(CASE WHEN c.oid IS NULL THEN replace(pg_get_indexdef(x.indexrelid), ' ON ONLY ', ' ON ')
            ELSE format('ALTER TABLE entries ADD CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid)) END, '; '
            ORDER BY i.relname)
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.conrelid = x.indrelid AND c.contype IN ('p', 'u')
    WHERE x.indrelid = 'entries'::regclass";

/// Not in a transaction: each is a statement of its own.
pub(super) const VACUUM: [&str; 3] =
    ["VACUUM (ANALYZE) conversations", "VACUUM (ANALYZE) members", "VACUUM (ANALYZE) entries"];
