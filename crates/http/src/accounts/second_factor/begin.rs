//! `POST /users/me/second-factor/totp`

use apistos::api_operation;
use parlance_domain::accounts::BeginSecondFactorError;

use super::view::EnrolmentView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::Recent;
use crate::reply::Reply;
use crate::state::State;

/// Makes a secret for the caller's authenticator.
///
/// Nothing is asked for until it is confirmed by a code; until then, each call makes another secret in its place.
#[api_operation(tag = "accounts", operation_id = "beginSecondFactor")]
pub(super) async fn handler(state: State, caller: Recent) -> Result<Reply<EnrolmentView>, ApiError> {
    let begun = state.services.second_factors.begin(caller.user_id()).await;
    Reply::private(&EnrolmentView::from(&begun.map_err(refuse)?))
}

fn refuse(error: BeginSecondFactorError) -> ApiError {
    match error {
        BeginSecondFactorError::Active => ApiError::new(ErrorCode::SecondFactorActive),
        BeginSecondFactorError::Ended => ApiError::token(ErrorCode::Unauthorized),
        BeginSecondFactorError::NoKey => ApiError::new(ErrorCode::EncryptionUnavailable),
        BeginSecondFactorError::Port(error) => ApiError::port(error),
    }
}
