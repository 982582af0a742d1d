//! What the paths of providers and identities name.

use std::sync::Arc;

use apistos::ApiComponent;
use parlance_domain::accounts::{IdentityProvider, ProviderId};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// Names a provider.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct ProviderPath {
    /// The provider's `id`, as `/auth/providers` has it.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,32}$"), example = "example_provider")]
    provider: String,
}

fn example_provider() -> &'static str {
    "google"
}

impl ProviderPath {
    /// The provider, if there is one of this name.
    pub(super) fn provider<'a>(
        &self,
        state: &'a AppState,
    ) -> Result<&'a Arc<dyn IdentityProvider>, ApiError> {
        provider(state, &self.provider)
    }
}

/// The provider of this name.
pub(super) fn provider<'a>(
    state: &'a AppState,
    name: &str,
) -> Result<&'a Arc<dyn IdentityProvider>, ApiError> {
    let id = name.parse::<ProviderId>().ok();
    let found = id.and_then(|id| state.services.federation.provider(&id));
    found.ok_or_else(|| ApiError::new(ErrorCode::ProviderNotFound))
}
