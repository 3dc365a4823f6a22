//! The admin listener: `/livez`, `/readyz`, `/metrics`. The load balancer never routes clients here.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::telemetry::Metrics;

/// A check that takes longer than this has failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long [`ask_ready`] waits: above the time of the slowest check, so that its reason comes through.
const ASK_TIMEOUT: Duration = Duration::from_secs(4);
/// Bytes of an answer that are read.
const ANSWER_BYTES: u64 = 8 * 1024;

type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// What decides whether the process may get traffic: named checks, and not being about to stop.
#[derive(Clone)]
pub struct Readiness {
    leave: CancellationToken,
    checks: Vec<(&'static str, Check)>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|(name, _)| name)).finish()
    }
}

impl Readiness {
    /// Ready until `leave` is cancelled.
    pub fn new(leave: CancellationToken) -> Self {
        Self { leave, checks: Vec::new() }
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
        if self.leave.is_cancelled() {
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
pub fn router(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(async |State(readiness): State<Readiness>| readiness.report().await))
        .with_state(readiness)
        .route("/metrics", get(async move || metrics.render()))
}

/// Why a process is not ready, as another process sees it.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// Nobody listens there, or nobody answers in time.
    #[error("the admin listener does not answer")]
    Unreachable(#[from] std::io::Error),
    /// A check failed; the text is that of `/readyz`.
    #[error("{0}")]
    Refused(String),
}

/// Asks the process whose admin listener is bound to `address` whether it is ready: the health check of an image that
/// has no other program in it. Takes four seconds at most.
///
/// # Errors
/// [`NotReady`].
pub async fn ask_ready(address: SocketAddr) -> Result<(), NotReady> {
    let answer = tokio::time::timeout(ASK_TIMEOUT, get_readyz(reachable(address))).await;
    let answer = answer.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let is_ready = head.split(' ').nth(1) == Some("200");
    if is_ready { Ok(()) } else { Err(NotReady::Refused(body.trim().to_owned())) }
}

/// HTTP/1.0: the answer ends with the connection.
async fn get_readyz(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Where to connect to a listener of this machine that may be bound to all its addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HttpLimits, bind, serve};
    use crate::lifecycle::Tasks;

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

    /// Asks a listener that is bound to every address of the machine.
    async fn ask(readiness: Readiness) -> Result<(), NotReady> {
        let listener = bind("admin", SocketAddr::from(([0, 0, 0, 0], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Metrics::unrecorded();
        let tasks = Tasks::new();
        tasks.spawn(
            "admin",
            serve(listener, router(readiness, metrics), HttpLimits::default(), tasks.clone()),
        );
        let answer = ask_ready(address).await;
        tasks.stop().cancel();
        tasks.join().await;
        answer
    }

    #[tokio::test]
    async fn another_process_learns_whether_it_is_ready_and_why_not() {
        let ready = Readiness::new(CancellationToken::new()).with("postgres", async || Ok(()));
        ask(ready.clone()).await.unwrap();
        let refused = ask(ready.with("redis", async || Err("no answer".to_owned()))).await.unwrap_err();
        assert_eq!(refused.to_string(), "postgres: ok\nredis: no answer");
    }

    #[tokio::test]
    async fn nobody_listening_is_not_ready() {
        let listener = bind("admin", SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(matches!(ask_ready(address).await, Err(NotReady::Unreachable(_))));
    }
}
