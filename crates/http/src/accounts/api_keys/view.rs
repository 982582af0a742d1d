//! What a key for programs looks like to its owner.

use apistos::ApiComponent;
use parlance_domain::accounts::{ApiKey, Scope};
use schemars::JsonSchema;
use serde::Serialize;

use crate::time::rfc3339_millis;

/// A key with which programs act for its owner.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ApiKey")]
pub(crate) struct ApiKeyView {
    /// Its id, a UUIDv7.
    id: String,
    /// What its owner calls it.
    name: String,
    /// What the key begins with: enough to tell which it is.
    beginning: String,
    /// What it may do: some of `progress:read`, `progress:write`, `profile:read`, `speech`, `conversations`.
    scopes: Vec<&'static str>,
    /// When it was made.
    created_at: String,
    /// When it stops being good; null for never.
    expires_at: Option<String>,
    /// When it was used last, to the minute; null for never.
    last_used_at: Option<String>,
}

/// A key that was just made.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "MadeApiKey")]
pub(crate) struct MadeApiKeyView {
    #[serde(flatten)]
    key: ApiKeyView,
    /// What the program sends as `Authorization: Bearer …`; nobody is shown it again.
    secret: String,
}

impl MadeApiKeyView {
    pub(super) fn new(key: ApiKey, secret: String) -> Self {
        Self {
            key: key.into(),
            secret,
        }
    }

    /// Its id.
    pub(super) fn id(&self) -> &str {
        &self.key.id
    }
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        let beginning = key.beginning();
        let ApiKey {
            id,
            user_id: _,
            name,
            scopes,
            digest: _,
            created_at,
            expires_at,
            last_used_at,
        } = key;
        Self {
            id: id.to_string(),
            name: name.as_str().to_owned(),
            beginning,
            scopes: scopes.into_iter().map(Scope::as_str).collect(),
            created_at: rfc3339_millis(created_at),
            expires_at: expires_at.map(rfc3339_millis),
            last_used_at: last_used_at.map(rfc3339_millis),
        }
    }
}
