//! `POST /auth/email-verification`

use apistos::api_operation;
use parlance_domain::accounts::RequestVerificationError;

use super::view::{Accepted, accepted};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{Arrival, Writer};
use crate::state::State;

/// Sends the mail again that shows whose the caller's address is.
///
/// Where that is known, none is sent. Three in an hour at most. The link is good for a day, and those sent before are
/// not any more.
#[api_operation(tag = "accounts", operation_id = "requestEmailVerification")]
pub(crate) async fn handler(state: State, caller: Writer, arrival: Arrival) -> Result<Accepted, ApiError> {
    let credentials = &state.services.credentials;
    let requested = credentials.request_verification(caller.user_id(), &arrival.0);
    requested.await.map_err(refuse)?;
    accepted("If the address is not confirmed yet, a mail with a link is on its way.")
}

fn refuse(error: RequestVerificationError) -> ApiError {
    match error {
        RequestVerificationError::TooMany(wait) => {
            ApiError::new(ErrorCode::RateLimitExceeded).with_retry_after(wait)
        }
        RequestVerificationError::NotFound => ApiError::token(ErrorCode::Unauthorized),
        RequestVerificationError::Port(error) => ApiError::port(error),
    }
}
