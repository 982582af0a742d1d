//! Identities at providers: signing in by `OpenID Connect`, and what links an identity to an account.

mod authorization;
mod complete;
mod confirm;
mod identity;
mod ports;
mod provider;
mod service;

pub use authorization::{AUTHORIZATION_LIFETIME, Authorization, AuthorizationTokens, BrowserBinding, Errand};
pub use complete::{Callback, CompleteError, Completed, Completion};
pub use confirm::ConfirmLinkError;
pub use identity::{InvalidProviderId, InvalidSubject, LinkedIdentity, ProviderId, Subject};
pub use ports::{AuthorizationStore, IdentityStore, RegisterIdentityError, UnlinkOutcome};
pub use provider::{AuthorizationRequest, CodeGrant, ExchangeError, IdentityClaims, IdentityProvider};
pub use service::{BeginError, BegunErrand, Federation, FederationPorts, UnlinkError};
