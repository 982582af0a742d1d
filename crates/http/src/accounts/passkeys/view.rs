//! What the routes of passkeys answer.

use apistos::ApiComponent;
use parlance_domain::accounts::{Passkey, PasskeyOptions};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::time::rfc3339_millis;

/// A passkey of the caller.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Passkey")]
pub(super) struct PasskeyView {
    /// Its id, a UUIDv7.
    id: String,
    /// What its owner calls it.
    name: String,
    /// When it was added.
    created_at: String,
    /// When it was used last; null for never.
    last_used_at: Option<String>,
}

impl PasskeyView {
    /// Its id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl From<Passkey> for PasskeyView {
    fn from(passkey: Passkey) -> Self {
        let Passkey {
            id,
            user_id: _,
            name,
            credential: _,
            counter: _,
            created_at,
            last_used_at,
        } = passkey;
        Self {
            id: id.to_string(),
            name: name.as_str().to_owned(),
            created_at: rfc3339_millis(created_at),
            last_used_at: last_used_at.map(rfc3339_millis),
        }
    }
}

/// What a browser needs, and what is to come back with the answer.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PasskeyOptions")]
pub(super) struct OptionsView {
    /// Comes back with the answer, once.
    challenge_id: String,
    /// Until when an answer is taken.
    expires_at: String,
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`, whose result is the
    /// `publicKey` of `navigator.credentials.create` or `get`.
    #[schemars(with = "Map<String, Value>")]
    public_key: Value,
}

impl From<PasskeyOptions> for OptionsView {
    fn from(begun: PasskeyOptions) -> Self {
        let PasskeyOptions {
            challenge,
            options,
            expires_at,
        } = begun;
        Self {
            challenge_id: challenge.to_string(),
            expires_at: rfc3339_millis(expires_at),
            public_key: options,
        }
    }
}
