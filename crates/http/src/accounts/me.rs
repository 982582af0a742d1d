//! `GET /auth/me`

use apistos::api_operation;
use parlance_domain::accounts::Account;
use parlance_domain::ids::UserId;

use super::answer::MeBody;
use crate::error::{ApiError, ErrorCode};
use crate::extract::Caller;
use crate::respond::Answer;
use crate::state::{AppState, State};

/// The account of the caller, in the envelope of the routes of sessions.
#[api_operation(tag = "accounts", operation_id = "getSession")]
pub(crate) async fn handler(state: State, caller: Caller) -> Result<Answer<MeBody>, ApiError> {
    Ok(Answer::private(account(&state, caller.user_id()).await?.into()))
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
