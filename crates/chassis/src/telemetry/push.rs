//! Pushes the metrics to a collector, now and then: what `/metrics` shows, so nothing is recorded twice.

use std::time::Duration;

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::otlp::{Span, request};
use super::recorder::Metrics;
use crate::clock::Clock;

/// How long one push may take, connecting included.
const PUSH: Duration = Duration::from_secs(10);
/// The last one, at the stop.
const LAST_PUSH: Duration = Duration::from_secs(2);

/// Where to push, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushConfig {
    /// OTLP endpoint over gRPC.
    pub endpoint: String,
    /// Time between two pushes.
    pub every: Duration,
}

/// Why a push did not arrive. The next one makes it good.
#[derive(Debug, thiserror::Error)]
enum NotPushed {
    #[error("no answer in time")]
    Late(#[from] tokio::time::error::Elapsed),
    #[error("the collector cannot be reached: {0}")]
    Unreachable(String),
    #[error("the collector refused: {0}")]
    Refused(String),
}

/// A process as collectors know it.
pub(super) struct Pusher<C> {
    pub(super) config: PushConfig,
    pub(super) metrics: Metrics,
    pub(super) clock: C,
    pub(super) attributes: Vec<(&'static str, String)>,
}

impl<C: Clock> Pusher<C> {
    /// Pushes until the stop, and once more then.
    pub(super) async fn run(self, stop: CancellationToken) {
        let started = self.clock.now();
        let mut due = interval_at(Instant::now() + self.config.every, self.config.every);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = due.tick() => {}
            }
            let result = self.push(started, PUSH).await;
            // Said when it begins and when it ends, not every minute.
            match &result {
                Err(error) if !failing => tracing::warn!(%error, "metrics were not pushed"),
                Ok(()) if failing => tracing::info!("metrics are pushed again"),
                _ => {}
            }
            failing = result.is_err();
        }
        if let Err(error) = self.push(started, LAST_PUSH).await {
            tracing::warn!(%error, "the last metrics were not pushed");
        }
    }

    /// A connection for each push: a minute later the old one may lead nowhere.
    async fn push(&self, started: Timestamp, limit: Duration) -> Result<(), NotPushed> {
        let span = Span { from: nanoseconds(started), to: nanoseconds(self.clock.now()) };
        let attributes: Vec<_> = self.attributes.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let request = request(&self.metrics.render(), &attributes, span);
        let sent = async {
            let connected = MetricsServiceClient::connect(self.config.endpoint.clone()).await;
            let mut client = connected.map_err(|error| NotPushed::Unreachable(reason(&error)))?;
            client.export(request).await.map_err(|status| NotPushed::Refused(status.to_string()))?;
            Ok(())
        };
        timeout(limit, sent).await?
    }
}

/// An error of a transport says nothing, its cause does.
fn reason(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error).to_string()
}

fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or_default()
}
