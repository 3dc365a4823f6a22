//! A PgBouncer in transaction mode between the services and PostgreSQL.

use messenger_chaos::nemesis::Nemesis;
use messenger_chaos::scenario::Servers;
use messenger_support::POOLED_CONNECTIONS;

use crate::run::{PLAN, disturbed_on, ms};

/// Connections of the services to PostgreSQL, of whichever role has more of them.
async fn connections(nemesis: &mut Nemesis) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE 'messenger_%' \
         GROUP BY usename ORDER BY 1 DESC LIMIT 1";
    let rows = nemesis.cluster().messages().await.query(sql, &[]).await.unwrap();
    rows.first().map_or(0, |row| usize::try_from(row.get::<_, i64>(0)).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_with_few_connections_that_dies_three_times() {
    let pooled = || Servers { pooler: true, ..Servers::default() };
    let report = disturbed_on(pooled, PLAN, async |nemesis| {
        let count = connections(nemesis).await;
        assert!((1..=POOLED_CONNECTIONS).contains(&count), "{count} connections of a role");
        for _ in 0..3 {
            nemesis.as_fault("kill the pooler", async |nemesis| nemesis.kill_pooler(ms(300)).await).await?;
            tokio::time::sleep(ms(1000)).await;
        }
        Ok(())
    })
    .await;
    report.assert_kept();
}
