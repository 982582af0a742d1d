//! Access tokens: what they claim, and the port that signs and checks them.

use secrecy::SecretString;

use super::{PublicKey, Roles};
use crate::ids::{SessionId, UserId};
use crate::port::PortError;
use crate::time::Timestamp;

/// What an access token says of its bearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who bears it (`sub`).
    pub user_id: UserId,
    /// The session it belongs to (`sid`).
    pub session_id: SessionId,
    /// The roles at the time of issue.
    pub roles: Roles,
    /// When it was issued (`iat`).
    pub issued_at: Timestamp,
    /// When it stops being good (`exp`).
    pub expires_at: Timestamp,
}

/// An access token as it is handed to a client; shown by no `Debug`.
#[derive(Debug, Clone)]
pub struct AccessToken(pub SecretString);

/// Why an access token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was good once.
    #[error("the access token has expired")]
    Expired,
    /// It never was good, or its session has ended.
    #[error("the access token is not valid")]
    Invalid,
}

/// Signs and checks access tokens (JWT, RFC 9068).
pub trait AccessTokens: Send + Sync {
    /// Signs a token with these claims.
    fn sign(&self, claims: &AccessClaims) -> Result<AccessToken, PortError>;

    /// Checks a token's signature, type, issuer, audience and time, and reads its claims.
    fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError>;

    /// The public halves of the keys that tokens are checked with, the one made last first; none where the key is a
    /// secret.
    fn public_keys(&self) -> Vec<PublicKey>;
}
