//! `POST /auth/email-verification/confirm`

use apistos::api_operation;
use parlance_domain::accounts::VerifyEmailError;

use super::body::TokenBody;
use super::view::{Done, done};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, check_writable};
use crate::reply::Reply;
use crate::state::State;

/// Confirms the address of an account by the token of the link that went there.
///
/// A token is good once.
#[api_operation(tag = "accounts", operation_id = "confirmEmailVerification", no_security)]
pub(crate) async fn handler(
    state: State,
    arrival: Arrival,
    body: ApiJson<TokenBody>,
) -> Result<Reply<Done>, ApiError> {
    check_writable(state.config.features)?;
    let verified = state.services.credentials.verify_email(body.token(), &arrival.0);
    verified.await.map_err(refuse)?;
    done("The address is confirmed.")
}

fn refuse(error: VerifyEmailError) -> ApiError {
    match error {
        VerifyEmailError::LinkSpent => ApiError::new(ErrorCode::LinkNotValid),
        VerifyEmailError::Conflict => ApiError::new(ErrorCode::Unavailable),
        VerifyEmailError::Port(error) => ApiError::port(error),
    }
}
