//! The cluster that takes bad input, and what its logs must not tell of it.

use messenger_support::{Cluster, ClusterOptions};
use tokio::sync::OnceCell;

use crate::people::{PASSWORD, Person, Shared};

/// In every text that a test of bad input sends.
pub(crate) const MARK: &str = "m4rk-of-a-s3cret";

/// Two gateways which log more than in service.
pub(crate) async fn stage() -> Shared {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    let verbose = "info,messenger_gateway=debug,messenger_accounts=debug,messenger_chassis=debug";
    let options =
        ClusterOptions { gateways: 2, settings: &[("RUST_LOG", verbose)], ..ClusterOptions::default() };
    Shared::start(&CLUSTER, options).await
}

/// No log has a secret of these people, a text of a test, or a sign of a fault of ours.
pub(crate) fn assert_discreet(cluster: &Cluster, people: &[&Person]) {
    let logs = cluster.logs();
    assert!(logs.lines().count() >= 6, "these are no logs: {logs}");
    let tokens = people.iter().flat_map(|person| person.token().split('.').skip(1));
    let emails = people.iter().map(|person| person.email.as_str());
    for secret in [MARK, PASSWORD, "panic", "\"level\":\"ERROR\""].into_iter().chain(tokens).chain(emails) {
        if let Some(line) = logs.lines().find(|line| line.contains(secret)) {
            panic!("{secret} in {line}");
        }
    }
}
