//! `POST /auth/step-up`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::{PasskeyStepUpError, StepUpError};
use parlance_domain::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationError, ValidationErrors};

use super::body::{attempt, check_attempt};
use crate::accounts::login::refused;
use crate::accounts::passkeys::{AnswerBody, off};
use crate::accounts::second_factor::{check_code, read_code};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, Writer, complaint};
use crate::reply::Reply;
use crate::state::State;
use crate::time::rfc3339_millis;

/// What shows again who calls: the password, or a passkey.
#[derive(Deserialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StepUp", example = "example")]
pub(crate) struct Body {
    /// The password.
    #[schemars(length(min = 1, max = 128))]
    password: Option<String>,
    /// Where the account has a second factor: the six digits that the authenticator shows, or a recovery code.
    #[schemars(length(min = 6, max = 48))]
    code: Option<String>,
    /// In place of both: what a passkey of the caller answered to options of `/auth/passkeys/options`.
    passkey: Option<AnswerBody>,
}

/// By hand, because one of two is enough.
impl Validate for Body {
    fn validate(&self) -> Result<(), ValidationErrors> {
        let mut errors = ValidationErrors::new();
        let mut note = |field, result: Result<(), ValidationError>| {
            if let Err(error) = result {
                errors.add(field, error);
            }
        };
        match (&self.password, &self.passkey) {
            (Some(password), _) => note("password", check_attempt(password)),
            (None, None) => note("password", Err(complaint("required", "is required"))),
            (None, Some(_)) => {}
        }
        if let Some(code) = &self.code {
            note("code", check_code(code));
        }
        if let Some(passkey) = &self.passkey {
            errors.merge_self("passkey", passkey.validate());
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

fn example() -> serde_json::Value {
    serde_json::json!({ "password": "Correct-horse-1" })
}

/// That the caller showed again who they are.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "SteppedUp")]
pub(crate) struct SteppedUp {
    /// Always true.
    success: bool,
    data: Until,
}

#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
struct Until {
    /// Until when it counts.
    expires_at: String,
}

impl From<Timestamp> for SteppedUp {
    fn from(until: Timestamp) -> Self {
        Self {
            success: true,
            data: Until {
                expires_at: rfc3339_millis(until),
            },
        }
    }
}

/// Shows again who calls, for ten minutes: by the password and, where there is a second factor, a code; or by a passkey.
///
/// What is dear (another address, a second factor, everything that is held, the end of the account) is open to those
/// alone who signed in or did this within the last ten minutes; anybody else is answered `STEP_UP_REQUIRED`.
#[api_operation(tag = "accounts", operation_id = "stepUp")]
pub(crate) async fn handler(
    state: State,
    caller: Writer,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Reply<SteppedUp>, ApiError> {
    if let (None, Some(passkey)) = (&body.password, &body.passkey) {
        let passkeys = &state.services.passkeys;
        let stepped_up = passkeys.step_up(&caller.0, &passkey.answer()?, &arrival.0).await;
        let until = stepped_up.map_err(refuse_passkey)?;
        return Reply::private(&SteppedUp::from(until));
    }
    let password = attempt("password", body.password.as_deref())?;
    let code = body.code.as_deref().map(read_code).transpose()?;
    let sessions = &state.services.sessions;
    let stepped_up = sessions.step_up(&caller.0, &password, code.as_ref(), &arrival.0);
    let until = stepped_up.await.map_err(refuse)?;
    Reply::private(&SteppedUp::from(until))
}

/// The refusal of somebody who did not show who they are.
pub(super) fn refuse(error: StepUpError) -> ApiError {
    match error {
        StepUpError::WrongPassword => ApiError::new(ErrorCode::WrongPassword),
        StepUpError::CodeRequired => ApiError::new(ErrorCode::CodeRequired),
        StepUpError::WrongCode => ApiError::new(ErrorCode::WrongCode),
        StepUpError::Ended => ApiError::token(ErrorCode::Unauthorized),
        StepUpError::Locked { retry_after } => refused(ErrorCode::AccountLocked, retry_after),
        StepUpError::Throttled { retry_after } => refused(ErrorCode::RateLimitExceeded, retry_after),
        StepUpError::Busy => ApiError::new(ErrorCode::Unavailable),
        StepUpError::Port(error) => ApiError::port(error),
    }
}

fn refuse_passkey(error: PasskeyStepUpError) -> ApiError {
    match error {
        PasskeyStepUpError::Refused => ApiError::new(ErrorCode::PasskeyRefused),
        PasskeyStepUpError::Ended => ApiError::token(ErrorCode::Unauthorized),
        PasskeyStepUpError::Off(error) => off(error),
        PasskeyStepUpError::Port(error) => ApiError::port(error),
    }
}
