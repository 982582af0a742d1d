//! The port of a provider of identities.

use async_trait::async_trait;
use secrecy::SecretString;

use super::{ProviderId, Subject};
use crate::accounts::{DisplayName, Email};
use crate::providers::ProviderError;

/// What a browser takes along to a provider.
#[derive(Debug, Clone)]
pub struct AuthorizationRequest {
    /// Comes back with the answer.
    pub state: SecretString,
    /// Comes back within the token.
    pub nonce: SecretString,
    /// What the code can be exchanged with alone; its SHA-256 goes along (RFC 7636).
    pub verifier: SecretString,
}

/// What a provider gave a browser, and what was kept of the request.
#[derive(Debug, Clone)]
pub struct CodeGrant {
    /// The code.
    pub code: SecretString,
    /// Who says that they gave it (RFC 9207).
    pub issuer: Option<String>,
    /// The nonce of the request.
    pub nonce: SecretString,
    /// The verifier of the request.
    pub verifier: SecretString,
}

/// What a provider says of somebody, in a token whose signature, issuer, audience, lifetime and nonce are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityClaims {
    /// Who says it.
    pub issuer: String,
    /// Of whom.
    pub subject: Subject,
    /// Their address.
    pub email: Option<Email>,
    /// Whether the provider knows that it is theirs.
    pub email_verified: bool,
    /// What they are called.
    pub name: Option<DisplayName>,
}

impl IdentityClaims {
    /// The address that the provider knows to be theirs.
    pub fn proven_email(&self) -> Option<&Email> {
        self.email.as_ref().filter(|_| self.email_verified)
    }
}

/// Why nobody was identified by a code.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The provider does not know the code, or the token is not what was asked for.
    #[error("the answer of the provider is refused")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The provider could not be asked.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// Says who somebody is.
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Its name in settings and paths.
    fn id(&self) -> &ProviderId;

    /// What people call it.
    fn name(&self) -> &str;

    /// Who its tokens are by.
    fn issuer(&self) -> &str;

    /// Where a browser goes to be told who sits before it.
    async fn authorization_url(&self, request: &AuthorizationRequest) -> Result<String, ProviderError>;

    /// Exchanges a code for what the provider says of somebody.
    ///
    /// - Nothing is believed but a token that is signed by a key of the provider, for this client, now, in answer to
    ///   this request.
    /// - A code that somebody else says to have given is not exchanged, nor one of whom nobody says so where this provider
    ///   always does.
    async fn exchange(&self, grant: &CodeGrant) -> Result<IdentityClaims, ExchangeError>;
}
