//! How this gateway shows accounts that it is one of ours, and how it knows accounts: a token, and TLS.

use std::path::PathBuf;
use std::{fs, io};

use messenger_chassis::env::Env;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

/// Secrets and files of the way to accounts.
#[derive(Debug, Clone, Default)]
pub struct Access {
    token: Option<SecretString>,
    tls: Option<TlsFiles>,
}

/// PEM files.
#[derive(Debug, Clone)]
struct TlsFiles {
    /// Root of accounts' certificate.
    ca: PathBuf,
    /// Our certificate and its key.
    own: Option<(PathBuf, PathBuf)>,
    /// The name that accounts' certificate must bear; that of the URL without one.
    name: Option<String>,
}

/// Why accounts cannot be called as it is configured. Nothing secret is repeated.
#[derive(Debug, thiserror::Error)]
pub enum BadAccess {
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
        "GATEWAY_ACCOUNTS_TLS_CA, GATEWAY_ACCOUNTS_TLS_CERT, GATEWAY_ACCOUNTS_TLS_KEY: not a root, a certificate and its key"
    )]
    Content,
    /// The token cannot be sent.
    #[error("GATEWAY_ACCOUNTS_TOKEN: must be of visible ASCII characters")]
    Token,
}

impl Access {
    /// Reads the keys of the token and of TLS; `url` is accounts'.
    pub(super) fn read(env: &mut Env<'_>, url: &http::Uri) -> Self {
        let mut tokens = env.tokens(
            "GATEWAY_ACCOUNTS_TOKEN",
            "secret that accounts knows this service by, one of its ACCOUNTS_GRPC_TOKEN",
        );
        if tokens.len() > 1 {
            env.problem("GATEWAY_ACCOUNTS_TOKEN: must be one token");
        }
        let tls = TlsFiles::read(env);
        let secured = url.scheme_str() == Some("https");
        if secured && tls.is_none() {
            env.problem("GATEWAY_ACCOUNTS_TLS_CA: required with https://");
        }
        if !secured && tls.is_some() {
            env.problem("GATEWAY_ACCOUNTS_TLS_CA: GATEWAY_ACCOUNTS_URL must be https:// with it");
        }
        Self { token: tokens.pop(), tls }
    }

    /// The endpoint, with TLS where it is configured.
    ///
    /// # Errors
    /// [`BadAccess`].
    pub(super) fn secure(&self, endpoint: Endpoint) -> Result<Endpoint, BadAccess> {
        let Some(files) = &self.tls else { return Ok(endpoint) };
        let read =
            |path: &PathBuf| fs::read(path).map_err(|source| BadAccess::File { path: path.clone(), source });
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(&files.ca)?));
        if let Some((certificate, key)) = &files.own {
            tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        if let Some(name) = &files.name {
            tls = tls.domain_name(name);
        }
        endpoint.tls_config(tls).map_err(|_| BadAccess::Content)
    }

    /// What shows the token with every call.
    ///
    /// # Errors
    /// [`BadAccess::Token`].
    pub(super) fn bearer(&self) -> Result<Bearer, BadAccess> {
        let Some(token) = &self.token else { return Ok(Bearer(None)) };
        let text = format!("Bearer {}", token.expose_secret());
        let mut value = MetadataValue::try_from(text).map_err(|_| BadAccess::Token)?;
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }
}

impl TlsFiles {
    fn read(env: &mut Env<'_>) -> Option<Self> {
        let mut file = |name, about| env.optional(name, about).map(PathBuf::from);
        let ca =
            file("GATEWAY_ACCOUNTS_TLS_CA", "PEM file with the root of accounts' certificate, for https://");
        let certificate = file(
            "GATEWAY_ACCOUNTS_TLS_CERT",
            "PEM file with the certificate that is shown to accounts; none without it",
        );
        let key = file("GATEWAY_ACCOUNTS_TLS_KEY", "PEM file with the key of that certificate");
        let name = env.optional(
            "GATEWAY_ACCOUNTS_TLS_NAME",
            "name that accounts' certificate must bear; that of the URL without it",
        );
        if certificate.is_some() != key.is_some() {
            env.problem("GATEWAY_ACCOUNTS_TLS_CERT, GATEWAY_ACCOUNTS_TLS_KEY: set both or none");
        }
        if ca.is_none() && (certificate.is_some() || name.is_some()) {
            env.problem("GATEWAY_ACCOUNTS_TLS_CA: required with the other keys of TLS");
        }
        Some(Self { ca: ca?, own: certificate.zip(key), name })
    }
}

/// Shows the token with every call; it does not print.
#[derive(Debug, Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}
