//! `DELETE /users/me/passkeys/{id}`

use apistos::api_operation;

use super::body::read_id;
use super::rename::{PasskeyPath, refuse};
use crate::error::ApiError;
use crate::extract::{ApiPath, Arrival, Recent};
use crate::reply::NoContent;
use crate::state::State;

/// Takes a passkey of the caller away.
///
/// Sessions that it began go on. The last way to sign in stays. Wants a sign-in or `/auth/step-up` within the last ten
/// minutes.
#[api_operation(tag = "accounts", operation_id = "removePasskey")]
pub(super) async fn handler(
    state: State,
    caller: Recent,
    ApiPath(path): ApiPath<PasskeyPath>,
    arrival: Arrival,
) -> Result<NoContent, ApiError> {
    let id = read_id(&path.id)?;
    let removed = state.services.passkeys.remove(caller.user_id(), id, &arrival.0);
    removed.await.map_err(refuse)?;
    Ok(NoContent)
}
