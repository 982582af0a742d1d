//! Identities at `OpenID Connect` providers.

mod config;
mod failure;
mod http;
mod known;
mod provider;

pub use config::{OidcConfig, OidcConfigError, Timeouts, is_issuer};
pub use provider::OidcProvider;

/// Whom a failure is of, as answers name it.
const PROVIDER: &str = "oidc";
