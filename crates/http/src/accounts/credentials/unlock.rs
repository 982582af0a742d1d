//! `POST /auth/unlock`

use apistos::api_operation;
use parlance_domain::accounts::UnlockError;

use super::body::TokenBody;
use super::view::{Done, done};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, check_writable};
use crate::reply::Reply;
use crate::state::State;

/// Ends the lock of an account by the token of the link that its owner was sent.
///
/// Ends all sessions of the account, too; it signs nobody in. A token is good once.
#[api_operation(tag = "accounts", operation_id = "unlock", no_security)]
pub(crate) async fn handler(
    state: State,
    arrival: Arrival,
    body: ApiJson<TokenBody>,
) -> Result<Reply<Done>, ApiError> {
    check_writable(state.config.features)?;
    let unlocked = state.services.sessions.unlock(body.token(), &arrival.0);
    unlocked.await.map_err(refuse)?;
    done("The account is unlocked; please sign in.")
}

fn refuse(error: UnlockError) -> ApiError {
    match error {
        UnlockError::Invalid => ApiError::new(ErrorCode::LinkNotValid),
        UnlockError::Port(error) => ApiError::port(error),
    }
}
