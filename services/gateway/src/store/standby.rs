//! A standby from which a part of the log is read, to spare the primary.
//!
//! It lags, so an answer of its counts only when it proves itself: the places of a log have no holes, and what a reader may
//! see was asked of the primary. Whatever it cannot prove is asked of the primary, and so is everything while it is away,
//! too far behind, or promoted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use messenger_chassis::lifecycle::Tasks;
use messenger_chassis::postgres::Pool;
use tokio::time::{Instant, sleep};
use tokio_postgres::Row;

use super::call::call;
use super::follower::{Follower, Sighting};
use super::{Params, Store, StoreError};
use crate::domain::ids::Xid;

pub(super) const SIGHTING: &str = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, \
     (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, pg_is_in_recovery()";

/// How often the two servers are compared.
const LOOK: Duration = Duration::from_millis(250);

/// The connections to a standby, and whether they are used.
#[derive(Debug)]
pub(super) struct Standby {
    pool: Pool,
    /// How far behind it may be, and how long it may take to answer.
    lag: Duration,
    in_use: AtomicBool,
}

impl Standby {
    /// The rows; none when it fails, after which it is not asked again until it has been looked at.
    pub(super) async fn rows(&self, sql: &str, params: Params<'_>) -> Option<Vec<Row>> {
        let rows = call(&self.pool, self.lag, sql, params).await;
        if rows.is_err() {
            self.in_use.store(false, Ordering::Relaxed);
        }
        rows.ok()
    }

    /// What it says of itself. One that was promoted is left: there may be another one at the same URL.
    async fn sighting(&self) -> Option<Sighting> {
        let rows = call(&self.pool, self.lag, SIGHTING, &[]).await;
        let seen = rows.and_then(|rows| sighting(&rows)).ok();
        if seen.is_some_and(|seen| !seen.follows) {
            self.pool.close_idle();
        }
        seen
    }

    /// Goes by what a look has shown.
    fn judge(&self, lag: Option<Duration>) {
        if self.in_use.swap(lag.is_some(), Ordering::Relaxed) != lag.is_some() {
            tracing::info!(in_use = lag.is_some(), "reads from the standby");
        }
        metrics::gauge!("gateway_standby_in_use").set(f64::from(u8::from(lag.is_some())));
        if let Some(lag) = lag {
            metrics::gauge!("gateway_standby_lag_seconds").set(lag.as_secs_f64());
        }
    }
}

impl Store {
    /// The same with a standby, which is used from the time on that [`Store::follow`] finds it at most `lag` behind.
    #[must_use]
    pub fn with_standby(self, pool: Pool, lag: Duration) -> Self {
        Self { standby: Some(Arc::new(Standby { pool, lag, in_use: AtomicBool::new(false) })), ..self }
    }

    /// Compares primary and standby, if there is one, until the stop.
    pub fn follow(&self, tasks: &Tasks) {
        let Some(standby) = self.standby.clone() else { return };
        let (store, stop) = (self.clone(), tasks.stop().clone());
        tasks.spawn_essential("standby", async move {
            let mut follower = Follower::new(standby.lag);
            while stop.run_until_cancelled(sleep(LOOK)).await.is_some() {
                store.look(&standby, &mut follower).await;
            }
        });
    }

    pub(super) async fn look(&self, standby: &Standby, follower: &mut Follower) {
        let asked = Instant::now();
        follower.primary(self.sighting().await.ok(), asked);
        let seen = standby.sighting().await;
        standby.judge(follower.standby(seen, Instant::now()));
    }

    /// What the primary says of itself.
    async fn sighting(&self) -> Result<Sighting, StoreError> {
        sighting(&self.rows(SIGHTING, &[]).await?)
    }

    /// The standby, while it is used.
    pub(super) fn standby(&self) -> Option<&Standby> {
        self.standby.as_deref().filter(|standby| standby.in_use.load(Ordering::Relaxed))
    }

    /// Rows of the standby that prove to be what the primary has, else those of the primary.
    pub(super) async fn rows_proven(
        &self,
        sql: &str,
        params: Params<'_>,
        are_proven: impl FnOnce(&[Row]) -> bool,
    ) -> Result<Vec<Row>, StoreError> {
        if let Some(standby) = self.standby() {
            let turn = self.turn().await?;
            let rows = standby.rows(sql, params).await;
            drop(turn);
            let (result, rows) = match rows {
                Some(rows) if are_proven(&rows) => ("served", Some(rows)),
                Some(_) => ("behind", None),
                None => ("failed", None),
            };
            metrics::counter!("gateway_standby_reads_total", "result" => result).increment(1);
            if let Some(rows) = rows {
                return Ok(rows);
            }
        }
        self.rows(sql, params).await
    }
}

fn sighting(rows: &[Row]) -> Result<Sighting, StoreError> {
    let row = rows.first().ok_or_else(StoreError::of_answer)?;
    Ok(Sighting { horizon: Xid(row.try_get(0)?), started: row.try_get(1)?, follows: row.try_get(2)? })
}
