//! One request is one trace, through all processes that had a part in it; and what is measured arrives at a collector.

use messenger_client::wire::{ListLastMessage, PrivateMessage};
use messenger_support::{Cluster, ClusterOptions, Collector, Point, Span, get};
use reqwest::Method;
use serde_json::{Value, json};

use crate::people::{PASSWORD, People, SOON};

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

/// What nobody but the two may read.
const SECRET: &str = "under the third stone";

#[tokio::test]
async fn a_message_is_one_trace_from_the_frame_to_the_socket_on_the_other_gateway() {
    let collector = Collector::start().await;
    let cluster = traced(&collector).await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (a, mut b) = (ann.connect(&cluster, 0).await, bob.connect(&cluster, 1).await);
    a.request(&PrivateMessage { receiver_id: bob.id, content: SECRET, client_message_id: None })
        .await
        .unwrap();
    assert_eq!(b.recv().await.unwrap().delivery().unwrap().text, SECRET);

    let stored = [("gateway", "privateMessage"), ("gateway", "send_batch")];
    let rung = [
        ("gateway", "privateMessage"),
        ("gateway", "ring.publish"),
        ("gateway", "deliver"),
        ("gateway", "socket.write"),
    ];
    let found = |spans: &[Span]| {
        let [request, statement] = chain(spans, &stored)?[..] else { return None };
        let way = chain(spans, &rung)?;
        let wait = spans.iter().find(|span| span.name == "lane.wait" && span.parent == request.id)?;
        Some(
            [request, wait, statement]
                .into_iter()
                .chain(way.into_iter().skip(1))
                .cloned()
                .collect::<Vec<_>>(),
        )
    };
    let way = collector.wait_for(SOON, found).await.unwrap();
    let at = |gateway: usize| format!(":{}", cluster.gateway(gateway).pid());
    let [request, wait, statement, ring, delivery, write] = &way[..] else { panic!("{way:#?}") };
    for (span, instance) in [
        (request, at(0)),
        (wait, at(0)),
        (statement, at(0)),
        (ring, at(0)),
        (delivery, at(1)),
        (write, at(1)),
    ] {
        assert!(span.trace == request.trace && span.instance.ends_with(&instance), "{span:?}");
    }
    for (span, key, value) in [
        (statement, "db.operation.batch.size", "1"),
        (ring, "messaging.system", "redis"),
        (ring, "seq", "1"),
        (delivery, "seq", "1"),
        (delivery, "sockets", "1"),
    ] {
        assert_eq!(span.attributes.get(key).map(String::as_str), Some(value), "{span:#?}");
    }
    assert_eq!(delivery.attributes.get("conversation"), wait.attributes.get("conversation"));
    let said = way.iter().flat_map(|span| span.attributes.values());
    assert!(said.clone().count() > 20 && said.into_iter().all(|text| text != SECRET && !text.contains('@')));
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

#[tokio::test]
async fn a_gateway_of_one_thread_sends_its_last_spans_before_it_stops() {
    let collector = Collector::start().await;
    let seldom = [("OTEL_BSP_SCHEDULE_DELAY", "3600000"), ("GATEWAY_THREADS", "1")];
    let mut cluster = start(&collector, &seldom).await;
    let ann = People::of(&cluster).join("Ann").await;
    let a = ann.connect(&cluster, 0).await;
    a.request(&ListLastMessage { limit: 5, page: 1 }).await.unwrap();
    cluster.terminate(0, SOON).await;
    let listed = [("gateway", "listLastMessage")];
    collector.wait_for(SOON, |spans| chain(spans, &listed).map(|_| ())).await.unwrap();
}

#[tokio::test]
async fn a_line_of_the_log_names_its_trace() {
    let collector = Collector::start().await;
    let cluster = traced(&collector).await;
    let people = People::of(&cluster);
    let body = json!({"email": "dora@traces.example", "password": PASSWORD, "firstName": "Dora"});
    let call = async |path: &str, body: &Value| -> (u16, Value) {
        let text = body.to_string();
        let (status, answer) = people.accounts.raw(Method::POST, path, None, Some(text)).await.unwrap();
        (status, serde_json::from_str(&answer).unwrap())
    };
    assert_eq!(call("/auth/sign-up", &body).await.0, 201);
    let log_in = json!({"email": body["email"], "password": PASSWORD});
    let (_, first) = call("/auth/login", &log_in).await;
    let (_, second) = call("/auth/refresh", &json!({"refreshToken": first["refreshToken"]})).await;
    let (status, _) = call("/auth/refresh", &json!({"refreshToken": second["refreshToken"]})).await;
    assert_eq!(status, 201);
    // Its answer has arrived, or there would be no use of the second one: this is a thief.
    assert_eq!(call("/auth/refresh", &json!({"refreshToken": first["refreshToken"]})).await.0, 401);
    let line = cluster.accounts().log().wait_for(SOON, |line| line.contains("a spent refresh token")).await;
    let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
    let ids = ["trace_id", "span_id"].map(|key| line[key].as_str().unwrap_or_default().to_owned());
    let named = |spans: &[Span]| {
        let span = spans.iter().find(|span| span.trace == ids[0] && span.id == ids[1])?;
        Some(span.name.clone())
    };
    assert_eq!(collector.wait_for(SOON, named).await.unwrap(), "POST /auth/refresh");
    assert!(!cluster.gateway(0).log().text().contains("trace_id"), "nothing was logged in a trace there");
}

#[tokio::test]
async fn what_is_pushed_is_what_can_be_fetched() {
    let collector = Collector::start().await;
    let settings =
        [("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", collector.url()), ("OTEL_METRIC_EXPORT_INTERVAL", "100")];
    let options = ClusterOptions { gateways: 2, settings: &settings, ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await;
    let people = People::of(&cluster);
    let (ann, bob) = (people.join("Ann").await, people.join("Bob").await);
    let (a, mut b) = (ann.connect(&cluster, 0).await, bob.connect(&cluster, 1).await);
    for content in ["one", "two", "three"] {
        a.request(&PrivateMessage { receiver_id: bob.id, content, client_message_id: None }).await.unwrap();
        b.recv().await.unwrap();
    }
    let [here, there] = [0, 1].map(|gateway| format!(":{}", cluster.gateway(gateway).pid()));
    let accounts = format!(":{}", cluster.accounts().pid());
    for (instance, service, name, label, value) in [
        (&here, "gateway", "gateway_sends_total", Some(("result", "stored")), 3.0),
        (&here, "gateway", "gateway_sockets", None, 1.0),
        (&here, "gateway", "gateway_lane_queue", None, 0.0),
        (&there, "gateway", "gateway_outbox_bytes", None, 0.0),
        (&there, "gateway", "postgres_connections_waited_for", None, 0.0),
        (&there, "gateway", "gateway_delivery_seconds", Some(("way", "ring")), 3.0),
        (&there, "gateway", "gateway_deliveries_total", None, 3.0),
        (&there, "gateway", "gateway_sends_refused_total", None, 0.0),
        (&accounts, "accounts", "accounts_refresh_reuse_total", None, 0.0),
        (&accounts, "accounts", "accounts_password_hashes_waiting", None, 0.0),
    ] {
        let found = |points: &[Point]| {
            let is_it = |point: &&Point| {
                point.name == name
                    && point.service == service
                    && point.instance.ends_with(instance)
                    && label.is_none_or(|(key, value)| point.labels.get(key).is_some_and(|it| it == value))
            };
            points.iter().find(is_it).filter(|point| point.value >= value).map(|point| point.value)
        };
        assert_eq!(collector.wait_for_metrics(SOON, found).await.unwrap(), value, "{name}");
    }
    let (_, text) = get(cluster.gateway(1).admin(), "/metrics").await.unwrap();
    for line in ["gateway_delivery_seconds_count{way=\"ring\"} 3", "gateway_deliveries_total 3"] {
        assert!(text.lines().any(|it| it == line), "no {line} in {text}");
    }
}

async fn traced(collector: &Collector) -> Cluster {
    start(collector, &[("OTEL_BSP_SCHEDULE_DELAY", "100")]).await
}

async fn start(collector: &Collector, settings: &[(&str, &str)]) -> Cluster {
    let traced = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()), ("OTEL_TRACES_SAMPLER_ARG", "1")];
    let settings = [&traced, settings].concat();
    Cluster::start(ClusterOptions { gateways: 2, settings: &settings, ..ClusterOptions::default() }).await
}
