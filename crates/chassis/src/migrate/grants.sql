-- What the role that serves may do in a schema: its rows come, change and go. Runs with every migration, in the place of what
-- was granted before, so that a new table follows the rule; what is more precious has its exception in the service's own
-- grants. Nobody but the owner creates, alters, drops or truncates anything, or writes the history of migrations.
DO $$
DECLARE
    v_role text := quote_ident(current_setting('messenger.role'));
    v_schema text := quote_ident(current_schema());
BEGIN
    IF current_user = current_setting('messenger.role') THEN
        RAISE EXCEPTION 'the role that migrates owns the schema: the one that serves must be another';
    END IF;
    EXECUTE format('REVOKE CREATE ON SCHEMA %s FROM PUBLIC, %s', v_schema, v_role);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %s FROM PUBLIC, %s', v_schema, v_role);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %s FROM PUBLIC, %s', v_schema, v_role);
    EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA %s FROM PUBLIC, %s', v_schema, v_role);

    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %s', v_schema, v_role);
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %s TO %s', v_schema, v_role);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %s TO %s', v_schema, v_role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %s TO %s', v_schema, v_role);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON refinery_schema_history FROM %s', v_role);
END $$;
