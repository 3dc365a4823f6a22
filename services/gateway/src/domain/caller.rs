//! Who asks.

use super::event::Author;
use super::ids::UserId;

/// The user behind a socket, as the token named them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user: UserId,
    /// Name and e-mail in the token: shown to others until accounts has told the current ones.
    pub claimed: Author,
}
