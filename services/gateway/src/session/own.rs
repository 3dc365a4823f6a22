//! The messages that a socket has sent itself. It has their replies and is not told of them again; the user's other
//! sockets are.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::domain::command::Send;

/// Messages remembered. More than may be in flight; an older one's event has passed long since.
const REMEMBERED: usize = 256;

/// Idempotency keys of the socket's latest messages.
#[derive(Debug, Default)]
pub(super) struct OwnMessages(VecDeque<Uuid>);

impl OwnMessages {
    /// Remembers a message before it is sent; one without a key gets one.
    pub(super) fn remember(&mut self, send: &mut Send) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(*send.client_id.get_or_insert_with(Uuid::now_v7));
    }

    pub(super) fn contains(&self, client_id: Uuid) -> bool {
        self.0.iter().rev().any(|own| *own == client_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::Destination;
    use crate::domain::content::Content;
    use crate::domain::ids::UserId;

    fn send(client_id: Option<Uuid>) -> Send {
        Send {
            to: Destination::User(UserId(1)),
            content: Content::parse("Hi", 9).unwrap(),
            client_id,
            reply_to: None,
        }
    }

    #[test]
    fn every_message_gets_a_key_and_the_latest_are_remembered() {
        let mut own = OwnMessages::default();
        let (mut keyed, mut bare) = (send(Some(Uuid::from_u128(1))), send(None));
        own.remember(&mut keyed);
        own.remember(&mut bare);
        assert!(own.contains(Uuid::from_u128(1)));
        assert!(own.contains(bare.client_id.unwrap()));
        for _ in 0..REMEMBERED {
            own.remember(&mut send(None));
        }
        assert!(!own.contains(Uuid::from_u128(1)));
        assert_eq!(own.0.len(), REMEMBERED);
    }
}
