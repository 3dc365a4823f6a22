//! Clients that mean well and are in a hurry.

use messenger_client::wire::v2::To;

use crate::people::People;
use crate::phone::Phone;
use crate::stage;
use crate::until::metric;

/// Far more than may be sent at once.
const MESSAGES: usize = 150;
/// To so many others, so that they would all be under way at once.
const OTHERS: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_told_to_slow_down_does_so_and_loses_nothing() {
    let cluster = stage(&[]).await;
    let people = People::of(&cluster);
    let ann = people.join("Ann").await;
    let mut others = Vec::new();
    for number in 0..OTHERS {
        others.push(people.join(&format!("Other{number}")).await.id);
    }
    let mut phone = Phone::start(&ann, &cluster, 0).await;
    let ids: Vec<_> = (0..MESSAGES)
        .map(|number| phone.device.send(To::User(others[number % OTHERS]), number.to_string()).unwrap())
        .collect();
    for (number, id) in ids.iter().enumerate() {
        let stored = phone.acknowledged(*id).await;
        assert_eq!(stored.seq, (number / OTHERS) as u64 + 1, "in order, each once");
        assert!(!stored.duplicate);
    }
    let admin = cluster.gateway(0).admin();
    assert!(metric(admin, "gateway_rate_limited_total", "entries").await > 0.0, "it was told");
    assert!(metric(admin, "gateway_closes_total", "rate limited").await == 0.0, "and it listened");
}
