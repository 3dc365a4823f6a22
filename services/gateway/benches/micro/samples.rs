//! Texts and events to measure with.

use std::sync::Arc;

use jiff::Timestamp;
use messenger_gateway::domain::entry::{Entry, EntryKind};
use messenger_gateway::domain::event::{Author, Event};
use messenger_gateway::domain::ids::{ConversationId, EntryId, Seq, UserId};
use uuid::Uuid;

/// Longest text, bytes: the default limit of the gateway.
pub(crate) const LONG_BYTES: usize = 16 * 1024;
/// Bytes of a usual text.
const SHORT_BYTES: usize = 100;
/// Bytes of the odd text.
const ODD_BYTES: usize = 1_024;

/// Texts by name: short, long, and one in which hardly a character is written as itself.
pub(crate) fn texts() -> [(&'static str, String); 3] {
    [
        ("short", repeated("A line of a usual chat, with spaces. ", SHORT_BYTES)),
        ("long", repeated("A line of a usual chat, with spaces. ", LONG_BYTES)),
        ("odd", repeated("\"\\\n\u{1F600}\u{1}\u{E9}\t", ODD_BYTES)),
    ]
}

/// As much of the repeated pattern as fits.
fn repeated(pattern: &str, bytes: usize) -> String {
    let fits = |(at, letter): &(usize, char)| at + letter.len_utf8() <= bytes;
    let text = pattern.repeat(bytes / pattern.len() + 1);
    text.char_indices().take_while(fits).map(|(_, letter)| letter).collect()
}

/// A message, of a dialog if there is a receiver.
pub(crate) fn message(text: &str, seq: i64, receiver: Option<UserId>) -> Event {
    let entry = Entry {
        conversation: ConversationId(1_234_567),
        seq: Seq(seq),
        id: EntryId(9_876_543 + seq),
        uuid: Uuid::from_u128(0x0190_7b2c_5c3e_7d4f_8a9b_0c1d_2e3f_4a5b),
        kind: EntryKind::Message,
        sender: UserId(4_711),
        recipient: receiver,
        client_id: Uuid::from_u128(0x0190_7b2c_5c3e_7d4f_8a9b_0c1d_2e3f_4a5c),
        target: None,
        body: text.into(),
        created_at: at(),
        deleted_at: None,
    };
    let author = Author { name: Some(Arc::from("Patrick")), email: Some(Arc::from("p@mail.example")) };
    Event { entry, author, subject: Author::default() }
}

/// When everything happened.
pub(crate) fn at() -> Timestamp {
    Timestamp::constant(1_796_076_529, 123_456_000)
}
