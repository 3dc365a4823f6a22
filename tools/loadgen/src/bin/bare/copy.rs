//! A copy of the messenger's database that is dropped afterwards.

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

/// Connects; what works the connections lives until it is dropped.
#[derive(Debug)]
pub(crate) struct Copy {
    config: Config,
    connections: JoinSet<()>,
}

/// Makes a copy of the database, works in it and drops it.
pub(crate) async fn within<T>(
    database_url: &str,
    work: impl AsyncFnOnce(&mut Copy) -> Result<T>,
) -> Result<T> {
    let given: Config = database_url.parse().context("read the database's URL")?;
    let template = given.get_dbname().context("the database's URL names none")?.to_owned();
    let mut maintenance = given.clone();
    maintenance.dbname("postgres");
    let mut maintenance = Copy { config: maintenance, connections: JoinSet::new() };
    let admin = maintenance.connect().await?;
    let name = format!("bare_{}", Uuid::new_v4().simple());
    let create = format!("CREATE DATABASE {name} TEMPLATE \"{}\"", template.replace('"', "\"\""));
    admin.batch_execute(&create).await.context("copy the database (is somebody connected to it?)")?;
    let mut config = given;
    config.dbname(&name);
    let worked = work(&mut Copy { config, connections: JoinSet::new() }).await;
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    admin.batch_execute(&drop).await.context("drop the copy of the database")?;
    worked
}

impl Copy {
    /// The same for another runtime.
    pub(crate) fn again(&self) -> Self {
        Self { config: self.config.clone(), connections: JoinSet::new() }
    }

    pub(crate) async fn connect(&mut self) -> Result<Client> {
        let (client, connection) = self.config.connect(NoTls).await.context("connect to PostgreSQL")?;
        // What breaks it is told by the client's next statement.
        self.connections.spawn(async { drop(connection.await) });
        Ok(client)
    }
}
