//! The database of a cluster.

use anyhow::{Result, bail};
use messenger_backing::{PgBouncer, Postgres, PostgresServer};

use super::restore;
use crate::database::{TestDatabase, connect, database, with_schema};
use crate::links::host_of;
use crate::pooler;
use crate::roles::{self, Role};

/// Database of a cluster on a PostgreSQL of its own.
pub(super) const OWN_DATABASE: &str = "cluster";

#[derive(Debug)]
pub(super) enum Database {
    Shared(TestDatabase),
    Own(Box<Postgres>, Option<Box<PostgresServer>>),
}

impl Database {
    /// An empty database, and the roles of accounts and the gateways.
    pub(super) async fn make(
        postgres: Option<Postgres>,
        standby: Option<PostgresServer>,
    ) -> Result<(Self, [Role; 2])> {
        let Some(postgres) = postgres else {
            let database = database().await;
            let roles = database.roles().await;
            return Ok((Self::Shared(database), roles));
        };
        let roles = empty(&postgres).await?;
        Ok((Self::Own(Box::new(postgres), standby.map(Box::new)), roles))
    }

    pub(super) fn url_for(&self, schema: &str) -> String {
        match self {
            Self::Shared(database) => database.url_for(schema),
            Self::Own(postgres, None) => with_schema(&postgres.url(OWN_DATABASE), schema),
            Self::Own(postgres, Some(standby)) => {
                let (primary, second) =
                    (postgres.url(OWN_DATABASE), format!(",127.0.0.1:{}/", standby.port()));
                let both =
                    primary.replacen(&format!("/{OWN_DATABASE}"), &format!("{second}{OWN_DATABASE}"), 1);
                with_schema(&format!("{both}?target_session_attrs=read-write"), schema)
            }
        }
    }

    /// URL of what follows.
    pub(super) fn standby_url(&self, schema: &str) -> Option<String> {
        let Self::Own(postgres, Some(standby)) = self else { return None };
        let primary = postgres.url(OWN_DATABASE);
        let own = format!("127.0.0.1:{}", standby.port());
        Some(with_schema(&primary.replace(host_of(&primary).ok()?, &own), schema))
    }

    /// A PgBouncer before it.
    pub(super) async fn pool(&self, roles: &[Role; 2]) -> Result<PgBouncer> {
        let Self::Own(postgres, None) = self else {
            bail!("only a PostgreSQL of the cluster's own is pooled")
        };
        let url = postgres.url(OWN_DATABASE);
        pooler::start(&connect(&url).await?, OWN_DATABASE, &url, roles).await
    }
}

/// A durable server still has the data of the run before, and its roles.
async fn empty(postgres: &Postgres) -> Result<[Role; 2]> {
    let admin = connect(&postgres.admin_url()).await?;
    admin.batch_execute(&format!("DROP DATABASE IF EXISTS {OWN_DATABASE} WITH (FORCE)")).await?;
    admin.batch_execute(&format!("DROP ROLE IF EXISTS {}", roles::NAMES.join(", "))).await?;
    let [accounts, gateway] = roles::NAMES;
    let made = [Role::new(accounts.to_owned())?, Role::new(gateway.to_owned())?];
    restore::create(postgres, &made).await?;
    Ok(made)
}
