-- The log. A conversation (a dialog of two users, or a group) is a sequence of entries without gaps.

CREATE TABLE conversations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid uuid NOT NULL DEFAULT gen_random_uuid(),
    -- 0 dialog, 1 group.
    kind smallint NOT NULL CONSTRAINT conversations_kind CHECK (kind IN (0, 1)),
    -- Of a group.
    name text,
    -- Of a dialog; the same user twice in a dialog with oneself.
    low_user bigint,
    high_user bigint,
    -- The sequence of the latest entry, and of the latest one that is a message.
    last_seq bigint NOT NULL DEFAULT 0,
    last_message_seq bigint NOT NULL DEFAULT 0,
    last_entry_at timestamptz,
    last_message_at timestamptz,
    -- The label of the latest entry.
    last_xid xid8,
    created_by bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    CONSTRAINT conversations_shape CHECK (
        (kind = 0 AND name IS NULL AND low_user <= high_user)
        OR (kind = 1 AND name IS NOT NULL AND low_user IS NULL AND high_user IS NULL)
    )
-- Half of each page is left free: the row is updated with every message, in place as long as there is room.
) WITH (fillfactor = 50);

CREATE UNIQUE INDEX conversations_uuid ON conversations (uuid);
CREATE UNIQUE INDEX conversations_dialog ON conversations (low_user, high_user) WHERE kind = 0;

CREATE TABLE members (
    conversation_id bigint NOT NULL,
    user_id bigint NOT NULL,
    -- 0 member, 1 admin, 2 owner.
    role smallint NOT NULL DEFAULT 0 CONSTRAINT members_role CHECK (role BETWEEN 0 AND 2),
    -- Entries are visible from here; 0 in a dialog.
    joined_seq bigint NOT NULL,
    joined_at timestamptz NOT NULL,
    -- The entry with which the membership ended; null while it lasts.
    left_seq bigint,
    read_seq bigint NOT NULL DEFAULT 0,
    delivered_seq bigint NOT NULL DEFAULT 0,
    muted_until timestamptz,
    PRIMARY KEY (conversation_id, user_id)
);

-- A user's conversations, without visiting the table. Both columns are keys: where the planner takes this index to find
-- one membership, it must not walk through all of the user's.
CREATE INDEX members_user ON members (user_id, conversation_id) INCLUDE (joined_seq, joined_at) WHERE left_seq IS NULL;

CREATE SEQUENCE entry_ids AS bigint CACHE 32;

-- No foreign keys: on this table they cost more than the insert. Existence is checked once per statement. Every key
-- starts with the conversation, so that the table can be partitioned by it.
CREATE TABLE entries (
    conversation_id bigint NOT NULL,
    seq bigint NOT NULL,
    uuid uuid NOT NULL,
    id bigint NOT NULL,
    -- 0 message, 1 group created, 2 member added, 3 member left.
    kind smallint NOT NULL,
    sender_id bigint NOT NULL,
    -- The peer of a dialog's message; the user whom a membership entry is about; null for a group's message.
    recipient_id bigint,
    client_id uuid NOT NULL,
    target_seq bigint,
    body text NOT NULL,
    -- Of the transaction, lifted to that of the entry before it: see `label`.
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at timestamptz NOT NULL,
    edited_at timestamptz,
    deleted_at timestamptz,
    PRIMARY KEY (conversation_id, seq),
    -- A retry, at any later time and on any replica, finds the first one.
    CONSTRAINT entries_idempotent UNIQUE (conversation_id, sender_id, client_id)
);

-- The tail of the log by transaction, for the sweep.
CREATE INDEX entries_tail ON entries (xid) INCLUDE (conversation_id, seq, sender_id, recipient_id);
