//! The provider that a path names.

use apistos::ApiComponent;
use parlance_domain::settings::KeyProvider;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::error::{ApiError, ErrorCode};

/// Names a provider.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct ProviderPath {
    /// The provider: `openai`, `elevenlabs` or `google`.
    #[schemars(regex(pattern = "^(openai|elevenlabs|google)$"), example = "example_provider")]
    provider: String,
}

fn example_provider() -> &'static str {
    "openai"
}

impl ProviderPath {
    /// The provider.
    pub(super) fn read(&self) -> Result<KeyProvider, ApiError> {
        let found = self.provider.parse();
        found.map_err(|_| ApiError::new(ErrorCode::NotFound))
    }
}
