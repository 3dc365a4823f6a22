-- What the role that serves may not do, of what every such role may with the tables of its schema
-- (`crates/chassis/src/migrate/grants.sql`). Runs after that, with every `accounts migrate`.
DO $$
DECLARE
    v_role text := quote_ident(current_setting('messenger.role'));
BEGIN
    -- Who is removed stays, as a number without a name.
    EXECUTE format('REVOKE DELETE ON users FROM %s', v_role);
END $$;
