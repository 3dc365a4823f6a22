//! Faults of PostgreSQL and Redis, and what their administrators can do to them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, sleep_until};

use super::Nemesis;

/// Between two strokes of a fault that strikes again and again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a standby is away before it takes over.
const LAG: Duration = Duration::from_millis(500);
/// All of the gateways, and not the one that asks.
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid()";
/// The busiest one.
const LOCK: &str = "SELECT id FROM conversations ORDER BY last_seq DESC LIMIT 1 FOR UPDATE";

impl Nemesis {
    /// The primary dies, and the standby takes over with what it has. It was away for a moment before that: what was
    /// acknowledged meanwhile without it is gone.
    ///
    /// # Errors
    /// When there is no standby, or it does not take over.
    pub async fn fail_over(&mut self) -> Result<()> {
        block_in_place(|| self.cluster.standby().stop_immediate())?;
        sleep(LAG).await;
        block_in_place(|| self.cluster.postgres().stop_immediate())?;
        block_in_place(|| {
            self.cluster.standby().start_again()?;
            self.cluster.standby().promote()
        })
    }

    /// The pooler is killed where it stands, and is back after a while.
    ///
    /// # Errors
    /// When there is none, or it does not start.
    pub async fn kill_pooler(&mut self, lasting: Duration) -> Result<()> {
        block_in_place(|| self.cluster.pooler().kill())?;
        sleep(lasting).await;
        block_in_place(|| self.cluster.pooler().start_again())
    }

    /// The standby receives and does not repeat, while the bus is lossy.
    ///
    /// # Errors
    /// When there is none, or it does not answer.
    pub async fn pause_standby(&mut self, lasting: Duration) -> Result<()> {
        let standby = self.cluster.followed().await;
        standby.batch_execute("SELECT pg_wal_replay_pause()").await.context("pause")?;
        self.lossy_bus(lasting).await;
        standby.batch_execute("SELECT pg_wal_replay_resume()").await.context("go on")
    }

    /// The standby is killed and is back after a while, in which the bus is lossy.
    ///
    /// # Errors
    /// When there is none, or it does not start.
    pub async fn kill_standby(&mut self, lasting: Duration) -> Result<()> {
        block_in_place(|| self.cluster.standby().stop_immediate())?;
        self.lossy_bus(lasting).await;
        block_in_place(|| self.cluster.standby().start_again())
    }

    pub(super) fn crash_postgres(&mut self) -> Result<()> {
        block_in_place(|| self.cluster.postgres().restart_immediate())
    }

    pub(super) async fn kill_backends(&mut self, lasting: Duration) -> Result<()> {
        let end = Instant::now() + lasting;
        while Instant::now() < end {
            let administrator = self.cluster.messages().await;
            administrator.execute(TERMINATE, &[]).await.context("end the backends")?;
            sleep_until(end.min(Instant::now() + AGAIN)).await;
        }
        Ok(())
    }

    pub(super) async fn freeze_postgres(&mut self, lasting: Duration) -> Result<()> {
        block_in_place(|| self.cluster.postgres().freeze())?;
        sleep(lasting).await;
        block_in_place(|| self.cluster.postgres().thaw())
    }

    pub(super) async fn lock_conversation(&mut self, lasting: Duration) -> Result<()> {
        let mut holder = self.cluster.messages().await;
        let locks = holder.transaction().await.context("begin")?;
        locks.execute(LOCK, &[]).await.context("lock")?;
        sleep(lasting).await;
        locks.rollback().await.context("let go")
    }

    pub(super) async fn long_transaction(&mut self, lasting: Duration) -> Result<()> {
        let mut writer = self.cluster.messages().await;
        let transaction = writer.transaction().await.context("begin")?;
        transaction.execute("SELECT pg_current_xact_id()", &[]).await.context("take an id")?;
        sleep(lasting).await;
        transaction.rollback().await.context("roll back")
    }

    pub(super) async fn kill_redis(&mut self, lasting: Duration) -> Result<()> {
        block_in_place(|| self.cluster.redis().stop_immediate())?;
        sleep(lasting).await;
        block_in_place(|| self.cluster.redis().start_again())
    }

    pub(super) async fn freeze_redis(&mut self, lasting: Duration) -> Result<()> {
        self.cluster.redis().freeze()?;
        sleep(lasting).await;
        self.cluster.redis().thaw()
    }

    pub(super) async fn cut_subscribers(&mut self, lasting: Duration) -> Result<()> {
        let redis = redis::Client::open(self.cluster.redis_url())?;
        let mut redis = redis.get_multiplexed_async_connection().await?;
        let end = Instant::now() + lasting;
        while Instant::now() < end {
            let _cut: i64 =
                redis::cmd("CLIENT").arg(&["KILL", "TYPE", "pubsub"]).query_async(&mut redis).await?;
            sleep_until(end.min(Instant::now() + AGAIN)).await;
        }
        Ok(())
    }

    pub(super) async fn kill_redis_and_postgres(&mut self, lasting: Duration) -> Result<()> {
        block_in_place(|| self.cluster.redis().stop_immediate())?;
        block_in_place(|| self.cluster.postgres().stop_immediate())?;
        sleep(lasting).await;
        block_in_place(|| self.cluster.postgres().start_again())?;
        block_in_place(|| self.cluster.redis().start_again())
    }
}
