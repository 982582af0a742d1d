//! `POST /users/me/password`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::ChangePasswordError;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::body::{attempt, check_attempt, check_password, password};
use super::step_up;
use super::view::{Done, done};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, Writer, recent};
use crate::reply::Reply;
use crate::state::State;

/// The password that is, and the one that is to be.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PasswordChange", example = "example")]
pub(crate) struct Body {
    /// The password.
    #[validate(required, custom(function = "check_attempt"))]
    #[schemars(required, length(min = 1, max = 128))]
    current_password: Option<String>,
    /// 8 to 128 characters with a lower-case letter, an upper-case letter and a digit.
    #[validate(required, custom(function = "check_password"))]
    #[schemars(required, length(min = 8, max = 128))]
    new_password: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "currentPassword": "Correct-horse-1", "newPassword": "Correct-horse-2" })
}

/// Changes the password of the caller.
///
/// Ends all other sessions of the account. Where it has a second factor, that must have been shown within ten minutes. Who has no password yet sets one by `/auth/password-reset`.
#[api_operation(tag = "accounts", operation_id = "changePassword")]
pub(crate) async fn handler(
    state: State,
    caller: Writer,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Reply<Done>, ApiError> {
    let current = attempt("currentPassword", body.current_password.as_deref())?;
    let new = password("newPassword", body.new_password.as_deref())?;
    let credentials = &state.services.credentials;
    let changed = credentials.change_password(&caller.0, &current, &new, &arrival.0);
    changed.await.map_err(refuse)?;
    done("The password is changed.")
}

fn refuse(error: ChangePasswordError) -> ApiError {
    match error {
        ChangePasswordError::WeakPassword(why) => ApiError::weak_password(why),
        ChangePasswordError::StepUp(error) => step_up::refuse(error),
        ChangePasswordError::Recency(error) => recent::refuse(error),
        ChangePasswordError::Conflict => ApiError::new(ErrorCode::Unavailable),
    }
}
