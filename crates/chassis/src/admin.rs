//! The admin listener: `/livez`, `/readyz`, `/metrics`. The load balancer never routes clients here.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

/// A check that takes longer than this has failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// What decides whether the process may get traffic: named checks, and not being stopped.
#[derive(Clone)]
pub struct Readiness {
    stop: CancellationToken,
    checks: Vec<(&'static str, Check)>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|(name, _)| name)).finish()
    }
}

impl Readiness {
    /// Ready until `stop` is cancelled.
    pub fn new(stop: CancellationToken) -> Self {
        Self { stop, checks: Vec::new() }
    }

    /// Adds a check; an error is its reason in one line, shown to operators.
    #[must_use]
    pub fn with<F, R>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    async fn report(&self) -> (StatusCode, String) {
        if self.stop.is_cancelled() {
            return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
        }
        let mut status = StatusCode::OK;
        let mut text = String::new();
        for (name, check) in &self.checks {
            let result = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            let line = match result.unwrap_or_else(|_| Err("timed out".to_owned())) {
                Ok(()) => format!("{name}: ok\n"),
                Err(reason) => {
                    status = StatusCode::SERVICE_UNAVAILABLE;
                    format!("{name}: {reason}\n")
                }
            };
            text.push_str(&line);
        }
        (status, text)
    }
}

/// The routes of the admin listener.
pub fn router(readiness: Readiness, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(async |State(readiness): State<Readiness>| readiness.report().await))
        .with_state(readiness)
        .route("/metrics", get(async move || metrics.render()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_failed_check_is_enough() {
        let readiness = Readiness::new(CancellationToken::new())
            .with("postgres", async || Ok(()))
            .with("redis", async || Err("no answer".to_owned()));
        let (status, text) = readiness.report().await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(text, "postgres: ok\nredis: no answer\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_has_failed() {
        let readiness = Readiness::new(CancellationToken::new()).with("postgres", std::future::pending);
        assert_eq!(readiness.report().await.0, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_stopping_process_is_not_ready() {
        let stop = CancellationToken::new();
        let readiness = Readiness::new(stop.clone());
        assert_eq!(readiness.report().await.0, StatusCode::OK);
        stop.cancel();
        assert_eq!(readiness.report().await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
}
