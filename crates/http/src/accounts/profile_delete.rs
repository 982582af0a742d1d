//! `DELETE /users/me`

use apistos::{ApiComponent, api_operation};
use parlance_domain::personal::DeleteAccountError;
use schemars::JsonSchema;
use serde::Serialize;

use super::cookie;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{Arrival, Recent};
use crate::reply::{Accepted, Reply};
use crate::state::State;
use crate::time::rfc3339_millis;

/// That an account will be gone.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "Deletion")]
pub(crate) struct View {
    /// Always true.
    success: bool,
    data: When,
}

#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DeletionTime")]
struct When {
    /// When it will be gone for good. Signing in until then takes it back.
    purge_at: String,
}

/// Deletes the caller's account, for good after 14 days.
///
/// All sessions end, and a mail tells of it. Signing in within the 14 days takes the deletion back; afterwards everything is
/// gone that the account holds. Wants a sign-in or `/auth/step-up` within the last ten minutes.
#[api_operation(tag = "accounts", operation_id = "deleteAccount")]
pub(crate) async fn handler(
    state: State,
    caller: Recent,
    arrival: Arrival,
) -> Result<Accepted<View>, ApiError> {
    let deleted = state.services.personal_data.delete_account(&caller.0, &arrival.0);
    let purge_at = rfc3339_millis(deleted.await.map_err(refuse)?);
    let view = View {
        success: true,
        data: When { purge_at },
    };
    let reply = Reply::private(&view)?;
    let cookie = cookie::forgotten(state.config.refresh_cookie);
    Ok(Accepted(reply.with_cookie(&cookie)))
}

fn refuse(error: DeleteAccountError) -> ApiError {
    match error {
        DeleteAccountError::NotFound => ApiError::token(ErrorCode::Unauthorized),
        DeleteAccountError::LastAdministrator => ApiError::new(ErrorCode::LastAdministrator),
        DeleteAccountError::Conflict => ApiError::new(ErrorCode::Unavailable),
        DeleteAccountError::Port(error) => ApiError::port(error),
    }
}
