//! What gateways hear from each other over Redis, which a stranger may have written: it is read or passed over.

use messenger_gateway::fanout::{Rung, from_ring};
use messenger_proto::gateway::Ring;
use prost::Message as _;

pub(crate) fn ring(bytes: &[u8]) {
    let Ok(ring) = Ring::decode(bytes) else { return };
    for ring in std::iter::once(&ring).chain(&ring.more) {
        let (conversation, seq) = (ring.conversation_id, ring.seq);
        let (read_conversation, read_seq) = match from_ring(ring.clone()) {
            Rung::Event(event) => (event.entry.conversation, event.entry.seq),
            Rung::Head(head) => (head.conversation, head.seq),
            Rung::Watermark(watermark) => (watermark.mark.conversation, watermark.mark.seq),
        };
        assert_eq!((read_conversation.0, read_seq.0), (conversation, seq));
    }
}
