//! Redis servers that stand in for each other: a primary that fails over under sentinels, and a Redis Cluster.

use std::time::Duration;

use messenger_chaos::nemesis::Nemesis;
use messenger_chaos::scenario::{GATEWAYS, Plan, Report};
use messenger_support::RedisGroup;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::run::{PLAN, assert_quick, disturbed, ms};

/// Within this all gateways hear themselves again: one second until the sentinels agree, three until silence counts,
/// one for the next attempt to connect, and a busy machine.
pub(crate) const BACK: Duration = Duration::from_secs(10);
/// How often a state is looked at that nobody tells of.
const LOOK: Duration = Duration::from_millis(20);

/// What each gateway has said about its subscriptions, the latest last.
pub(crate) fn told(nemesis: &mut Nemesis) -> Vec<Vec<bool>> {
    let said = |line: &str| {
        let is_it = line.contains("\"redis subscriptions\"");
        is_it.then(|| line.contains("\"healthy\":true"))
    };
    let cluster = nemesis.cluster();
    (0..GATEWAYS).map(|index| cluster.gateway(index).all_logs().lines().filter_map(said).collect()).collect()
}

/// Waits until `is` holds for what the gateways said.
pub(crate) async fn hear(nemesis: &mut Nemesis, is: impl Fn(&[Vec<bool>]) -> bool) {
    let begun = Instant::now();
    loop {
        let told = told(nemesis);
        if is(&told) {
            println!("gateways are back after {:?}", begun.elapsed());
            return;
        }
        assert!(begun.elapsed() < BACK, "{told:?}");
        sleep(LOOK).await;
    }
}

/// Every gateway lost its subscriptions and has them again.
async fn all_are_back(nemesis: &mut Nemesis) {
    hear(nemesis, |told| told.iter().all(|said| said.ends_with(&[true, false, true]))).await;
}

/// Some gateway lost its subscriptions, and none is without.
async fn losers_are_back(nemesis: &mut Nemesis) {
    let lost = |said: &Vec<bool>| said.contains(&false);
    let has = |said: &Vec<bool>| said.last() == Some(&true);
    hear(nemesis, |told| told.iter().any(lost) && told.iter().all(has)).await;
}

pub(crate) async fn until(
    limit: Duration,
    mut is: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    while !block_in_place(&mut is)? {
        anyhow::ensure!(Instant::now() < deadline, "not within {limit:?}");
        sleep(LOOK).await;
    }
    Ok(())
}

pub(crate) fn assert_survived(report: &Report) {
    assert_quick(report, ms(1000), ms(500));
    report.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_primary() {
    let mut group = block_in_place(RedisGroup::with_sentinels);
    let url = group.url().to_owned();
    let kill = async |nemesis: &mut Nemesis| {
        block_in_place(|| group.node(0).stop_immediate())?;
        all_are_back(nemesis).await;
        // It comes back as the primary that it was, until the sentinels tell it otherwise; nobody may fall for that.
        block_in_place(|| group.node(0).start_again())?;
        until(BACK, || group.is_primary(1)).await?;
        until(BACK, || group.is_replica(0)).await?;
        let told = told(nemesis);
        anyhow::ensure!(
            told.iter().all(|said| said == &[true, false, true]),
            "somebody fell for it: {told:?}"
        );
        Ok(())
    };
    let report = disturbed(Plan { redis: Some(&url), ..PLAN }, async |nemesis| {
        nemesis.as_fault("kill the primary", kill).await
    })
    .await;
    assert_survived(&report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ordered_fail_over() {
    let group = block_in_place(RedisGroup::with_sentinels);
    let order = async |nemesis: &mut Nemesis| {
        block_in_place(|| group.fail_over())?;
        all_are_back(nemesis).await;
        until(BACK, || group.is_primary(1)).await
    };
    let report = disturbed(Plan { redis: Some(group.url()), ..PLAN }, async |nemesis| {
        nemesis.as_fault("fail over", order).await
    })
    .await;
    assert_survived(&report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_slots_move() {
    let group = block_in_place(RedisGroup::cluster);
    let reshard = async |_: &mut Nemesis| {
        let end = Instant::now() + Duration::from_secs(5);
        for slot in 0.. {
            if Instant::now() >= end {
                println!("{slot} slots moved");
                break;
            }
            block_in_place(|| group.move_slot(slot, 0, 1 + slot % 2))?;
        }
        Ok(())
    };
    let report = disturbed(Plan { redis: Some(group.url()), ..PLAN }, async |nemesis| {
        nemesis.as_fault("move slots", reshard).await?;
        assert!(told(nemesis).iter().all(|said| said == &[true]), "a gateway lost its subscriptions");
        Ok(())
    })
    .await;
    assert_survived(&report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_of_a_cluster() {
    let mut group = block_in_place(RedisGroup::cluster);
    let url = group.url().to_owned();
    let kill = async |nemesis: &mut Nemesis| {
        let busiest = block_in_place(|| group.busiest("pubsub"))?;
        block_in_place(|| group.node(busiest).stop_immediate())?;
        losers_are_back(nemesis).await;
        // Long enough that the others give the node up, and a cluster that lacks slots refuses everything that has keys.
        sleep(Duration::from_secs(4)).await;
        block_in_place(|| group.node(busiest).start_again())
    };
    let report = disturbed(Plan { redis: Some(&url), ..PLAN }, async |nemesis| {
        nemesis.as_fault("kill a node", kill).await
    })
    .await;
    assert_survived(&report);
}

/// Gateways whose two connections are not of one cluster do not hear themselves, and try other nodes until they do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_leaves_its_cluster() {
    let group = block_in_place(RedisGroup::cluster);
    let settings = [("GATEWAY_REDIS_HEARTBEAT_MS", "500"), ("GATEWAY_REDIS_SILENCE_MS", "1500")];
    let expel = async |nemesis: &mut Nemesis| {
        // Rings are sent there, by gateways that listen elsewhere: who only listened anew would find peace on this node.
        let left = block_in_place(|| group.busiest("normal"))?;
        block_in_place(|| group.expel(left))?;
        losers_are_back(nemesis).await;
        until(BACK, || Ok(group.clients(left, "pubsub")? == 0)).await
    };
    let report = disturbed(Plan { redis: Some(group.url()), settings: &settings, ..PLAN }, async |nemesis| {
        nemesis.as_fault("expel a node", expel).await
    })
    .await;
    assert_survived(&report);
}
