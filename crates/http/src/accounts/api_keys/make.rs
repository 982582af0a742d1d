//! `POST /users/me/api-keys`

use actix_web::http::header;
use apistos::{ApiComponent, api_operation};
use chrono::DateTime;
use parlance_domain::accounts::{ApiKeyName, MakeApiKey, MakeApiKeyError, Scope};
use parlance_domain::time::Timestamp;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::view::MadeApiKeyView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, Recent, check_form, complaint, parsed};
use crate::reply::{Created, Reply};
use crate::state::State;

/// What a key is to be.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NewApiKey", example = "example")]
pub(crate) struct Body {
    /// What its owner calls it: 1 to 64 characters.
    #[validate(required, custom(function = "check_form::<ApiKeyName>"))]
    #[schemars(required, length(min = 1, max = 64))]
    name: Option<String>,
    /// What it may do: at least one of `progress:read`, `progress:write`, `profile:read`, `speech`, `conversations`.
    #[validate(required, length(min = 1, max = 5), custom(function = "check_scopes"))]
    #[schemars(required, length(min = 1, max = 5))]
    scopes: Option<Vec<String>>,
    /// When it stops being good (RFC 3339); when missing, it is good until it is revoked.
    #[validate(custom(function = "check_time"))]
    #[schemars(with = "Option<DateTime<chrono::Utc>>")]
    expires_at: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({
        "name": "Anki import",
        "scopes": ["progress:read", "progress:write"],
        "expiresAt": "2027-11-21T00:00:00.000Z"
    })
}

fn check_scopes(scopes: &[String]) -> Result<(), ValidationError> {
    scopes.iter().try_for_each(|scope| check_form::<Scope>(scope))
}

fn check_time(text: &str) -> Result<(), ValidationError> {
    let wrong = || complaint("format", "must be a time in RFC 3339");
    DateTime::parse_from_rfc3339(text)
        .map(|_| ())
        .map_err(|_| wrong())
}

impl Body {
    fn command(&self) -> Result<MakeApiKey, ApiError> {
        let scopes = self.scopes.iter().flatten();
        let expires_at = self.expires_at.as_deref().map(|text| {
            let time = DateTime::parse_from_rfc3339(text).map(Timestamp::from);
            time.map_err(|_| ApiError::invalid("expiresAt", "format", "must be a time in RFC 3339"))
        });
        Ok(MakeApiKey {
            name: parsed("name", self.name.as_deref().unwrap_or_default())?,
            scopes: scopes
                .map(|text| parsed("scopes", text))
                .collect::<Result<_, _>>()?,
            expires_at: expires_at.transpose()?,
        })
    }
}

/// Makes a key with which programs act for the caller.
///
/// The answer shows it once; the owner gets a mail. At most 20. Wants a sign-in or `/auth/step-up` within the last ten
/// minutes.
#[api_operation(tag = "accounts", operation_id = "makeApiKey")]
pub(crate) async fn handler(
    state: State,
    caller: Recent,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Created<MadeApiKeyView>, ApiError> {
    let keys = &state.services.api_keys;
    let made = keys.make(&caller.0, body.command()?, &arrival.0).await;
    let made = made.map_err(refuse)?;
    let view = MadeApiKeyView::new(made.key, made.text.expose_secret().to_owned());
    let place = format!("/api/v1/users/me/api-keys/{}", view.id());
    Ok(Created(
        Reply::private(&view)?.with_header(header::LOCATION, &place),
    ))
}

fn refuse(error: MakeApiKeyError) -> ApiError {
    match error {
        MakeApiKeyError::NoScope => ApiError::invalid("scopes", "length", "must name at least one"),
        MakeApiKeyError::Expired => ApiError::invalid("expiresAt", "past", "must be in the future"),
        MakeApiKeyError::TooMany => ApiError::new(ErrorCode::ApiKeyLimit),
        MakeApiKeyError::Ended => ApiError::token(ErrorCode::Unauthorized),
        MakeApiKeyError::Port(error) => ApiError::port(error),
    }
}
