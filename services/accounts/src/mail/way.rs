//! Which way mail leaves by: a server, or the log.

use std::time::Duration;

use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::time::timeout;

/// The URL cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadUrl;

pub(super) enum Way {
    /// For development: nothing is sent.
    Log,
    /// A server, with a connection for each mail.
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
}

/// Why a mail has not left.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It may leave later.
    ForNow,
    /// The server does not want it.
    ForGood,
}

impl Way {
    pub(super) fn parse(url: &str) -> Result<Self, BadUrl> {
        if url == "log:" {
            return Ok(Self::Log);
        }
        let (scheme, rest) = url.split_once("://").ok_or(BadUrl)?;
        if rest.contains(['?', '#']) {
            return Err(BadUrl);
        }
        let url = match scheme {
            "smtps" => format!("smtps://{rest}"),
            // Refuses a server that offers no TLS, before any password is told.
            "smtp+starttls" => format!("smtp://{rest}?tls=required"),
            "smtp+plain" if is_this_machine(rest) => format!("smtp://{rest}"),
            _ => return Err(BadUrl),
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url).map_err(|_| BadUrl)?;
        Ok(Self::Smtp(Box::new(transport.build())))
    }

    /// Sends one mail within `limit`. Whether a mail whose answer was lost has left nobody knows: it may come twice.
    pub(super) async fn send(&self, mail: Message, limit: Duration) -> Result<(), Failed> {
        let Self::Smtp(transport) = self else { return Ok(()) };
        match timeout(limit, transport.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_permanent() => Err(Failed::ForGood),
            Ok(Err(_)) | Err(_) => Err(Failed::ForNow),
        }
    }
}

fn is_this_machine(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let name =
        host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}
