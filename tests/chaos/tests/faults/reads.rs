//! The gateways read from a standby that lags, stands still, dies and takes over.

use std::time::Duration;

use messenger_backing::Durability;
use messenger_chaos::nemesis::Nemesis;
use messenger_chaos::scenario::Servers;
use messenger_support::{private_postgres, standby_of};
use tokio::time::{Instant, sleep};

use crate::run::{PLAN, disturbed_on, ms};

const SOON: Duration = Duration::from_secs(20);

fn servers(settings: &[(&str, &str)]) -> Servers {
    let mut primary = private_postgres(Durability::Durable, settings);
    let standby = standby_of(&mut primary);
    Servers { postgres: Some(primary), standby: Some(standby), reads: true, pooler: false }
}

/// What gateway 0 says of its standby.
async fn metric(nemesis: &mut Nemesis, name: &str) -> f64 {
    let admin = nemesis.cluster().gateway(0).admin().to_owned();
    let (_, metrics) = messenger_support::get(&admin, "/metrics").await.unwrap();
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}

async fn is_read(nemesis: &mut Nemesis, wanted: bool) {
    let deadline = Instant::now() + SOON;
    while (metric(nemesis, "gateway_standby_in_use").await > 0.5) != wanted {
        assert!(Instant::now() < deadline, "the standby is still read, or still not: wanted {wanted}");
        sleep(ms(20)).await;
    }
}

const SERVED: &str = "gateway_standby_reads_total{result=\"served\"}";
const BEHIND: &str = "gateway_standby_reads_total{result=\"behind\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_lags_stands_still_and_dies() {
    let lagging = || servers(&[("recovery_min_apply_delay", "300ms")]);
    let report = disturbed_on(lagging, PLAN, async |nemesis| {
        is_read(nemesis, true).await;
        nemesis
            .as_fault("lossy bus, lagging standby", async |nemesis| {
                nemesis.lossy_bus(ms(3000)).await;
                Ok(())
            })
            .await?;
        // Holes are filled sooner than a standby knows that is 300 ms behind: it is asked, and mostly the primary after it.
        let asked = metric(nemesis, SERVED).await + metric(nemesis, BEHIND).await;
        assert!(asked > 0.0, "nothing was asked of the standby");
        nemesis
            .as_fault("paused standby", async |nemesis| {
                nemesis.pause_standby(ms(3000)).await?;
                assert!(metric(nemesis, "gateway_standby_in_use").await < 0.5, "what stands still is read");
                Ok(())
            })
            .await?;
        is_read(nemesis, true).await;
        nemesis.as_fault("killed standby", async |nemesis| nemesis.kill_standby(ms(2000)).await).await?;
        is_read(nemesis, true).await;
        Ok(())
    })
    .await;
    report.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_standby_that_is_read_takes_over() {
    let synchronous = || servers(&[("synchronous_standby_names", "ANY 1 (*)")]);
    let report = disturbed_on(synchronous, PLAN, async |nemesis| {
        is_read(nemesis, true).await;
        nemesis.as_fault("fail over", async |nemesis| nemesis.fail_over().await).await?;
        is_read(nemesis, false).await;
        Ok(())
    })
    .await;
    report.assert_kept();
}
