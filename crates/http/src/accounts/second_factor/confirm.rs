//! `POST /users/me/second-factor/totp/confirm`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::{ConfirmSecondFactorError, TotpCode};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::view::CodesView;
use crate::accounts::login::refused;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, Recent, check_form, parsed};
use crate::reply::Reply;
use crate::state::State;

/// The first code of an authenticator.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TotpConfirmation", example = "example")]
pub(super) struct Body {
    /// The six digits that the authenticator shows.
    #[validate(required, custom(function = "check_form::<TotpCode>"))]
    #[schemars(required, length(min = 6, max = 24))]
    code: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "code": "287082" })
}

/// Makes the authenticator the caller's second factor, by a first code of it.
///
/// From then on a code is asked for with the password. Answers ten recovery codes, which nobody will be told again.
#[api_operation(tag = "accounts", operation_id = "confirmSecondFactor")]
pub(super) async fn handler(
    state: State,
    caller: Recent,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Reply<CodesView>, ApiError> {
    let code = parsed("code", body.code.as_deref().unwrap_or_default())?;
    let confirmed = state
        .services
        .second_factors
        .confirm(&caller.0, &code, &arrival.0);
    let codes = confirmed.await.map_err(refuse)?;
    Reply::private(&CodesView::from(&*codes))
}

fn refuse(error: ConfirmSecondFactorError) -> ApiError {
    match error {
        ConfirmSecondFactorError::NotBegun => ApiError::new(ErrorCode::SecondFactorNotFound),
        ConfirmSecondFactorError::WrongCode => ApiError::new(ErrorCode::WrongCode),
        ConfirmSecondFactorError::Ended => ApiError::token(ErrorCode::Unauthorized),
        ConfirmSecondFactorError::Locked { retry_after } => refused(ErrorCode::AccountLocked, retry_after),
        ConfirmSecondFactorError::Throttled { retry_after } => {
            refused(ErrorCode::RateLimitExceeded, retry_after)
        }
        ConfirmSecondFactorError::Port(error) => ApiError::port(error),
    }
}
