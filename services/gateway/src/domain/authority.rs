//! Who may do what in a conversation: one table, from which the one in `docs/PROTOCOL.md` is made and against which every cell
//! is tried on a real log. The rules are enforced by the functions in `migrations/messaging`, under the lock of the
//! conversation's row, so that of a change and a request one is first.

use super::error::GatewayError;

/// What a user is to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Of a group: its owner.
    Owner,
    /// One of its admins.
    Admin,
    /// One of its members without a rank.
    Member,
    /// Has left or was removed.
    Former,
    /// Never was a member.
    Stranger,
    /// Of a dialog: one of the two.
    Peer,
    /// The only one, who writes to himself.
    Oneself,
    /// One of the two, and the other one has blocked him.
    Blocked,
    /// One of the two, and has blocked the other one.
    Blocker,
    /// None of the two.
    Outsider,
    /// There is no conversation of this number.
    Nowhere,
}

/// What is asked for. The second part is that of the documented system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `getEntries`.
    Read,
    /// `resume` with a position in it.
    Resume,
    /// Its row in `listConversations`.
    List,
    /// `sendMessage` by `conversationId`.
    Write,
    /// `markRead`, `markDelivered`.
    Mark,
    /// `addMembers` of somebody who is not in the group.
    Add,
    /// Of a present member.
    AddMember,
    /// Of somebody who has blocked the asking user.
    AddBlocker,
    /// Of somebody whom the asking user has blocked.
    AddBlocked,
    /// `removeMember` of a member without a rank.
    RemoveMember,
    /// Of an admin.
    RemoveAdmin,
    /// Of the owner.
    RemoveOwner,
    /// Of somebody who is no member any more.
    RemoveFormer,
    /// Of oneself.
    RemoveOneself,
    /// `renameGroup`.
    Rename,
    /// `setRole` of a member to admin.
    Promote,
    /// Of an admin to member.
    Demote,
    /// Of a member to owner.
    HandOver,
    /// Of somebody who is no member any more.
    PromoteFormer,
    /// Of oneself.
    PromoteOneself,
    /// `leaveGroup`.
    Leave,
    /// `messageInGroup`.
    SeedWrite,
    /// `getlatestMessageGroup`.
    SeedRead,
    /// `addUserInGroup`.
    SeedAdd,
    /// `leaveGroup`.
    SeedLeave,
    /// `privateMessage` to the other one of the dialog.
    SeedWritePrivately,
    /// `getlatestMessageDialog`.
    SeedReadPrivately,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is done. What is read begins where the user joined.
    Allowed,
    /// It is done for the part up to the end of the membership.
    Past,
    /// Nothing is done, and nobody else hears of it.
    Refused(GatewayError),
    /// It cannot be asked for.
    Moot,
}

impl Standing {
    /// All of them: first of groups, then of dialogs.
    pub const ALL: [Self; 11] = [
        Self::Owner,
        Self::Admin,
        Self::Member,
        Self::Former,
        Self::Stranger,
        Self::Peer,
        Self::Oneself,
        Self::Blocked,
        Self::Blocker,
        Self::Outsider,
        Self::Nowhere,
    ];

    /// Whether it is one to a dialog.
    pub fn is_of_dialog(self) -> bool {
        matches!(self, Self::Peer | Self::Oneself | Self::Blocked | Self::Blocker | Self::Outsider)
    }
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::Read,
        Self::Resume,
        Self::List,
        Self::Write,
        Self::Mark,
        Self::Add,
        Self::AddMember,
        Self::AddBlocker,
        Self::AddBlocked,
        Self::RemoveMember,
        Self::RemoveAdmin,
        Self::RemoveOwner,
        Self::RemoveFormer,
        Self::RemoveOneself,
        Self::Rename,
        Self::Promote,
        Self::Demote,
        Self::HandOver,
        Self::PromoteFormer,
        Self::PromoteOneself,
        Self::Leave,
        Self::SeedWrite,
        Self::SeedRead,
        Self::SeedAdd,
        Self::SeedLeave,
        Self::SeedWritePrivately,
        Self::SeedReadPrivately,
    ];

    /// Whether it is a request of the documented system, which tells apart what `messenger.v2` does not.
    pub fn is_of_seed(self) -> bool {
        use Action as A;
        matches!(self, A::SeedWrite | A::SeedRead | A::SeedAdd | A::SeedLeave)
            || matches!(self, A::SeedWritePrivately | A::SeedReadPrivately)
    }
}

/// What becomes of a request by such a user.
pub fn verdict(standing: Standing, action: Action) -> Verdict {
    use {Action as A, GatewayError as E, Standing as S, Verdict as V};
    if action.is_of_seed() {
        return documented(standing, action);
    }
    match (standing, action) {
        (_, A::RemoveOneself | A::PromoteOneself) => V::Refused(E::invalid("userId", "must be another one")),

        // Whether a conversation exists is nobody's business but its members'.
        (S::Stranger | S::Outsider | S::Nowhere, _) => V::Refused(E::NotFound),
        (S::Former, A::Read | A::Resume) => V::Past,
        (S::Former, _) => V::Refused(E::NotFound),

        (S::Blocked, A::Write) => V::Refused(E::CannotWrite),
        (S::Blocker, A::Write) => V::Refused(E::BlockedByYou),
        (_, A::Read | A::Resume | A::List | A::Write | A::Mark) => V::Allowed,
        // A dialog is no group.
        (S::Peer | S::Oneself | S::Blocked | S::Blocker, _) => V::Refused(E::NotFound),

        (_, A::Add | A::Leave) => V::Allowed,
        (_, A::AddMember) => V::Refused(E::AlreadyMember),
        (_, A::AddBlocker) => V::Refused(E::CannotAdd),
        (_, A::AddBlocked) => V::Refused(E::BlockedByYou),

        (S::Member, _) => V::Refused(E::Forbidden),
        (S::Owner, A::RemoveOwner) => V::Moot,
        (_, A::RemoveOwner) => V::Refused(E::Forbidden),
        (_, A::RemoveFormer) => V::Refused(E::UnknownUser),
        (_, A::RemoveMember | A::RemoveAdmin | A::Rename) => V::Allowed,

        (S::Owner, A::PromoteFormer) => V::Refused(E::UnknownUser),
        (S::Owner, _) => V::Allowed,
        (S::Admin, _) => V::Refused(E::Forbidden),
    }
}

fn documented(standing: Standing, action: Action) -> Verdict {
    use {Action as A, GatewayError as E, Standing as S, Verdict as V};
    let privately = matches!(action, A::SeedWritePrivately | A::SeedReadPrivately);
    match (standing, action) {
        (S::Blocked, A::SeedWritePrivately) => V::Refused(E::CannotWrite),
        (S::Blocker, A::SeedWritePrivately) => V::Refused(E::BlockedByYou),
        (S::Peer | S::Oneself | S::Blocked | S::Blocker, _) if privately => V::Allowed,
        _ if privately => V::Moot,
        (S::Owner | S::Admin | S::Member, _) => V::Allowed,
        (S::Former | S::Stranger, _) => V::Refused(E::NotMember),
        _ => V::Refused(E::UnknownGroup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: [Standing; 6] = [
        Standing::Owner,
        Standing::Admin,
        Standing::Member,
        Standing::Former,
        Standing::Stranger,
        Standing::Nowhere,
    ];
    const DIALOG: [Standing; 5] =
        [Standing::Peer, Standing::Oneself, Standing::Blocked, Standing::Blocker, Standing::Outsider];

    fn label(action: Action) -> &'static str {
        match action {
            Action::Read => "`getEntries`",
            Action::Resume => "`resume`, by its position",
            Action::List => "its row in `listConversations`",
            Action::Write => "`sendMessage`",
            Action::Mark => "`markRead`, `markDelivered`",
            Action::Add => "`addMembers`: somebody",
            Action::AddMember => "… a member",
            Action::AddBlocker => "… somebody who has blocked you",
            Action::AddBlocked => "… somebody whom you have blocked",
            Action::RemoveMember => "`removeMember`: a member",
            Action::RemoveAdmin => "… an admin",
            Action::RemoveOwner => "… the owner",
            Action::RemoveFormer => "… somebody who is no member any more",
            Action::RemoveOneself | Action::PromoteOneself => "… oneself",
            Action::Rename => "`renameGroup`",
            Action::Promote => "`setRole`: a member to `admin`",
            Action::Demote => "… an admin to `member`",
            Action::HandOver => "… a member to `owner`",
            Action::PromoteFormer => "… somebody who is no member any more",
            Action::Leave | Action::SeedLeave => "`leaveGroup`",
            Action::SeedWrite => "`messageInGroup`",
            Action::SeedRead => "`getlatestMessageGroup`",
            Action::SeedAdd => "`addUserInGroup`",
            Action::SeedWritePrivately => "`privateMessage`",
            Action::SeedReadPrivately => "`getlatestMessageDialog`",
        }
    }

    fn heading(standing: Standing) -> &'static str {
        match standing {
            Standing::Owner => "owner",
            Standing::Admin => "admin",
            Standing::Member => "member",
            Standing::Former => "former member",
            Standing::Stranger => "stranger",
            Standing::Nowhere => "no such conversation",
            Standing::Peer => "one of the two",
            Standing::Oneself => "alone with oneself",
            Standing::Blocked => "blocked by the other",
            Standing::Blocker => "has blocked the other",
            Standing::Outsider => "anybody else",
        }
    }

    fn cell(standing: Standing, action: Action) -> String {
        match verdict(standing, action) {
            Verdict::Allowed => "yes".to_owned(),
            Verdict::Past => "up to the end".to_owned(),
            Verdict::Refused(error) => format!("`{}`", error.code()),
            Verdict::Moot => "–".to_owned(),
        }
    }

    fn table(title: &str, columns: &[Standing], rows: impl Fn(Action) -> bool) -> String {
        let headings: Vec<_> = columns.iter().map(|standing| heading(*standing)).collect();
        let mut lines =
            vec![format!("| {title} | {} |", headings.join(" | ")), "|---".repeat(columns.len() + 1) + "|"];
        for action in Action::ALL.into_iter().filter(|action| rows(*action)) {
            let cells: Vec<_> = columns.iter().map(|standing| cell(*standing, action)).collect();
            lines.push(format!("| {} | {} |", label(action), cells.join(" | ")));
        }
        lines.join("\n")
    }

    /// Prints the tables that the document must have.
    #[test]
    fn the_documented_tables_are_these() {
        let document = include_str!("../../../../docs/PROTOCOL.md");
        let of_dialogs = |action| {
            matches!(action, Action::Read | Action::Resume | Action::List | Action::Write | Action::Mark)
        };
        let privately = |action| matches!(action, Action::SeedWritePrivately | Action::SeedReadPrivately);
        for expected in [
            table("group, `messenger.v2`", &GROUP, |action| !action.is_of_seed()),
            table("dialog, `messenger.v2`", &DIALOG, of_dialogs),
            table("group, section 3", &GROUP, |action| action.is_of_seed() && !privately(action)),
            table("dialog, section 3", &DIALOG[..4], privately),
        ] {
            assert!(document.contains(&expected), "docs/PROTOCOL.md lacks\n\n{expected}\n");
        }
    }

    #[test]
    fn in_the_second_dialect_who_is_outside_learns_nothing() {
        for action in Action::ALL.into_iter().filter(|action| !action.is_of_seed()) {
            let nowhere = verdict(Standing::Nowhere, action);
            for outside in [Standing::Stranger, Standing::Outsider] {
                assert_eq!(verdict(outside, action), nowhere, "{outside:?} {action:?}");
            }
        }
    }
}
