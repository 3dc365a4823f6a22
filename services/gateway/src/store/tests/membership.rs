use futures_util::future::join_all;

use super::*;
use crate::domain::entry::EntryKind;
use crate::domain::error::GatewayError;
use crate::domain::reply::Role;

pub(super) use crate::store::groups::{CREATE_GROUP_ONCE, REMOVE_MEMBER, RENAME_GROUP, SET_ROLE};

fn name(text: &str) -> GroupName {
    GroupName::parse(text).unwrap()
}

impl Fixture {
    async fn make_admin(&self, group: ConversationId, user: i64) {
        let client = self.database.connect("messaging").await;
        let sql = "UPDATE members SET role = 1 WHERE conversation_id = $1 AND user_id = $2";
        assert_eq!(client.execute(sql, &[&group.0, &user]).await.unwrap(), 1);
    }

    async fn remove(&self, group: ConversationId, actor: i64, user: i64) -> Result<Seq, GatewayError> {
        let removed = self.store.remove_member(group, UserId(actor), UserId(user)).await.unwrap();
        removed.map(|entry| entry.seq)
    }
}

#[tokio::test]
async fn owner_and_admins_remove_members() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2, 3, 4]).await;
    fixture.make_admin(group, 2).await;
    assert_eq!(fixture.remove(group, 3, 4).await, Err(GatewayError::Forbidden), "a member");
    assert_eq!(fixture.remove(group, 2, 1).await, Err(GatewayError::Forbidden), "the owner stays");
    assert_eq!(fixture.remove(group, 1, 1).await, Err(GatewayError::Forbidden), "nobody removes himself");
    assert_eq!(fixture.remove(group, 2, 2).await, Err(GatewayError::Forbidden));
    assert_eq!(fixture.remove(group, 1, 9).await, Err(GatewayError::UnknownUser));
    assert_eq!(fixture.remove(group, 9, 3).await, Err(GatewayError::NotMember));
    let dialog = fixture.dialog(1, 2).await;
    for nowhere in [ConversationId(999), dialog] {
        assert_eq!(fixture.remove(nowhere, 1, 2).await, Err(GatewayError::UnknownGroup));
    }
    assert_eq!(fixture.seqs(group).await, [1, 2, 3, 4], "nothing was written");

    let removed = fixture.store.remove_member(group, UserId(2), UserId(3)).await.unwrap().unwrap();
    assert_eq!((removed.kind, removed.seq), (EntryKind::MemberRemoved, Seq(5)));
    assert_eq!((removed.sender, removed.recipient), (UserId(2), Some(UserId(3))));
    let logged = fixture.store.entries_between(group, Seq(4), Seq(9), 9).await.unwrap();
    assert_eq!(logged[0].entry.as_ref(), Some(&removed));
    assert_eq!(fixture.remove(group, 2, 3).await, Err(GatewayError::UnknownUser), "gone already");
    assert_eq!(fixture.remove(group, 3, 4).await, Err(GatewayError::NotMember));
    assert_eq!(fixture.remove(group, 1, 2).await, Ok(Seq(6)), "an admin, too");
    assert_eq!(fixture.send(&[message(group, 3, None, "still here?")]).await, [Outcome::NotMember]);
}

#[tokio::test]
async fn a_group_always_has_one_owner_who_gives_the_roles() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2, 3]).await;
    let set = async |actor, user, role| {
        let set = fixture.store.set_role(group, UserId(actor), UserId(user), role).await.unwrap();
        set.map(|entry| entry.seq.0)
    };
    let client = fixture.database.connect("messaging").await;
    let roles = async || -> Vec<i16> {
        let sql = "SELECT role FROM members WHERE conversation_id = $1 ORDER BY user_id";
        client.query(sql, &[&group.0]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(set(1, 2, Role::Admin).await, Ok(4));
    assert_eq!(roles().await, [2, 1, 0]);
    assert_eq!(set(2, 3, Role::Admin).await, Err(GatewayError::Forbidden));
    assert_eq!(set(1, 1, Role::Member).await, Err(GatewayError::Forbidden), "the owner stays one");
    let handed = fixture.store.set_role(group, UserId(1), UserId(3), Role::Owner).await.unwrap().unwrap();
    assert_eq!(
        (handed.kind, &*handed.body, handed.recipient),
        (EntryKind::RoleChanged, "owner", Some(UserId(3)))
    );
    let logged = fixture.store.entries_between(group, Seq(4), Seq(9), 9).await.unwrap();
    assert_eq!(logged[0].entry.as_ref(), Some(&handed));
    assert_eq!(roles().await, [1, 1, 2]);
    assert_eq!(set(1, 2, Role::Member).await, Err(GatewayError::Forbidden), "not any more");
    assert_eq!(set(3, 2, Role::Member).await, Ok(6));
    assert_eq!(set(3, 9, Role::Admin).await, Err(GatewayError::UnknownUser));
    assert_eq!(roles().await, [1, 0, 2]);
}

/// An admin who was removed and comes back is a member like any other.
#[tokio::test]
async fn a_rank_ends_with_the_membership() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2, 3]).await;
    fixture.make_admin(group, 2).await;
    fixture.remove(group, 1, 2).await.unwrap();
    fixture.store.add_member(group, UserId(3), UserId(2), MANY, MANY).await.unwrap().unwrap();
    assert_eq!(fixture.remove(group, 2, 3).await, Err(GatewayError::Forbidden));
}

#[tokio::test]
async fn owner_and_admins_rename() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2, 3]).await;
    fixture.make_admin(group, 2).await;
    let rename = async |group, actor, to: &str| {
        fixture.store.rename_group(group, UserId(actor), &name(to)).await.unwrap()
    };
    assert_eq!(rename(group, 3, "x").await.map(drop), Err(GatewayError::Forbidden));
    assert_eq!(rename(group, 9, "x").await.map(drop), Err(GatewayError::NotMember));
    assert_eq!(rename(ConversationId(999), 1, "x").await.map(drop), Err(GatewayError::UnknownGroup));
    let entry = rename(group, 2, "better").await.unwrap();
    assert_eq!((entry.kind, entry.seq, &*entry.body), (EntryKind::GroupRenamed, Seq(4), "better"));
    assert_eq!((entry.sender, entry.recipient), (UserId(2), None));
    let logged = fixture.store.entries_between(group, Seq(3), Seq(9), 9).await.unwrap();
    assert_eq!(logged[0].entry.as_ref(), Some(&entry));
    fixture.send(&[message(group, 1, None, "Hi")]).await;
    let chats = fixture.store.chats(UserId(3), page(10, 1)).await.unwrap();
    assert_eq!(chats[0].group_name.as_deref(), Some("better"));
}

#[tokio::test]
async fn the_same_request_for_a_group_is_the_same_group() {
    let fixture = fixture().await;
    let key = Uuid::new_v4();
    let create = async |creator, key, text: &str, limit| {
        fixture.store.create_group_once(UserId(creator), key, &name(text), limit).await.unwrap()
    };
    let Ok(Founded::Now(entry)) = create(1, key, "g", 1).await else { panic!("created") };
    assert_eq!((entry.kind, entry.seq, entry.recipient), (EntryKind::GroupCreated, Seq(1), Some(UserId(1))));
    let group = entry.conversation;
    let before = Ok(Founded::Before(group, Seq(1)));
    assert_eq!(create(1, key, "g", 1).await, before, "although there is no room for another one");
    assert_eq!(create(1, Uuid::new_v4(), "g", 1).await, Err(GatewayError::TooManyConversations));
    fixture.store.rename_group(group, UserId(1), &name("other")).await.unwrap().unwrap();
    assert_eq!(create(1, key, "g", 9).await, before, "whatever it is called now");
    assert_eq!(create(1, key, "other", 9).await, Err(GatewayError::IdempotencyConflict));
    assert_eq!(create(2, key, "g", 9).await, Err(GatewayError::IdempotencyConflict));

    fixture.dialog(1, 2).await;
    let client = fixture.database.connect("messaging").await;
    let dialog: Uuid =
        client.query_one("SELECT uuid FROM conversations WHERE kind = 0", &[]).await.unwrap().get(0);
    assert_eq!(create(1, dialog, "g", 9).await, Err(GatewayError::IdempotencyConflict), "a dialog's name");
    assert_eq!(fixture.seqs(group).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_equal_requests_creates_the_group() {
    let fixture = fixture().await;
    let key = Uuid::new_v4();
    let create = async |creator| {
        fixture.store.create_group_once(UserId(creator), key, &name("g"), MANY).await.unwrap()
    };
    let (own, others) = tokio::join!(join_all((0..6).map(|_| create(1))), join_all((2..5).map(create)));
    let answers: Vec<_> = own.into_iter().chain(others).collect();
    let created = answers.iter().filter(|answer| matches!(answer, Ok(Founded::Now(_)))).count();
    assert_eq!(created, 1, "{answers:?}");
    let refused = answers.iter().filter(|answer| matches!(answer, Err(GatewayError::IdempotencyConflict)));
    let again = answers.iter().filter(|answer| matches!(answer, Ok(Founded::Before(..))));
    assert!(matches!((again.count(), refused.count()), (5, 3) | (0, 8)), "{answers:?}");
    let client = fixture.database.connect("messaging").await;
    let count = client.query_one("SELECT count(*) FROM conversations", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 1);
}

/// What the removed one wrote stands before the removal, whatever ran beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_follows_a_removal() {
    let fixture = fixture().await;
    let group = fixture.group(&[1, 2]).await;
    let write = async {
        let mut stored = Vec::new();
        loop {
            match fixture.send(&[message(group, 2, None, "x")]).await[0] {
                Outcome::Stored { seq, .. } => stored.push(seq),
                Outcome::NotMember if stored.len() > 3 => break stored,
                outcome => panic!("{outcome:?}"),
            }
        }
    };
    let remove = async {
        while fixture.seqs(group).await.len() < 8 {
            tokio::task::yield_now().await;
        }
        fixture.remove(group, 1, 2).await.unwrap()
    };
    let (stored, removed) = tokio::join!(write, remove);
    assert!(stored.iter().all(|seq| *seq < removed));
    assert_eq!(fixture.seqs(group).await, (1..=removed.0).collect::<Vec<_>>());
}
