-- Messages that are removed, by age or with their author. The place stays: the text is emptied and `deleted_at` is set.

-- The messages up to here have been removed for their age, and nothing of a history need be looked for below.
ALTER TABLE conversations ADD COLUMN cleared_seq bigint NOT NULL DEFAULT 0;

-- Removes messages of before p_before, at most p_limit of them, in at most p_conversations conversations from p_from on: in that
-- one after p_seq, in the others after what was removed before. One row for each conversation that was looked at, in the
-- order of the ids: up to where its messages are removed now, how many of them by this call, whether that is further than
-- cleared_seq, and whether it has more. Where
-- to go on is the last row. With p_dry_run they are counted only.
--
-- Times rise along a log, so a conversation whose next message is young costs one look-up, and there need be no index by time.
-- Conversations are not locked: senders wait for nothing. The caller writes cleared_seq afterwards, see `set_cleared`.
CREATE FUNCTION remove_old(
    p_from bigint, p_seq bigint, p_before timestamptz, p_conversations bigint, p_limit bigint, p_dry_run boolean
) RETURNS TABLE (conversation_id bigint, cleared_seq bigint, removed bigint, moved boolean, has_more boolean)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    v_conversation record;
    v_left bigint := p_limit;
    v_after bigint;
    v_top bigint;
    v_full boolean;
BEGIN
    FOR v_conversation IN
        SELECT c.id, c.cleared_seq, c.last_seq FROM conversations c
        WHERE c.id >= p_from AND c.last_seq > c.cleared_seq ORDER BY c.id LIMIT p_conversations
    LOOP
        v_after := v_conversation.cleared_seq;
        IF v_conversation.id = p_from THEN
            v_after := greatest(v_after, p_seq);
        END IF;
        remove_old.conversation_id := v_conversation.id;
        remove_old.removed := 0;
        remove_old.has_more := false;
        v_top := v_after;
        PERFORM 1 FROM entries e
        WHERE e.conversation_id = v_conversation.id AND e.seq = v_after + 1 AND e.created_at < p_before;
        IF FOUND THEN
            -- Up to the first that is young: a clock that was set back leaves none out for long.
            SELECT coalesce(min(e.seq) FILTER (WHERE e.created_at >= p_before) - 1, max(e.seq)),
                bool_and(e.created_at < p_before)
            INTO v_top, v_full
            FROM entries e
            WHERE e.conversation_id = v_conversation.id AND e.seq > v_after AND e.seq <= v_after + v_left;
            remove_old.has_more := v_full AND v_top < v_conversation.last_seq;
            IF p_dry_run THEN
                SELECT count(*) INTO remove_old.removed FROM entries e
                WHERE e.conversation_id = v_conversation.id AND e.seq > v_after AND e.seq <= v_top
                    AND e.kind = 0 AND e.deleted_at IS NULL;
            ELSE
                UPDATE entries e SET body = '', deleted_at = clock_timestamp()
                WHERE e.conversation_id = v_conversation.id AND e.seq > v_after AND e.seq <= v_top
                    AND e.kind = 0 AND e.deleted_at IS NULL;
                GET DIAGNOSTICS removed = ROW_COUNT;
            END IF;
            v_left := v_left - (v_top - v_after);
        END IF;
        remove_old.cleared_seq := v_top;
        remove_old.moved := v_top > v_conversation.cleared_seq;
        RETURN NEXT;
        EXIT WHEN v_left <= 0;
    END LOOP;
END $$;

-- Writes down how far conversations are cleared. One that somebody else has locked is left out, since nobody is to wait: the
-- next run finds its messages removed.
CREATE FUNCTION set_cleared(p_conversation bigint[], p_seq bigint[]) RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    WITH locked AS MATERIALIZED (
        SELECT c.id FROM conversations c WHERE c.id = ANY (p_conversation) ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE conversations c SET cleared_seq = greatest(c.cleared_seq, u.s)
    FROM unnest(p_conversation, p_seq) u (c, s), locked l
    WHERE c.id = l.id AND u.c = l.id;
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
-- Of a message that was removed the text is gone: whatever comes with its client id counts as the repetition.
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
            SELECT x.seq, x.id, x.created_at, x.body, x.target_seq, x.deleted_at INTO v_first FROM entries x
            WHERE x.conversation_id = p_conversation[i] AND x.sender_id = p_sender[i] AND x.client_id = p_client[i];
            IF FOUND THEN
                status := 2;
                IF (v_first.body = p_body[i] OR v_first.deleted_at IS NOT NULL)
                    AND v_first.target_seq IS NOT DISTINCT FROM p_target[i] THEN
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
                    CASE WHEN (x.body = u.b OR x.deleted_at IS NOT NULL) AND x.target_seq IS NOT DISTINCT FROM u.t
                        THEN 1 ELSE 2 END
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
