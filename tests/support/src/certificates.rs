//! Certificates made for a test, as files.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

/// Where the processes of the tests listen, and what certificates for them bear besides their names.
const LOOPBACK: &str = "127.0.0.1";

/// A root and what it has signed. The files are removed when it is dropped.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The PEM files of one certificate.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Path of the certificate.
    pub certificate: String,
    /// Path of its key.
    pub key: String,
}

impl Authority {
    /// A root that nobody else knows.
    ///
    /// # Panics
    /// When no files can be written.
    #[must_use]
    pub fn new() -> Self {
        make().unwrap_or_else(|error| panic!("a root for the test: {error:#}"))
    }

    /// Path of the root, a PEM file.
    #[must_use]
    pub fn root(&self) -> String {
        self.folder.join("root.pem").display().to_string()
    }

    /// A certificate for this name and the address of the tests' processes.
    ///
    /// # Panics
    /// When no files can be written.
    #[must_use]
    pub fn issue(&self, name: &str) -> Certificate {
        self.sign(name, name, |_| {}).unwrap_or_else(|error| panic!("a certificate: {error:#}"))
    }

    /// One that was good for the last time in 2020.
    ///
    /// # Panics
    /// When no files can be written.
    #[must_use]
    pub fn issue_expired(&self, name: &str) -> Certificate {
        let expired = self.sign(name, &format!("{name}-expired"), |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        });
        expired.unwrap_or_else(|error| panic!("a certificate: {error:#}"))
    }

    fn sign(
        &self,
        name: &str,
        file: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Result<Certificate> {
        let mut params = CertificateParams::new([name.to_owned(), LOOPBACK.to_owned()])?;
        change(&mut params);
        let key = KeyPair::generate()?;
        let signed = params.signed_by(&key, &self.issuer)?;
        Ok(Certificate {
            certificate: self.write(&format!("{file}.pem"), &signed.pem())?,
            key: self.write(&format!("{file}.key.pem"), &key.serialize_pem())?,
        })
    }

    fn write(&self, name: &str, text: &str) -> Result<String> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path.display().to_string())
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn make() -> Result<Authority> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("messenger-certificates-{}-{number}", std::process::id()));
    // What a killed run of the same number left behind.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).with_context(|| format!("create {}", folder.display()))?;
    let mut params = CertificateParams::new([])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = Authority { folder, issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? };
    authority.write("root.pem", &authority.issuer.pem())?;
    Ok(authority)
}
