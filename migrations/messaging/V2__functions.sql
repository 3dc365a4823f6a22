-- Every change is one function, called as one autocommit statement: a replica that freezes never holds a row lock, since
-- the server finishes the statement alone. Each takes the conversation's row lock first, so messages and membership
-- have one order, and works on a snapshot taken after it.

-- What a new entry bears as its transaction id: its own, or the label of the entry before it where that is greater (a
-- transaction may get its id before it waits for the conversation's row). So labels never fall along a log, and the
-- part of a log that a sweep has passed is a prefix of it. The sweep misses nothing by it: as long as the transaction
-- runs, the horizon stays at or before its own id, hence before the label. A label from the future is one of a log that
-- was restored into a younger server; it is not taken over.
CREATE FUNCTION label(p_last xid8) RETURNS xid8
LANGUAGE sql AS $$
    SELECT CASE WHEN p_last < pg_snapshot_xmax(pg_current_snapshot()) THEN greatest(p_last, pg_current_xact_id())
        ELSE pg_current_xact_id() END
$$;

-- Stores a batch of messages. One row of answer for one of input, in the same order. status: 0 stored, 1 seen before
-- (the answer is the first one's), 2 the client id belongs to another message, 3 not a member, 4 no such conversation.
--
-- The plan is fixed to index look-ups: statistics of a table that was empty a minute ago must not decide.
CREATE FUNCTION send_batch(
    p_conversation bigint[], p_sender bigint[], p_recipient bigint[], p_client uuid[], p_uuid uuid[], p_body text[]
) RETURNS TABLE (status smallint, seq bigint, id bigint, created_at timestamptz)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_now timestamptz;
BEGIN
    PERFORM 1 FROM conversations c WHERE c.id = ANY (p_conversation) ORDER BY c.id FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    RETURN QUERY
    WITH judged AS (
        SELECT u.n, u.c, u.s, u.r, u.m, u.k, u.b, conv.last_seq, label(conv.last_xid) AS xid,
            x.seq AS old_seq, x.id AS old_id, x.created_at AS old_at,
            CASE
                WHEN conv.id IS NULL OR conv.deleted_at IS NOT NULL THEN 4
                WHEN conv.kind = 0 AND (u.r IS NULL OR least(u.s, u.r) <> conv.low_user
                    OR greatest(u.s, u.r) <> conv.high_user) THEN 4
                WHEN conv.kind = 1 AND u.r IS NOT NULL THEN 4
                WHEN x.seq IS NOT NULL THEN CASE WHEN x.body = u.b THEN 1 ELSE 2 END
                WHEN conv.kind = 1 AND who.user_id IS NULL THEN 3
                ELSE 0
            END AS verdict
        FROM unnest(p_conversation, p_sender, p_recipient, p_client, p_uuid, p_body)
            WITH ORDINALITY AS u (c, s, r, m, k, b, n)
        LEFT JOIN conversations conv ON conv.id = u.c
        LEFT JOIN entries x ON x.conversation_id = u.c AND x.sender_id = u.s AND x.client_id = u.m
        -- The two of a dialog are known from its row; a null key makes the look-up an empty one.
        LEFT JOIN members who ON who.conversation_id = u.c AND who.user_id = CASE conv.kind WHEN 1 THEN u.s END
            AND who.left_seq IS NULL
    ), turned AS (
        -- The first of several rows with the same client id is stored, the others are retries of it. Only those that
        -- may be stored compare: a refused row is nobody's first.
        SELECT j.*, row_number() OVER same AS turn, first_value(j.b) OVER same AS first_body
        FROM judged j
        WINDOW same AS (PARTITION BY j.c, j.s, j.m, j.verdict ORDER BY j.n)
    ), placed AS (
        SELECT t.*, t.verdict = 0 AND t.turn = 1 AS fresh,
            t.last_seq + count(*) FILTER (WHERE t.verdict = 0 AND t.turn = 1)
                OVER (PARTITION BY t.c ORDER BY t.n) AS new_seq,
            CASE WHEN t.verdict = 0 AND t.turn = 1 THEN nextval('entry_ids') END AS new_id
        FROM turned t
    ), answered AS MATERIALIZED (
        SELECT p.n, p.c, p.s, p.r, p.m, p.k, p.b, p.xid, p.fresh,
            CASE
                WHEN p.verdict = 0 AND NOT p.fresh THEN CASE WHEN p.b = p.first_body THEN 1 ELSE 2 END
                ELSE p.verdict
            END AS verdict,
            CASE p.verdict WHEN 0 THEN first_value(p.new_seq) OVER same WHEN 1 THEN p.old_seq END AS seq,
            CASE p.verdict WHEN 0 THEN first_value(p.new_id) OVER same WHEN 1 THEN p.old_id END AS id,
            CASE p.verdict WHEN 0 THEN v_now WHEN 1 THEN p.old_at END AS created_at
        FROM placed p
        WINDOW same AS (PARTITION BY p.c, p.s, p.m, p.verdict ORDER BY p.n)
    ), stored AS (
        INSERT INTO entries
            (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, xid, created_at)
        SELECT a.c, a.seq, a.k, a.id, 0, a.s, a.r, a.m, a.b, a.xid, a.created_at FROM answered a WHERE a.fresh
    ), moved AS (
        UPDATE conversations c
        SET last_seq = f.top, last_message_seq = f.top, last_entry_at = v_now, last_message_at = v_now,
            last_xid = f.xid
        FROM (SELECT a.c, a.xid, max(a.seq) AS top FROM answered a WHERE a.fresh GROUP BY a.c, a.xid) f
        WHERE c.id = f.c
    )
    SELECT a.verdict::smallint, a.seq, a.id, a.created_at FROM answered a ORDER BY a.n;
END $$;

-- The dialog of two users, begun if need be. status: 0 here it is, 1 the opener has too many conversations.
CREATE FUNCTION open_dialog(p_user bigint, p_peer bigint, p_conversations bigint)
RETURNS TABLE (status smallint, id bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_low bigint := least(p_user, p_peer);
    v_high bigint := greatest(p_user, p_peer);
    v_id bigint;
BEGIN
    SELECT c.id INTO v_id FROM conversations c WHERE c.kind = 0 AND c.low_user = v_low AND c.high_user = v_high;
    IF v_id IS NULL THEN
        IF has_too_many_conversations(p_user, p_conversations) THEN
            RETURN QUERY SELECT 1::smallint, NULL::bigint;
            RETURN;
        END IF;
        INSERT INTO conversations (kind, low_user, high_user, created_by) VALUES (0, v_low, v_high, p_user)
        ON CONFLICT (low_user, high_user) WHERE kind = 0 DO NOTHING RETURNING conversations.id INTO v_id;
        IF v_id IS NULL THEN
            -- Somebody else was quicker, and has committed: the conflict waited for that.
            SELECT c.id INTO v_id FROM conversations c WHERE c.kind = 0 AND c.low_user = v_low AND c.high_user = v_high;
        ELSE
            INSERT INTO members (conversation_id, user_id, joined_seq, joined_at)
            SELECT v_id, u, 0, now() FROM unnest(ARRAY[v_low, v_high]) u GROUP BY u;
        END IF;
    END IF;
    RETURN QUERY SELECT 0::smallint, v_id;
END $$;

-- Whether the user is at the limit. From here to the commit the user's conversations grow one at a time. Whoever holds
-- a conversation's row may wait here, never the other way round.
CREATE FUNCTION has_too_many_conversations(p_user bigint, p_limit bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('conversations of a user'), hashint8(p_user));
    RETURN (
        SELECT count(*) >= p_limit
        FROM (SELECT 1 FROM members m WHERE m.user_id = p_user AND m.left_seq IS NULL LIMIT p_limit) his);
END $$;

-- Appends an entry that is not a message. The caller holds the conversation's row lock.
CREATE FUNCTION append_entry(p_group bigint, p_kind smallint, p_sender bigint, p_recipient bigint, p_body text)
RETURNS TABLE (seq bigint, id bigint, uuid uuid, client_id uuid, created_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_seq bigint;
    v_xid xid8;
    v_now timestamptz := clock_timestamp();
BEGIN
    UPDATE conversations c
    SET last_seq = c.last_seq + 1, last_entry_at = v_now, last_xid = label(c.last_xid)
    WHERE c.id = p_group RETURNING c.last_seq, c.last_xid INTO v_seq, v_xid;
    RETURN QUERY
    INSERT INTO entries AS e
        (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, xid, created_at)
    VALUES (p_group, v_seq, gen_random_uuid(), nextval('entry_ids'), p_kind, p_sender, p_recipient,
        gen_random_uuid(), p_body, v_xid, v_now)
    RETURNING e.seq, e.id, e.uuid, e.client_id, e.created_at;
END $$;

-- A new group with its owner. status: 0 created, 1 the creator has too many conversations.
CREATE FUNCTION create_group(p_creator bigint, p_name text, p_conversations bigint)
RETURNS TABLE (
    status smallint, conversation_id bigint, seq bigint, id bigint, uuid uuid, client_id uuid, created_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    v_group bigint;
BEGIN
    IF has_too_many_conversations(p_creator, p_conversations) THEN
        RETURN QUERY SELECT 1::smallint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::uuid, NULL::uuid,
            NULL::timestamptz;
        RETURN;
    END IF;
    INSERT INTO conversations (kind, name, created_by) VALUES (1, p_name, p_creator)
    RETURNING conversations.id INTO v_group;
    INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at)
    VALUES (v_group, p_creator, 2, 1, clock_timestamp());
    RETURN QUERY SELECT 0::smallint, v_group, e.* FROM append_entry(v_group, 1::smallint, p_creator, p_creator, p_name) e;
END $$;

-- Locks a group for a change by one of its members. 0 go on, 1 no such group, 2 not a member.
CREATE FUNCTION lock_group(p_group bigint, p_actor bigint) RETURNS smallint
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM conversations c WHERE c.id = p_group AND c.kind = 1 AND c.deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 1;
    END IF;
    PERFORM 1 FROM members m WHERE m.conversation_id = p_group AND m.user_id = p_actor AND m.left_seq IS NULL;
    RETURN CASE WHEN FOUND THEN 0 ELSE 2 END;
END $$;

-- Adds a member. status: 0 added, 1 no such group, 2 the actor is not a member, 3 already a member, 4 the group is full,
-- 5 the user has too many conversations.
CREATE FUNCTION add_member(p_group bigint, p_actor bigint, p_user bigint, p_members bigint, p_conversations bigint)
RETURNS TABLE (status smallint, seq bigint, id bigint, uuid uuid, client_id uuid, created_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_status smallint := lock_group(p_group, p_actor);
    v_entry record;
BEGIN
    IF v_status = 0 THEN
        IF EXISTS (SELECT 1 FROM members m
            WHERE m.conversation_id = p_group AND m.user_id = p_user AND m.left_seq IS NULL) THEN
            v_status := 3;
        ELSIF (SELECT count(*) FROM members m WHERE m.conversation_id = p_group AND m.left_seq IS NULL) >= p_members THEN
            v_status := 4;
        ELSIF has_too_many_conversations(p_user, p_conversations) THEN
            v_status := 5;
        END IF;
    END IF;
    IF v_status <> 0 THEN
        RETURN QUERY SELECT v_status, NULL::bigint, NULL::bigint, NULL::uuid, NULL::uuid, NULL::timestamptz;
        RETURN;
    END IF;
    SELECT * INTO v_entry FROM append_entry(p_group, 2::smallint, p_actor, p_user, '');
    INSERT INTO members (conversation_id, user_id, joined_seq, joined_at)
    VALUES (p_group, p_user, v_entry.seq, v_entry.created_at)
    ON CONFLICT ON CONSTRAINT members_pkey
    DO UPDATE SET role = 0, joined_seq = excluded.joined_seq, joined_at = excluded.joined_at, left_seq = NULL;
    RETURN QUERY SELECT 0::smallint, v_entry.seq, v_entry.id, v_entry.uuid, v_entry.client_id, v_entry.created_at;
END $$;

-- Ends a membership; the last owner hands over to the member who has been there longest. status: 0 left, 1 no such
-- group, 2 not a member.
CREATE FUNCTION leave_group(p_group bigint, p_user bigint)
RETURNS TABLE (status smallint, seq bigint, id bigint, uuid uuid, client_id uuid, created_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_status smallint := lock_group(p_group, p_user);
    v_entry record;
BEGIN
    IF v_status <> 0 THEN
        RETURN QUERY SELECT v_status, NULL::bigint, NULL::bigint, NULL::uuid, NULL::uuid, NULL::timestamptz;
        RETURN;
    END IF;
    SELECT * INTO v_entry FROM append_entry(p_group, 3::smallint, p_user, p_user, '');
    UPDATE members m SET left_seq = v_entry.seq WHERE m.conversation_id = p_group AND m.user_id = p_user;
    IF NOT EXISTS (SELECT 1 FROM members m
        WHERE m.conversation_id = p_group AND m.role = 2 AND m.left_seq IS NULL) THEN
        UPDATE members m SET role = 2
        WHERE m.conversation_id = p_group AND m.user_id = (
            SELECT o.user_id FROM members o WHERE o.conversation_id = p_group AND o.left_seq IS NULL
            ORDER BY o.joined_seq, o.user_id LIMIT 1);
    END IF;
    RETURN QUERY SELECT 0::smallint, v_entry.seq, v_entry.id, v_entry.uuid, v_entry.client_id, v_entry.created_at;
END $$;

-- The heads of all conversations that got entries from the transaction p_cursor on, up to the oldest one still running
-- or p_transactions further, whichever is nearer: that is the next cursor. Never by id or by time: commits become
-- visible out of their order. With a null cursor only the next cursor, which is the oldest one still running. behind:
-- there is more.
CREATE FUNCTION sweep(p_cursor bigint, p_transactions bigint)
RETURNS TABLE (
    cursor bigint, behind boolean, conversation_id bigint, seq bigint, sender_id bigint, recipient_id bigint
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
BEGIN
    RETURN QUERY
    WITH horizon AS MATERIALIZED (
        SELECT least(o.oldest, (p_cursor + p_transactions)::text::xid8) AS x, o.oldest
        FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS oldest) o
    ), heads AS (
        SELECT e.conversation_id AS c, max(e.seq) AS top,
            CASE WHEN e.recipient_id IS NOT NULL THEN e.sender_id END AS s, e.recipient_id AS r
        FROM entries e
        WHERE e.xid >= p_cursor::text::xid8 AND e.xid < (SELECT h.x FROM horizon h)
        GROUP BY 1, 3, 4
    )
    SELECT h.x::text::bigint, h.x < h.oldest, t.c, t.top, t.s, t.r FROM horizon h LEFT JOIN heads t ON true;
END $$;
