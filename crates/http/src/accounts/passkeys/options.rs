//! `POST /users/me/passkeys/options`

use apistos::api_operation;
use parlance_domain::accounts::BeginPasskeyError;

use super::body::off;
use super::view::OptionsView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::Recent;
use crate::reply::Reply;
use crate::state::State;

/// Says what a device needs to make a passkey for the caller.
///
/// Devices that have a passkey of the account make no other. The answer is good once, for five minutes, within this
/// session. Wants a sign-in or `/auth/step-up` within the last ten minutes.
#[api_operation(tag = "accounts", operation_id = "beginPasskey")]
pub(super) async fn handler(state: State, caller: Recent) -> Result<Reply<OptionsView>, ApiError> {
    let begun = state.services.passkeys.begin(&caller.0).await;
    Reply::private(&OptionsView::from(begun.map_err(refuse)?))
}

fn refuse(error: BeginPasskeyError) -> ApiError {
    match error {
        BeginPasskeyError::TooMany => ApiError::new(ErrorCode::PasskeyLimit),
        BeginPasskeyError::Ended => ApiError::token(ErrorCode::Unauthorized),
        BeginPasskeyError::Off(error) => off(error),
        BeginPasskeyError::Port(error) => ApiError::port(error),
    }
}
