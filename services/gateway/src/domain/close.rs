//! Why a socket is closed: one table for code and word.

/// A reason, with the WebSocket close code that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Close {
    /// A frame that is not WebSocket.
    Protocol,
    /// A binary frame; the dialects are text.
    Binary,
    /// Text that is not UTF-8.
    BadText,
    /// A frame above the limit.
    TooLarge,
    /// A fault of ours.
    Internal,
    /// This replica stops or restarts.
    Restart,
    /// This replica is cut off from everything but its clients. On the wire as a restart.
    CutOff,
    /// This replica has no room.
    Overloaded,
    /// The token expired.
    Unauthorized,
    /// The session was ended, or the account is gone. On the wire as an expired token: in both cases only a log-in helps.
    Revoked,
    /// The client sent too much that is no request.
    Unreadable,
    /// The user opened more sockets than allowed; this was the oldest.
    TooManySockets,
    /// The client sent too much for too long, although it was told.
    RateLimited,
    /// The client did not read fast enough.
    SlowConsumer,
    /// The client did not answer pings.
    NoHeartbeat,
}

impl Close {
    /// The code on the wire (RFC 6455 section 7.4; 4000 to 4999 are ours).
    pub fn code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::Binary => 1003,
            Self::BadText => 1007,
            Self::TooLarge => 1009,
            Self::Internal => 1011,
            Self::Restart | Self::CutOff => 1012,
            Self::Overloaded => 1013,
            Self::Unauthorized | Self::Revoked => 4001,
            Self::Unreadable => 4004,
            Self::TooManySockets => 4005,
            Self::RateLimited => 4008,
            Self::SlowConsumer => 4009,
            Self::NoHeartbeat => 4012,
        }
    }

    /// Whether requests in flight are answered before. Of a replica that is cut off none ever is, after a fault of ours
    /// nothing that was in flight may be touched again, and whose session was ended is told nothing more.
    pub fn is_patient(self) -> bool {
        !matches!(self, Self::CutOff | Self::Internal | Self::Revoked)
    }

    /// The reason on the wire, at most 123 bytes.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Protocol => "protocol error",
            Self::Binary => "binary frames are not spoken here",
            Self::BadText => "text must be UTF-8",
            Self::TooLarge => "frame too large",
            Self::Internal => "internal error",
            Self::Restart | Self::CutOff => "server restart, reconnect",
            Self::Overloaded => "overloaded, reconnect later",
            Self::Unauthorized | Self::Revoked => "unauthorized",
            Self::Unreadable => "too many frames that are no requests",
            Self::TooManySockets => "too many connections of this user",
            Self::RateLimited => "rate limited",
            Self::SlowConsumer => "slow consumer, reconnect and catch up",
            Self::NoHeartbeat => "no heartbeat",
        }
    }
}
