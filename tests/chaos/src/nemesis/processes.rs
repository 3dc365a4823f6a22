//! Faults of the services' processes.

use std::time::Duration;

use anyhow::{Result, ensure};
use messenger_support::proxy::{Direction, Faults};
use tokio::time::sleep;

use super::Nemesis;
use crate::stack::GATEWAYS;

/// A gateway that was asked to stop must have done so, far within its hard limit.
const STOPPED: Duration = Duration::from_secs(18);
/// How long a mute gateway goes on acknowledging.
const MUTE: Duration = Duration::from_millis(700);

impl Nemesis {
    pub(super) async fn kill_gateway(&mut self, index: usize, lasting: Duration) {
        self.cluster.kill(index).await;
        sleep(lasting).await;
        self.cluster.start_again(index).await;
    }

    pub(super) async fn roll_gateways(&mut self) -> Result<()> {
        for index in 0..GATEWAYS {
            let status = self.cluster.terminate(index, STOPPED).await;
            ensure!(status.success(), "gateway {index} ended with {status}");
            self.cluster.restart(index).await;
        }
        Ok(())
    }

    pub(super) async fn freeze_gateway(&mut self, index: usize, lasting: Duration) {
        self.cluster.freeze(index);
        sleep(lasting).await;
        self.cluster.thaw(index);
    }

    pub(super) async fn mute_and_kill_gateway(&mut self, index: usize, lasting: Duration) {
        let mute = Faults { swallow: true, ..Faults::default() };
        self.cluster.links(index).redis().set(Direction::ToServer, mute);
        sleep(MUTE).await;
        self.cluster.kill(index).await;
        self.cluster.links(index).redis().heal();
        sleep(lasting).await;
        self.cluster.start_again(index).await;
    }

    pub(super) async fn kill_accounts(&mut self, lasting: Duration) {
        self.cluster.kill_accounts().await;
        sleep(lasting).await;
        self.cluster.restart_accounts().await;
    }
}
