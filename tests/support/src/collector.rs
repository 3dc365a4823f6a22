//! A collector: takes traces and metrics by OTLP over gRPC, and keeps them for the test to look at.

mod metrics;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsServiceServer;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

pub use self::metrics::Point;
use self::metrics::Points;

/// Spans kept; more are refused.
const SPANS_MAX: usize = 100_000;

/// A span as it was exported, ids in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// Its trace.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span it is part of; empty for the first of a trace.
    pub parent: String,
    /// Name of the service.
    pub service: String,
    /// Process of the service: its machine and number.
    pub instance: String,
    /// What else it says, as text.
    pub attributes: BTreeMap<String, String>,
}

/// A collector on a port of its own. It ends when dropped; belongs to the runtime it was started in.
#[derive(Debug)]
pub struct Collector {
    url: String,
    spans: Arc<Spans>,
    points: Arc<Points>,
    _server: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Spans {
    list: Mutex<Vec<Span>>,
    grown: watch::Sender<()>,
}

impl Collector {
    /// Starts one.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn start() -> Self {
        let bound = async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            std::io::Result::Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = bound.await.unwrap_or_else(|error| panic!("bind the collector: {error}"));
        let spans = Arc::new(Spans::default());
        let points = Arc::new(Points::default());
        let traces = TraceServiceServer::new(Receiver(Arc::clone(&spans)));
        let metrics = MetricsServiceServer::from_arc(Arc::clone(&points));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let services = Server::builder().add_service(traces).add_service(metrics);
            let serving = services.serve_with_incoming(TcpIncoming::from(listener));
            // What breaks it shows as spans that do not come.
            let _ = serving.await;
        });
        Self { url: format!("http://{address}"), spans, points, _server: server }
    }

    /// What to give to `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until `wanted` finds in all spans so far what it looks for.
    ///
    /// # Errors
    /// When it has not after `limit`; the message lists the spans.
    pub async fn wait_for<T>(&self, limit: Duration, wanted: impl Fn(&[Span]) -> Option<T>) -> Result<T> {
        let mut grown = self.spans.grown.subscribe();
        let search = async {
            loop {
                grown.borrow_and_update();
                if let Some(found) = wanted(&self.spans.list()) {
                    return Ok(found);
                }
                grown.changed().await?;
            }
        };
        let found = tokio::time::timeout(limit, search).await;
        found.with_context(|| format!("not among these spans: {:#?}", self.spans.list()))?
    }

    /// Waits until `wanted` finds what it looks for in what has been pushed last by each process.
    ///
    /// # Errors
    /// When it has not after `limit`; the message lists the points.
    pub async fn wait_for_metrics<T>(
        &self,
        limit: Duration,
        wanted: impl Fn(&[Point]) -> Option<T>,
    ) -> Result<T> {
        self.points.wait_for(limit, wanted).await
    }
}

impl Spans {
    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Span>> {
        // Held for single calls that leave the list whole.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Receiver(Arc<Spans>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut list = self.0.list();
        for exported in request.into_inner().resource_spans {
            let resource = exported.resource.unwrap_or_default();
            for span in exported.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                if list.len() >= SPANS_MAX {
                    return Err(Status::resource_exhausted("the collector is full"));
                }
                list.push(Span {
                    name: span.name,
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    service: attribute(&resource, "service.name"),
                    instance: attribute(&resource, "service.instance.id"),
                    attributes: span
                        .attributes
                        .into_iter()
                        .map(|pair| (pair.key.clone(), text(&pair)))
                        .collect(),
                });
            }
        }
        drop(list);
        self.0.grown.send_replace(());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn attribute(resource: &Resource, key: &str) -> String {
    resource.attributes.iter().find(|attribute| attribute.key == key).map(text).unwrap_or_default()
}

fn text(attribute: &KeyValue) -> String {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
