//! One event to many sockets: encoded once per dialect, queued without waiting.

use std::sync::OnceLock;

use bytes::Bytes;
use messenger_chassis::telemetry;

use super::log::Item;
use crate::dialect::Dialect;
use crate::domain::event::Event;
use crate::domain::ids::UserId;
use crate::hub::{Frame, Hub};

/// Queues the event for every socket of the users.
pub(super) fn broadcast(hub: &Hub, item: &Item, event: &Event, users: impl Iterator<Item = UserId>) {
    let _span = item.trace.as_deref().map(|trace| {
        let span = tracing::info_span!("deliver", otel.kind = "consumer", seq = event.entry.seq.0);
        telemetry::set_parent(&span, trace);
        span.entered()
    });
    let seed = OnceLock::new();
    let mut sockets: u64 = 0;
    for user in users {
        hub.with_sockets(user, |outbox| {
            let encoded = match outbox.dialect() {
                Dialect::Seed => seed.get_or_init(|| encode(Dialect::Seed, event)),
            };
            if let Some(text) = encoded {
                outbox.push(Frame {
                    text: text.clone(),
                    place: (event.entry.conversation, event.entry.seq),
                    origin: (event.entry.sender, event.entry.client_id),
                });
                sockets += 1;
            }
        });
    }
    metrics::counter!("gateway_deliveries_total").increment(sockets);
}

fn encode(dialect: Dialect, event: &Event) -> Option<Bytes> {
    dialect.event(event).map(Bytes::from)
}
