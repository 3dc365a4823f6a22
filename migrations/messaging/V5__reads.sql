-- What makes a page of a list or of a history cost what the page is long, however much there is beside it.

-- The day of a conversation's latest message, in UTC. A user's dialogs are found through it, the latest first, and put into
-- their order by the time itself. An index of the time would be written with every message: the row could never be
-- updated in place. With the day that happens once a day and conversation. The table is written anew.
ALTER TABLE conversations
    ADD COLUMN active_on date GENERATED ALWAYS AS ((last_message_at AT TIME ZONE 'UTC')::date) STORED;

CREATE INDEX conversations_of_low ON conversations (low_user, active_on DESC) WHERE kind = 0 AND active_on IS NOT NULL;
CREATE INDEX conversations_of_high ON conversations (high_user, active_on DESC) WHERE kind = 0 AND active_on IS NOT NULL;

-- A user's groups without the dialogs: in a dialog joined_seq is 0.
CREATE INDEX members_groups ON members (user_id, conversation_id) INCLUDE (joined_seq, joined_at)
    WHERE left_seq IS NULL AND joined_seq > 0;

-- What a page of messages leaves out. All other places of a log are messages, so what comes before a page is counted and
-- not read. On a large log, make this index beforehand with CREATE INDEX CONCURRENTLY: nothing can be sent meanwhile.
CREATE INDEX IF NOT EXISTS entries_hidden ON entries (conversation_id, seq) WHERE kind <> 0 OR deleted_at IS NOT NULL;
