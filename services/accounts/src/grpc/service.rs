//! The calls of `messenger.accounts.v1.AccountsService`.

use messenger_proto::accounts::accounts_service_server::AccountsService;
use messenger_proto::accounts::{
    FindUsersRequest, FindUsersResponse, GetEndedSessionsRequest, GetEndedSessionsResponse,
    GetSigningKeysRequest, GetSigningKeysResponse, GetUsersRequest, GetUsersResponse,
};
use tonic::{Code, Request, Response, Status};

use super::convert;
use super::error::status;
use crate::crypto::JWKS_MAX_AGE;
use crate::domain::{At as _, EndedCursor, Error, FieldError, SearchLimit, SearchText, User, UserId};
use crate::usecase::Accounts;

/// Ids of one look-up at most.
const IDS_MAX: usize = 500;

/// The contract, answered by the use cases.
#[derive(Debug)]
pub(super) struct Service {
    accounts: Accounts,
}

impl Service {
    pub(super) fn new(accounts: Accounts) -> Self {
        Self { accounts }
    }

    async fn users(&self, ids: &[i64]) -> Result<Vec<User>, Error> {
        if ids.len() > IDS_MAX {
            return Err(FieldError { path: "ids".into(), message: "must be at most 500".into() }.into());
        }
        // What is no id at all belongs to nobody, like an unknown one.
        let ids: Vec<UserId> = ids.iter().filter_map(|id| UserId::new(*id).ok()).collect();
        self.accounts.users_by_ids(&ids).await
    }

    async fn search(&self, request: &FindUsersRequest) -> Result<Vec<User>, Error> {
        let text = SearchText::parse(&request.text).at("text");
        let limit = SearchLimit::parse(Some(request.limit.into())).at("limit");
        match (text, limit) {
            (Ok(text), Ok(limit)) => self.accounts.search_users(&text, limit).await,
            (text, limit) => Err(Error::invalid([text.err(), limit.err()])),
        }
    }
}

#[tonic::async_trait]
impl AccountsService for Service {
    async fn get_users(
        &self,
        request: Request<GetUsersRequest>,
    ) -> Result<Response<GetUsersResponse>, Status> {
        let users = counted("GetUsers", self.users(&request.get_ref().ids).await)?;
        Ok(Response::new(GetUsersResponse { users: convert::users(users) }))
    }

    async fn find_users(
        &self,
        request: Request<FindUsersRequest>,
    ) -> Result<Response<FindUsersResponse>, Status> {
        let users = counted("FindUsers", self.search(request.get_ref()).await)?;
        Ok(Response::new(FindUsersResponse { users: convert::users(users) }))
    }

    async fn get_signing_keys(
        &self,
        _: Request<GetSigningKeysRequest>,
    ) -> Result<Response<GetSigningKeysResponse>, Status> {
        let jwks_json = counted("GetSigningKeys", self.accounts.public_keys())?;
        let max_age_seconds = i64::try_from(JWKS_MAX_AGE.as_secs()).unwrap_or(i64::MAX);
        Ok(Response::new(GetSigningKeysResponse { jwks_json, max_age_seconds }))
    }

    async fn get_ended_sessions(
        &self,
        request: Request<GetEndedSessionsRequest>,
    ) -> Result<Response<GetEndedSessionsResponse>, Status> {
        let cursor = EndedCursor::parse(&request.get_ref().cursor);
        let page = counted("GetEndedSessions", self.accounts.ended_sessions(cursor).await)?;
        Ok(Response::new(convert::ended_sessions(page)))
    }
}

/// Counts a call by method and outcome and turns its error into a status.
fn counted<T>(method: &'static str, result: Result<T, Error>) -> Result<T, Status> {
    let result = result.map_err(status);
    let code = result.as_ref().err().map_or(Code::Ok, Status::code);
    metrics::counter!("grpc_requests_total", "method" => method, "code" => format!("{code:?}")).increment(1);
    result
}
