//! What the bodies of several routes have in common.

use apistos::ApiComponent;
use parlance_domain::accounts::{Email, Password};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::{Validate, ValidationError};

use crate::error::ApiError;
use crate::extract::{check_form, complaint, parsed};

/// The longest token that is looked at.
const MAX_TOKEN: usize = 256;

/// What the link of a mail holds.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LinkToken", example = "token_example")]
pub(crate) struct TokenBody {
    /// The token of the link.
    #[validate(required, custom(function = "check_token"))]
    #[schemars(required, length(min = 1, max = 256))]
    token: Option<String>,
}

impl TokenBody {
    pub(in crate::accounts) fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }
}

/// An address.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EmailAddress", example = "email_example")]
pub(crate) struct EmailBody {
    /// An email address; case and Unicode form do not matter.
    #[validate(required, custom(function = "check_form::<Email>"))]
    #[schemars(required, length(max = 254))]
    email: Option<String>,
}

impl EmailBody {
    pub(super) fn email(&self) -> Result<Email, ApiError> {
        parsed("email", self.email.as_deref().unwrap_or_default())
    }
}

fn token_example() -> serde_json::Value {
    serde_json::json!({ "token": "AZ8n3kQ0cZu0b0lq0mJ7lw3q8sB0m1x2y3z4A5B6C7D8E9F0G1H2I3J4K5L6M7N8" })
}

fn email_example() -> serde_json::Value {
    serde_json::json!({ "email": "ann@example.com" })
}

/// Checks the form of what may be the token of a link.
pub(super) fn check_token(text: &str) -> Result<(), ValidationError> {
    match text.len() {
        0 => Err(complaint("required", "is required")),
        1..=MAX_TOKEN => Ok(()),
        _ => Err(complaint("length", "is too long")),
    }
}

/// Checks the form of a password that is to be set.
pub(super) fn check_password(text: &str) -> Result<(), ValidationError> {
    Password::check(text).map_err(|error| complaint("format", error))
}

/// Checks the form of a password that is tried.
pub(super) fn check_attempt(text: &str) -> Result<(), ValidationError> {
    Password::check_attempt(text).map_err(|error| match text {
        "" => complaint("required", "is required"),
        _ => complaint("format", error),
    })
}

/// A password to be set.
pub(super) fn password(field: &'static str, text: Option<&str>) -> Result<Password, ApiError> {
    Password::parse(text.unwrap_or_default())
        .map_err(|error| ApiError::invalid(field, "format", error.to_string()))
}

/// A password that is tried.
pub(super) fn attempt(field: &'static str, text: Option<&str>) -> Result<Password, ApiError> {
    Password::attempt(text.unwrap_or_default())
        .map_err(|error| ApiError::invalid(field, "format", error.to_string()))
}
