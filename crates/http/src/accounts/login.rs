//! `POST /auth/login`

use apistos::{ApiComponent, api_operation};
use chrono::TimeDelta;
use parlance_domain::accounts::{Email, Identity, Password, SignIn, SignInError, Username};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::{Validate, ValidationError, ValidationErrors};

use super::answer::{self, SignedInBody};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, check_form, complaint, parsed};
use crate::reply::Reply;
use crate::state::State;

/// Who claims to be there: `email` or `username`, and the password.
#[derive(Deserialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Login", example = "example")]
pub(crate) struct Body {
    /// The email address of the account.
    #[schemars(length(max = 254))]
    email: Option<String>,
    /// The username of the account, in place of `email`.
    #[schemars(length(max = 32))]
    username: Option<String>,
    /// The password.
    #[schemars(required, length(min = 1, max = 128))]
    password: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "email": "ann@example.com", "password": "Correct-horse-1" })
}

/// By hand, because one of two names is enough.
impl Validate for Body {
    fn validate(&self) -> Result<(), ValidationErrors> {
        let mut errors = ValidationErrors::new();
        let mut note = |field, result: Result<(), ValidationError>| {
            if let Err(error) = result {
                errors.add(field, error);
            }
        };
        match (&self.email, &self.username) {
            (Some(email), _) => note("email", check_form::<Email>(email)),
            (None, Some(username)) => note("username", check_form::<Username>(username)),
            (None, None) => note("email", Err(complaint("required", "is required"))),
        }
        match &self.password {
            Some(password) => note("password", check_attempt(password)),
            None => note("password", Err(complaint("required", "is required"))),
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

fn check_attempt(text: &str) -> Result<(), ValidationError> {
    Password::check_attempt(text).map_err(|error| match text {
        "" => complaint("required", "is required"),
        _ => complaint("format", error),
    })
}

/// Signs in with an email or a username and a password.
///
/// Where the account has a second factor, the right password is answered by `SECOND_FACTOR_REQUIRED` with
/// `details.challenge`, for `/auth/second-factor`. Which of name and password was wrong is not said. Limited to 5 attempts a minute from one address, 100 failures in 15 minutes from
/// one, and 10 failures in 15 minutes for one account, whether it exists or not: the last locks it for 30 minutes, but for
/// devices that signed in to it before, which the cookie `deviceToken` tells.
#[api_operation(tag = "accounts", operation_id = "login", no_security)]
pub(crate) async fn handler(
    state: State,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Reply<SignedInBody>, ApiError> {
    if !state.config.features.auth_enabled {
        return Err(ApiError::new(ErrorCode::AuthDisabled));
    }
    let command = command(&body.0)?;
    let signed_in = state.services.sessions.sign_in(command, &arrival.0).await;
    let signed_in = signed_in.map_err(refuse)?;
    answer::signed_in(signed_in, state.config.refresh_cookie)
}

fn command(body: &Body) -> Result<SignIn, ApiError> {
    let identity = match (&body.email, &body.username) {
        (None, Some(username)) => Identity::Username(parsed("username", username)?),
        (email, _) => Identity::Email(parsed("email", email.as_deref().unwrap_or_default())?),
    };
    let password = body.password.as_deref().unwrap_or_default();
    let password = Password::attempt(password)
        .map_err(|error| ApiError::invalid("password", "format", error.to_string()))?;
    Ok(SignIn { identity, password })
}

fn refuse(error: SignInError) -> ApiError {
    match error {
        SignInError::InvalidCredentials => ApiError::new(ErrorCode::InvalidCredentials),
        SignInError::SecondFactorRequired { challenge } => ApiError::second_factor(challenge),
        SignInError::Deactivated => ApiError::new(ErrorCode::AccountDeactivated),
        SignInError::Locked { retry_after } => refused(ErrorCode::AccountLocked, retry_after),
        SignInError::Throttled { retry_after } => refused(ErrorCode::RateLimitExceeded, retry_after),
        SignInError::Busy => ApiError::new(ErrorCode::Unavailable),
        SignInError::Port(error) => ApiError::port(error),
    }
}

/// The refusal of an attempt that is not even looked at.
pub(super) fn refused(code: ErrorCode, retry_after: TimeDelta) -> ApiError {
    // What is not over yet lies ahead.
    ApiError::new(code).with_retry_after(retry_after.to_std().unwrap_or_default())
}
