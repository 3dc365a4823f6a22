//! Numbers that must not be mixed up.

use std::fmt;

use uuid::Uuid;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A user, as accounts numbers them.
    UserId
);
number!(
    /// A conversation: a dialog of two users, or a group.
    ConversationId
);
number!(
    /// The position of an entry in its conversation's log: 1, 2, 3 … without gaps.
    Seq
);
number!(
    /// An entry's number over all conversations; unique, not ordered.
    EntryId
);
number!(
    /// A PostgreSQL transaction id (`xid8`): the order in which the log is swept.
    Xid
);

/// A log-in, as accounts numbers them: what the tokens of one device have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

impl Seq {
    /// The position before the first entry.
    pub const ZERO: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
