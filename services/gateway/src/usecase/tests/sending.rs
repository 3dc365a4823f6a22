use super::*;
use crate::directory::Profile;

#[tokio::test]
async fn a_conversation_is_written_to_by_its_number() {
    let fixture = fixture().await;
    let (dialog, oneself) = (fixture.dialog(1, 2, 1, "x").await, fixture.dialog(1, 1, 1, "x").await);
    let group = fixture.group(&[1, 2]).await;
    let send = async |user, conversation| {
        fixture.send(user, Destination::Conversation(conversation), "y").await.map(|receipt| receipt.seq.0)
    };
    assert_eq!((send(2, dialog).await, send(1, dialog).await), (Ok(2), Ok(3)));
    assert_eq!(send(1, oneself).await, Ok(2));
    assert_eq!((send(2, group).await, send(1, group).await), (Ok(3), Ok(4)));
    let recipients: Vec<_> = {
        let events = fixture.bus.events.lock().unwrap();
        events.iter().rev().take(5).map(|event| event.entry.recipient.map(|user| user.0)).collect()
    };
    assert_eq!(recipients, [None, None, Some(1), Some(2), Some(1)]);
    for (user, place) in [(3, dialog), (3, oneself), (3, group), (1, ConversationId(99))] {
        assert_eq!(send(user, place).await, Err(GatewayError::NotFound), "{user} to {place}");
        assert_eq!(send(user, place).await, Err(GatewayError::NotFound), "{user} to {place}, from the cache");
    }
    fixture.ask(2, Command::LeaveGroup { group }).await.unwrap();
    assert_eq!(send(2, group).await, Err(GatewayError::NotFound));
}

#[tokio::test]
async fn who_is_gone_gets_nothing_new() {
    let fixture = fixture().await;
    let dialog = fixture.dialog(1, 2, 1, "x").await;
    fixture.directory.put(Profile { id: UserId(2), name: None, email: None, removed: true });
    for to in [Destination::Conversation(dialog), Destination::User(UserId(2))] {
        assert_eq!(fixture.send(1, to, "y").await, Err(GatewayError::UnknownUser));
    }
}

/// The requests of the documented dialect tell the two apart, as they always have.
#[tokio::test]
async fn a_group_that_is_named_as_one_keeps_its_errors() {
    let fixture = fixture().await;
    let group = fixture.group(&[1]).await;
    let send = async |group| fixture.send(2, Destination::Group(group), "y").await;
    assert_eq!(send(group).await, Err(GatewayError::NotMember));
    assert_eq!(send(ConversationId(99)).await, Err(GatewayError::UnknownGroup));
}
