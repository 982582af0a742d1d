//! `POST /auth/identity-link/confirm`

use apistos::api_operation;
use parlance_domain::accounts::ConfirmLinkError;

use crate::accounts::credentials::{Done, TokenBody, done};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, check_writable};
use crate::reply::Reply;
use crate::state::State;

/// Lets an identity open the account that has its address, by the token of the link that its owner was sent.
///
/// It signs nobody in. Where the address had not been confirmed before, whoever made the account is not known to be its owner:
/// its password, sessions, keys, second factor and other identities are gone. A token is good once.
#[api_operation(tag = "accounts", operation_id = "confirmIdentityLink", no_security)]
pub(super) async fn handler(
    state: State,
    arrival: Arrival,
    body: ApiJson<TokenBody>,
) -> Result<Reply<Done>, ApiError> {
    check_writable(state.config.features)?;
    let confirmed = state.services.federation.confirm_link(body.token(), &arrival.0);
    confirmed.await.map_err(refuse)?;
    done("You can sign in with it now.")
}

fn refuse(error: ConfirmLinkError) -> ApiError {
    match error {
        ConfirmLinkError::LinkSpent => ApiError::new(ErrorCode::LinkNotValid),
        ConfirmLinkError::IdentityTaken => ApiError::new(ErrorCode::IdentityTaken),
        ConfirmLinkError::Conflict => ApiError::new(ErrorCode::Unavailable),
        ConfirmLinkError::Port(error) => ApiError::port(error),
    }
}
