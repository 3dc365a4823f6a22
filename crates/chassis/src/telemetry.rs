//! Logs, metrics and traces of a process, and the `traceparent` that ties traces of several processes together.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::time::interval;
use tracing::{Level, Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::env::Env;
use crate::lifecycle::Tasks;

/// Upper bounds of the latency histograms' buckets, seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of the buckets of histograms that count rows.
const ROWS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
/// How often the recorder tidies up. What it has not tidied up it keeps, so this bounds its memory.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long the last spans may take to leave at the stop.
const FLUSH: Duration = Duration::from_secs(2);
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
    pub endpoint: Option<String>,
    /// Share of traces kept, 0 to 1, unless the caller has already decided.
    pub ratio: f64,
}

impl TelemetryConfig {
    /// Reads the keys that OpenTelemetry and `tracing` define, and `LOG_FORMAT`.
    pub fn read(env: &mut Env<'_>) -> Self {
        let format = env.text("LOG_FORMAT", "text", "text or json");
        if format != "text" && format != "json" {
            env.problem("LOG_FORMAT: must be text or json");
        }
        Self {
            json: format == "json",
            filter: env.text("RUST_LOG", "info", "log filter, for example info or messenger_gateway=debug"),
            endpoint: env
                .optional("OTEL_EXPORTER_OTLP_ENDPOINT", "OTLP/gRPC collector; traces are off without it"),
            ratio: env.within("OTEL_TRACES_SAMPLER_ARG", 0.1, 0.0..=1.0, "share of traces that are kept"),
        }
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
    provider: Option<SdkTracerProvider>,
    metrics: PrometheusHandle,
}

impl Telemetry {
    /// Installs the global subscriber and recorder. Logs go to standard error.
    ///
    /// # Errors
    /// [`TelemetryError`], also when called twice in one process.
    pub fn start(service: &'static str, config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let filter = EnvFilter::builder().parse(&config.filter)?.and(filter_fn(is_discreet));
        let output = fmt::layer().with_writer(std::io::stderr);
        let output = if config.json {
            output.json().flatten_event(true).with_span_list(false).boxed()
        } else {
            output.with_target(false).boxed()
        };
        let provider =
            config.endpoint.as_deref().map(|url| provider(service, url, config.ratio)).transpose()?;
        let traces = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(trace_filter())
        });
        tracing_subscriber::registry().with(output.with_filter(filter)).with(traces).try_init()?;
        let metrics = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
            .set_buckets_for_metric(Matcher::Suffix("_rows".to_owned()), &ROWS)?
            .install_recorder()?;
        Ok(Self { provider, metrics })
    }

    /// Keeps the recorder tidy until the stop: without it histograms grow for as long as nobody reads them.
    pub fn keep_up(&self, tasks: &Tasks) {
        let (metrics, stop) = (self.metrics.clone(), tasks.stop().clone());
        tasks.spawn_essential("metrics upkeep", async move {
            let mut due = interval(UPKEEP);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = due.tick() => metrics.run_upkeep(),
                }
            }
        });
    }

    /// Renders the metrics as Prometheus text.
    pub fn metrics(&self) -> PrometheusHandle {
        self.metrics.clone()
    }

    /// Sends the last spans.
    pub fn stop(self) {
        if let Some(Err(error)) = self.provider.map(|provider| provider.shutdown_with_timeout(FLUSH)) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
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
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.instance.id", std::process::id().to_string()))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
        .with_resource(resource)
        .build())
}

fn trace_filter() -> EnvFilter {
    let start = EnvFilter::new("info");
    SILENT.iter().filter_map(|directive| directive.parse().ok()).fold(start, EnvFilter::add_directive)
}

/// The `traceparent` of a span, when its trace is kept: what to send along to another process.
pub fn traceparent(span: &Span) -> Option<String> {
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
