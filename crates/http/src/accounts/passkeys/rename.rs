//! `PATCH /users/me/passkeys/{id}`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::{ChangePasskeyError, PasskeyName};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::body::{read_id, read_name};
use super::view::PasskeyView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, ApiPath, Arrival, Writer, check_form};
use crate::reply::Reply;
use crate::state::State;

/// Names a passkey.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct PasskeyPath {
    /// The passkey's id.
    #[schemars(with = "uuid::Uuid", example = "example_passkey_id")]
    pub(super) id: String,
}

fn example_passkey_id() -> &'static str {
    "019318ba-7c2c-7d7a-9c1e-3a5b6c7d8e9f"
}

/// Another name of a passkey.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[schemars(rename = "PasskeyName", example = "example")]
pub(super) struct Body {
    /// What its owner calls it: 1 to 64 characters.
    #[validate(required, custom(function = "check_form::<PasskeyName>"))]
    #[schemars(required, length(min = 1, max = 64))]
    name: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "name": "Ann's old phone" })
}

/// Gives a passkey of the caller another name.
#[api_operation(tag = "accounts", operation_id = "renamePasskey")]
pub(super) async fn handler(
    state: State,
    caller: Writer,
    ApiPath(path): ApiPath<PasskeyPath>,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Reply<PasskeyView>, ApiError> {
    let (id, name) = (read_id(&path.id)?, read_name(body.name.as_deref())?);
    let passkeys = &state.services.passkeys;
    let renamed = passkeys.rename(caller.user_id(), id, name, &arrival.0).await;
    Reply::private(&PasskeyView::from(renamed.map_err(refuse)?))
}

/// The refusal of a change of a passkey.
pub(super) fn refuse(error: ChangePasskeyError) -> ApiError {
    match error {
        ChangePasskeyError::NotFound => ApiError::new(ErrorCode::PasskeyNotFound),
        ChangePasskeyError::LastWayIn => ApiError::new(ErrorCode::LastWayIn),
        ChangePasskeyError::Ended => ApiError::token(ErrorCode::Unauthorized),
        ChangePasskeyError::Port(error) => ApiError::port(error),
    }
}
