//! `POST /users/me/passkeys`

use actix_web::http::header;
use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::{AddPasskey, AddPasskeyError, PasskeyName};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use validator::Validate;

use super::body::{answer, check_credential, check_id, off, read_name};
use super::view::PasskeyView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, Recent, check_form};
use crate::reply::{Created, Reply};
use crate::state::State;

/// The passkey that a device made, and its name.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NewPasskey", example = "example")]
pub(super) struct Body {
    /// What its owner calls it: 1 to 64 characters.
    #[validate(required, custom(function = "check_form::<PasskeyName>"))]
    #[schemars(required, length(min = 1, max = 64))]
    name: Option<String>,
    /// `challengeId` of the options.
    #[validate(required, custom(function = "check_id"))]
    #[schemars(required, with = "Option<uuid::Uuid>")]
    challenge_id: Option<String>,
    /// What `toJSON()` of the `PublicKeyCredential` yields.
    #[validate(required, custom(function = "check_credential"))]
    #[schemars(required)]
    credential: Option<Map<String, Value>>,
}

fn example() -> Value {
    serde_json::json!({
        "name": "Ann's phone",
        "challengeId": "019318ba-7c2c-7d7a-9c1e-3a5b6c7d8e9f",
        "credential": {
            "id": "Zm9vYmFyYmF6",
            "rawId": "Zm9vYmFyYmF6",
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIn0",
                "attestationObject": "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVik"
            }
        }
    })
}

/// Adds the passkey that a device of the caller made.
///
/// From then on it signs in by itself, in the place of password and second factor. The owner gets a mail. At most 10. Wants
/// a sign-in or `/auth/step-up` within the last ten minutes.
#[api_operation(tag = "accounts", operation_id = "addPasskey")]
pub(super) async fn handler(
    state: State,
    caller: Recent,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Created<PasskeyView>, ApiError> {
    let command = AddPasskey {
        name: read_name(body.name.as_deref())?,
        answer: answer(body.challenge_id.as_deref(), body.credential.as_ref())?,
    };
    let added = state.services.passkeys.add(&caller.0, command, &arrival.0).await;
    let view = PasskeyView::from(added.map_err(refuse)?);
    let place = format!("/api/v1/users/me/passkeys/{}", view.id());
    Ok(Created(
        Reply::private(&view)?.with_header(header::LOCATION, &place),
    ))
}

fn refuse(error: AddPasskeyError) -> ApiError {
    match error {
        AddPasskeyError::Refused => ApiError::new(ErrorCode::PasskeyRefused),
        AddPasskeyError::Exists => ApiError::new(ErrorCode::PasskeyExists),
        AddPasskeyError::TooMany => ApiError::new(ErrorCode::PasskeyLimit),
        AddPasskeyError::Ended => ApiError::token(ErrorCode::Unauthorized),
        AddPasskeyError::Off(error) => off(error),
        AddPasskeyError::Port(error) => ApiError::port(error),
    }
}
