-- What the role that serves may not do, of what every such role may with the tables of its schema
-- (`crates/chassis/src/migrate/grants.sql`). Runs after that, with every `gateway migrate`.
DO $$
DECLARE
    v_role text := quote_ident(current_setting('messenger.role'));
BEGIN
    -- A block is there or not.
    EXECUTE format('REVOKE UPDATE ON blocks FROM %s', v_role);
    -- Who serves does not say when the log was restored.
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON log_epoch FROM %s', v_role);
    -- The log grows, and nothing of it changes or goes.
    EXECUTE format('REVOKE UPDATE, DELETE ON entries FROM %s', v_role);
    -- Its parts are reached through it alone.
    EXECUTE coalesce((
        SELECT string_agg(format('REVOKE ALL ON %s FROM %s', inhrelid::regclass, v_role), '; ')
        FROM pg_inherits WHERE inhparent = 'entries'::regclass), '');
    EXECUTE format('REVOKE UPDATE, DELETE ON conversations, members FROM %s', v_role);
    -- What a conversation or a membership is stays; how far it has come moves. Removing messages is the owner's.
    EXECUTE (
        SELECT string_agg(format('GRANT UPDATE (%I) ON %s TO %s', a.attname, a.attrelid::regclass, v_role), '; ')
        FROM pg_attribute a
        WHERE a.attrelid IN ('conversations'::regclass, 'members'::regclass)
            AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
            AND a.attname <> ALL (ARRAY['uuid', 'kind', 'low_user', 'high_user', 'created_by', 'created_at',
                'conversation_id', 'user_id', 'cleared_seq'])
    );
END $$;
