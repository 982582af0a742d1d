//! `GET /users/me`

use apistos::api_operation;

use super::me;
use super::view::UserView;
use crate::error::ApiError;
use crate::extract::{Scoped, scopes};
use crate::reply::Reply;
use crate::state::State;

/// The account of the caller.
#[api_operation(tag = "accounts", operation_id = "getProfile")]
pub(crate) async fn handler(
    state: State,
    caller: Scoped<scopes::ProfileRead>,
) -> Result<Reply<UserView>, ApiError> {
    let account = me::account(&state, caller.user_id()).await?;
    Reply::private(&UserView::from(account))
}
