//! Into which partition a channel falls, and its name. Pure.
//!
//! A server that is asked for everything has one partition. A Redis Cluster gives each sharded channel to the node that has
//! the slot of its name, so channels share hash tags: one tag is one partition and one slot, and a gateway needs to know
//! only by partition which node rings for whom. (centrifuge's Redis broker calls them sharded pub/sub partitions.)

use messenger_chassis::redis::{SLOTS, slot};

use super::channel::Channel;
use crate::domain::ids::{ConversationId, UserId};

/// Partitions of a sharded bus, which all gateways must agree on: as many as [`Partitions`] has bits.
const SHARDED: u8 = 128;

/// One of the parts into which channels fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u8);

/// A set of partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Partitions(u128);

impl Partition {
    /// The place in a list of all.
    pub(super) fn index(self) -> usize {
        self.0.into()
    }
}

impl Partitions {
    pub(super) fn insert(&mut self, partition: Partition) {
        self.0 |= 1 << partition.0;
    }

    /// Whether the partition with this place in a list of all is in it.
    pub(super) fn has(self, index: usize) -> bool {
        u8::try_from(index).is_ok_and(|index| self.contains(Partition(index)))
    }

    pub(super) fn contains(self, partition: Partition) -> bool {
        self.0 & 1 << partition.0 != 0
    }

    pub(super) fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(super) fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Partition> {
        (0..SHARDED).map(Partition).filter(move |partition| self.contains(*partition))
    }
}

impl FromIterator<Partition> for Partitions {
    fn from_iter<T: IntoIterator<Item = Partition>>(partitions: T) -> Self {
        let mut set = Self::default();
        partitions.into_iter().for_each(|partition| set.insert(partition));
        set
    }
}

/// How the channels of a bus are parted and named.
#[derive(Debug)]
pub(super) struct Layout {
    /// First part of every name; deployments that share a Redis have different ones.
    prefix: String,
    /// This replica's name.
    node: String,
    /// By partition its hash tag; none: there is one partition, and nothing is sharded.
    tags: Vec<String>,
}

impl Layout {
    pub(super) fn whole(prefix: &str, node: &str) -> Self {
        Self { prefix: prefix.to_owned(), node: node.to_owned(), tags: Vec::new() }
    }

    pub(super) fn sharded(prefix: &str, node: &str) -> Self {
        Self { tags: (0..SHARDED).map(tag).collect(), ..Self::whole(prefix, node) }
    }

    /// All partitions, the first one first.
    pub(super) fn partitions(&self) -> impl Iterator<Item = Partition> + use<> {
        (0..if self.tags.is_empty() { 1 } else { SHARDED }).map(Partition)
    }

    /// What accounts publishes knows no partitions, and is heard with the first one.
    pub(super) fn partition(&self, channel: Channel) -> Partition {
        if self.tags.is_empty() {
            return Partition(0);
        }
        match channel {
            Channel::User(UserId(id)) | Channel::Conversation(ConversationId(id)) => of_id(id),
            Channel::Own(partition) => partition,
            Channel::Accounts => Partition(0),
        }
    }

    /// Whether the channel is one of sharded pub/sub.
    pub(super) fn is_sharded(&self, channel: Channel) -> bool {
        !self.tags.is_empty() && channel != Channel::Accounts
    }

    /// The channel's name in Redis.
    pub(super) fn name(&self, channel: Channel) -> String {
        let Self { prefix, node, .. } = self;
        let shard = match self.tags.get(self.partition(channel).index()) {
            Some(tag) if self.is_sharded(channel) => format!("{{{tag}}}:"),
            _ => String::new(),
        };
        match channel {
            Channel::Own(_) => format!("{prefix}:{shard}hb:{node}"),
            Channel::User(user) => format!("{prefix}:{shard}u:{user}"),
            Channel::Conversation(conversation) => format!("{prefix}:{shard}c:{conversation}"),
            Channel::Accounts => format!("{prefix}:{shard}users"),
        }
    }

    /// The slot of a sharded partition.
    pub(super) fn slot(&self, partition: Partition) -> u16 {
        self.tags.get(partition.index()).map_or(0, |tag| slot(tag))
    }
}

fn of_id(id: i64) -> Partition {
    Partition(u8::try_from(id.rem_euclid(SHARDED.into())).unwrap_or_default())
}

/// The smallest number whose slot lies in the partition's share of all slots: nodes that have equal shares of the slots
/// have equal shares of the partitions.
fn tag(partition: u8) -> String {
    let share = SLOTS / u16::from(SHARDED);
    let is_of = |tag: &String| slot(tag) / share == u16::from(partition);
    (0_u32..).map(|number| number.to_string()).find(is_of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    fn sharded() -> Layout {
        Layout::sharded("m", "n")
    }

    #[test]
    fn partitions_have_equal_shares_of_the_slots() {
        let layout = sharded();
        let shares: Vec<_> = layout.partitions().map(|it| usize::from(layout.slot(it)) / 128).collect();
        assert_eq!(shares, (0..128).collect::<Vec<_>>());
    }

    /// Gateways of two versions hear each other only by the same names.
    #[test]
    fn names_stay() {
        let layout = Layout::whole("m", "n");
        let all = [
            Channel::User(UserId(7)),
            Channel::Conversation(ConversationId(135)),
            Channel::Own(Partition(0)),
            Channel::Accounts,
        ];
        assert_eq!(all.map(|channel| layout.name(channel)), ["m:u:7", "m:c:135", "m:hb:n", "m:users"]);
        let names = ["m:{342}:u:7", "m:{342}:c:135", "m:{14}:hb:n", "m:users"];
        assert_eq!(all.map(|channel| sharded().name(channel)), names);
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let layout = sharded();
        let all: Partitions = layout.partitions().collect();
        let (first, last) = (Partition(0), Partition(127));
        let some = all.without([first].into_iter().collect());
        assert!(!some.contains(first) && some.contains(last));
        assert_eq!(some.iter().count(), 127);
        assert_eq!(some.with([first].into_iter().collect()), all);
    }

    proptest! {
        #[test]
        fn every_channel_of_a_partition_is_in_its_slot(id: i64) {
            static LAYOUT: LazyLock<Layout> = LazyLock::new(sharded);
            let layout = &*LAYOUT;
            for channel in [Channel::User(UserId(id)), Channel::Conversation(ConversationId(id))] {
                prop_assert_eq!(slot(&layout.name(channel)), layout.slot(layout.partition(channel)));
            }
        }
    }
}
