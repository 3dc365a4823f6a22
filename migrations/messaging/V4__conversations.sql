-- What `messenger.v2` asks for beside sending: changes of a group by its owner and admins, watermarks, and what a client
-- missed that was connected before.

-- Memberships that have ended: a removal while the user was away is found through them.
CREATE INDEX members_left ON members (user_id, conversation_id) INCLUDE (left_seq) WHERE left_seq IS NOT NULL;

-- Watermarks move often; a row is updated in place as long as its page has room.
ALTER TABLE members SET (fillfactor = 70);

-- A new group whose public name the client has chosen, so that it can ask again. status: 0 created, 1 the creator has too
-- many conversations, 2 created before by the same request, 3 the name belongs to something else.
CREATE FUNCTION create_group_once(p_creator bigint, p_key uuid, p_name text, p_conversations bigint)
RETURNS TABLE (
    status smallint, conversation_id bigint, seq bigint, id bigint, uuid uuid, client_id uuid, created_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    -- First, because it waits for the creator's other requests: the same one among them has committed by then.
    v_full boolean := has_too_many_conversations(p_creator, p_conversations);
    v_group bigint;
BEGIN
    IF NOT v_full THEN
        INSERT INTO conversations (uuid, kind, name, created_by) VALUES (p_key, 1, p_name, p_creator)
        ON CONFLICT DO NOTHING RETURNING conversations.id INTO v_group;
        IF v_group IS NOT NULL THEN
            INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at)
            VALUES (v_group, p_creator, 2, 1, clock_timestamp());
            RETURN QUERY SELECT 0::smallint, v_group, e.*
            FROM append_entry(v_group, 1::smallint, p_creator, p_creator, p_name) e;
            RETURN;
        END IF;
    END IF;
    -- The group may have another name by now: its first entry keeps the one that was asked for.
    RETURN QUERY
    SELECT CASE
            WHEN c.id IS NULL THEN 1
            WHEN e.kind = 1 AND e.sender_id = p_creator AND e.body = p_name THEN 2
            ELSE 3
        END::smallint, c.id, e.seq, e.id, e.uuid, e.client_id, e.created_at
    FROM (SELECT p_key AS key) asked
    LEFT JOIN conversations c ON c.uuid = asked.key
    LEFT JOIN entries e ON e.conversation_id = c.id AND e.seq = 1;
END $$;

-- Locks a group for a change that only its owner and its admins may make. 0 go on, 1 no such group, 2 not a member, 3 of
-- too low a rank.
CREATE FUNCTION lock_group_as_admin(p_group bigint, p_actor bigint) RETURNS smallint
LANGUAGE plpgsql AS $$
DECLARE
    v_status smallint := lock_group(p_group, p_actor);
BEGIN
    IF v_status = 0 AND NOT EXISTS (SELECT 1 FROM members m
        WHERE m.conversation_id = p_group AND m.user_id = p_actor AND m.role >= 1) THEN
        v_status := 3;
    END IF;
    RETURN v_status;
END $$;

-- Ends another user's membership. status: 0 removed, 1 no such group, 2 the actor is not a member, 3 the actor may not
-- remove this one, 4 the user is not a member.
CREATE FUNCTION remove_member(p_group bigint, p_actor bigint, p_user bigint)
RETURNS TABLE (status smallint, seq bigint, id bigint, uuid uuid, client_id uuid, created_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_status smallint := lock_group_as_admin(p_group, p_actor);
    v_role smallint;
    v_entry record;
BEGIN
    IF v_status = 0 THEN
        SELECT m.role INTO v_role FROM members m
        WHERE m.conversation_id = p_group AND m.user_id = p_user AND m.left_seq IS NULL;
        v_status := CASE WHEN v_role IS NULL THEN 4 WHEN v_role = 2 OR p_user = p_actor THEN 3 ELSE 0 END;
    END IF;
    IF v_status <> 0 THEN
        RETURN QUERY SELECT v_status, NULL::bigint, NULL::bigint, NULL::uuid, NULL::uuid, NULL::timestamptz;
        RETURN;
    END IF;
    SELECT * INTO v_entry FROM append_entry(p_group, 4::smallint, p_actor, p_user, '');
    UPDATE members m SET left_seq = v_entry.seq WHERE m.conversation_id = p_group AND m.user_id = p_user;
    RETURN QUERY SELECT 0::smallint, v_entry.seq, v_entry.id, v_entry.uuid, v_entry.client_id, v_entry.created_at;
END $$;

-- Gives a group another name. status: 0 done, 1 no such group, 2 the actor is not a member, 3 the actor may not.
CREATE FUNCTION rename_group(p_group bigint, p_actor bigint, p_name text)
RETURNS TABLE (status smallint, seq bigint, id bigint, uuid uuid, client_id uuid, created_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_status smallint := lock_group_as_admin(p_group, p_actor);
BEGIN
    IF v_status <> 0 THEN
        RETURN QUERY SELECT v_status, NULL::bigint, NULL::bigint, NULL::uuid, NULL::uuid, NULL::timestamptz;
        RETURN;
    END IF;
    UPDATE conversations c SET name = p_name WHERE c.id = p_group;
    RETURN QUERY SELECT 0::smallint, e.* FROM append_entry(p_group, 5::smallint, p_actor, NULL::bigint, p_name) e;
END $$;

-- Moves a watermark of a present member, forward only; what is read is delivered. The conversation's row is not locked: the
-- log only grows, so a place that exists goes on existing, and the member's row says who has left. status: 0 here is the
-- watermark, 1 no such conversation or not a member of it, 2 beyond the end of the log. is_small, of a group that has
-- moved: at most p_members members.
CREATE FUNCTION mark(p_conversation bigint, p_user bigint, p_read boolean, p_seq bigint, p_members bigint)
RETURNS TABLE (status smallint, seq bigint, moved boolean, peer bigint, is_small boolean)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_conversation record;
    v_seq bigint;
    v_moved boolean;
BEGIN
    SELECT c.kind, c.last_seq, c.low_user + c.high_user - p_user AS peer INTO v_conversation
    FROM conversations c WHERE c.id = p_conversation AND c.deleted_at IS NULL;
    UPDATE members m
    SET read_seq = CASE WHEN p_read THEN p_seq ELSE m.read_seq END, delivered_seq = greatest(m.delivered_seq, p_seq)
    WHERE m.conversation_id = p_conversation AND m.user_id = p_user AND m.left_seq IS NULL
        AND p_seq > CASE WHEN p_read THEN m.read_seq ELSE m.delivered_seq END AND p_seq <= v_conversation.last_seq
    RETURNING p_seq INTO v_seq;
    v_moved := FOUND;
    IF NOT v_moved THEN
        SELECT CASE WHEN p_read THEN m.read_seq ELSE m.delivered_seq END INTO v_seq
        FROM members m WHERE m.conversation_id = p_conversation AND m.user_id = p_user AND m.left_seq IS NULL;
    END IF;
    RETURN QUERY SELECT
        CASE WHEN v_seq IS NULL OR v_conversation.kind IS NULL THEN 1
            WHEN NOT v_moved AND p_seq > v_conversation.last_seq THEN 2 ELSE 0 END::smallint,
        v_seq, v_moved, v_conversation.peer,
        CASE WHEN v_moved AND v_conversation.kind = 1 THEN p_members >= (
            SELECT count(*) FROM (SELECT 1 FROM members m
                WHERE m.conversation_id = p_conversation AND m.left_seq IS NULL LIMIT p_members + 1) few) END;
END $$;

-- The last place after p_floor and up to p_top whose label is not one of p_since … p_end; p_floor if there is none. Labels
-- never fall along a log: steps that double from the end, then halves, find it in few look-ups however much was missed.
-- p_end tells labels of another server (see `label`), which are old, whatever they say.
CREATE FUNCTION position_since(p_conversation bigint, p_floor bigint, p_top bigint, p_since xid8, p_end xid8)
RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_before bigint := p_floor;
    v_since bigint := p_top + 1;
    v_step bigint := 1;
    v_probe bigint;
BEGIN
    WHILE v_since - v_before > 1 LOOP
        v_probe := greatest(v_since - v_step, (v_before + v_since) / 2);
        IF EXISTS (SELECT 1 FROM entries e
            WHERE e.conversation_id = p_conversation AND e.seq = v_probe AND (e.xid < p_since OR e.xid >= p_end)) THEN
            v_before := v_probe;
        ELSE
            v_since := v_probe;
            v_step := v_step * 2;
        END IF;
    END LOOP;
    RETURN v_before;
END $$;

-- Where a user's conversations stand that are named, and those that have grown for the user since p_since: a page of them,
-- the named ones beside. Without p_since only those named. `after` is how far the client holds the log: as far as it says
-- or else as far as the log went before p_since, and never less than the user may see. `top` is the last entry that the
-- user may see. Latest activity first. A row without a kind names a conversation that is none of the user's.
--
-- All that are named are told. Those that are not go by the transactions that touched them last, and by their ids: told
-- are the first p_limit after (p_after_xid, p_after_id), from the beginning without these. If there are more, each row has
-- the place of the last one in next_xid and next_id, for the next page. A conversation that grows between two pages only
-- moves to a later one: none is passed over, and each page is another part of the way.
--
-- A mark from the future is one of a log that was restored into a younger server: everything is told. With any other
-- mark, labels from the future are those of what was restored, which has not grown since; they are the first in order,
-- because such a conversation has a smaller label when it grows. p_margin transactions before the mark are told again: a
-- standby that was promoted gives their ids a second time.
CREATE FUNCTION resume_heads(
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
BEGIN
    IF v_since > v_end THEN
        v_since := '0';
        v_end := '18446744073709551615';
    ELSIF p_since IS NOT NULL THEN
        v_since := greatest(p_since - p_margin, 0)::text::xid8;
    END IF;
    RETURN QUERY
    WITH named AS MATERIALIZED (
        SELECT n.c, min(n.p) AS p FROM unnest(p_named, p_positions) n (c, p) GROUP BY n.c
    ), grown AS (
        SELECT m.conversation_id AS c, CASE WHEN c.last_xid < v_now THEN c.last_xid ELSE '0' END AS xid
        FROM members m JOIN conversations c ON c.id = m.conversation_id AND c.deleted_at IS NULL
        WHERE m.user_id = p_user AND m.left_seq IS NULL AND m.conversation_id <> ALL (p_named)
            AND c.last_xid >= v_since AND c.last_xid < v_end
        UNION ALL
        SELECT m.conversation_id, CASE WHEN c.last_xid < v_now THEN c.last_xid ELSE '0' END
        FROM members m
        JOIN conversations c ON c.id = m.conversation_id AND c.deleted_at IS NULL
        JOIN entries e ON e.conversation_id = m.conversation_id AND e.seq = m.left_seq
        WHERE m.user_id = p_user AND m.left_seq IS NOT NULL AND m.conversation_id <> ALL (p_named)
            AND c.last_xid >= v_since AND e.xid >= v_since AND e.xid < v_end
    ), picked AS MATERIALIZED (
        SELECT g.c, g.xid, row_number() OVER (ORDER BY g.xid, g.c) AS n
        FROM grown g WHERE p_after_xid IS NULL OR (g.xid, g.c) > (v_after, p_after_id)
        ORDER BY g.xid, g.c LIMIT p_limit + 1
    ), following AS (
        SELECT p.xid, p.c FROM picked p WHERE p.n = p_limit AND EXISTS (SELECT 1 FROM picked x WHERE x.n > p_limit)
    ), answered AS (
        SELECT n.c, n.p FROM named n
        UNION ALL
        SELECT p.c, NULL FROM picked p WHERE p.n <= p_limit
    ), placed AS (
        SELECT c.id, c.kind, c.last_entry_at, x.p, greatest(m.joined_seq - 1, 0) AS floor,
            coalesce(m.left_seq, c.last_seq) AS top, m.read_seq, m.delivered_seq, m.left_seq IS NULL AS is_member
        FROM answered x
        JOIN conversations c ON c.id = x.c AND c.deleted_at IS NULL
        JOIN members m ON m.conversation_id = x.c AND m.user_id = p_user
    )
    (SELECT a.id, a.kind,
        CASE WHEN a.p IS NULL THEN position_since(a.id, a.floor, a.top, v_since, v_end)
            ELSE greatest(a.p, a.floor) END,
        a.top, a.read_seq, a.delivered_seq, a.is_member, f.xid::text::bigint, f.c
    FROM placed a LEFT JOIN following f ON true ORDER BY a.last_entry_at DESC NULLS LAST, a.id DESC)
    UNION ALL
    SELECT n.c, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM named n
    WHERE NOT EXISTS (SELECT 1 FROM members m JOIN conversations c ON c.id = m.conversation_id
        WHERE m.conversation_id = n.c AND m.user_id = p_user AND c.deleted_at IS NULL);
END $$;
