//! TLS in front of a server that speaks none.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificate;

/// A running proxy. Dropping it cuts its connections.
#[derive(Debug)]
pub struct TlsProxy {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl TlsProxy {
    /// Listens on a free port, shows the certificate, and passes everything on to `server` (`host:port`).
    ///
    /// # Errors
    /// When there is no port, or a file cannot be read.
    pub async fn start(server: &str, shown: &Certificate) -> Result<Self> {
        let server: SocketAddr = server.parse().with_context(|| format!("{server} is no address"))?;
        let chain = CertificateDer::pem_file_iter(&shown.certificate)?.collect::<Result<_, _>>()?;
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(&shown.key)?)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen for the proxy")?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), server));
        Ok(Self { address, _tasks: tasks })
    }

    /// Where it listens, `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, server: SocketAddr) {
    // Connections end with the proxy.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            // Whoever does not believe us, or hangs up, has had its answer.
            if let (Ok(mut client), Ok(mut server)) =
                tokio::join!(acceptor.accept(client), TcpStream::connect(server))
            {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}
