//! What Redis pushes to one connection.

use std::collections::HashMap;
use std::sync::Arc;

use messenger_proto::accounts::UserChanged;
use messenger_proto::accounts::user_changed::Kind;
use messenger_proto::gateway::Ring;
use prost::Message as _;
use redis::aio::SendError;
use redis::{PushInfo, PushKind, Value};
use uuid::Uuid;

use super::channel::Channel;
use super::heard::Heard;
use super::partition::Partition;
use super::redis::Shared;
use super::ring::{Origin, from_ring};
use super::{Listener, UserChange};
use crate::domain::ids::{SessionId, UserId};

/// Called inline by the connection for everything that Redis pushes; must only sort and hand on.
pub(super) fn receiver(
    shared: &Arc<Shared>,
    listener: &Arc<dyn Listener>,
    heard: &Arc<Heard>,
) -> impl Fn(PushInfo) -> Result<(), SendError> + Send + Sync + 'static {
    let (shared, listener, heard) = (Arc::clone(shared), Arc::clone(listener), Arc::clone(heard));
    let own = own_channels(&shared);
    let accounts = shared.layout.name(Channel::Accounts);
    move |push| {
        match (push.kind, push.data.as_slice()) {
            (PushKind::Disconnection, _) => heard.broken.cancel(),
            (
                PushKind::Message | PushKind::SMessage,
                [Value::BulkString(channel), Value::BulkString(payload)],
            ) => {
                if payload.is_empty() {
                    let mine = own.get(channel).filter(|partition| heard.echo(**partition));
                    mine.into_iter().for_each(|partition| shared.hears([*partition].into_iter().collect()));
                } else if *channel == accounts.as_bytes() {
                    hand_on(UserChanged::decode(payload.as_slice()), |change| {
                        listener.user_changed(user_change(&change));
                    });
                } else if !is_of(shared.origin, payload) {
                    hand_on(Ring::decode(payload.as_slice()), |ring| rang(&*listener, ring));
                }
            }
            // We give up no own channel that we hold: the node has lost its slot.
            (PushKind::SUnsubscribe, [Value::BulkString(channel), ..]) => {
                if let Some(partition) = own.get(channel).filter(|partition| heard.forget(**partition)) {
                    shared.loses([*partition].into_iter().collect());
                    heard.taken.notify_one();
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// By name the own channels.
fn own_channels(shared: &Shared) -> HashMap<Vec<u8>, Partition> {
    let layout = &shared.layout;
    let own = |partition| (layout.name(Channel::Own(partition)).into_bytes(), partition);
    layout.partitions().map(own).collect()
}

fn user_change(change: &UserChanged) -> UserChange {
    let session = |id: &Vec<u8>| Uuid::from_slice(id).ok().map(SessionId);
    UserChange {
        user: UserId(change.user_id),
        removed: change.kind() == Kind::Removed,
        ended: change.ended_session_ids.iter().filter_map(session).collect(),
    }
}

/// Whether a ring comes from this process, which has told its own sockets already.
fn is_of(origin: u64, payload: &[u8]) -> bool {
    Origin::decode(payload).is_ok_and(|ring| ring.origin == origin)
}

fn rang(listener: &dyn Listener, mut ring: Ring) {
    let more = std::mem::take(&mut ring.more);
    for mut ring in std::iter::once(ring).chain(more) {
        let trace = std::mem::take(&mut ring.traceparent);
        listener.rang(from_ring(ring), (!trace.is_empty()).then(|| trace.into()));
    }
}

/// A payload that cannot be read is not ours; whatever it was, the log has the truth.
fn hand_on<T>(decoded: Result<T, prost::DecodeError>, to: impl FnOnce(T)) {
    match decoded {
        Ok(message) => to(message),
        Err(_) => metrics::counter!("gateway_rings_unreadable_total").increment(1),
    }
}
