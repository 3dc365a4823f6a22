-- A crowd that comes back after a moment has mostly missed nothing. One look for all of them finds that out.

-- Of each user, in order, whether a resume from the mark would tell him nothing. "No" may be said of one who has missed nothing
-- after all: of a mark from another epoch or from the future.
CREATE FUNCTION rested_since(p_users bigint[], p_since bigint[], p_epochs uuid[], p_margin bigint) RETURNS SETOF boolean
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_memoize = off
AS $$
DECLARE
    v_tag uuid := (SELECT e.tag FROM log_epoch e WHERE e.is_only);
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT u.n, u.id, u.since::text::xid8 AS mark, u.epoch IS NOT DISTINCT FROM v_tag AS is_ours,
            greatest(u.since - p_margin, 0)::text::xid8 AS since, greatest(u.since - p_margin, 0) >> 20 AS era
        FROM unnest(p_users, p_since, p_epochs) WITH ORDINALITY u (id, since, epoch, n)
    )
    SELECT a.is_ours AND a.mark <= pg_snapshot_xmax(pg_current_snapshot())
        AND NOT EXISTS (SELECT 1 FROM conversations c
            WHERE c.kind = 0 AND c.low_user = a.id AND c.era >= a.era AND c.last_xid >= a.since)
        AND NOT EXISTS (SELECT 1 FROM conversations c
            WHERE c.kind = 0 AND c.high_user = a.id AND c.era >= a.era AND c.last_xid >= a.since)
        AND NOT EXISTS (SELECT 1 FROM conversations c
            WHERE c.kind = 1 AND c.era >= a.era AND c.last_xid >= a.since
                AND c.id = ANY (ARRAY(SELECT m.conversation_id FROM members m
                    WHERE m.user_id = a.id AND m.left_seq IS NULL AND m.joined_seq > 0)))
        AND NOT EXISTS (SELECT 1 FROM members m
            JOIN conversations c ON c.id = m.conversation_id
            JOIN entries e ON e.conversation_id = m.conversation_id AND e.seq = m.left_seq
            WHERE m.user_id = a.id AND m.left_seq IS NOT NULL AND c.last_xid >= a.since AND e.xid >= a.since)
    FROM asked a ORDER BY a.n;
END $$;
