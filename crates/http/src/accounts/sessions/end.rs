//! `DELETE /users/me/sessions/{id}`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::EndSessionError;
use parlance_domain::ids::SessionId;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiPath, Arrival, Caller};
use crate::reply::NoContent;
use crate::state::State;

/// Names a session.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct SessionPath {
    /// The session's id.
    #[schemars(with = "uuid::Uuid", example = "example_session_id")]
    id: String,
}

fn example_session_id() -> &'static str {
    "019318ba-7c2c-7d7a-9c1e-3a5b6c7d8e9f"
}

/// Signs a device of the caller out: its tokens stop working at once.
///
/// The next sign-in on it is one on a new device.
#[api_operation(tag = "accounts", operation_id = "endSession")]
pub(super) async fn handler(
    state: State,
    caller: Caller,
    ApiPath(path): ApiPath<SessionPath>,
    arrival: Arrival,
) -> Result<NoContent, ApiError> {
    let id: SessionId = path
        .id
        .parse()
        .map_err(|_| ApiError::invalid("id", "format", "must be a UUID"))?;
    let ended = state.services.sessions.end(&caller.0, id, &arrival.0).await;
    ended.map_err(|error| match error {
        EndSessionError::NotFound => ApiError::new(ErrorCode::SessionNotFound),
        EndSessionError::Port(error) => ApiError::port(error),
    })?;
    Ok(NoContent)
}
