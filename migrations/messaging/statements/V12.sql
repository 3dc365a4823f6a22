-- What programs send whose newest migration is V12. Written by a test: see ../../README.md.

-- send::SEND_MESSAGES
-- takes (bool, _int8, _int8, _int8, _uuid, _uuid, _text, _int8) gives (status int2, seq int8, id int8, created_at timestamptz)
SELECT status, seq, id, created_at FROM send_messages($1, $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::uuid[], $7::text[], $8::bigint[]);

-- groups::FIND_DIALOG
-- takes (int8, int8) gives (id int8)
SELECT id FROM conversations WHERE kind = 0 AND low_user = $1 AND high_user = $2;

-- groups::OPEN_DIALOG
-- takes (int8, int8, int8) gives (status int2, id int8)
SELECT status, id FROM open_dialog($1, $2, $3);

-- groups::CREATE_GROUP
-- takes (int8, text, int8) gives (status int2, seq int8, id int8, uuid uuid, client_id uuid, created_at timestamptz, conversation_id int8)
SELECT status, seq, id, uuid, client_id, created_at, conversation_id FROM create_group($1, $2, $3);

-- membership::CREATE_GROUP_ONCE
-- takes (int8, uuid, text, int8) gives (status int2, seq int8, id int8, uuid uuid, client_id uuid, created_at timestamptz, conversation_id int8)
SELECT status, seq, id, uuid, client_id, created_at, conversation_id FROM create_group_once($1, $2, $3, $4);

-- membership::REMOVE_MEMBER
-- takes (int8, int8, int8) gives (status int2, seq int8, id int8, uuid uuid, client_id uuid, created_at timestamptz)
SELECT status, seq, id, uuid, client_id, created_at FROM remove_member($1, $2, $3);

-- membership::RENAME_GROUP
-- takes (int8, int8, text) gives (status int2, seq int8, id int8, uuid uuid, client_id uuid, created_at timestamptz)
SELECT status, seq, id, uuid, client_id, created_at FROM rename_group($1, $2, $3);

-- membership::SET_ROLE
-- takes (int8, int8, int8, int2) gives (status int2, seq int8, id int8, uuid uuid, client_id uuid, created_at timestamptz)
SELECT status, seq, id, uuid, client_id, created_at FROM set_role($1, $2, $3, $4);

-- groups::ADD_MEMBER
-- takes (int8, int8, int8, int8, int8) gives (status int2, seq int8, id int8, uuid uuid, client_id uuid, created_at timestamptz)
SELECT status, seq, id, uuid, client_id, created_at FROM add_member($1, $2, $3, $4, $5);

-- groups::LEAVE_GROUP
-- takes (int8, int8) gives (status int2, seq int8, id int8, uuid uuid, client_id uuid, created_at timestamptz)
SELECT status, seq, id, uuid, client_id, created_at FROM leave_group($1, $2);

-- groups::CONVERSATIONS_OF
-- takes (_int8, int8) gives (n int8, id int8, joined_seq int8, last_seq int8, ?column? bool, coalesce bool)
SELECT u.n, mine.* FROM unnest($1::bigint[]) WITH ORDINALITY AS u (id, n) CROSS JOIN LATERAL ( SELECT c.id, m.joined_seq, c.last_seq, true, coalesce(c.last_xid >= $2::bigint::text::xid8, false) FROM members m JOIN conversations c ON c.id = m.conversation_id WHERE m.user_id = u.id AND m.left_seq IS NULL AND m.joined_seq > 0 AND c.deleted_at IS NULL UNION ALL (SELECT c.id, 0, c.last_seq, false, true FROM conversations c WHERE c.kind = 0 AND c.low_user = u.id AND c.deleted_at IS NULL AND c.active_on >= (now() AT TIME ZONE 'UTC')::date - 1 AND c.last_xid >= $2::bigint::text::xid8 ORDER BY c.active_on DESC) UNION ALL (SELECT c.id, 0, c.last_seq, false, true FROM conversations c WHERE c.kind = 0 AND c.high_user = u.id AND c.low_user <> c.high_user AND c.deleted_at IS NULL AND c.active_on >= (now() AT TIME ZONE 'UTC')::date - 1 AND c.last_xid >= $2::bigint::text::xid8 ORDER BY c.active_on DESC)) mine;

-- marks::MARK
-- takes (int8, int8, bool, int8, int8) gives (status int2, seq int8, moved bool, peer int8, is_small bool)
SELECT status, seq, moved, peer, is_small FROM mark($1, $2, $3, $4, $5);

-- resume::RESUME_HEADS
-- takes (int8, int8, int8, int8, _int8, _int8, int8, int8, uuid, uuid) gives (conversation_id int8, kind int2, after int8, top int8, read_seq int8, delivered_seq int8, is_member bool, next_xid int8, next_id int8, tag uuid)
SELECT h.conversation_id, h.kind, h.after, h.top, h.read_seq, h.delivered_seq, h.is_member, h.next_xid, h.next_id, e.tag FROM log_epoch e, LATERAL resume_heads($1, CASE WHEN $2::bigint IS NULL OR e.tag IS NOT DISTINCT FROM $9::uuid THEN $2 ELSE 9223372036854775807 END, CASE WHEN e.tag IS NOT DISTINCT FROM $10::uuid THEN $3::bigint END, CASE WHEN e.tag IS NOT DISTINCT FROM $10 THEN $4::bigint END, $5, $6, $7, $8) h;

-- resume::STRETCHES
-- takes (_int8, _int8, _int8, int8, int8, int8) gives (conversation_id int8, seq int8, id int8, uuid uuid, kind int2, sender_id int8, recipient_id int8, client_id uuid, body text, created_at timestamptz, target_seq int8, deleted_at timestamptz)
WITH sized AS MATERIALIZED ( SELECT w.*, s.bytes FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS w (c, after, top, n) CROSS JOIN LATERAL ( SELECT sum(octet_length(x.body) + $5::bigint)::bigint AS bytes FROM ( SELECT e.body FROM entries e WHERE e.conversation_id = w.c AND e.seq > w.after AND e.seq <= w.top LIMIT $6) x) s), chosen AS MATERIALIZED ( SELECT s.*, sum(s.bytes) OVER (ORDER BY s.n) AS total FROM sized s WHERE s.bytes <= $4) SELECT e.conversation_id, e.seq, e.id, e.uuid, e.kind, e.sender_id, e.recipient_id, e.client_id, e.body, e.created_at, e.target_seq, e.deleted_at FROM chosen CROSS JOIN LATERAL ( SELECT * FROM entries x WHERE x.conversation_id = chosen.c AND x.seq > chosen.after AND x.seq <= chosen.top ORDER BY x.seq LIMIT $6) e WHERE chosen.total <= $4 ORDER BY chosen.n, e.seq;

-- conversations::STRETCH
-- takes (int8, int8, int8, int8, int8, int8) gives (conversation_id int8, seq int8, id int8, uuid uuid, kind int2, sender_id int8, recipient_id int8, client_id uuid, body text, created_at timestamptz, target_seq int8, deleted_at timestamptz)
SELECT e.conversation_id, e.seq, e.id, e.uuid, e.kind, e.sender_id, e.recipient_id, e.client_id, e.body, e.created_at, e.target_seq, e.deleted_at FROM ( SELECT x.*, sum(octet_length(x.body) + $6::bigint) OVER turn AS bytes, row_number() OVER turn AS n FROM entries x WHERE x.conversation_id = $1 AND x.seq > $2 AND x.seq <= $3 WINDOW turn AS (ORDER BY x.seq * $4::bigint)) e WHERE e.bytes <= $5::bigint OR e.n = 1 ORDER BY e.seq;

-- conversations::CONVERSATIONS
-- takes (int8, timestamptz, int8, int8, int8, int8) gives (conversation_id int8, seq int8, id int8, uuid uuid, kind int2, sender_id int8, recipient_id int8, client_id uuid, body text, created_at timestamptz, target_seq int8, deleted_at timestamptz, id int8, name text, peer int8, role int2, joined_seq int8, last_seq int8, read_seq int8, delivered_seq int8, last_entry_at timestamptz, read_seq int8, delivered_seq int8, count int8)
WITH dialogs AS MATERIALIZED ( (SELECT c.id, c.name, c.low_user + c.high_user - $1 AS peer, c.last_seq, c.last_message_seq, c.last_entry_at, c.active_on FROM conversations c WHERE c.low_user = $1 AND c.kind = 0 AND c.active_on IS NOT NULL AND c.deleted_at IS NULL AND c.active_on <= coalesce(($2::timestamptz AT TIME ZONE 'UTC')::date, 'infinity') AND ($2 IS NULL OR (c.last_entry_at, c.id) < ($2, $3::bigint)) ORDER BY c.active_on DESC FETCH FIRST (SELECT $4::bigint) ROWS WITH TIES) UNION ALL (SELECT c.id, c.name, c.low_user + c.high_user - $1 AS peer, c.last_seq, c.last_message_seq, c.last_entry_at, c.active_on FROM conversations c WHERE c.high_user = $1 AND c.low_user <> c.high_user AND c.kind = 0 AND c.active_on IS NOT NULL AND c.deleted_at IS NULL AND c.active_on <= coalesce(($2::timestamptz AT TIME ZONE 'UTC')::date, 'infinity') AND ($2 IS NULL OR (c.last_entry_at, c.id) < ($2, $3::bigint)) ORDER BY c.active_on DESC FETCH FIRST (SELECT $4::bigint) ROWS WITH TIES)), mine AS ( SELECT * FROM dialogs UNION ALL (SELECT c.id, c.name, c.low_user + c.high_user - $1 AS peer, c.last_seq, c.last_message_seq, c.last_entry_at, NULL FROM conversations c JOIN members m ON m.conversation_id = c.id AND m.user_id = $1 WHERE c.kind = 1 AND c.deleted_at IS NULL AND c.id = ANY (ARRAY(SELECT g.conversation_id FROM members g WHERE g.user_id = $1 AND g.left_seq IS NULL AND g.joined_seq > 0)) AND greatest(c.active_on, c.noticed_on) >= coalesce( (SELECT d.active_on FROM dialogs d ORDER BY d.active_on DESC OFFSET $4 - 1 LIMIT 1), '-infinity') AND greatest(c.active_on, c.noticed_on) <= coalesce(($2 AT TIME ZONE 'UTC')::date, 'infinity') AND ($2 IS NULL OR (c.last_entry_at, c.id) < ($2, $3)))), page AS (SELECT * FROM mine ORDER BY last_entry_at DESC, id DESC LIMIT $4) SELECT e.conversation_id, e.seq, e.id, e.uuid, e.kind, e.sender_id, e.recipient_id, e.client_id, e.body, e.created_at, e.target_seq, e.deleted_at, page.id, page.name, page.peer, m.role, m.joined_seq, page.last_seq, m.read_seq, m.delivered_seq, page.last_entry_at, other.read_seq, other.delivered_seq, unread.count FROM page JOIN members m ON m.conversation_id = page.id AND m.user_id = $1 LEFT JOIN entries e ON e.conversation_id = page.id AND e.seq = page.last_message_seq AND page.last_message_seq >= m.joined_seq LEFT JOIN members other ON other.conversation_id = page.id AND other.user_id = page.peer CROSS JOIN LATERAL ( SELECT count(*) FROM ( SELECT 1 FROM entries u WHERE u.conversation_id = page.id AND u.seq > greatest(m.read_seq, m.joined_seq - 1, page.last_seq - $6::bigint) AND u.kind = 0 AND u.sender_id <> $1 AND u.deleted_at IS NULL ORDER BY u.seq DESC LIMIT $5) newest) unread ORDER BY page.last_entry_at DESC, page.id DESC;

-- conversations::ADDRESS
-- takes (int8) gives (low_user int8, high_user int8)
SELECT c.low_user, c.high_user FROM conversations c WHERE c.id = $1 AND c.deleted_at IS NULL;

-- conversations::WINDOW
-- takes (int8, int8) gives (joined_seq int8, coalesce int8)
SELECT m.joined_seq, coalesce(m.left_seq, c.last_seq) FROM members m JOIN conversations c ON c.id = m.conversation_id WHERE m.conversation_id = $1 AND m.user_id = $2 AND c.deleted_at IS NULL;

-- blocks::BLOCK_USER
-- takes (int8, int8, int8) gives (block_user int2)
SELECT block_user($1, $2, $3);

-- blocks::UNBLOCK_USER
-- takes (int8, int8) gives (unblock_user void)
SELECT unblock_user($1, $2);

-- blocks::BLOCKED
-- takes (int8, int8, int8) gives (blocked_id int8, created_at timestamptz)
SELECT b.blocked_id, b.created_at FROM blocks b WHERE b.user_id = $1 AND b.blocked_id > $2 ORDER BY b.blocked_id LIMIT $3;

-- chats::CHATS
-- takes (int8, int8, int8) gives (conversation_id int8, seq int8, id int8, uuid uuid, kind int2, sender_id int8, recipient_id int8, client_id uuid, body text, created_at timestamptz, target_seq int8, deleted_at timestamptz, edited_at timestamptz, name text)
WITH dialogs AS MATERIALIZED ( (SELECT c.id, NULL AS name, c.last_message_seq AS seq, c.last_message_at AS shown_at, c.active_on FROM conversations c WHERE c.kind = 0 AND c.low_user = $1 AND c.active_on IS NOT NULL AND c.deleted_at IS NULL ORDER BY c.active_on DESC FETCH FIRST (SELECT $2::bigint + $3::bigint) ROWS WITH TIES) UNION ALL (SELECT c.id, NULL, c.last_message_seq, c.last_message_at, c.active_on FROM conversations c WHERE c.kind = 0 AND c.high_user = $1 AND c.low_user <> c.high_user AND c.active_on IS NOT NULL AND c.deleted_at IS NULL ORDER BY c.active_on DESC FETCH FIRST (SELECT $2 + $3) ROWS WITH TIES)), mine AS ( SELECT d.id, d.name, d.seq, d.shown_at FROM dialogs d UNION ALL (SELECT c.id, c.name, CASE WHEN c.last_message_seq >= m.joined_seq THEN c.last_message_seq ELSE m.joined_seq END, CASE WHEN c.last_message_seq >= m.joined_seq THEN c.last_message_at ELSE m.joined_at END FROM conversations c JOIN members m ON m.conversation_id = c.id AND m.user_id = $1 WHERE c.kind = 1 AND c.deleted_at IS NULL AND c.id = ANY (ARRAY(SELECT g.conversation_id FROM members g WHERE g.user_id = $1 AND g.left_seq IS NULL AND g.joined_seq > 0)) AND greatest(c.active_on, c.noticed_on) >= coalesce( (SELECT d.active_on FROM dialogs d ORDER BY d.active_on DESC OFFSET $2 + $3 - 1 LIMIT 1), '-infinity'))), page AS (SELECT * FROM mine ORDER BY shown_at DESC, id DESC LIMIT $2 OFFSET $3) SELECT e.conversation_id, e.seq, e.id, e.uuid, e.kind, e.sender_id, e.recipient_id, e.client_id, e.body, e.created_at, e.target_seq, e.deleted_at, e.edited_at, page.name FROM page JOIN entries e ON e.conversation_id = page.id AND e.seq = page.seq ORDER BY page.shown_at DESC, page.id DESC;

-- chats::HISTORY
-- takes (int8, int8, int8, int8, int8) gives (conversation_id int8, seq int8, id int8, uuid uuid, kind int2, sender_id int8, recipient_id int8, client_id uuid, body text, created_at timestamptz, target_seq int8, deleted_at timestamptz)
SELECT e.conversation_id, e.seq, e.id, e.uuid, e.kind, e.sender_id, e.recipient_id, e.client_id, e.body, e.created_at, e.target_seq, e.deleted_at FROM entries e WHERE e.conversation_id = $1 AND e.seq >= $4 AND e.kind = 0 AND e.deleted_at IS NULL AND e.seq > (SELECT f.cleared_seq FROM conversations f WHERE f.id = $1) AND e.seq <= ( SELECT log.last - $3::bigint - ( SELECT count(*) FROM ( SELECT h.seq + row_number() OVER (ORDER BY h.seq DESC) AS reach FROM entries h WHERE h.conversation_id = $1 AND h.seq BETWEEN greatest($4, log.cleared + 1) AND log.last AND (h.kind <> 0 OR h.deleted_at IS NOT NULL) AND $3 > 0) hidden WHERE hidden.reach > log.last - $3) FROM (SELECT coalesce($5::bigint, c.last_seq) AS last, c.cleared_seq AS cleared FROM conversations c WHERE c.id = $1 AND c.last_seq >= coalesce($5, 0)) log) ORDER BY e.seq DESC LIMIT $2;

-- chats::GROUP_JOINED
-- takes (int8, int8) gives (joined_seq int8, last_seq int8)
SELECT m.joined_seq, c.last_seq FROM conversations c LEFT JOIN members m ON m.conversation_id = c.id AND m.user_id = $2 AND m.left_seq IS NULL WHERE c.id = $1 AND c.kind = 1 AND c.deleted_at IS NULL;

-- chats::LAST_SEQ
-- takes (int8) gives (last_seq int8)
SELECT c.last_seq FROM conversations c WHERE c.id = $1;

-- standby::SIGHTING
-- takes () gives (pg_snapshot_xmin int8, int8 int8, pg_is_in_recovery bool)
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, pg_is_in_recovery();

-- records::RECORD
-- takes (int8) gives (id int8, uuid uuid, kind int2, name text, low_user int8, high_user int8, last_seq int8, cleared_seq int8, created_by int8, created_at timestamptz, last_entry_at timestamptz, deleted_at timestamptz)
SELECT c.id, c.uuid, c.kind, c.name, c.low_user, c.high_user, c.last_seq, c.cleared_seq, c.created_by, c.created_at, c.last_entry_at, c.deleted_at FROM conversations c WHERE c.id = $1;

-- records::ID_OF_UUID
-- takes (uuid) gives (id int8)
SELECT c.id FROM conversations c WHERE c.uuid = $1;

-- records::MEMBERS
-- takes (int8, int8, int8) gives (user_id int8, role int2, joined_seq int8, joined_at timestamptz, left_seq int8, read_seq int8, delivered_seq int8)
SELECT m.user_id, m.role, m.joined_seq, m.joined_at, m.left_seq, m.read_seq, m.delivered_seq FROM members m WHERE m.conversation_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3;

-- records::MEMBERSHIPS
-- takes (int8, int8, int8) gives (user_id int8, role int2, joined_seq int8, joined_at timestamptz, left_seq int8, read_seq int8, delivered_seq int8, id int8, uuid uuid, kind int2, name text, low_user int8, high_user int8, last_seq int8, cleared_seq int8, created_by int8, created_at timestamptz, last_entry_at timestamptz, deleted_at timestamptz)
SELECT m.user_id, m.role, m.joined_seq, m.joined_at, m.left_seq, m.read_seq, m.delivered_seq, c.id, c.uuid, c.kind, c.name, c.low_user, c.high_user, c.last_seq, c.cleared_seq, c.created_by, c.created_at, c.last_entry_at, c.deleted_at FROM ( (SELECT conversation_id FROM members WHERE user_id = $1 AND left_seq IS NULL AND conversation_id > $2 ORDER BY conversation_id LIMIT $3) UNION ALL (SELECT conversation_id FROM members WHERE user_id = $1 AND left_seq IS NOT NULL AND conversation_id > $2 ORDER BY conversation_id LIMIT $3)) mine JOIN members m ON m.conversation_id = mine.conversation_id AND m.user_id = $1 JOIN conversations c ON c.id = mine.conversation_id ORDER BY mine.conversation_id LIMIT $3;

-- records::COUNTS
-- takes (int8) gives (count int8, count int8, count int8, count int8)
SELECT (SELECT count(*) FROM members WHERE user_id = $1 AND left_seq IS NULL AND joined_seq = 0), (SELECT count(*) FROM members WHERE user_id = $1 AND left_seq IS NULL AND joined_seq > 0), (SELECT count(*) FROM members WHERE user_id = $1 AND left_seq IS NOT NULL), (SELECT count(*) FROM blocks WHERE user_id = $1);

-- records::ENTRIES_OF
-- takes (int8, int8, uuid, int8) gives (conversation_id int8, seq int8, id int8, uuid uuid, kind int2, sender_id int8, recipient_id int8, client_id uuid, body text, created_at timestamptz, target_seq int8, deleted_at timestamptz)
SELECT e.conversation_id, e.seq, e.id, e.uuid, e.kind, e.sender_id, e.recipient_id, e.client_id, e.body, e.created_at, e.target_seq, e.deleted_at FROM entries e WHERE e.conversation_id = $1 AND e.sender_id = $2 AND e.client_id >= $3 ORDER BY e.client_id LIMIT $4;

-- epoch::PRESENT
-- takes () gives (number int8, id uuid, began_at text, ?column? bool)
SELECT number, id, began_at::text, foreign_from IS NOT NULL FROM log_epoch;

-- log::ENTRIES_BETWEEN
-- takes (int8, int8, int8, int8) gives (conversation_id int8, seq int8, id int8, uuid uuid, kind int2, sender_id int8, recipient_id int8, client_id uuid, body text, created_at timestamptz, target_seq int8, deleted_at timestamptz)
SELECT e.conversation_id, e.seq, e.id, e.uuid, e.kind, e.sender_id, e.recipient_id, e.client_id, e.body, e.created_at, e.target_seq, e.deleted_at FROM entries e WHERE e.conversation_id = $1 AND e.seq > $2 AND e.seq <= $3 ORDER BY e.seq LIMIT $4;

-- log::OLDEST_UNSWEPT
-- takes (int8) gives (greatest float8)
SELECT greatest(extract(epoch FROM clock_timestamp() - e.created_at), 0)::float8 FROM entries e WHERE e.xid >= $1::bigint::text::xid8 AND e.xid < pg_snapshot_xmax(pg_current_snapshot()) ORDER BY e.xid LIMIT 1;

-- log::POSITION_BEFORE
-- takes (int8, int8) gives (seq int8)
SELECT e.seq FROM entries e WHERE e.conversation_id = $1 AND e.xid < $2::bigint::text::xid8 ORDER BY e.seq DESC LIMIT 1;

-- log::SWEEP
-- takes (int8, int8) gives (cursor int8, behind bool, conversation_id int8, seq int8, sender_id int8, recipient_id int8, id uuid, tag uuid)
SELECT s.cursor, s.behind, s.conversation_id, s.seq, s.sender_id, s.recipient_id, e.id, e.tag FROM log_epoch e, LATERAL sweep($1, $2) s;

-- log::HORIZON
-- takes () gives (pg_snapshot_xmin int8, id uuid, tag uuid)
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, e.id, e.tag FROM log_epoch e;
