//! `POST /users/me/second-factor/recovery-codes`

use apistos::api_operation;
use parlance_domain::accounts::RenewRecoveryCodesError;

use super::view::CodesView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{Arrival, Recent};
use crate::reply::Reply;
use crate::state::State;

/// Makes ten new recovery codes for the caller; those before are not good any more.
///
/// Nobody will be told them again.
#[api_operation(tag = "accounts", operation_id = "renewRecoveryCodes")]
pub(super) async fn handler(
    state: State,
    caller: Recent,
    arrival: Arrival,
) -> Result<Reply<CodesView>, ApiError> {
    let second_factors = &state.services.second_factors;
    let renewed = second_factors.renew_codes(caller.user_id(), &arrival.0).await;
    let codes = renewed.map_err(refuse)?;
    Reply::private(&CodesView::from(&*codes))
}

fn refuse(error: RenewRecoveryCodesError) -> ApiError {
    match error {
        RenewRecoveryCodesError::NotActive => ApiError::new(ErrorCode::SecondFactorNotFound),
        RenewRecoveryCodesError::Port(error) => ApiError::port(error),
    }
}
