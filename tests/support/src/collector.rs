//! A collector of traces: takes OTLP over gRPC and keeps the spans for the test to look at.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

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
    /// Process of the service.
    pub instance: String,
}

/// A collector on a port of its own. It ends when dropped; belongs to the runtime it was started in.
#[derive(Debug)]
pub struct Collector {
    url: String,
    spans: Arc<Spans>,
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
        let service = TraceServiceServer::new(Receiver(Arc::clone(&spans)));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let serving =
                Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener));
            // What breaks it shows as spans that do not come.
            let _ = serving.await;
        });
        Self { url: format!("http://{address}"), spans, _server: server }
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
                });
            }
        }
        drop(list);
        self.0.grown.send_replace(());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn attribute(resource: &Resource, key: &str) -> String {
    let found = resource.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
