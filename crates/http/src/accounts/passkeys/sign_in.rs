//! `POST /auth/passkeys`

use apistos::api_operation;
use parlance_domain::accounts::PasskeySignInError;

use super::body::{AnswerBody, off};
use crate::accounts::answer::{self, SignedInBody};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival};
use crate::reply::Reply;
use crate::state::State;

/// Signs in with a passkey.
///
/// It stands for password and second factor. Which of challenge, device and account did not fit is not said.
#[api_operation(tag = "accounts", operation_id = "loginPasskey", no_security)]
pub(super) async fn handler(
    state: State,
    arrival: Arrival,
    body: ApiJson<AnswerBody>,
) -> Result<Reply<SignedInBody>, ApiError> {
    if !state.config.features.auth_enabled {
        return Err(ApiError::new(ErrorCode::AuthDisabled));
    }
    let answer = body.answer()?;
    let signed_in = state.services.passkeys.sign_in(&answer, &arrival.0).await;
    answer::signed_in(signed_in.map_err(refuse)?, state.config.refresh_cookie)
}

/// The refusal of somebody who does not come in by a passkey.
pub(super) fn refuse(error: PasskeySignInError) -> ApiError {
    match error {
        PasskeySignInError::Refused => ApiError::new(ErrorCode::PasskeyRefused),
        PasskeySignInError::Deactivated => ApiError::new(ErrorCode::AccountDeactivated),
        PasskeySignInError::Busy => ApiError::new(ErrorCode::Unavailable),
        PasskeySignInError::Off(error) => off(error),
        PasskeySignInError::Port(error) => ApiError::port(error),
    }
}
