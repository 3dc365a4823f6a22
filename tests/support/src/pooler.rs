//! A PgBouncer between the services and a PostgreSQL, configured as the deployment configures it.

use anyhow::{Context as _, Result};
use messenger_backing::{PgBouncer, PgBouncerOptions};
use tokio_postgres::Client;

use crate::links::host_of;
use crate::roles::Role;
use crate::servers::{place, quiet};

const CONFIGURATION: &str = include_str!("../../../deploy/pgbouncer/pgbouncer.ini");
/// What an administrator runs, for psql.
const SETTINGS: &str = include_str!("../../../deploy/pgbouncer/settings.sql");
/// Time limit of a statement in the settings of both roles.
pub(crate) const STATEMENT_MS: &str = "2000";
/// Connections for each role: fewer than a gateway holds.
pub const CONNECTIONS: usize = 4;

/// Gives the roles, which have the names of the deployment, what they need behind a pooler, and starts it.
pub(crate) async fn start(
    admin: &Client,
    database: &str,
    server: &str,
    roles: &[Role; 2],
) -> Result<PgBouncer> {
    let settings = SETTINGS.replace(":\"DBNAME\"", &format!("\"{database}\""));
    admin.batch_execute(&settings).await.context("settings of the roles")?;
    let users = roles.each_ref().map(|role| (role.name.as_str(), role.password()));
    let server = host_of(server)?.rsplit_once(':').context("a port")?.1.parse()?;
    let size = CONNECTIONS.to_string();
    let place = place()?;
    let options = PgBouncerOptions {
        place: &place,
        configuration: CONFIGURATION,
        database,
        server,
        users: &users,
        // As our own PostgreSQL asks for passwords: a proof by SCRAM takes a build without optimisation a tenth of a second.
        settings: &[("default_pool_size", &size), ("auth_type", "plain")],
    };
    PgBouncer::start(&options, &quiet)
}
