-- What the services ask of every session, as settings of their roles: a pooler does not pass it on. Once, by an administrator,
-- in the database of the system, after postgres/roles.sql; then reconnect the pooler (RECONNECT in its console):
--
--   psql -v ON_ERROR_STOP=1 -f settings.sql DATABASE
--
-- `serve` compares them with its configuration and tells what is missing.
ALTER ROLE messenger_accounts IN DATABASE :"DBNAME" SET search_path = accounts;
ALTER ROLE messenger_gateway IN DATABASE :"DBNAME" SET search_path = messaging;
-- ACCOUNTS_DATABASE_STATEMENT_MS and GATEWAY_DATABASE_STATEMENT_MS
ALTER ROLE messenger_accounts IN DATABASE :"DBNAME" SET statement_timeout = 2000;
ALTER ROLE messenger_gateway IN DATABASE :"DBNAME" SET statement_timeout = 2000;
ALTER ROLE messenger_accounts IN DATABASE :"DBNAME" SET idle_in_transaction_session_timeout = 5000;
ALTER ROLE messenger_gateway IN DATABASE :"DBNAME" SET idle_in_transaction_session_timeout = 5000;
ALTER ROLE messenger_accounts IN DATABASE :"DBNAME" SET lock_timeout = 5000;
ALTER ROLE messenger_gateway IN DATABASE :"DBNAME" SET lock_timeout = 5000;
-- One plan for each statement, the one that was tested.
ALTER ROLE messenger_accounts IN DATABASE :"DBNAME" SET plan_cache_mode = force_generic_plan;
ALTER ROLE messenger_gateway IN DATABASE :"DBNAME" SET plan_cache_mode = force_generic_plan;
-- A guess of too many rows would have a server compile the plan, for longer than it ever runs.
ALTER ROLE messenger_accounts IN DATABASE :"DBNAME" SET jit = off;
ALTER ROLE messenger_gateway IN DATABASE :"DBNAME" SET jit = off;
