//! `GET /users/me/settings`

use apistos::api_operation;

use super::view::{SettingsView, reply};
use crate::error::ApiError;
use crate::extract::Caller;
use crate::reply::Reply;
use crate::state::State;

/// What the caller wants; the defaults for whoever never said.
///
/// `ETag` names the state, for `If-Match` of a later change.
#[api_operation(tag = "settings", operation_id = "getSettings")]
pub(super) async fn handler(state: State, caller: Caller) -> Result<Reply<SettingsView>, ApiError> {
    let current = state.services.settings.current(caller.user_id()).await?;
    reply(current)
}
