use super::*;
use crate::domain::entry::EntryKind;
use crate::domain::reply::Role;

impl Fixture {
    async fn blocks(&self, user: i64, other: i64) -> Result<Reply, GatewayError> {
        self.ask(user, Command::BlockUser { user: UserId(other) }).await
    }

    async fn unblocks(&self, user: i64, other: i64) {
        self.ask(user, Command::UnblockUser { user: UserId(other) }).await.unwrap();
    }

    async fn writes(&self, user: i64, other: i64) -> Result<(), GatewayError> {
        self.send(user, Destination::User(UserId(other)), "x").await.map(drop)
    }

    /// Ids and names of a page, and where the next one begins.
    async fn blocked(
        &self,
        user: i64,
        rows: i64,
        after: Option<UserId>,
    ) -> (Vec<(i64, String)>, Option<i64>) {
        match self.ask(user, Command::ListBlocked { limit: limit(rows), after }).await {
            Ok(Reply::Blocked { rows, next }) => {
                let named = rows.iter().map(|row| (row.user.0, row.name.as_deref().unwrap_or("").to_owned()));
                (named.collect(), next.map(|user| user.0))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn neither_writes_to_the_other_and_nobody_is_told() {
    let fixture = fixture().await;
    fixture.dialog(1, 2, 1, "x").await;
    let before = fixture.rung();
    assert_eq!(fixture.blocks(2, 1).await, Ok(Reply::BlockChanged(UserId(1))));
    assert_eq!(fixture.writes(1, 2).await, Err(GatewayError::CannotWrite));
    assert_eq!(fixture.writes(2, 1).await, Err(GatewayError::BlockedByYou));
    assert_eq!(fixture.rung(), before);
    let text = GatewayError::CannotWrite.to_string();
    assert!(!text.contains("block"), "{text}");
    fixture.unblocks(2, 1).await;
    assert_eq!((fixture.writes(1, 2).await, fixture.writes(2, 1).await), (Ok(()), Ok(())));
}

/// Strangers, too: and no empty dialog is left behind.
#[tokio::test]
async fn a_block_comes_before_the_first_message() {
    let fixture = fixture().await;
    fixture.blocks(2, 1).await.unwrap();
    assert_eq!(fixture.writes(1, 2).await, Err(GatewayError::CannotWrite));
    assert_eq!(fixture.messenger.store.find_dialog(UserId(1), UserId(2)).await, Ok(None));
    fixture.unblocks(2, 1).await;
    assert_eq!(fixture.writes(1, 2).await, Ok(()));
}

#[tokio::test]
async fn a_message_that_was_stored_before_the_block_gets_its_first_answer_again() {
    let fixture = fixture().await;
    let content = Content::parse("x", 9).unwrap();
    let send = Send {
        to: Destination::User(UserId(2)),
        content,
        client_id: Some(uuid::Uuid::from_u128(7)),
        reply_to: None,
    };
    let sent = async || match fixture.ask(1, Command::Send(send.clone())).await {
        Ok(Reply::Sent { receipt, .. }) => receipt,
        other => panic!("{other:?}"),
    };
    let first = sent().await;
    fixture.blocks(2, 1).await.unwrap();
    assert_eq!(sent().await, Receipt { duplicate: true, ..first });
}

#[tokio::test]
async fn only_users_are_blocked_and_never_oneself() {
    let fixture = fixture().await;
    assert!(matches!(fixture.blocks(1, 1).await, Err(GatewayError::Invalid { field: "userId", .. })));
    assert_eq!(fixture.blocks(1, 77).await, Err(GatewayError::UnknownUser));
    for other in [4, 3, 2] {
        fixture.blocks(1, other).await.unwrap();
    }
    assert_eq!(fixture.blocks(1, 5).await, Err(GatewayError::TooManyBlocked));
    let named = |id, name: &str| (id, name.to_owned());
    let (page, next) = fixture.blocked(1, 2, None).await;
    assert_eq!((page, next), (vec![named(2, "Bob"), named(3, "Cid")], Some(3)));
    assert_eq!(fixture.blocked(1, 2, Some(UserId(3))).await, (vec![named(4, "Dan")], None));
    assert_eq!(fixture.blocked(2, 2, None).await, (Vec::new(), None), "who is blocked is not told");
    fixture.directory.put(Profile { id: UserId(3), name: None, email: None, removed: true });
    fixture.unblocks(1, 3).await;
    assert_eq!(fixture.blocked(1, 9, None).await.0, [named(2, "Bob"), named(4, "Dan")]);
}

#[tokio::test]
async fn of_several_who_are_added_the_blocked_ones_are_refused_alone() {
    let fixture = fixture().await;
    let group = fixture.group(&[1]).await;
    fixture.blocks(2, 1).await.unwrap();
    fixture.blocks(1, 3).await.unwrap();
    let users = vec![UserId(2), UserId(3), UserId(4)];
    let expected = vec![
        (UserId(2), Err(GatewayError::CannotAdd)),
        (UserId(3), Err(GatewayError::BlockedByYou)),
        (UserId(4), Ok(Seq(2))),
    ];
    let added = fixture.ask(1, Command::AddMembers { group, users }).await;
    assert_eq!(added, Ok(Reply::MembersAdded(expected)));
}

#[tokio::test]
async fn a_role_is_told_to_the_group_with_names() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2]).await;
    let set = async |actor, user, role| {
        fixture.ask(actor, Command::SetRole { group, user: UserId(user), role }).await
    };
    assert_eq!(set(1, 2, Role::Admin).await, Ok(Reply::Changed(Seq(3))));
    let told = fixture.bus.events.lock().unwrap().last().cloned().unwrap();
    let names = (told.author.name.as_deref(), told.subject.name.as_deref());
    assert_eq!(
        (told.entry.kind, &*told.entry.body, names),
        (EntryKind::RoleChanged, "admin", (Some("Ann"), Some("Bob")))
    );
    assert!(matches!(set(1, 1, Role::Member).await, Err(GatewayError::Invalid { field: "userId", .. })));
    assert_eq!(set(1, 2, Role::Owner).await, Ok(Reply::Changed(Seq(4))));
    assert_eq!(set(1, 2, Role::Member).await, Err(GatewayError::Forbidden), "handed over");
}
