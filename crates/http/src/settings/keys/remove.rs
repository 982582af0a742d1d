//! `DELETE /users/me/keys/{provider}`

use apistos::api_operation;
use parlance_domain::settings::RemoveKeyError;

use super::path::ProviderPath;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiPath, Arrival, Writer};
use crate::reply::NoContent;
use crate::state::State;

/// Takes the caller's own key of a provider away.
#[api_operation(tag = "settings", operation_id = "removeProviderKey")]
pub(super) async fn handler(
    state: State,
    caller: Writer,
    ApiPath(path): ApiPath<ProviderPath>,
    arrival: Arrival,
) -> Result<NoContent, ApiError> {
    let keys = &state.services.provider_keys;
    let removed = keys.remove(caller.user_id(), path.read()?, &arrival.0).await;
    removed.map_err(|error| match error {
        RemoveKeyError::NotFound => ApiError::new(ErrorCode::ProviderKeyNotFound),
        RemoveKeyError::Port(error) => ApiError::port(error),
    })?;
    Ok(NoContent)
}
