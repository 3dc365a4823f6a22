//! PostgreSQL away and back.

use std::time::Instant;

use messenger_backing::Durability;
use messenger_proto::accounts::GetUsersRequest;
use messenger_support::private_postgres;
use serde_json::json;
use tonic::Code;

use crate::service::{PASSWORD, PATIENCE, Service};

/// A durable server keeps its data from run to run; each begins with a schema as new.
const SCHEMA: &str = "accounts_outage";

#[expect(clippy::disallowed_methods, reason = "the connection's driver ends with the client that owns it")]
async fn drop_schema(url: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")).await.unwrap();
}

#[tokio::test]
async fn an_outage_is_a_temporary_error_and_ends_by_itself() {
    let mut postgres = private_postgres(Durability::Durable, &[]);
    drop_schema(&postgres.admin_url()).await;
    let url = format!("{}?options=-csearch_path%3D{SCHEMA}", postgres.admin_url());
    let service = Service::start_on(&url, &[("ACCOUNTS_DATABASE_WAIT_MS", "500")]);
    let user = service.user("ann@x.io", None).await;
    assert_eq!(service.admin("/readyz").await.0, 200);

    postgres.server().unwrap().stop_immediate().unwrap();
    let answer = service.get("/profile", &user.token).await;
    answer.refused(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    let log_in = service.post("/auth/login", &json!({ "email": "ann@x.io", "password": PASSWORD })).await;
    log_in.refused(503, "unavailable");
    let mut calls = service.calls().await;
    let status = calls.get_users(GetUsersRequest { ids: vec![1] }).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "temporarily unavailable"));
    let (ready, reason) = service.admin("/readyz").await;
    assert_eq!((ready, service.admin("/livez").await.0), (503, 200), "{reason}");
    service.log.wait_for("failure", |line| {
        line.contains("request failed") && line.contains("\"route\":\"/profile\"")
    });

    postgres.server().unwrap().start_again().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while service.get("/profile", &user.token).await.status != 200 {
        assert!(Instant::now() < deadline, "the service does not recover");
    }
    assert_eq!(service.admin("/readyz").await.0, 200);
}
