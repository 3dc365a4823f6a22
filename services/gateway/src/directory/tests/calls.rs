//! Deadlines, retries, the breaker, and what goes along with a call.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::time::Instant;
use tonic::Code;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

#[tokio::test]
async fn a_call_is_retried_while_accounts_is_unavailable() {
    let fixture = Fixture::new();
    fixture.server.put([(1, "ann"), (2, "bob")]);
    fixture.server.fail_next(2, Code::Unavailable);
    assert_eq!((fixture.name(1).await, fixture.calls()), (called("ann"), 3));
    fixture.server.fail_next(3, Code::Unavailable);
    assert_eq!((fixture.name(2).await, fixture.calls()), (DOWN, 6), "two retries, not more");
    assert_eq!(fixture.name(2).await, called("bob"));
}

#[tokio::test]
async fn other_failures_are_not_retried() {
    let fixture = Fixture::new();
    fixture.server.fail_next(1, Code::Internal);
    assert_eq!((fixture.name(1).await, fixture.calls()), (DOWN, 1));
}

#[tokio::test]
async fn an_accounts_that_is_silent_costs_the_deadline() {
    let deadline = Duration::from_millis(200);
    let fixture = Fixture::with(|config| config.call.deadline = deadline);
    fixture.server.put([(1, "ann")]);
    fixture.server.set_open(false);
    let begun = Instant::now();
    assert_eq!(fixture.name(1).await, DOWN);
    assert!((deadline..5 * SECOND).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    let told = fixture.server.calls()[0].timeout.clone().expect("accounts is told when to give up");
    let microseconds: u64 = told.trim_end_matches('u').parse().unwrap();
    assert!((1..=200_000).contains(&microseconds), "{told}");
    fixture.server.set_open(true);
    assert_eq!(fixture.name(1).await, called("ann"));
}

#[tokio::test]
async fn nobody_listening_is_an_outage_too() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = config(&format!("http://{nobody}").parse().unwrap());
    let directory = GrpcDirectory::start(Accounts::new(&config).unwrap(), &config, &Tasks::new());
    assert!(matches!(directory.get(&[UserId(1)]).await, Err(DirectoryError::Unavailable)));
}

/// As an accounts of before is asked for its log of ended sessions, every second.
#[tokio::test]
async fn an_accounts_that_does_not_know_a_call_is_not_left_alone() {
    let fixture = Fixture::with(|config| config.call.retries = 0);
    fixture.server.put([(1, "ann")]);
    fixture.server.fail_next(20, Code::Unimplemented);
    for times in 1..=20 {
        assert_eq!((fixture.name(1).await, fixture.calls()), (DOWN, times));
    }
    assert_eq!(fixture.name(1).await, called("ann"));
}

#[tokio::test]
async fn a_failing_accounts_is_left_alone_for_a_while() {
    let fixture = Fixture::with(|config| config.call.retries = 0);
    fixture.server.put([(1, "ann"), (2, "bob")]);
    fixture.server.fail_next(6, Code::Unavailable);
    for times in 1..=5 {
        assert_eq!((fixture.name(1).await, fixture.calls()), (DOWN, times));
    }
    assert_eq!((fixture.name(1).await, fixture.calls()), (DOWN, 5), "refused without a call");
    pass(SECOND).await;
    assert_eq!((fixture.name(1).await, fixture.calls()), (DOWN, 6), "the probe failed");
    assert_eq!((fixture.name(1).await, fixture.calls()), (DOWN, 6));
    pass(SECOND).await;
    assert_eq!((fixture.name(1).await, fixture.calls()), (called("ann"), 7), "the probe succeeded");
    assert_eq!((fixture.name(2).await, fixture.calls()), (called("bob"), 8));
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let fixture = Fixture::with(|config| config.cache.queue = 2);
    fixture.server.put([(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
    fixture.server.set_open(false);
    let (first, (), (second, third)) = tokio::join!(fixture.name(1), fixture.server.called(1), async {
        fixture.server.called(1).await;
        tokio::join!(fixture.names(&[2, 3]), async {
            let refused = fixture.name(4).await;
            fixture.server.set_open(true);
            refused
        })
    });
    assert_eq!((first, third), (called("a"), DOWN));
    assert_eq!(second.map(|names| names.len()), Ok(2));
}

#[tokio::test]
async fn after_the_stop_only_what_is_known_is_found() {
    let server = FakeAccounts::start();
    server.put([(1, "ann"), (2, "bob")]);
    let (config, tasks) = (config(&server.url), Tasks::new());
    let directory = GrpcDirectory::start(Accounts::new(&config).unwrap(), &config, &tasks);
    assert!(directory.get(&[UserId(1)]).await.is_ok());
    tasks.stop().cancel();
    tasks.join().await;
    assert!(directory.get(&[UserId(1)]).await.is_ok());
    assert!(directory.get(&[UserId(2)]).await.is_err());
}

#[tokio::test]
async fn every_call_shows_the_token() {
    let fixture = Fixture::new();
    fixture.names(&[1]).await.unwrap();
    let accounts = Accounts::new(&config(&fixture.server.url)).unwrap();
    assert!(accounts.answers().await);
    let calls = fixture.server.calls();
    assert!(calls.len() == 2 && calls.iter().all(|call| call.authorization.as_deref() == Some(BEARER)));
    assert!(!format!("{accounts:?}").contains(TOKEN), "it does not print");
}

#[tokio::test]
async fn the_trace_of_the_request_goes_along() {
    let fixture = Fixture::new();
    assert!(fixture.names(&[1]).await.is_ok(), "the span of a call is known to `tracing`");
    // With a single subscriber `tracing` asks the thread that meets a span first, which may be that of another test.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let tracer = SdkTracerProvider::builder().build().tracer("test");
    let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
    let _guard = tracing::subscriber::set_default(subscriber);
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let span = tracing::info_span!("request");
    messenger_chassis::telemetry::set_parent(&span, &format!("00-{trace}-{parent}-01"));
    assert!(fixture.names(&[2]).instrument(span).await.is_ok());
    let [untraced, traced] = &fixture.server.calls()[..] else { panic!("two calls") };
    assert_eq!(untraced.traceparent, None);
    let sent = traced.traceparent.clone().unwrap();
    assert!(sent.starts_with(&format!("00-{trace}-")) && sent.ends_with("-01"), "{sent}");
    assert!(!sent.contains(parent), "the call has a span of its own: {sent}");
}
