//! `POST /auth/register`

use actix_web::http::header;
use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::{DisplayName, Email, Password, Register, RegisterError, Username};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::answer::{self, SignedInBody};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, check_form, complaint, parsed};
use crate::reply::Created;
use crate::state::State;

/// Who wants an account.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Register", example = "example")]
pub(crate) struct Body {
    /// An email address; case and Unicode form do not matter.
    #[validate(required, custom(function = "check_form::<Email>"))]
    #[schemars(required, length(max = 254))]
    email: Option<String>,
    /// 8 to 128 characters with a lower-case letter, an upper-case letter and a digit.
    #[validate(required, custom(function = "check_password"))]
    #[schemars(required, length(min = 8, max = 128))]
    password: Option<String>,
    /// What others see.
    #[validate(custom(function = "check_form::<DisplayName>"))]
    #[schemars(length(min = 1, max = 100))]
    display_name: Option<String>,
    /// A second name to sign in with.
    #[validate(custom(function = "check_form::<Username>"))]
    #[schemars(length(min = 3, max = 32), regex(pattern = r"^[A-Za-z0-9_.-]{3,32}$"))]
    username: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({
        "email": "ann@example.com",
        "password": "Correct-horse-1",
        "displayName": "Ann"
    })
}

fn check_password(text: &str) -> Result<(), ValidationError> {
    Password::check(text).map_err(|error| complaint("format", error))
}

/// Makes an account and signs it in.
///
/// The refresh token comes as a cookie for `/api/v1/auth` that scripts cannot read.
#[api_operation(tag = "accounts", operation_id = "register", no_security)]
pub(crate) async fn handler(
    state: State,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Created<SignedInBody>, ApiError> {
    if !state.config.features.auth_enabled {
        return Err(ApiError::new(ErrorCode::AuthDisabled));
    }
    let command = command(body.0)?;
    let signed_in = state.services.accounts.register(command, &arrival.0).await;
    let signed_in = signed_in.map_err(refuse)?;
    answer::signed_in(signed_in, state.config.refresh_cookie)
        .map(|answer| Created(answer.with_header(header::LOCATION, "/api/v1/users/me")))
}

fn command(body: Body) -> Result<Register, ApiError> {
    let password = body.password.unwrap_or_default();
    Ok(Register {
        email: parsed("email", body.email.as_deref().unwrap_or_default())?,
        password: Password::parse(&password)
            .map_err(|error| ApiError::invalid("password", "format", error.to_string()))?,
        display_name: body
            .display_name
            .as_deref()
            .map(|name| parsed("displayName", name))
            .transpose()?,
        username: body
            .username
            .as_deref()
            .map(|name| parsed("username", name))
            .transpose()?,
    })
}

fn refuse(error: RegisterError) -> ApiError {
    match error {
        RegisterError::WeakPassword(why) => ApiError::weak_password(why),
        RegisterError::EmailTaken => ApiError::new(ErrorCode::EmailExists),
        RegisterError::UsernameTaken => ApiError::new(ErrorCode::UsernameExists),
        RegisterError::Busy => ApiError::new(ErrorCode::Unavailable),
        RegisterError::Port(error) => ApiError::port(error),
    }
}
