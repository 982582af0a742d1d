//! `GET /auth/me`

use apistos::api_operation;
use parlance_domain::accounts::Account;
use parlance_domain::ids::UserId;

use super::answer::MeBody;
use crate::error::{ApiError, ErrorCode};
use crate::extract::Caller;
use crate::reply::Reply;
use crate::state::{AppState, State};

/// The account of the caller, in the envelope of the routes of sessions.
#[api_operation(tag = "accounts", operation_id = "getSession")]
pub(crate) async fn handler(state: State, caller: Caller) -> Result<Reply<MeBody>, ApiError> {
    Reply::private(&MeBody::from(account(&state, caller.user_id()).await?))
}

/// The account of a caller; a token for one that is gone is worth nothing.
pub(super) async fn account(state: &AppState, id: UserId) -> Result<Account, ApiError> {
    state
        .services
        .accounts
        .by_id(id)
        .await?
        .ok_or_else(|| ApiError::token(ErrorCode::Unauthorized))
}
