//! One event to many sockets: encoded once per dialect, queued without waiting.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use messenger_chassis::telemetry::{self, TRACED};
use tracing::Span;
use tracing::field::Empty;
use uuid::Uuid;

use super::figures::Figures;
use super::log::Item;
use crate::dialect::Dialect;
use crate::domain::entry::Entry;
use crate::domain::event::{Event, Watermark};
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::hub::{About, Hub};

/// Queues the event for every socket of the users.
pub(super) fn broadcast(
    hub: &Hub,
    figures: &Figures,
    item: &Item,
    event: &Event,
    users: impl Iterator<Item = UserId>,
) {
    let span = item.trace.as_deref().map_or_else(Span::none, |trace| delivery_span(&event.entry, trace));
    let spread = || spread(hub, users, about(event), &span, |dialect| dialect.event(event));
    let sockets = span.in_scope(spread);
    span.record("sockets", sockets);
    figures.delivered(&event.entry, item.arrival, sockets);
}

/// The delivery on this gateway, after the commit here or the ring of another one.
fn delivery_span(entry: &Entry, trace: &str) -> Span {
    let span = tracing::info_span!(
        target: TRACED, parent: None, "deliver", otel.kind = "consumer", messaging.operation.name = "deliver",
        messaging.operation.type = "process", conversation = entry.conversation.0, seq = entry.seq.0, sockets = Empty,
    );
    telemetry::set_parent(&span, trace);
    span
}

/// From the outboxes to the last of the sockets, for all of them together: a large group must not be as many spans.
fn write_span(delivery: &Span) -> Option<Arc<Span>> {
    let span = || tracing::info_span!(target: TRACED, parent: delivery, "socket.write");
    (!delivery.is_disabled()).then(|| Arc::new(span()))
}

/// Queues the entry with which a user is no member any more for his own sockets.
pub(super) fn bid_farewell(hub: &Hub, event: &Event, user: UserId) {
    spread(hub, std::iter::once(user), about(event), &Span::none(), |dialect| dialect.farewell(event));
}

/// Queues the place of an entry that this version cannot read, so that nobody takes it for a hole.
pub(super) fn broadcast_unreadable(
    hub: &Hub,
    place: (ConversationId, Seq),
    users: impl Iterator<Item = UserId>,
) {
    // Nobody's own: only the version that wrote it knows whose it is.
    let about = About::Entry { place, origin: (UserId(0), Uuid::nil()) };
    spread(hub, users, about, &Span::none(), |dialect| dialect.unreadable(place.0, place.1));
}

/// Queues a watermark for the sockets of the users that can make use of it.
pub(super) fn broadcast_watermark(hub: &Hub, watermark: &Watermark, users: impl Iterator<Item = UserId>) {
    spread(hub, users, About::Passing, &Span::none(), |dialect| dialect.watermark(watermark));
}

fn about(event: &Event) -> About {
    let entry = &event.entry;
    About::Entry { place: (entry.conversation, entry.seq), origin: (entry.sender, entry.client_id) }
}

/// Encodes once for each dialect, when the first socket is met that is to be told in it. Returns the number of sockets.
fn spread(
    hub: &Hub,
    users: impl Iterator<Item = UserId>,
    about: About,
    delivery: &Span,
    encode: impl Fn(Dialect) -> Option<String>,
) -> u64 {
    let (seed, v2, written) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
    let mut sockets = 0;
    for user in users {
        hub.with_sockets(user, |outbox| {
            let encoded: &OnceLock<Option<Bytes>> = match outbox.dialect() {
                Dialect::Seed => &seed,
                Dialect::V2 => &v2,
            };
            let text = || encoded.get_or_init(|| encode(outbox.dialect()).map(Bytes::from)).clone();
            let written = || written.get_or_init(|| write_span(delivery)).clone();
            sockets += u64::from(outbox.offer(about, || Some((text()?, written()))));
        });
    }
    sockets
}
