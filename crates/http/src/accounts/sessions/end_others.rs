//! `DELETE /users/me/sessions`

use apistos::api_operation;

use crate::error::ApiError;
use crate::extract::{Arrival, Caller};
use crate::reply::NoContent;
use crate::state::State;

/// Signs the caller out on all devices but the one that asks.
///
/// The next sign-in on any of them is one on a new device.
#[api_operation(tag = "accounts", operation_id = "endOtherSessions")]
pub(super) async fn handler(state: State, caller: Caller, arrival: Arrival) -> Result<NoContent, ApiError> {
    let sessions = &state.services.sessions;
    sessions.end_others(&caller.0, &arrival.0).await?;
    Ok(NoContent)
}
