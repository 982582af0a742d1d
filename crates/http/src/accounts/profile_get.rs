//! `GET /users/me`

use apistos::api_operation;

use super::me;
use super::view::UserView;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::respond::Answer;
use crate::state::State;

/// The account of the caller.
#[api_operation(tag = "accounts", operation_id = "getProfile")]
pub(crate) async fn handler(state: State, caller: Caller) -> Result<Answer<UserView>, ApiError> {
    Ok(Answer::private(
        me::account(&state, caller.user_id()).await?.into(),
    ))
}
