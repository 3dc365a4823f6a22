//! Who may call over gRPC: services with a token, and over mutual TLS with the right certificate.

use std::time::Duration;

use messenger_proto::accounts::accounts_service_client::AccountsServiceClient;
use messenger_proto::accounts::{FindUsersRequest, GetSigningKeysRequest, GetUsersRequest};
use messenger_support::{Authority, Certificate};
use tonic::client::Grpc;
use tonic::transport::{Certificate as Root, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use crate::service::{PATIENCE, Service, TOKEN};

const SECOND_TOKEN: &str = "c04f1c53a2b94e6f8a70d1e2b3957f46";
/// What an accounts certificate and a gateway's bear in these tests.
const ACCOUNTS: &str = "accounts.internal";
const GATEWAY: &str = "gateway.internal";

async fn keys(channel: Channel, authorization: Option<&str>) -> Result<(), Status> {
    let mut request = Request::new(GetSigningKeysRequest {});
    if let Some(text) = authorization {
        request.metadata_mut().insert("authorization", text.parse().unwrap());
    }
    AccountsServiceClient::new(channel).get_signing_keys(request).await.map(drop)
}

fn code(result: Result<(), Status>) -> Code {
    result.err().map_or(Code::Ok, |status| status.code())
}

async fn plain(service: &Service) -> Channel {
    Channel::from_shared(service.grpc_url().to_owned()).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn without_a_services_token_nothing_is_said() {
    let both = format!("{TOKEN},{SECOND_TOKEN}");
    let service = Service::start_with(&[("ACCOUNTS_GRPC_TOKEN", &both)]).await;
    let user = service.user("ann@x.io", None).await;
    let channel = plain(&service).await;
    for token in [TOKEN, SECOND_TOKEN] {
        assert_eq!(code(keys(channel.clone(), Some(&format!("Bearer {token}"))).await), Code::Ok);
    }
    let of_user = format!("Bearer {}", user.token);
    let cut = format!("Bearer {}", &TOKEN[1..]);
    let listed = format!("Bearer {both}");
    for text in [None, Some(""), Some("Bearer "), Some(TOKEN), Some(&of_user), Some(&cut), Some(&listed)] {
        assert_eq!(code(keys(channel.clone(), text).await), Code::Unauthenticated, "{text:?}");
    }
    let mut client = AccountsServiceClient::new(channel.clone());
    let users = client.get_users(GetUsersRequest { ids: vec![user.id] }).await.unwrap_err();
    let found = client.find_users(FindUsersRequest { text: "a".to_owned(), limit: 1 }).await.unwrap_err();
    assert_eq!((users.code(), found.code()), (Code::Unauthenticated, Code::Unauthenticated));
    let health = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    assert!(health.is_ok(), "whether it runs is told to everybody");
    let (_, metrics) = service.admin("/metrics").await;
    assert!(metrics.contains("accounts_grpc_refused_total{reason=\"token\"} 9"), "{metrics}");
}

#[tokio::test]
async fn there_is_no_list_of_the_calls() {
    let service = Service::start().await;
    for version in ["v1", "v1alpha"] {
        let mut reflection = Grpc::new(plain(&service).await);
        reflection.ready().await.unwrap();
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let codec: ProstCodec<GetSigningKeysRequest, GetSigningKeysRequest> = ProstCodec::default();
        let mut request = Request::new(GetSigningKeysRequest {});
        request.metadata_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
        let answer = reflection.unary(request, path.parse().unwrap(), codec).await;
        assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
    }
}

/// A service that asks for certificates of `authority`'s, for the name of a gateway.
async fn secured(authority: &Authority) -> Service {
    let Certificate { certificate, key } = authority.issue(ACCOUNTS);
    Service::start_with(&[
        ("ACCOUNTS_GRPC_TLS_CERT", &certificate),
        ("ACCOUNTS_GRPC_TLS_KEY", &key),
        ("ACCOUNTS_GRPC_TLS_CLIENT_CA", &authority.root()),
        ("ACCOUNTS_GRPC_CLIENT_NAMES", &format!("other.internal, {GATEWAY}")),
    ])
    .await
}

fn endpoint(service: &Service, root: &Authority, own: Option<&Certificate>) -> Endpoint {
    let read = |path: &str| std::fs::read(path).unwrap();
    let mut tls =
        ClientTlsConfig::new().ca_certificate(Root::from_pem(read(&root.root()))).domain_name(ACCOUNTS);
    if let Some(Certificate { certificate, key }) = own {
        tls = tls.identity(Identity::from_pem(read(certificate), read(key)));
    }
    let url = service.grpc_url().replace("http://", "https://");
    let endpoint = Channel::from_shared(url).unwrap().connect_timeout(PATIENCE);
    endpoint.tls_config(tls).unwrap().timeout(Duration::from_secs(10))
}

/// A call over TLS, with the token: the certificate alone makes the difference.
async fn call(service: &Service, root: &Authority, own: Option<&Certificate>) -> Result<(), Status> {
    keys(endpoint(service, root, own).connect_lazy(), Some(&format!("Bearer {TOKEN}"))).await
}

#[tokio::test]
async fn over_mutual_tls_the_certificate_must_be_good_and_the_gateways() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let service = secured(&authority).await;
    let own = authority.issue(GATEWAY);
    call(&service, &authority, Some(&own)).await.unwrap();
    let other = authority.issue("other.internal");
    call(&service, &authority, Some(&other)).await.unwrap();

    let wrong_name = authority.issue("accounts.example.org");
    assert_eq!(code(call(&service, &authority, Some(&wrong_name)).await), Code::PermissionDenied);
    let channel = endpoint(&service, &authority, Some(&own)).connect_lazy();
    assert_eq!(code(keys(channel, None).await), Code::Unauthenticated, "the certificate is not the token");

    // These do not get as far as a call: TLS refuses them.
    let (expired, foreign) = (authority.issue_expired(GATEWAY), stranger.issue(GATEWAY));
    for (own, what) in [(None, "none"), (Some(&expired), "expired"), (Some(&foreign), "of another root")] {
        let refused = call(&service, &authority, own).await.unwrap_err();
        assert!(
            matches!(refused.code(), Code::Unavailable | Code::Unknown | Code::Cancelled),
            "{what}: {refused:?}"
        );
    }
    let unknown = call(&service, &stranger, Some(&own)).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unavailable, "a client of another root does not believe the server");
    let plain = Channel::from_shared(service.grpc_url().to_owned()).unwrap().connect_lazy();
    assert_ne!(code(keys(plain, Some(&format!("Bearer {TOKEN}"))).await), Code::Ok, "no plain text");
    let (_, metrics) = service.admin("/metrics").await;
    let calls = metrics.lines().filter(|line| line.starts_with("grpc_requests_total"));
    assert_eq!(calls.map(|line| line.rsplit_once(' ').unwrap().1).collect::<Vec<_>>(), ["2"], "{metrics}");
}

#[tokio::test]
async fn a_browser_gets_no_word_out_of_it() {
    let service = Service::start().await;
    let url = format!("{}/messenger.accounts.v1.AccountsService/GetSigningKeys", service.grpc_url());
    let request = reqwest::Client::new().post(url).header("content-type", "application/grpc-web+proto");
    let request = request.header("authorization", format!("Bearer {TOKEN}")).body(vec![0, 0, 0, 0, 0]);
    assert!(request.send().await.is_err(), "HTTP/1.1 is not spoken, nor is what a proxy would make of it");
}
