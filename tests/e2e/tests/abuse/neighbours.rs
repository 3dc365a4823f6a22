//! Two people who talk on the same gateway while somebody misbehaves.

use std::pin::pin;
use std::time::Duration;

use messenger_client::wire::PrivateMessage;
use messenger_support::Cluster;
use tokio::time::{Instant, interval, timeout};

use crate::people::SOON;
use crate::somebody;

/// Between two messages: well below every limit.
const PAUSE: Duration = Duration::from_millis(100);
/// What half of the messages must not take longer than, from the request to the other's screen, on a machine that is
/// busy with other tests.
const MEDIAN_MAX: Duration = Duration::from_millis(500);

/// Messages at least, however short the abuse is.
const MESSAGES_MIN: usize = 5;

/// Runs `abuse` while two others talk: each message is acknowledged, comes in its turn, and soon.
pub(crate) async fn meanwhile<T>(cluster: &Cluster, abuse: impl Future<Output = T>) -> T {
    let (dora, emil) = (somebody(cluster, "Dora").await, somebody(cluster, "Emil").await);
    let (from, mut to) = (dora.connect(cluster, 0).await, emil.connect(cluster, 0).await);
    let mut abuse = pin!(abuse);
    let (mut took, mut pace) = (Vec::new(), interval(PAUSE));
    let mut outcome = None;
    while outcome.is_none() || took.len() < MESSAGES_MIN {
        tokio::select! {
            ended = &mut abuse, if outcome.is_none() => outcome = Some(ended),
            _ = pace.tick() => {}
        }
        let begun = Instant::now();
        let content = took.len().to_string();
        let talk = async {
            let message = PrivateMessage { receiver_id: emil.id, content: &content, client_message_id: None };
            let sent = from.request(&message).await.unwrap();
            let push = to.recv().await.unwrap();
            let delivery = push.delivery().unwrap();
            assert_eq!((&delivery.text, delivery.seq), (&content, Some(sent.seq)));
        };
        let mut talk = pin!(timeout(SOON, talk));
        let talked = loop {
            tokio::select! {
                talked = &mut talk => break talked,
                ended = &mut abuse, if outcome.is_none() => outcome = Some(ended),
            }
        };
        assert!(talked.is_ok(), "a neighbour is not served");
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    let median = took[took.len() / 2];
    assert!(median < MEDIAN_MAX, "half of {} messages within {median:?}", took.len());
    outcome.unwrap()
}
