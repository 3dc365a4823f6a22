//! Connections that are kept and lent.

use deadpool_postgres::{Manager, ManagerConfig, Object, PoolError, QueueMode, RecyclingMethod, Runtime};
use tokio_postgres::Row;

use super::statement::{self, Session, Value};
use super::{BadUrl, ConnectionConfig, Pooler, PostgresConfig, connection_config};

/// Connections that are kept and lent, and how a statement is to be sent over them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pool {
    connections: deadpool_postgres::Pool,
    pooler: Pooler,
}

impl Pool {
    /// The same, as if that stood between.
    #[must_use]
    pub fn through(self, pooler: Pooler) -> Self {
        Self { pooler, ..self }
    }

    /// A connection, as soon as there is one.
    ///
    /// # Errors
    /// There is none in time, or it cannot be made.
    pub async fn get(&self) -> Result<Object, PoolError> {
        self.connections.get().await
    }

    /// Closes the connections that nobody has.
    pub fn close_idle(&self) {
        self.connections.retain(|_, _| false);
    }

    /// Runs a statement on a connection of this pool, or in a transaction on one.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub async fn query(
        &self,
        session: &impl Session,
        sql: &str,
        params: &[&dyn Value],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        statement::query(self.pooler, session, sql, params).await
    }
}

/// Sets the gauges of the pool: connections in use and idle, the most there may be, and who waits for one.
pub fn gauges(pool: &Pool) -> impl Fn() + Send + Sync + use<> {
    let pool = pool.connections.clone();
    move || {
        let status = pool.status();
        let set = |state: &'static str, count: usize| {
            metrics::gauge!("postgres_connections", "state" => state).set(count as f64);
        };
        set("used", status.size.saturating_sub(status.available));
        set("idle", status.available);
        metrics::gauge!("postgres_connections_max").set(status.max_size as f64);
        metrics::gauge!("postgres_connections_waited_for").set(status.waiting as f64);
    }
}

/// A bounded pool; nothing is connected yet.
///
/// # Errors
/// [`BadUrl`].
pub fn pool(config: &PostgresConfig) -> Result<Pool, BadUrl> {
    let ConnectionConfig { parameters, connector, pooler, .. } = connection_config(config)?;
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(parameters, connector, recycling);
    let connections = deadpool_postgres::Pool::builder(manager)
        .max_size(config.connections)
        .wait_timeout(Some(config.wait))
        .create_timeout(Some(config.wait))
        .recycle_timeout(Some(config.wait))
        // The connection used last has the warmest caches on the server's side.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|_| BadUrl::Url)?;
    Ok(Pool { connections, pooler })
}
