//! The messages that a socket has sent itself. It has their replies and is not told of them again; the user's other
//! sockets are. Pure.

use std::collections::VecDeque;

use uuid::Uuid;

/// Messages remembered. More than may be in flight; an older one's event has passed long since.
const REMEMBERED: usize = 256;

/// Idempotency keys of the socket's latest messages.
#[derive(Debug, Default)]
pub(super) struct OwnMessages(VecDeque<Uuid>);

impl OwnMessages {
    /// Remembers a message; before it is sent.
    pub(super) fn remember(&mut self, client_id: Uuid) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(client_id);
    }

    pub(super) fn contains(&self, client_id: Uuid) -> bool {
        self.0.iter().rev().any(|own| *own == client_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered() {
        let mut own = OwnMessages::default();
        let ids = (0..=REMEMBERED as u128).map(Uuid::from_u128);
        ids.for_each(|id| own.remember(id));
        assert!(!own.contains(Uuid::from_u128(0)));
        assert!(own.contains(Uuid::from_u128(1)) && own.contains(Uuid::from_u128(REMEMBERED as u128)));
        assert_eq!(own.0.len(), REMEMBERED);
    }
}
