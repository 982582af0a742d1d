//! `GET /users/me/second-factor`

use apistos::api_operation;

use super::view::StateView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::Caller;
use crate::reply::Reply;
use crate::state::State;

/// Says whether the caller has a second factor, and how many recovery codes are left.
#[api_operation(tag = "accounts", operation_id = "getSecondFactor")]
pub(super) async fn handler(state: State, caller: Caller) -> Result<Reply<StateView>, ApiError> {
    let found = state.services.second_factors.state(caller.user_id()).await?;
    let found = found.ok_or_else(|| ApiError::token(ErrorCode::Unauthorized))?;
    Reply::private(&StateView::from(found))
}
