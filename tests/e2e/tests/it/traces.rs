//! One request is one trace, through all processes that had a part in it.

use messenger_client::wire::{ListLastMessage, PrivateMessage};
use messenger_support::{Cluster, ClusterOptions, Collector, Span};

use crate::people::{People, SOON};

/// The trace of a request of this name in which every step is found below the one before it.
fn chain<'a>(spans: &'a [Span], steps: &[(&str, &str)]) -> Option<Vec<&'a Span>> {
    let is = |span: &Span, (service, name): (&str, &str)| span.service == service && span.name == name;
    let below = |span: &Span, step| spans.iter().find(|next| next.parent == span.id && is(next, step));
    let (first, rest) = steps.split_first()?;
    spans.iter().filter(|span| is(span, *first) && span.parent.is_empty()).find_map(|root| {
        let mut found = vec![root];
        for step in rest {
            found.push(below(found[found.len() - 1], *step)?);
        }
        Some(found)
    })
}

#[tokio::test]
async fn a_message_is_one_trace_from_the_request_to_the_other_gateway() {
    let collector = Collector::start().await;
    let cluster = traced(&collector).await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (a, mut b) = (ann.connect(&cluster, 0).await, bob.connect(&cluster, 1).await);
    a.request(&PrivateMessage { receiver_id: bob.id, content: "Hi", client_message_id: None }).await.unwrap();
    assert_eq!(b.recv().await.unwrap().delivery().unwrap().text, "Hi");

    let stored = [("gateway", "privateMessage"), ("gateway", "send_batch")];
    let (here, there) = (cluster.gateway(0).pid().to_string(), cluster.gateway(1).pid().to_string());
    let delivered = |spans: &[Span]| {
        let trace = &chain(spans, &stored)?.first()?.trace;
        let deliveries = || spans.iter().filter(|span| span.name == "deliver" && span.trace == *trace);
        let at = |instance: &str| deliveries().any(|span| span.instance == instance);
        (at(&here) && at(&there)).then_some(())
    };
    collector.wait_for(SOON, delivered).await.unwrap();
}

#[tokio::test]
async fn a_name_is_looked_up_at_accounts_within_the_trace_of_the_request() {
    let collector = Collector::start().await;
    let cluster = traced(&collector).await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (a, b) = (ann.connect(&cluster, 0).await, bob.connect(&cluster, 1).await);
    a.request(&PrivateMessage { receiver_id: bob.id, content: "Hi", client_message_id: None }).await.unwrap();
    b.request(&ListLastMessage { limit: 5, page: 1 }).await.unwrap();
    let looked_up = [
        ("gateway", "listLastMessage"),
        ("gateway", "accounts.GetUsers"),
        ("accounts", "/messenger.accounts.v1.AccountsService/GetUsers"),
        ("accounts", "users.by_ids"),
    ];
    let found = collector.wait_for(SOON, |spans| Some(chain(spans, &looked_up)?.len())).await.unwrap();
    assert_eq!(found, looked_up.len());
    let logged_in = [("accounts", "POST /auth/login")];
    collector.wait_for(SOON, |spans| chain(spans, &logged_in).map(|_| ())).await.unwrap();
}

async fn traced(collector: &Collector) -> Cluster {
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("OTEL_TRACES_SAMPLER_ARG", "1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    Cluster::start(ClusterOptions { gateways: 2, settings: &settings, ..ClusterOptions::default() }).await
}
