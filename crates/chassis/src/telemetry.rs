//! Logs, metrics and traces of a process, and the `traceparent` that ties traces of several processes together.

mod exposition;
mod json;
mod otlp;
mod process;
mod push;
mod recorder;

pub use push::PushConfig;
pub use recorder::Metrics;

use std::time::Duration;

use metrics_exporter_prometheus::BuildError;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::task::spawn_blocking;
use tokio::time::interval;
use tracing::{Level, Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use self::json::InTrace;
use self::push::Pusher;
use crate::clock::SystemClock;
use crate::env::Env;
use crate::lifecycle::Tasks;

/// Target of spans that are there for traces alone: the log does not show them, and while there is no collector nothing
/// is made of them. For what happens thousands of times a second.
pub const TRACED: &str = "traced";

/// How often the recorder tidies up. What it has not tidied up it keeps, so this bounds its memory.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long the last spans may take to leave at the stop.
const FLUSH: Duration = Duration::from_secs(2);
/// Name of what makes the spans.
const SCOPE: &str = "messenger";
/// Libraries whose spans would trace the exporter itself.
const SILENT: [&str; 4] = ["h2=off", "hyper=off", "tonic=off", "tower=off"];
/// Libraries that print what people write, each with the last level at which it does not. Holds whatever `RUST_LOG` asks
/// for: below, one prints the parameters of statements, which are people's addresses, password hashes and messages, the
/// other prints frames.
const DISCREET: [(&str, Level); 2] = [("tokio_postgres", Level::WARN), ("tungstenite", Level::DEBUG)];

/// What is logged and traced, and where to.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// Filter directives, `RUST_LOG` syntax.
    pub filter: String,
    /// OTLP endpoint over gRPC; traces are off without it.
    pub traces: Option<String>,
    /// Share of traces kept, 0 to 1, unless the caller has already decided.
    pub ratio: f64,
    /// Where metrics are pushed, beside being there to be fetched.
    pub metrics: Option<PushConfig>,
}

impl TelemetryConfig {
    /// Reads the keys that OpenTelemetry and `tracing` define, and `LOG_FORMAT`.
    pub fn read(env: &mut Env<'_>) -> Self {
        let format = env.text("LOG_FORMAT", "text", "text or json");
        if format != "text" && format != "json" {
            env.problem("LOG_FORMAT: must be text or json");
        }
        let filter = env.text("RUST_LOG", "info", "log filter, for example info or messenger_gateway=debug");
        let both = env.optional(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTLP/gRPC collector; traces and the push of metrics are off without it",
        );
        let traces = env.optional("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "the same for traces alone");
        let metrics = env.optional("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "the same for metrics alone");
        let ratio = env.within("OTEL_TRACES_SAMPLER_ARG", 0.1, 0.0..=1.0, "share of traces that are kept");
        let every = env.millis(
            "OTEL_METRIC_EXPORT_INTERVAL",
            60_000,
            100..=3_600_000,
            "time between two pushes of metrics, milliseconds",
        );
        let metrics = metrics.or_else(|| both.clone()).map(|endpoint| PushConfig { endpoint, every });
        Self { json: format == "json", filter, traces: traces.or(both), ratio, metrics }
    }
}

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter's directives cannot be read.
    #[error("RUST_LOG cannot be read")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The endpoint cannot be used.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used")]
    Exporter(#[from] ExporterBuildError),
    /// The metrics recorder cannot be installed.
    #[error("install the metrics recorder")]
    Metrics(#[from] BuildError),
    /// A subscriber is installed already.
    #[error("install the log subscriber")]
    Subscriber(#[from] TryInitError),
}

/// The running telemetry of the process.
#[derive(Debug)]
pub struct Telemetry {
    service: &'static str,
    provider: Option<SdkTracerProvider>,
    metrics: Metrics,
    push: Option<PushConfig>,
}

impl Telemetry {
    /// Installs the global subscriber and recorder. Logs go to standard error.
    ///
    /// # Errors
    /// [`TelemetryError`], also when called twice in one process.
    pub fn start(service: &'static str, config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let provider =
            config.traces.as_deref().map(|url| provider(service, url, config.ratio)).transpose()?;
        subscriber(config, provider.as_ref(), std::io::stderr)?.try_init()?;
        let metrics = Metrics::install()?;
        metrics.observe(process::look);
        Ok(Self { service, provider, metrics, push: config.metrics.clone() })
    }

    /// Keeps the recorder tidy until the stop: without it histograms grow for as long as nobody reads them. Pushes the
    /// metrics, if they are to be.
    pub fn keep_up(&self, tasks: &Tasks) {
        let (metrics, stop) = (self.metrics.clone(), tasks.stop().clone());
        tasks.spawn_essential("metrics upkeep", async move {
            let mut due = interval(UPKEEP);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = due.tick() => metrics.tidy_up(),
                }
            }
        });
        if let Some(config) = self.push.clone() {
            let (metrics, attributes) = (self.metrics.clone(), identity(self.service).to_vec());
            let pusher = Pusher { config, metrics, clock: SystemClock, attributes };
            tasks.spawn_essential("metrics push", pusher.run(tasks.stop().clone()));
        }
    }

    /// The metrics of the process.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Sends the last spans. They travel through this runtime, so its only thread must not wait for them.
    pub async fn stop(self) {
        let Some(provider) = self.provider else { return };
        match spawn_blocking(move || provider.shutdown_with_timeout(FLUSH)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not sent"),
            Err(error) => tracing::warn!(%error, "the last spans were not sent"),
        }
    }
}

/// What takes logs and spans: writes the ones, and hands the others to `provider`.
fn subscriber<W>(
    config: &TelemetryConfig,
    provider: Option<&SdkTracerProvider>,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + 'static, tracing_subscriber::filter::ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Without a hint of its own the second half would hide that of the first, and what no log shows would be looked at here.
    let discreet = filter_fn(is_logged).with_max_level_hint(LevelFilter::TRACE);
    let filter = EnvFilter::builder().parse(&config.filter)?.and(discreet);
    let output = fmt::layer().with_writer(writer);
    let output = if config.json {
        output.json().flatten_event(true).with_span_list(false).map_event_format(InTrace).boxed()
    } else {
        output.with_target(false).boxed()
    };
    let traces = provider.map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer(SCOPE)));
    // The layer that is not there has a filter, too: one without would count as one that wants every span.
    let traced = if traces.is_some() { trace_filter() } else { EnvFilter::new("off") };
    Ok(tracing_subscriber::registry().with(output.with_filter(filter)).with(traces.with_filter(traced)))
}

/// Whether the log may show it: not what is there for traces alone, and nothing that prints what people write.
fn is_logged(item: &Metadata<'_>) -> bool {
    item.target() != TRACED && is_discreet(item)
}

/// Whether nothing that people write can be in an event of this kind.
fn is_discreet(event: &Metadata<'_>) -> bool {
    let (library, _) = event.target().split_once("::").unwrap_or((event.target(), ""));
    DISCREET.iter().all(|(talkative, last)| library != *talkative || event.level() <= last)
}

fn provider(
    service: &'static str,
    endpoint: &str,
    ratio: f64,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let identity = identity(service).map(|(key, value)| KeyValue::new(key, value));
    let resource = Resource::builder().with_attributes(identity).build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
        .with_resource(resource)
        .build())
}

/// What tells this process from all others, also from one of the same number in another container.
fn identity(service: &str) -> [(&'static str, String); 2] {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let instance = format!("{}:{}", host.trim(), std::process::id());
    [("service.name", service.to_owned()), ("service.instance.id", instance)]
}

fn trace_filter() -> EnvFilter {
    let start = EnvFilter::new("info");
    SILENT.iter().filter_map(|directive| directive.parse().ok()).fold(start, EnvFilter::add_directive)
}

/// Whether the span's trace is kept.
pub fn is_kept(span: &Span) -> bool {
    !span.is_disabled() && span.context().span().span_context().is_sampled()
}

/// The `traceparent` of a span, when its trace is kept: what to send along to another process.
pub fn traceparent(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let kept = span.span_context();
    if !kept.is_sampled() {
        return None;
    }
    Some(format!("00-{}-{}-{:02x}", kept.trace_id(), kept.span_id(), kept.trace_flags().to_u8()))
}

/// Makes `span` a child of the span that `traceparent` names. A malformed one is ignored, as W3C asks.
pub fn set_parent(span: &Span, traceparent: &str) {
    if let Err(error) = span.set_parent(context_of(traceparent)) {
        tracing::trace!(%error, "span has no trace");
    }
}

fn context_of(traceparent: &str) -> Context {
    let carrier = std::collections::HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract(&carrier)
}

#[cfg(test)]
mod tests;
