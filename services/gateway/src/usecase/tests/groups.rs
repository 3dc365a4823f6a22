use super::*;
use crate::domain::entry::EntryKind;

#[tokio::test]
async fn members_are_added_each_on_their_own() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2]).await;
    let add = async |actor, users: &[i64]| {
        let users = users.iter().map(|user| UserId(*user)).collect();
        fixture.ask(actor, Command::AddMembers { group, users }).await
    };
    let expected = [
        (UserId(3), Ok(Seq(3))),
        (UserId(2), Err(GatewayError::AlreadyMember)),
        (UserId(77), Err(GatewayError::UnknownUser)),
        (UserId(4), Ok(Seq(4))),
        (UserId(5), Ok(Seq(5))),
        (UserId(6), Err(GatewayError::GroupFull)),
    ];
    assert_eq!(add(1, &[3, 2, 77, 4, 5, 6]).await, Ok(Reply::MembersAdded(expected.to_vec())));
    let told = fixture.bus.events.lock().unwrap().last().cloned().unwrap();
    let names = (told.author.name.as_deref(), told.subject.name.as_deref());
    assert_eq!((told.entry.kind, names), (EntryKind::MemberAdded, (Some("Ann"), Some("Eve"))));
    assert_eq!(add(6, &[77, 1]).await, Err(GatewayError::NotFound), "none of the caller's");
    let nowhere = Command::AddMembers { group: ConversationId(99), users: vec![UserId(2)] };
    assert_eq!(fixture.ask(1, nowhere).await, Err(GatewayError::NotFound));
    fixture.directory.set_available(false);
    assert_eq!(add(1, &[6]).await, Err(GatewayError::Unavailable));
}

#[tokio::test]
async fn a_member_is_removed_with_or_without_accounts() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2, 3, 4]).await;
    let remove =
        async |actor, user| fixture.ask(actor, Command::RemoveMember { group, user: UserId(user) }).await;
    assert!(matches!(remove(1, 1).await, Err(GatewayError::Invalid { field: "userId", .. })));
    assert_eq!(remove(2, 3).await, Err(GatewayError::Forbidden));
    assert_eq!(remove(5, 3).await, Err(GatewayError::NotFound));
    assert_eq!(remove(1, 5).await, Err(GatewayError::UnknownUser));
    let before = fixture.rung();
    assert_eq!(remove(1, 3).await, Ok(Reply::Changed(Seq(5))));
    fixture.directory.set_available(false);
    assert_eq!(remove(1, 4).await, Ok(Reply::Changed(Seq(6))));
    let events = fixture.bus.events.lock().unwrap();
    let told: Vec<_> = events[before..].iter().map(|it| (it.entry.kind, it.subject.name.clone())).collect();
    let removed = |name: &str| (EntryKind::MemberRemoved, Some(name.into()));
    assert_eq!(told, [removed("Cid"), removed("Dan")]);
}

#[tokio::test]
async fn a_group_is_renamed_by_its_owner() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2]).await;
    let rename = async |actor| fixture.ask(actor, Command::RenameGroup { group, name: name("h") }).await;
    assert_eq!(rename(2).await, Err(GatewayError::Forbidden));
    assert_eq!(rename(3).await, Err(GatewayError::NotFound));
    assert_eq!(rename(1).await, Ok(Reply::Changed(Seq(3))));
    let told = fixture.bus.events.lock().unwrap().last().cloned().unwrap();
    assert_eq!((told.entry.kind, &*told.entry.body), (EntryKind::GroupRenamed, "h"));
}

#[tokio::test]
async fn a_group_that_is_asked_for_twice_is_told_of_once() {
    let fixture = fixture().await;
    let create = async |text| {
        let key = Some(uuid::Uuid::from_u128(7));
        fixture.ask(1, Command::CreateGroup { name: name(text), key }).await
    };
    let first = create("g").await;
    assert!(matches!(first, Ok(Reply::GroupCreated(_, Seq(1)))));
    assert_eq!(create("g").await, first);
    assert_eq!(create("other").await, Err(GatewayError::IdempotencyConflict));
    assert_eq!(fixture.rung(), 1);
}

/// Seed clients ask to leave with the same command; what they are told is documented.
#[tokio::test]
async fn leaving_keeps_its_errors() {
    let fixture = fixture().await;
    let group = fixture.group(&[1]).await;
    assert_eq!(fixture.ask(2, Command::LeaveGroup { group }).await, Err(GatewayError::NotMember));
    let nowhere = Command::LeaveGroup { group: ConversationId(99) };
    assert_eq!(fixture.ask(2, nowhere).await, Err(GatewayError::UnknownGroup));
}
