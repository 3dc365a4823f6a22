-- A large log as if gateways had written it over two years, the more of it the nearer to now: `large.entries` entries,
-- about half of them in one conversation of a hundred, `large.conversations` conversations, nine dialogs and then a group
-- of ten, over and over, of `large.users` users. One user, numbered by half of `large.chats`, is in the first `large.chats`
-- of them, with one of the first users each; nobody else is with these. The first and the tenth, which is a group, have
-- `large.long` entries. Labels are spread as times are, over `large.first` and the
-- `large.transactions` after it.
SET work_mem = '256MB'; SET maintenance_work_mem = '512MB'; SET statement_timeout = 0; SET synchronous_commit = off;
SELECT setseed(0.5);

-- late and early are the ages of the last entry and of the first one, as the square root of the part of two years.
CREATE TEMPORARY TABLE plan AS
SELECT i + 1 AS id, (i % 10 = 9)::int::smallint AS kind,
    CASE WHEN i < chats THEN chats / 2 ELSE chats + 1 + i % others END AS a,
    CASE WHEN i < chats THEN i + 1 ELSE chats + 1 + (i + 1 + i / others) % others END AS b,
    CASE WHEN i IN (0, 9) THEN current_setting('large.long')::bigint
        ELSE greatest(entries / 2 / conversations, (i % 10 = 9)::int * 10, 1)
            + (i % 100 = 0)::int * (entries / 2 / (conversations / 100)) END AS n,
    late, late + (1 - late) * random() AS early
FROM (SELECT current_setting('large.conversations')::bigint, current_setting('large.entries')::bigint,
        current_setting('large.chats')::bigint, current_setting('large.users')::bigint - current_setting('large.chats')::bigint)
        size (conversations, entries, chats, others),
    generate_series(0, conversations - 1) i, LATERAL (SELECT random() + 0 * i AS late) age;
ANALYZE plan;

CREATE FUNCTION pg_temp.at(p_age float8) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT now() - interval '730 days' * (p_age * p_age) $$;
CREATE FUNCTION pg_temp.label(p_age float8) RETURNS xid8 LANGUAGE sql STABLE AS $$
    SELECT (current_setting('large.first')::bigint
        + floor(current_setting('large.transactions')::bigint * (1 - p_age))::bigint)::text::xid8 $$;

-- They are as they should be.
ALTER TABLE conversations DISABLE TRIGGER USER;
INSERT INTO conversations (id, kind, name, low_user, high_user, last_seq, last_message_seq, last_entry_at,
    last_message_at, noticed_on, last_xid, created_by, created_at)
OVERRIDING SYSTEM VALUE
SELECT id, kind, CASE kind WHEN 1 THEN 'Group ' || id END, CASE kind WHEN 0 THEN least(a, b) END,
    CASE kind WHEN 0 THEN greatest(a, b) END, n, CASE WHEN kind = 0 OR n > 10 THEN n ELSE 0 END, pg_temp.at(late),
    CASE WHEN kind = 0 OR n > 10 THEN pg_temp.at(late) END,
    CASE WHEN kind = 1 AND n <= 10 THEN (pg_temp.at(late) AT TIME ZONE 'UTC')::date END, pg_temp.label(late), a, pg_temp.at(early)
FROM plan ORDER BY early DESC;
ALTER TABLE conversations ENABLE TRIGGER USER;

INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at, delivered_seq, read_seq)
SELECT id, CASE WHEN kind = 0 THEN CASE m WHEN 1 THEN a ELSE b END WHEN m = 1 THEN a
        ELSE chats + 1 + (b + m) % (current_setting('large.users')::bigint - chats) END,
    CASE WHEN kind = 1 AND m = 1 THEN 2 ELSE 0 END, kind * m, pg_temp.at(early), n,
    greatest(n - floor(power(random(), 4) * 200), kind * m)
FROM (SELECT current_setting('large.chats')::bigint) size (chats), plan, generate_series(1, CASE kind WHEN 0 THEN 2 ELSE 10 END) m ORDER BY early DESC;

-- Indexes grow many times quicker in one go.
CREATE TEMPORARY TABLE indexes AS
SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %I', i.relname)
        ELSE format('ALTER TABLE entries DROP CONSTRAINT %I', c.conname) END AS drop,
    CASE WHEN c.oid IS NULL THEN replace(pg_get_indexdef(x.indexrelid), ' ON ONLY ', ' ON ')
        ELSE format('ALTER TABLE entries ADD CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid)) END AS make
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.conrelid = x.indrelid AND c.contype IN ('p', 'u')
WHERE x.indrelid = 'entries'::regclass;
DO $$ BEGIN EXECUTE (SELECT string_agg(drop, '; ') FROM indexes); END $$;

INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, xid, created_at)
SELECT id, s, gen_random_uuid(), nextval('entry_ids'), CASE WHEN kind = 1 AND s <= 10 THEN 2 ELSE 0 END,
    CASE WHEN s % 3 = 0 OR (kind = 1 AND s <= 10) THEN a ELSE b END, CASE kind WHEN 0 THEN CASE s % 3 WHEN 0 THEN b ELSE a END END,
    gen_random_uuid(), repeat('x', 1 + (random() * 198)::int), pg_temp.label(age), pg_temp.at(age)
FROM (SELECT plan.*, s, early + (late - early) * s / n AS age FROM plan, generate_series(1, n) s ORDER BY age DESC) x;
DO $$ BEGIN EXECUTE (SELECT string_agg(make, '; ') FROM indexes); END $$;
DROP TABLE indexes;

INSERT INTO blocks (user_id, blocked_id) SELECT 1 + g % 10, 1000000000 + g FROM generate_series(1, 10000) g;
SELECT setval(pg_get_serial_sequence('conversations', 'id'), (SELECT max(id) FROM plan));
DROP TABLE plan;
