//! The log of ended sessions, and positions in it.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use super::user::UserId;

/// Sessions of one page of the log.
pub const ENDED_PAGE: u16 = 4_000;

/// A session that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedSession {
    /// Claim `sid` of its tokens.
    pub session_id: Uuid,
    /// Whose it was.
    pub user_id: UserId,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedPage {
    /// In the order of the log.
    pub sessions: Vec<EndedSession>,
    /// Where the next page begins.
    pub cursor: EndedCursor,
    /// Whether more follows at once.
    pub has_more: bool,
}

/// A position in the log, which is in the order of transaction ids. These do not become visible in that order, so the log
/// is read in rounds: a round goes to the end, and the next one begins where transactions were still open when this
/// one began (`floor`). What lies between is read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndedCursor {
    /// Every transaction below had ended when the round began.
    pub floor: u64,
    /// The transaction of the last row that was read.
    pub xid: u64,
    /// The session of the last row that was read; nil before the first.
    pub session_id: Uuid,
}

impl EndedCursor {
    /// The position that the text names; what is none is the beginning.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, '.');
        let mut number = || parts.next()?.parse().ok();
        let (floor, xid) = (number(), number());
        let session_id = parts.next().and_then(|id| Uuid::try_parse(id).ok());
        match (floor, xid, session_id) {
            (Some(floor), Some(xid), Some(session_id)) => Self { floor, xid, session_id },
            _ => Self::default(),
        }
    }

    /// Where a round begins.
    pub fn round(floor: u64) -> Self {
        Self { floor, xid: floor, session_id: Uuid::nil() }
    }

    /// Whether a round begins here.
    pub fn begins_round(&self) -> bool {
        self.session_id.is_nil()
    }
}

impl fmt::Display for EndedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.floor, self.xid, self.session_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_it_writes() {
        let cursor = EndedCursor { floor: 7, xid: u64::MAX, session_id: Uuid::from_u128(9) };
        assert_eq!(EndedCursor::parse(&cursor.to_string()), cursor);
        assert!(EndedCursor::parse(&EndedCursor::round(7).to_string()).begins_round());
    }

    #[test]
    fn what_is_no_cursor_is_the_beginning() {
        let id = Uuid::from_u128(9);
        let texts = ["", "7", "7.8", "7.8.9", "..", "a.b.c", "7.-8.x", "' OR 1=1 --"].map(str::to_owned);
        let forged = [
            format!("7.8.{id}.1"),
            format!("18446744073709551616.8.{id}"),
            format!("7,8,{id}"),
            "9".repeat(9_999),
        ];
        for text in texts.iter().chain(&forged) {
            assert_eq!(EndedCursor::parse(text), EndedCursor::default(), "{text}");
        }
    }
}
