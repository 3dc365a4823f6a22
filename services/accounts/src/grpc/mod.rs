//! The surface for the other services: the contract of `proto/messenger/accounts/v1`, and gRPC health.
//!
//! Knows the use cases and the domain. Callers are services inside the network, so answers carry e-mails; the listener
//! must not be reachable from outside.

mod convert;
mod error;
mod service;

use std::time::Duration;

use messenger_chassis::telemetry::set_parent;
use messenger_proto::accounts::accounts_service_server::AccountsServiceServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tracing::Span;

use self::service::Service;
use crate::usecase::Accounts;

/// Time for one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of a request.
const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// Bytes of an answer: 500 users with the longest names and e-mails fit.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// Calls in work on one connection; further ones wait.
const CALLS_PER_CONNECTION: usize = 256;
/// Silence after which a peer is asked whether it is still there, and the time it has for the answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// Serves until the stop, then lets the calls in hand finish.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    accounts: Accounts,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let accounts = AccountsServiceServer::new(Service::new(accounts))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
        .max_encoding_message_size(ANSWER_BYTES_MAX);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<AccountsServiceServer<Service>>().await;
    let stopped = async move {
        stop.cancelled().await;
        health.set_not_serving::<AccountsServiceServer<Service>>().await;
    };
    Server::builder()
        .timeout(CALL_TIMEOUT)
        .concurrency_limit_per_connection(CALLS_PER_CONNECTION)
        .http2_keepalive_interval(Some(KEEPALIVE.0))
        .http2_keepalive_timeout(Some(KEEPALIVE.1))
        .trace_fn(span)
        .add_service(health_service)
        .add_service(accounts)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopped)
        .await
}

/// The server span of a call, child of the caller's.
fn span(request: &http::Request<()>) -> Span {
    let path = request.uri().path();
    let span =
        tracing::info_span!("grpc.request", otel.kind = "server", otel.name = path, rpc.system.name = "grpc");
    if let Some(parent) = request.headers().get("traceparent").and_then(|value| value.to_str().ok()) {
        set_parent(&span, parent);
    }
    span
}
