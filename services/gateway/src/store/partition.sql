-- Makes `entries` a table of `messenger.partitions` partitions by the hash of the conversation. Runs in one transaction,
-- after the migrations: all that they wrote (columns, defaults, constraints, indexes) keeps its name and its meaning, so that
-- no function and no statement knows the difference. With `messenger.rows` 'stay' only an empty table is changed; with
-- 'move' its rows are copied, while nobody reads or writes the log.
DO $$
DECLARE
    v_count int := current_setting('messenger.partitions')::int;
    v_now int;
    v_makes text;
    v_grants text;
BEGIN
    -- Whoever wants to send stands behind this lock, even while it waits for a reader.
    PERFORM set_config('lock_timeout', '5s', true);
    LOCK TABLE entries IN ACCESS EXCLUSIVE MODE;
    SELECT count(*) INTO v_now FROM pg_inherits WHERE inhparent = 'entries'::regclass;
    IF v_now = v_count THEN
        RETURN;
    END IF;
    IF current_setting('messenger.rows') <> 'move' AND EXISTS (SELECT FROM entries) THEN
        RAISE EXCEPTION 'entries has rows and % partitions, % are wanted: `gateway partition` copies them, '
            'and nothing can be sent or read meanwhile', v_now, v_count;
    END IF;

    SELECT string_agg(format(CASE WHEN c.oid IS NULL THEN '%s' ELSE 'ALTER TABLE entries ADD CONSTRAINT %2$I %3$s' END,
            replace(pg_get_indexdef(x.indexrelid), ' ON ONLY ', ' ON '), c.conname, pg_get_constraintdef(c.oid)), '; ')
    INTO v_makes
    FROM pg_index x LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.conrelid = x.indrelid
    WHERE x.indrelid = 'entries'::regclass;
    SELECT string_agg(format('GRANT %s ON entries TO %s', a.privilege_type, a.grantee::regrole), '; ') INTO v_grants
    FROM pg_class r, aclexplode(r.relacl) a WHERE r.oid = 'entries'::regclass AND a.grantee NOT IN (0, r.relowner);

    ALTER TABLE entries RENAME TO entries_before;
    CREATE TABLE entries (LIKE entries_before INCLUDING ALL EXCLUDING INDEXES) PARTITION BY HASH (conversation_id);
    EXECUTE (
        SELECT string_agg(format('CREATE TABLE %I PARTITION OF entries FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
            format('entries_%s_%s', v_count, n), v_count, n), '; ')
        FROM generate_series(0, v_count - 1) n);
    EXECUTE coalesce(v_grants, '');
    INSERT INTO entries SELECT * FROM entries_before;
    DROP TABLE entries_before;
    -- Last, because indexes grow many times quicker in one go, and because their names are free now.
    EXECUTE v_makes;
    -- Nothing gathers the statistics of a partitioned table by itself.
    ANALYZE entries;
END $$;
