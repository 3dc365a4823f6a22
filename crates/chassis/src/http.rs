//! The accept loop of every HTTP listener. axum's own `serve` bounds neither the time a client takes to send its
//! request head nor the number of connections, and does not let a stop wait for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::lifecycle::Tasks;
use crate::telemetry;

/// Pause after a failed `accept`, for example when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that the kernel may queue for us.
const BACKLOG: u32 = 4_096;

/// What a client may take before it has sent a whole request head.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Time for the request head, and for a kept-alive connection to send the next one.
    pub head_timeout: Duration,
    /// Bytes of request line and headers.
    pub head_bytes: usize,
    /// Number of headers.
    pub headers: usize,
    /// Connections open at once (upgraded ones are counted by whoever took them over).
    pub connections: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { head_timeout: Duration::from_secs(5), head_bytes: 16 * 1024, headers: 64, connections: 10_000 }
    }
}

/// Binds and says where: the port may be 0, and a parent process reads the log line.
///
/// # Errors
/// The address is taken or not ours.
pub fn bind(name: &'static str, address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    tracing::info!(listener = name, address = %listener.local_addr()?, "listening");
    Ok(listener)
}

/// Serves until the stop, then lets every request in hand finish.
pub async fn serve(listener: TcpListener, router: Router, limits: HttpLimits, tasks: Tasks) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        let slot = tokio::select! {
            () = tasks.stop().cancelled() => return,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let Ok(slot) = slot else { return };
        let accepted = tokio::select! {
            () = tasks.stop().cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, router.clone(), limits, tasks.clone(), slot);
                tasks.spawn("http connection", connection);
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: HttpLimits,
    tasks: Tasks,
    _slot: OwnedSemaphorePermit,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(limits.headers)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = tasks.stop().cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
}

/// Middleware: one server span per request, child of the caller's `traceparent`, and the request counter.
pub async fn trace(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let span = tracing::info_span!(
        "http.request", otel.kind = "server", otel.name = %format_args!("{method} {route}"),
        http.request.method = %method, http.route = %route, http.response.status_code = tracing::field::Empty,
    );
    if let Some(parent) = request.headers().get("traceparent").and_then(|value| value.to_str().ok()) {
        telemetry::set_parent(&span, parent);
    }
    let started = tokio::time::Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    let labels = [("method", method.to_string()), ("route", route), ("status", status.to_string())];
    metrics::histogram!("http_request_seconds", &labels).record(started.elapsed().as_secs_f64());
    response
}
