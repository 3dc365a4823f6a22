//! TLS of the connections that a process makes: rustls, with aws-lc-rs as the only provider of cryptography.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Why a file gives no roots.
#[derive(Debug, thiserror::Error)]
pub enum BadCa {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What is in it.
    #[error("{0}: holds no certificate")]
    Content(PathBuf),
}

/// The bytes of a PEM file that holds at least one certificate.
///
/// # Errors
/// [`BadCa`].
pub(crate) fn read_ca(path: &Path) -> Result<Vec<u8>, BadCa> {
    let text = fs::read(path).map_err(|source| BadCa::File { path: path.to_owned(), source })?;
    roots(path, &text).map(|_| text)
}

fn roots(path: &Path, text: &[u8]) -> Result<RootCertStore, BadCa> {
    let content = || BadCa::Content(path.to_owned());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text) {
        roots.add(certificate.map_err(|_| content())?).map_err(|_| content())?;
    }
    if roots.is_empty() { Err(content()) } else { Ok(roots) }
}

/// With the roots of a file, a server must prove its name. Without, the connection is encrypted with whoever answers.
///
/// # Errors
/// [`BadCa`].
pub(crate) fn client(ca: Option<&Path>) -> Result<ClientConfig, BadCa> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .map_err(|_| BadCa::Content(PathBuf::new()))?;
    let Some(path) = ca else {
        let anybody = Arc::new(Anybody(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth());
    };
    let roots = roots(path, &read_ca(path)?)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Takes every certificate, so that a connection is no worse than one in plain text. Who must know whom he talks to names
/// a root.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        text: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(text, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        text: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(text, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
