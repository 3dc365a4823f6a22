//! The life of the log, and the mark that a connection leaves, from which a later one goes on, page by page.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::error::GatewayError;
use super::ids::{ConversationId, Xid};

/// The life of a log: one that was restored to an earlier moment is another log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Its name.
    pub id: Uuid,
    /// What the marks bear that are given in it.
    pub tag: Tag,
}

/// The epoch of a mark; none: the first, whose marks are as they were before there were epochs.
pub type Tag = Option<Uuid>;

/// A moment of the log: whoever was connected then and has resumed since holds every entry of earlier transactions.
/// Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync {
    /// The transaction.
    pub xid: Xid,
    /// Of which epoch: in another one the mark means nothing.
    pub epoch: Tag,
}

impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{}{}", self.xid, Suffix(self.epoch))
    }
}

impl FromStr for Sync {
    type Err = GatewayError;

    fn from_str(text: &str) -> Result<Self, GatewayError> {
        let sync = split(text).and_then(|(xid, epoch)| Some(Self { xid: parse_xid(xid)?, epoch }));
        sync.ok_or_else(|| GatewayError::invalid("since", "is not a mark of ours"))
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
    /// Of which epoch: in another one it is the beginning.
    pub epoch: Tag,
}

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{}.{}{}", self.xid, self.conversation, Suffix(self.epoch))
    }
}

impl FromStr for Bookmark {
    type Err = GatewayError;

    fn from_str(text: &str) -> Result<Self, GatewayError> {
        let bookmark = || {
            let (place, epoch) = split(text)?;
            let (xid, id) = place.split_once('.')?;
            Some(Self { xid: parse_xid(xid)?, conversation: ConversationId(id.parse().ok()?), epoch })
        };
        bookmark().ok_or_else(|| GatewayError::invalid("cursor", "is not one of ours"))
    }
}

/// The end of a mark.
struct Suffix(Tag);

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |epoch| write!(f, "@{}", epoch.simple()))
    }
}

/// A mark without its `x`, and its epoch.
fn split(text: &str) -> Option<(&str, Tag)> {
    let text = text.strip_prefix('x')?;
    match text.split_once('@') {
        None => Some((text, None)),
        Some((place, epoch)) => Some((place, Some(Uuid::try_parse(epoch).ok()?))),
    }
}

fn parse_xid(text: &str) -> Option<Xid> {
    text.parse().ok().filter(|xid| *xid >= 0).map(Xid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "@0000000000000000000000000000002a";
    const EPOCH: Tag = Some(Uuid::from_u128(42));

    #[test]
    fn a_mark_survives_its_text_and_a_forged_one_is_refused() {
        for (text, sync) in [
            ("x42".to_owned(), Sync { xid: Xid(42), epoch: None }),
            (format!("x42{TEXT}"), Sync { xid: Xid(42), epoch: EPOCH }),
        ] {
            assert_eq!((sync.to_string(), text.parse()), (text, Ok(sync)));
        }
        for forged in
            ["", "x", "42", "x-1", "x 1", "x9223372036854775808", "x42@", "x42@1", "x@0", "x42@@", TEXT]
        {
            assert!(forged.parse::<Sync>().is_err(), "{forged}");
        }
    }

    #[test]
    fn a_bookmark_survives_its_text_and_a_forged_one_is_refused() {
        for (text, epoch) in [("x42.7".to_owned(), None), (format!("x42.7{TEXT}"), EPOCH)] {
            let bookmark = Bookmark { xid: Xid(42), conversation: ConversationId(7), epoch };
            assert_eq!((bookmark.to_string(), text.parse()), (text, Ok(bookmark)));
        }
        for forged in
            ["", "x", "x42", "42.7", "x.7", "x42.", "x-1.7", "x42.7.1", "x9223372036854775808.7", "x42.7@x"]
        {
            let refused = forged.parse::<Bookmark>();
            assert!(matches!(refused, Err(GatewayError::Invalid { field: "cursor", .. })), "{forged}");
        }
    }
}
