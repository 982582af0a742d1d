//! `POST /auth/second-factor`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::CodeSignInError;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::{check_code, read_code};
use crate::accounts::answer::{self, SignedInBody};
use crate::accounts::login::refused;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, complaint};
use crate::reply::Reply;
use crate::state::State;

/// The longest challenge that is looked at.
const MAX_CHALLENGE: usize = 256;

/// The challenge that the password yielded, and a code.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SecondFactorSignIn", example = "example")]
pub(super) struct Body {
    /// `details.challenge` of the answer to `/auth/login`.
    #[validate(required, custom(function = "check_challenge"))]
    #[schemars(required, length(min = 1, max = 256))]
    challenge: Option<String>,
    /// The six digits that the authenticator shows, or a recovery code.
    #[validate(required, custom(function = "check_code"))]
    #[schemars(required, length(min = 6, max = 48))]
    code: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "challenge": "AZ8n3kQ0cZu0b0lq0mJ7lw3q8sB0m1x2y3z4A5B6C7D8E9F0", "code": "287082" })
}

fn check_challenge(text: &str) -> Result<(), ValidationError> {
    match text.len() {
        0 => Err(complaint("required", "is required")),
        1..=MAX_CHALLENGE => Ok(()),
        _ => Err(complaint("length", "is too long")),
    }
}

/// Signs in with a code, after the password was shown at `/auth/login`.
///
/// A code of the authenticator is good once, for about a minute; a recovery code is good once. Wrong codes count for the
/// account as wrong passwords do, whichever challenge they come with.
#[api_operation(tag = "accounts", operation_id = "loginSecondFactor", no_security)]
pub(super) async fn handler(
    state: State,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Reply<SignedInBody>, ApiError> {
    if !state.config.features.auth_enabled {
        return Err(ApiError::new(ErrorCode::AuthDisabled));
    }
    let code = read_code(body.code.as_deref().unwrap_or_default())?;
    let challenge = body.challenge.as_deref().unwrap_or_default();
    let sessions = &state.services.sessions;
    let signed_in = sessions.sign_in_by_code(challenge, &code, &arrival.0).await;
    answer::signed_in(signed_in.map_err(refuse)?, state.config.refresh_cookie)
}

fn refuse(error: CodeSignInError) -> ApiError {
    match error {
        CodeSignInError::InvalidChallenge => ApiError::new(ErrorCode::ChallengeNotValid),
        CodeSignInError::WrongCode => ApiError::new(ErrorCode::WrongCode),
        CodeSignInError::Deactivated => ApiError::new(ErrorCode::AccountDeactivated),
        CodeSignInError::Locked { retry_after } => refused(ErrorCode::AccountLocked, retry_after),
        CodeSignInError::Throttled { retry_after } => refused(ErrorCode::RateLimitExceeded, retry_after),
        CodeSignInError::Busy => ApiError::new(ErrorCode::Unavailable),
        CodeSignInError::Port(error) => ApiError::port(error),
    }
}
