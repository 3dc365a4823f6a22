-- Users who block each other, and roles that are given. A block is enforced where messages are stored, under the same row
-- lock: of a block and a message one is first.

CREATE TABLE blocks (
    user_id bigint NOT NULL,
    blocked_id bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, blocked_id)
);

-- Of a dialog: bit 1 the low user has blocked the high one, bit 2 the other way round. Repeated here from `blocks`, so that
-- a message costs no look-up: the row is read anyway.
ALTER TABLE conversations ADD COLUMN blocked smallint NOT NULL DEFAULT 0;

-- Two users meet, or one blocks the other: from here to the commit one of these at a time. Whoever waits here holds no
-- conversation's row.
CREATE FUNCTION lock_pair(p_user bigint, p_peer bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('a pair of users'),
        hashint8(hashint8extended(least(p_user, p_peer), greatest(p_user, p_peer))));
END $$;

-- What is between two users: 0 nothing, 1 the peer has blocked the user, 2 the user has blocked the peer, who may have
-- done the same.
CREATE FUNCTION barrier(p_user bigint, p_peer bigint) RETURNS smallint
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
    RETURN CASE
        WHEN EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = p_user AND b.blocked_id = p_peer) THEN 2
        WHEN EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = p_peer AND b.blocked_id = p_user) THEN 1
        ELSE 0
    END;
END $$;

-- Blocks a user. status: 0 blocked, now or before, 1 the user has blocked p_limit others.
CREATE FUNCTION block_user(p_user bigint, p_blocked bigint, p_limit bigint) RETURNS smallint
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('blocks of a user'), hashint8(p_user));
    IF NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = p_user AND b.blocked_id = p_blocked) THEN
        IF (SELECT count(*) >= p_limit FROM (SELECT 1 FROM blocks b WHERE b.user_id = p_user LIMIT p_limit) theirs) THEN
            RETURN 1;
        END IF;
        PERFORM lock_pair(p_user, p_blocked);
        INSERT INTO blocks (user_id, blocked_id) VALUES (p_user, p_blocked);
        UPDATE conversations c SET blocked = c.blocked | CASE WHEN p_user < p_blocked THEN 1 ELSE 2 END
        WHERE c.kind = 0 AND c.low_user = least(p_user, p_blocked) AND c.high_user = greatest(p_user, p_blocked);
    END IF;
    RETURN 0;
END $$;

-- Takes a block back; without one nothing happens.
CREATE FUNCTION unblock_user(p_user bigint, p_blocked bigint) RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('blocks of a user'), hashint8(p_user));
    PERFORM lock_pair(p_user, p_blocked);
    DELETE FROM blocks b WHERE b.user_id = p_user AND b.blocked_id = p_blocked;
    UPDATE conversations c SET blocked = c.blocked & CASE WHEN p_user < p_blocked THEN ~1 ELSE ~2 END
    WHERE c.kind = 0 AND c.low_user = least(p_user, p_blocked) AND c.high_user = greatest(p_user, p_blocked)
        AND c.blocked <> 0;
END $$;

-- The dialog of two users, begun if need be. status: 0 here it is, 1 the opener has too many conversations,
-- and where there is none yet: 2 the peer has blocked the opener, 3 the opener has blocked the peer. So a dialog that begins
-- is a free one.
CREATE OR REPLACE FUNCTION open_dialog(p_user bigint, p_peer bigint, p_conversations bigint)
RETURNS TABLE (status smallint, id bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_low bigint := least(p_user, p_peer);
    v_high bigint := greatest(p_user, p_peer);
    v_id bigint;
    v_barrier smallint;
BEGIN
    SELECT c.id INTO v_id FROM conversations c WHERE c.kind = 0 AND c.low_user = v_low AND c.high_user = v_high;
    IF v_id IS NULL THEN
        PERFORM lock_pair(p_user, p_peer);
        v_barrier := barrier(p_user, p_peer);
        IF v_barrier <> 0 THEN
            RETURN QUERY SELECT (v_barrier + 1)::smallint, NULL::bigint;
            RETURN;
        END IF;
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

-- Adds a member. status: 0 added, 1 no such group, 2 the actor is not a member, 3 already a member, 4 the group is full,
-- 5 the user has too many conversations, 6 the user has blocked the actor, 7 the actor has blocked the user.
CREATE OR REPLACE FUNCTION add_member(p_group bigint, p_actor bigint, p_user bigint, p_members bigint, p_conversations bigint)
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
        ELSIF barrier(p_actor, p_user) <> 0 THEN
            v_status := 5 + barrier(p_actor, p_user);
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

-- Gives a present member another role, by the will of the owner; the owner who makes another one the owner is an admin from
-- then on. status: 0 done, 1 no such group, 2 the actor is not a member, 3 the actor may not, 4 the user is not a member.
CREATE FUNCTION set_role(p_group bigint, p_actor bigint, p_user bigint, p_role smallint)
RETURNS TABLE (status smallint, seq bigint, id bigint, uuid uuid, client_id uuid, created_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_status smallint := lock_group(p_group, p_actor);
BEGIN
    IF v_status = 0 THEN
        IF p_user = p_actor OR NOT EXISTS (SELECT 1 FROM members m
            WHERE m.conversation_id = p_group AND m.user_id = p_actor AND m.role = 2) THEN
            v_status := 3;
        ELSIF NOT EXISTS (SELECT 1 FROM members m
            WHERE m.conversation_id = p_group AND m.user_id = p_user AND m.left_seq IS NULL) THEN
            v_status := 4;
        END IF;
    END IF;
    IF v_status <> 0 THEN
        RETURN QUERY SELECT v_status, NULL::bigint, NULL::bigint, NULL::uuid, NULL::uuid, NULL::timestamptz;
        RETURN;
    END IF;
    UPDATE members m SET role = CASE m.user_id WHEN p_user THEN p_role ELSE 1 END
    WHERE m.conversation_id = p_group AND (m.user_id = p_user OR (m.user_id = p_actor AND p_role = 2));
    RETURN QUERY SELECT 0::smallint, e.*
    FROM append_entry(p_group, 6::smallint, p_actor, p_user, (ARRAY['member', 'admin', 'owner'])[p_role + 1]) e;
END $$;

-- Stores a batch of messages. One row of answer for one of input, in the same order. status: 0 stored, 1 seen before
-- (the answer is the first one's), 2 the client id belongs to another message, 3 the sender may not, 4 no such
-- conversation, 5 there is nothing at the target, 6 busy: somebody holds the conversation's row. Without p_wait nothing is
-- stored of a busy conversation, whatever else the batch has of it, so its order is not touched; with p_wait there is none.
--
-- With status 3 seq says why: null not a member of the group, 1 the other user of the dialog has blocked the sender, 2 the
-- sender has blocked the other user. It is no status of its own, because gateways of the previous version would take the
-- whole batch for failed.
--
-- Up to three rows are judged one by one, by the same rules in the same order as many: the executor's preparations for
-- many cost more than these rows do. So are rows of which several have the same client id: the first that is stored is
-- found by the others. Whether a target may be an entry of the same batch, whose place nobody has been told yet, is
-- undefined. Locks of many are taken in the order of the ids.
--
-- The plan is fixed to index look-ups: statistics of a table that was empty a minute ago must not decide.
CREATE OR REPLACE FUNCTION send_messages(
    p_wait boolean, p_conversation bigint[], p_sender bigint[], p_recipient bigint[], p_client uuid[], p_uuid uuid[],
    p_body text[], p_target bigint[]
) RETURNS TABLE (status smallint, seq bigint, id bigint, created_at timestamptz)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_locked bigint[];
    v_busy bigint[] := '{}';
    v_conversation record;
    v_first record;
    v_apart boolean;
    v_xid xid8;
BEGIN
    v_apart := cardinality(p_conversation) = 1 OR (cardinality(p_conversation) <= 3 AND NOT p_wait);
    IF NOT v_apart THEN
        IF p_wait THEN
            v_locked := ARRAY(SELECT c.id FROM conversations c WHERE c.id = ANY (p_conversation)
                ORDER BY c.id FOR NO KEY UPDATE);
        ELSE
            v_locked := ARRAY(SELECT c.id FROM conversations c WHERE c.id = ANY (p_conversation)
                ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED);
        END IF;
        -- Seldom are there any, so that counting first spares the comparison of each with each.
        IF cardinality(v_locked) < (SELECT count(DISTINCT u) FROM unnest(p_conversation) u) THEN
            v_busy := ARRAY(SELECT DISTINCT u FROM unnest(p_conversation) u WHERE u <> ALL (v_locked));
        END IF;
        v_apart := cardinality(p_client) > (SELECT count(DISTINCT u) FROM unnest(p_client) u);
    END IF;
    IF v_apart THEN
        FOR i IN 1 .. cardinality(p_conversation) LOOP
            seq := NULL;
            id := NULL;
            created_at := NULL;
            IF p_wait THEN
                SELECT c.id, c.kind, c.low_user, c.high_user, c.last_seq, c.last_xid, c.blocked, c.deleted_at
                INTO v_conversation
                FROM conversations c WHERE c.id = p_conversation[i] FOR NO KEY UPDATE;
            ELSE
                SELECT c.id, c.kind, c.low_user, c.high_user, c.last_seq, c.last_xid, c.blocked, c.deleted_at
                INTO v_conversation
                FROM conversations c WHERE c.id = p_conversation[i] FOR NO KEY UPDATE SKIP LOCKED;
            END IF;
            IF v_conversation.id IS NULL OR p_conversation[i] = ANY (v_busy) THEN
                PERFORM 1 FROM conversations c WHERE c.id = p_conversation[i];
                status := CASE WHEN FOUND THEN 6 ELSE 4 END;
                v_busy := v_busy || p_conversation[i];
                RETURN NEXT;
                CONTINUE;
            END IF;
            IF v_conversation.deleted_at IS NOT NULL
                OR (p_recipient[i] IS NULL) <> (v_conversation.kind = 1)
                OR least(p_sender[i], p_recipient[i]) <> v_conversation.low_user
                OR greatest(p_sender[i], p_recipient[i]) <> v_conversation.high_user THEN
                status := 4;
                RETURN NEXT;
                CONTINUE;
            END IF;
            SELECT x.seq, x.id, x.created_at, x.body, x.target_seq INTO v_first FROM entries x
            WHERE x.conversation_id = p_conversation[i] AND x.sender_id = p_sender[i] AND x.client_id = p_client[i];
            IF FOUND THEN
                status := 2;
                IF v_first.body = p_body[i] AND v_first.target_seq IS NOT DISTINCT FROM p_target[i] THEN
                    status := 1;
                    seq := v_first.seq;
                    id := v_first.id;
                    created_at := v_first.created_at;
                END IF;
                RETURN NEXT;
                CONTINUE;
            END IF;
            IF v_conversation.kind = 1 THEN
                PERFORM 1 FROM members m
                WHERE m.conversation_id = p_conversation[i] AND m.user_id = p_sender[i] AND m.left_seq IS NULL;
                IF NOT FOUND THEN
                    status := 3;
                    RETURN NEXT;
                    CONTINUE;
                END IF;
            ELSIF v_conversation.blocked <> 0 THEN
                status := 3;
                seq := CASE v_conversation.blocked & CASE p_sender[i] WHEN v_conversation.low_user THEN 1 ELSE 2 END
                    WHEN 0 THEN 1 ELSE 2 END;
                RETURN NEXT;
                CONTINUE;
            END IF;
            IF p_target[i] NOT BETWEEN 1 AND v_conversation.last_seq THEN
                status := 5;
                RETURN NEXT;
                CONTINUE;
            END IF;
            status := 0;
            seq := v_conversation.last_seq + 1;
            id := nextval('entry_ids');
            created_at := clock_timestamp();
            v_xid := label(v_conversation.last_xid);
            INSERT INTO entries (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, target_seq,
                body, xid, created_at)
            VALUES (p_conversation[i], send_messages.seq, p_uuid[i], send_messages.id, 0, p_sender[i], p_recipient[i],
                p_client[i], p_target[i], p_body[i], v_xid, send_messages.created_at);
            UPDATE conversations c
            SET last_seq = send_messages.seq, last_message_seq = send_messages.seq,
                last_entry_at = send_messages.created_at, last_message_at = send_messages.created_at, last_xid = v_xid
            WHERE c.id = p_conversation[i];
            RETURN NEXT;
        END LOOP;
        RETURN;
    END IF;
    v_now := clock_timestamp();
    RETURN QUERY
    WITH judged AS (
        SELECT u.n, u.c, u.s, u.r, u.m, u.k, u.b, u.t, conv.last_seq, label(conv.last_xid) AS xid,
            x.seq AS old_seq, x.id AS old_id, x.created_at AS old_at,
            CASE
                WHEN conv.id IS NULL THEN 4
                WHEN conv.id = ANY (v_busy) THEN 6
                WHEN conv.deleted_at IS NOT NULL THEN 4
                WHEN conv.kind = 0 AND (u.r IS NULL OR least(u.s, u.r) <> conv.low_user
                    OR greatest(u.s, u.r) <> conv.high_user) THEN 4
                WHEN conv.kind = 1 AND u.r IS NOT NULL THEN 4
                WHEN x.seq IS NOT NULL THEN
                    CASE WHEN x.body = u.b AND x.target_seq IS NOT DISTINCT FROM u.t THEN 1 ELSE 2 END
                WHEN conv.kind = 1 AND who.user_id IS NULL THEN 3
                WHEN conv.blocked <> 0 THEN
                    CASE conv.blocked & CASE u.s WHEN conv.low_user THEN 1 ELSE 2 END WHEN 0 THEN 31 ELSE 32 END
                WHEN u.t NOT BETWEEN 1 AND conv.last_seq THEN 5
                ELSE 0
            END AS verdict
        FROM unnest(p_conversation, p_sender, p_recipient, p_client, p_uuid, p_body, p_target)
            WITH ORDINALITY AS u (c, s, r, m, k, b, t, n)
        LEFT JOIN conversations conv ON conv.id = u.c
        LEFT JOIN entries x ON x.conversation_id = u.c AND x.sender_id = u.s AND x.client_id = u.m
        -- The two of a dialog are known from its row; a null key makes the look-up an empty one.
        LEFT JOIN members who ON who.conversation_id = u.c AND who.user_id = CASE conv.kind WHEN 1 THEN u.s END
            AND who.left_seq IS NULL
    ), answered AS MATERIALIZED (
        SELECT j.n, j.c, j.s, j.r, j.m, j.k, j.b, j.t, j.xid, j.verdict,
            CASE j.verdict
                WHEN 0 THEN j.last_seq + count(*) FILTER (WHERE j.verdict = 0) OVER (PARTITION BY j.c ORDER BY j.n)
                WHEN 1 THEN j.old_seq
                WHEN 31 THEN 1
                WHEN 32 THEN 2
            END AS seq,
            CASE j.verdict WHEN 0 THEN nextval('entry_ids') WHEN 1 THEN j.old_id END AS id,
            CASE j.verdict WHEN 0 THEN v_now WHEN 1 THEN j.old_at END AS created_at
        FROM judged j
    ), stored AS (
        INSERT INTO entries
            (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, target_seq, body, xid, created_at)
        SELECT a.c, a.seq, a.k, a.id, 0, a.s, a.r, a.m, a.t, a.b, a.xid, a.created_at FROM answered a
        WHERE a.verdict = 0
    ), moved AS (
        UPDATE conversations c
        SET last_seq = f.top, last_message_seq = f.top, last_entry_at = v_now, last_message_at = v_now,
            last_xid = f.xid
        FROM (SELECT a.c, a.xid, max(a.seq) AS top FROM answered a WHERE a.verdict = 0 GROUP BY a.c, a.xid) f
        WHERE c.id = f.c
    )
    SELECT CASE WHEN a.verdict > 30 THEN 3 ELSE a.verdict END::smallint, a.seq, a.id, a.created_at
    FROM answered a ORDER BY a.n;
END $$;
