//! A deploy as clients see it, behind the load balancer as it is deployed: every process is replaced, and nobody notices
//! more than a new connection.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use messenger_chaos::history::{Event, Op, Record, read};
use messenger_chaos::nemesis::Nemesis;
use messenger_chaos::scenario::{GATEWAYS, Plan, Size};

use crate::rest::Visitors;
use crate::run::{assert_quick, disturbed, ms};

/// Time in which a process serves on when it is not ready any more: what is shipped.
const LEAVE: Duration = Duration::from_secs(3);
/// Time over which a gateway sends its clients away.
const DRAIN: Duration = Duration::from_secs(3);
/// A stop with both of them, on a busy machine.
const STOP: Duration = Duration::from_secs(20);
/// Parts of the drain in which those who leave are counted.
const PARTS: usize = 10;
/// How many times its fair share of them one part may have: processes stand still now and then on a busy machine.
const UNFAIR: usize = 4;
/// Requests of REST that must have been made meanwhile, so that their success says something.
const CALLS_MIN: u64 = 60;
/// What a group says to whom it does not know any more: people come and go.
const LEFT: &str = "not_found";

const PLAN: Plan<'_> = Plan {
    size: Size { users: 8, devices: 4, groups: 2, members: 6, rate: 20 },
    settings: &[
        ("ACCOUNTS_LEAVE_MS", "3000"),
        ("GATEWAY_LEAVE_MS", "3000"),
        ("GATEWAY_DRAIN_MS", "3000"),
        ("ACCOUNTS_TRUSTED_PROXIES", "127.0.0.1"),
        ("GATEWAY_TRUSTED_PROXIES", "127.0.0.1"),
    ],
    balanced: true,
    ..crate::run::PLAN
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_process_is_replaced_under_load_and_nothing_fails() {
    let mut visits = None;
    let report = disturbed(PLAN, async |nemesis| {
        let visitors = Visitors::start(&nemesis.cluster().rest()).await?;
        for index in 0..GATEWAYS {
            nemesis.as_fault(&gateway(index), async |nemesis| replace_gateway(nemesis, index).await).await?;
        }
        for index in 0..nemesis.cluster().accounts_count() {
            nemesis
                .as_fault("replace accounts", async |nemesis| replace_accounts(nemesis, index).await)
                .await?;
        }
        visits = Some(visitors.finish().await);
        Ok(())
    })
    .await;
    let visits = visits.unwrap();
    println!("REST: {visits}");
    assert!(visits.failed.is_empty() && visits.calls >= CALLS_MIN, "{visits}");
    assert_eq!(failed_sends(&report.file), Vec::<String>::new(), "{report}");
    for index in 0..GATEWAYS {
        let left = Leaving::of(&report.file, index);
        println!("gateway {index}: {left:?}");
        left.assert_even();
    }
    assert_quick(&report, ms(3000), ms(1500));
    report.assert_kept();
}

fn gateway(index: usize) -> String {
    format!("replace gateway {index}")
}

async fn replace_gateway(nemesis: &mut Nemesis, index: usize) -> Result<()> {
    let status = nemesis.cluster().terminate(index, STOP).await;
    ensure!(status.success(), "gateway {index} ended with {status}");
    nemesis.cluster().restart(index).await;
    Ok(())
}

async fn replace_accounts(nemesis: &mut Nemesis, index: usize) -> Result<()> {
    let status = nemesis.cluster().terminate_accounts(index, STOP).await;
    ensure!(status.success(), "accounts {index} ended with {status}");
    nemesis.cluster().restart_accounts_at(index).await;
    Ok(())
}

/// Messages that were not stored, and why: but for those of people who had left there are none.
fn failed_sends(file: &Path) -> Vec<String> {
    let (mut sends, mut failed) = (HashSet::new(), Vec::new());
    let take = |_, record: Record| match record.event {
        Event::Invoke { call, op: Op::Send, .. } => {
            sends.insert(call);
        }
        Event::Fail { call, code: why } | Event::Info { call, why }
            if sends.contains(&call) && !why.starts_with(LEFT) =>
        {
            failed.push(format!("{call}: {why}"));
        }
        _ => {}
    };
    read(file, take).unwrap();
    failed
}

/// When the clients of a gateway left it: how many in each part of its drain, and before it.
#[derive(Debug, Default)]
struct Leaving {
    early: usize,
    parts: [usize; PARTS],
    /// Those who left for another reason than that they were asked to.
    odd: Vec<String>,
}

impl Leaving {
    fn of(file: &Path, index: usize) -> Self {
        let (mut left, mut at, mut stopping) = (Self::default(), HashMap::new(), None);
        let take = |_, record: Record| match record.event {
            Event::Fault { name } if name == gateway(index) => stopping = Some(record.at),
            Event::Heal { name } if name == gateway(index) => stopping = None,
            Event::Connect { device, gateway, .. } => drop(at.insert(device, gateway)),
            Event::Disconnect { device, why, .. } if at.remove(&device) == Some(index) => {
                if let Some(since) = stopping {
                    left.count(Duration::from_micros(record.at - since), why);
                }
            }
            _ => {}
        };
        read(file, take).unwrap();
        left
    }

    fn count(&mut self, after: Duration, why: String) {
        match after.checked_sub(LEAVE) {
            None => self.early += 1,
            Some(into) => {
                let part = into.as_micros() * PARTS as u128 / DRAIN.as_micros();
                self.parts[usize::try_from(part).unwrap().min(PARTS - 1)] += 1;
            }
        }
        if !why.contains("asked to move") && !why.contains("1012") {
            self.odd.push(why);
        }
    }

    fn assert_even(&self) {
        let all: usize = self.parts.iter().sum();
        assert!(all >= PARTS, "hardly anybody was there: {self:?}");
        assert!(self.early == 0 && self.odd.is_empty(), "they were cut off: {self:?}");
        let most = self.parts.iter().max().unwrap();
        assert!(most * PARTS <= UNFAIR * all, "they left in a crowd: {self:?}");
    }
}
