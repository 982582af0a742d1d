//! `DELETE /users/me/identities/{id}`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::UnlinkError;
use parlance_domain::ids::IdentityId;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiPath, Arrival, Recent};
use crate::reply::NoContent;
use crate::state::State;

/// Names an identity.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Path {
    /// The identity's id.
    #[schemars(with = "uuid::Uuid", example = "example_identity_id")]
    id: String,
}

fn example_identity_id() -> &'static str {
    "019318ba-7c2c-7d7a-9c1e-3a5b6c7d8e9f"
}

/// Unlinks an identity from the caller's account; the owner gets a mail.
///
/// Refused where nobody could sign in to the account any more: then set a password first, by `/auth/password-reset`. Wants a
/// sign-in or `/auth/step-up` within the last ten minutes.
#[api_operation(tag = "accounts", operation_id = "unlinkIdentity")]
pub(super) async fn handler(
    state: State,
    caller: Recent,
    ApiPath(path): ApiPath<Path>,
    arrival: Arrival,
) -> Result<NoContent, ApiError> {
    let id: IdentityId = path
        .id
        .parse()
        .map_err(|_| ApiError::invalid("id", "format", "must be a UUID"))?;
    let federation = &state.services.federation;
    let unlinked = federation.unlink(caller.user_id(), id, &arrival.0).await;
    unlinked.map_err(refuse)?;
    Ok(NoContent)
}

fn refuse(error: UnlinkError) -> ApiError {
    match error {
        UnlinkError::NotFound => ApiError::new(ErrorCode::IdentityNotFound),
        UnlinkError::LastWayIn => ApiError::new(ErrorCode::LastWayIn),
        UnlinkError::Port(error) => ApiError::port(error),
    }
}
