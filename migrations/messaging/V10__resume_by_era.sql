-- What makes coming back cost what was missed, for a user of ten thousand chats as for one of ten.

-- The era of a conversation: its latest label in steps of 2^20 transactions, which is minutes of a server that is as busy as
-- can be and weeks of one that is idle. A user's dialogs that have grown since a mark are found through it. An index of the
-- label itself would be written with every message, and so would the other indexes, because the row could not be updated
-- in place; with eras that happens for the first message in a million transactions. The table is written anew.
ALTER TABLE conversations
    ADD COLUMN era bigint GENERATED ALWAYS AS (last_xid::text::bigint >> 20) STORED;

-- Partial, so that nothing that does not ask for eras takes them for want of better.
CREATE INDEX conversations_era_of_low ON conversations (low_user, era) WHERE kind = 0 AND era IS NOT NULL;
CREATE INDEX conversations_era_of_high ON conversations (high_user, era) WHERE kind = 0 AND era IS NOT NULL;

-- As before, and told in the same order. A user's groups are all looked at, and of the dialogs those of the eras from the
-- mark on, or from the place of the page before: labels never fall, so eras do not. What has grown ends with an entry of
-- after the mark; mostly little was missed, and among the eight before that one is older. Only else the place is searched for.
CREATE OR REPLACE FUNCTION resume_heads(
    p_user bigint, p_since bigint, p_after_xid bigint, p_after_id bigint, p_named bigint[], p_positions bigint[],
    p_margin bigint, p_limit bigint
) RETURNS TABLE (
    conversation_id bigint, kind smallint, after bigint, top bigint, read_seq bigint, delivered_seq bigint,
    is_member boolean, next_xid bigint, next_id bigint
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_since xid8 := p_since::text::xid8;
    v_after xid8 := p_after_xid::text::xid8;
    v_now xid8 := pg_snapshot_xmax(pg_current_snapshot());
    v_end xid8 := v_now;
    v_era bigint;
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
            SELECT c.id, c.kind, c.last_xid, c.last_seq, c.last_entry_at
            FROM members m JOIN conversations c ON c.id = m.conversation_id
            WHERE m.user_id = p_user AND m.left_seq IS NULL AND m.joined_seq > 0 AND c.deleted_at IS NULL
                AND p_since IS NOT NULL) g
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
        SELECT p.id, p.kind, p.last_seq, p.last_entry_at, NULL FROM picked p WHERE p.n <= p_limit
    ), placed AS (
        SELECT x.*, greatest(m.joined_seq - 1, 0) AS floor, coalesce(m.left_seq, x.last_seq) AS top, m.read_seq,
            m.delivered_seq, m.left_seq IS NULL AS is_member
        FROM answered x JOIN members m ON m.conversation_id = x.id AND m.user_id = p_user
    )
    (SELECT a.id, a.kind,
        CASE WHEN a.p IS NOT NULL THEN greatest(a.p, a.floor)
            ELSE coalesce(
                (SELECT few.seq
                FROM (SELECT e.seq, e.xid FROM entries e
                    WHERE e.conversation_id = a.id AND e.seq > a.floor AND e.seq < a.top ORDER BY e.seq DESC LIMIT 8) few
                WHERE few.xid < v_since OR few.xid >= v_end ORDER BY few.seq DESC LIMIT 1),
                CASE WHEN a.top - 8 <= a.floor THEN a.floor
                    ELSE position_since(a.id, a.floor, a.top - 9, v_since, v_end) END)
        END,
        a.top, a.read_seq, a.delivered_seq, a.is_member, f.xid::text::bigint, f.id
    FROM placed a LEFT JOIN following f ON true ORDER BY a.last_entry_at DESC NULLS LAST, a.id DESC)
    UNION ALL
    SELECT n.c, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM named n
    WHERE NOT EXISTS (SELECT 1 FROM members m JOIN conversations c ON c.id = m.conversation_id
        WHERE m.conversation_id = n.c AND m.user_id = p_user AND c.deleted_at IS NULL);
END $$;
