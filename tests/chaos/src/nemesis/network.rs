//! Faults of the network between the parts.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use messenger_support::proxy::{Direction, Faults, Lossy};
use tokio::time::{Instant, sleep, sleep_until};

use super::Nemesis;
use crate::stack::GATEWAYS;

/// Between two cuts of a flapping network.
const AGAIN: Duration = Duration::from_secs(1);
/// How late accounts is.
const LATE: Duration = Duration::from_secs(5);
/// A mobile network at its worst.
const SLOW_BYTES: NonZeroU32 = NonZeroU32::new(8_000).unwrap();
/// Writes that no frame fits into.
const TORN_BYTES: NonZeroUsize = NonZeroUsize::new(7).unwrap();
const LOSSY: Lossy = Lossy { lose: 0.3, swap: 0.3 };

fn swallow() -> Faults {
    Faults { swallow: true, ..Faults::default() }
}

impl Nemesis {
    pub(super) async fn half_open_redis(&mut self, index: usize, lasting: Duration) {
        let link = self.cluster.links(index).redis();
        link.set_both(&swallow());
        sleep(lasting).await;
        link.heal();
    }

    pub(super) async fn lossy_bus(&mut self, lasting: Duration) {
        let lossy = Faults { pushes: Some(LOSSY), ..Faults::default() };
        let links = || (0..GATEWAYS).map(|index| self.cluster.links(index).redis());
        links().for_each(|link| link.set(Direction::ToClient, lossy.clone()));
        sleep(lasting).await;
        links().for_each(|link| link.set(Direction::ToClient, Faults::default()));
    }

    pub(super) async fn slow_accounts(&mut self, lasting: Duration) {
        let late = Faults { delay: LATE, ..Faults::default() };
        let links = || (0..GATEWAYS).map(|index| &self.cluster.links(index).accounts);
        links().for_each(|link| link.set_both(&late));
        sleep(lasting).await;
        links().for_each(|link| link.set_both(&Faults::default()));
    }

    pub(super) async fn isolate_gateway(&mut self, index: usize, lasting: Duration) {
        let links = self.cluster.links(index);
        let inner = [links.redis(), &links.postgres, &links.accounts];
        inner.iter().for_each(|link| link.set_both(&swallow()));
        sleep(lasting).await;
        inner.iter().for_each(|link| link.heal());
    }

    pub(super) async fn flap_clients(&mut self, index: usize, lasting: Duration) {
        let end = Instant::now() + lasting;
        while Instant::now() < end {
            self.cluster.links(index).clients.reset_all();
            sleep_until(end.min(Instant::now() + AGAIN)).await;
        }
    }

    pub(super) fn storm(&mut self) {
        (0..GATEWAYS).for_each(|index| self.cluster.links(index).clients.reset_all());
    }

    pub(super) async fn half_open_clients(&mut self, index: usize, lasting: Duration) {
        let link = &self.cluster.links(index).clients;
        link.set_both(&swallow());
        sleep(lasting).await;
        link.heal();
    }

    pub(super) async fn slow_clients(&mut self, index: usize, lasting: Duration) {
        let slow = Faults { rate: Some(SLOW_BYTES), piece: Some(TORN_BYTES), ..Faults::default() };
        let link = &self.cluster.links(index).clients;
        link.set_both(&slow);
        sleep(lasting).await;
        link.set_both(&Faults::default());
    }
}
