//! `POST /auth/password-reset`

use std::time::Duration;

use apistos::api_operation;
use tokio::time::{Instant, sleep_until};

use super::body::EmailBody;
use super::view::{Accepted, accepted};
use crate::error::ApiError;
use crate::extract::{ApiJson, Arrival, check_writable};
use crate::state::State;

/// When the answer is given, counted from the request: longer than writing a mail takes, so that the time does not tell
/// whether there was one to write.
const ANSWERED_AFTER: Duration = Duration::from_millis(250);

/// Sends a mail with which a new password can be set, if the address is an account's.
///
/// The answer is the same, and takes as long, whether it is or not. Limited like signing in, and to three mails in an
/// hour for one address; the link is good for 30 minutes, and those sent before are not any more.
#[api_operation(tag = "accounts", operation_id = "requestPasswordReset", no_security)]
pub(crate) async fn handler(
    state: State,
    arrival: Arrival,
    body: ApiJson<EmailBody>,
) -> Result<Accepted, ApiError> {
    let answered_at = Instant::now() + ANSWERED_AFTER;
    check_writable(state.config.features)?;
    let email = body.email()?;
    let requested = state.services.credentials.request_reset(&email, &arrival.0);
    let requested = requested.await;
    sleep_until(answered_at).await;
    requested.map_err(ApiError::port)?;
    accepted("If an account has this address, a mail with a link is on its way.")
}
