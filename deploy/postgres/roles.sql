-- The roles that the services log in as. Once, by an administrator of the server, in the database of the system:
--
--   POSTGRES_ACCOUNTS_PASSWORD=… POSTGRES_GATEWAY_PASSWORD=… psql -v ON_ERROR_STOP=1 -f roles.sql DATABASE
--
-- They own nothing and may nothing yet: `accounts migrate` and `gateway migrate`, run by the owner of the schemas, grant
-- each what its statements need. psql 15 or newer.
\getenv accounts_password POSTGRES_ACCOUNTS_PASSWORD
\getenv gateway_password POSTGRES_GATEWAY_PASSWORD

CREATE ROLE messenger_accounts LOGIN PASSWORD :'accounts_password';
CREATE ROLE messenger_gateway LOGIN PASSWORD :'gateway_password';

-- Nobody else comes in, and nobody who does makes tables of his own, temporary ones included.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO messenger_accounts, messenger_gateway;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
