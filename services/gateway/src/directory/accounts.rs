//! Calls to accounts: one connection, a deadline over all attempts, few retries, and a breaker.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use messenger_chassis::telemetry;
use messenger_proto::accounts::accounts_service_client::AccountsServiceClient;
use messenger_proto::accounts::{
    GetEndedSessionsRequest, GetEndedSessionsResponse, GetSigningKeysRequest, GetSigningKeysResponse,
    GetUsersRequest, User,
};
use tokio::time::{Instant, timeout_at};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tracing::Span;

use super::Profile;
use super::access::{BadAccess, Bearer};
use super::breaker::Breaker;
use super::config::{CallLimits, DirectoryConfig};
use crate::domain::ids::UserId;

/// Largest answer, bytes: 500 users with the longest names and e-mails are about 400 KiB.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// A connection that is silent for so long is asked for a sign of life, and given up after the same time.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Pause before the first retry; doubled for each further one, and jittered.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It was not made: accounts failed before and is left alone for a while.
    #[error("accounts is left alone after failures")]
    Paused,
    /// No answer in time.
    #[error("accounts did not answer in time")]
    Deadline,
    /// An answer that is none.
    #[error("accounts answered: {0}")]
    Status(Code),
}

type Client = AccountsServiceClient<InterceptedService<Channel, Bearer>>;

/// A client of accounts. Cheap to clone; clones share the connection and the breaker.
#[derive(Debug, Clone)]
pub struct Accounts {
    client: Client,
    limits: CallLimits,
    breaker: Arc<Breaker>,
}

impl Accounts {
    /// A client that connects with its first call. Must be called within the runtime.
    ///
    /// # Errors
    /// [`BadAccess`].
    pub fn new(config: &DirectoryConfig) -> Result<Self, BadAccess> {
        let (endpoint, bearer) = Self::prepare(config)?;
        let limits = config.call;
        let client = AccountsServiceClient::with_interceptor(endpoint.connect_lazy(), bearer)
            .max_decoding_message_size(ANSWER_BYTES_MAX);
        let breaker = Arc::new(Breaker::new(limits.breaker_failures, limits.breaker_pause));
        Ok(Self { client, limits, breaker })
    }

    /// Reads what [`Accounts::new`] would read.
    ///
    /// # Errors
    /// [`BadAccess`].
    pub fn check(config: &DirectoryConfig) -> Result<(), BadAccess> {
        Self::prepare(config).map(drop)
    }

    fn prepare(config: &DirectoryConfig) -> Result<(Endpoint, Bearer), BadAccess> {
        let endpoint = Endpoint::from(config.url.clone())
            .connect_timeout(config.call.deadline)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE);
        Ok((config.access.secure(endpoint)?, config.access.bearer()?))
    }

    /// The users of these ids; ids that nobody has are left out.
    ///
    /// # Errors
    /// [`CallError`].
    pub(super) async fn users(&self, ids: &[UserId]) -> Result<HashMap<UserId, Arc<Profile>>, CallError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let answer = self.call(|mut client, remaining| {
            let request = request(GetUsersRequest { ids: ids.clone() }, remaining);
            async move { client.get_users(request).await }
        });
        let profiles = answer.await?.users.into_iter().map(profile);
        Ok(profiles.map(|profile| (profile.id, Arc::new(profile))).collect())
    }

    /// The public keys that verify tokens.
    ///
    /// # Errors
    /// [`CallError`].
    pub(super) async fn signing_keys(&self) -> Result<GetSigningKeysResponse, CallError> {
        self.call(|mut client, remaining| {
            let request = request(GetSigningKeysRequest {}, remaining);
            async move { client.get_signing_keys(request).await }
        })
        .await
    }

    /// A page of the log of ended sessions.
    ///
    /// # Errors
    /// [`CallError`].
    pub(super) async fn ended_sessions(&self, cursor: &str) -> Result<GetEndedSessionsResponse, CallError> {
        self.call(|mut client, remaining| {
            let request = request(GetEndedSessionsRequest { cursor: cursor.to_owned() }, remaining);
            async move { client.get_ended_sessions(request).await }
        })
        .await
    }

    /// Whether accounts answers at this moment.
    pub async fn answers(&self) -> bool {
        self.signing_keys().await.is_ok()
    }

    async fn call<T, F>(&self, attempt: impl Fn(Client, Duration) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = Instant::now() + self.limits.deadline;
        let mut retries = 0;
        loop {
            let outcome = self.attempt(&attempt, deadline).await;
            let pause = jittered(RETRY_PAUSE * 2_u32.pow(retries));
            let may_retry = retries < self.limits.retries && Instant::now() + pause < deadline;
            if !may_retry || !matches!(outcome, Err(CallError::Status(Code::Unavailable))) {
                return outcome;
            }
            retries += 1;
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt<T, F>(
        &self,
        attempt: impl Fn(Client, Duration) -> F,
        deadline: Instant,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let begun = Instant::now();
        if !self.breaker.admits(begun) {
            return Err(CallError::Paused);
        }
        let answer = attempt(self.client.clone(), deadline.saturating_duration_since(begun));
        let outcome = match timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(CallError::Status(status.code())),
            Err(_) => Err(CallError::Deadline),
        };
        metrics::histogram!("gateway_accounts_call_seconds").record(begun.elapsed());
        match &outcome {
            // A version that does not know the call is there, and answers the others.
            Ok(_) | Err(CallError::Status(Code::Unimplemented)) => {
                if self.breaker.succeeded() {
                    tracing::info!("accounts answers again");
                }
            }
            Err(error) => {
                if self.breaker.failed(Instant::now()) {
                    tracing::warn!(%error, "accounts failed repeatedly, leaving it alone for a while");
                }
            }
        }
        outcome
    }
}

fn request<T>(message: T, remaining: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(remaining);
    if let Some(parent) = telemetry::traceparent(&Span::current()).and_then(|parent| parent.parse().ok()) {
        request.metadata_mut().insert("traceparent", parent);
    }
    request
}

fn profile(user: User) -> Profile {
    let text = |text: String| if text.is_empty() { None } else { Some(Arc::from(text)) };
    Profile {
        id: UserId(user.id),
        name: user.first_name.and_then(text),
        email: text(user.email),
        removed: user.removed,
    }
}

/// Half to all of the pause, so that the callers of a service that is back do not all come at once.
pub(super) fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1_024;
    pause.mul_f64(0.5 + random as f64 / 2_048.0)
}
