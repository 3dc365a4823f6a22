//! What the spans of a message cost while nobody collects traces, with the subscriber that a gateway then has.

use std::hint::black_box;

use criterion::Criterion;
use messenger_chassis::telemetry::{TRACED, Telemetry, TelemetryConfig, is_kept, traceparent};
use tracing::Span;

pub(crate) fn measure(criterion: &mut Criterion) -> anyhow::Result<()> {
    let filter = "info".to_owned();
    let config = TelemetryConfig { json: true, filter, traces: None, ratio: 0.1, metrics: None };
    let _telemetry = Telemetry::start("gateway", &config)?;
    anyhow::ensure!(!message(7), "something takes the spans");
    criterion.bench_function("traces/a message, off", |bencher| bencher.iter(|| message(black_box(7))));
    Ok(())
}

/// Every place at which a message on its way could be traced; whether anything was made there.
fn message(conversation: i64) -> bool {
    let request = tracing::info_span!(
        target: TRACED, parent: None, "websocket.request", otel.kind = "server", otel.name = "privateMessage",
    );
    let queued = request.in_scope(|| tracing::info_span!(target: TRACED, "lane.wait", conversation));
    let cause = request.in_scope(Span::current);
    // The statement, the ring and the deliveries ask whether there is a trace to go on with.
    let traced = is_kept(&cause) || traceparent(&request).is_some();
    traced || !request.is_disabled() || !queued.is_disabled()
}
