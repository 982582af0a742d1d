//! `PUT /users/me/keys/{provider}`

use apistos::{ApiComponent, api_operation};
use parlance_domain::sealing::SealError;
use parlance_domain::settings::KeyText;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use validator::{Validate, ValidationErrors};

use super::path::ProviderPath;
use super::view::KeyView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, ApiPath, Arrival, Recent, check_form, complaint, parsed};
use crate::reply::Reply;
use crate::state::State;

/// A key of a provider.
#[derive(Deserialize, JsonSchema, ApiComponent)]
#[schemars(rename = "NewProviderKey", example = "example")]
pub(super) struct Body {
    /// The key: 16 to 256 letters, digits and signs of ASCII.
    #[schemars(required, with = "Option<String>", length(min = 16, max = 256))]
    key: Option<SecretString>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "key": "sk-proj-0123456789abcdef" })
}

/// By hand, so that no complaint holds the key.
impl Validate for Body {
    fn validate(&self) -> Result<(), ValidationErrors> {
        let checked = match &self.key {
            Some(key) => check_form::<KeyText>(key.expose_secret()),
            None => Err(complaint("required", "is required")),
        };
        checked.map_err(|error| {
            let mut errors = ValidationErrors::new();
            errors.add("key", error);
            errors
        })
    }
}

/// Keeps the caller's own key of a provider, in the place of the one before.
///
/// From then on it pays for what its provider does for the caller: speech and conversations. It is kept encrypted, and
/// only its last four characters are ever shown again. Wants a sign-in or `/auth/step-up` within the last ten minutes.
#[api_operation(tag = "settings", operation_id = "setProviderKey")]
pub(super) async fn handler(
    state: State,
    caller: Recent,
    ApiPath(path): ApiPath<ProviderPath>,
    arrival: Arrival,
    ApiJson(body): ApiJson<Body>,
) -> Result<Reply<KeyView>, ApiError> {
    let provider = path.read()?;
    let text = body.key.as_ref().map_or("", |key| key.expose_secret());
    let text = parsed("key", text)?;
    let keys = &state.services.provider_keys;
    let kept = keys.set(caller.user_id(), provider, &text, &arrival.0).await;
    Reply::private(&KeyView::from(kept.map_err(refuse)?))
}

fn refuse(error: SealError) -> ApiError {
    match error {
        SealError::NoKey => ApiError::new(ErrorCode::EncryptionUnavailable),
        SealError::Port(error) => ApiError::port(error),
    }
}
