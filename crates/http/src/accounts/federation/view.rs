//! What providers and identities look like.

use apistos::ApiComponent;
use parlance_domain::accounts::{IdentityProvider, LinkedIdentity};
use schemars::JsonSchema;
use serde::Serialize;

use crate::time::rfc3339_millis;

/// A provider that one can sign in with.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "IdentityProvider")]
pub(super) struct ProviderView {
    /// Its name in paths.
    id: String,
    /// What a button says.
    name: String,
    /// Where a browser goes to sign in with it; `?returnTo=` says where it is to be in the end.
    authorize_path: String,
}

impl ProviderView {
    pub(super) fn of(provider: &dyn IdentityProvider) -> Self {
        let id = provider.id().to_string();
        Self {
            authorize_path: format!("/api/v1/auth/providers/{id}/authorize"),
            name: provider.name().to_owned(),
            id,
        }
    }
}

/// An identity at a provider that opens the account.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LinkedIdentity")]
pub(super) struct IdentityView {
    /// Its id, a UUIDv7.
    id: String,
    /// The provider's `id`.
    provider: String,
    /// The address that it had when it was linked.
    email: Option<String>,
    /// When it was linked.
    linked_at: String,
}

impl From<LinkedIdentity> for IdentityView {
    fn from(identity: LinkedIdentity) -> Self {
        let LinkedIdentity {
            id,
            user_id: _,
            provider,
            issuer: _,
            subject: _,
            email,
            linked_at,
        } = identity;
        Self {
            id: id.to_string(),
            provider: provider.to_string(),
            email: email.map(|email| email.as_str().to_owned()),
            linked_at: rfc3339_millis(linked_at),
        }
    }
}

/// Where a browser goes so that an identity is linked.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "IdentityAuthorization")]
pub(super) struct AuthorizationView {
    /// A page of the provider.
    pub(super) authorization_url: String,
}
