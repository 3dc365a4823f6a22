//! What a request costs of what a user may ask for in a while, on however many sockets.

use super::command::Command;

/// Rows of a page that cost as much as one request.
const ROWS: u32 = 50;
/// Positions of a `resume` that cost as much as one request: each is a conversation of which entries may be read.
const POSITIONS: usize = 100;

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Entries written to logs, messages and changes of groups that exist, and blocks.
    Entries,
    /// Pages read, by their length.
    Reads,
    /// Groups created.
    Groups,
    /// Members added.
    Members,
}

impl Budget {
    /// All of them, each at its own index.
    pub const ALL: [Self; 4] = [Self::Entries, Self::Reads, Self::Groups, Self::Members];

    /// Its name, as a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Reads => "reads",
            Self::Groups => "groups",
            Self::Members => "members",
        }
    }
}

impl Command {
    /// Which budget it comes from, and how many units; `None` for what costs no more than its frame.
    pub fn cost(&self) -> Option<(Budget, u32)> {
        Some(match self {
            Self::Send(_)
            | Self::RemoveMember { .. }
            | Self::LeaveGroup { .. }
            | Self::RenameGroup { .. }
            | Self::SetRole { .. }
            | Self::BlockUser { .. }
            | Self::UnblockUser { .. } => (Budget::Entries, 1),
            Self::ListChats(page) | Self::DialogHistory { page, .. } | Self::GroupHistory { page, .. } => {
                (Budget::Reads, pages(page.limit()))
            }
            Self::ListConversations { limit, .. }
            | Self::GetEntries { limit, .. }
            | Self::ListBlocked { limit, .. } => (Budget::Reads, pages(limit.rows())),
            Self::Resume { positions, .. } => (Budget::Reads, 1 + count(positions.len().div_ceil(POSITIONS))),
            Self::CreateGroup { .. } => (Budget::Groups, 1),
            Self::AddMember { .. } => (Budget::Members, 1),
            Self::AddMembers { users, .. } => (Budget::Members, count(users.len())),
            Self::Mark(_) | Self::Authenticate(_) => return None,
        })
    }
}

fn pages(rows: i64) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX).div_ceil(ROWS).max(1)
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::Range;
    use crate::domain::ids::{ConversationId, Seq, UserId};
    use crate::domain::page::{Limit, Page};

    fn page(limit: i64) -> Command {
        Command::ListChats(Page::new(limit, 1).expect("a page"))
    }

    #[test]
    fn a_long_page_costs_more_than_a_short_one() {
        assert_eq!(page(1).cost(), Some((Budget::Reads, 1)));
        assert_eq!(page(50).cost(), Some((Budget::Reads, 1)));
        assert_eq!(page(51).cost(), Some((Budget::Reads, 2)));
        let limit = Limit::new(100).expect("a limit");
        let entries = Command::GetEntries { conversation: ConversationId(7), range: Range::Newest, limit };
        assert_eq!(entries.cost(), Some((Budget::Reads, 2)));
        let positions = (0..1_000).map(|id| (ConversationId(id), Seq(1))).collect();
        let resume = Command::Resume { since: None, positions, after: None };
        assert_eq!(resume.cost(), Some((Budget::Reads, 11)));
    }

    #[test]
    fn each_new_member_is_counted() {
        let users = (1..=100).map(UserId).collect();
        let add = Command::AddMembers { group: ConversationId(7), users };
        assert_eq!(add.cost(), Some((Budget::Members, 100)));
    }
}
