//! Dialogs and groups: how they begin, who is in them.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{Store, StoreError};
use crate::domain::content::GroupName;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, EntryId, Seq, UserId, Xid};
use crate::domain::reply::Role;

pub(super) const FIND_DIALOG: &str =
    "SELECT id FROM conversations WHERE kind = 0 AND low_user = $1 AND high_user = $2";
pub(super) const OPEN_DIALOG: &str = "SELECT status, id FROM open_dialog($1, $2, $3)";
pub(super) const CREATE_GROUP: &str =
    "SELECT status, seq, id, uuid, client_id, created_at, conversation_id FROM create_group($1, $2, $3)";
pub(super) const CREATE_GROUP_ONCE: &str = "SELECT status, seq, id, uuid, client_id, created_at, conversation_id FROM create_group_once($1, $2, $3, $4)";
pub(super) const ADD_MEMBER: &str =
    "SELECT status, seq, id, uuid, client_id, created_at FROM add_member($1, $2, $3, $4, $5)";
pub(super) const REMOVE_MEMBER: &str =
    "SELECT status, seq, id, uuid, client_id, created_at FROM remove_member($1, $2, $3)";
pub(super) const RENAME_GROUP: &str =
    "SELECT status, seq, id, uuid, client_id, created_at FROM rename_group($1, $2, $3)";
pub(super) const SET_ROLE: &str =
    "SELECT status, seq, id, uuid, client_id, created_at FROM set_role($1, $2, $3, $4)";
pub(super) const LEAVE_GROUP: &str =
    "SELECT status, seq, id, uuid, client_id, created_at FROM leave_group($1, $2)";
/// The groups of each user, and the dialogs that are recent: of all dialogs only those of yesterday and today are looked at.
/// Nobody needs their order, which makes the planner take the index by the day and never one that finds all of them.
pub(super) const CONVERSATIONS_OF: &str = "SELECT u.n, mine.* \
     FROM unnest($1::bigint[]) WITH ORDINALITY AS u (id, n) CROSS JOIN LATERAL ( \
         SELECT c.id, m.joined_seq, c.last_seq, true, coalesce(c.last_xid >= $2::bigint::text::xid8, false) \
         FROM members m JOIN conversations c ON c.id = m.conversation_id \
         WHERE m.user_id = u.id AND m.left_seq IS NULL AND m.joined_seq > 0 AND c.deleted_at IS NULL \
         UNION ALL \
         (SELECT c.id, 0, c.last_seq, false, true FROM conversations c \
         WHERE c.kind = 0 AND c.low_user = u.id AND c.deleted_at IS NULL \
             AND c.active_on >= (now() AT TIME ZONE 'UTC')::date - 1 AND c.last_xid >= $2::bigint::text::xid8 \
         ORDER BY c.active_on DESC) \
         UNION ALL \
         (SELECT c.id, 0, c.last_seq, false, true FROM conversations c \
         WHERE c.kind = 0 AND c.high_user = u.id AND c.low_user <> c.high_user AND c.deleted_at IS NULL \
             AND c.active_on >= (now() AT TIME ZONE 'UTC')::date - 1 AND c.last_xid >= $2::bigint::text::xid8 \
         ORDER BY c.active_on DESC)) mine";

/// A group that was asked for with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Founded {
    /// This call has created it; its first entry.
    Now(Entry),
    /// The same request has created it before; the place of its first entry.
    Before(ConversationId, Seq),
}

/// A user's part in a conversation, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The conversation.
    pub conversation: ConversationId,
    /// The user may see entries from here on.
    pub joined_seq: Seq,
    /// The log reached this far.
    pub last_seq: Seq,
    /// Whether it is a group, and not a dialog.
    pub is_group: bool,
    /// Whether its latest entry may not have been swept yet.
    pub is_recent: bool,
}

impl Store {
    /// The dialog of two users, if they have one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_dialog(
        &self,
        user: UserId,
        peer: UserId,
    ) -> Result<Option<ConversationId>, StoreError> {
        let (low, high) = (user.min(peer), user.max(peer));
        let rows = self.rows(FIND_DIALOG, &[&low.0, &high.0]).await?;
        rows.first().map(|row| Ok(ConversationId(row.try_get(0)?))).transpose()
    }

    /// The dialog of two users, begun by `user` if they have none.
    ///
    /// # Errors
    /// Outside the database's; inside the reason why not.
    pub async fn open_dialog(
        &self,
        user: UserId,
        peer: UserId,
        conversations: i64,
    ) -> Result<Result<ConversationId, GatewayError>, StoreError> {
        let row = self.row(OPEN_DIALOG, &[&user.0, &peer.0, &conversations]).await?;
        Ok(match row.try_get::<_, i16>(0)? {
            0 => Ok(ConversationId(row.try_get(1)?)),
            1 => Err(GatewayError::TooManyConversations),
            2 => Err(GatewayError::CannotWrite),
            3 => Err(GatewayError::BlockedByYou),
            _ => Err(GatewayError::Internal),
        })
    }

    /// Creates a group; the entry is its first.
    ///
    /// # Errors
    /// Outside the database's; inside [`GatewayError::TooManyConversations`].
    pub async fn create_group(
        &self,
        creator: UserId,
        name: &GroupName,
        conversations: i64,
    ) -> Result<Result<Entry, GatewayError>, StoreError> {
        let row = self.row(CREATE_GROUP, &[&creator.0, &name.as_str(), &conversations]).await?;
        if row.try_get::<_, i16>(0)? != 0 {
            return Ok(Err(GatewayError::TooManyConversations));
        }
        let group = ConversationId(row.try_get(6)?);
        entry(&row, group, EntryKind::GroupCreated, creator, Some(creator), name.as_str()).map(Ok)
    }

    /// Creates a group whose public name is `key`, once.
    ///
    /// # Errors
    /// Outside the database's; inside [`GatewayError::TooManyConversations`], [`GatewayError::IdempotencyConflict`].
    pub async fn create_group_once(
        &self,
        creator: UserId,
        key: Uuid,
        name: &GroupName,
        conversations: i64,
    ) -> Result<Result<Founded, GatewayError>, StoreError> {
        let row = self.row(CREATE_GROUP_ONCE, &[&creator.0, &key, &name.as_str(), &conversations]).await?;
        Ok(match row.try_get::<_, i16>(0)? {
            0 => {
                let (group, kind) = (ConversationId(row.try_get(6)?), EntryKind::GroupCreated);
                Ok(Founded::Now(entry(&row, group, kind, creator, Some(creator), name.as_str())?))
            }
            1 => Err(GatewayError::TooManyConversations),
            2 => Ok(Founded::Before(ConversationId(row.try_get(6)?), Seq(row.try_get(1)?))),
            3 => Err(GatewayError::IdempotencyConflict),
            _ => Err(GatewayError::Internal),
        })
    }

    /// Makes `user` a member, by the will of `actor`.
    ///
    /// # Errors
    /// Outside the database's; inside the reason why not.
    pub async fn add_member(
        &self,
        group: ConversationId,
        actor: UserId,
        user: UserId,
        members: i64,
        conversations: i64,
    ) -> Result<Result<Entry, GatewayError>, StoreError> {
        let row = self.row(ADD_MEMBER, &[&group.0, &actor.0, &user.0, &members, &conversations]).await?;
        Ok(match refusal(row.try_get(0)?) {
            Some(error) => Err(error),
            None => Ok(entry(&row, group, EntryKind::MemberAdded, actor, Some(user), "")?),
        })
    }

    /// Ends the membership of `user`, who is another one, by the will of `actor`.
    ///
    /// # Errors
    /// Outside the database's; inside the reason why not: [`GatewayError::UnknownUser`] when `user` is not a member.
    pub async fn remove_member(
        &self,
        group: ConversationId,
        actor: UserId,
        user: UserId,
    ) -> Result<Result<Entry, GatewayError>, StoreError> {
        let row = self.row(REMOVE_MEMBER, &[&group.0, &actor.0, &user.0]).await?;
        Ok(match denial(row.try_get(0)?) {
            Some(error) => Err(error),
            None => Ok(entry(&row, group, EntryKind::MemberRemoved, actor, Some(user), "")?),
        })
    }

    /// Gives a group another name, by the will of `actor`.
    ///
    /// # Errors
    /// Outside the database's; inside the reason why not.
    pub async fn rename_group(
        &self,
        group: ConversationId,
        actor: UserId,
        name: &GroupName,
    ) -> Result<Result<Entry, GatewayError>, StoreError> {
        let row = self.row(RENAME_GROUP, &[&group.0, &actor.0, &name.as_str()]).await?;
        Ok(match denial(row.try_get(0)?) {
            Some(error) => Err(error),
            None => Ok(entry(&row, group, EntryKind::GroupRenamed, actor, None, name.as_str())?),
        })
    }

    /// Gives `user` a role, by the will of `actor`.
    ///
    /// # Errors
    /// Outside the database's; inside the reason why not: [`GatewayError::UnknownUser`] when `user` is not a member.
    pub async fn set_role(
        &self,
        group: ConversationId,
        actor: UserId,
        user: UserId,
        role: Role,
    ) -> Result<Result<Entry, GatewayError>, StoreError> {
        let row = self.row(SET_ROLE, &[&group.0, &actor.0, &user.0, &(role as i16)]).await?;
        Ok(match denial(row.try_get(0)?) {
            Some(error) => Err(error),
            None => Ok(entry(&row, group, EntryKind::RoleChanged, actor, Some(user), role.name())?),
        })
    }

    /// Ends the user's membership.
    ///
    /// # Errors
    /// Outside the database's; inside the reason why not.
    pub async fn leave_group(
        &self,
        group: ConversationId,
        user: UserId,
    ) -> Result<Result<Entry, GatewayError>, StoreError> {
        let row = self.row(LEAVE_GROUP, &[&group.0, &user.0]).await?;
        Ok(match refusal(row.try_get(0)?) {
            Some(error) => Err(error),
            None => Ok(entry(&row, group, EntryKind::MemberLeft, user, Some(user), "")?),
        })
    }

    /// Of each user the groups that he is a member of, and the dialogs with entries of the transaction `since` or later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn conversations_of(
        &self,
        users: &[UserId],
        since: Xid,
    ) -> Result<Vec<Vec<Membership>>, StoreError> {
        let ids: Vec<_> = users.iter().map(|user| user.0).collect();
        let mut all: Vec<_> = users.iter().map(|_| Vec::new()).collect();
        for row in self.rows(CONVERSATIONS_OF, &[&ids, &since.0]).await? {
            let number = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
            let of_user = number.checked_sub(1).and_then(|index| all.get_mut(index));
            of_user.ok_or_else(StoreError::of_answer)?.push(Membership {
                conversation: ConversationId(row.try_get(1)?),
                joined_seq: Seq(row.try_get(2)?),
                last_seq: Seq(row.try_get(3)?),
                is_group: row.try_get(4)?,
                is_recent: row.try_get(5)?,
            });
        }
        Ok(all)
    }
}

/// Meaning of the status of `add_member` and `leave_group`.
fn refusal(status: i16) -> Option<GatewayError> {
    match status {
        0 => None,
        1 => Some(GatewayError::UnknownGroup),
        2 => Some(GatewayError::NotMember),
        3 => Some(GatewayError::AlreadyMember),
        4 => Some(GatewayError::GroupFull),
        5 => Some(GatewayError::TooManyConversations),
        6 => Some(GatewayError::CannotAdd),
        7 => Some(GatewayError::BlockedByYou),
        _ => Some(GatewayError::Internal),
    }
}

/// Meaning of the status of `remove_member`, `rename_group` and `set_role`.
fn denial(status: i16) -> Option<GatewayError> {
    match status {
        0 => None,
        1 => Some(GatewayError::UnknownGroup),
        2 => Some(GatewayError::NotMember),
        3 => Some(GatewayError::Forbidden),
        4 => Some(GatewayError::UnknownUser),
        _ => Some(GatewayError::Internal),
    }
}

fn entry(
    row: &Row,
    group: ConversationId,
    kind: EntryKind,
    sender: UserId,
    recipient: Option<UserId>,
    body: &str,
) -> Result<Entry, StoreError> {
    Ok(Entry {
        conversation: group,
        seq: Seq(row.try_get(1)?),
        id: EntryId(row.try_get(2)?),
        uuid: row.try_get::<_, Uuid>(3)?,
        kind,
        sender,
        recipient,
        client_id: row.try_get::<_, Uuid>(4)?,
        target: None,
        body: body.into(),
        created_at: row.try_get(5)?,
        deleted_at: None,
    })
}
