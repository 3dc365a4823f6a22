//! The log of ended sessions, as gateways follow it.

use std::collections::BTreeMap;

use messenger_proto::accounts::{GetEndedSessionsRequest, GetEndedSessionsResponse};
use serde_json::json;
use uuid::Uuid;

use crate::service::{Calls, PASSWORD, Service};

async fn ended(client: &mut Calls, cursor: &str) -> GetEndedSessionsResponse {
    let request = GetEndedSessionsRequest { cursor: cursor.to_owned() };
    client.get_ended_sessions(request).await.unwrap().into_inner()
}

fn ids(answer: &GetEndedSessionsResponse) -> Vec<Uuid> {
    answer.sessions.iter().map(|session| Uuid::from_slice(&session.session_id).unwrap()).collect()
}

#[tokio::test]
async fn every_way_in_which_a_session_ends_is_in_the_log() {
    let service = Service::start_with(&[("ACCOUNTS_SESSIONS_PER_USER", "2")]).await;
    let mut client = service.calls().await;
    let start = ended(&mut client, "").await;
    assert!(start.sessions.is_empty() && !start.has_more && !start.cursor.is_empty());

    let first = service.user("ann@x.io", None).await;
    let (second, third) = (service.log_in("ann@x.io").await, service.log_in("ann@x.io").await);
    assert_eq!(service.log_out(&second.token).await.status, 204);
    let fourth = service.log_in("ann@x.io").await;
    assert_eq!(service.revoke(&fourth.token, &third.session().to_string()).await.status, 204);
    let fifth = service.log_in("ann@x.io").await;
    let change = json!({ "oldPassword": PASSWORD, "newPassword": "battery staple" });
    assert_eq!(service.patch("/profile/change-password", &fifth.token, &change).await.status, 201);
    assert_eq!(service.destroy(&fifth.token).await.status, 200);
    let other = service.user("bob@x.io", None).await;
    let next = service.refreshed(&other.refresh_token).await;
    service.refreshed(&next.refresh_token).await;
    service.refresh(&other.refresh_token).await.refused(401, "unauthorized");

    let answer = ended(&mut client, &start.cursor).await;
    let expected = [&first, &second, &third, &fourth, &fifth, &other].map(|user| (user.session(), user.id));
    let told = ids(&answer).into_iter().zip(answer.sessions.iter().map(|session| session.user_id));
    assert_eq!(told.collect::<BTreeMap<_, _>>(), BTreeMap::from(expected));
    assert!(answer.sessions.iter().all(|session| session.ended_at_us > 1_700_000_000_000_000));
    assert_eq!(ids(&ended(&mut client, "nonsense").await), ids(&answer));
    // A transaction that is open anywhere in the server may have what it began before told once more, and nothing else.
    let again = ids(&ended(&mut client, &answer.cursor).await);
    assert!(again.iter().all(|session| ids(&answer).contains(session)), "{again:?}");
}

#[tokio::test]
async fn a_page_has_a_limit_and_old_ends_are_left_out() {
    let service = Service::start_with(&[("ACCOUNTS_TOKEN_TTL_SECONDS", "900")]).await;
    let database = service.database().connect("accounts").await;
    let fill = "INSERT INTO ended_sessions (session_id, user_id, ended_at) \
                SELECT gen_random_uuid(), 1, now() - interval '900 seconds' FROM generate_series(1, 4001); \
                INSERT INTO ended_sessions (session_id, user_id, ended_at) \
                SELECT gen_random_uuid(), 2, now() - interval '1021 seconds' FROM generate_series(1, 9)";
    let mut client = service.calls().await;
    database.batch_execute(fill).await.unwrap();
    let first = ended(&mut client, "").await;
    assert!(first.sessions.len() == 4_000 && first.has_more);
    let second = ended(&mut client, &first.cursor).await;
    assert!(second.sessions.len() == 1 && !second.has_more);
    let users = first.sessions.iter().chain(&second.sessions).map(|session| session.user_id);
    assert!(users.clone().all(|id| id == 1) && users.count() == 4_001);
}
