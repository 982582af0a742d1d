//! `POST /auth/passkeys/options`

use apistos::api_operation;

use super::sign_in::refuse;
use super::view::OptionsView;
use crate::error::{ApiError, ErrorCode};
use crate::reply::Reply;
use crate::state::State;

/// Says what a device needs to show who uses it, to sign in or for `/auth/step-up`.
///
/// Nobody is named: the device finds the account. The answer is good once, for five minutes.
#[api_operation(tag = "accounts", operation_id = "beginPasskeyLogin", no_security)]
pub(super) async fn handler(state: State) -> Result<Reply<OptionsView>, ApiError> {
    if !state.config.features.auth_enabled {
        return Err(ApiError::new(ErrorCode::AuthDisabled));
    }
    let begun = state.services.passkeys.begin_sign_in().await;
    Reply::private(&OptionsView::from(begun.map_err(refuse)?))
}
