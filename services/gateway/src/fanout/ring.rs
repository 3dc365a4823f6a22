//! Events as rings and back.

use std::sync::Arc;

use jiff::Timestamp;
use messenger_proto::gateway;
use uuid::Uuid;

use crate::domain::command::{Mark, MarkKind};
use crate::domain::entry::{Entry, EntryKind, Head};
use crate::domain::event::{Audience, Author, Event, Watermark};
use crate::domain::ids::{ConversationId, EntryId, Seq, UserId};

/// Bytes of a body that travel inline; a larger one is read from the log by whoever needs it.
const INLINE_BODY: usize = 8 * 1024;

/// Who rings: all that is read of a process's own rings, which are about half of those that it hears.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Origin {
    /// As in [`gateway::Ring`].
    #[prost(fixed64, tag = "7")]
    pub(super) origin: u64,
}

/// A ring for a committed event.
pub(super) fn to_ring(event: &Event, trace: Option<&str>, origin: u64) -> gateway::Ring {
    let entry = &event.entry;
    let inline = entry.body.len() <= INLINE_BODY;
    let entry_part = gateway::Entry {
        id: entry.id.0,
        uuid: entry.uuid.as_bytes().to_vec(),
        kind: i32::from(entry.kind as i16),
        sender_id: entry.sender.0,
        recipient_id: entry.recipient.map(|user| user.0),
        client_id: entry.client_id.as_bytes().to_vec(),
        body: if inline { entry.body.to_string() } else { String::new() },
        body_omitted: !inline,
        created_at_us: entry.created_at.as_microsecond(),
        sender_name: event.author.name.as_deref().map(str::to_owned),
        sender_email: membership_email(event, &event.author),
        target_seq: entry.target.map(|seq| seq.0),
        recipient_name: event.subject.name.as_deref().map(str::to_owned),
        recipient_email: membership_email(event, &event.subject),
    };
    gateway::Ring {
        conversation_id: entry.conversation.0,
        seq: entry.seq.0,
        entry: Some(entry_part),
        traceparent: trace.unwrap_or_default().to_owned(),
        origin,
        ..gateway::Ring::default()
    }
}

/// The e-mail travels only where a documented notice spells it out.
fn membership_email(event: &Event, author: &Author) -> Option<String> {
    author.email.as_deref().filter(|_| event.entry.kind.is_membership()).map(str::to_owned)
}

/// A ring for a watermark. To a gateway of an earlier version it says that the log reaches that far, which is true.
pub(super) fn watermark_to_ring(watermark: &Watermark, origin: u64) -> gateway::Ring {
    let Watermark { user, mark, audience } = *watermark;
    let part = gateway::Watermark {
        user_id: user.0,
        kind: match mark.kind {
            MarkKind::Delivered => gateway::watermark::Kind::Delivered.into(),
            MarkKind::Read => gateway::watermark::Kind::Read.into(),
        },
        peer_id: if let Audience::Peer(peer) = audience { Some(peer.0) } else { None },
        members: audience == Audience::Members,
    };
    gateway::Ring {
        conversation_id: mark.conversation.0,
        seq: mark.seq.0,
        watermark: Some(part),
        origin,
        ..gateway::Ring::default()
    }
}

/// What a ring says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rung {
    /// The whole entry.
    Event(Event),
    /// A member's watermark has moved.
    Watermark(Watermark),
    /// That there is one: its body is too large to travel, or a newer version wrote what this one cannot read.
    Head(Head),
}

/// Reads a ring.
pub fn from_ring(ring: gateway::Ring) -> Rung {
    if let Some(watermark) = watermark(&ring) {
        return Rung::Watermark(watermark);
    }
    let users =
        ring.entry.as_ref().and_then(|entry| Some((UserId(entry.sender_id), UserId(entry.recipient_id?))));
    let head = Head { conversation: ConversationId(ring.conversation_id), seq: Seq(ring.seq), users };
    let event = ring.entry.filter(|entry| !entry.body_omitted).and_then(|entry| event(head, entry));
    event.map_or(Rung::Head(head), Rung::Event)
}

fn watermark(ring: &gateway::Ring) -> Option<Watermark> {
    let part = ring.watermark.as_ref()?;
    let kind = match part.kind() {
        gateway::watermark::Kind::Read => MarkKind::Read,
        gateway::watermark::Kind::Delivered => MarkKind::Delivered,
        gateway::watermark::Kind::Unspecified => return None,
    };
    let audience = match part.peer_id {
        Some(peer) => Audience::Peer(UserId(peer)),
        None if part.members => Audience::Members,
        None => Audience::Nobody,
    };
    let mark = Mark { conversation: ConversationId(ring.conversation_id), kind, seq: Seq(ring.seq) };
    Some(Watermark { user: UserId(part.user_id), mark, audience })
}

fn event(head: Head, part: gateway::Entry) -> Option<Event> {
    let entry = Entry {
        conversation: head.conversation,
        seq: head.seq,
        id: EntryId(part.id),
        uuid: Uuid::from_slice(&part.uuid).ok()?,
        kind: EntryKind::from_number(i16::try_from(part.kind).ok()?)?,
        sender: UserId(part.sender_id),
        recipient: part.recipient_id.map(UserId),
        client_id: Uuid::from_slice(&part.client_id).ok()?,
        target: part.target_seq.map(Seq),
        body: part.body.into(),
        created_at: Timestamp::from_microsecond(part.created_at_us).ok()?,
        deleted_at: None,
    };
    let author = Author { name: part.sender_name.map(Arc::from), email: part.sender_email.map(Arc::from) };
    let subject =
        Author { name: part.recipient_name.map(Arc::from), email: part.recipient_email.map(Arc::from) };
    Some(Event { entry, author, subject })
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    const ORIGIN: u64 = 0x0123_4567_89ab_cdef;

    fn event(kind: EntryKind, body: String) -> Event {
        let entry = Entry {
            conversation: ConversationId(3),
            seq: Seq(9),
            id: EntryId(77),
            uuid: Uuid::from_u128(5),
            kind,
            sender: UserId(1),
            recipient: Some(UserId(2)),
            client_id: Uuid::from_u128(6),
            target: (kind == EntryKind::Message).then_some(Seq(4)),
            body: body.into(),
            created_at: "2023-07-28T13:20:09.896123Z".parse().unwrap(),
            deleted_at: None,
        };
        let author = Author { name: Some("Patrick0".into()), email: Some("a@x.org".into()) };
        let subject = if kind == EntryKind::Message { Author::default() } else { author.clone() };
        Event { entry, author, subject }
    }

    #[test]
    fn an_event_survives_the_ring() {
        let event = event(EntryKind::MemberAdded, String::new());
        assert_eq!(from_ring(to_ring(&event, None, ORIGIN)), Rung::Event(event));
    }

    #[test]
    fn a_message_does_not_carry_the_senders_address() {
        let ring = to_ring(&event(EntryKind::Message, "Hi".to_owned()), None, ORIGIN);
        assert_eq!(ring.entry.unwrap().sender_email, None);
    }

    #[test]
    fn a_watermark_survives_the_ring() {
        let mark = Mark { conversation: ConversationId(3), kind: MarkKind::Read, seq: Seq(9) };
        for audience in [Audience::Nobody, Audience::Peer(UserId(2)), Audience::Members] {
            let watermark = Watermark { user: UserId(1), mark, audience };
            assert_eq!(from_ring(watermark_to_ring(&watermark, ORIGIN)), Rung::Watermark(watermark));
        }
    }

    #[test]
    fn a_large_body_is_not_rung() {
        let event = event(EntryKind::Message, "x".repeat(INLINE_BODY + 1));
        let ring = to_ring(&event, None, ORIGIN);
        assert!(ring.encoded_len() < INLINE_BODY);
        assert_eq!(from_ring(ring), Rung::Head(event.entry.head()));
    }

    #[test]
    fn a_ring_of_a_newer_kind_is_left_to_the_log() {
        let event = event(EntryKind::Message, "Hi".to_owned());
        let mut ring = to_ring(&event, None, ORIGIN);
        ring.entry.as_mut().unwrap().kind = 99;
        assert_eq!(from_ring(ring), Rung::Head(event.entry.head()));
    }

    /// As a later version would write them: a number and a text that this one has no field for.
    const UNKNOWN_FIELDS: [u8; 8] = [0xa0, 0x06, 7, 0xaa, 0x06, 2, b'h', b'i'];

    #[test]
    fn fields_of_a_later_version_are_read_over() {
        let event = event(EntryKind::MemberAdded, String::new());
        let ring = to_ring(&event, None, ORIGIN);
        let entry = [&ring.entry.as_ref().unwrap().encode_to_vec()[..], &UNKNOWN_FIELDS].concat();
        let head = gateway::Ring { entry: None, ..ring };
        let mut bytes = [&UNKNOWN_FIELDS[..], &head.encode_to_vec()].concat();
        prost::encoding::bytes::encode(3, &entry, &mut bytes);
        assert_eq!(from_ring(gateway::Ring::decode(&*bytes).unwrap()), Rung::Event(event));
    }

    #[test]
    fn a_watermark_of_a_newer_kind_is_left_to_the_log() {
        let mark = Mark { conversation: ConversationId(3), kind: MarkKind::Read, seq: Seq(9) };
        let watermark = Watermark { user: UserId(1), mark, audience: Audience::Members };
        let mut ring = watermark_to_ring(&watermark, ORIGIN);
        ring.watermark.as_mut().unwrap().kind = 99;
        let head = Head { conversation: ConversationId(3), seq: Seq(9), users: None };
        assert_eq!(from_ring(ring), Rung::Head(head));
    }

    #[test]
    fn the_origin_is_found_without_reading_the_rest() {
        let ring = to_ring(&event(EntryKind::Message, "Hi".to_owned()), None, ORIGIN);
        assert_eq!(Origin::decode(&*ring.encode_to_vec()).unwrap().origin, ORIGIN);
        assert_eq!(Origin::decode(&*gateway::Ring::default().encode_to_vec()).unwrap().origin, 0);
    }
}
