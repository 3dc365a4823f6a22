//! Every example of the documented system, as text: the order of the keys is part of it.

use super::*;
use crate::domain::command::{Command, Destination, Send};
use crate::domain::content::{Content, GroupName};
use crate::domain::page::Page;
use crate::domain::reply::{Chat, ChatPlace, DialogMessage, GroupMessage, Receipt};

const LIST: &str = r#"{ "type": "listLastMessage", "params": { "limit": 5, "page": 1 } }"#;
const DIALOG: &str =
    r#"{ "type": "getlatestMessageDialog", "params": { "receiverId":1, "limit": 5, "page": 1 } }"#;
const GROUP: &str =
    r#"{ "type": "getlatestMessageGroup", "params": { "groupId": 1, "limit": 5, "page": 1 } }"#;
const NEW_GROUP: &str = r#"{ "type": "newGroup", "params": { "groupName": "new name" } }"#;
const ADD: &str = r#"{ "type": "addUserInGroup", "params": { "groupId": 1, "userId": 1 } }"#;
const LEAVE: &str = r#"{ "type": "leaveGroup", "params": { "groupId": 1 } }"#;
const SEND_GROUP: &str = r#"{ "type": "messageInGroup", "params": { "groupId": 1, "content": "lol" } }"#;
const SEND: &str = r#"{ "type": "privateMessage", "params": { "receiverId": 2, "content":"Hi" } }"#;

/// A documented frame without its layout.
fn compact(text: &str) -> String {
    text.lines().map(str::trim).collect::<String>().replace("\": ", "\":")
}

#[test]
fn requests() {
    let page = Page::new(5, 1).unwrap();
    let content = |text| Content::parse(text, 10).unwrap();
    let group = ConversationId(1);
    for (frame, kind, command) in [
        (LIST, "listLastMessage", Command::ListChats(page)),
        (DIALOG, "getlatestMessageDialog", Command::DialogHistory { peer: UserId(1), page }),
        (GROUP, "getlatestMessageGroup", Command::GroupHistory { group, page }),
        (
            NEW_GROUP,
            "newGroup",
            Command::CreateGroup { name: GroupName::parse("new name").unwrap(), key: None },
        ),
        (ADD, "addUserInGroup", Command::AddMember { group, user: UserId(1) }),
        (LEAVE, "leaveGroup", Command::LeaveGroup { group }),
        (
            SEND_GROUP,
            "messageInGroup",
            Command::Send(Send {
                to: Destination::Group(group),
                content: content("lol"),
                client_id: None,
                reply_to: None,
            }),
        ),
        (
            SEND,
            "privateMessage",
            Command::Send(Send {
                to: Destination::User(UserId(2)),
                content: content("Hi"),
                client_id: None,
                reply_to: None,
            }),
        ),
    ] {
        let request = decode(frame);
        assert_eq!((request.tag.kind(), request.command), (kind, Ok(command)));
    }
}

#[test]
fn chats() {
    let at = time("2023-07-28T13:20:09.896Z");
    let chat = |place| Chat {
        id: EntryId(65),
        sender: UserId(2),
        sender_name: name("Patrick1"),
        place,
        content: "Hi".into(),
        created_at: at,
        updated_at: at,
        deleted_at: None,
    };
    let dialog = chat(ChatPlace::User { id: UserId(1), name: name("Patrick0") });
    let group =
        Chat { sender_name: None, ..chat(ChatPlace::Group { id: ConversationId(3), name: "crew".into() }) };
    let expected = compact(
        r#"{
        "type": "listLastMessage",
        "success": true,
        "params": {
            "data": [
                {
                    "id": 65,
                    "senderId": 2,
                    "senderName": "Patrick1",
                    "receiverId": 1,
                    "receiverName": "Patrick0",
                    "groupId": null,
                    "groupName": null,
                    "content": "Hi",
                    "createdAt": "2023-07-28T13:20:09.896Z",
                    "updatedAt": "2023-07-28T13:20:09.896Z",
                    "deletedAt": null
                },
                {
                    "id": 65,
                    "senderId": 2,
                    "senderName": null,
                    "receiverId": null,
                    "receiverName": null,
                    "groupId": 3,
                    "groupName": "crew",
                    "content": "Hi",
                    "createdAt": "2023-07-28T13:20:09.896Z",
                    "updatedAt": "2023-07-28T13:20:09.896Z",
                    "deletedAt": null
                }
            ],
            "message": null,
            "senderName": null
        }
    }"#,
    );
    assert_eq!(reply(LIST, &Ok(Reply::Chats(vec![dialog.clone(), group]))), expected);
    let removed = Chat { content: "".into(), deleted_at: Some(at), ..dialog };
    let frame = reply(LIST, &Ok(Reply::Chats(vec![removed])));
    assert!(
        frame.contains(r#""content":"","#) && frame.contains(r#""deletedAt":"2023-07-28T13:20:09.896Z"}"#),
        "{frame}"
    );
}

#[test]
fn dialog_history() {
    let row = DialogMessage {
        id: EntryId(1),
        seq: Seq(1),
        sender: UserId(1),
        receiver: UserId(2),
        receiver_name: name("Patrick1"),
        content: "Message from 1".into(),
        created_at: time("2023-07-18T17:16:10.669Z"),
    };
    let expected = compact(
        r#"{
        "type": "getlatestMessageDialog",
        "success": true,
        "params": {
            "data": [
                {
                    "sender_id": 1,
                    "receiver_id": 2,
                    "receverName": "Patrick1",
                    "content": "Message from 1",
                    "created_at": "2023-07-18T17:16:10.669Z"
                }
            ],
            "message": null,
            "senderName": null
        }
    }"#,
    );
    assert_eq!(reply(DIALOG, &Ok(Reply::DialogHistory(vec![row]))), expected);
}

#[test]
fn group_history() {
    let row = GroupMessage {
        id: EntryId(1),
        seq: Seq(1),
        sender: UserId(8),
        sender_name: name("Patrick7"),
        group: ConversationId(1),
        content: "Message from 8".into(),
        created_at: time("2023-07-18T17:16:10.612Z"),
    };
    let expected = compact(
        r#"{
        "type": "getlatestMessageGroup",
        "success": true,
        "params": {
            "data": [
                {
                    "sender_id": 8,
                    "senderName": "Patrick7",
                    "group_id": 1,
                    "created_at": "2023-07-18T17:16:10.612Z",
                    "content": "Message from 8"
                }
            ],
            "message": null,
            "senderName": null
        }
    }"#,
    );
    assert_eq!(reply(GROUP, &Ok(Reply::GroupHistory(vec![row]))), expected);
    let empty = r#"{"type":"getlatestMessageGroup","success":true,"params":{"data":[],"message":null,"senderName":null}}"#;
    assert_eq!(reply(GROUP, &Ok(Reply::GroupHistory(Vec::new()))), empty);
}

#[test]
fn answers_without_data() {
    let receipt = Receipt {
        conversation: ConversationId(1),
        id: EntryId(65),
        seq: Seq(3),
        created_at: time("2023-07-28T13:20:09Z"),
        duplicate: true,
    };
    let sent = |to| Ok(Reply::Sent { to, receipt });
    let stored = r#","messageId":65,"seq":3,"createdAt":"2023-07-28T13:20:09.000Z""#;
    for (request, outcome, kind, added) in [
        (NEW_GROUP, Ok(Reply::GroupCreated(ConversationId(9), Seq(1))), "newGroup", r#","groupId":9"#),
        (ADD, Ok(Reply::Changed(Seq(2))), "addUserInGroup", ""),
        (LEAVE, Ok(Reply::Changed(Seq(3))), "leaveGroup", ""),
        (SEND_GROUP, sent(Destination::Group(ConversationId(1))), "messageInGroup", stored),
        (SEND, sent(Destination::User(UserId(2))), "privateMessage", stored),
    ] {
        let nulls = r#""data":null,"message":null,"senderName":null"#;
        let expected = format!(r#"{{"type":"{kind}","success":true,"params":{{{nulls}{added}}}}}"#);
        assert_eq!(reply(request, &outcome), expected);
    }
}

#[test]
fn an_error() {
    let documented =
        r#"{"error":true,"type":"addUserInGroup","message":"User is not a member of this group""#;
    let added = r#","code":"not_a_member"}"#;
    assert_eq!(reply(ADD, &Err(GatewayError::NotMember)), format!("{documented}{added}"));
}

#[test]
fn pushes() {
    let check = |event: &Event, kind: &str, message: &str, added: &str| {
        let params = format!(r#""data":null,"message":"{message}","senderName":"Patrick1""#);
        let added =
            format!(r#""messageId":65,"seq":3,"senderId":2,{added},"createdAt":"2023-07-28T13:20:09.896Z""#);
        let expected = format!(r#"{{"type":"{kind}","success":true,"params":{{{params},{added}}}}}"#);
        assert_eq!(Dialect::Seed.event(event).unwrap(), expected);
    };
    let message = EntryKind::Message;
    check(&event(message, Some(1), "Hi"), "privateMessage", "Hi", r#""receiverId":1"#);
    check(&event(message, None, "lol"), "messageInGroup", "lol", r#""groupId":7"#);
    let added = event(EntryKind::MemberAdded, Some(5), "");
    let notice = "User #p1@mail.com added in group.";
    check(&added, "addUserInGroup", notice, r#""groupId":7,"userId":5"#);
    let left = event(EntryKind::MemberLeft, Some(2), "");
    check(&left, "leaveGroup", "User p1@mail.com has left the group.", r#""groupId":7,"userId":2"#);
    let removed = event(EntryKind::MemberRemoved, Some(5), "");
    check(&removed, "leaveGroup", "User p5@mail.com has left the group.", r#""groupId":7,"userId":5"#);
    for silent in
        [event(EntryKind::GroupCreated, Some(2), "crew"), event(EntryKind::GroupRenamed, None, "band")]
    {
        assert_eq!(Dialect::Seed.event(&silent), None);
    }
}

#[test]
fn a_removed_user_is_named_deleted() {
    for (kind, notice) in [
        (EntryKind::MemberRemoved, "User deleted has left the group."),
        (EntryKind::MemberAdded, "User #deleted added in group."),
        (EntryKind::MemberLeft, "User deleted has left the group."),
    ] {
        let push =
            Event { author: Author::default(), subject: Author::default(), ..event(kind, Some(2), "") };
        let params = parse(&Dialect::Seed.event(&push).unwrap())["params"].clone();
        assert_eq!((&params["message"], &params["senderName"]), (&notice.into(), &Value::Null));
    }
}
