//! The gRPC surface.

use messenger_proto::accounts::{FindUsersRequest, GetSigningKeysRequest, GetUsersRequest, User};
use reqwest::Method;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::answer::Answer;
use crate::service::{Calls, Service};

async fn channel(service: &Service) -> Channel {
    Channel::from_shared(service.grpc_url().to_owned()).unwrap().connect().await.unwrap()
}

async fn client(service: &Service) -> Calls {
    service.calls().await
}

async fn get(service: &Service, ids: Vec<i64>) -> Result<Vec<User>, tonic::Status> {
    let answer = client(service).await.get_users(GetUsersRequest { ids }).await?;
    Ok(answer.into_inner().users)
}

async fn find(service: &Service, text: &str, limit: i32) -> Result<Vec<User>, tonic::Status> {
    let request = FindUsersRequest { text: text.to_owned(), limit };
    Ok(client(service).await.find_users(request).await?.into_inner().users)
}

#[tokio::test]
async fn users_are_found_by_ids_removed_ones_marked() {
    let service = Service::start().await;
    let ann = service.user("Ann@x.io", Some("Ann")).await;
    let bob = service.user("bob@x.io", Some("Bob")).await;
    assert_eq!(service.destroy(&bob.token).await.status, 200);
    let users = get(&service, vec![bob.id, 999_999, ann.id, ann.id, 0, -1, i64::MAX]).await.unwrap();
    assert_eq!(users.len(), 2);
    assert_eq!(
        (users[0].id, users[0].email.as_str(), users[0].first_name.as_deref()),
        (ann.id, "Ann@x.io", Some("Ann"))
    );
    assert!(!users[0].removed && uuid::Uuid::parse_str(&users[0].uuid).is_ok());
    assert_eq!((users[1].id, users[1].removed, users[1].email.as_str()), (bob.id, true, ""));
    assert_eq!((&users[1].first_name, &users[1].last_name), (&None, &None));
}

#[tokio::test]
async fn a_batch_has_a_limit() {
    let service = Service::start().await;
    let ann = service.user("ann@x.io", None).await;
    let users = get(&service, (0..500).map(|n| ann.id + n).collect()).await.unwrap();
    assert_eq!(users.len(), 1);
    assert_eq!(get(&service, vec![1; 501]).await.unwrap_err().code(), Code::InvalidArgument);
    assert!(get(&service, vec![]).await.unwrap().is_empty());
    for ids in [100_000, 1_000_000] {
        let oversized = get(&service, vec![i64::MAX; ids]).await.unwrap_err();
        assert!(matches!(oversized.code(), Code::OutOfRange | Code::ResourceExhausted), "{oversized:?}");
    }
}

#[tokio::test]
async fn the_largest_answer_fits() {
    let service = Service::start().await;
    let longest = "INSERT INTO users (email, email_as_typed, first_name, last_name, password_hash, created_at, updated_at) \
         SELECT n, lpad(n::text, 254, 'x'), repeat('𝕏', 64), repeat('𝕏', 64), 'h', now(), now() \
         FROM generate_series(1, 500) n";
    service.database().connect("accounts").await.batch_execute(longest).await.unwrap();
    let users = get(&service, (1..=500).collect()).await.unwrap();
    assert_eq!(users.len(), 500);
    assert!(
        users.iter().all(|user| user.email.len() == 254 && user.last_name.as_ref().unwrap().len() == 256)
    );
}

#[tokio::test]
async fn searches_work_as_over_rest() {
    let service = Service::start().await;
    let ann = service.user("ann@x.io", Some("Ann")).await;
    let found = find(&service, "AN", 10).await.unwrap();
    assert_eq!((found.len(), found[0].id), (1, ann.id));
    assert!(find(&service, "%", 10).await.unwrap().is_empty());
    for (text, limit) in [("", 10), ("a\0", 10), ("a", 0), ("a", -1), ("a", 101), (&*"x".repeat(129), 10)] {
        let status = find(&service, text, limit).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{text:?} {limit}: {status:?}");
    }
}

#[tokio::test]
async fn the_signing_keys_are_those_of_rest() {
    let service = Service::start().await;
    let keys = client(&service).await.get_signing_keys(GetSigningKeysRequest {}).await.unwrap().into_inner();
    let rest = Answer::of(service.request(Method::GET, "/.well-known/jwks.json")).await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&keys.jwks_json).unwrap(), rest.body);
    assert_eq!(keys.max_age_seconds, 300);
}

#[tokio::test]
async fn health_is_told_for_server_and_service() {
    let service = Service::start().await;
    let mut health = HealthClient::new(channel(&service).await);
    for name in ["", "messenger.accounts.v1.AccountsService"] {
        let answer = health.check(HealthCheckRequest { service: name.to_owned() }).await.unwrap();
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{name:?}");
    }
    let unknown = health.check(HealthCheckRequest { service: "other".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn calls_are_counted() {
    let service = Service::start().await;
    get(&service, vec![1]).await.unwrap();
    get(&service, vec![1; 501]).await.unwrap_err();
    let (_, metrics) = service.admin("/metrics").await;
    for line in ["code=\"Ok\"", "code=\"InvalidArgument\""] {
        assert!(
            metrics
                .lines()
                .any(|l| l.starts_with("grpc_requests_total") && l.contains("GetUsers") && l.contains(line)),
            "{metrics}"
        );
    }
}
