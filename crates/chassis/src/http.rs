//! The accept loop of every HTTP listener. axum's own `serve` bounds neither the time a client takes to send its
//! request head nor the number of connections, and does not let a stop wait for them.

mod farewell;
mod frames;
mod gate;
mod guard;
mod head;
mod strangers;
mod turn;

pub use turn::Fragments;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{Method, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;
use tracing::Instrument as _;

use self::farewell::Farewells;
use self::gate::Gate;
use self::strangers::Strangers;
use self::turn::Turn;
use crate::lifecycle::Tasks;
use crate::places::{Place, Places};
use crate::proxies::Proxies;
use crate::telemetry;

/// Pause after a failed `accept`, for example when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Methods that metrics and traces tell apart.
const METHODS: [&str; 9] = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
/// All others, as OpenTelemetry names them.
const OTHER_METHOD: &str = "_OTHER";
/// Connections that the kernel may queue for us.
const BACKLOG: u32 = 4_096;

/// What clients may take of a listener.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Time for the request head, and for a kept-alive connection to send the next one.
    pub head_timeout: Duration,
    /// Bytes of request line and headers.
    pub head_bytes: usize,
    /// Bytes of one header's value.
    pub header_bytes: usize,
    /// Number of headers.
    pub headers: usize,
    /// Bytes of the path and query.
    pub uri_bytes: usize,
    /// Connections open at once (upgraded ones are counted by whoever took them over).
    pub connections: usize,
    /// Of these, connections from one address; 0 is without a limit. Trusted proxies have none, they speak for many.
    pub connections_per_address: usize,
    /// Proxies whose word is taken on who stands behind them, and whether by https.
    pub trusted: Proxies,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(5),
            head_bytes: 16 * 1024,
            header_bytes: 8 * 1024,
            headers: 64,
            uri_bytes: 2 * 1024,
            connections: 10_000,
            connections_per_address: 0,
            trusted: Proxies::default(),
        }
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

/// What all connections of a listener share.
struct House {
    router: Router,
    limits: Arc<HttpLimits>,
    farewells: Arc<Farewells>,
    strangers: Strangers,
    tasks: Tasks,
}

/// Serves until the stop, then lets every request in hand finish. From the leave on each answer ends its connection, so that
/// whoever keeps one comes again, and to somebody else.
pub async fn serve(listener: TcpListener, router: Router, limits: HttpLimits, tasks: Tasks) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let places = Places::new(limits.connections_per_address);
    let farewells = Farewells::new(tasks.clone());
    let limits = Arc::new(limits);
    let house = House { router, limits, farewells, strangers: Strangers::default(), tasks };
    let house = Arc::new(house);
    loop {
        let slot = tokio::select! {
            () = house.tasks.stop().cancelled() => return,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let Ok(slot) = slot else { return };
        let accepted = tokio::select! {
            () = house.tasks.stop().cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let trusted = house.limits.trusted.trusts(peer.ip());
                let place = if trusted { Some(Place::free()) } else { places.take(peer.ip()) };
                let Some(place) = place else {
                    guard::turn_away(&stream);
                    continue;
                };
                let peer = Peer { address: peer, trusted };
                let connection = connection(stream, peer, Arc::clone(&house), (slot, place));
                house.tasks.spawn("http connection", connection);
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
struct Peer {
    address: SocketAddr,
    /// A proxy of ours.
    trusted: bool,
}

async fn connection(stream: TcpStream, peer: Peer, house: Arc<House>, _held: (OwnedSemaphorePermit, Place)) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let turn = Arc::new(Turn::default());
    let gate = Gate::new(stream, Arc::clone(&house.limits), Arc::clone(&turn), Arc::clone(&house.farewells));
    let asked = Arc::clone(&house);
    let service = hyper::service::service_fn(move |request| {
        let (house, turn) = (Arc::clone(&asked), Arc::clone(&turn));
        async move { Ok::<_, Infallible>(answer(&house, &turn, peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(house.limits.head_timeout)
        .max_headers(house.limits.headers)
        .max_buf_size(house.limits.head_bytes)
        .serve_connection(TokioIo::new(gate), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = house.tasks.stop().cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
}

/// Whatever is answered, and whoever answers it, bears the headers that keep browsers and caches in check.
async fn answer(
    house: &House,
    turn: &Turn,
    peer: Peer,
    mut request: http::Request<hyper::body::Incoming>,
) -> Response {
    let https = peer.trusted && guard::came_by_https(request.headers());
    let in_chunks = request.headers().contains_key(TRANSFER_ENCODING);
    request.extensions_mut().insert(ConnectInfo(peer.address));
    request.extensions_mut().insert(turn.fragments());
    let mut response = match (turn.fault(), guard::too_large(&request, &house.limits)) {
        (Some(fault), _) => {
            house.strangers.refused(peer.address.ip(), fault);
            guard::refusal(fault.status())
        }
        (None, Some(status)) => guard::refusal(status),
        (None, None) => match house.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
    };
    guard::seal(response.headers_mut(), https);
    if in_chunks || house.tasks.leave().is_cancelled() {
        guard::take_leave(&mut response);
    }
    let last = response.headers().get(CONNECTION).is_some_and(|value| value == "close");
    turn.answered(last, response.status() == StatusCode::SWITCHING_PROTOCOLS);
    response
}

/// Middleware: one server span per request, child of the caller's `traceparent`, and the request counter.
pub async fn trace(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = known(request.method());
    let span = tracing::info_span!(
        "http.request", otel.kind = "server", otel.name = %format_args!("{method} {route}"),
        http.request.method = method, http.route = %route, http.response.status_code = tracing::field::Empty,
    );
    if let Some(parent) = request.headers().get("traceparent").and_then(|value| value.to_str().ok()) {
        telemetry::set_parent(&span, parent);
    }
    let started = tokio::time::Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.to_string())];
    metrics::histogram!("http_request_seconds", &labels).record(started.elapsed().as_secs_f64());
    response
}

/// A method's name, fit for a label: a client may write any word.
fn known(method: &Method) -> &'static str {
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER_METHOD)
}

#[cfg(test)]
mod tests;
