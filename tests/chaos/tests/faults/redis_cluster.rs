//! A Redis Cluster whose slots the gateways follow: sharded pub/sub, on real nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use messenger_chaos::nemesis::Nemesis;
use messenger_chaos::scenario::{GATEWAYS, Plan};
use messenger_support::{RedisGroup, get};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::redis_groups::{BACK, assert_survived, hear, told, until};
use crate::run::{PLAN, assert_quick, disturbed, ms};

/// Partitions, each with a slot of its own.
const PARTITIONS: usize = 128;
/// Primaries of the cluster.
const NODES: usize = 3;

/// In the end every gateway hears itself in all partitions.
async fn all_hear(nemesis: &mut Nemesis) {
    hear(nemesis, |told| told.iter().all(|said| said.last() == Some(&true))).await;
}

/// The slots in which each of the nodes has subscribers.
fn slots(group: &RedisGroup, nodes: &[usize]) -> anyhow::Result<Vec<BTreeSet<usize>>> {
    block_in_place(|| nodes.iter().map(|node| group.shard_slots(*node)).collect())
}

/// Each partition is listened to on one node only.
async fn are_divided(group: &RedisGroup, nodes: &[usize]) -> anyhow::Result<()> {
    until(BACK, || {
        let slots = slots(group, nodes)?;
        let all: BTreeSet<_> = slots.iter().flatten().collect();
        Ok(all.len() == PARTITIONS && slots.iter().map(BTreeSet::len).sum::<usize>() == PARTITIONS)
    })
    .await
}

/// No gateway drops rings, and they, not the sweep, bring what others stored.
async fn come_by_ring(nemesis: &mut Nemesis) -> anyhow::Result<()> {
    for gateway in 0..GATEWAYS {
        let (_, metrics) = get(nemesis.cluster().gateway(gateway).admin(), "/metrics").await?;
        let count = |name: &str| -> f64 {
            let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            value.unwrap_or_default()
        };
        let by = |way: &str| count(&format!("gateway_delivery_seconds_count{{way=\"{way}\"}}"));
        let dropped = count("gateway_rings_dropped_total");
        let (rung, swept) = (by("ring"), by("sweep"));
        println!("gateway {gateway}: {rung} by ring, {swept} by sweep, {dropped} rings dropped");
        anyhow::ensure!(rung > 10.0 * swept && dropped == 0.0, "rings do not come");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rings_are_divided_among_the_nodes() {
    let group = block_in_place(RedisGroup::cluster);
    let url = group.sharded_url();
    let look = async |nemesis: &mut Nemesis| {
        all_hear(nemesis).await;
        are_divided(&group, &[0, 1, 2]).await?;
        let counts: Vec<_> = slots(&group, &[0, 1, 2])?.iter().map(BTreeSet::len).collect();
        anyhow::ensure!(counts.iter().all(|count| (42..=43).contains(count)), "{counts:?}");
        for node in 0..NODES {
            let calls = |command| block_in_place(|| group.calls(node, command));
            anyhow::ensure!(calls("spublish")? > 0, "node {node} has no rings");
        }
        anyhow::ensure!(told(nemesis).iter().all(|said| said == &[true]), "a gateway lost its subscriptions");
        come_by_ring(nemesis).await
    };
    let report = disturbed(Plan { redis: Some(&url), ..PLAN }, look).await;
    assert_survived(&report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_are_followed() {
    let group = block_in_place(RedisGroup::cluster);
    let url = group.sharded_url();
    let reshard = async |_: &mut Nemesis| {
        let end = Instant::now() + Duration::from_secs(5);
        let mut moved = 0;
        while Instant::now() < end {
            let node = moved % NODES;
            if let Some(slot) = slots(&group, &[node])?[0].first().copied() {
                block_in_place(|| group.move_slot(slot, node, (node + 1) % NODES))?;
                moved += 1;
            }
            sleep(Duration::from_millis(100)).await;
        }
        println!("{moved} slots moved");
        anyhow::ensure!(moved > 3, "{moved} slots moved");
        Ok(())
    };
    let report = disturbed(Plan { redis: Some(&url), ..PLAN }, async |nemesis| {
        all_hear(nemesis).await;
        let before = block_in_place(|| group.shard_subscribers())?;
        nemesis.as_fault("move slots", reshard).await?;
        all_hear(nemesis).await;
        are_divided(&group, &[0, 1, 2]).await?;
        // Whoever listened to a channel still does, and once.
        until(BACK, || Ok(group.shard_subscribers()? == before)).await
    })
    .await;
    // With each move all nodes write their configuration to the disk that commits go to.
    assert_quick(&report, ms(1000), ms(1500));
    report.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_over() {
    let mut group = block_in_place(RedisGroup::cluster_with_replica);
    let url = group.sharded_url();
    let kill = async |nemesis: &mut Nemesis| {
        block_in_place(|| group.node(0).stop_immediate())?;
        hear(nemesis, |told| told.iter().all(|said| said.ends_with(&[true, false, true]))).await;
        are_divided(&group, &[1, 2, 3]).await?;
        // It comes back as a replica of the one that has its place.
        block_in_place(|| group.node(0).start_again())?;
        until(BACK, || group.is_replica(0)).await
    };
    let report = disturbed(Plan { redis: Some(&url), ..PLAN }, async |nemesis| {
        nemesis.as_fault("kill a primary", kill).await
    })
    .await;
    assert_survived(&report);
}

/// Without a replica its partitions are nowhere until it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_away_is_taken_again() {
    let mut group = block_in_place(RedisGroup::cluster);
    let url = group.sharded_url();
    let kill = async |nemesis: &mut Nemesis| {
        block_in_place(|| group.node(1).stop_immediate())?;
        hear(nemesis, |told| told.iter().all(|said| said.ends_with(&[true, false]))).await;
        // Long enough that the others give the node up.
        sleep(Duration::from_secs(4)).await;
        block_in_place(|| group.node(1).start_again())?;
        all_hear(nemesis).await;
        are_divided(&group, &[0, 1, 2]).await
    };
    let report = disturbed(Plan { redis: Some(&url), ..PLAN }, async |nemesis| {
        nemesis.as_fault("kill a node", kill).await
    })
    .await;
    assert_survived(&report);
}
