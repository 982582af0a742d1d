//! `DELETE /users/me/second-factor/totp`

use apistos::api_operation;
use parlance_domain::accounts::RemoveSecondFactorError;

use crate::error::{ApiError, ErrorCode};
use crate::extract::{Arrival, Recent};
use crate::reply::NoContent;
use crate::state::State;

/// Takes the caller's second factor away, with its recovery codes.
///
/// Refused where a role of the account calls for one.
#[api_operation(tag = "accounts", operation_id = "removeSecondFactor")]
pub(super) async fn handler(state: State, caller: Recent, arrival: Arrival) -> Result<NoContent, ApiError> {
    let second_factors = &state.services.second_factors;
    let removed = second_factors.remove(caller.user_id(), &arrival.0).await;
    removed.map_err(refuse)?;
    Ok(NoContent)
}

fn refuse(error: RemoveSecondFactorError) -> ApiError {
    match error {
        RemoveSecondFactorError::NotActive => ApiError::new(ErrorCode::SecondFactorNotFound),
        RemoveSecondFactorError::Required => ApiError::new(ErrorCode::SecondFactorMandatory),
        RemoveSecondFactorError::Port(error) => ApiError::port(error),
    }
}
