//! Close codes and what a client may do after each.

use std::fmt;

use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Close code of the peer; `None` when the connection broke without one.
    pub code: Option<u16>,
    /// The peer's words, or ours for a broken connection.
    pub reason: String,
}

/// What a client may do after a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Connect again, with back-off.
    Reconnect,
    /// Connect again, but not soon: the client asked for too much.
    ReconnectLater,
    /// The log-in has ended: ask for a new one.
    LogIn,
    /// Connecting again the same way would end the same way.
    GiveUp,
}

impl Closed {
    pub(super) fn by_peer(frame: Option<CloseFrame>) -> Self {
        frame.map_or_else(
            || Self { code: None, reason: "closed without a code".to_owned() },
            |frame| Self { code: Some(frame.code.into()), reason: frame.reason.to_string() },
        )
    }

    pub(crate) fn broken(reason: impl fmt::Display) -> Self {
        Self { code: None, reason: reason.to_string() }
    }

    /// What a client may do now: the table of close codes of the contract.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.code {
            // 4001 unauthorized.
            Some(4001) => Verdict::LogIn,
            // 4003 forbidden origin, 4004 protocol error, 4005 replaced by a newer socket of the same user,
            // 1009 frame too large; and what RFC 6455 says of a peer that was misunderstood.
            Some(4003..=4005 | 1009 | 1002 | 1003 | 1007 | 1008 | 1010) => Verdict::GiveUp,
            // 4008 rate limited.
            Some(4008) => Verdict::ReconnectLater,
            // 1012 restart, 1013 overloaded, 4009 slow consumer, 4012 no heartbeat, a broken connection.
            _ => Verdict::Reconnect,
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.reason.as_str()) {
            (Some(code), "") => write!(f, "code {code}"),
            (Some(code), reason) => write!(f, "{reason} (code {code})"),
            (None, reason) => f.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_follow_the_table() {
        let table = [
            (Some(1012), Verdict::Reconnect),
            (Some(1013), Verdict::Reconnect),
            (Some(4001), Verdict::LogIn),
            (Some(4003), Verdict::GiveUp),
            (Some(4004), Verdict::GiveUp),
            (Some(4005), Verdict::GiveUp),
            (Some(4008), Verdict::ReconnectLater),
            (Some(4009), Verdict::Reconnect),
            (Some(4012), Verdict::Reconnect),
            (Some(1009), Verdict::GiveUp),
            (Some(1000), Verdict::Reconnect),
            (Some(1001), Verdict::Reconnect),
            (None, Verdict::Reconnect),
        ];
        for (code, verdict) in table {
            let closed = Closed { code, reason: String::new() };
            assert_eq!(closed.verdict(), verdict, "{code:?}");
        }
    }
}
