//! Who may call: services that show a token, and over mutual TLS a certificate that bears the right name.
//!
//! A user's token is none of these: services speak for themselves.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::ParsedCertificate;
use secrecy::ExposeSecret as _;
use tonic::service::Interceptor;
use tonic::{Request, Status};

use super::BadTls;
use super::config::GrpcConfig;

/// How a token is shown.
const SCHEME: &str = "Bearer ";

/// Lets calls through or refuses them. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Callers {
    /// Of equal length, so that comparing them tells nothing about the tokens.
    tokens: Arc<[Digest]>,
    names: Arc<[ServerName<'static>]>,
}

impl Callers {
    /// # Errors
    /// A name is none.
    pub(super) fn new(config: &GrpcConfig) -> Result<Self, BadTls> {
        let names = config.tls.iter().flat_map(|tls| &tls.client_names);
        let names = names.map(|name| ServerName::try_from(name.clone()).map_err(|_| BadTls::Name));
        Ok(Self {
            tokens: config.tokens.iter().map(|token| hash(token.expose_secret())).collect(),
            names: names.collect::<Result<_, _>>()?,
        })
    }

    fn knows(&self, request: &Request<()>) -> bool {
        let header = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let shown = hash(header.and_then(|value| value.strip_prefix(SCHEME)).unwrap_or_default());
        // All of them, so that the time does not tell which one it is.
        let same = |token: &Digest| verify_slices_are_equal(token.as_ref(), shown.as_ref()).is_ok();
        self.tokens.is_empty() || self.tokens.iter().filter(|token| same(token)).count() > 0
    }

    /// TLS has proved that the certificate is good and the caller's own; what is left is whose it is.
    fn admits(&self, request: &Request<()>) -> bool {
        let certificates = request.peer_certs();
        let shown = certificates.as_ref().and_then(|chain| ParsedCertificate::try_from(chain.first()?).ok());
        let bears = |name| shown.as_ref().is_some_and(|cert| verify_server_name(cert, name).is_ok());
        self.names.is_empty() || self.names.iter().any(bears)
    }
}

impl Interceptor for Callers {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        if !self.knows(&request) {
            return Err(refused("token", Status::unauthenticated("not a service")));
        }
        if !self.admits(&request) {
            return Err(refused("name", Status::permission_denied("not a service that may call")));
        }
        Ok(request)
    }
}

fn refused(reason: &'static str, status: Status) -> Status {
    metrics::counter!("accounts_grpc_refused_total", "reason" => reason).increment(1);
    status
}

fn hash(token: &str) -> Digest {
    digest(&SHA256, token.as_bytes())
}
