-- The life of the log. A log that was restored to an earlier moment gives places and ids a second time: it is another one,
-- and everything that was counted in the one before (positions, marks, gates, cursors) says nothing about it. One row.

CREATE TABLE log_epoch (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    -- Random, because two restores of one backup are two logs.
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- 1 for the log that was never restored.
    number bigint NOT NULL DEFAULT 1,
    -- What marks bear that were given in it. Those of the first epoch bear nothing: they are as they were before there were
    -- epochs, and replicas of that version read them.
    tag uuid GENERATED ALWAYS AS (CASE WHEN number > 1 THEN id END) STORED,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Labels from here on are of another server, and about to be put before it; null when none are left.
    foreign_from xid8
);

INSERT INTO log_epoch DEFAULT VALUES;

-- Begins another epoch, unless one is being begun: then that is gone on with.
--
-- Ids that were given after the moment to which the log was restored are not given again: nobody knows how many there were,
-- but not as many as are left out here. Were they, a message that waits in a client might reach other people.
--
-- Labels of a server whose transactions had come further (a dump that was restored into a new one) lie in the future of this
-- one: sweeps and marks would take them for news once it gets there. mend_entries and mend_conversations put them before
-- the oldest transaction that runs now, so that they are old for everybody who begins after this.
CREATE FUNCTION begin_epoch() RETURNS TABLE (number bigint, id uuid, is_mending boolean)
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    c_left_out CONSTANT bigint := 100000000;
    v_epoch log_epoch;
BEGIN
    SELECT * INTO STRICT v_epoch FROM log_epoch FOR UPDATE;
    IF v_epoch.foreign_from IS NULL THEN
        PERFORM setval(s, nextval(s) + c_left_out)
        FROM unnest(ARRAY['entry_ids', pg_get_serial_sequence('conversations', 'id')]::regclass[]) s;
        UPDATE log_epoch e
        SET id = gen_random_uuid(), number = e.number + 1, began_at = clock_timestamp(),
            foreign_from = CASE WHEN EXISTS (
                SELECT 1 FROM entries x WHERE x.xid >= pg_snapshot_xmax(pg_current_snapshot())
            ) THEN pg_snapshot_xmin(pg_current_snapshot()) END
        RETURNING * INTO v_epoch;
    END IF;
    RETURN QUERY SELECT v_epoch.number, v_epoch.id, v_epoch.foreign_from IS NOT NULL;
END $$;

-- Puts the next p_limit labels of entries, from p_from on (null: from the first), where they are old. In their order, so that
-- they fall along no log meanwhile. Returns how many, and where the next turn begins; without any, all are done.
CREATE FUNCTION mend_entries(p_from bigint, p_limit bigint) RETURNS TABLE (mended bigint, next bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_foreign xid8 := (SELECT foreign_from FROM log_epoch);
    v_old xid8 := (v_foreign::text::bigint - 1)::text::xid8;
    v_from xid8 := greatest(v_foreign, p_from::text::xid8);
BEGIN
    RETURN QUERY
    WITH picked AS MATERIALIZED (
        SELECT e.conversation_id AS c, e.seq AS s, e.xid AS x FROM entries e
        WHERE e.xid >= v_from ORDER BY e.xid, e.conversation_id, e.seq LIMIT p_limit
    ), done AS (
        UPDATE entries e SET xid = v_old FROM picked WHERE e.conversation_id = picked.c AND e.seq = picked.s
    )
    SELECT count(*), max(x::text::bigint) FROM picked;
END $$;

-- The same of p_limit conversations after p_after. Returns how many were looked at, and the last of them.
CREATE FUNCTION mend_conversations(p_after bigint, p_limit bigint) RETURNS TABLE (seen bigint, last bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_foreign xid8 := (SELECT foreign_from FROM log_epoch);
    v_old xid8 := (v_foreign::text::bigint - 1)::text::xid8;
BEGIN
    RETURN QUERY
    WITH picked AS MATERIALIZED (
        SELECT c.id FROM conversations c WHERE c.id > p_after ORDER BY c.id LIMIT p_limit
    ), done AS (
        UPDATE conversations c SET last_xid = v_old FROM picked WHERE c.id = picked.id AND c.last_xid >= v_foreign
    )
    SELECT count(*), max(id) FROM picked;
END $$;
