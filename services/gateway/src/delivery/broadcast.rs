//! One event to many sockets: encoded once per dialect, queued without waiting.

use std::sync::OnceLock;

use bytes::Bytes;
use messenger_chassis::telemetry;
use uuid::Uuid;

use super::log::Item;
use crate::dialect::Dialect;
use crate::domain::event::{Event, Watermark};
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::hub::{About, Hub};

/// Queues the event for every socket of the users.
pub(super) fn broadcast(hub: &Hub, item: &Item, event: &Event, users: impl Iterator<Item = UserId>) {
    let _span = item.trace.as_deref().map(|trace| {
        let span = tracing::info_span!("deliver", otel.kind = "consumer", seq = event.entry.seq.0);
        telemetry::set_parent(&span, trace);
        span.entered()
    });
    let sockets = spread(hub, users, about(event), |dialect| dialect.event(event));
    metrics::counter!("gateway_deliveries_total").increment(sockets);
}

/// Queues the entry with which a user is no member any more for his own sockets.
pub(super) fn bid_farewell(hub: &Hub, event: &Event, user: UserId) {
    spread(hub, std::iter::once(user), about(event), |dialect| dialect.farewell(event));
}

/// Queues the place of an entry that this version cannot read, so that nobody takes it for a hole.
pub(super) fn broadcast_unreadable(
    hub: &Hub,
    place: (ConversationId, Seq),
    users: impl Iterator<Item = UserId>,
) {
    // Nobody's own: only the version that wrote it knows whose it is.
    let about = About::Entry { place, origin: (UserId(0), Uuid::nil()) };
    spread(hub, users, about, |dialect| dialect.unreadable(place.0, place.1));
}

/// Queues a watermark for the sockets of the users that can make use of it.
pub(super) fn broadcast_watermark(hub: &Hub, watermark: &Watermark, users: impl Iterator<Item = UserId>) {
    spread(hub, users, About::Passing, |dialect| dialect.watermark(watermark));
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
    encode: impl Fn(Dialect) -> Option<String>,
) -> u64 {
    let (seed, v2) = (OnceLock::new(), OnceLock::new());
    let mut sockets = 0;
    for user in users {
        hub.with_sockets(user, |outbox| {
            let encoded: &OnceLock<Option<Bytes>> = match outbox.dialect() {
                Dialect::Seed => &seed,
                Dialect::V2 => &v2,
            };
            let text = || encoded.get_or_init(|| encode(outbox.dialect()).map(Bytes::from)).clone();
            sockets += u64::from(outbox.offer(about, text));
        });
    }
    sockets
}
