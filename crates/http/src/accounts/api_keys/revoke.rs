//! `DELETE /users/me/api-keys/{id}`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::RevokeApiKeyError;
use parlance_domain::ids::ApiKeyId;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiPath, Arrival, Caller};
use crate::reply::NoContent;
use crate::state::State;

/// Names a key.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct ApiKeyPath {
    /// The key's id.
    #[schemars(with = "uuid::Uuid", example = "example_key_id")]
    id: String,
}

fn example_key_id() -> &'static str {
    "019318ba-7c2c-7d7a-9c1e-3a5b6c7d8e9f"
}

/// Revokes a key of the caller: within a second it is good nowhere.
#[api_operation(tag = "accounts", operation_id = "revokeApiKey")]
pub(super) async fn handler(
    state: State,
    caller: Caller,
    ApiPath(path): ApiPath<ApiKeyPath>,
    arrival: Arrival,
) -> Result<NoContent, ApiError> {
    let id: ApiKeyId = path
        .id
        .parse()
        .map_err(|_| ApiError::invalid("id", "format", "must be a UUID"))?;
    let keys = &state.services.api_keys;
    let revoked = keys.revoke(caller.user_id(), id, &arrival.0).await;
    revoked.map_err(|error| match error {
        RevokeApiKeyError::NotFound => ApiError::new(ErrorCode::ApiKeyNotFound),
        RevokeApiKeyError::Port(error) => ApiError::port(error),
    })?;
    Ok(NoContent)
}
