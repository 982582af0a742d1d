//! `POST /users/me/email`

use apistos::api_operation;
use parlance_domain::accounts::RequestEmailChangeError;

use super::body::EmailBody;
use super::view::{Accepted, accepted};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, Recent};
use crate::state::State;

/// Begins a change of the caller's address.
///
/// A mail with a link goes to the new address, and another to the present one if that is confirmed; when each link was
/// followed, in whichever order within a day, the address changes and all sessions end. A change that was begun before
/// is off. Three in an hour at most. Wants a sign-in or `/auth/step-up` within the last ten minutes.
#[api_operation(tag = "accounts", operation_id = "requestEmailChange")]
pub(crate) async fn handler(
    state: State,
    caller: Recent,
    arrival: Arrival,
    body: ApiJson<EmailBody>,
) -> Result<Accepted, ApiError> {
    let email = body.email()?;
    let credentials = &state.services.credentials;
    let requested = credentials.request_email_change(caller.user_id(), &email, &arrival.0);
    requested.await.map_err(refuse)?;
    accepted("Please follow the links in the mails that are on their way.")
}

fn refuse(error: RequestEmailChangeError) -> ApiError {
    match error {
        RequestEmailChangeError::Same => ApiError::invalid("email", "same", "is the address already"),
        RequestEmailChangeError::TooMany(wait) => {
            ApiError::new(ErrorCode::RateLimitExceeded).with_retry_after(wait)
        }
        RequestEmailChangeError::NotFound => ApiError::token(ErrorCode::Unauthorized),
        RequestEmailChangeError::Port(error) => ApiError::port(error),
    }
}
