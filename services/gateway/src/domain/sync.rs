//! The mark that a connection leaves, from which a later one goes on, page by page.

use std::fmt;
use std::str::FromStr;

use super::error::GatewayError;
use super::ids::{ConversationId, Xid};

/// A moment of the log: whoever was connected then and has resumed since holds every entry of earlier transactions.
/// Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync(pub Xid);

impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{}", self.0)
    }
}

impl FromStr for Sync {
    type Err = GatewayError;

    fn from_str(text: &str) -> Result<Self, GatewayError> {
        let xid = text.strip_prefix('x').and_then(|xid| xid.parse().ok()).filter(|xid| *xid >= 0);
        xid.map(|xid| Self(Xid(xid))).ok_or_else(|| GatewayError::invalid("since", "is not a mark of ours"))
    }
}

/// Where a page of what a client missed has ended: conversations go by the transactions that touched them last, and by
/// their ids. Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bookmark {
    /// The transaction that had touched the last conversation of the page.
    pub xid: Xid,
    /// That conversation.
    pub conversation: ConversationId,
}

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{}.{}", self.xid, self.conversation)
    }
}

impl FromStr for Bookmark {
    type Err = GatewayError;

    fn from_str(text: &str) -> Result<Self, GatewayError> {
        let parts = text.strip_prefix('x').and_then(|text| text.split_once('.'));
        let place = parts.and_then(|(xid, id)| Some((xid.parse().ok()?, id.parse().ok()?)));
        place
            .filter(|(xid, _)| *xid >= 0)
            .map(|(xid, id)| Self { xid: Xid(xid), conversation: ConversationId(id) })
            .ok_or_else(|| GatewayError::invalid("cursor", "is not one of ours"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_its_text_and_a_forged_one_is_refused() {
        assert_eq!("x42".parse(), Ok(Sync(Xid(42))));
        assert_eq!(Sync(Xid(42)).to_string(), "x42");
        for forged in ["", "x", "42", "x-1", "x 1", "x9223372036854775808"] {
            assert!(forged.parse::<Sync>().is_err(), "{forged}");
        }
    }

    #[test]
    fn a_bookmark_survives_its_text_and_a_forged_one_is_refused() {
        let bookmark = Bookmark { xid: Xid(42), conversation: ConversationId(7) };
        assert_eq!((bookmark.to_string().as_str(), "x42.7".parse()), ("x42.7", Ok(bookmark)));
        for forged in ["", "x", "x42", "42.7", "x.7", "x42.", "x-1.7", "x42.7.1", "x9223372036854775808.7"] {
            let refused = forged.parse::<Bookmark>();
            assert!(matches!(refused, Err(GatewayError::Invalid { field: "cursor", .. })), "{forged}");
        }
    }
}
