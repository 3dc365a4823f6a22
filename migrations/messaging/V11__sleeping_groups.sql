-- What makes a user's group that has slept cost one look into a small index, in lists and for whoever comes back.

-- The day of a group's latest entry that is no message, in UTC. With `active_on`, which is that of its messages, it gives the
-- day of the latest entry. That is no generated column, because each of those costs every message some microseconds.
ALTER TABLE conversations ADD COLUMN noticed_on date;

-- What ends with a message has had its notices before that.
UPDATE conversations SET noticed_on = (last_entry_at AT TIME ZONE 'UTC')::date
WHERE kind = 1 AND last_entry_at IS DISTINCT FROM last_message_at;

-- A user's groups are known by their ids. What follows the id is compared in the index, so that of a group that has slept
-- since a day or an era nothing else is touched. It is written with the first entry of a day or of an era.
CREATE INDEX conversations_of_groups ON conversations (id, (greatest(active_on, noticed_on)), era) WHERE kind = 1;

-- Appends an entry that is not a message. The caller holds the conversation's row lock.
CREATE OR REPLACE FUNCTION append_entry(
    p_group bigint, p_kind smallint, p_sender bigint, p_recipient bigint, p_body text
) RETURNS TABLE (seq bigint, id bigint, uuid uuid, client_id uuid, created_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_seq bigint;
    v_xid xid8;
    v_now timestamptz := clock_timestamp();
BEGIN
    UPDATE conversations c
    SET last_seq = c.last_seq + 1, last_entry_at = v_now, last_xid = label(c.last_xid),
        noticed_on = (v_now AT TIME ZONE 'UTC')::date
    WHERE c.id = p_group RETURNING c.last_seq, c.last_xid INTO v_seq, v_xid;
    RETURN QUERY
    INSERT INTO entries AS e
        (conversation_id, seq, uuid, id, kind, sender_id, recipient_id, client_id, body, xid, created_at)
    VALUES (p_group, v_seq, gen_random_uuid(), nextval('entry_ids'), p_kind, p_sender, p_recipient,
        gen_random_uuid(), p_body, v_xid, v_now)
    RETURNING e.seq, e.id, e.uuid, e.client_id, e.created_at;
END $$;

-- As before, and told in the same order. A user's groups are looked for by their era, as his dialogs are. What has grown ends
-- with an entry of after the mark; mostly little was missed, and among the `v_few` before that one is older. Only else the
-- place is searched for: each step of that costs as much as ten entries on the way.
CREATE OR REPLACE FUNCTION resume_heads(
    p_user bigint, p_since bigint, p_after_xid bigint, p_after_id bigint, p_named bigint[], p_positions bigint[],
    p_margin bigint, p_limit bigint
) RETURNS TABLE (
    conversation_id bigint, kind smallint, after bigint, top bigint, read_seq bigint, delivered_seq bigint,
    is_member boolean, next_xid bigint, next_id bigint
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_memoize = off
AS $$
DECLARE
    v_since xid8 := p_since::text::xid8;
    v_after xid8 := p_after_xid::text::xid8;
    v_now xid8 := pg_snapshot_xmax(pg_current_snapshot());
    v_end xid8 := v_now;
    v_era bigint;
    v_few CONSTANT bigint := 32;
BEGIN
    IF v_since > v_end THEN
        v_since := '0';
        v_end := '18446744073709551615';
    ELSIF p_since IS NOT NULL THEN
        v_since := greatest(p_since - p_margin, 0)::text::xid8;
    END IF;
    -- None without a mark.
    v_era := greatest(v_since, v_after)::text::bigint >> 20;
    RETURN QUERY
    WITH named AS MATERIALIZED (
        SELECT n.c, min(n.p) AS p FROM unnest(p_named, p_positions) n (c, p) GROUP BY n.c
    ), grown AS (
        SELECT g.*, CASE WHEN g.last_xid < v_now THEN g.last_xid ELSE '0' END AS xid
        FROM (
            SELECT c.id, c.kind, c.last_xid, c.last_seq, c.last_entry_at FROM conversations c
            WHERE c.kind = 0 AND c.low_user = p_user AND c.era >= v_era AND c.deleted_at IS NULL
            UNION ALL
            SELECT c.id, c.kind, c.last_xid, c.last_seq, c.last_entry_at FROM conversations c
            WHERE c.kind = 0 AND c.high_user = p_user AND c.low_user <> c.high_user AND c.era >= v_era
                AND c.deleted_at IS NULL
            UNION ALL
            SELECT c.id, c.kind, c.last_xid, c.last_seq, c.last_entry_at FROM conversations c
            WHERE c.kind = 1 AND c.era >= v_era AND c.deleted_at IS NULL AND p_since IS NOT NULL
                AND c.id = ANY (ARRAY(SELECT m.conversation_id FROM members m
                    WHERE m.user_id = p_user AND m.left_seq IS NULL AND m.joined_seq > 0))) g
        WHERE g.last_xid >= v_since AND g.last_xid < v_end
        UNION ALL
        SELECT c.id, c.kind, c.last_xid, c.last_seq, c.last_entry_at,
            CASE WHEN c.last_xid < v_now THEN c.last_xid ELSE '0' END
        FROM members m
        JOIN conversations c ON c.id = m.conversation_id AND c.deleted_at IS NULL
        JOIN entries e ON e.conversation_id = m.conversation_id AND e.seq = m.left_seq
        WHERE m.user_id = p_user AND m.left_seq IS NOT NULL AND p_since IS NOT NULL
            AND c.last_xid >= v_since AND e.xid >= v_since AND e.xid < v_end
    ), picked AS MATERIALIZED (
        SELECT g.*, row_number() OVER (ORDER BY g.xid, g.id) AS n
        FROM grown g
        WHERE (p_after_xid IS NULL OR (g.xid, g.id) > (v_after, p_after_id))
            -- A list that is looked through once: comparing each with each would cost more than all the rest.
            AND g.id NOT IN (SELECT n.c FROM named n)
        ORDER BY g.xid, g.id LIMIT p_limit + 1
    ), following AS MATERIALIZED (
        SELECT p.xid, p.id FROM picked p WHERE p.n = p_limit AND EXISTS (SELECT 1 FROM picked x WHERE x.n > p_limit)
    ), answered AS (
        SELECT c.id, c.kind, c.last_seq, c.last_entry_at, n.p
        FROM named n JOIN conversations c ON c.id = n.c AND c.deleted_at IS NULL
        UNION ALL
        -- In the order of what is looked at next: neighbours have pages in common.
        (SELECT p.id, p.kind, p.last_seq, p.last_entry_at, NULL FROM picked p WHERE p.n <= p_limit ORDER BY p.id)
    ), placed AS (
        SELECT x.*, greatest(m.joined_seq - 1, 0) AS floor, coalesce(m.left_seq, x.last_seq) AS top, m.read_seq,
            m.delivered_seq, m.left_seq IS NULL AS is_member
        FROM answered x JOIN members m ON m.conversation_id = x.id AND m.user_id = p_user
    )
    (SELECT a.id, a.kind,
        CASE WHEN a.p IS NOT NULL THEN greatest(a.p, a.floor)
            ELSE coalesce(
                (SELECT e.seq FROM entries e
                WHERE e.conversation_id = a.id AND e.seq > greatest(a.floor, a.top - v_few - 1) AND e.seq < a.top
                    AND (e.xid < v_since OR e.xid >= v_end)
                ORDER BY e.seq DESC LIMIT 1),
                CASE WHEN a.top - v_few - 1 <= a.floor THEN a.floor
                    ELSE position_since(a.id, a.floor, a.top - v_few - 1, v_since, v_end) END)
        END,
        a.top, a.read_seq, a.delivered_seq, a.is_member, (SELECT f.xid::text::bigint FROM following f),
        (SELECT f.id FROM following f)
    FROM placed a ORDER BY a.last_entry_at DESC NULLS LAST, a.id DESC)
    UNION ALL
    SELECT n.c, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM named n
    WHERE NOT EXISTS (SELECT 1 FROM members m JOIN conversations c ON c.id = m.conversation_id
        WHERE m.conversation_id = n.c AND m.user_id = p_user AND c.deleted_at IS NULL);
END $$;
