//! Rings on their way out: those of one channel that wait together travel together. Pure.
//!
//! A published message costs Redis and every listener the same whatever its size, and a busy conversation has many rings
//! in a pipeline. Protocol Buffers let a later ring be added to an encoded one by appending it as the field `more`.

use std::collections::HashMap;

use bytes::{BufMut as _, Bytes, BytesMut};
use tracing::Span;

use super::channel::Channel;

/// Bytes of one published message at most, unless a single ring is longer.
const BUNDLE_BYTES: usize = 64 * 1024;
/// Key of the field `Ring.more`: number 6, length-delimited.
const MORE: u8 = 6 << 3 | 2;

/// An encoded ring and where it goes.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) channel: Channel,
    pub(super) ring: Bytes,
    /// Its way to Redis, if it is traced: ends with the last of its copies.
    pub(super) span: Span,
}

/// What is to be published: in the order of the first ring of each, and within a channel in the order of the rings.
pub(super) fn bundle(rings: &[Outgoing]) -> Vec<(Channel, BytesMut)> {
    let mut bundles: Vec<(Channel, BytesMut)> = Vec::with_capacity(rings.len());
    let mut latest: HashMap<Channel, usize> = HashMap::with_capacity(rings.len());
    for Outgoing { channel, ring, .. } in rings {
        match latest.get(channel).and_then(|place| bundles.get_mut(*place)) {
            Some((_, bundle)) if bundle.len() + ring.len() < BUNDLE_BYTES => append(bundle, ring),
            _ => {
                latest.insert(*channel, bundles.len());
                bundles.push((*channel, BytesMut::from(&**ring)));
            }
        }
    }
    bundles
}

fn append(bundle: &mut BytesMut, ring: &[u8]) {
    bundle.put_u8(MORE);
    // Fails only without room, and the buffer grows.
    let _ = prost::encode_length_delimiter(ring.len(), bundle);
    bundle.extend_from_slice(ring);
}

#[cfg(test)]
mod tests {
    use messenger_proto::gateway::Ring;
    use prost::Message as _;

    use super::*;
    use crate::domain::ids::{ConversationId, UserId};

    const GROUP: Channel = Channel::Conversation(ConversationId(1));
    const USER: Channel = Channel::User(UserId(1));

    fn to(channel: Channel, ring: Bytes) -> Outgoing {
        Outgoing { channel, ring, span: Span::none() }
    }

    fn ring(seq: i64, body: usize) -> Bytes {
        let traceparent = "x".repeat(body);
        Ring { conversation_id: 1, seq, traceparent, origin: 5, ..Ring::default() }.encode_to_vec().into()
    }

    fn seqs(bundle: &[u8]) -> Vec<i64> {
        let first = Ring::decode(bundle).expect("a ring");
        assert_eq!(first.origin, 5);
        std::iter::once(first.seq).chain(first.more.iter().map(|ring| ring.seq)).collect()
    }

    #[test]
    fn rings_of_a_channel_travel_together_and_in_order() {
        let rings = [(GROUP, ring(1, 200)), (USER, ring(7, 0)), (GROUP, ring(2, 300)), (GROUP, ring(3, 0))];
        let rings = rings.map(|(channel, ring)| to(channel, ring));
        let bundles = bundle(&rings);
        assert_eq!(bundles.len(), 2);
        assert_eq!((bundles[0].0, seqs(&bundles[0].1)), (GROUP, vec![1, 2, 3]));
        assert_eq!((bundles[1].0, seqs(&bundles[1].1)), (USER, vec![7]));
    }

    #[test]
    fn a_bundle_is_bounded() {
        let rings: Vec<_> = (1..=20).map(|seq| to(GROUP, ring(seq, BUNDLE_BYTES / 8))).collect();
        let bundles = bundle(&rings);
        assert!(bundles.iter().all(|(_, bundle)| bundle.len() < BUNDLE_BYTES));
        let all: Vec<_> = bundles.iter().flat_map(|(_, bundle)| seqs(bundle)).collect();
        assert_eq!(all, (1..=20).collect::<Vec<_>>());
        assert_eq!(
            bundle(&[to(GROUP, ring(1, 2 * BUNDLE_BYTES))]).len(),
            1,
            "a ring of its own may be longer"
        );
    }
}
