//! The surface for the other services: the contract of `proto/messenger/accounts/v1`, and gRPC health.
//!
//! Knows the use cases and the domain. Callers are services, so answers carry e-mails: whoever calls shows that it is one
//! (`callers`), wherever it calls from. Only health is told to everybody.

mod callers;
mod config;
mod convert;
mod error;
mod service;

pub use config::GrpcConfig;

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use messenger_chassis::telemetry::set_parent;
use messenger_proto::accounts::accounts_service_server::AccountsServiceServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tracing::Span;

use self::callers::Callers;
use self::config::TlsFiles;
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

/// Time for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the listener cannot be opened as it is configured. Nothing of a file's content is repeated.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What is in the files cannot be used together.
    #[error(
        "ACCOUNTS_GRPC_TLS_CERT, ACCOUNTS_GRPC_TLS_KEY, ACCOUNTS_GRPC_TLS_CLIENT_CA: not a certificate, its key and a root"
    )]
    Content,
    /// A client's name is none.
    #[error("ACCOUNTS_GRPC_CLIENT_NAMES: must be names as certificates bear them")]
    Name,
}

/// A listener's ways, ready to serve.
#[derive(Debug)]
pub struct Surface {
    server: Server,
    callers: Callers,
}

impl Surface {
    /// Reads the files that `config` names.
    ///
    /// # Errors
    /// [`BadTls`].
    pub fn new(config: &GrpcConfig) -> Result<Self, BadTls> {
        let mut server = Server::builder()
            .timeout(CALL_TIMEOUT)
            .concurrency_limit_per_connection(CALLS_PER_CONNECTION)
            .http2_keepalive_interval(Some(KEEPALIVE.0))
            .http2_keepalive_timeout(Some(KEEPALIVE.1))
            .trace_fn(span);
        if let Some(files) = &config.tls {
            server = server.tls_config(tls(files)?).map_err(|_| BadTls::Content)?;
        }
        Ok(Self { server, callers: Callers::new(config)? })
    }

    /// Serves until the stop, then lets the calls in hand finish.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(
        mut self,
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
        self.server
            .add_service(health_service)
            .add_service(InterceptedService::new(accounts, self.callers))
            .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopped)
            .await
    }
}

fn tls(files: &TlsFiles) -> Result<ServerTlsConfig, BadTls> {
    let read = |path: &PathBuf| fs::read(path).map_err(|source| BadTls::File { path: path.clone(), source });
    let identity = Identity::from_pem(read(&files.certificate)?, read(&files.key)?);
    let tls = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_TIMEOUT);
    Ok(match &files.client_ca {
        Some(ca) => tls.client_ca_root(Certificate::from_pem(read(ca)?)),
        None => tls,
    })
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
