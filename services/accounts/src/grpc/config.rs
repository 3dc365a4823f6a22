//! Who may call, and over what: tokens of services, and TLS files.

use std::path::PathBuf;

use messenger_chassis::env::Env;
use secrecy::SecretString;

/// How callers prove who they are.
#[derive(Debug, Clone)]
pub struct GrpcConfig {
    /// Any of them opens the service; none: everybody who reaches the listener may call.
    pub(super) tokens: Vec<SecretString>,
    /// Without it the listener speaks plain text.
    pub(super) tls: Option<TlsFiles>,
}

/// PEM files.
#[derive(Debug, Clone)]
pub(super) struct TlsFiles {
    /// The certificate that is shown, and those between it and the root.
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// The root of the certificates that clients must show; without it they need none.
    pub(super) client_ca: Option<PathBuf>,
    /// Names of which a client's certificate must bear one; none: each that the root signed will do.
    pub(super) client_names: Vec<String>,
}

impl GrpcConfig {
    /// Reads the keys `ACCOUNTS_GRPC_…` that say who may call.
    pub fn read(env: &mut Env<'_>) -> Self {
        let tokens = env.tokens(
            "ACCOUNTS_GRPC_TOKEN",
            "secret that the other services show, at least 32 bytes; several, separated by commas, while it is changed",
        );
        Self { tokens, tls: TlsFiles::read(env) }
    }
}

impl TlsFiles {
    fn read(env: &mut Env<'_>) -> Option<Self> {
        let mut file = |name, about| env.optional(name, about).map(PathBuf::from);
        let certificate =
            file("ACCOUNTS_GRPC_TLS_CERT", "PEM file with the certificate of gRPC; plain text without it");
        let key = file("ACCOUNTS_GRPC_TLS_KEY", "PEM file with the key of that certificate");
        let client_ca = file(
            "ACCOUNTS_GRPC_TLS_CLIENT_CA",
            "PEM file with the root of the certificates that callers must show; none are asked for without it",
        );
        let names = env.optional(
            "ACCOUNTS_GRPC_CLIENT_NAMES",
            "names of which a caller's certificate must bear one, separated by commas; any will do without it",
        );
        let names = names.unwrap_or_default();
        let client_names: Vec<String> =
            names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if certificate.is_some() != key.is_some() {
            env.problem("ACCOUNTS_GRPC_TLS_CERT, ACCOUNTS_GRPC_TLS_KEY: set both or none");
        }
        if client_ca.is_some() && certificate.is_none() {
            env.problem("ACCOUNTS_GRPC_TLS_CLIENT_CA: needs ACCOUNTS_GRPC_TLS_CERT");
        }
        if !client_names.is_empty() && client_ca.is_none() {
            env.problem("ACCOUNTS_GRPC_CLIENT_NAMES: needs ACCOUNTS_GRPC_TLS_CLIENT_CA");
        }
        Some(Self { certificate: certificate?, key: key?, client_ca, client_names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: (&str, &str) = ("ACCOUNTS_GRPC_TOKEN", "6d1fbb0a5a0f4a86b8c09b1f1c2f7f52");

    fn problems(pairs: &[(&str, &str)]) -> String {
        let lookup = |key: &str| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned());
        let mut env = Env::new(&lookup);
        GrpcConfig::read(&mut env);
        env.finish().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_belongs_together_is_asked_for_together() {
        let (cert, key) = (("ACCOUNTS_GRPC_TLS_CERT", "c.pem"), ("ACCOUNTS_GRPC_TLS_KEY", "k.pem"));
        let (ca, names) =
            (("ACCOUNTS_GRPC_TLS_CLIENT_CA", "ca.pem"), ("ACCOUNTS_GRPC_CLIENT_NAMES", "gateway"));
        for good in
            [&[TOKEN][..], &[TOKEN, cert, key], &[TOKEN, cert, key, ca], &[TOKEN, cert, key, ca, names]]
        {
            assert_eq!(problems(good), "");
        }
        for (bad, named) in [
            (&[][..], "ACCOUNTS_GRPC_TOKEN"),
            (&[TOKEN, cert], "ACCOUNTS_GRPC_TLS_CERT"),
            (&[TOKEN, key], "ACCOUNTS_GRPC_TLS_CERT"),
            (&[TOKEN, ca], "ACCOUNTS_GRPC_TLS_CLIENT_CA"),
            (&[TOKEN, cert, key, names], "ACCOUNTS_GRPC_CLIENT_NAMES"),
        ] {
            let problems = problems(bad);
            assert!(problems.starts_with(named) && problems.lines().count() == 1, "{problems}");
        }
    }
}
