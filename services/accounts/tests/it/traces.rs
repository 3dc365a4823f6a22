//! Traces: requests and calls join the trace of their caller, statements hang below them.

use messenger_proto::accounts::GetUsersRequest;
use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::Method;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::answer::Answer;
use crate::service::{PATIENCE, Service};

const REST: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const CALL: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Collector(mpsc::Sender<Span>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let spans = resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
        spans.for_each(|span| self.0.try_send(span).unwrap());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the collector ends with the test's runtime; the test reads all it sends"
)]
async fn collector() -> (String, mpsc::Receiver<Span>) {
    let (sender, spans) = mpsc::channel(1_000);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(Collector(sender));
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    (url, spans)
}

/// The trace and the parent that a `traceparent` names.
fn ids(traceparent: &str) -> [String; 2] {
    let parts: Vec<_> = traceparent.split('-').collect();
    [parts[1].to_owned(), parts[2].to_owned()]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn requests_and_calls_join_the_trace_of_their_caller() {
    let (url, mut exported) = collector().await;
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_TRACES_SAMPLER_ARG", "0")];
    let mut service = Service::start_with(&settings).await;
    let user = service.user("ann@x.io", None).await;
    let rest = service.request(Method::GET, &format!("/users/{}", user.id)).bearer_auth(&user.token);
    assert_eq!(Answer::of(rest.header("traceparent", REST)).await.status, 200);
    let mut call = Request::new(GetUsersRequest { ids: vec![user.id] });
    call.metadata_mut().insert("traceparent", CALL.parse().unwrap());
    service.calls().await.get_users(call).await.unwrap();

    let stopping = tokio::task::spawn_blocking(move || service.process.stop(&[(Signal::SIGTERM, PATIENCE)]));
    assert!(stopping.await.unwrap().unwrap().success());
    let mut spans = Vec::new();
    while let Ok(span) = exported.try_recv() {
        spans.push(span);
    }
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    for (parent, name, statement) in [
        (REST, "GET /users/{id}", "users.present"),
        (CALL, "/messenger.accounts.v1.AccountsService/GetUsers", "users.by_ids"),
    ] {
        let server =
            spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {names:?}"));
        assert_eq!([hex(&server.trace_id), hex(&server.parent_span_id)], ids(parent), "{name}");
        let below = |span: &&Span| span.name == statement && span.trace_id == server.trace_id;
        assert_eq!(spans.iter().find(below).unwrap().parent_span_id, server.span_id, "{names:?}");
    }
    assert!(
        !names.contains(&"POST /auth/login"),
        "a ratio of zero keeps only what callers ask for: {names:?}"
    );
}
