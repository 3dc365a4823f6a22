//! An accounts service in memory, behind a real socket, that can be told to misbehave.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use messenger_chassis::lifecycle::Tasks;
use messenger_proto::accounts::accounts_service_server::{AccountsService, AccountsServiceServer};
use messenger_proto::accounts::{
    EndedSession, FindUsersRequest, FindUsersResponse, GetEndedSessionsRequest, GetEndedSessionsResponse,
    GetSigningKeysRequest, GetSigningKeysResponse, GetUsersRequest, GetUsersResponse, User,
};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

/// Longest wait of a test for something that happens at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// A call as it came in.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) at: Instant,
    pub(super) ids: Vec<i64>,
    pub(super) authorization: Option<String>,
    pub(super) traceparent: Option<String>,
    pub(super) timeout: Option<String>,
}

/// The handle of a test.
#[derive(Debug, Clone)]
pub(super) struct FakeAccounts {
    pub(super) url: http::Uri,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    users: Mutex<HashMap<i64, User>>,
    keys: Mutex<GetSigningKeysResponse>,
    /// Pages of the log of ended sessions, by the cursor that asks for them.
    endings: Mutex<HashMap<String, GetEndedSessionsResponse>>,
    calls: watch::Sender<Vec<Call>>,
    /// Answers leave only while this is true.
    open: watch::Sender<bool>,
    /// How many of the next calls fail, and how.
    failing: Mutex<(u32, Code)>,
}

impl FakeAccounts {
    /// Listens on a port of its own until the test's runtime ends.
    pub(super) fn start() -> Self {
        let state = Arc::new(State {
            users: Mutex::default(),
            keys: Mutex::default(),
            endings: Mutex::default(),
            calls: watch::Sender::default(),
            open: watch::Sender::new(true),
            failing: Mutex::new((0, Code::Ok)),
        });
        let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let url = format!("http://{}", incoming.local_addr().unwrap()).parse().unwrap();
        let service = AccountsServiceServer::from_arc(Arc::clone(&state));
        Tasks::new().spawn("fake accounts", async move {
            Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        Self { url, state }
    }

    /// Adds or renames users.
    pub(super) fn put(&self, users: impl IntoIterator<Item = (i64, &'static str)>) {
        for (id, name) in users {
            let email = format!("{name}@mail.com");
            let user = User { id, email, first_name: Some(name.to_owned()), ..User::default() };
            self.state.users.lock().unwrap().insert(id, user);
        }
    }

    pub(super) fn remove(&self, id: i64) {
        self.state.users.lock().unwrap().insert(id, User { id, removed: true, ..User::default() });
    }

    pub(super) fn set_keys(&self, jwks_json: &str, max_age_seconds: i64) {
        *self.state.keys.lock().unwrap() =
            GetSigningKeysResponse { jwks_json: jwks_json.to_owned(), max_age_seconds };
    }

    /// What is answered to `cursor`: the numbers of the sessions that have ended, all of user 1.
    pub(super) fn set_endings(&self, cursor: &str, sessions: &[u128], next: &str, has_more: bool) {
        let ended = |number: &u128| EndedSession {
            session_id: Uuid::from_u128(*number).into_bytes().to_vec(),
            user_id: 1,
            ended_at_us: 0,
        };
        let sessions = sessions.iter().map(ended).collect();
        let page = GetEndedSessionsResponse { sessions, cursor: next.to_owned(), has_more };
        self.state.endings.lock().unwrap().insert(cursor.to_owned(), page);
    }

    /// Lets answers out, or keeps them in; what they say was looked up when the call came.
    pub(super) fn set_open(&self, open: bool) {
        self.state.open.send_replace(open);
    }

    pub(super) fn fail_next(&self, calls: u32, code: Code) {
        *self.state.failing.lock().unwrap() = (calls, code);
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.state.calls.borrow().clone()
    }

    /// Waits until so many calls have come in.
    pub(super) async fn called(&self, times: usize) {
        let mut calls = self.state.calls.subscribe();
        let come = calls.wait_for(|calls| calls.len() >= times);
        tokio::time::timeout(PATIENCE, come).await.expect("the call comes").unwrap();
    }
}

impl State {
    async fn receive<T>(
        &self,
        metadata: &MetadataMap,
        ids: Vec<i64>,
        answer: T,
    ) -> Result<Response<T>, Status> {
        let header = |name| metadata.get(name).map(|text| text.to_str().unwrap().to_owned());
        let (traceparent, timeout) = (header("traceparent"), header("grpc-timeout"));
        let call =
            Call { at: Instant::now(), ids, authorization: header("authorization"), traceparent, timeout };
        self.calls.send_modify(|calls| calls.push(call));
        self.fail()?;
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        Ok(Response::new(answer))
    }

    fn fail(&self) -> Result<(), Status> {
        let mut failing = self.failing.lock().unwrap();
        let (left, code) = *failing;
        failing.0 = left.saturating_sub(1);
        if left > 0 { Err(Status::new(code, "on purpose")) } else { Ok(()) }
    }
}

#[tonic::async_trait]
impl AccountsService for State {
    async fn get_users(
        &self,
        request: Request<GetUsersRequest>,
    ) -> Result<Response<GetUsersResponse>, Status> {
        let (metadata, _, GetUsersRequest { ids }) = request.into_parts();
        let found: Vec<User> = {
            let users = self.users.lock().unwrap();
            ids.iter().filter_map(|id| users.get(id).cloned()).collect()
        };
        self.receive(&metadata, ids, GetUsersResponse { users: found }).await
    }

    async fn find_users(&self, _: Request<FindUsersRequest>) -> Result<Response<FindUsersResponse>, Status> {
        Err(Status::unimplemented("not asked by the gateway"))
    }

    async fn get_signing_keys(
        &self,
        request: Request<GetSigningKeysRequest>,
    ) -> Result<Response<GetSigningKeysResponse>, Status> {
        let keys = self.keys.lock().unwrap().clone();
        self.receive(request.metadata(), Vec::new(), keys).await
    }

    async fn get_ended_sessions(
        &self,
        request: Request<GetEndedSessionsRequest>,
    ) -> Result<Response<GetEndedSessionsResponse>, Status> {
        let page = self.endings.lock().unwrap().get(&request.get_ref().cursor).cloned();
        self.receive(request.metadata(), Vec::new(), page.unwrap_or_default()).await
    }
}
