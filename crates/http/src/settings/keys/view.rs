//! What a key looks like to its owner.

use apistos::ApiComponent;
use parlance_domain::settings::ProviderKey;
use schemars::JsonSchema;
use serde::Serialize;

use crate::time::rfc3339_millis;

/// A learner's own key of a provider, by its end.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ProviderKey")]
pub(super) struct KeyView {
    /// The provider: `openai`, `elevenlabs` or `google`.
    provider: &'static str,
    /// The last four characters of the key.
    last_four: String,
    /// When it was set.
    set_at: String,
}

impl From<ProviderKey> for KeyView {
    fn from(key: ProviderKey) -> Self {
        let ProviderKey {
            provider,
            sealed: _,
            last_four,
            set_at,
        } = key;
        Self {
            provider: provider.as_str(),
            last_four: last_four.as_str().to_owned(),
            set_at: rfc3339_millis(set_at),
        }
    }
}
