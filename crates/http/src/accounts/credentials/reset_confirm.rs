//! `POST /auth/password-reset/confirm`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::ResetPasswordError;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::body::{check_password, check_token, password};
use super::view::{Done, done};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, check_writable};
use crate::reply::Reply;
use crate::state::State;

/// The token of a link, and the password that is to be.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PasswordReset", example = "example")]
pub(crate) struct Body {
    /// The token of the link.
    #[validate(required, custom(function = "check_token"))]
    #[schemars(required, length(min = 1, max = 256))]
    token: Option<String>,
    /// 8 to 128 characters with a lower-case letter, an upper-case letter and a digit.
    #[validate(required, custom(function = "check_password"))]
    #[schemars(required, length(min = 8, max = 128))]
    password: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({
        "token": "AZ8n3kQ0cZu0b0lq0mJ7lw3q8sB0m1x2y3z4A5B6C7D8E9F0G1H2I3J4K5L6M7N8",
        "password": "Correct-horse-2"
    })
}

/// Sets a new password by the token of a link.
///
/// Ends all sessions of the account and confirms its address; it signs nobody in. A token is good once.
#[api_operation(tag = "accounts", operation_id = "confirmPasswordReset", no_security)]
pub(crate) async fn handler(
    state: State,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Reply<Done>, ApiError> {
    check_writable(state.config.features)?;
    let password = password("password", body.password.as_deref())?;
    let token = body.token.as_deref().unwrap_or_default();
    let credentials = &state.services.credentials;
    let reset = credentials.reset_password(token, &password, &arrival.0).await;
    reset.map_err(refuse)?;
    done("The password is changed; please sign in with it.")
}

fn refuse(error: ResetPasswordError) -> ApiError {
    match error {
        ResetPasswordError::WeakPassword(why) => ApiError::weak_password(why),
        ResetPasswordError::LinkSpent => ApiError::new(ErrorCode::LinkNotValid),
        ResetPasswordError::Busy | ResetPasswordError::Conflict => ApiError::new(ErrorCode::Unavailable),
        ResetPasswordError::Port(error) => ApiError::port(error),
    }
}
